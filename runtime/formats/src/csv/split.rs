//! Where records and fields end.

use std::ops::Range;

use crate::fault::{Fault, Parsed};

/// A record with line ends between quotes is at most so long. Where it would be longer, a quote was
/// forgotten, and its first line alone is taken for the record.
pub(crate) const MAX_QUOTED_BYTES: usize = 1 << 20;

/// Where a record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// After this many bytes, with its line end.
    At(usize),
    /// A quote was opened and never closed; the first line, with its line end, has so many bytes.
    Unclosed(usize),
    /// Further on than these bytes.
    Beyond,
}

/// Finds the end of the record at the front of `bytes`. `is_all`: nothing follows `bytes`.
pub(crate) fn record_end(bytes: &[u8], delimiter: u8, is_all: bool) -> End {
    let end_of_input = |unclosed: bool| match (is_all, unclosed) {
        (true, false) => End::At(bytes.len()),
        (true, true) => first_line(bytes),
        (false, true) if bytes.len() >= MAX_QUOTED_BYTES => first_line(bytes),
        (false, _) => End::Beyond,
    };
    let mut at = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            match closing_quote(bytes, at + 1) {
                Some(close) if close < MAX_QUOTED_BYTES => at = close + 1,
                Some(_) => return first_line(bytes),
                None => return end_of_input(true),
            }
        }
        let rest = bytes.get(at..).unwrap_or_default();
        match memchr::memchr2(delimiter, b'\n', rest) {
            Some(found) if rest.get(found) == Some(&b'\n') => return End::At(at + found + 1),
            Some(found) => at += found + 1,
            None => return end_of_input(false),
        }
    }
}

/// The record's first line, which is all of it that can be trusted.
fn first_line(bytes: &[u8]) -> End {
    match memchr::memchr(b'\n', bytes) {
        Some(found) => End::Unclosed(found + 1),
        None => End::Unclosed(bytes.len()),
    }
}

/// The quote that ends a field of which the text begins at `at`; doubled ones are text.
fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr::memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(found + 1) != Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

/// Where the last whole record of `bytes` ends; 0 where none does. `bytes` begin with a record and
/// something follows them.
pub(crate) fn last_record_end(bytes: &[u8], delimiter: u8) -> usize {
    if memchr::memchr(b'"', bytes).is_none() {
        return memchr::memrchr(b'\n', bytes).map_or(0, |found| found + 1);
    }
    let mut whole = 0;
    loop {
        let rest = bytes.get(whole..).unwrap_or_default();
        match record_end(rest, delimiter, false) {
            End::At(length) => whole += length,
            // The line that opens the quote may still be on its way.
            End::Unclosed(length) if rest.get(length.wrapping_sub(1)) == Some(&b'\n') => {
                whole += length;
            }
            End::Unclosed(_) | End::Beyond => return whole,
        }
    }
}

/// The fields of one record.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Where each field stands in the record, or in `unquoted`.
    spans: Vec<(Range<usize>, bool)>,
    /// Fields with doubled quotes, as they are meant.
    unquoted: Vec<u8>,
}

impl Fields {
    /// Splits a record without its line end.
    pub(crate) fn split(&mut self, record: &[u8], delimiter: u8) -> Parsed<()> {
        self.spans.clear();
        self.unquoted.clear();
        let mut at = 0;
        loop {
            if record.get(at) == Some(&b'"') {
                let Some(close) = closing_quote(record, at + 1) else {
                    return Err(Fault::new(at, "a quote is opened and never closed"));
                };
                self.push_quoted(record, at + 1..close);
                at = close + 1;
                match record.get(at) {
                    None => return Ok(()),
                    Some(byte) if *byte == delimiter => at += 1,
                    Some(_) => {
                        return Err(Fault::new(at, "a field goes on after its closing quote"));
                    }
                }
            } else {
                let rest = record.get(at..).unwrap_or_default();
                match memchr::memchr(delimiter, rest) {
                    Some(length) => {
                        self.spans.push((at..at + length, false));
                        at += length + 1;
                    }
                    None => {
                        self.spans.push((at..record.len(), false));
                        return Ok(());
                    }
                }
            }
        }
    }

    fn push_quoted(&mut self, record: &[u8], span: Range<usize>) {
        let mut text = record.get(span.clone()).unwrap_or_default();
        if memchr::memchr(b'"', text).is_none() {
            self.spans.push((span, false));
            return;
        }
        let from = self.unquoted.len();
        while let Some(quote) = memchr::memchr(b'"', text) {
            let (before, after) = text.split_at(quote + 1);
            self.unquoted.extend_from_slice(before);
            text = after.get(1..).unwrap_or_default();
        }
        self.unquoted.extend_from_slice(text);
        self.spans.push((from..self.unquoted.len(), true));
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Each field with where it stands in the record, as near as that is known.
    pub(crate) fn iter<'a>(
        &'a self,
        record: &'a [u8],
    ) -> impl Iterator<Item = (usize, &'a [u8])> + 'a {
        self.spans.iter().map(move |(span, is_unquoted)| {
            let (at, bytes) = if *is_unquoted {
                (0, self.unquoted.as_slice())
            } else {
                (span.start, record)
            };
            (at, bytes.get(span.clone()).unwrap_or_default())
        })
    }
}

/// A record without its line end.
pub(crate) fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(record: &str) -> Result<Vec<String>, String> {
        let mut fields = Fields::default();
        fields
            .split(record.as_bytes(), b',')
            .map_err(|fault| fault.to_string())?;
        let texts = fields.iter(record.as_bytes());
        Ok(texts
            .map(|(_, text)| String::from_utf8_lossy(text).into_owned())
            .collect())
    }

    #[test]
    fn fields_are_split_by_rfc_4180() {
        assert_eq!(split("a,b,c").unwrap(), ["a", "b", "c"]);
        assert_eq!(split("a,,").unwrap(), ["a", "", ""]);
        assert_eq!(split("").unwrap(), [""]);
        assert_eq!(split(r#""a,b",c"#).unwrap(), ["a,b", "c"]);
        assert_eq!(split(r#""a ""b"" c","""""#).unwrap(), [r#"a "b" c"#, "\""]);
        assert_eq!(split("\"a\nb\",c").unwrap(), ["a\nb", "c"]);
        assert_eq!(split(r#"5" disk,x"#).unwrap(), ["5\" disk", "x"]);
        assert!(split(r#""a"b,c"#).unwrap_err().contains("byte 4"));
        assert!(split(r#"a,"b"#).unwrap_err().contains("never closed"));
    }

    #[test]
    fn records_end_outside_quotes() {
        assert_eq!(record_end(b"a,b\nc", b',', false), End::At(4));
        assert_eq!(record_end(b"a,\"b\nc\"\nd", b',', false), End::At(8));
        assert_eq!(record_end(b"a,\"b\nc", b',', false), End::Beyond);
        assert_eq!(record_end(b"a,\"b\nc", b',', true), End::Unclosed(5));
        assert_eq!(record_end(b"a,b", b',', false), End::Beyond);
        assert_eq!(record_end(b"a,b", b',', true), End::At(3));
        assert_eq!(record_end(b"a\"b\nc", b',', false), End::At(4));
        assert_eq!(last_record_end(b"a\nb\nc", b','), 4);
        assert_eq!(last_record_end(b"a\n\"b\nc", b','), 2);
        assert_eq!(last_record_end(b"abc", b','), 0);
    }

    #[test]
    fn a_forgotten_quote_costs_one_line() {
        let mut text = b"1,\"x\n".to_vec();
        while text.len() < MAX_QUOTED_BYTES + 10 {
            text.extend_from_slice(b"2,y\n");
        }
        assert_eq!(record_end(&text, b',', false), End::Unclosed(5));
        assert_eq!(last_record_end(&text, b','), text.len());
    }
}
