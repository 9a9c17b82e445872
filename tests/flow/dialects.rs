//! What a contract says of the dialect beyond delimiters and quotes, whole, in shards, and packed.

use super::bench::Bench;

const CONTRACT: &str = r#"
name: things
rejects: { limit: 100% }
dialect: { delimiter: ",", escapeChar: '\', headerRows: [3, 4], footerRows: 2, nullSequence: '\N', blankRows: reject, raggedRows: { short: fill, trailingDelimiter: ignore } }
schema:
  fields:
    - { name: id, type: integer, constraints: { required: true } }
    - { name: price net, type: number, physicalType: "decimal(6,2)" }
    - { name: price note, type: string, constraints: { required: true } }
output: { lineage: true }
"#;

const SOURCE: &str =
    "Report\n\"of today\nid,price,price\n,net,note\n1,2.50,a\n2,\\N,\"\\N\"\n\n3,1.00,b,\n4\n5,1.00,b,c\n6,x,\\N\nTotal,9\n\"signed\n";

#[tokio::test]
async fn a_dialect_is_read_alike_in_shards_and_packed() {
    let expected = Bench::new(CONTRACT).await.land("job", SOURCE.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!((expected.counts.read, expected.counts.stored, expected.counts.rejected), (7, 3, 4), "{}", expected.errors);
    // The title and the footer become lines without meaning, so that what was fixed is read the same way.
    assert_eq!(expected.rejects, "\n\nid,price,price\n,net,note\n\n4\n5,1.00,b,c\n6,x,\\N\n-\n-\n");
    let faults: Vec<String> = expected
        .errors
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|entry: serde_json::Value| format!("{} {} {}", entry["line"], entry["record"], entry["error"].as_str().unwrap()))
        .collect();
    assert_eq!(
        faults,
        ["7 3 blank-row", "9 5 constraint-error", "10 6 extra-cell", "11 7 type-error", "11 7 constraint-error"],
        "{}",
        expected.errors
    );
    for shard_bytes in 1..=SOURCE.len() as u64 {
        let landed = Bench::new(CONTRACT).await.land("job", SOURCE.as_bytes(), shard_bytes).await.unwrap();
        assert_eq!(
            (&landed.rows, &landed.rejects, &landed.errors),
            (&expected.rows, &expected.rejects, &expected.errors),
            "in shards of {shard_bytes}"
        );
    }
    let packed = zstd::encode_all(SOURCE.as_bytes(), 1).unwrap();
    let landed = Bench::new(CONTRACT).await.land("job", &packed, 10).await.unwrap();
    assert_eq!((&landed.rows, &landed.rejects, &landed.errors), (&expected.rows, &expected.rejects, &expected.errors));
    // Fixed and sent again, nothing of it is taken for a title or a footer.
    let again = Bench::new(CONTRACT).await.land("job", expected.rejects.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!((again.counts.read, again.counts.rejected), (4, 4));
}
