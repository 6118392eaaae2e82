// Package arrow reads and writes Arrow IPC streams in the plain form that the contract speaks: little-endian, one
// record batch, without compression, dictionaries, views and run ends.
package arrow

import (
	"fmt"
	"strings"
	"unicode"
)

// Kind is a family of types; what tells its members apart stands in [DataType].
type Kind uint8

// The kinds that are known here. Unknown stands for all others, by their name.
const (
	Unknown Kind = iota
	Null
	Bool
	Int
	Uint
	Float
	Utf8
	Binary
	FixedSizeBinary
	Date
	Time
	Timestamp
	Duration
	Decimals
	List
	FixedSizeList
	Struct
	Map
)

// Unit is what a time counts.
type Unit uint8

// Units, in the order of the format.
const (
	Second Unit = iota
	Millisecond
	Microsecond
	Nanosecond
)

var unitNames = [...]string{"s", "ms", "us", "ns"}

// nanoseconds of one unit.
func (u Unit) nanoseconds() int64 {
	return [...]int64{1_000_000_000, 1_000_000, 1_000, 1}[u]
}

// DataType is a type of Arrow.
type DataType struct {
	Kind Kind
	// Bits of one value: numbers, dates, times and decimals.
	Bits int
	// Large has offsets of 64 bits: utf8, binary and list.
	Large bool
	// Unit of time, timestamp and duration.
	Unit Unit
	// Zone of a timestamp; "": none.
	Zone string
	// Precision and Scale of a decimal.
	Precision, Scale int
	// Size of fixed_size_binary and fixed_size_list.
	Size int
	// Children: the item of a list, the members of a struct, the entries of a map.
	Children []Field
	// Name of a type that is unknown here.
	Name string
}

// Field is a column, or a part of a nested type.
type Field struct {
	Name     string
	Type     DataType
	Nullable bool
}

// String is the contract's text of the type.
func (t DataType) String() string {
	large := ""
	if t.Large {
		large = "large_"
	}
	switch t.Kind {
	case Null:
		return "null"
	case Bool:
		return "boolean"
	case Int:
		return fmt.Sprintf("int%d", t.Bits)
	case Uint:
		return fmt.Sprintf("uint%d", t.Bits)
	case Float:
		return fmt.Sprintf("float%d", t.Bits)
	case Utf8:
		return large + "utf8"
	case Binary:
		return large + "binary"
	case FixedSizeBinary:
		return fmt.Sprintf("fixed_size_binary(%d)", t.Size)
	case Date:
		return fmt.Sprintf("date%d", t.Bits)
	case Time:
		return fmt.Sprintf("time%d(%s)", t.Bits, unitNames[t.Unit])
	case Timestamp:
		if t.Zone == "" {
			return fmt.Sprintf("timestamp(%s)", unitNames[t.Unit])
		}
		return fmt.Sprintf("timestamp(%s,%s)", unitNames[t.Unit], quoted(t.Zone, isZone))
	case Duration:
		return fmt.Sprintf("duration(%s)", unitNames[t.Unit])
	case Decimals:
		bits := ""
		if t.Bits != 128 {
			bits = fmt.Sprint(t.Bits)
		}
		return fmt.Sprintf("decimal%s(%d,%d)", bits, t.Precision, t.Scale)
	case List:
		return fmt.Sprintf("%slist<%s>", large, t.Children[0].typeText())
	case FixedSizeList:
		return fmt.Sprintf("fixed_size_list<%s, %d>", t.Children[0].typeText(), t.Size)
	case Struct:
		members := make([]string, len(t.Children))
		for i, member := range t.Children {
			members[i] = quoted(member.Name, isName) + ": " + member.typeText()
		}
		return "struct<" + strings.Join(members, ", ") + ">"
	case Map:
		pair := t.Children[0].Type.Children
		return fmt.Sprintf("map<%s, %s>", pair[0].Type, pair[1].typeText())
	}
	return t.Name
}

func (f Field) typeText() string {
	if f.Nullable {
		return f.Type.String()
	}
	return f.Type.String() + " not null"
}

// quoted puts a name in backticks where it needs them.
func quoted(name string, plain func(rune) bool) string {
	if name != "" && strings.IndexFunc(name, func(c rune) bool { return !plain(c) }) < 0 {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

func isName(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_'
}

func isZone(c rune) bool {
	return c < unicode.MaxASCII && (isName(c) || strings.ContainsRune("+-:/", c))
}

// valueBytes is the room of one value; 0 where values have none of a fixed size.
func (t DataType) valueBytes() int {
	switch t.Kind {
	case Int, Uint, Float, Date, Time, Decimals:
		return t.Bits / 8
	case Timestamp, Duration:
		return 8
	case FixedSizeBinary:
		return t.Size
	}
	return 0
}

// hasOffsets tells whether values are ranges of something else.
func (t DataType) hasOffsets() bool {
	switch t.Kind {
	case Utf8, Binary, List, Map:
		return true
	}
	return false
}

func (t DataType) offsetBytes() int {
	if t.Large {
		return 8
	}
	return 4
}
