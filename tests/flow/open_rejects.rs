//! Open rejects as files for SQL, made by the API of what jobs left, and read by others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{Access, App, Config, Origins, router};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use contract::rejects::ErrorEntry;
use job::message::{JobId, Source, Submission};
use job::replay::{Claimant, Claimed, Dismissal, Positions};
use job::sources::Sources;
use objects::Put;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use registry::Live;
use serde_json::Value;
use tower::ServiceExt;
use xtask::{Python, checkout};

use super::bench::{Bench, things};

const SCHEMA: &str = r#"
schema:
  fields:
    - { name: id, type: integer, constraints: { minimum: 0 } }
    - { name: text, type: string, constraints: { maxLength: 5 } }
"#;

/// A row of a file.
#[derive(Debug, PartialEq)]
struct Row {
    job: String,
    layout: i32,
    reject: i32,
    source: String,
    fault: ErrorEntry,
    raw: Option<String>,
}

/// The API of a deployment in memory.
pub(crate) struct Door<'a> {
    bench: &'a Bench,
    app: Arc<App>,
}

impl<'a> Door<'a> {
    pub(crate) fn new(bench: &'a Bench) -> Self {
        let live: Arc<dyn Live> = Arc::new(registry::Memory::new());
        let app = App {
            registry: bench.context.registry.clone(),
            live,
            executions: Arc::new(executions::Memory::new()),
            buckets: bench.undisturbed(),
            config: Config {
                inbox_bucket: "inbox".to_owned(),
                inbox_prefix: "inbox/".to_owned(),
                sources: Sources::only("inbox", "inbox/", "", ["work", "lake"]).unwrap(),
                work_bucket: "work".to_owned(),
                lake_bucket: "lake".to_owned(),
                lake_prefix: "lake/".to_owned(),
                origins: Origins::default(),
                socket_url: String::new(),
                has_salt: false,
                changes_per_minute: 0,
                logs: None,
            },
        };
        Self { bench, app: Arc::new(app) }
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        answer
    }

    /// Sends a body in JSON.
    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Request::post(path).body(Body::from(body.to_string())).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = router(self.app.clone(), Access::Open).oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, serde_json::from_slice(&body).unwrap())
    }

    /// The files of all open rejects, page after page.
    async fn files(&self, limit: u32) -> Vec<Bytes> {
        let path = format!("/datasets/{}/rejects?format=parquet&limit={limit}", self.bench.dataset);
        let (mut files, mut after) = (Vec::new(), String::new());
        loop {
            let before = self.keys().await;
            let answer = self.get(&format!("{path}{after}")).await;
            let now = self.keys().await;
            let new = now.iter().find(|key| !before.contains(key));
            match answer["rows"].as_u64().unwrap() {
                0 => assert_eq!((&answer["url"], new), (&Value::Null, None)),
                rows => {
                    let key = new.expect("a file of its own");
                    let prefix = format!("jobs/.rejects/{}/", self.bench.dataset);
                    assert!(key.starts_with(&prefix), "{key}");
                    assert!(answer["url"].as_str().unwrap().contains(".rejects"), "{answer}");
                    let bytes = self.bench.work().read(key, u64::MAX).await.unwrap();
                    assert_eq!(rows_of(&bytes).len() as u64, rows);
                    files.push(bytes);
                }
            }
            match answer["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return files,
            }
        }
    }

    async fn keys(&self) -> Vec<String> {
        let listed = self.bench.work().list("jobs/.rejects/", None, 1_000).await.unwrap();
        listed.into_iter().map(|object| object.key).collect()
    }

    /// The rows of all files. They are deleted, so that the next files are new ones.
    async fn rows(&self, limit: u32) -> Vec<Row> {
        let rows = self.files(limit).await.iter().flat_map(rows_of).collect();
        for key in self.keys().await {
            self.bench.work().delete(&key).await.unwrap();
        }
        rows
    }
}

fn rows_of(file: &Bytes) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap().build().unwrap();
    reader.flat_map(|batch| rows_of_batch(&batch.unwrap())).collect()
}

fn rows_of_batch(batch: &RecordBatch) -> Vec<Row> {
    let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("{name}"));
    let text = |name: &str, row: usize| {
        let column = column(name).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let number = |name: &str, row: usize| {
        let column = column(name).as_primitive::<Int64Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    let small = |name: &str, row: usize| {
        let column = column(name).as_primitive::<Int32Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    let row = |row: usize| Row {
        job: text("job", row).unwrap(),
        layout: small("layout", row).unwrap(),
        reject: small("reject", row).unwrap(),
        source: text("source", row).unwrap(),
        fault: ErrorEntry {
            source: None,
            line: number("line", row).unwrap() as u64,
            lines: number("lines", row).map(|lines| lines as u64),
            record: number("record", row).unwrap() as u64,
            byte: number("byte", row).unwrap() as u64,
            field: text("field", row),
            column: small("column", row).map(|column| column as u32),
            error: serde_json::from_value(Value::String(text("error", row).unwrap())).unwrap(),
            rule: text("rule", row),
            value: text("value", row),
            holder: number("holder", row),
            message: text("message", row).unwrap(),
        },
        raw: text("raw", row),
    };
    (0..batch.num_rows()).map(row).collect()
}

/// The faults of a job, as its list has them, and the objects that they are of.
async fn listed(bench: &Bench, job: &str) -> Vec<(Option<String>, ErrorEntry)> {
    let text = bench.text(&bench.context.keys(&JobId::parse(job).unwrap()).errors()).await;
    let entry = |line: &str| {
        let mut entry: ErrorEntry = serde_json::from_str(line).unwrap();
        (entry.source.take(), entry)
    };
    text.lines().map(entry).collect()
}

#[tokio::test]
async fn a_file_has_a_row_for_each_fault_with_its_record() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let door = Door::new(&bench);
    assert_eq!(door.rows(20).await, [], "no job, no file");
    let source = "id,text\n1,a\nx,\"long\nand longer\"\n-2,b\ny,c\n3,d\nz,\"open\n";
    bench.land("one", source.as_bytes(), 9).await.unwrap();
    bench.land("clean", b"id,text\n7,a\n", 9).await.unwrap();
    bench.land("two", b"id,text\r\nq,a\r\n8,b\r\n", 99).await.unwrap();

    let records = ["x,\"long\nand longer\"", "-2,b", "y,c", "z,\"open"];
    for limit in [1, 2, 20] {
        let mut rows = door.rows(limit).await;
        rows.sort_by(|a, b| (&a.job, a.reject).cmp(&(&b.job, b.reject)));
        let mut expected = listed(&bench, "one").await;
        let of_two = listed(&bench, "two").await;
        let told = expected.len();
        expected.extend(of_two);
        let faults: Vec<_> = rows.iter().map(|row| &row.fault).collect();
        assert_eq!(faults, expected.iter().map(|(_, fault)| fault).collect::<Vec<_>>());
        assert!(rows.iter().all(|row| row.layout == 0));
        for (number, record) in (0..).zip(records) {
            let mut own = rows[..told].iter().filter(|row| row.reject == number).peekable();
            assert!(own.peek().is_some(), "{record}");
            assert!(own.all(|row| row.raw.as_deref() == Some(record)), "{record}: {rows:?}");
        }
        assert_eq!(rows[told].raw.as_deref(), Some("q,a"));
        assert_eq!(rows[told].source, "s3://inbox/inbox/things/two.csv");
    }
}

#[tokio::test]
async fn what_is_landed_or_dismissed_is_left_out() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let door = Door::new(&bench);
    bench.land("job", b"id,text\na,1\nb,2\nc,3\n4,d\n", 9).await.unwrap();
    let by = Claimant::Dismissed(Dismissal {
        by: None,
        why: "a test".to_owned(),
        at: "2026-01-31T12:00:00.000Z".to_owned(),
    });
    let claimed = Claimed { by, layout: 0, rejects: Positions::from_iter([1]) };
    let key = bench.context.keys(&JobId::parse("job").unwrap()).replay(0);
    let claimed = serde_json::to_vec(&claimed).unwrap();
    bench.work().put(&key, claimed.into(), Put::Overwrite).await.unwrap();
    let rows: Vec<_> =
        door.rows(20).await.into_iter().map(|row| (row.reject, row.raw.unwrap())).collect();
    assert_eq!(rows, [(0, "a,1".to_owned()), (2, "c,3".to_owned())]);
}

/// Records of several layouts lie in files of their own, and are told by layout and position.
#[tokio::test]
async fn objects_may_differ_in_their_headers() {
    let bench =
        Bench::new(&things(&SCHEMA.replace("fields:", "fieldsMatch: equal\n  fields:"))).await;
    let door = Door::new(&bench);
    let texts = ["id,text\nx,1\n1,a\n", "text,id\n2,y\nb,2\n", "id,text\nz,3\n"];
    land_many(&bench, &texts.map(|text| text.as_bytes().to_vec())).await;
    let rows: Vec<_> = door
        .rows(20)
        .await
        .into_iter()
        .map(|row| (row.source, row.layout, row.reject, row.fault.value, row.raw))
        .collect();
    let told = |file, layout, reject, value: &str, raw: &str| {
        (source_of(file), layout, reject, Some(value.to_owned()), Some(raw.to_owned()))
    };
    let expected =
        [told(0, 0, 0, "x", "x,1"), told(1, 1, 0, "y", "2,y"), told(2, 0, 1, "z", "z,3")];
    assert_eq!(rows, expected);
}

/// Lands files as one job, in the order of their numbers.
async fn land_many(bench: &Bench, files: &[Vec<u8>]) {
    for (number, bytes) in files.iter().enumerate() {
        let key = format!("inbox/many/{number}.csv");
        let bytes = Bytes::copy_from_slice(bytes);
        bench.inbox().put(&key, bytes, Put::Overwrite).await.unwrap();
    }
    let source =
        Source::Prefix { bucket: "inbox".to_owned(), prefix: "inbox/many/".to_owned(), glob: None };
    let submission = bench.submit("job", b"", 1 << 20, false).await;
    bench.run(Submission { source, ..submission }).await.unwrap();
}

fn source_of(number: usize) -> String {
    format!("s3://inbox/inbox/many/{number}.csv")
}

/// How a file is laid out.
#[derive(Debug, Clone, Copy)]
struct Form {
    is_reversed: bool,
    is_utf_16: bool,
    end: &'static str,
    /// Whether its last record has an end.
    is_ended: bool,
}

impl Form {
    fn record(self, id: &str, text: &str) -> String {
        if self.is_reversed { format!("{text},{id}") } else { format!("{id},{text}") }
    }

    fn file(self, records: &[String]) -> Vec<u8> {
        let mut text = self.record("id", "text") + self.end + &records.join(self.end);
        text += if self.is_ended { self.end } else { "" };
        if !self.is_utf_16 {
            return text.into_bytes();
        }
        ["\u{feff}", &text].concat().encode_utf16().flat_map(u16::to_le_bytes).collect()
    }
}

fn forms() -> impl Strategy<Value = Form> {
    (any::<[bool; 3]>(), prop_oneof![Just("\n"), Just("\r\n"), Just("\r")]).prop_map(
        |([is_reversed, is_utf_16, is_ended], end)| Form { is_reversed, is_utf_16, end, is_ended },
    )
}

/// Ids that are none are rejected, and texts that are too long.
fn records(form: Form) -> impl Strategy<Value = (Form, Vec<(bool, String)>)> {
    let id = prop_oneof![Just("1"), Just("x"), Just("é")];
    let text = prop_oneof![Just("a"), Just("too long"), Just("\"a\nb\""), Just("\"\r\n,\"")];
    let record = (id, text)
        .prop_map(move |(id, text)| (id != "1" || text == "too long", form.record(id, text)));
    proptest::collection::vec(record, 1..12).prop_map(move |records| (form, records))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// However files are laid out, and whichever of their records are rejected, each fault has the
    /// record of its source.
    #[test]
    fn each_fault_has_its_record_whatever_the_layouts(
        files in proptest::collection::vec(forms().prop_flat_map(records), 1..7),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let contract = things(&SCHEMA.replace("fields:", "fieldsMatch: equal\n  fields:"));
            let bench = Bench::new(&contract).await;
            let (mut texts, mut expected) = (Vec::new(), Vec::new());
            for (number, (form, records)) in files.iter().enumerate() {
                let of_file: Vec<String> =
                    records.iter().map(|(_, record)| record.clone()).collect();
                texts.push(form.file(&of_file));
                let rejected = records.iter().filter(|(is_rejected, _)| *is_rejected);
                expected.extend(rejected.map(|(_, raw)| (source_of(number), raw.clone())));
            }
            // Files that are the same land once.
            let distinct: BTreeSet<_> = texts.iter().collect();
            if distinct.len() < texts.len() {
                return;
            }
            land_many(&bench, &texts).await;
            let rows = Door::new(&bench).rows(20).await;
            let mut found: Vec<_> =
                rows.iter().map(|row| (row.layout, row.reject, &row.source, &row.raw)).collect();
            // A record has a row for each fault.
            found.dedup();
            let raws: Vec<_> =
                found.iter().map(|(.., source, raw)| ((*source).clone(), (*raw).clone())).collect();
            let expected: Vec<_> =
                expected.into_iter().map(|(source, raw)| (source, Some(raw))).collect();
            assert_eq!(raws, expected);
            let mut next = BTreeMap::<i32, i32>::new();
            for (layout, reject, ..) in found {
                let next = next.entry(layout).or_default();
                assert_eq!(reject, *next);
                *next += 1;
            }
        });
    }
}

/// A file ends among the rejects of one layout, and those of another go on after it as well.
#[tokio::test]
async fn many_rejects_of_several_layouts_are_several_files() {
    const RECORDS: usize = 7_000;
    let contract = things(&SCHEMA.replace("fields:", "fieldsMatch: equal\n  fields:"));
    let bench = Bench::new(&contract).await;
    let form = Form { is_reversed: false, is_utf_16: false, end: "\n", is_ended: true };
    let reversed = Form { is_reversed: true, ..form };
    let forms = [form, reversed, Form { is_utf_16: true, ..form }, form, reversed];
    // Each has two faults.
    let record = |file: usize, n: usize| forms[file].record(&format!("x{file}-{n}"), "too long");
    let files: Vec<Vec<u8>> = (0..forms.len())
        .map(|file| forms[file].file(&(0..RECORDS).map(|n| record(file, n)).collect::<Vec<_>>()))
        .collect();
    land_many(&bench, &files).await;
    let files = Door::new(&bench).files(20).await;
    let rows: Vec<Vec<Row>> = files.iter().map(rows_of).collect();
    assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [50_000, 20_000]);
    for (number, row) in rows.iter().flatten().enumerate() {
        let (file, n) = (number / 2 / RECORDS, number / 2 % RECORDS);
        assert_eq!(row.source, source_of(file));
        let reject = n + if file > 2 { RECORDS } else { 0 };
        assert_eq!((row.layout, row.reject), ([0, 1, 2, 0, 1][file], reject as i32));
        assert_eq!(row.raw.as_deref(), Some(record(file, n).as_str()));
    }
}

#[tokio::test]
async fn many_rejects_are_several_files() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let door = Door::new(&bench);
    let records: String = (0..27_000).map(|id| format!("x{id},too long\n")).collect();
    bench.land("job", format!("id,text\n{records}").as_bytes(), 1 << 20).await.unwrap();
    bench.land("next", b"id,text\nx,a\n", 99).await.unwrap();
    let files = door.files(20).await;
    let rows: Vec<Vec<Row>> = files.iter().map(rows_of).collect();
    let counts: Vec<usize> = rows.iter().map(Vec::len).collect();
    // The newer job comes first, and each reject of the other one has two faults.
    assert_eq!((counts.len(), counts[0], counts.iter().sum()), (2, 50_001, 54_001));
    let of_job: Vec<&Row> = rows.iter().flatten().filter(|row| row.job == "job").collect();
    let expected = listed(&bench, "job").await;
    assert_eq!(of_job.len(), expected.len());
    for (row, (_, fault)) in of_job.iter().zip(&expected) {
        assert_eq!(&row.fault, fault);
        assert_eq!(row.raw.as_deref().unwrap(), format!("x{},too long", row.reject));
        assert_eq!(row.fault.record, row.reject as u64 + 1);
    }
}

/// The query of the guide, as it is printed, in DuckDB.
#[tokio::test]
async fn the_printed_query_reads_the_file() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let door = Door::new(&bench);
    bench.land("job", b"id,text\n1,a\nx,b\ny,too long\n-2,c\n", 99).await.unwrap();
    let [file] = door.files(20).await.try_into().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rejects.parquet"), &file).unwrap();
    let page =
        std::fs::read_to_string(checkout::root().join("docs/how-to/mend-rejects.md")).unwrap();
    let query = page.lines().find_map(|line| line.trim().strip_prefix("$ duckdb -csv -c \""));
    let query = query.unwrap().strip_suffix('"').unwrap();
    let script = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchall())";
    let mut command = Python::of_local_cloud().unwrap().command();
    let answer = command.current_dir(folder.path()).args(["-c", script, query]).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let expected = "[('id', 'type-error', None, 2, 'x,b'), ('id', 'constraint-error', 'minimum', 1, '-2,c'), \
                    ('text', 'constraint-error', 'maxLength', 1, 'y,too long')]";
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), expected);
}
