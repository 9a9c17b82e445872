//! Checks that any split gives the same rows, rejects and line numbers as reading from the start.

use job::message::Counts;
use proptest::prelude::*;

use super::bench::{Bench, things};

const SCHEMA: &str = r#"
schema:
  missingValues: ["", "NA"]
  fields:
    - { name: id, type: integer, physicalType: int32, constraints: { required: true, minimum: 0 } }
    - { name: text, type: string, constraints: { maxLength: 23 } }
    - { name: price, type: number, physicalType: "decimal(6,2)" }
    - { name: day, type: date }
"#;

const SOURCE: &str = "id,text,price,day\n\
    1,plain,1.5,2024-02-29\n\
    2,\"two\nlines, one \"\"quote\"\"\",NA,\n\
    x,,1,\n\
    \n\
    3,this is far too long for it,99999.99,2023-02-29\r\n\
    4,short\n\
    5,a,1.005,2024-01-01,extra\n\
    6,stray\"quote,1,\n\
    7,\"open,1,2024-01-01\n8,x\",2,\n";

#[tokio::test]
async fn every_shard_size_gives_the_same() {
    let sequential =
        Bench::new(&things(SCHEMA)).await.land("job", SOURCE.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(sequential.counts, Counts { read: 8, stored: 3, rejected: 5, filtered: 0 });
    for shard_bytes in 1..=SOURCE.len() as u64 {
        let split = Bench::new(&things(SCHEMA))
            .await
            .land("job", SOURCE.as_bytes(), shard_bytes)
            .await
            .unwrap();
        assert_eq!(split, sequential, "shards of {shard_bytes} bytes");
    }
}

#[tokio::test]
async fn all_faults_of_a_record_are_told_with_their_place() {
    let landed =
        Bench::new(&things(SCHEMA)).await.land("job", SOURCE.as_bytes(), 16).await.unwrap();
    let faults: Vec<String> = landed
        .errors
        .lines()
        .map(|line| {
            let entry: contract::rejects::ErrorEntry = serde_json::from_str(line).unwrap();
            let place = format!(
                "line {} record {} byte {} column {:?}",
                entry.line, entry.record, entry.byte, entry.column
            );
            format!("{place} {} {}", entry.error.as_str(), entry.message)
        })
        .collect();
    let expected = [
        "line 5 record 3 byte 74 column Some(1) type-error `x` is not an integer",
        "line 7 record 4 byte 81 column Some(2) constraint-error has 27 characters, more than the maxLength 23",
        "line 7 record 4 byte 81 column Some(3) type-error `99999.99` is outside of decimal(6,2): at most 4 digits before the point",
        "line 7 record 4 byte 81 column Some(4) type-error `2023-02-29` is not a date as YYYY-MM-DD",
        "line 8 record 5 byte 132 column Some(3) missing-cell there is no cell in column 3: the record has 2 of 4",
        "line 8 record 5 byte 132 column Some(4) missing-cell there is no cell in column 4: the record has 2 of 4",
        "line 9 record 6 byte 140 column Some(3) type-error `1.005` has more than 2 digits after the point of decimal(6,2); nothing is rounded",
        "line 9 record 6 byte 140 column Some(5) extra-cell there is a cell too many in column 5: the record has 5 of 4",
        "line 10 record 7 byte 174 column Some(2) quote-error a quote stands where none may: inside an unquoted field, or closing a field that goes on",
    ];
    assert_eq!(faults, expected);
    let header_and_records =
        "id,text,price,day\nx,,1,\n3,this is far too long for it,99999.99,2023-02-29\r\n4,short\n";
    assert!(landed.rejects.starts_with(header_and_records), "{}", landed.rejects);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_split_equals_sequential(body in "([0-9a\",\r\n ]|NA|\"\"|\r\n|,,,\n|1,a,2\\.5,2024-01-01\n){0,60}", shard_bytes in 1u64..40) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let source = format!("id,text,price,day\n{body}");
        runtime.block_on(async {
            let sequential = Bench::new(&things(SCHEMA)).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
            let split = Bench::new(&things(SCHEMA)).await.land("job", source.as_bytes(), shard_bytes).await.unwrap();
            assert!(sequential.counts.is_conserved());
            assert_eq!(split, sequential);
        });
    }
}
