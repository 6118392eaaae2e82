package arrow

import "encoding/binary"

var little = binary.LittleEndian

// flatTable is a table of a flatbuffer. What lies outside of the buffer reads as zero and marks it as broken, so
// that a reader asks once, at its end.
type flatTable struct {
	in  *flatBuffer
	pos int
}

type flatBuffer struct {
	bytes  []byte
	broken bool
}

func (b *flatBuffer) has(pos, size int) bool {
	if pos < 0 || size < 0 || pos > len(b.bytes)-size {
		b.broken = true
		return false
	}
	return true
}

func (b *flatBuffer) u8(pos int) uint8 {
	if !b.has(pos, 1) {
		return 0
	}
	return b.bytes[pos]
}

func (b *flatBuffer) u16(pos int) int {
	if !b.has(pos, 2) {
		return 0
	}
	return int(little.Uint16(b.bytes[pos:]))
}

func (b *flatBuffer) i32(pos int) int {
	if !b.has(pos, 4) {
		return 0
	}
	return int(int32(little.Uint32(b.bytes[pos:])))
}

func (b *flatBuffer) i64(pos int) int64 {
	if !b.has(pos, 8) {
		return 0
	}
	return int64(little.Uint64(b.bytes[pos:]))
}

func (b *flatBuffer) root() flatTable {
	return flatTable{b, b.i32(0)}
}

// slot is where a field of the table stands; -1: it has its default.
func (t flatTable) slot(field int) int {
	if t.pos < 0 {
		return -1
	}
	virtual := t.pos - t.in.i32(t.pos)
	at := 4 + 2*field
	if at >= t.in.u16(virtual) {
		return -1
	}
	if offset := t.in.u16(virtual + at); offset != 0 {
		return t.pos + offset
	}
	return -1
}

func (t flatTable) u8(field int) uint8 {
	if pos := t.slot(field); pos >= 0 {
		return t.in.u8(pos)
	}
	return 0
}

func (t flatTable) i16(field, otherwise int) int {
	if pos := t.slot(field); pos >= 0 {
		return t.in.u16(pos)
	}
	return otherwise
}

func (t flatTable) i32(field, otherwise int) int {
	if pos := t.slot(field); pos >= 0 {
		return t.in.i32(pos)
	}
	return otherwise
}

func (t flatTable) i64(field int) int64 {
	if pos := t.slot(field); pos >= 0 {
		return t.in.i64(pos)
	}
	return 0
}

// table that the field refers to; one without fields where there is none.
func (t flatTable) table(field int) flatTable {
	if pos := t.slot(field); pos >= 0 {
		return flatTable{t.in, pos + t.in.i32(pos)}
	}
	return flatTable{t.in, -1}
}

// vector gives the position and the length of a list of elements of a size.
func (t flatTable) vector(field, elementBytes int) (pos, length int) {
	slot := t.slot(field)
	if slot < 0 {
		return 0, 0
	}
	pos = slot + t.in.i32(slot)
	length = t.in.i32(pos)
	if length < 0 || length > len(t.in.bytes)/max(elementBytes, 1) || !t.in.has(pos+4, length*elementBytes) {
		t.in.broken = true
		return 0, 0
	}
	return pos + 4, length
}

func (t flatTable) tables(field int) []flatTable {
	pos, length := t.vector(field, 4)
	tables := make([]flatTable, length)
	for i := range tables {
		at := pos + 4*i
		tables[i] = flatTable{t.in, at + t.in.i32(at)}
	}
	return tables
}

func (t flatTable) text(field int) string {
	pos, length := t.vector(field, 1)
	return string(t.in.bytes[pos : pos+length])
}

// flatWriter writes a flatbuffer from its end to its begin, so that each part knows where those that it refers to
// stand. bytes is the buffer backwards: a position is a distance from the end.
type flatWriter struct {
	bytes []byte
	// slots of the table that is being written: what its fields are at, 0 for none.
	slots []int
}

// put writes bytes in front of what there is.
func (w *flatWriter) put(bytes ...byte) int {
	for i := len(bytes) - 1; i >= 0; i-- {
		w.bytes = append(w.bytes, bytes[i])
	}
	return len(w.bytes)
}

// align makes room so that, with more bytes in front, what comes stands at a multiple of the size.
func (w *flatWriter) align(size, more int) {
	for (len(w.bytes)+more)%size != 0 {
		w.bytes = append(w.bytes, 0)
	}
}

func (w *flatWriter) i16(value int) int {
	w.align(2, 0)
	return w.put(little.AppendUint16(nil, uint16(value))...)
}

func (w *flatWriter) i32(value int) int {
	w.align(4, 0)
	return w.put(little.AppendUint32(nil, uint32(value))...)
}

func (w *flatWriter) i64(value int64) int {
	w.align(8, 0)
	return w.put(little.AppendUint64(nil, uint64(value))...)
}

// reference writes the distance to a position that stands already.
func (w *flatWriter) reference(to int) int {
	w.align(4, 0)
	return w.i32(len(w.bytes) + 4 - to)
}

func (w *flatWriter) text(text string) int {
	w.align(4, len(text)+1)
	w.put(0)
	w.put([]byte(text)...)
	return w.i32(len(text))
}

func (w *flatWriter) references(to []int) int {
	w.align(4, 0)
	for i := len(to) - 1; i >= 0; i-- {
		w.reference(to[i])
	}
	return w.i32(len(to))
}

// pairs is a list of structs of two 64-bit numbers.
func (w *flatWriter) pairs(pairs [][2]int64) int {
	w.align(8, 0)
	for i := len(pairs) - 1; i >= 0; i-- {
		w.i64(pairs[i][1])
		w.i64(pairs[i][0])
	}
	return w.i32(len(pairs))
}

// table writes a table whose fields the function sets by [flatWriter.set].
func (w *flatWriter) table(fields func()) int {
	before := w.slots
	w.slots = nil
	w.align(4, 0)
	start := len(w.bytes)
	fields()
	table := w.i32(0)
	entries := make([]byte, 0, 4+2*len(w.slots))
	entries = little.AppendUint16(entries, uint16(4+2*len(w.slots)))
	entries = little.AppendUint16(entries, uint16(table-start))
	for _, slot := range w.slots {
		offset := 0
		if slot != 0 {
			offset = table - slot
		}
		entries = little.AppendUint16(entries, uint16(offset))
	}
	virtual := w.put(entries...)
	distance := little.AppendUint32(nil, uint32(virtual-table))
	for i, b := range distance {
		w.bytes[table-1-i] = b
	}
	w.slots = before
	return table
}

// set says where the field that was just written stands.
func (w *flatWriter) set(field, at int) {
	for len(w.slots) <= field {
		w.slots = append(w.slots, 0)
	}
	w.slots[field] = at
}

// finish gives the buffer, forwards, a multiple of eight bytes long.
func (w *flatWriter) finish(root int) []byte {
	w.align(8, 4)
	w.reference(root)
	buffer := make([]byte, len(w.bytes))
	for i, b := range w.bytes {
		buffer[len(buffer)-1-i] = b
	}
	return buffer
}
