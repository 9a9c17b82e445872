//! Checks every form of output: rows, folders, counts and bounds are the same, whatever the files
//! are.

use std::collections::BTreeMap;
use std::io::Read;

use landing::commit::Commit;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::bloom_filter::Sbbf;
use serde_json::Value;

use super::bench::Bench;

const SHARD_BYTES: u64 = 700;

fn contract(output: &str) -> String {
    format!(
        "
name: things
dialect: {{ delimiter: \",\", header: true }}
schema:
  missingValues: [\"∅\"]
  fields:
    - {{ name: id, type: integer }}
    - {{ name: price, type: number, physicalType: \"decimal(20,2)\" }}
    - {{ name: at, type: datetime, timezone: UTC }}
    - {{ name: note, type: string }}
    - {{ name: kind, type: string }}
output: {{ {output} }}
"
    )
}

/// Records with nulls, empty texts, and texts with line breaks; the ids fall.
fn source() -> String {
    let note = |n: usize| ["\"a, \"\"b\"\"\nc\"", "é", "\"\"", "∅"][n % 4];
    let price = |n: usize| {
        if n % 5 == 4 {
            "∅".to_owned()
        } else {
            format!("{}.{:02}", 90_000_000_000_000_000_u64 + n as u64, n % 100)
        }
    };
    let row = |n: usize| {
        format!(
            "{},{},2013-01-01T00:{:02}:00Z,{},{}\n",
            299 - n,
            price(n),
            n % 60,
            note(n),
            ["x", "y/z"][n % 2]
        )
    };
    format!("id,price,at,note,kind\n{}", (0..300).map(row).collect::<String>())
}

/// Lands the source; the commit, and the bytes of each file by its key.
async fn land(output: &str) -> (Bench, Commit, BTreeMap<String, Vec<u8>>) {
    let bench = Bench::new(&contract(output)).await;
    let submission = bench.submit("job", source().as_bytes(), SHARD_BYTES, false).await;
    let stored = bench.run(submission).await.unwrap();
    assert_eq!((stored.counts.stored, stored.counts.rejected), (300, 0));
    let commit = bench.commit(0).await.unwrap();
    let mut files = BTreeMap::new();
    for file in &commit.files {
        let bytes = bench.lake().read(&file.key, u64::MAX).await.unwrap();
        assert_eq!(bytes.len() as u64, file.bytes, "{}", file.key);
        files.insert(file.key.clone(), bytes.to_vec());
    }
    (bench, commit, files)
}

fn unpacked(key: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    match key.rsplit_once('.').unwrap().1 {
        "gz" => flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap(),
        "zst" => zstd::Decoder::new(bytes).unwrap().read_to_string(&mut text).unwrap(),
        _ => (&mut &*bytes).read_to_string(&mut text).unwrap(),
    };
    text
}

/// The rows of files of text, each as the texts of its cells after its folder; a null and an empty
/// text are alike.
fn rows(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut rows = Vec::new();
    for (key, bytes) in files {
        let (folder, text) = (key.rsplit_once('/').unwrap().0, unpacked(key, bytes));
        if key.contains(".csv") {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            assert_eq!(
                reader.headers().unwrap(),
                vec!["id", "price", "at", "note", "_source", "_line", "_job"]
            );
            rows.extend(reader.records().map(|row| {
                format!("{folder}|{}", row.unwrap().iter().collect::<Vec<_>>().join("|"))
            }));
        } else {
            for line in text.lines() {
                let row: BTreeMap<String, Box<serde_json::value::RawValue>> =
                    serde_json::from_str(line).unwrap();
                assert_eq!(row.len(), 7, "a null is there too: {line}");
                let cell = |name: &str| match row[name].get() {
                    "null" => String::new(),
                    text if text.starts_with('"') => serde_json::from_str(text).unwrap(),
                    number => number.to_owned(),
                };
                let cells = ["id", "price", "at", "note", "_source", "_line", "_job"].map(cell);
                rows.push(format!("{folder}|{}", cells.join("|")));
            }
        }
    }
    rows.sort_unstable();
    rows
}

#[tokio::test]
async fn every_form_lands_the_same() {
    let (bench, parquet, files) = land("partitionBy: [kind], lineage: true").await;
    assert_eq!(files.len(), 2, "what several shards left small is put together");
    let keys: Vec<String> = files.into_keys().collect();
    let mut expected: Vec<String> =
        bench.sorted_rows(&keys).await.iter().map(|row| row.replace('∅', "")).collect();
    expected.sort_unstable();
    assert!(
        expected[0].contains("kind=x|")
            && expected
                .iter()
                .any(|row| row.contains("|90000000000000000.00|2013-01-01T00:00:00Z|"))
    );
    for (format, compression, extension) in [
        ("csv", "gzip", ".csv.gz"),
        ("csv", "zstd", ".csv.zst"),
        ("csv", "none", ".csv"),
        ("jsonl", "gzip", ".jsonl.gz"),
        ("jsonl", "zstd", ".jsonl.zst"),
        ("jsonl", "none", ".jsonl"),
    ] {
        let output = format!(
            "format: {format}, compression: {compression}, partitionBy: [kind], lineage: true"
        );
        let (_, commit, files) = land(&output).await;
        assert_eq!(rows(&files), expected, "{output}");
        assert!(files.keys().all(|key| key.ends_with(&format!("-000{extension}"))
            || key.ends_with(&format!("-001{extension}"))));
        assert_eq!(
            (&commit.nulls, &commit.bounds, commit.counts),
            (&parquet.nulls, &parquet.bounds, parquet.counts),
            "{output}"
        );
        assert!(commit.files.len() > 10, "text stays as the shards wrote it");
        let kinds = |commit: &Commit| {
            let mut kinds = BTreeMap::new();
            commit
                .files
                .iter()
                .for_each(|file| *kinds.entry(file.partition.clone()).or_insert(0) += file.rows);
            kinds
        };
        assert_eq!(kinds(&commit), kinds(&parquet), "{output}");
    }
    assert_eq!(
        (parquet.nulls["price"], parquet.nulls["note"], &parquet.bounds["id"].max),
        (60, 75, &Value::from(299))
    );
}

#[tokio::test]
async fn an_empty_text_is_no_null() {
    let nulls = |files: &BTreeMap<String, Vec<u8>>, empty: &str, null: &str| {
        let text: String = files.iter().map(|(key, bytes)| unpacked(key, bytes)).collect();
        (text.matches(empty).count(), text.matches(null).count())
    };
    let (_, _, files) = land("format: csv, compression: none").await;
    assert_eq!(nulls(&files, ":00Z,\"\",", ":00Z,,"), (75, 75));
    let (_, _, files) = land("format: jsonl").await;
    assert_eq!(nulls(&files, r#""note":"","#, r#""note":null,"#), (75, 75));
}

#[tokio::test]
async fn parquet_has_what_is_asked_for() {
    let (_, commit, files) =
        land("compression: lz4_raw, partitionBy: [kind], bloomFilters: [note, id], sortBy: [at, { field: id, order: desc }]").await;
    assert_eq!(commit.nulls["note"], 75);
    let mut ids = Vec::new();
    for (key, bytes) in files {
        let bytes = bytes::Bytes::from(bytes);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
        let metadata = reader.metadata().clone();
        let pairs = metadata.file_metadata().key_value_metadata().unwrap();
        let value = |key: &str| {
            pairs
                .iter()
                .find(|pair| pair.key == key)
                .and_then(|pair| pair.value.clone())
                .unwrap_or_default()
        };
        let told = ["landfall.job", "landfall.contract", "landfall.source"].map(value);
        assert_eq!(told, ["job", "things 1", "s3://inbox/inbox/things/job.csv"], "{key}");
        let filter = |column: usize| {
            Sbbf::read_from_column_chunk(metadata.row_group(0).column(column), &bytes).unwrap()
        };
        assert!(filter(1).is_none() && filter(2).is_none());
        let (id_filter, note_filter) = (filter(0).unwrap(), filter(3).unwrap());
        assert!(!note_filter.check("no note") && metadata.num_row_groups() == 1);
        let mut before = None;
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let id = arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(
                batch.column(0),
            );
            let at = arrow_array::cast::AsArray::as_primitive::<
                arrow_array::types::TimestampMicrosecondType,
            >(batch.column(2));
            for row in 0..batch.num_rows() {
                let place = (at.value(row), -id.value(row));
                assert!(before.is_none_or(|before| before < place), "{key}");
                before = Some(place);
                assert!(id_filter.check(&id.value(row)));
                ids.push(id.value(row));
            }
        }
    }
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..300));
}
