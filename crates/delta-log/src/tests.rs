#![expect(clippy::unwrap_used)]

use std::collections::BTreeMap;

use contract::Contract;
use job::message::{Counts, JobId, SourceRef};
use landing::commit::{Commit, CommittedFile};

use super::*;

const FIELDS: &str =
    "{ name: id, type: integer, constraints: { required: true } }, { name: note, type: string }";

fn contract(fields: &str, more: &str) -> Contract {
    Contract::parse(&format!("name: t\nschema: {{ fields: [ {fields} ]{more}\n"))
        .unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn delta(fields: &str, policy: &str, output: &str) -> Contract {
    contract(fields, &format!(", fieldsMatch: {policy} }}\noutput: {{ table: delta{output} }}"))
}

fn commit(contract: &Contract, sequence: u64, files: Vec<CommittedFile>) -> Commit {
    Commit {
        sequence,
        committed: "2026-01-31T12:00:00.500Z".to_owned(),
        job: JobId::parse("job").unwrap(),
        mode: contract.output.mode,
        table: contract.output.table,
        replay_of: None,
        afterwards: None,
        contract: 1,
        source: SourceRef::new("b".to_owned(), "k".to_owned()).into(),
        objects: 1,
        source_bytes: 1,
        source_crc64nvme: None,
        counts: Counts::default(),
        bytes: 1,
        drift: None,
        nulls: BTreeMap::new(),
        bounds: BTreeMap::new(),
        bill: None,
        files,
        void: None,
        removed: Vec::new(),
        schema: None,
    }
}

/// The state of a table that a contract begins.
fn head(contract: &Contract) -> TableHead {
    let text =
        write_entry(&commit(contract, 0, Vec::new()), contract, None, "t/", &BTreeMap::new())
            .unwrap();
    let entry = read_entry(text.as_bytes(), 0, "t/").unwrap();
    assert_eq!(entry.since, Some(0));
    TableHead { protocol: entry.protocol.unwrap(), metadata: entry.metadata.unwrap(), since: 0 }
}

/// The columns after another contract, each as `name type`, with `?` if it may be null; `None`:
/// nothing changes.
fn evolved(there: &Contract, new: &Contract) -> Result<Option<Vec<String>>, String> {
    let change = settle(new, Some(&head(there)), &JobId::parse("job").unwrap(), 0)
        .map_err(|error| error.to_string())?;
    Ok(change.map(|change| {
        let schema: serde_json::Value =
            serde_json::from_str(&change.metadata.schema_string).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let column = |column: &serde_json::Value| {
            format!(
                "{} {}{}",
                text(&column["name"]),
                text(&column["type"]),
                if column["nullable"] == true { "?" } else { "" }
            )
        };
        schema["fields"].as_array().unwrap().iter().map(column).collect()
    }))
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    let contract = delta(
        "{ name: id, type: integer }, { name: k, type: string }, { name: at, type: datetime, timezone: UTC }",
        "exact",
        ", partitionBy: [k, at]",
    );
    let partition = |k: &str, at: &str| {
        BTreeMap::from([("k".to_owned(), k.to_owned()), ("at".to_owned(), at.to_owned())])
    };
    let file = |key: &str, partition| CommittedFile {
        key: key.to_owned(),
        partition,
        rows: 3,
        bytes: 9,
        stats: None,
    };
    let files = vec![
        file(
            "t/k=a%20b/at=2013-01-01%2005%3A00%3A00/1.parquet",
            partition("a%20b", "2013-01-01%2005%3A00%3A00"),
        ),
        file(
            "t/k=__HIVE_DEFAULT_PARTITION__/at=__HIVE_DEFAULT_PARTITION__/2.parquet",
            partition("__HIVE_DEFAULT_PARTITION__", "__HIVE_DEFAULT_PARTITION__"),
        ),
    ];
    let mut written = commit(&contract, 0, files.clone());
    written.removed = vec!["t/odd é.parquet".to_owned(), "t/k=x%20y/plain.parquet".to_owned()];
    let odd = BTreeMap::from([("t/odd é.parquet".to_owned(), "odd%20é.parquet".to_owned())]);
    let text = write_entry(&written, &contract, None, "t/", &odd).unwrap();
    for expected in [
        r#""path":"k=a%2520b/at=2013-01-01%252005%253A00%253A00/1.parquet""#,
        r#""partitionValues":{"at":"2013-01-01T05:00:00Z","k":"a b"}"#,
        r#""partitionValues":{"at":null,"k":null}"#,
        r#""remove":{"path":"odd%20é.parquet""#,
        r#""remove":{"path":"k=x%2520y/plain.parquet""#,
        r#""txn":{"appId":"landfall-job","version":1,"lastUpdated":1769860800500}"#,
        r#""protocol":{"minReaderVersion":1,"minWriterVersion":2}"#,
        r#""partitionColumns":["k","at"]"#,
        r#""stats":"{\"numRecords\":3}""#,
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let entry = read_entry(text.as_bytes(), 0, "t/").unwrap();
    assert_eq!(entry.odd_paths, odd);
    assert_eq!(entry.committed, "2026-01-31T12:00:00.500Z");
    assert_eq!(entry.added[1], files[1]);
    assert_eq!((&entry.added[0].key, entry.added[0].rows), (&files[0].key, 3));
    let read = entry.into_commit().unwrap();
    assert_eq!((read.job, read.removed), (written.job, written.removed));
}

#[test]
fn what_others_write_is_read() {
    let text = br#"{"commitInfo":{"timestamp":1700000000000,"operation":"OPTIMIZE","engineInfo":"x","operationParameters":{}}}
{"add":{"path":"k=a%2Fb/1.parquet","partitionValues":{"k":"a/b"},"size":5,"modificationTime":1,"dataChange":false,"tags":{}}}
{"remove":{"path":"0.parquet","dataChange":false}}
{"domainMetadata":{"domain":"d","configuration":"","removed":false}}
"#;
    let entry = read_entry(text, 7, "t/").unwrap();
    assert_eq!((entry.commit, entry.committed.as_str()), (None, "2023-11-14T22:13:20.000Z"));
    assert_eq!(
        (entry.added[0].key.as_str(), entry.added[0].partition["k"].as_str()),
        ("t/k=a/b/1.parquet", "a%2Fb")
    );
    assert_eq!(entry.removed, ["t/0.parquet"]);
    assert_eq!(entry.odd_paths["t/k=a/b/1.parquet"], "k=a%2Fb/1.parquet");
}

#[test]
fn a_table_grows_with_its_contract() {
    let there = delta(FIELDS, "exact", "");
    let columns = |columns: &[&str]| {
        Ok(Some(columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>()))
    };
    assert_eq!(evolved(&there, &there), Ok(None));
    let more = format!("{FIELDS}, {{ name: more, type: date, constraints: {{ required: true }} }}");
    assert_eq!(
        evolved(&there, &delta(&more, "exact", "")),
        columns(&["id long", "note string?", "more date?"])
    );
    assert_eq!(
        evolved(
            &there,
            &delta(&FIELDS.replace(", constraints: { required: true }", ""), "exact", "")
        ),
        columns(&["id long?", "note string?"])
    );
    let fewer = "{ name: note, type: string }";
    assert_eq!(
        evolved(&there, &delta(fewer, "subset", "")),
        columns(&["id long?", "note string?"])
    );
    assert_eq!(
        evolved(&there, &delta(fewer, "exact", ", mode: overwrite")),
        columns(&["note string?"])
    );
    for (fields, output, expected) in [
        (fewer.to_owned(), "", "the Delta table has the column `id`, which the contract lacks"),
        (
            FIELDS.replace("integer", "number"),
            "",
            "column `id` of the Delta table is long, and double in the contract",
        ),
        (
            format!("{FIELDS}, {{ name: Note, type: string }}")
                .replace("{ name: note, type: string }, ", ""),
            "",
            "which the contract lacks",
        ),
        (
            FIELDS.to_owned(),
            ", partitionBy: [note]",
            "the Delta table is partitioned by nothing, the contract by note",
        ),
    ] {
        let refused = evolved(&there, &delta(&fields, "exact", output)).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn local_times_are_a_feature() {
    let local = format!("{FIELDS}, {{ name: at, type: datetime, format: '%Y-%m-%d %H:%M:%S' }}");
    let protocol = |head: &TableHead| serde_json::to_string(&head.protocol).unwrap();
    let expected = r#"{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["timestampNtz"],"writerFeatures":["timestampNtz"]}"#;
    assert_eq!(protocol(&head(&delta(&local, "exact", ""))), expected);
    let change = settle(
        &delta(&local, "exact", ""),
        Some(&head(&delta(FIELDS, "exact", ""))),
        &JobId::parse("job").unwrap(),
        0,
    );
    let upgraded = change.unwrap().unwrap().protocol;
    assert_eq!(
        upgraded.writer_features,
        Some(["appendOnly", "invariants", "timestampNtz"].map(str::to_owned).to_vec())
    );
}

#[test]
fn tables_with_more_features_are_refused() {
    let contract = delta(FIELDS, "exact", "");
    let refusal = |change: fn(&mut TableHead), contract: &Contract| {
        let mut head = head(contract);
        change(&mut head);
        settle(contract, Some(&head), &JobId::parse("job").unwrap(), 0).unwrap_err().to_string()
    };
    let features = refusal(
        |head| {
            (head.protocol.min_reader_version, head.protocol.min_writer_version) = (3, 7);
            head.protocol.writer_features = Some(vec!["deletionVectors".to_owned()]);
        },
        &contract,
    );
    assert!(features.contains("the feature `deletionVectors`"), "{features}");
    let versions = refusal(|head| head.protocol.min_writer_version = 4, &contract);
    assert!(versions.contains("writers of version 4"), "{versions}");
    let append_only = refusal(
        |head| {
            drop(
                head.metadata
                    .configuration
                    .insert("delta.appendOnly".to_owned(), Some("true".to_owned())),
            )
        },
        &delta(FIELDS, "exact", ", mode: overwrite"),
    );
    assert!(append_only.contains("for appending only"), "{append_only}");
}

#[test]
fn what_delta_has_no_room_for_is_told_with_the_contract() {
    for (field, expected) in [
        (
            "{ name: a, type: integer, physicalType: uint32 }",
            "schema.fields[1]: Delta tables have no uint32: int64 holds the same",
        ),
        (
            "{ name: a, type: time }",
            "schema.fields[1]: Delta tables have no times of day: a string keeps it as it is written",
        ),
        (
            "{ name: a, type: datetime, physicalType: timestamp(ns) }",
            "schema.fields[1]: Delta tables have no timestamp(ns): timestamp(us) is what it has",
        ),
        (
            "{ name: a b }",
            "schema.fields[1]: `a b` can't name a Delta column: such names hold no blanks, tabs, or any of ,;{}()=",
        ),
        (
            "{ name: ID }",
            "schema.fields[1]: `ID` is the same as `id` to Delta, which does not tell upper from lower case",
        ),
    ] {
        let text = format!(
            "name: t\nschema: {{ fields: [ {{ name: id, type: integer }}, {field} ] }}\noutput: {{ table: delta }}\n"
        );
        let faults = Contract::parse(&text).unwrap_err();
        assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        let landfall =
            text.replace("delta", "landfall").replace("fields:", "caseSensitive: true, fields:");
        assert!(Contract::parse(&landfall).is_ok(), "{field}");
    }
    let moments = "name: t\nschema: { fields: [ { name: a, type: datetime }, { name: b } ] }\noutput: { table: delta, mode: overwrite-partitions, partitionBy: [a] }\n";
    assert!(
        Contract::parse(moments).unwrap_err()[0]
            .to_string()
            .starts_with("output: partitions by `a` can't be replaced in a Delta table")
    );
}
