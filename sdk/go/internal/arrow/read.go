package arrow

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Table is a record batch with its schema.
type Table struct {
	Fields  []Field
	Columns []*Array
	Rows    int
}

// Array is the values of a column, as they stand in the stream.
type Array struct {
	Type DataType
	Len  int
	// Valid has a bit for each value that is not null; nil: none is.
	Valid []byte
	// Offsets into Data or into the child, one more than values; ends are the same, once they are checked.
	Offsets []byte
	ends    []int
	Data    []byte
	// Children: the items of a list, the members of a struct, the entries of a map.
	Children []*Array
}

// IsNull tells whether there is no value.
func (a *Array) IsNull(i int) bool {
	return a.Type.Kind == Null || a.Valid != nil && a.Valid[i>>3]>>(i&7)&1 == 0
}

// Nulls counts them.
func (a *Array) Nulls() int {
	if a.Type.Kind == Null {
		return a.Len
	}
	return NullsOf(a.Valid, a.Len)
}

// NullsOf counts the bits that are not set among the first ones of a bitmap; nil has none.
func NullsOf(valid []byte, length int) int {
	if valid == nil {
		return 0
	}
	there := 0
	for _, eight := range valid[:length>>3] {
		there += bits.OnesCount8(eight)
	}
	if rest := length & 7; rest > 0 {
		there += bits.OnesCount8(valid[length>>3] & (1<<rest - 1))
	}
	return length - there
}

// Column finds a column by its name; nil: there is none.
func (t *Table) Column(name string) *Array {
	for i, field := range t.Fields {
		if field.Name == name {
			return t.Columns[i]
		}
	}
	return nil
}

// Numbers of the union MessageHeader of Message.fbs.
const (
	headerSchema      = 1
	headerRecordBatch = 3
)

var errBroken = errors.New("the bytes are no Arrow IPC stream: something points beyond its end")

// Read reads a stream of one schema and at most one record batch. Arrays refer to the bytes.
func Read(stream []byte) (*Table, error) {
	var table *Table
	hasRows := false
	for {
		header, number, body, rest, err := message(stream)
		if err != nil {
			return nil, err
		}
		if number == 0 {
			break
		}
		switch {
		case number == headerSchema && table == nil:
			if header.i16(0, 0) != 0 {
				return nil, errors.New("the stream is big-endian, which is not read here")
			}
			fields, err := readFields(header.tables(1), 0)
			if err != nil {
				return nil, err
			}
			table = &Table{Fields: fields, Columns: make([]*Array, len(fields))}
		case number == headerRecordBatch && table != nil && !hasRows:
			hasRows = true
			if err := table.read(header, body); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("a message of kind %d where a stream has one schema and one record batch", number)
		}
		if header.in.broken {
			return nil, errBroken
		}
		stream = rest
	}
	if table == nil {
		return nil, errors.New("the stream has no schema")
	}
	if !hasRows {
		for i, field := range table.Fields {
			table.Columns[i] = noValues(field.Type)
		}
	}
	return table, nil
}

// message splits the first one off. Its number is 0 at the end of the stream.
func message(stream []byte) (header flatTable, number uint8, body, rest []byte, err error) {
	in := flatBuffer{bytes: stream}
	if len(stream) == 0 {
		return
	}
	start := 4
	size := in.i32(0)
	if size == -1 {
		start, size = 8, in.i32(4)
	}
	if size == 0 && !in.broken {
		return
	}
	if in.broken || !in.has(start, size) {
		err = errBroken
		return
	}
	flat := &flatBuffer{bytes: stream[start : start+size]}
	root := flat.root()
	number = root.u8(1)
	header = root.table(2)
	length := root.i64(3)
	rest = stream[start+size:]
	if flat.broken || header.pos < 0 || number == 0 || length < 0 || length > int64(len(rest)) {
		err = errBroken
		return
	}
	return header, number, rest[:length], rest[length:], nil
}

func noValues(t DataType) *Array {
	a := &Array{Type: t}
	for _, child := range t.Children {
		a.Children = append(a.Children, noValues(child.Type))
	}
	return a
}

func (t *Table) read(header flatTable, body []byte) error {
	if header.slot(3) >= 0 {
		return errors.New("the record batch is compressed, which is not read here")
	}
	length := header.i64(0)
	if length < 0 || length > math.MaxInt32 {
		return fmt.Errorf("a record batch of %d rows", length)
	}
	t.Rows = int(length)
	r := batchReader{in: header.in, body: body}
	r.nodes, r.nodeCount = header.vector(1, 16)
	r.buffers, r.bufferCount = header.vector(2, 16)
	for i, field := range t.Fields {
		column, err := r.array(field.Type)
		if err != nil {
			return fmt.Errorf("column `%s` (%s): %w", field.Name, field.Type, err)
		}
		if column.Len != t.Rows {
			return fmt.Errorf("column `%s` has %d values in a batch of %d rows", field.Name, column.Len, t.Rows)
		}
		t.Columns[i] = column
	}
	return nil
}

// batchReader hands out the nodes and buffers of a record batch, in their order.
type batchReader struct {
	in                     *flatBuffer
	body                   []byte
	nodes, nodeCount       int
	buffers, bufferCount   int
	nextNode, nextOfBuffer int
}

func (r *batchReader) node() (length, nulls int, err error) {
	if r.nextNode >= r.nodeCount {
		return 0, 0, errBroken
	}
	at := r.nodes + 16*r.nextNode
	r.nextNode++
	values, missing := r.in.i64(at), r.in.i64(at+8)
	if values < 0 || values > math.MaxInt32 || missing < 0 || missing > values {
		return 0, 0, errBroken
	}
	return int(values), int(missing), nil
}

// buffer gives the next one, which has at least so many bytes.
func (r *batchReader) buffer(least int) ([]byte, error) {
	if r.nextOfBuffer >= r.bufferCount {
		return nil, errBroken
	}
	at := r.buffers + 16*r.nextOfBuffer
	r.nextOfBuffer++
	start, length := r.in.i64(at), r.in.i64(at+8)
	if start < 0 || length < 0 || start > int64(len(r.body)) || length > int64(len(r.body))-start {
		return nil, errBroken
	}
	if length < int64(least) {
		return nil, fmt.Errorf("a buffer of %d bytes where %d are needed", length, least)
	}
	return r.body[start : start+length : start+length], nil
}

func (r *batchReader) array(t DataType) (*Array, error) {
	length, nulls, err := r.node()
	if err != nil {
		return nil, err
	}
	a := &Array{Type: t, Len: length}
	if t.Kind == Unknown {
		return nil, fmt.Errorf("%s is not read here: leave the column out, or make text of it with `Plan.JSON`", t)
	}
	if t.Kind == Null {
		return a, nil
	}
	bitmap := 0
	if nulls > 0 {
		bitmap = (length + 7) / 8
	}
	valid, err := r.buffer(bitmap)
	if err != nil {
		return nil, err
	}
	if nulls > 0 {
		a.Valid = valid
	}
	if err := r.values(a); err != nil {
		return nil, err
	}
	for _, child := range t.Children {
		items, err := r.array(child.Type)
		if err != nil {
			return nil, err
		}
		a.Children = append(a.Children, items)
	}
	return a, a.checkRanges()
}

// values reads the buffers behind the bitmap.
func (r *batchReader) values(a *Array) (err error) {
	t := a.Type
	switch {
	case t.hasOffsets():
		least := 0
		if a.Len > 0 {
			least = (a.Len + 1) * t.offsetBytes()
		}
		if a.Offsets, err = r.buffer(least); err != nil {
			return err
		}
		if t.Kind == Utf8 || t.Kind == Binary {
			a.Data, err = r.buffer(0)
		}
	case t.Kind == Bool:
		a.Data, err = r.buffer((a.Len + 7) / 8)
	case t.Kind == Struct || t.Kind == FixedSizeList:
	default:
		a.Data, err = r.buffer(a.Len * t.valueBytes())
	}
	return err
}

// checkRanges looks at what values refer to, so that reading them needs no check.
func (a *Array) checkRanges() error {
	switch a.Type.Kind {
	case Struct:
		for _, member := range a.Children {
			if member.Len < a.Len {
				return fmt.Errorf("a member has %d values, the struct %d", member.Len, a.Len)
			}
		}
	case FixedSizeList:
		if have := a.Children[0].Len; have < a.Len*a.Type.Size {
			return fmt.Errorf("%d lists of %d have only %d items", a.Len, a.Type.Size, have)
		}
	case Utf8, Binary, List, Map:
		most := len(a.Data)
		if len(a.Children) > 0 {
			most = a.Children[0].Len
		}
		return a.readOffsets(most)
	}
	return nil
}

func (a *Array) readOffsets(most int) error {
	a.ends = make([]int, a.Len+1)
	if a.Len == 0 {
		return nil
	}
	before := 0
	for i := range a.ends {
		end := 0
		if a.Type.Large {
			end = int(little.Uint64(a.Offsets[8*i:]))
		} else {
			end = int(int32(little.Uint32(a.Offsets[4*i:])))
		}
		if end < before || end > most {
			return fmt.Errorf("value %d ends at %d, not between %d and %d", i-1, end, before, most)
		}
		a.ends[i], before = end, end
	}
	return nil
}

// span is where value i stands in Data or in the child.
func (a *Array) span(i int) (start, end int) {
	if a.Type.Kind == FixedSizeList {
		return i * a.Type.Size, (i + 1) * a.Type.Size
	}
	return a.ends[i], a.ends[i+1]
}
