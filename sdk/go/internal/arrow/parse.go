package arrow

import (
	"fmt"
	"strconv"
	"strings"
)

// maxDepth of nested types, so that nothing runs out of stack.
const maxDepth = 32

// maxFixedSize of fixed_size_binary and fixed_size_list, which take their room for nulls, too.
const maxFixedSize = 65_536

var plainTypes = map[string]DataType{
	"null":         {Kind: Null},
	"boolean":      {Kind: Bool},
	"bool":         {Kind: Bool},
	"int8":         {Kind: Int, Bits: 8},
	"int16":        {Kind: Int, Bits: 16},
	"int32":        {Kind: Int, Bits: 32},
	"int64":        {Kind: Int, Bits: 64},
	"uint8":        {Kind: Uint, Bits: 8},
	"uint16":       {Kind: Uint, Bits: 16},
	"uint32":       {Kind: Uint, Bits: 32},
	"uint64":       {Kind: Uint, Bits: 64},
	"float16":      {Kind: Float, Bits: 16},
	"float32":      {Kind: Float, Bits: 32},
	"float64":      {Kind: Float, Bits: 64},
	"utf8":         {Kind: Utf8},
	"large_utf8":   {Kind: Utf8, Large: true},
	"binary":       {Kind: Binary},
	"large_binary": {Kind: Binary, Large: true},
	"date32":       {Kind: Date, Bits: 32},
	"date64":       {Kind: Date, Bits: 64},
}

// Parse reads the contract's text of a type.
func Parse(text string) (DataType, error) {
	p := parser{rest: text}
	t := p.dataType(0)
	if p.space(); p.err == nil && p.rest != "" {
		p.fail("`%s` is left over after the type", p.rest)
	}
	if p.err != nil {
		return DataType{}, fmt.Errorf("data type %q: %w", text, p.err)
	}
	return t, nil
}

// parser keeps its first mistake; after it, what is read means nothing.
type parser struct {
	rest string
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *parser) while(isPart func(rune) bool) string {
	p.space()
	end := strings.IndexFunc(p.rest, func(c rune) bool { return !isPart(c) })
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *parser) eat(mark string) bool {
	p.space()
	rest, found := strings.CutPrefix(p.rest, mark)
	p.rest = rest
	return found
}

func (p *parser) expect(mark string) {
	if !p.eat(mark) {
		p.fail("`%s` is missing before `%s`", mark, p.rest)
	}
}

// name reads a word, or what stands in backticks.
func (p *parser) name(isPart func(rune) bool) string {
	if !p.eat("`") {
		word := p.while(isPart)
		if word == "" {
			p.fail("a name is missing before `%s`", p.rest)
		}
		return word
	}
	var name strings.Builder
	for {
		part, rest, found := strings.Cut(p.rest, "`")
		if !found {
			p.fail("a backtick is missing")
			return ""
		}
		name.WriteString(part)
		if p.rest = rest; !strings.HasPrefix(rest, "`") {
			return name.String()
		}
		name.WriteByte('`')
		p.rest = rest[1:]
	}
}

func (p *parser) number(least, most int) int {
	p.space()
	sign := ""
	if p.eat("-") {
		sign = "-"
	}
	text := sign + p.while(func(c rune) bool { return '0' <= c && c <= '9' })
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		p.fail("a number from %d to %d is expected, not `%s`", least, most, text)
	}
	return n
}

func (p *parser) unit() Unit {
	word := p.while(isName)
	for unit, name := range unitNames {
		if word == name {
			return Unit(unit)
		}
	}
	p.fail("`%s` is no unit; units are s, ms, us and ns", word)
	return 0
}

func (p *parser) dataType(depth int) DataType {
	if depth > maxDepth {
		p.fail("types are nested more than %d deep", maxDepth)
	}
	if p.err != nil {
		return DataType{}
	}
	word := p.while(isName)
	if t, isPlain := plainTypes[word]; isPlain {
		return t
	}
	t := DataType{Large: strings.HasPrefix(word, "large_")}
	switch word {
	case "time32", "time64", "timestamp", "duration", "decimal", "decimal32", "decimal64", "fixed_size_binary":
		p.expect("(")
		p.inParentheses(word, &t)
		p.expect(")")
	case "list", "large_list":
		t.Kind = List
		p.expect("<")
		t.Children = []Field{p.field("item", depth)}
		p.expect(">")
	case "fixed_size_list":
		t.Kind = FixedSizeList
		p.expect("<")
		t.Children = []Field{p.field("item", depth)}
		p.expect(",")
		t.Size = p.number(0, maxFixedSize)
		p.expect(">")
	case "struct":
		t.Kind = Struct
		t.Children = p.members(depth)
	case "map":
		t.Kind = Map
		p.expect("<")
		key := Field{Name: "key", Type: p.dataType(depth + 2)}
		p.expect(",")
		pair := DataType{Kind: Struct, Children: []Field{key, p.field("value", depth+1)}}
		t.Children = []Field{{Name: "entries", Type: pair}}
		p.expect(">")
	default:
		p.fail("`%s` is no type that values are written as; such are utf8, int64, float64, boolean, date32, "+
			"timestamp(us,+00:00), decimal(10,2), list<utf8>, struct<name: utf8>", word)
	}
	return t
}

func (p *parser) inParentheses(word string, t *DataType) {
	switch word {
	case "time32":
		t.Kind, t.Bits, t.Unit = Time, 32, p.unit()
		if t.Unit > Millisecond {
			p.fail("`time32` counts s or ms; write `time64` for us and ns")
		}
	case "time64":
		t.Kind, t.Bits, t.Unit = Time, 64, p.unit()
		if t.Unit < Microsecond {
			p.fail("`time64` counts us or ns; write `time32` for s and ms")
		}
	case "duration":
		t.Kind, t.Unit = Duration, p.unit()
	case "timestamp":
		t.Kind, t.Unit = Timestamp, p.unit()
		if p.eat(",") {
			t.Zone = p.name(isZone)
		}
	case "fixed_size_binary":
		t.Kind, t.Size = FixedSizeBinary, p.number(0, maxFixedSize)
	default:
		t.Kind = Decimals
		t.Bits = map[string]int{"decimal": 128, "decimal32": 32, "decimal64": 64}[word]
		most := map[int]int{32: 9, 64: 18, 128: 38}[t.Bits]
		t.Precision = p.number(1, most)
		p.expect(",")
		t.Scale = p.number(-most, most)
	}
}

// field is a type with an optional `not null`.
func (p *parser) field(name string, depth int) Field {
	f := Field{Name: name, Type: p.dataType(depth + 1), Nullable: true}
	if word := p.while(isName); word != "" {
		if word != "not" || p.while(isName) != "null" {
			p.fail("`%s` after a type: only `not null` can stand there", word)
		}
		f.Nullable = false
	}
	return f
}

func (p *parser) members(depth int) []Field {
	p.expect("<")
	var members []Field
	for p.err == nil && !p.eat(">") {
		if len(members) > 0 {
			p.expect(",")
		}
		name := p.name(isName)
		p.expect(":")
		members = append(members, p.field(name, depth))
	}
	return members
}
