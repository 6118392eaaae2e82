package arrow

import "fmt"

// Numbers of the union Type of Schema.fbs.
const (
	flatNull            = 1
	flatInt             = 2
	flatFloatingPoint   = 3
	flatBinary          = 4
	flatUtf8            = 5
	flatBool            = 6
	flatDecimal         = 7
	flatDate            = 8
	flatTime            = 9
	flatTimestamp       = 10
	flatList            = 12
	flatStruct          = 13
	flatFixedSizeBinary = 15
	flatFixedSizeList   = 16
	flatMap             = 17
	flatDuration        = 18
	flatLargeBinary     = 19
	flatLargeUtf8       = 20
	flatLargeList       = 21
)

// flatNames of the types that are known by their name alone.
var flatNames = map[uint8]string{
	11: "interval", 14: "union", 22: "run_end_encoded", 23: "binary_view", 24: "utf8_view", 25: "list_view",
	26: "large_list_view",
}

func readFields(tables []flatTable, depth int) ([]Field, error) {
	if depth > 2*maxDepth {
		return nil, fmt.Errorf("types are nested more than %d deep", maxDepth)
	}
	fields := make([]Field, len(tables))
	for i, table := range tables {
		children, err := readFields(table.tables(5), depth+1)
		if err != nil {
			return nil, err
		}
		fields[i] = Field{Name: table.text(0), Nullable: table.u8(1) != 0}
		if fields[i].Type, err = readType(table, children); err != nil {
			return nil, fmt.Errorf("column `%s`: %w", fields[i].Name, err)
		}
	}
	return fields, nil
}

func readType(field flatTable, children []Field) (DataType, error) {
	number, flat := field.u8(2), field.table(3)
	t := DataType{Children: children}
	isWhole := true
	switch number {
	case flatNull:
		t.Kind = Null
	case flatInt:
		t.Kind, t.Bits = Uint, flat.i32(0, 0)
		if flat.u8(1) != 0 {
			t.Kind = Int
		}
		isWhole = t.Bits == 8 || t.Bits == 16 || t.Bits == 32 || t.Bits == 64
	case flatFloatingPoint:
		t.Kind, t.Bits = Float, 16<<(flat.i16(0, 0)&3)
		isWhole = t.Bits <= 64
	case flatBinary, flatLargeBinary:
		t.Kind, t.Large = Binary, number == flatLargeBinary
	case flatUtf8, flatLargeUtf8:
		t.Kind, t.Large = Utf8, number == flatLargeUtf8
	case flatBool:
		t.Kind = Bool
	case flatDecimal:
		t.Kind, t.Precision, t.Scale, t.Bits = Decimals, flat.i32(0, 0), flat.i32(1, 0), flat.i32(2, 128)
		isWhole = t.Bits == 32 || t.Bits == 64 || t.Bits == 128 || t.Bits == 256
	case flatDate:
		t.Kind, t.Bits = Date, 32<<(flat.i16(0, 1)&1)
	case flatTime:
		t.Kind, t.Unit, t.Bits = Time, Unit(flat.i16(0, 1)&3), flat.i32(1, 32)
		isWhole = t.Bits == 32 || t.Bits == 64
	case flatTimestamp:
		t.Kind, t.Unit, t.Zone = Timestamp, Unit(flat.i16(0, 0)&3), flat.text(1)
	case flatDuration:
		t.Kind, t.Unit = Duration, Unit(flat.i16(0, 1)&3)
	case flatList, flatLargeList:
		t.Kind, t.Large = List, number == flatLargeList
		isWhole = len(children) == 1
	case flatStruct:
		t.Kind = Struct
	case flatFixedSizeBinary:
		t.Kind, t.Size = FixedSizeBinary, flat.i32(0, 0)
		isWhole = t.Size >= 0
	case flatFixedSizeList:
		t.Kind, t.Size = FixedSizeList, flat.i32(0, 0)
		isWhole = len(children) == 1 && t.Size >= 0
	case flatMap:
		t.Kind = Map
		isWhole = len(children) == 1 && children[0].Type.Kind == Struct && len(children[0].Type.Children) == 2
	default:
		if t.Name = flatNames[number]; t.Name == "" {
			t.Name = fmt.Sprintf("type %d", number)
		}
	}
	if field.slot(4) >= 0 {
		t = DataType{Name: "dictionary"}
	}
	if !isWhole {
		return t, fmt.Errorf("a type of number %d that is not as the format says", number)
	}
	return t, nil
}

func writeField(w *flatWriter, field Field) int {
	children := make([]int, len(field.Type.Children))
	for i, child := range field.Type.Children {
		children[i] = writeField(w, child)
	}
	name := w.text(field.Name)
	number, flat := writeType(w, field.Type)
	list := w.references(children)
	return w.table(func() {
		w.set(0, w.reference(name))
		w.set(3, w.reference(flat))
		w.set(5, w.reference(list))
		w.set(2, w.put(number))
		if field.Nullable {
			w.set(1, w.put(1))
		}
	})
}

func writeType(w *flatWriter, t DataType) (number uint8, at int) {
	large := func(one, other uint8) uint8 {
		if t.Large {
			return other
		}
		return one
	}
	zone := 0
	if t.Zone != "" {
		zone = w.text(t.Zone)
	}
	at = w.table(func() {
		switch t.Kind {
		case Null:
			number = flatNull
		case Bool:
			number = flatBool
		case Int, Uint:
			number = flatInt
			w.set(0, w.i32(t.Bits))
			if t.Kind == Int {
				w.set(1, w.put(1))
			}
		case Float:
			number = flatFloatingPoint
			w.set(0, w.i16(map[int]int{16: 0, 32: 1, 64: 2}[t.Bits]))
		case Utf8:
			number = large(flatUtf8, flatLargeUtf8)
		case Binary:
			number = large(flatBinary, flatLargeBinary)
		case FixedSizeBinary:
			number = flatFixedSizeBinary
			w.set(0, w.i32(t.Size))
		case Date:
			number = flatDate
			w.set(0, w.i16(t.Bits/64))
		case Time:
			number = flatTime
			w.set(1, w.i32(t.Bits))
			w.set(0, w.i16(int(t.Unit)))
		case Timestamp:
			number = flatTimestamp
			if zone != 0 {
				w.set(1, w.reference(zone))
			}
			w.set(0, w.i16(int(t.Unit)))
		case Duration:
			number = flatDuration
			w.set(0, w.i16(int(t.Unit)))
		case Decimals:
			number = flatDecimal
			w.set(0, w.i32(t.Precision))
			w.set(1, w.i32(t.Scale))
			w.set(2, w.i32(t.Bits))
		case List:
			number = large(flatList, flatLargeList)
		case FixedSizeList:
			number = flatFixedSizeList
			w.set(0, w.i32(t.Size))
		case Struct:
			number = flatStruct
		case Map:
			number = flatMap
		}
	})
	return number, at
}
