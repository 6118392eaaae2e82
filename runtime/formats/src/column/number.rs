//! Numbers as text: read once, then turned into whatever a column holds without losing a digit.

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Whole numbers up to here are exact in a double.
const EXACT_IN_DOUBLE: u64 = 1 << 53;

/// A number by the grammar of JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a> {
    text: &'a [u8],
    negative: bool,
    /// All digits without the point; only right if `mantissa_fits`.
    mantissa: u64,
    mantissa_fits: bool,
    /// The value is mantissa × 10^exponent.
    exponent: i32,
    /// Neither a fraction nor an exponent was written.
    plain: bool,
}

/// Why bytes are no number, and after how many of them that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotANumber {
    pub(crate) at: usize,
    pub(crate) reason: &'static str,
}

impl<'a> Number<'a> {
    /// Reads a number from the front of `bytes`, with how many bytes it takes.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> Result<(Self, usize), NotANumber> {
        let digit_at = |at: usize| bytes.get(at).map_or(10, |byte| byte.wrapping_sub(b'0'));
        let negative = bytes.first() == Some(&b'-');
        let mut at = usize::from(negative);
        let mut mantissa = 0u64;
        let mut mantissa_fits = true;
        let mut push = |digit: u8| match mantissa
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(digit)))
        {
            Some(more) => mantissa = more,
            None => mantissa_fits = false,
        };
        let first = at;
        while let digit @ 0..=9 = digit_at(at) {
            push(digit);
            at += 1;
        }
        if at == first {
            let reason = "a number has no digits here";
            return Err(NotANumber { at, reason });
        }
        if at > first + 1 && digit_at(first) == 0 {
            let reason = "a number begins with a needless 0";
            return Err(NotANumber { at: first, reason });
        }
        let mut exponent = 0i32;
        let mut plain = true;
        if bytes.get(at) == Some(&b'.') {
            plain = false;
            at += 1;
            let first = at;
            while let digit @ 0..=9 = digit_at(at) {
                push(digit);
                at += 1;
            }
            if at == first {
                let reason = "a number has no digits after its point";
                return Err(NotANumber { at, reason });
            }
            exponent = i32::try_from(at - first).map_or(i32::MIN / 2, |digits| -digits);
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            plain = false;
            at += 1;
            let down = bytes.get(at) == Some(&b'-');
            at += usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
            let first = at;
            let mut written = 0i32;
            while let digit @ 0..=9 = digit_at(at) {
                written = written.saturating_mul(10).saturating_add(i32::from(digit));
                at += 1;
            }
            if at == first {
                let reason = "a number has no digits in its exponent";
                return Err(NotANumber { at, reason });
            }
            // Far beyond every type; keeps the sums below in range.
            let written = written.min(1 << 20);
            exponent = exponent.saturating_add(if down { -written } else { written });
        }
        let number = Self {
            text: bytes.get(..at).unwrap_or_default(),
            negative,
            mantissa,
            mantissa_fits,
            exponent,
            plain,
        };
        Ok((number, at))
    }

    /// The whole of `text`; None where it is something else.
    pub(crate) fn whole(text: &'a [u8]) -> Option<Self> {
        match Self::read(text) {
            Ok((number, length)) if length == text.len() => Some(number),
            _ => None,
        }
    }

    /// As written.
    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Whether it was written without fraction and exponent.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Magnitude, if the value is a whole number that fits.
    #[inline]
    fn magnitude(&self) -> Option<u64> {
        if self.exponent == 0 && self.mantissa_fits {
            return Some(self.mantissa);
        }
        u64::try_from(self.scaled(0)?).ok()
    }

    /// The value, if it is a whole number that fits.
    #[inline]
    pub(crate) fn to_i64(self) -> Option<i64> {
        let magnitude = self.magnitude()?;
        if self.negative {
            0i64.checked_sub_unsigned(magnitude)
        } else {
            i64::try_from(magnitude).ok()
        }
    }

    /// The value, if it is a whole number that fits.
    pub(crate) fn to_u64(self) -> Option<u64> {
        self.magnitude()
            .filter(|magnitude| !self.negative || *magnitude == 0)
    }

    /// The nearest double. None where it is infinite, or a whole number of which digits would go.
    #[inline]
    pub(crate) fn to_f64(self) -> Option<f64> {
        if self.mantissa_fits && self.mantissa <= EXACT_IN_DOUBLE {
            let mantissa = self.mantissa as f64;
            let power = EXACT_POWERS.get(self.exponent.unsigned_abs() as usize);
            if let Some(power) = power {
                // Both are exact, so that one rounding is left: the right one.
                let magnitude = if self.exponent < 0 {
                    mantissa / power
                } else {
                    mantissa * power
                };
                return Some(if self.negative { -magnitude } else { magnitude });
            }
        }
        let text = std::str::from_utf8(self.text).ok()?;
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        // 2^64 and more would need wider words to compare; nobody counts so far in doubles.
        let exact = !self.plain || (self.mantissa_fits && is_exact(self.mantissa));
        exact.then_some(value)
    }

    /// The nearest single. None where it is infinite, or a whole number of which digits would go.
    pub(crate) fn to_f32(self) -> Option<f32> {
        self.to_f64()?;
        // Once, from the text: by way of a double it could be rounded twice.
        let text = std::str::from_utf8(self.text).ok()?;
        let single: f32 = text.parse().ok().filter(|value: &f32| value.is_finite())?;
        let exact = !self.plain || f64::from(single).abs() == self.mantissa as f64;
        exact.then_some(single)
    }

    /// The value × 10^`scale` with its sign, if that is a whole number that fits.
    pub(crate) fn to_decimal(self, scale: i8) -> Option<i128> {
        let magnitude = i128::try_from(self.scaled(i32::from(scale))?).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// The magnitude × 10^`scale`, if that is a whole number that fits.
    fn scaled(&self, scale: i32) -> Option<u128> {
        let mut mantissa = if self.mantissa_fits {
            u128::from(self.mantissa)
        } else {
            self.wide_mantissa()?
        };
        if mantissa == 0 {
            return Some(0);
        }
        let mut exponent = self.exponent.checked_add(scale)?;
        while exponent < 0 {
            if mantissa % 10 != 0 {
                return None;
            }
            mantissa /= 10;
            exponent += 1;
        }
        mantissa.checked_mul(10u128.checked_pow(exponent.unsigned_abs())?)
    }

    fn wide_mantissa(&self) -> Option<u128> {
        let digits = self
            .text
            .iter()
            .take_while(|byte| !matches!(byte, b'e' | b'E'));
        digits
            .filter(|byte| byte.is_ascii_digit())
            .try_fold(0u128, |sum, digit| {
                sum.checked_mul(10)?.checked_add(u128::from(digit - b'0'))
            })
    }
}

/// Whether a double holds this whole number.
fn is_exact(whole: u64) -> bool {
    whole == 0 || u64::BITS - whole.leading_zeros() - whole.trailing_zeros() <= f64::MANTISSA_DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        Number::whole(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_grammar_is_that_of_json() {
        for wrong in [
            "", "-", "+1", "01", "-01", ".5", "1.", "1.e3", "1e", "1e+", "0x1", "NaN", "1 ",
        ] {
            assert!(Number::whole(wrong.as_bytes()).is_none(), "{wrong}");
        }
        for right in ["0", "-0", "10", "0.5", "-1.25e-3", "1E+5", "1e999999999999"] {
            assert!(Number::whole(right.as_bytes()).is_some(), "{right}");
        }
    }

    #[test]
    fn whole_numbers_are_exact_or_nothing() {
        assert_eq!(number("9223372036854775807").to_i64(), Some(i64::MAX));
        assert_eq!(number("-9223372036854775808").to_i64(), Some(i64::MIN));
        assert_eq!(number("9223372036854775808").to_i64(), None);
        assert_eq!(number("-9223372036854775809").to_i64(), None);
        assert_eq!(number("18446744073709551615").to_u64(), Some(u64::MAX));
        assert_eq!(number("18446744073709551616").to_u64(), None);
        assert_eq!(number("-1").to_u64(), None);
        assert_eq!(number("-0").to_u64(), Some(0));
        assert_eq!(number("1.0").to_i64(), Some(1));
        assert_eq!(number("12e2").to_i64(), Some(1200));
        assert_eq!(number("1200e-2").to_i64(), Some(12));
        assert_eq!(number("1.5").to_i64(), None);
        assert_eq!(number("1e-1").to_i64(), None);
        assert_eq!(number("1e999999999999").to_i64(), None);
        assert_eq!(number("0e999999999999").to_i64(), Some(0));
        assert_eq!(number("1.00000000000000000000000").to_i64(), Some(1));
    }

    #[test]
    fn doubles_are_the_nearest_and_keep_whole_numbers() {
        for text in [
            "0.1",
            "-2.5e-3",
            "1e22",
            "1e23",
            "123456789012345678.5",
            "4.9e-324",
            "1e-400",
            "1.7976931348623157e308",
            "9007199254740993.0",
            "0.30000000000000004",
        ] {
            assert_eq!(number(text).to_f64(), text.parse().ok(), "{text}");
        }
        assert_eq!(number("1e400").to_f64(), None);
        assert_eq!(
            number("9007199254740992").to_f64(),
            Some(9_007_199_254_740_992.0)
        );
        assert_eq!(number("9007199254740993").to_f64(), None);
        assert_eq!(
            number("9007199254740994").to_f64(),
            Some(9_007_199_254_740_994.0)
        );
        assert!(number("-0").to_f64().is_some_and(f64::is_sign_negative));
        assert_eq!(number("16777217").to_f32(), None);
        assert_eq!(number("16777216").to_f32(), Some(16_777_216.0));
        assert_eq!(number("1e39").to_f32(), None);
    }

    #[test]
    fn random_numbers_read_as_the_standard_library_reads_them() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200_000 {
            let bits = f64::from_bits(random.u64(..));
            let text = match random.u8(..3) {
                0 if bits.is_finite() => format!("{bits:e}"),
                1 => format!("{}.{}", random.i64(..), random.u32(..)),
                _ => format!("{}e{}", random.u32(..), random.i32(-40..40)),
            };
            let parsed: f64 = text.parse().unwrap();
            let number = number(&text);
            if !number.is_plain() {
                assert_eq!(
                    number.to_f64(),
                    parsed.is_finite().then_some(parsed),
                    "{text}"
                );
            }
            let whole: i64 = random.i64(..) >> random.u8(..63);
            assert_eq!(
                Number::whole(whole.to_string().as_bytes())
                    .unwrap()
                    .to_i64(),
                Some(whole)
            );
        }
    }

    #[test]
    fn decimals_keep_every_digit() {
        assert_eq!(number("12.30").to_decimal(2), Some(1230));
        assert_eq!(number("12.305").to_decimal(2), None);
        assert_eq!(number("-1e3").to_decimal(2), Some(-100_000));
        assert_eq!(number("1200").to_decimal(-2), Some(12));
        assert_eq!(number("1201").to_decimal(-2), None);
        assert_eq!(
            number("12345678901234567890123456789.5").to_decimal(1),
            Some(123_456_789_012_345_678_901_234_567_895)
        );
    }
}
