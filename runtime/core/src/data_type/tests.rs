use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit, UnionFields, UnionMode};

use super::{MAX_DEPTH, name, parse};

fn reason(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn texts_of_the_contract() {
    let utf8 = |name: &str| Field::new(name, DataType::Utf8, true);
    let cases = [
        ("boolean", DataType::Boolean),
        ("uint64", DataType::UInt64),
        ("float16", DataType::Float16),
        ("time32(ms)", DataType::Time32(TimeUnit::Millisecond)),
        ("time64(ns)", DataType::Time64(TimeUnit::Nanosecond)),
        (
            "timestamp(us)",
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ),
        (
            "timestamp(us,+00:00)",
            DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        ),
        (
            "timestamp(ns,Europe/Berlin)",
            DataType::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into())),
        ),
        ("decimal(10,2)", DataType::Decimal128(10, 2)),
        ("decimal(3,-2)", DataType::Decimal128(3, -2)),
        ("decimal256(50,2)", DataType::Decimal256(50, 2)),
        ("fixed_size_binary(16)", DataType::FixedSizeBinary(16)),
        ("list<utf8>", DataType::List(Arc::new(utf8("item")))),
        (
            "struct<country: utf8, score: int32 not null>",
            DataType::Struct(
                vec![utf8("country"), Field::new("score", DataType::Int32, false)].into(),
            ),
        ),
        (
            "struct<`a, b`: utf8, `tick``s`: utf8, größe: utf8>",
            DataType::Struct(vec![utf8("a, b"), utf8("tick`s"), utf8("größe")].into()),
        ),
        ("struct<>", DataType::Struct(Vec::<Field>::new().into())),
    ];
    for (text, data_type) in cases {
        assert_eq!(parse(text).unwrap(), data_type, "{text}");
        assert_eq!(name(&data_type), text);
    }
    // A decimal that needs it is wide, whichever word asks for it.
    assert_eq!(parse("decimal(50,2)").unwrap(), DataType::Decimal256(50, 2));
    assert_eq!(
        parse(" map < utf8 , struct<a:int8 not  null> >\n").unwrap(),
        parse("map<utf8, struct<a: int8 not null>>").unwrap()
    );
}

#[test]
fn wrong_words_are_answered_with_the_right_one() {
    for (wrong, right) in [
        ("string", "`utf8`"),
        ("long", "`int64`"),
        ("bigint", "`int64`"),
        ("double", "`float64`"),
        ("int", "`int32`"),
        ("Utf8", "`utf8`"),
        ("INT64", "`int64`"),
        ("flaot64", "`float64`"),
        ("array<utf8>", "`list<utf8>`"),
        ("timestamp", "`timestamp(us,+00:00)`"),
        ("list<strin>", "`utf8`"),
        ("time64(ms)", "`time32`"),
        ("timestamp(seconds)", "units are s, ms, us, ns"),
        ("decimal(77,0)", "1 to 76 digits"),
        ("decimal(4,9)", "(4,9) does not fit"),
        ("struct<a utf8>", "`:` was expected"),
        ("struct<a: utf8, a: int8>", "stands twice"),
        ("struct<a: utf8 null>", "only `not null`"),
        ("list<utf8", "the text ends"),
        ("int64 not null", "left over"),
        ("fixed_size_binary(2000000000)", "not between 0 and 65536"),
        (
            "fixed_size_list<fixed_size_list<int8, 60000>, 60000>",
            "not between 0 and 1",
        ),
        ("", "a type is missing"),
        ("struct<`a: utf8>", "closing backtick"),
        ("dictionary<utf8, utf8>", "integer type"),
    ] {
        let reason = reason(wrong);
        assert!(reason.contains(right), "{wrong}: {reason}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| "list<".repeat(depth) + "utf8" + &">".repeat(depth);
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert!(reason(&nested(MAX_DEPTH + 1)).contains("nested more than"));
    assert!(reason(&nested(100_000)).contains("nested more than"));
    assert!(reason(&"map<utf8, ".repeat(100_000)).contains("nested more than"));
    assert!(reason(&"a".repeat(1_000_000)).len() < 500);
}

#[test]
fn every_type_prints_and_is_read_back() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let data_type = any(&mut random, 4);
        let text = name(&data_type);
        let back = parse(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(back, data_type, "{text}");
    }
    let union = UnionFields::try_new(
        [0, 1],
        [
            Field::new("a", DataType::Utf8, true),
            Field::new("b", DataType::Int8, true),
        ],
    )
    .unwrap();
    assert_eq!(
        name(&DataType::Union(union, UnionMode::Dense)),
        "union<a: utf8, b: int8>"
    );
}

#[test]
fn no_text_panics() {
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..20_000 {
        let mut text: Vec<char> = name(&any(&mut random, 3)).chars().collect();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(0..text.len());
            text[at] = *random
                .choice(&['<', '>', '(', ',', '`', ' ', 'ä', '-', '9', ':'])
                .unwrap();
        }
        let text: String = text.into_iter().collect();
        if let Ok(data_type) = parse(&text) {
            assert_eq!(parse(&name(&data_type)).unwrap(), data_type, "{text}");
        }
    }
}

fn any(random: &mut fastrand::Rng, depth: usize) -> DataType {
    let unit = |random: &mut fastrand::Rng| {
        *random
            .choice(&[
                TimeUnit::Second,
                TimeUnit::Millisecond,
                TimeUnit::Microsecond,
                TimeUnit::Nanosecond,
            ])
            .unwrap()
    };
    let field = |random: &mut fastrand::Rng, name: &str| {
        Arc::new(Field::new(
            name,
            any(random, depth.saturating_sub(1)),
            random.bool(),
        ))
    };
    match random.u8(0..if depth == 0 { 26 } else { 36 }) {
        0 => DataType::Null,
        1 => DataType::Boolean,
        2 => DataType::Int8,
        3 => DataType::Int16,
        4 => DataType::Int32,
        5 => DataType::Int64,
        6 => DataType::UInt8,
        7 => DataType::UInt16,
        8 => DataType::UInt32,
        9 => DataType::UInt64,
        10 => DataType::Float16,
        11 => DataType::Float32,
        12 => DataType::Float64,
        13 => DataType::Utf8,
        14 => DataType::LargeUtf8,
        15 => DataType::Utf8View,
        16 => DataType::Binary,
        17 => DataType::BinaryView,
        18 => DataType::Date32,
        19 => DataType::Date64,
        20 => DataType::Time32(TimeUnit::Second),
        21 => DataType::Time64(TimeUnit::Microsecond),
        22 => {
            let zone = random.choice([
                None,
                Some("+02:00"),
                Some("UTC"),
                Some("odd, `zone`)"),
                Some(""),
            ]);
            DataType::Timestamp(unit(random), zone.flatten().map(Into::into))
        }
        23 => DataType::Duration(unit(random)),
        24 => match random.u8(0..4) {
            0 => DataType::Decimal32(9, 2),
            1 => DataType::Decimal64(18, -3),
            2 => DataType::Decimal128(random.u8(1..=38), 0),
            _ => DataType::Decimal256(random.u8(1..=76), 1),
        },
        25 => match random.u8(0..4) {
            0 => DataType::Interval(IntervalUnit::YearMonth),
            1 => DataType::Interval(IntervalUnit::MonthDayNano),
            2 => DataType::LargeBinary,
            _ => DataType::FixedSizeBinary(random.i32(0..20)),
        },
        26 => DataType::List(field(random, "item")),
        27 => DataType::LargeList(field(random, "item")),
        28 => DataType::ListView(field(random, "item")),
        29 => DataType::LargeListView(field(random, "item")),
        30 => DataType::FixedSizeList(field(random, "item"), random.i32(0..4)),
        31 | 32 => {
            let names = [
                "a",
                "größe",
                "with space",
                "`",
                "",
                "a.b",
                "not",
                "0",
                "x:y",
                "<>",
            ];
            let count = random.usize(0..names.len());
            let fields: Vec<_> = names[..count]
                .iter()
                .map(|name| field(random, name))
                .collect();
            DataType::Struct(fields.into())
        }
        33 => {
            let key = Field::new("key", any(random, 0), false);
            let value = Field::new("value", any(random, depth - 1), random.bool());
            let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
            DataType::Map(Arc::new(entries), false)
        }
        34 => DataType::Dictionary(Box::new(DataType::UInt16), Box::new(any(random, 0))),
        _ => DataType::RunEndEncoded(
            Arc::new(Field::new("run_ends", DataType::Int32, false)),
            field(random, "values"),
        ),
    }
}
