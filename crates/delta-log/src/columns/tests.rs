//! Reads what was written, by this reader and by Arrow's.

use arrow_json::writer::{LineDelimited, WriterBuilder};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const SCHEMA: &str = "message rows {
    optional group a {
        optional int64 number;
        optional group texts (LIST) { repeated group list { optional binary element (STRING); } }
        optional group inner {
            optional group map (MAP) {
                repeated group key_value { required binary key (STRING); optional binary value (STRING); }
            }
            optional boolean truth;
        }
    }
    optional group b { optional int32 small; optional binary text (STRING); }
}";

fn row() -> impl Strategy<Value = Map<String, Value>> {
    let text = || "[a-cé]{0,3}".prop_map(Value::from);
    let or_null = |value: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 3 => value];
    let texts = proptest::collection::vec(or_null(text().boxed()), 0..4).prop_map(Value::from);
    let map = proptest::collection::btree_map("[a-c]{1,2}", or_null(text().boxed()), 0..4)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()));
    let inner = (or_null(map.boxed()), or_null(any::<bool>().prop_map(Value::from).boxed()))
        .prop_map(|(map, truth)| json!({ "map": map, "truth": truth }));
    let number = || any::<i64>().prop_map(Value::from);
    let a = (or_null(number().boxed()), or_null(texts.boxed()), or_null(inner.boxed())).prop_map(
        |(number, texts, inner)| json!({ "number": number, "texts": texts, "inner": inner }),
    );
    let small = any::<i32>().prop_map(Value::from);
    let b = (or_null(small.boxed()), or_null(text().boxed()))
        .prop_map(|(small, text)| json!({ "small": small, "text": text }));
    (or_null(a.boxed()), or_null(b.boxed()))
        .prop_map(|(a, b)| Map::from_iter([("a".to_owned(), a), ("b".to_owned(), b)]))
}

fn values(lines: &[u8]) -> Vec<Value> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

proptest! {
    #[test]
    fn rows_that_are_written_are_read(rows in proptest::collection::vec(row(), 0..9)) {
        let bytes = write(SCHEMA, &rows).expect("values of their types");
        let rows: Vec<Value> = rows.into_iter().map(Value::Object).collect();
        prop_assert_eq!(&values(&read(bytes.clone(), |_| true).expect("a file")), &rows);

        let mut lines = Vec::new();
        let writer = WriterBuilder::new().with_explicit_nulls(true);
        let mut writer = writer.build::<_, LineDelimited>(&mut lines);
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a file").build().expect("rows") {
            writer.write(&batch.expect("rows")).expect("JSON");
        }
        writer.finish().expect("JSON");
        drop(writer);
        prop_assert_eq!(&values(&lines), &rows);
    }

    #[test]
    fn only_wanted_fields_are_read(rows in proptest::collection::vec(row(), 1..5)) {
        let bytes = write(SCHEMA, &rows).expect("values of their types");
        let lines = read(bytes, |path| !matches!(path, ["b"] | ["a", "texts"])).expect("a file");
        for (read, mut row) in values(&lines).into_iter().zip(rows) {
            row.remove("b");
            if let Some(a) = row["a"].as_object_mut() {
                a.remove("texts");
            }
            prop_assert_eq!(read, Value::Object(row));
        }
    }
}

#[test]
fn values_of_another_type_are_refused() {
    for row in [
        json!({ "a": { "number": "1" } }),
        json!({ "a": 1 }),
        json!({ "b": { "small": 1_u64 << 40 } }),
    ] {
        let Value::Object(row) = row else { unreachable!("it is an object") };
        let error = write(SCHEMA, &[row]).expect_err("it is none of its type");
        assert_eq!(error.to_string(), "Parquet error: a value is none of its type");
    }
}
