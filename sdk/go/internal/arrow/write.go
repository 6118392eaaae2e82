package arrow

// Write makes a stream of the table: its schema, one record batch and the mark of the end.
func Write(t *Table) []byte {
	size := 1024
	for _, column := range t.Columns {
		size += column.bytes()
	}
	stream := appendMessage(make([]byte, 0, size), headerSchema, schemaHeader(t.Fields), 0)
	var b batchWriter
	for _, column := range t.Columns {
		b.add(column)
	}
	header := func(w *flatWriter) int {
		buffers := w.pairs(b.spans)
		nodes := w.pairs(b.nodes)
		return w.table(func() {
			w.set(0, w.i64(int64(t.Rows)))
			w.set(1, w.reference(nodes))
			w.set(2, w.reference(buffers))
		})
	}
	stream = appendMessage(stream, headerRecordBatch, header, b.length)
	for _, buffer := range b.buffers {
		stream = append(stream, buffer...)
		stream = append(stream, make([]byte, padding(len(buffer)))...)
	}
	return append(stream, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
}

func (a *Array) bytes() int {
	size := len(a.Valid) + len(a.Offsets) + len(a.Data) + 256
	for _, child := range a.Children {
		size += child.bytes()
	}
	return size
}

// padding to the next multiple of eight bytes.
func padding(length int) int { return -length & 7 }

func schemaHeader(fields []Field) func(*flatWriter) int {
	return func(w *flatWriter) int {
		written := make([]int, len(fields))
		for i, field := range fields {
			written[i] = writeField(w, field)
		}
		list := w.references(written)
		return w.table(func() { w.set(1, w.reference(list)) })
	}
}

func appendMessage(stream []byte, number uint8, header func(*flatWriter) int, bodyLength int64) []byte {
	const version5 = 4
	w := &flatWriter{}
	at := header(w)
	root := w.table(func() {
		w.set(3, w.i64(bodyLength))
		w.set(2, w.reference(at))
		w.set(0, w.i16(version5))
		w.set(1, w.put(number))
	})
	flat := w.finish(root)
	stream = append(stream, 0xff, 0xff, 0xff, 0xff)
	stream = little.AppendUint32(stream, uint32(len(flat)))
	return append(stream, flat...)
}

// batchWriter collects what a record batch is made of.
type batchWriter struct {
	nodes, spans [][2]int64
	buffers      [][]byte
	length       int64
}

func (b *batchWriter) add(a *Array) {
	b.nodes = append(b.nodes, [2]int64{int64(a.Len), int64(a.Nulls())})
	t := a.Type
	if t.Kind == Null {
		return
	}
	b.buffer(a.Valid)
	if t.hasOffsets() {
		b.buffer(a.Offsets)
	}
	switch t.Kind {
	case List, Map, Struct, FixedSizeList:
	default:
		b.buffer(a.Data)
	}
	for _, child := range a.Children {
		b.add(child)
	}
}

func (b *batchWriter) buffer(bytes []byte) {
	b.spans = append(b.spans, [2]int64{b.length, int64(len(bytes))})
	b.buffers = append(b.buffers, bytes)
	b.length += int64(len(bytes) + padding(len(bytes)))
}
