package arrow

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number of up to 38 digits.
type Decimal struct {
	high  int64
	low   uint64
	scale int
}

// ParseDecimal reads a number such as "-12.50", whose scale is 2.
func ParseDecimal(text string) (Decimal, error) {
	digits, isNegative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return Decimal{}, fmt.Errorf("%q is no decimal number such as -12.50", text)
	}
	if len(strings.TrimLeft(digits, "0")) > 38 {
		return Decimal{}, fmt.Errorf("%q has more than 38 digits", text)
	}
	var d Decimal
	for _, digit := range []byte(digits) {
		d.timesTenPlus(uint64(digit - '0'))
	}
	if isNegative {
		d = d.negated()
	}
	d.scale = len(fraction)
	return d, nil
}

// timesTenPlus works on what is not negative.
func (d *Decimal) timesTenPlus(digit uint64) {
	carry, low := bits.Mul64(d.low, 10)
	low, more := bits.Add64(low, digit, 0)
	d.high = d.high*10 + int64(carry+more)
	d.low = low
}

func (d Decimal) negated() Decimal {
	low, borrow := bits.Sub64(0, d.low, 0)
	return Decimal{high: -d.high - int64(borrow), low: low, scale: d.scale}
}

// Scale is how many of the digits stand behind the point.
func (d Decimal) Scale() int { return d.scale }

// String writes all digits.
func (d Decimal) String() string {
	sign := ""
	if d.high < 0 {
		sign, d = "-", d.negated()
	}
	const tenTo19 = 10_000_000_000_000_000_000
	high, low := bits.Div64(uint64(d.high), d.low, tenTo19)
	digits := strconv.FormatUint(low, 10)
	if high != 0 {
		digits = strconv.FormatUint(high, 10) + fmt.Sprintf("%019d", low)
	}
	switch {
	case d.scale < 0 && digits != "0":
		digits += strings.Repeat("0", -d.scale)
	case d.scale > 0:
		if missing := d.scale + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		point := len(digits) - d.scale
		digits = digits[:point] + "." + digits[point:]
	}
	return sign + digits
}

// Float64 is the nearest number of that type.
func (d Decimal) Float64() float64 {
	nearest, _ := strconv.ParseFloat(d.String(), 64)
	return nearest
}

var errDigits = errors.New("has more digits than the type holds")

// rescaled gives the same number with another scale.
func (d Decimal) rescaled(scale, precision int) (Decimal, error) {
	isNegative := d.high < 0
	if isNegative {
		d = d.negated()
	}
	for ; d.scale < scale; d.scale++ {
		if d.high >= math.MaxInt64/10 {
			return d, errDigits
		}
		d.timesTenPlus(0)
	}
	for ; d.scale > scale; d.scale-- {
		high, rest := uint64(d.high)/10, uint64(d.high)%10
		low, last := bits.Div64(rest, d.low, 10)
		if last != 0 {
			return d, errDigits
		}
		d.high, d.low = int64(high), low
	}
	plain := Decimal{high: d.high, low: d.low}.String()
	if plain != "0" && len(plain) > precision {
		return d, errDigits
	}
	if isNegative {
		d = d.negated()
	}
	return d, nil
}

func (a *Array) decimal(i int) (Decimal, error) {
	d := Decimal{scale: a.Type.Scale}
	switch a.Type.Bits {
	case 128:
		d.low, d.high = little.Uint64(a.Data[16*i:]), int64(little.Uint64(a.Data[16*i+8:]))
	case 256:
		return d, fmt.Errorf("is %s, which is not read here: cast it to decimal(38,…) or to utf8 with a Plan", a.Type)
	default:
		n := a.integer(i)
		d.low, d.high = uint64(n), n>>63
	}
	return d, nil
}

func halfToFloat(half uint16) float64 {
	sign := 1.0
	if half>>15 == 1 {
		sign = -1
	}
	exponent, fraction := int(half>>10&31), float64(half&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(fraction+1024, exponent-25)
}

// floatToHalf tells also whether nothing is lost.
func floatToHalf(value float64) (half uint16, isExact bool) {
	if math.IsNaN(value) {
		return 0x7e00, true
	}
	sign := uint16(math.Float64bits(value) >> 48 & 0x8000)
	size := math.Abs(value)
	if math.IsInf(size, 0) {
		return sign | 0x7c00, true
	}
	fraction, exponent := math.Frexp(size)
	switch {
	case size == 0:
		return sign, true
	case exponent > 16:
		return sign | 0x7c00, false
	case exponent < -13:
		half = sign | uint16(math.Ldexp(size, 24))
	default:
		half = sign | uint16(exponent+14)<<10 | uint16(math.Ldexp(fraction, 11))&1023
	}
	return half, halfToFloat(half) == value
}
