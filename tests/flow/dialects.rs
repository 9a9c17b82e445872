//! Checks the dialect beyond delimiters and quotes: whole, in shards, and packed.

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

const SOURCE: &str = "Report\n\"of today\nid,price,price\n,net,note\n1,2.50,a\n2,\\N,\"\\N\"\n\n3,1.00,b,\n4\n5,1.00,b,c\n6,x,\\N\nTotal,9\n\"signed\n";

#[tokio::test]
async fn a_dialect_is_read_alike_in_shards_and_packed() {
    let expected =
        Bench::new(CONTRACT).await.land("job", SOURCE.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(
        (expected.counts.read, expected.counts.stored, expected.counts.rejected),
        (7, 3, 4),
        "{}",
        expected.errors
    );
    // The title and the footer become lines without meaning, so that what was fixed is read the
    // same way.
    assert_eq!(expected.rejects, "\n\nid,price,price\n,net,note\n\n4\n5,1.00,b,c\n6,x,\\N\n-\n-\n");
    let faults: Vec<String> = expected
        .errors
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|entry: serde_json::Value| {
            format!("{} {} {}", entry["line"], entry["record"], entry["error"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        faults,
        [
            "7 3 blank-row",
            "9 5 constraint-error",
            "10 6 extra-cell",
            "11 7 type-error",
            "11 7 constraint-error"
        ],
        "{}",
        expected.errors
    );
    for shard_bytes in 1..=SOURCE.len() as u64 {
        let landed =
            Bench::new(CONTRACT).await.land("job", SOURCE.as_bytes(), shard_bytes).await.unwrap();
        assert_eq!(
            (&landed.rows, &landed.rejects, &landed.errors),
            (&expected.rows, &expected.rejects, &expected.errors),
            "in shards of {shard_bytes}"
        );
    }
    let packed = zstd::encode_all(SOURCE.as_bytes(), 1).unwrap();
    let landed = Bench::new(CONTRACT).await.land("job", &packed, 10).await.unwrap();
    assert_eq!(
        (&landed.rows, &landed.rejects, &landed.errors),
        (&expected.rows, &expected.rejects, &expected.errors)
    );
    // Fixed and sent again, nothing of it is taken for a title or a footer.
    let again = Bench::new(CONTRACT)
        .await
        .land("job", expected.rejects.as_bytes(), u64::MAX)
        .await
        .unwrap();
    assert_eq!((again.counts.read, again.counts.rejected), (4, 4));
}

/// Delimiters, quotes, escapes and comments of several bytes, some of which begin with the same
/// one.
#[tokio::test]
async fn tokens_of_several_bytes_are_read_alike_in_shards_and_packed() {
    let contract = r#"
name: things
rejects: { limit: 100% }
dialect: { delimiter: "¦", quoteChar: "§", escapeChar: "´", commentChar: "««", header: true }
schema:
  fields:
    - { name: id, type: integer }
    - { name: note, type: string }
"#;
    let source = "id¦§note§\n1¦§a¦\nb§§c§\n««2¦§\n3¦´§d«´¦\nx¦§e§\n5¦f§\n6¦§§\n";
    let expected =
        Bench::new(contract).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    let rows: Vec<&str> = expected.rows.iter().map(|row| row.split_once('|').unwrap().1).collect();
    assert_eq!(rows, ["1|a¦\nb§c", "3|§d«¦", "6|∅"], "{}", expected.errors);
    assert_eq!(expected.rejects, "id¦§note§\nx¦§e§\n5¦f§\n");
    for shard_bytes in 1..=source.len() as u64 {
        let landed =
            Bench::new(contract).await.land("job", source.as_bytes(), shard_bytes).await.unwrap();
        assert_eq!(
            (&landed.rows, &landed.rejects, &landed.errors),
            (&expected.rows, &expected.rejects, &expected.errors),
            "in shards of {shard_bytes}"
        );
    }
    let packed = zstd::encode_all(source.as_bytes(), 1).unwrap();
    let landed = Bench::new(contract).await.land("job", &packed, 10).await.unwrap();
    assert_eq!(
        (&landed.rows, &landed.rejects, &landed.errors),
        (&expected.rows, &expected.rejects, &expected.errors)
    );
    // In encodings in which each of them is a byte, or a unit.
    let western: Vec<u8> = source.chars().map(|c| c as u8).collect();
    let utf_16: Vec<u8> = source.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (label, source) in [("windows-1252", western), ("utf-16le", utf_16)] {
        for shard_bytes in (1..=source.len() as u64).step_by(5) {
            let landed = Bench::new(&format!("{contract}encoding: {label}\n"))
                .await
                .land("job", &source, shard_bytes)
                .await
                .unwrap();
            assert_eq!(
                (&landed.rows, landed.counts),
                (&expected.rows, expected.counts),
                "{label} in shards of {shard_bytes}"
            );
        }
    }
}

/// Files that were put together with their headers and byte order marks, units under the header,
/// delimiters of several bytes at the ends of records, texts of digits and blank lines for nulls.
#[tokio::test]
async fn what_surrounds_a_table_is_read_alike_in_shards_and_packed() {
    let contract = |repeated: &str| {
        format!(
            r#"
name: things
rejects: {{ limit: 100% }}
dialect:
  {{ delimiter: "~|~", excelText: true, unitsRow: true, repeatedHeader: {repeated}, blankRows: keep, footerRows: 1,
    raggedRows: {{ trailingDelimiter: ignore }} }}
schema:
  fields:
    - {{ name: id, type: integer }}
    - {{ name: code, type: string }}
"#
        )
    };
    let source = "\u{feff}id~|~code~|~\n~|~kg\n1~|~=\"007\"\n\n\u{feff}id~|~\"code\"~|~\n\u{feff}2~|~=\"a\n~|~b\"~|~\nx~|~|~\nTotal~|~\n\n\n";
    let lines = |landed: &super::bench::Landed| -> Vec<String> {
        let of = |line: &str| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            format!("{} {} {}", entry["line"], entry["record"], entry["error"].as_str().unwrap())
        };
        landed.errors.lines().map(of).collect()
    };
    for (repeated, counts, faults) in [
        ("reject", (5, 3, 2, 0), vec!["5 3 repeated-header", "8 5 type-error"]),
        ("skip", (5, 3, 1, 1), vec!["8 5 type-error"]),
        ("keep", (5, 3, 2, 0), vec!["5 3 type-error", "8 5 type-error"]),
    ] {
        let contract = contract(repeated);
        let expected =
            Bench::new(&contract).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
        let found = expected.counts;
        assert_eq!(
            (found.read, found.stored, found.rejected, found.filtered),
            counts,
            "{repeated}: {}",
            expected.errors
        );
        assert_eq!(lines(&expected), faults, "{repeated}");
        let rows: Vec<&str> =
            expected.rows.iter().map(|row| row.split_once('|').unwrap().1).collect();
        assert_eq!(rows, ["1|007", "∅|∅", "2|a\n~|~b"], "{repeated}");
        for shard_bytes in 1..=source.len() as u64 {
            let landed = Bench::new(&contract)
                .await
                .land("job", source.as_bytes(), shard_bytes)
                .await
                .unwrap();
            assert_eq!(
                (&landed.rows, &landed.rejects, &landed.errors, landed.counts),
                (&expected.rows, &expected.rejects, &expected.errors, expected.counts),
                "in shards of {shard_bytes}"
            );
        }
        let packed = zstd::encode_all(source.as_bytes(), 1).unwrap();
        let landed = Bench::new(&contract).await.land("job", &packed, 10).await.unwrap();
        assert_eq!(
            (&landed.rows, &landed.rejects, &landed.errors),
            (&expected.rows, &expected.rejects, &expected.errors)
        );
        let again = Bench::new(&contract)
            .await
            .land("job", expected.rejects.as_bytes(), u64::MAX)
            .await
            .unwrap();
        assert_eq!(
            (again.counts.read, again.counts.rejected),
            (counts.2, counts.2),
            "{repeated}: {}",
            expected.rejects
        );
    }
}
