//! CSV against arrow-csv, and everything that is wrong with it.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod common;

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use common::{block, decode, infer};
use wasm_sink_formats::{Decoder, Dialect, Format, Outcome, UnknownFields, describe};

const CSV: Format = Format::Csv(Dialect {
    delimiter: b',',
    has_header: true,
});

fn random_field(random: &mut fastrand::Rng) -> String {
    let pieces = ["a", "é", "\"", ",", "\n", "\r\n", " ", "words "];
    let text: String = (0..random.usize(1..5))
        .map(|_| pieces[random.usize(..pieces.len())])
        .collect();
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[test]
fn batches_equal_those_of_arrow_csv() {
    let mut random = fastrand::Rng::with_seed(21);
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("amount", DataType::Float64, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("ok", DataType::Boolean, true),
    ]));
    for _ in 0..200 {
        let mut text = "id,amount,name,ok\n".to_owned();
        for _ in 0..30 {
            let id = random.i64(..) >> random.u8(..63);
            let amount = f64::from(random.i32(..)) / 64.0;
            let name = random_field(&mut random);
            let fields = [
                id.to_string(),
                amount.to_string(),
                name,
                random.bool().to_string(),
            ];
            let fields: Vec<_> = fields
                .into_iter()
                .map(|field| {
                    if random.u8(..6) == 0 {
                        String::new()
                    } else {
                        field
                    }
                })
                .collect();
            text.push_str(&fields.join(","));
            text.push_str(["\n", "\r\n", "\n\n"][random.usize(..3)]);
        }
        let decoder = Decoder::new(CSV, text.as_bytes(), None).unwrap();
        let decoded = decode(&decoder, &schema, text.as_bytes(), UnknownFields::Refuse);
        assert_eq!(decoded.undecodable, []);
        let mut reader = arrow::csv::ReaderBuilder::new(Arc::clone(&schema))
            .with_header(true)
            .build(text.as_bytes())
            .unwrap();
        let theirs: RecordBatch = reader.next().unwrap().unwrap();
        assert_eq!(decoded.rows, theirs, "{text}");
    }
}

#[test]
fn bad_records_are_named_with_place_and_reason() {
    let text = concat!(
        "\u{feff}id,name\r\n",
        "1,one\r\n",
        "2,two,more\n",
        "\n",
        "3,\"three\nlines\nlong\"\n",
        "four,4\n",
        "5,\"five\"x\n",
        "6,six\n",
        "7,\"never closed\n",
        "8,eight",
    );
    let decoder = Decoder::new(CSV, text.as_bytes(), None).unwrap();
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
    ]));
    let decoded = decode(&decoder, &schema, text.as_bytes(), UnknownFields::Refuse);
    let ids = decoded.rows.column(0).as_primitive::<Int64Type>();
    assert_eq!(ids.values(), &[1, 3, 6, 8]);
    let lines: Vec<_> = decoded
        .places
        .iter()
        .map(|place| place.lines_before + 1)
        .collect();
    assert_eq!(lines, [2, 5, 10, 12]);
    let letters: Vec<_> = decoded
        .undecodable
        .iter()
        .map(|letter| {
            (
                letter.after_rows,
                letter.place.lines_before + 1,
                letter.reason.as_str(),
            )
        })
        .collect();
    assert_eq!(
        letters,
        [
            (
                1,
                3,
                "the record has 3 fields, and 2 are expected (byte 1 of the record)"
            ),
            (
                2,
                8,
                "`id` takes int64, and the value is four (byte 1 of the record)"
            ),
            (
                2,
                9,
                "a field goes on after its closing quote (byte 9 of the record)"
            ),
            (
                3,
                11,
                "a quote is opened and never closed (byte 1 of the record)"
            ),
        ]
    );
}

#[test]
fn inference_keeps_every_character() {
    let text = concat!(
        "id,zip,price,flag,never,note,big\n",
        "1,01234,1,TRUE,,a,9223372036854775808\n",
        "2,99999,1.50,false,,7,1\n",
    );
    let decoder = Decoder::new(CSV, text.as_bytes(), None).unwrap();
    let schema = infer(&decoder, text.as_bytes());
    let shown: Vec<_> = describe(&schema)
        .into_iter()
        .map(|field| format!("{} {}", field.name, field.data_type))
        .collect();
    assert_eq!(
        shown,
        [
            "id int64",
            "zip utf8",
            "price float64",
            "flag boolean",
            "note utf8",
            "big utf8"
        ]
    );
    let decoded = decode(&decoder, &schema, text.as_bytes(), UnknownFields::Report);
    assert_eq!(decoded.rows.num_rows(), 2);
    let late = format!("{text}3,1,1,true,now,b,2\n");
    let outcome = decoder.decode(&schema, &block(late.as_bytes()), UnknownFields::Report);
    assert!(matches!(outcome.unwrap(), Outcome::NewFields));
}

#[test]
fn what_the_user_asked_for_is_taken_leniently_where_nothing_is_lost() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("b", DataType::Int8, true),
        Field::new("a", DataType::Float64, true),
        Field::new("absent", DataType::Utf8, true),
        Field::new("text", DataType::Utf8, false),
    ]));
    let text = "a;b;unwanted;text\nNaN;+007;x;\n-1e3;-8;y;t\n1;300;;t\n1;;;t\n";
    let semicolons = Format::Csv(Dialect {
        delimiter: b';',
        has_header: true,
    });
    let decoder = Decoder::new(semicolons, text.as_bytes(), Some(&schema)).unwrap();
    let decoded = decode(&decoder, &schema, text.as_bytes(), UnknownFields::Ignore);
    let a = decoded.rows.column(1).as_primitive::<Float64Type>();
    assert!(a.value(0).is_nan());
    assert_eq!(a.value(1), -1000.0);
    assert_eq!(decoded.rows.column(0).null_count(), 1);
    assert_eq!(decoded.rows.column(2).null_count(), 3);
    assert_eq!(decoded.rows.column(3).as_string::<i32>().value(0), "");
    assert_eq!(decoded.undecodable.len(), 1);
    assert!(
        decoded.undecodable[0]
            .reason
            .contains("`b` takes int8, and the value is 300")
    );
}

#[test]
fn names_come_from_the_header_the_schema_or_the_place() {
    let bare = Format::Csv(Dialect {
        delimiter: b',',
        has_header: false,
    });
    let text = b"1,x\n2,y\n";
    let numbered = Decoder::new(bare, text, None).unwrap();
    let schema = infer(&numbered, text);
    let names: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(names, ["column_1", "column_2"]);
    assert_eq!(
        decode(&numbered, &schema, text, UnknownFields::Refuse)
            .rows
            .num_rows(),
        2
    );

    let given = Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, true),
        Field::new("t", DataType::Utf8, true),
    ]));
    let named = Decoder::new(bare, text, Some(&given)).unwrap();
    let rows = decode(&named, &given, text, UnknownFields::Ignore).rows;
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);

    let twice = Decoder::new(CSV, b"a,b,a\n", None).unwrap_err();
    assert!(twice.to_string().contains("names `a` twice"), "{twice}");
}
