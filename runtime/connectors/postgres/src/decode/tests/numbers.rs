//! numeric against its text.

use arrow::array::AsArray;
use arrow::array::types::{Decimal128Type, Decimal256Type};
use arrow::datatypes::{DataType, i256};

use super::super::SourceType;
use super::{Random, column, misfit, numeric, numeric_bytes, one};

/// The value of a numeric(precision,scale), as text.
fn text(kind: &SourceType, value: &str) -> Result<String, String> {
    let (values, mut reasons) = one(kind, &numeric_bytes(value)).unwrap();
    if let Some(reason) = reasons.pop() {
        assert!(values.is_null(0));
        return Err(reason);
    }
    Ok(match values.data_type() {
        DataType::Decimal128(..) => values.as_primitive::<Decimal128Type>().value_as_string(0),
        _ => values.as_primitive::<Decimal256Type>().value_as_string(0),
    })
}

#[test]
fn the_longest_numbers_are_exact() {
    let nines = "9".repeat(76);
    for (precision, scale, value) in [
        (38, 0, nines[..38].to_owned()),
        (38, 38, format!("0.{}", &nines[..38])),
        (38, 2, format!("-{}.99", &nines[..36])),
        (38, 37, format!("9.{}", &nines[..37])),
        (38, 20, format!("-{}.{}", &nines[..18], &nines[..20])),
        (39, 1, format!("{}.9", &nines[..38])),
        (76, 0, nines.clone()),
        (76, 76, format!("-0.{nines}")),
        (76, 3, format!("{}.999", &nines[..73])),
        (38, 0, format!("1{}", "0".repeat(37))),
        (76, 0, format!("-1{}", "0".repeat(75))),
        (38, 38, format!("0.{}1", "0".repeat(37))),
        (76, 76, format!("0.{}1", "0".repeat(75))),
        (5, 2, "0.00".to_owned()),
        (5, 2, "-0.01".to_owned()),
        (9, 5, "1234.56789".to_owned()),
        (9, 5, "10.00010".to_owned()),
    ] {
        let kind = numeric(precision, scale).unwrap();
        assert_eq!(text(&kind, &value), Ok(value), "({precision},{scale})");
    }
}

#[test]
fn scales_beyond_the_digits_are_exact() {
    let value = |precision, scale, value: &str| {
        let kind = numeric(precision, scale).unwrap();
        text(&kind, value).unwrap()
    };
    assert_eq!(value(3, -2, "12300"), "12300");
    assert_eq!(value(3, -2, "-99900"), "-99900");
    assert_eq!(
        value(1, -30, &format!("7{}", "0".repeat(30))),
        format!("7{}", "0".repeat(30))
    );
    assert_eq!(value(3, 5, "0.00999"), "0.00999");
    assert_eq!(
        value(3, 50, &format!("0.{}123", "0".repeat(47))),
        format!("0.{}123", "0".repeat(47))
    );
}

#[test]
fn what_the_column_cannot_hold_is_a_misfit() {
    let kind = numeric(5, 2).unwrap();
    for value in [
        "1000",
        "-1000.00",
        "0.001",
        "123.456",
        "0.00001",
        "99999999999999999999",
    ] {
        let why = text(&kind, value).unwrap_err();
        let expected = format!("column `c0` is {}, ", value.trim_end_matches(".00"));
        assert!(why.starts_with(&expected), "{why}");
    }
    assert_eq!(text(&kind, "999.990000"), Ok("999.99".to_owned()));
    // Beyond the integers themselves.
    for (precision, digits) in [(38, 39), (38, 60), (76, 77), (76, 200), (76, 4000)] {
        let kind = numeric(precision, 0).unwrap();
        for value in ["9".repeat(digits), format!("1{}", "0".repeat(digits - 1))] {
            let why = text(&kind, &value).unwrap_err();
            assert!(why.contains(", which decimal(") && why.len() < 120, "{why}");
        }
    }
    let head = |sign: u16| [0, 0, sign, 0].map(u16::to_be_bytes).concat();
    assert!(misfit(&kind, &head(0xc000)).contains("is NaN"));
    assert!(misfit(&kind, &head(0xd000)).contains("is Infinity"));
    assert!(misfit(&kind, &head(0xf000)).contains("is -Infinity"));
}

#[test]
fn what_is_no_numeric_is_refused() {
    let kind = numeric(5, 2).unwrap();
    for words in [
        vec![],
        vec![0, 0, 0],
        vec![1, 0, 0, 0],
        vec![1, 0, 0, 0, 1, 1],
        vec![0xffff, 0, 0, 0],
        vec![0, 0, 0x1000, 0],
        vec![1, 0, 0, 0, 10_000],
        vec![1, 0, 0, 0, 0xffff],
    ] {
        let bytes: Vec<u8> = words
            .iter()
            .flat_map(|word: &u16| word.to_be_bytes())
            .collect();
        one(&kind, &bytes).unwrap_err();
    }
    one(&kind, &[0; 9]).unwrap_err();
    // The greatest and the least weight, and zeros before and after.
    let words =
        |words: &[u16]| -> Vec<u8> { words.iter().flat_map(|word| word.to_be_bytes()).collect() };
    misfit(&kind, &words(&[1, 0x7fff, 0, 0, 1]));
    misfit(&kind, &words(&[1, 0x8000, 0, 0, 1]));
    let (values, _) = one(&kind, &words(&[4, 2, 0, 0, 0, 0, 7, 0])).unwrap();
    assert_eq!(values.as_primitive::<Decimal128Type>().value(0), 700);
    let (values, _) = one(&kind, &words(&[1, 0x7fff, 0x4000, 0, 0])).unwrap();
    assert_eq!(values.as_primitive::<Decimal128Type>().value(0), 0);
}

#[test]
fn any_number_is_its_text() {
    let mut random = Random::new();
    for _ in 0..400 {
        let precision = 1 + random.below(76);
        let scale = random.below(precision + 1);
        let kind = numeric(precision as i32, scale as i32).unwrap();
        let texts: Vec<String> = (0..20)
            .map(|_| any(&mut random, precision, scale))
            .collect();
        let values: Vec<_> = texts.iter().map(|text| Some(numeric_bytes(text))).collect();
        let (values, reasons) = column(&kind, &values).unwrap();
        assert_eq!(reasons, Vec::<String>::new());
        for (at, text) in texts.iter().enumerate() {
            let expected: i256 = text.replace('.', "").parse().unwrap();
            let found = match values.data_type() {
                DataType::Decimal128(..) => {
                    i256::from_i128(values.as_primitive::<Decimal128Type>().value(at))
                }
                _ => values.as_primitive::<Decimal256Type>().value(at),
            };
            assert_eq!(found, expected, "{text} in ({precision},{scale})");
        }
    }
}

/// With runs of zeros and nines, where groups go wrong.
fn any(random: &mut Random, precision: usize, scale: usize) -> String {
    let mut digit = '0';
    let mut digits = |count: usize, random: &mut Random| -> String {
        let mut text = String::new();
        for _ in 0..count {
            if random.below(3) == 0 {
                digit = ['0', '9', char::from(b'0' + random.below(10) as u8)][random.below(3)];
            }
            text.push(digit);
        }
        text
    };
    let before = random.below(precision - scale + 1);
    let whole = digits(before, random);
    let whole = whole.trim_start_matches('0');
    let fraction = digits(scale, random);
    let sign = if random.below(2) == 0 { "-" } else { "" };
    match scale {
        0 => format!("{sign}0{whole}"),
        _ => format!("{sign}0{whole}.{fraction}"),
    }
}
