package arrow

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"
)

// Entry is a key of a map, with its value.
type Entry struct {
	Key, Value any
}

type integer interface {
	int | int8 | int16 | int32 | int64 | uint | uint8 | uint16 | uint32 | uint64
}

// Values gives all values as a type of Go; zero where there is none.
func Values[T any](a *Array) ([]T, error) {
	values := make([]T, a.Len)
	if a.Type.Kind == Null {
		return values, nil
	}
	var err error
	isKind := func(kinds ...Kind) bool {
		for _, kind := range kinds {
			if a.Type.Kind == kind {
				return true
			}
		}
		err = a.mistyped(values)
		return false
	}
	switch typed := any(values).(type) {
	case []float64:
		if isKind(Float, Int, Uint) {
			err = a.floats(typed)
		}
	case []float32:
		if isKind(Float) && a.Type.Bits == 64 {
			err = a.mistyped(values)
		} else if err == nil {
			each(a, typed, func(i int) float32 { return float32(a.float(i)) })
		}
	case []string:
		if isKind(Utf8) {
			a.texts(typed)
		}
	case []bool:
		if isKind(Bool) {
			each(a, typed, a.bool)
		}
	case [][]byte:
		if isKind(Binary, FixedSizeBinary, Utf8) {
			each(a, typed, a.blob)
		}
	case []time.Time:
		if isKind(Date, Timestamp) {
			each(a, typed, a.time)
		}
	case []time.Duration:
		if isKind(Time, Duration) {
			err = eachChecked(a, typed, a.duration)
		}
	case []Decimal:
		if isKind(Decimals) {
			err = eachChecked(a, typed, a.decimal)
		}
	case []int:
		err = integers(a, typed)
	case []int8:
		err = integers(a, typed)
	case []int16:
		err = integers(a, typed)
	case []int32:
		err = integers(a, typed)
	case []int64:
		if a.Type.Kind == Int && a.Type.Bits == 64 {
			copyNumbers(a, typed)
		} else {
			err = integers(a, typed)
		}
	case []uint:
		err = integers(a, typed)
	case []uint8:
		err = integers(a, typed)
	case []uint16:
		err = integers(a, typed)
	case []uint32:
		err = integers(a, typed)
	case []uint64:
		err = integers(a, typed)
	default:
		err = others(a, values)
	}
	return values, err
}

func (a *Array) mistyped(values any) error {
	wanted := fmt.Sprintf("%T", values)[len("[]"):]
	return fmt.Errorf("is %s, whose values are not read as %s: read them as %s, or as any", a.Type, wanted, a.Type.natural())
}

// natural is the type of Go that values of any are of.
func (t DataType) natural() string {
	switch t.Kind {
	case Bool:
		return "bool"
	case Int:
		return "int64"
	case Uint:
		return "uint64"
	case Float:
		return "float64"
	case Utf8:
		return "string"
	case Binary, FixedSizeBinary:
		return "[]byte"
	case Date, Timestamp:
		return "time.Time"
	case Time, Duration:
		return "time.Duration"
	case Decimals:
		return "wasmsink.Decimal"
	case List, FixedSizeList:
		return "[]any"
	case Struct:
		return "map[string]any"
	case Map:
		return "[]wasmsink.Entry"
	}
	return "any"
}

func each[T any](a *Array, values []T, value func(int) T) {
	for i := range values {
		if !a.IsNull(i) {
			values[i] = value(i)
		}
	}
}

func eachChecked[T any](a *Array, values []T, value func(int) (T, error)) (err error) {
	for i := range values {
		if !a.IsNull(i) {
			if values[i], err = value(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyNumbers is for values that stand in the stream as Go has them.
func copyNumbers[T int64 | uint64 | float64](a *Array, values []T) {
	if len(values) == 0 {
		return
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), 8*len(values))
	copy(bytes, a.Data)
	if !isLittle {
		for i := range values {
			value := little.Uint64(bytes[8*i:])
			values[i] = *(*T)(unsafe.Pointer(&value))
		}
	}
	for i := 0; a.Valid != nil && i < len(values); i++ {
		if a.Valid[i>>3]>>(i&7)&1 == 0 {
			values[i] = 0
		}
	}
}

// isLittle tells how this machine writes numbers; Wasm does as Arrow.
var isLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func integers[T integer](a *Array, values []T) error {
	if a.Type.Kind != Int && a.Type.Kind != Uint {
		return a.mistyped(values)
	}
	for i := range values {
		if a.IsNull(i) {
			continue
		}
		n := a.integer(i)
		values[i] = T(n)
		isNegative := n < 0 && a.Type.Kind == Int
		if int64(values[i]) != n || (values[i] < 0) != isNegative {
			text := strconv.FormatInt(n, 10)
			if !isNegative {
				text = strconv.FormatUint(uint64(n), 10)
			}
			return fmt.Errorf("has %s in row %d, which does not fit %T", text, i, values[i])
		}
	}
	return nil
}

// integer gives the bits of a number, with the sign of signed ones.
func (a *Array) integer(i int) int64 {
	isSigned := a.Type.Kind != Uint
	switch size := a.Type.valueBytes(); {
	case size == 8:
		return int64(little.Uint64(a.Data[8*i:]))
	case size == 4 && isSigned:
		return int64(int32(little.Uint32(a.Data[4*i:])))
	case size == 4:
		return int64(little.Uint32(a.Data[4*i:]))
	case size == 2 && isSigned:
		return int64(int16(little.Uint16(a.Data[2*i:])))
	case size == 2:
		return int64(little.Uint16(a.Data[2*i:]))
	case isSigned:
		return int64(int8(a.Data[i]))
	}
	return int64(a.Data[i])
}

func (a *Array) floats(values []float64) error {
	if a.Type.Kind == Float && a.Type.Bits == 64 {
		copyNumbers(a, values)
		return nil
	}
	if a.Type.Kind == Float {
		each(a, values, a.float)
		return nil
	}
	const exact = 1 << 53
	for i := range values {
		if a.IsNull(i) {
			continue
		}
		n := a.integer(i)
		values[i] = float64(n)
		// The bits of a large uint64 are those of a negative number.
		if n < -exact || n > exact || n < 0 && a.Type.Kind == Uint {
			return fmt.Errorf("has a number in row %d that float64 rounds: read it as %s", i, a.Type.natural())
		}
	}
	return nil
}

func (a *Array) float(i int) float64 {
	switch a.Type.Bits {
	case 64:
		return math.Float64frombits(little.Uint64(a.Data[8*i:]))
	case 32:
		return float64(math.Float32frombits(little.Uint32(a.Data[4*i:])))
	}
	return halfToFloat(little.Uint16(a.Data[2*i:]))
}

func (a *Array) texts(values []string) {
	if a.Len == 0 {
		return
	}
	// One copy for all: the strings are parts of it.
	start := a.ends[0]
	all := string(a.Data[start:a.ends[a.Len]])
	from := 0
	for i, end := range a.ends[1:] {
		to := end - start
		if a.Valid == nil || a.Valid[i>>3]>>(i&7)&1 == 1 {
			values[i] = all[from:to]
		}
		from = to
	}
}

func (a *Array) bool(i int) bool { return a.Data[i>>3]>>(i&7)&1 == 1 }

func (a *Array) blob(i int) []byte {
	if size := a.Type.Size; a.Type.Kind == FixedSizeBinary {
		return a.Data[i*size : (i+1)*size : (i+1)*size]
	}
	from, to := a.span(i)
	return a.Data[from:to:to]
}

func (a *Array) time(i int) time.Time {
	n := a.integer(i)
	switch {
	case a.Type.Kind == Date && a.Type.Bits == 32:
		return time.Unix(n*86_400, 0).UTC()
	case a.Type.Kind == Date:
		return time.UnixMilli(n).UTC()
	}
	each := a.Type.Unit.nanoseconds()
	perSecond := int64(time.Second) / each
	return time.Unix(n/perSecond, n%perSecond*each).UTC()
}

func (a *Array) duration(i int) (time.Duration, error) {
	each := a.Type.Unit.nanoseconds()
	n := a.integer(i)
	duration := time.Duration(n * each)
	if int64(duration)/each != n {
		return 0, fmt.Errorf("has a time in row %d that time.Duration does not hold: it ends at 292 years", i)
	}
	return duration, nil
}

// others reads values whose type of Go is told at run time.
func others[T any](a *Array, values []T) error {
	all, err := a.anys(0, a.Len)
	if err != nil {
		return err
	}
	for i, value := range all {
		if value == nil {
			continue
		}
		is := false
		if values[i], is = value.(T); !is {
			return a.mistyped(values)
		}
	}
	return nil
}

// anys gives the values of a range, each of its natural type; nil for null.
func (a *Array) anys(start, end int) ([]any, error) {
	part := make([]any, end-start)
	if a.Type.Kind == Null {
		return part, nil
	}
	for i := range part {
		row := start + i
		if a.IsNull(row) {
			continue
		}
		switch a.Type.Kind {
		case Bool:
			part[i] = a.bool(row)
		case Int:
			part[i] = a.integer(row)
		case Uint:
			part[i] = uint64(a.integer(row))
		case Float:
			part[i] = a.float(row)
		case Utf8:
			part[i] = string(a.blob(row))
		case Binary, FixedSizeBinary:
			part[i] = a.blob(row)
		case Date, Timestamp:
			part[i] = a.time(row)
		default:
			value, err := a.checked(row)
			if err != nil {
				return nil, err
			}
			part[i] = value
		}
	}
	return part, nil
}

// checked is a value that may be out of reach: a time, a decimal, or one that others are part of.
func (a *Array) checked(row int) (any, error) {
	switch a.Type.Kind {
	case Time, Duration:
		return a.duration(row)
	case Decimals:
		return a.decimal(row)
	case List, FixedSizeList:
		from, to := a.span(row)
		return a.Children[0].anys(from, to)
	case Map:
		from, to := a.span(row)
		keys, err := a.Children[0].Children[0].anys(from, to)
		if err != nil {
			return nil, err
		}
		values, err := a.Children[0].Children[1].anys(from, to)
		if err != nil {
			return nil, err
		}
		entries := make([]Entry, len(keys))
		for i := range entries {
			entries[i] = Entry{keys[i], values[i]}
		}
		return entries, nil
	}
	members := make(map[string]any, len(a.Children))
	for i, child := range a.Children {
		value, err := child.anys(row, row+1)
		if err != nil {
			return nil, err
		}
		members[a.Type.Children[i].Name] = value[0]
	}
	return members, nil
}
