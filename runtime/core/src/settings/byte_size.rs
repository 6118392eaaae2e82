//! Numbers of bytes as people write them.

/// "64MiB" as bytes; None where it is something else, or more than an `i64` holds.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_at)?;
    let number = number.replace('_', "");
    let scale: i64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(scale);
    }
    let bytes = number.parse::<f64>().ok()? * scale as f64;
    (bytes.is_finite() && bytes < 9e15).then_some(bytes.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_numbers_and_units() {
        for (written, bytes) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("64MiB", Some(64 << 20)),
            ("1.5 GB", Some(1_500_000_000)),
            ("1_000kB", Some(1_000_000)),
            ("64M", None),
            ("MiB", None),
            ("-1MiB", None),
            ("1e3", None),
            ("99999999999GiB", None),
            ("9.9e99GiB", None),
            ("\u{b2}", None),
        ] {
            assert_eq!(parse(written), bytes, "{written}");
        }
    }
}
