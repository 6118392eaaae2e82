//! Numbers: their digits, and whole ones of any length (Avro 1.12, "Decimal").

use arrow::datatypes::i256;

use super::input::Input;
use super::schema::Type;
use crate::fault::{Fault, Parsed};

/// A number's digits, as JSON writes them; a float that is none has a name instead.
pub(super) fn digits(of: &Type, input: &mut Input<'_>) -> Parsed<String> {
    let from = input.at();
    Ok(match of {
        Type::Whole { is_int: true, .. } => input.int()?.to_string(),
        Type::Whole { .. } => input.long()?.to_string(),
        Type::Float => {
            let value = input.float()?;
            float(value.into(), || format!("{value:?}"))
        }
        Type::Double => {
            let value = input.double()?;
            float(value, || format!("{value:?}"))
        }
        Type::Decimal {
            width,
            precision,
            scale,
        } => {
            let bytes = match width {
                Some(width) => input.take(*width)?,
                None => input.bytes()?,
            };
            let text = wide(bytes).and_then(|value| decimal(value, *precision, *scale));
            text.ok_or_else(|| {
                Fault::new(from, format!("is no decimal of {precision} digits at most"))
            })?
        }
        _ => String::new(),
    })
}

/// With a point or an exponent, so that it stays a float; the shortest text that means it.
fn float(value: f64, text: impl Fn() -> String) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => text(),
    }
}

/// A whole number in two's complement, the most significant byte first.
pub(super) fn narrow(bytes: &[u8]) -> Option<i128> {
    let filled = extended::<16>(bytes)?;
    Some(i128::from_be_bytes(filled))
}

fn wide(bytes: &[u8]) -> Option<i256> {
    let filled = extended::<32>(bytes)?;
    Some(i256::from_be_bytes(filled))
}

/// So many bytes of the same value; None where they are too few, or there was none.
fn extended<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let sign = match bytes.first()? {
        0x80.. => 0xff,
        _ => 0,
    };
    let mut filled = [sign; N];
    let kept = match bytes.len().checked_sub(N) {
        None | Some(0) => bytes,
        Some(more) => {
            let (left_out, kept) = bytes.split_at(more);
            let has_sign = kept.first().is_some_and(|first| (first ^ sign) < 0x80);
            let is_same = has_sign && left_out.iter().all(|byte| *byte == sign);
            is_same.then_some(kept)?
        }
    };
    filled.get_mut(N - kept.len()..)?.copy_from_slice(kept);
    Some(filled)
}

fn decimal(unscaled: i256, precision: u8, scale: i8) -> Option<String> {
    let text = unscaled.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    if digits.len() > usize::from(precision) {
        return None;
    }
    let scale = usize::try_from(scale).ok()?;
    if scale == 0 {
        return Some(text);
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Some(format!("{sign}{whole}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_all_their_digits() {
        let text = |bytes: &[u8], precision, scale| decimal(wide(bytes)?, precision, scale);
        assert_eq!(text(&[0x00], 4, 2).as_deref(), Some("0.00"));
        assert_eq!(text(&[0xff], 4, 2).as_deref(), Some("-0.01"));
        assert_eq!(text(&[0x7f, 0xff], 5, 0).as_deref(), Some("32767"));
        assert_eq!(text(&[0x27, 0x0f], 4, 4).as_deref(), Some("0.9999"));
        assert_eq!(text(&[0x27, 0x10], 4, 4), None);
        assert_eq!(text(&[], 4, 2), None);
        // As long as a writer likes, if the value is small.
        assert_eq!(text(&[0xff; 100], 1, 0).as_deref(), Some("-1"));
        assert_eq!(text(&[0x7f; 33], 76, 0), None);
        assert_eq!(narrow(&[0; 20]), Some(0));
        let mut least = vec![0xff; 4];
        least.extend(i128::MIN.to_be_bytes());
        assert_eq!(narrow(&least), Some(i128::MIN));
        // The same bytes with another sign before them are another value.
        least[3] = 0;
        assert_eq!(narrow(&least), None);
        let mut most = vec![0; 1];
        most.extend(i128::MIN.to_be_bytes());
        assert_eq!(narrow(&most), None);
    }
}
