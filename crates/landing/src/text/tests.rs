//! Checks that readers of other projects read back what is written.

use std::io::Read;
use std::sync::Arc;

use arrow_array::*;
use arrow_schema::{Field, Schema};
use contract::Packing;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn packed(form: Form, packing: Packing, columns: Vec<(&str, ArrayRef)>, batch: usize) -> Vec<u8> {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let rows =
        RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, array)| array).collect())
            .expect("arrays of one length");
    let (sink, mut packer) = (SharedBuffer::default(), Packer::new(packing).expect("a packer"));
    let mut writer = TextWriter::new(sink.clone(), Arc::new(TextSchema::new(form, schema)));
    for from in (0..rows.num_rows()).step_by(batch) {
        writer
            .write(&rows.slice(from, batch.min(rows.num_rows() - from)), &mut packer)
            .expect("rows are written");
    }
    writer.flush(&mut packer).expect("the file is written");
    sink.take()
}

fn text(form: Form, columns: Vec<(&str, ArrayRef)>) -> String {
    String::from_utf8(packed(form, Packing::None, columns, 3)).expect("text")
}

fn decimals(values: Vec<Option<i128>>, precision: u8, scale: i8) -> ArrayRef {
    Arc::new(
        Decimal128Array::from(values)
            .with_precision_and_scale(precision, scale)
            .expect("values of that precision"),
    )
}

fn every_type() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("id, \"so\"", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(7)]))),
        ("large", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("cents", decimals(vec![Some(-5), None, Some(1_234_500)], 9, 2)),
        ("wide", decimals(vec![Some(-10_i128.pow(37) - 1), None, Some(0)], 38, 10)),
        ("whole", decimals(vec![Some(-12), None, Some(0)], 5, 0)),
        ("float", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(1e300)]))),
        (
            "small",
            Arc::new(Float32Array::from(vec![Some(f32::NAN), Some(f32::NEG_INFINITY), Some(0.1)])),
        ),
        ("day", Arc::new(Date32Array::from(vec![Some(-1), None, Some(19_000)]))),
        ("time", Arc::new(Time32SecondArray::from(vec![Some(0), None, Some(86_399)]))),
        (
            "nanos",
            Arc::new(Time64NanosecondArray::from(vec![Some(1), None, Some(86_399_000_000_000)])),
        ),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(-1), None, Some(1_500_000)])
                    .with_timezone("UTC"),
            ),
        ),
        ("local", Arc::new(TimestampSecondArray::from(vec![Some(0), None, Some(-1)]))),
        ("note", Arc::new(StringArray::from(vec![Some(""), None, Some("a \"b\",\r\né\t")]))),
    ]
}

#[test]
fn every_type_as_csv() {
    let expected = concat!(
        "\"id, \"\"so\"\"\",large,flag,cents,wide,whole,float,small,day,time,nanos,at,local,note\r\n",
        "-9223372036854775808,18446744073709551615,true,-0.05,-1000000000000000000000000000.0000000001,-12,0.1,NaN,1969-12-31,00:00:00,00:00:00.000000001,",
        "1969-12-31T23:59:59.999999Z,1970-01-01T00:00:00,\"\"\r\n",
        ",,,,,,,-INF,,,,,,\r\n",
        "7,0,false,12345.00,0.0000000000,0,1e300,0.1,2022-01-08,23:59:59,23:59:59,1970-01-01T00:00:01.500Z,1969-12-31T23:59:59,\"a \"\"b\"\",\r\né\t\"\r\n",
    );
    assert_eq!(text(Form::Csv, every_type()), expected);
}

#[test]
fn every_type_as_json_lines() {
    let expected = concat!(
        r#"{"id, \"so\"":-9223372036854775808,"large":18446744073709551615,"flag":true,"cents":-0.05,"wide":-1000000000000000000000000000.0000000001,"whole":-12,"#,
        r#""float":0.1,"small":"NaN","day":"1969-12-31","time":"00:00:00","nanos":"00:00:00.000000001","at":"1969-12-31T23:59:59.999999Z","#,
        r#""local":"1970-01-01T00:00:00","note":""}"#,
        "\n",
        r#"{"id, \"so\"":null,"large":null,"flag":null,"cents":null,"wide":null,"whole":null,"float":null,"small":"-INF","day":null,"time":null,"#,
        r#""nanos":null,"at":null,"local":null,"note":null}"#,
        "\n",
        r#"{"id, \"so\"":7,"large":0,"flag":false,"cents":12345.00,"wide":0.0000000000,"whole":0,"float":1e300,"small":0.1,"day":"2022-01-08","#,
        r#""time":"23:59:59","nanos":"23:59:59","at":"1970-01-01T00:00:01.500Z","local":"1969-12-31T23:59:59","note":"a \"b\",\r\né\t"}"#,
        "\n",
    );
    assert_eq!(text(Form::Jsonl, every_type()), expected);
}

#[test]
fn no_text_is_a_formula_where_they_are_guarded() {
    let texts = [
        "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "\0x", "a=1", "'=1",
        "-\"a\",b", " =1", "",
    ];
    let columns = || -> Vec<(&str, ArrayRef)> {
        vec![
            ("=text", Arc::new(StringArray::from(texts.to_vec()))),
            (
                "number",
                Arc::new(Int64Array::from_iter_values((0..texts.len() as i64).map(|at| -at))),
            ),
        ]
    };
    let read = |form: Form| {
        let file = text(form, columns());
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_bytes());
        let cell = |row: ::csv::StringRecord| (row[0].to_owned(), row[1].to_owned());
        reader.records().map(|row| cell(row.expect("a record"))).collect::<Vec<_>>()
    };
    let (plain, guarded) = (read(Form::Csv), read(Form::GuardedCsv));
    for ((text, number), (guarded_text, guarded_number)) in plain.iter().zip(&guarded) {
        assert_eq!(number, guarded_number, "numbers are no formulas");
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝']);
        assert_eq!(*guarded_text, if is_formula { format!("'{text}") } else { text.clone() });
    }
    assert_eq!(
        guarded.iter().filter(|(text, _)| text.starts_with('\'')).count(),
        12,
        "{guarded:?}"
    );
    assert_eq!(plain[1..].iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), texts);
}

#[test]
fn a_null_of_an_only_column_is_a_record_too() {
    let notes: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some(""), None]));
    assert_eq!(text(Form::Csv, vec![("note", notes)]), "note\r\na\r\n\"\"\r\n\"\"\r\n\"\"\r\n");
}

#[test]
fn what_no_calendar_has_is_refused() {
    let far: ArrayRef = Arc::new(Date32Array::from(vec![i32::MAX]));
    let refused = Cells::new("day", &far).err().expect("it has no year");
    assert!(
        matches!(&refused, Error { kind: job::ErrorKind::LimitExceeded, message: cause, .. } if cause.starts_with("`day` has a date")),
        "{refused}"
    );
}

#[test]
fn blocks_are_unpacked_as_one() {
    let notes = || -> ArrayRef {
        Arc::new(StringArray::from_iter_values(
            (0..100_000).map(|at| format!("{at} {}", "é".repeat(at % 40))),
        ))
    };
    let plain = packed(Form::Csv, Packing::None, vec![("note", notes())], 8_192);
    assert!(plain.len() > 3 * BLOCK_BYTES);
    let gzip = packed(Form::Csv, Packing::Gzip, vec![("note", notes())], 8_192);
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(gzip.as_slice()).read_to_end(&mut unpacked).expect("gzip");
    assert!(unpacked == plain && gzip.len() < plain.len() / 4);
    let zstd = packed(Form::Csv, Packing::Zstd, vec![("note", notes())], 8_192);
    let unpacked = zstd::stream::decode_all(zstd.as_slice()).expect("Zstandard");
    assert!(unpacked == plain && zstd.len() < plain.len() / 4);
}

proptest! {
    #[test]
    fn rows_come_back(
        rows in prop::collection::vec(
            (any::<Option<String>>(), any::<Option<i64>>(), any::<Option<f64>>(), prop::option::of("[\",\r\n a]{0,6}")),
            1..60,
        ),
        batch in 1..20_usize,
    ) {
        let columns = || -> Vec<(&str, ArrayRef)> {
            vec![
                ("text", Arc::new(rows.iter().map(|row| row.0.as_deref()).collect::<StringArray>())),
                ("number", Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>())),
                ("float", Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>())),
                ("odd", Arc::new(rows.iter().map(|row| row.3.as_deref()).collect::<StringArray>())),
            ]
        };
        let file = packed(Form::Csv, Packing::None, columns(), batch);
        let mut reader = ::csv::Reader::from_reader(file.as_slice());
        prop_assert_eq!(reader.headers().expect("a header"), vec!["text", "number", "float", "odd"]);
        let read: Vec<::csv::StringRecord> = reader.records().map(|record| record.expect("a record")).collect();
        prop_assert_eq!(read.len(), rows.len());
        for (read, (text, number, float, odd)) in read.iter().zip(&rows) {
            prop_assert_eq!(&read[0], text.as_deref().unwrap_or_default());
            prop_assert_eq!(read[1].parse::<i64>().ok(), *number);
            prop_assert_eq!(read[2].parse::<f64>().ok().map(f64::to_bits), float.map(f64::to_bits));
            prop_assert_eq!(&read[3], odd.as_deref().unwrap_or_default());
        }

        let file = String::from_utf8(packed(Form::Jsonl, Packing::None, columns(), batch)).expect("text");
        prop_assert_eq!(file.lines().count(), rows.len());
        for (line, (text, number, float, odd)) in file.lines().zip(&rows) {
            let read: Value = serde_json::from_str(line).expect("JSON");
            prop_assert_eq!(&read["text"], &json!(text));
            prop_assert_eq!(&read["number"], &json!(number));
            prop_assert_eq!(&read["odd"], &json!(odd));
            // serde_json's parser of floats may be off by one in the last place.
            let lexeme = line.split_once("\"float\":").and_then(|(_, rest)| rest.rsplit_once(",\"odd\":")).expect("a member").0;
            prop_assert_eq!(lexeme.parse::<f64>().ok().map(f64::to_bits), float.map(f64::to_bits));
        }
    }
}
