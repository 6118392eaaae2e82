//! Reads JSON from bytes: strictly by its grammar, forwards only, without building anything.

use crate::column::number::Number;
use crate::fault::{Fault, Parsed, shown};

/// How deep values may be nested; deeper ones are faults.
pub(crate) const MAX_DEPTH: usize = 128;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// A string between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a [u8],
    /// Whether backslashes stand in it.
    pub(crate) is_escaped: bool,
    /// Where `raw` begins.
    pub(crate) at: usize,
}

/// A place in one record.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// What is left.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// What lies between a place passed before and here.
    pub(crate) fn since(&self, from: usize) -> &'a [u8] {
        self.bytes.get(from..self.at).unwrap_or_default()
    }

    /// The next byte; 0, which is no part of JSON, at the end.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Takes one byte if it is this one.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// Something else should stand here.
    #[cold]
    pub(crate) fn expected(&self, what: &str) -> Box<Fault> {
        let rest = self.rest();
        let reason = if rest.is_empty() {
            format!("the record ends where {what} should stand")
        } else {
            format!(
                "{what} should stand before {}",
                shown(rest.get(..12).unwrap_or(rest))
            )
        };
        Fault::new(self.at, reason)
    }

    /// `true`, `false` or `null`.
    #[inline]
    pub(crate) fn word(&mut self, word: &'static str) -> Parsed<()> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    pub(crate) fn number(&mut self) -> Parsed<Number<'a>> {
        match Number::read(self.rest()) {
            Ok((number, length)) => {
                self.at += length;
                Ok(number)
            }
            Err(wrong) => Err(Fault::new(self.at + wrong.at, wrong.reason)),
        }
    }

    /// A string; the cursor stands on its first quote.
    #[inline]
    pub(crate) fn string(&mut self) -> Parsed<Text<'a>> {
        if !self.take(b'"') {
            return Err(self.expected("a string"));
        }
        let at = self.at;
        let mut is_escaped = false;
        loop {
            let Some(plain) = plain_length(self.rest()) else {
                return Err(Fault::new(at.saturating_sub(1), "a string does not end"));
            };
            self.at += plain;
            match self.peek() {
                b'"' => {
                    let raw = self.since(at);
                    self.at += 1;
                    return Ok(Text {
                        raw,
                        is_escaped,
                        at,
                    });
                }
                b'\\' => {
                    is_escaped = true;
                    self.escape()?;
                }
                control => {
                    let reason = format!("a string holds the control character 0x{control:02x}");
                    return Err(Fault::new(self.at, reason));
                }
            }
        }
    }

    /// Passes an escape sequence.
    fn escape(&mut self) -> Parsed<()> {
        let from = self.at;
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                if hex4(self.rest()).is_none() {
                    return Err(Fault::new(from, "\\u needs four hexadecimal digits"));
                }
                self.at += 4;
            }
            _ => return Err(Fault::new(from, "an escape that JSON does not know")),
        }
        Ok(())
    }

    /// Passes one value of any kind; `depth` is how deep it stands already.
    pub(crate) fn skip_value(&mut self, depth: usize) -> Parsed<()> {
        if depth > MAX_DEPTH {
            let reason = format!("values are nested more than {MAX_DEPTH} deep");
            return Err(Fault::new(self.at, reason));
        }
        match self.peek() {
            b'"' => self.string().map(drop),
            b'{' => self.object(|cursor, _| cursor.skip_value(depth + 1)),
            b'[' => self.list(|cursor| cursor.skip_value(depth + 1)),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            _ => Err(self.expected("a value")),
        }
    }

    /// An object; `member` gets each key, with the cursor before the value, and passes that.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Parsed<()>,
    ) -> Parsed<()> {
        self.at += 1;
        self.skip_space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != b'"' {
                return Err(self.expected("a key in quotes"));
            }
            let key = self.string()?;
            self.colon()?;
            member(self, key)?;
            if self.ends(b'}', "`,` or `}`")? {
                return Ok(());
            }
        }
    }

    /// A list; `item` gets the cursor before each value and passes that.
    #[inline]
    pub(crate) fn list(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.at += 1;
        self.skip_space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.ends(b']', "`,` or `]`")? {
                return Ok(());
            }
        }
    }

    /// What stands between a key and its value.
    #[inline]
    pub(crate) fn colon(&mut self) -> Parsed<()> {
        self.skip_space();
        if !self.take(b':') {
            return Err(self.expected("`:`"));
        }
        self.skip_space();
        Ok(())
    }

    /// After a value: true at the end of what it stands in, false before the next one.
    #[inline]
    pub(crate) fn ends(&mut self, end: u8, either: &str) -> Parsed<bool> {
        self.skip_space();
        if self.take(b',') {
            self.skip_space();
            return Ok(false);
        }
        if self.take(end) {
            return Ok(true);
        }
        Err(self.expected(either))
    }

    /// Nothing but space may follow a record.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        self.skip_space();
        if self.rest().is_empty() {
            return Ok(());
        }
        Err(self.expected("the end of the record"))
    }
}

impl Text<'_> {
    /// Appends what the string means.
    pub(crate) fn unescape_into(&self, out: &mut Vec<u8>) -> Parsed<()> {
        let mut rest = self.raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at(at);
            out.extend_from_slice(plain);
            let length = self.escape_into(escape, out)?;
            rest = escape.get(length..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
        Ok(())
    }

    /// One escape; how many bytes it takes.
    fn escape_into(&self, escape: &[u8], out: &mut Vec<u8>) -> Parsed<usize> {
        let fault = |reason| Fault::new(self.at + self.raw.len() - escape.len(), reason);
        let byte = match escape.get(1) {
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let Some(unit) = escape.get(2..).and_then(hex4) else {
                    return Err(fault("\\u needs four hexadecimal digits"));
                };
                let low = || match escape.get(6..) {
                    Some([b'\\', b'u', digits @ ..]) => {
                        hex4(digits).filter(|low| (0xdc00..0xe000).contains(low))
                    }
                    _ => None,
                };
                let (code, length) = match (unit, low()) {
                    (0xd800..0xdc00, Some(low)) => {
                        (0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 12)
                    }
                    _ => (unit, 6),
                };
                let Some(c) = char::from_u32(code) else {
                    return Err(fault("\\u gives half of a surrogate pair"));
                };
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(length);
            }
            Some(same @ (b'"' | b'\\' | b'/')) => *same,
            _ => return Err(fault("an escape that JSON does not know")),
        };
        out.push(byte);
        Ok(2)
    }
}

fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits: &[u8; 4] = bytes.first_chunk()?;
    digits.iter().try_fold(0, |sum, digit| {
        Some(sum << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// Bytes before the first quote, backslash or control character; None where there is none.
#[inline]
fn plain_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let zero_in = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
        let quote = zero_in(word ^ (ONES * b'"' as u64));
        let backslash = zero_in(word ^ (ONES * b'\\' as u64));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        // Above the first hit a borrow may set bits by mistake, never below it.
        let hits = quote | backslash | control;
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    rest.iter().position(is_special).map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_length_finds_the_first_special_byte() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.usize(..40))
                .map(|_| match random.u8(..12) {
                    0 => b'"',
                    1 => b'\\',
                    2 => random.u8(..0x20),
                    _ => random.u8(0x20..),
                })
                .collect();
            let slow = bytes
                .iter()
                .position(|b| matches!(b, b'"' | b'\\' | 0..0x20));
            assert_eq!(plain_length(&bytes), slow, "{bytes:?}");
        }
    }

    #[test]
    fn what_passes_is_what_serde_json_takes() {
        let mut random = fastrand::Rng::with_seed(2);
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\t",
            "\"a\"",
            "\"\\u00e9\"",
            "\"\\x\"",
            "1",
            "-1.5",
            "01",
            "true",
            "null",
            "nul",
            "\"",
            "\u{1}",
            "\"é\"",
            "1.",
            "{\"a\":1}",
            "[1,2]",
        ];
        let mut taken = 0;
        for _ in 0..300_000 {
            let text: String = (0..random.usize(1..7))
                .map(|_| pieces[random.usize(..pieces.len())])
                .collect();
            let mut cursor = Cursor::new(text.as_bytes());
            cursor.skip_space();
            let passes = cursor.skip_value(0).and_then(|()| cursor.end()).is_ok();
            let serde = serde_json::from_str::<serde_json::Value>(&text);
            assert_eq!(passes, serde.is_ok(), "{text}: {serde:?}");
            taken += usize::from(passes);
        }
        assert!(taken > 1000, "{taken}");
    }

    #[test]
    fn strings_mean_what_serde_json_makes_of_them() {
        for text in [
            r#""plain""#,
            r#""a\"b\\c\/d\b\f\n\r\t""#,
            r#""\u00e9\u20AC\ud83d\ude00""#,
            r#""é😀""#,
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ude00\ud83d""#,
            r#""\ud83d\u0041""#,
        ] {
            let string = Cursor::new(text.as_bytes()).string().unwrap();
            let mut out = Vec::new();
            let means = string.unescape_into(&mut out).ok().map(|()| out);
            let serde = serde_json::from_str::<String>(text).ok();
            assert_eq!(means, serde.map(String::into_bytes), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_a_fault_and_no_crash() {
        let text = "[".repeat(1_000_000);
        let fault = Cursor::new(text.as_bytes()).skip_value(0).unwrap_err();
        assert!(
            fault.to_string().contains("nested more than 128 deep"),
            "{fault}"
        );
    }
}
