//! Checks encodings: the same rows land in each, and rejects hold the source's own bytes.

use contract::rejects::ErrorEntry;
use csv_records::encoding::Encoding;
use objects::Pin;

use super::bench::{Bench, Landed};

const FIELDS: &str = "
name: things
schema:
  fields:
    - { name: id, type: integer, constraints: { required: true } }
    - { name: näme, type: string, constraints: { maxLength: 12 } }
    - { name: price, type: number, physicalType: \"decimal(6,2)\" }
output: { lineage: true }
";

/// Every encoding has these letters.
const WESTERN: &str = "id,näme,price\n1,Zoë,1.50\n2,\"é \"\"ü\"\"\nß\",2\r\nx,böse,3\n3,aaaaaaaaaaaaé,4\n\n4,ö\n5,ä\"ö,1\n6,ünd,1.005\n7,é,\n";

fn contract(encoding: Option<&str>) -> String {
    encoding.map_or_else(|| FIELDS.to_owned(), |label| format!("{FIELDS}encoding: {label}\n"))
}

fn encode(text: &str, label: &str) -> Vec<u8> {
    match label {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => {
            encoding_rs::Encoding::for_label(label.as_bytes()).unwrap().encode(text).0.into_owned()
        }
    }
}

/// The faults, each at the character where its byte lies.
fn faults(landed: &Landed, source: &[u8], label: &str) -> Vec<ErrorEntry> {
    let encoding = Encoding::parse(label).unwrap();
    let characters = |byte: u64| {
        let mut text = Vec::new();
        assert_eq!(encoding.decode(&source[..byte as usize], &mut text), None);
        String::from_utf8(text).unwrap().chars().count() as u64
    };
    let entries = landed.errors.lines().map(|line| serde_json::from_str(line).unwrap());
    entries.map(|entry: ErrorEntry| ErrorEntry { byte: characters(entry.byte), ..entry }).collect()
}

#[tokio::test]
async fn every_encoding_lands_as_utf_8_does() {
    let expected =
        Bench::new(&contract(None)).await.land("job", WESTERN.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!((expected.counts.stored, expected.counts.rejected), (3, 5));
    for label in ["windows-1252", "iso-8859-15", "gb18030", "utf-16le", "utf-16be"] {
        let source = encode(WESTERN, label);
        for shard_bytes in (1..=source.len() as u64).step_by(3).chain([u64::MAX]) {
            let bench = Bench::new(&contract(Some(label))).await;
            let landed = bench.land("job", &source, shard_bytes).await.unwrap();
            assert_eq!(
                (&landed.rows, landed.counts),
                (&expected.rows, expected.counts),
                "{label} in shards of {shard_bytes}"
            );
            assert_eq!(
                faults(&landed, &source, label),
                faults(&expected, WESTERN.as_bytes(), "utf-8"),
                "{label} in shards of {shard_bytes}"
            );

            let keys = bench.context.keys(&job::message::JobId::parse("job").unwrap());
            let rejects =
                bench.work().get(&keys.rejects(0), &Pin::default(), 0..u64::MAX).await.unwrap();
            let mark = if label.starts_with("utf-16") { "\u{feff}" } else { "" };
            assert_eq!(
                rejects,
                encode(&format!("{mark}{}", expected.rejects), label),
                "{label} in shards of {shard_bytes}"
            );
        }
    }
}

#[tokio::test]
async fn characters_with_ascii_inside_are_read_whole() {
    let contract = "
name: things
encoding: shift_jis
schema: { fields: [ { name: id, type: integer }, { name: 名前, type: string } ] }
";
    // ソ, 表 and ー end with the bytes of `\\`, `\\` and `[`.
    let text = "id,名前\n1,ソ表ー\n2,\"ソ,表\"\n";
    let source = encode(text, "shift_jis");
    for shard_bytes in 1..=source.len() as u64 {
        let landed = Bench::new(contract).await.land("job", &source, shard_bytes).await.unwrap();
        let rows: Vec<&str> =
            landed.rows.iter().map(|row| row.split_once('|').unwrap().1).collect();
        assert_eq!(rows, ["1|ソ表ー", "2|ソ,表"], "shards of {shard_bytes}");
    }
    let piped = Bench::new(&format!("{contract}dialect: {{ delimiter: '|' }}\n")).await;
    let failure = piped.land("job", &source, 100).await.unwrap_err();
    assert_eq!(failure.error, "ContractInvalid");
    assert!(failure.cause.contains("`|` can't be the delimiter in Shift_JIS"), "{}", failure.cause);
}

#[tokio::test]
async fn invalid_bytes_refuse_their_record_alone() {
    let cases: [(&str, &[u8], u64); 4] = [
        ("utf-8", b"id,n\xC3\xA4me,price\n1,a,1\n2,b\xFF,1\n3,c,1\n", 24),
        ("windows-1253", b"id,n\xE4me,price\n1,a,1\n2,b\xFF,1\n3,c,1\n", 23),
        ("euc-kr", b"id,name,price\n1,a,1\n2,b\xFF,1\n3,c,1\n", 23),
        ("utf-16le", b"i\0d\0,\0n\0\n\x001\0,\0a\0\n\x002\0,\0\x00\xD8\n\x003\0,\0c\0\n\0", 22),
    ];
    for (label, source, byte) in cases {
        let mut header = Vec::new();
        let line = if label == "utf-16le" {
            &source[..8]
        } else {
            &source[..source.iter().position(|b| *b == b'\n').unwrap()]
        };
        Encoding::parse(label).unwrap().decode(line, &mut header);
        let names = String::from_utf8(header).unwrap();
        let fields: Vec<String> =
            names.split(',').map(|name| format!("{{ name: \"{name}\" }}")).collect();
        let contract = format!(
            "name: things\nencoding: {label}\nschema: {{ fields: [ {} ] }}\n",
            fields.join(", ")
        );
        for shard_bytes in [1, 2, 3, 7, 1000] {
            let landed =
                Bench::new(&contract).await.land("job", source, shard_bytes).await.unwrap();
            assert_eq!((landed.counts.stored, landed.counts.rejected), (2, 1), "{label}");
            let entry: ErrorEntry = serde_json::from_str(landed.errors.trim()).unwrap();
            assert_eq!(
                (entry.error.as_str(), entry.byte, entry.record, entry.line, entry.column),
                ("encoding-error", byte, 2, 3, Some(2)),
                "{label}"
            );
        }
    }
}

#[tokio::test]
async fn what_nobody_says_is_sniffed_and_pinned() {
    let text = "id,näme,price\n1,Zoë,1.50\n2,\"Müller, É.\",2\n3,Château,3\n";
    let rows =
        Bench::new(&contract(None)).await.land("job", text.as_bytes(), 20).await.unwrap().rows;
    let marked = format!("\u{feff}{text}");
    let cases = [
        ("utf-8", text.as_bytes().to_vec(), "valid UTF-8"),
        ("utf-8", marked.as_bytes().to_vec(), "byte order mark"),
        ("windows-1252", encode(text, "windows-1252"), "likeliest windows-1252"),
        ("utf-16le", encode(text, "utf-16le"), "units of two bytes are ASCII"),
        ("utf-16le", encode(&marked, "utf-16le"), "byte order mark"),
        ("utf-16be", encode(&marked, "utf-16be"), "byte order mark"),
    ];
    for (label, source, because) in cases {
        let bench = Bench::new(&contract(None)).await;
        let landed = bench.land("job", &source, 20).await.unwrap();
        assert_eq!(landed.rows, rows, "{label}");
        let keys = bench.context.keys(&job::message::JobId::parse("job").unwrap());
        let plan: landing::plan::Plan =
            serde_json::from_str(&bench.text(&keys.plan()).await).unwrap();
        assert_eq!(plan.layouts[0].dialect.encoding.label(), label);
        let evidence = plan.layouts[0]
            .evidence
            .iter()
            .find(|evidence| evidence.property == "encoding")
            .unwrap();
        assert!(evidence.because.contains(because), "{}", evidence.because);
    }
    // A mark is stronger than what is stated, and that is told.
    let bench = Bench::new(&contract(Some("windows-1252"))).await;
    assert_eq!(bench.land("job", &encode(&marked, "utf-16be"), 20).await.unwrap().rows, rows);
}
