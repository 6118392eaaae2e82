//! Decimals as JSON numbers.

use std::io;
use std::iter::repeat_n;

use super::cell::written;
use crate::encode::Written;

/// Writes a decimal, of which `write_digits` writes the unscaled digits, at least one.
pub(super) fn decimal(
    is_negative: bool,
    scale: i8,
    out: &mut Vec<u8>,
    write_digits: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> Written {
    if is_negative {
        out.push(b'-');
    }
    let begin = out.len();
    written(write_digits(out))?;
    let count = out.len() - begin;
    let places = usize::from(scale.unsigned_abs());
    if scale > 0 && count > places {
        out.insert(out.len() - places, b'.');
    } else if scale > 0 {
        let zeros = b"0.".iter().copied().chain(repeat_n(b'0', places - count));
        out.splice(begin..begin, zeros);
    } else if out.get(begin..) != Some(b"0") {
        out.extend(repeat_n(b'0', places));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn text(unscaled: i32, scale: i8) -> String {
        let mut out = b">".to_vec();
        let digits = unscaled.unsigned_abs().to_string();
        decimal(unscaled < 0, scale, &mut out, |out| {
            out.write_all(digits.as_bytes())
        })
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_point_stands_where_the_scale_says() {
        assert_eq!(text(0, 0), ">0");
        assert_eq!(text(0, 2), ">0.00");
        assert_eq!(text(0, -2), ">0");
        assert_eq!(text(-1, 2), ">-0.01");
        assert_eq!(text(-10, 2), ">-0.10");
        assert_eq!(text(100, 2), ">1.00");
        assert_eq!(text(-12345, 2), ">-123.45");
        assert_eq!(text(12, -3), ">12000");
    }
}
