package arrow

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"
)

// Make puts values of Go into an array of a type. valid has a bit for each value that is not null; nil: none is.
func Make[T any](t DataType, values []T, valid []byte) (*Array, error) {
	a := &Array{Type: t, Len: len(values), Valid: valid}
	if NullsOf(valid, len(values)) == 0 {
		a.Valid = nil
	}
	switch typed := any(values).(type) {
	case []float64:
		if t.Kind == Float && t.Bits == 64 {
			a.Data = numbers(typed)
			return a, nil
		}
	case []int64:
		if t.Kind == Int && t.Bits == 64 {
			a.Data = numbers(typed)
			return a, nil
		}
	case []string:
		if t.Kind == Utf8 {
			return a, a.setTexts(typed)
		}
	}
	boxed := make([]any, len(values))
	for i, value := range values {
		if a.Valid == nil || valid[i>>3]>>(i&7)&1 == 1 {
			boxed[i] = value
		}
	}
	return fromAny(t, boxed)
}

// numbers is the opposite of copyNumbers.
func numbers[T int64 | float64](values []T) []byte {
	if len(values) == 0 {
		return nil
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), 8*len(values))
	if isLittle {
		return bytes
	}
	data := make([]byte, 0, len(bytes))
	for i := range values {
		data = little.AppendUint64(data, *(*uint64)(unsafe.Pointer(&values[i])))
	}
	return data
}

// bitmap has a bit for each value that is there; nil where all are.
func bitmap(values []any) []byte {
	if !slices.Contains(values, nil) {
		return nil
	}
	bits := make([]byte, (len(values)+7)/8)
	for i, value := range values {
		if value != nil {
			bits[i>>3] |= 1 << (i & 7)
		}
	}
	return bits
}

func (a *Array) setTexts(texts []string) error {
	total := 0
	for _, text := range texts {
		total += len(text)
	}
	if err := a.fits(total); err != nil {
		return err
	}
	size := a.Type.offsetBytes()
	a.Data = make([]byte, 0, total)
	a.Offsets = make([]byte, (len(texts)+1)*size)
	for i, text := range texts {
		a.Data = append(a.Data, text...)
		if size == 4 {
			little.PutUint32(a.Offsets[4*i+4:], uint32(len(a.Data)))
		} else {
			little.PutUint64(a.Offsets[8*i+8:], uint64(len(a.Data)))
		}
	}
	if a.Type.Kind == Binary || utf8.Valid(a.Data) {
		return nil
	}
	row := slices.IndexFunc(texts, func(text string) bool { return !utf8.ValidString(text) })
	return fmt.Errorf("row %d: %.40q is no UTF-8: pass it through strings.ToValidUTF8, or write binary", row, texts[max(row, 0)])
}

func (a *Array) addOffset(offset int) {
	if a.Type.Large {
		a.Offsets = little.AppendUint64(a.Offsets, uint64(offset))
	} else {
		a.Offsets = little.AppendUint32(a.Offsets, uint32(offset))
	}
}

func (a *Array) fits(total int) error {
	if !a.Type.Large && total > math.MaxInt32 {
		return fmt.Errorf("%d bytes or items in one column are too many for %s: take large_%s, or slice the rows",
			total, a.Type, a.Type)
	}
	return nil
}

// fromAny makes an array of values whose types are known at run time; nil is null.
func fromAny(t DataType, values []any) (*Array, error) {
	a := &Array{Type: t, Len: len(values), Valid: bitmap(values)}
	var err error
	switch t.Kind {
	case Null:
		if i := slices.IndexFunc(values, func(value any) bool { return value != nil }); i >= 0 {
			err = misfit(t, i, values[i])
		}
	case Bool:
		a.Data = make([]byte, (len(values)+7)/8)
		for i, value := range values {
			is, isBool := value.(bool)
			if value != nil && !isBool {
				return nil, misfit(t, i, value)
			}
			if is {
				a.Data[i>>3] |= 1 << (i & 7)
			}
		}
	case Utf8, Binary:
		texts := make([]string, len(values))
		for i, value := range values {
			switch value := value.(type) {
			case nil:
			case string:
				texts[i] = value
			case []byte:
				if texts[i] = string(value); t.Kind == Utf8 {
					return nil, misfit(t, i, value)
				}
			default:
				return nil, misfit(t, i, value)
			}
		}
		err = a.setTexts(texts)
	case List, FixedSizeList, Map:
		err = a.setItems(values)
	case Struct:
		err = a.setMembers(values)
	default:
		a.Data = make([]byte, 0, len(values)*t.valueBytes())
		for i, value := range values {
			a.Data, err = appendValue(a.Data, t, value)
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", i, err)
			}
		}
	}
	return a, err
}

func misfit(t DataType, row int, value any) error {
	return fmt.Errorf("row %d: a %T makes no %s, which is made of %s", row, value, t, t.natural())
}

// appendValue writes a value of a fixed size; of null, as many bytes.
func appendValue(data []byte, t DataType, value any) ([]byte, error) {
	size := t.valueBytes()
	if value == nil {
		return append(data, make([]byte, size)...), nil
	}
	wrong := fmt.Errorf("a %T makes no %s, which is made of %s", value, t, t.natural())
	outside := fmt.Errorf("%v does not fit %s", value, t)
	switch t.Kind {
	case FixedSizeBinary:
		bytes, isBytes := value.([]byte)
		if !isBytes {
			return data, wrong
		}
		if len(bytes) != size {
			return data, fmt.Errorf("%d bytes are no %s", len(bytes), t)
		}
		return append(data, bytes...), nil
	case Float:
		number, is := floatOf(value)
		if !is {
			return data, wrong
		}
		return appendFloat(data, t.Bits, number, outside)
	case Decimals:
		decimal, isDecimal := value.(Decimal)
		if !isDecimal {
			return data, wrong
		}
		decimal, err := decimal.rescaled(t.Scale, t.Precision)
		if err != nil {
			return data, outside
		}
		data = little.AppendUint64(data, decimal.low)
		if size < 8 {
			return data[:len(data)-8+size], nil
		}
		if size == 16 {
			data = little.AppendUint64(data, uint64(decimal.high))
		}
		return data, nil
	case Int, Uint:
		number, isNegative, is := integerOf(value)
		if _, isNumber := value.(json.Number); !is && isNumber {
			return data, outside
		}
		if !is {
			return data, wrong
		}
		shift := 64 - 8*size
		isBack := t.Kind == Int && number<<shift>>shift == number && isNegative == (number < 0) ||
			t.Kind == Uint && uint64(number)<<shift>>shift == uint64(number) && !isNegative
		if !isBack {
			return data, outside
		}
		return little.AppendUint64(data, uint64(number))[:len(data)+size], nil
	}
	number, err := timeOf(t, value)
	if err != nil {
		return data, err
	}
	if size == 4 && number != int64(int32(number)) {
		return data, outside
	}
	return little.AppendUint64(data, uint64(number))[:len(data)+size], nil
}

func appendFloat(data []byte, bits int, number float64, outside error) ([]byte, error) {
	switch bits {
	case 16:
		half, isExact := floatToHalf(number)
		if !isExact {
			return data, outside
		}
		return little.AppendUint16(data, half), nil
	case 32:
		if math.Abs(number) > math.MaxFloat32 && !math.IsInf(number, 0) {
			return data, outside
		}
		return little.AppendUint32(data, math.Float32bits(float32(number))), nil
	}
	return little.AppendUint64(data, math.Float64bits(number)), nil
}

// integerOf gives a number's bits; not of types that are named otherwise, such as time.Duration.
func integerOf(value any) (number int64, isNegative, is bool) {
	switch value := value.(type) {
	case int:
		return int64(value), value < 0, true
	case int8:
		return int64(value), value < 0, true
	case int16:
		return int64(value), value < 0, true
	case int32:
		return int64(value), value < 0, true
	case int64:
		return value, value < 0, true
	case uint:
		return int64(value), false, true
	case uint8:
		return int64(value), false, true
	case uint16:
		return int64(value), false, true
	case uint32:
		return int64(value), false, true
	case uint64:
		return int64(value), false, true
	case json.Number:
		if number, err := value.Int64(); err == nil {
			return number, number < 0, true
		}
		number, err := strconv.ParseUint(value.String(), 10, 64)
		return int64(number), false, err == nil
	}
	return 0, false, false
}

func floatOf(value any) (float64, bool) {
	switch value := value.(type) {
	case float64:
		return value, true
	case float32:
		return float64(value), true
	case json.Number:
		number, err := value.Float64()
		return number, err == nil
	}
	number, isNegative, is := integerOf(value)
	if !isNegative && number < 0 {
		return float64(uint64(number)), is
	}
	return float64(number), is
}

// timeOf gives what a type counts. Less than its unit is cut off.
func timeOf(t DataType, value any) (int64, error) {
	each := t.Unit.nanoseconds()
	switch t.Kind {
	case Time, Duration:
		length, isDuration := value.(time.Duration)
		if !isDuration {
			return 0, fmt.Errorf("a %T makes no %s, which is made of time.Duration", value, t)
		}
		if t.Kind == Time && (length < 0 || length >= 24*time.Hour) {
			return 0, fmt.Errorf("%v is no time of a day", length)
		}
		return int64(length) / each, nil
	}
	at, isTime := value.(time.Time)
	if !isTime {
		return 0, fmt.Errorf("a %T makes no %s, which is made of time.Time", value, t)
	}
	if t.Kind == Date {
		year, month, day := at.Date()
		days := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86_400
		if t.Bits == 64 {
			return days * 86_400_000, nil
		}
		return days, nil
	}
	perSecond := int64(time.Second) / each
	seconds := at.Unix()
	count := seconds*perSecond + int64(at.Nanosecond())/each
	if seconds > math.MaxInt64/perSecond-1 || seconds < math.MinInt64/perSecond+1 {
		return 0, fmt.Errorf("%v does not fit %s", at, t)
	}
	return count, nil
}

// setItems puts the items of all values one behind the other.
func (a *Array) setItems(values []any) error {
	t := a.Type
	var items []any
	if t.Kind != FixedSizeList {
		a.addOffset(0)
	}
	for i, value := range values {
		part, err := itemsOf(t, value)
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		items = append(items, part...)
		if t.Kind == FixedSizeList {
			if value == nil {
				part = make([]any, t.Size)
				items = append(items, part...)
			}
			if len(part) != t.Size {
				return fmt.Errorf("row %d: %d items are no %s", i, len(part), t)
			}
			continue
		}
		a.addOffset(len(items))
	}
	if err := a.fits(len(items)); err != nil {
		return err
	}
	return a.addChild(t.Children[0], items)
}

func (a *Array) addChild(field Field, values []any) error {
	child, err := fromAny(field.Type, values)
	if err != nil {
		return fmt.Errorf("in `%s`: %w", field.Name, err)
	}
	if !field.Nullable && child.Nulls() > 0 && a.Valid == nil && a.Type.Kind != FixedSizeList {
		return fmt.Errorf("`%s` is not null, and there is a value without it", field.Name)
	}
	a.Children = append(a.Children, child)
	return nil
}

func itemsOf(t DataType, value any) ([]any, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case []any:
		if t.Kind != Map {
			return value, nil
		}
	case []Entry:
		if t.Kind == Map {
			pair := t.Children[0].Type.Children
			items := make([]any, len(value))
			for i, entry := range value {
				items[i] = map[string]any{pair[0].Name: entry.Key, pair[1].Name: entry.Value}
			}
			return items, nil
		}
	default:
		if list := reflect.ValueOf(value); t.Kind != Map && list.Kind() == reflect.Slice {
			items := make([]any, list.Len())
			for i := range items {
				items[i] = list.Index(i).Interface()
			}
			return items, nil
		}
	}
	return nil, fmt.Errorf("a %T makes no %s, which is made of %s", value, t, t.natural())
}

func (a *Array) setMembers(values []any) error {
	columns := make([][]any, len(a.Type.Children))
	for i := range columns {
		columns[i] = make([]any, len(values))
	}
	for row, value := range values {
		if value == nil {
			continue
		}
		members, isMap := value.(map[string]any)
		if !isMap {
			return misfit(a.Type, row, value)
		}
		known := 0
		for i, field := range a.Type.Children {
			member, isThere := members[field.Name]
			if columns[i][row] = member; isThere {
				known++
			}
		}
		if known < len(members) {
			return fmt.Errorf("row %d: there is a member that %s does not name", row, a.Type)
		}
	}
	for i, field := range a.Type.Children {
		if err := a.addChild(field, columns[i]); err != nil {
			return err
		}
	}
	return nil
}
