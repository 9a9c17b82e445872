//! Reads and changes with delta-rs the Delta tables that `landfall run` writes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xtask::Python;

use super::embedded::landfall;

const FIELDS: &str = "
    - { name: id, type: integer, constraints: { required: true } }
    - { name: small, type: integer, physicalType: int8 }
    - { name: fare, type: number, physicalType: 'decimal(20,2)' }
    - { name: ratio, type: number, physicalType: float32 }
    - { name: open, type: boolean }
    - { name: day, type: date }
    - { name: at, type: datetime, timezone: America/New_York }
    - { name: local, type: datetime, format: '%Y-%m-%dT%H:%M:%S%.f' }
    - { name: note, type: string }
    - { name: kind, type: string }
    - { name: hour, type: datetime, timezone: UTC }";

const HEADER: &str = "id,small,fare,ratio,open,day,at,local,note,kind,hour";
const FIRST: &str = "\
    1,-128,-12.50,0.5,true,2013-01-01,2013-01-01T00:00:00,1969-12-31T23:59:59.123456,\"a, \"\"b\"\"\",a b/c%,2013-01-01T05:00:00Z\n\
    2,127,999999999999999999.99,NaN,false,1969-12-31,2013-07-01T00:00:00.000001,2013-01-01T00:00:00,é,é=1,2013-01-01T05:00:00Z\n\
    3,,,,,,,,,,\n";

/// Prints what delta-rs finds in a table as of a version: rows by id, partition values and
/// statistics by path, the version, and how many there are.
const READ: &str = "
import json, sys
from deltalake import DeltaTable, QueryBuilder
table = DeltaTable(sys.argv[1], version=int(sys.argv[2]) if len(sys.argv) > 2 else None)
schema = [[f.name, f.type.type if hasattr(f.type, 'type') else str(f.type), f.nullable] for f in table.schema().fields]
rows = QueryBuilder().register('t', table).execute('select * from t order by id').read_all()
columns = {name: [None if v is None else str(v) for v in rows.column(name).to_pylist()] for name in rows.column_names}
query = QueryBuilder().register('t', table)
where = {sql: query.execute('select id from t where ' + sql + ' order by id').read_all().column('id').to_pylist() for sql in json.loads(sys.argv[3] if len(sys.argv) > 3 else '[]')}
print(json.dumps({'version': table.version(), 'versions': len(table.history()), 'schema': schema, 'columns': columns, 'files': len(table.file_uris()), 'partitions': table.partitions(), 'where': where}, default=str))
";

/// A lake with a Delta table.
struct Shore {
    folder: tempfile::TempDir,
    python: Python,
}

impl Shore {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), python: Python::of_peers().unwrap() }
    }

    fn table(&self) -> PathBuf {
        self.folder.path().join("lake/t")
    }

    /// Lands rows; what `landfall run --json` says.
    fn land(&self, fields: &str, output: &str, header: &str, rows: &str) -> Value {
        let path = |name: &str| self.folder.path().join(name);
        let contract = format!(
            "name: t\nschema:\n  fieldsMatch: exact\n  fields:{fields}\noutput: {{ table: delta, {output} }}\n"
        );
        std::fs::write(path("contract.yaml"), contract).unwrap();
        std::fs::write(path("t.csv"), format!("{header}\n{rows}")).unwrap();
        let output = landfall()
            .arg("run")
            .args([path("contract.yaml"), path("t.csv")])
            .arg("--lake")
            .arg(path("lake"))
            .arg("--json")
            .output();
        serde_json::from_slice(&output.unwrap().stdout).unwrap()
    }

    fn landed(&self, fields: &str, output: &str, header: &str, rows: &str) -> u64 {
        let job = self.land(fields, output, header, rows);
        assert_eq!(job["state"], "SUCCEEDED", "{job}");
        job["sequence"].as_u64().unwrap()
    }

    fn python(&self, script: &str, arguments: &[&str]) -> Value {
        let output = self
            .python
            .command()
            .args(["-c", script])
            .arg(self.table())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn ids(&self, version: &str) -> Value {
        self.python(READ, &[version])["columns"]["id"].clone()
    }

    /// The ids, by `landfall files` and by delta-rs at once: both find as many rows.
    fn assert_rows(&self, expected: &[&str]) {
        let read = self.python(READ, &[]);
        assert_eq!(read["columns"]["id"], json!(expected));
        let listed = landfall()
            .args(["files", "t", "--json", "--lake"])
            .arg(self.folder.path().join("lake"))
            .output()
            .unwrap();
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(
            (&listed["rows"], &listed["sequence"]),
            (&json!(expected.len()), &read["version"])
        );
        assert_eq!(listed["files"].as_array().unwrap().len(), read["files"]);
        assert!(
            listed["files"]
                .as_array()
                .unwrap()
                .iter()
                .all(|file| Path::new(file["key"].as_str().unwrap()).is_file()),
            "{listed}"
        );
    }
}

#[test]
fn every_type_is_read_back() {
    let shore = Shore::new();
    assert_eq!(shore.landed(FIELDS, "partitionBy: [kind, hour], lineage: true", HEADER, FIRST), 0);
    let conditions = [
        "small < 0",
        "fare > 999999999999999999",
        "ratio < 1",
        "day < '1970-01-01'",
        "at > '2013-06-01T00:00:00Z'",
        "local < '1970-01-01T00:00:00'",
        "note >= 'b'",
        "kind = 'a b/c%'",
        "kind is null",
        "hour = '2013-01-01T05:00:00Z'",
        "small is null",
    ];
    let found = shore.python(READ, &["0", &json!(conditions).to_string()]);
    let columns = &found["columns"];
    for (name, expected) in [
        ("id", json!(["1", "2", "3"])),
        ("small", json!(["-128", "127", null])),
        ("fare", json!(["-12.50", "999999999999999999.99", null])),
        ("ratio", json!(["0.5", "nan", null])),
        ("open", json!(["True", "False", null])),
        ("day", json!(["2013-01-01", "1969-12-31", null])),
        ("at", json!(["2013-01-01 05:00:00+00:00", "2013-07-01 04:00:00.000001+00:00", null])),
        ("local", json!(["1969-12-31 23:59:59.123456", "2013-01-01 00:00:00", null])),
        ("note", json!(["a, \"b\"", "é", null])),
        ("kind", json!(["a b/c%", "é=1", null])),
        ("hour", json!(["2013-01-01 05:00:00+00:00", "2013-01-01 05:00:00+00:00", null])),
        ("_line", json!(["2", "3", "4"])),
    ] {
        assert_eq!(columns[name], expected, "{name}");
    }
    let expected = [
        vec![1],
        vec![2],
        vec![1],
        vec![2],
        vec![2],
        vec![1],
        vec![2],
        vec![1],
        vec![3],
        vec![1, 2],
        vec![3],
    ];
    for (condition, expected) in conditions.iter().zip(expected) {
        assert_eq!(found["where"][condition], json!(expected), "{condition}");
    }
    let kinds: Vec<&Value> =
        found["schema"].as_array().unwrap().iter().map(|column| &column[1]).collect();
    let kinds_expected = [
        "long",
        "byte",
        "decimal(20,2)",
        "float",
        "boolean",
        "date",
        "timestamp",
        "timestamp_ntz",
        "string",
        "string",
        "timestamp",
        "string",
        "long",
        "string",
    ];
    assert_eq!(json!(kinds), json!(kinds_expected));
    assert_eq!(found["schema"][0], json!(["id", "long", false]));

    let log = std::fs::read_to_string(shore.table().join("_delta_log/00000000000000000000.json"))
        .unwrap();
    let adds: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["add"].take())
        .filter(|add| !add.is_null())
        .collect();
    let first = adds.iter().find(|add| add["partitionValues"]["kind"] == "a b/c%").unwrap();
    let stats: Value = serde_json::from_str(first["stats"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&stats["numRecords"], &stats["nullCount"]["small"], &stats["minValues"]["small"]),
        (&json!(1), &json!(0), &json!(-128))
    );
    assert_eq!(
        (&stats["minValues"]["fare"], &stats["maxValues"]["day"]),
        (&json!(-12.5), &json!("2013-01-01"))
    );
    let local =
        ["minValues", "maxValues"].map(|bound| stats[bound]["local"].as_str().unwrap().to_owned());
    assert_eq!(local, ["1969-12-31T23:59:59.123", "1969-12-31T23:59:59.124"]);
    let second = adds.iter().find(|add| add["partitionValues"]["kind"] == "é=1").unwrap()["stats"]
        .as_str()
        .unwrap();
    assert!(
        !second.contains("NaN") && second.contains(r#""fare":999999999999999999.99"#),
        "{second}"
    );
}

const ID_KIND: &str = "
    - { name: id, type: integer }
    - { name: kind, type: string }";

#[test]
fn commits_are_versions() {
    let shore = Shore::new();
    let land = |mode: &str, rows: &str| {
        shore.landed(ID_KIND, &format!("partitionBy: [kind], mode: {mode}"), "id,kind", rows)
    };
    assert_eq!(land("append", "1,a\n2,b\n"), 0);
    assert_eq!(land("append", "3,b\n"), 1);
    assert_eq!(land("overwrite-partitions", "4,b\n"), 2);
    assert_eq!(land("overwrite", "5,c\n"), 3);
    assert_eq!(land("append", "6,c\n"), 4);
    shore.assert_rows(&["5", "6"]);
    for (version, expected) in [
        ("0", json!(["1", "2"])),
        ("1", json!(["1", "2", "3"])),
        ("2", json!(["1", "4"])),
        ("3", json!(["5"])),
    ] {
        assert_eq!(shore.ids(version), expected, "version {version}");
    }
    const TRANSACTION: &str = "
import sys
from deltalake import DeltaTable
print(DeltaTable(sys.argv[1]).transaction_version(sys.argv[2]))
";
    let job = shore.land(ID_KIND, "partitionBy: [kind]", "id,kind", "");
    assert_eq!(job["sequence"], 5, "a job without rows is a version too");
    assert_eq!(
        shore.python(TRANSACTION, &[&format!("landfall-{}", job["job"].as_str().unwrap())]),
        1
    );
    let newest = shore.python(READ, &[]);
    assert_eq!(
        (&newest["version"], &newest["versions"], &newest["partitions"]),
        (&json!(5), &json!(6), &json!([{"kind": "c"}]))
    );
}

#[test]
fn others_may_change_the_table_in_between() {
    const CHANGE: &str = "
import sys
from deltalake import DeltaTable, write_deltalake
import arro3.core as arrow
path = sys.argv[1]
write_deltalake(path, arrow.Table.from_pydict({'id': arrow.Array([3, 4], arrow.DataType.int64()), 'kind': arrow.Array(['b', 'c d'], arrow.DataType.utf8())}), mode='append')
DeltaTable(path).optimize.compact()
DeltaTable(path).create_checkpoint()
print(DeltaTable(path).version())
";
    let shore = Shore::new();
    let land = |mode: &str, rows: &str| {
        shore.landed(ID_KIND, &format!("partitionBy: [kind], mode: {mode}"), "id,kind", rows)
    };
    land("append", "1,a\n2,b\n");
    let version = shore.python(CHANGE, &[]).as_u64().unwrap();
    shore.assert_rows(&["1", "2", "3", "4"]);
    assert_eq!(land("append", "5,c d\n"), version + 1);
    shore.assert_rows(&["1", "2", "3", "4", "5"]);
    assert_eq!(land("overwrite-partitions", "6,b\n7,c d\n"), version + 2);
    shore.assert_rows(&["1", "6", "7"]);
    assert_eq!(land("overwrite", "8,z\n"), version + 3);
    shore.assert_rows(&["8"]);
    const VACUUM: &str = "
import sys
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1])
print(len(table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)))
";
    assert!(shore.python(VACUUM, &[]).as_u64().unwrap() >= 6);
    shore.assert_rows(&["8"]);
}

#[test]
fn the_schema_grows_and_never_breaks() {
    let shore = Shore::new();
    shore.landed(ID_KIND, "partitionBy: [kind]", "id,kind", "1,a\n");
    let more = format!(
        "{ID_KIND}\n    - {{ name: local, type: datetime, format: '%Y-%m-%dT%H:%M:%S%.f' }}"
    );
    shore.landed(&more, "partitionBy: [kind]", "id,kind,local", "2,a,2013-01-01T00:00:00\n");
    let found = shore.python(READ, &[]);
    assert_eq!(found["columns"]["local"], json!([null, "2013-01-01 00:00:00"]));
    let files = || std::fs::read_dir(shore.table().join("kind=a")).unwrap().count();
    let before = files();
    let refused = shore.land(
        &ID_KIND.replace("integer", "string"),
        "partitionBy: [kind]",
        "id,kind",
        "3,a\n",
    );
    assert_eq!(refused["failure"]["error"], "ContractInvalid", "{refused}");
    let cause = refused["failure"]["cause"].as_str().unwrap();
    assert!(
        cause.starts_with(
            "column `id` of the Delta table is long, and string in the contract: keep the type"
        ),
        "{cause}"
    );
    let refused = shore.land(ID_KIND, "partitionBy: [kind]", "id,kind", "4,a\n");
    assert!(
        refused["failure"]["cause"]
            .as_str()
            .unwrap()
            .contains("has the column `local`, which the contract lacks"),
        "{refused}"
    );
    assert_eq!(files(), before, "nothing of it became visible");
    shore.assert_rows(&["1", "2"]);
}

#[test]
fn derived_and_masked_columns_are_columns_like_others() {
    let shore = Shore::new();
    const FIELDS: &str = "
    - { name: id, type: integer, constraints: { required: true } }
    - { name: fare, type: number, physicalType: 'decimal(10,2)' }
    - { name: day, type: date }
    - { name: email, type: string }
    - { name: note, type: string }";
    let output = "partitionBy: [month] }
transform:
  { where: id < 4, derive: [{ name: net, sql: fare * 0.5 }, { name: month, sql: month(day) }], mask: [{ field: email, with: redact }], drop: [note]";
    let rows = "1,2.50,2013-01-31,a@b.c,x\n2,,2013-02-01,,y\n3,-0.01,,d@e.f,z\n4,1.00,2013-01-01,g@h.i,filtered\n";
    assert_eq!(shore.landed(FIELDS, output, "id,fare,day,email,note", rows), 0);
    let found = shore.python(READ, &["0", r#"["net < 0", "month = 2", "email = 'redacted'"]"#]);
    let names: Vec<&Value> =
        found["schema"].as_array().unwrap().iter().map(|column| &column[0]).collect();
    assert_eq!(json!(names), json!(["id", "fare", "day", "email", "net", "month"]));
    assert_eq!(found["columns"]["net"], json!(["1.250", null, "-0.005"]));
    assert_eq!(found["columns"]["month"], json!(["1", "2", null]));
    assert_eq!(found["columns"]["email"], json!(["redacted", null, "redacted"]));
    assert_eq!(
        found["where"],
        json!({"net < 0": [3], "month = 2": [2], "email = 'redacted'": [1, 3]})
    );
    let log = std::fs::read_to_string(shore.table().join("_delta_log/00000000000000000000.json"))
        .unwrap();
    assert!(!log.contains("a@b.c") && log.contains("net") && log.contains("month=2"), "{log}");
}

/// Deletes the entries that a checkpoint makes needless, as a cleanup of the log does.
fn clean_up(shore: &Shore, checkpoint: u64) {
    let log = shore.table().join("_delta_log");
    assert!(
        log.join(format!("{checkpoint:020}.checkpoint.parquet")).is_file(),
        "there is no checkpoint {checkpoint}"
    );
    for sequence in 0..=checkpoint {
        let entry = log.join(format!("{sequence:020}.json"));
        if entry.exists() {
            std::fs::remove_file(entry).unwrap();
        }
    }
}

#[test]
fn a_log_is_read_from_its_checkpoint_on() {
    let shore = Shore::new();
    let land = |output: &str, rows: &str| {
        shore.landed(ID_KIND, &format!("partitionBy: [kind], {output}"), "id,kind", rows)
    };
    land("mode: append", "1,a\n2,b c\n3,\n");
    land("mode: overwrite-partitions", "4,a\n");
    for sequence in 2..=9 {
        assert_eq!(land("mode: append", &format!("{},a\n", sequence + 10)), sequence);
    }
    let pointer = shore.table().join("_delta_log/_last_checkpoint");
    assert!(!pointer.exists(), "ten commits need no checkpoint");
    assert_eq!(land("mode: append", "20,z\n"), 10);
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&pointer).unwrap()).unwrap();
    // Protocol and schema, a transaction each, a file that was replaced, and the others.
    assert_eq!(
        (&told["version"], &told["size"], &told["numOfAddFiles"]),
        (&json!(10), &json!(2 + 11 + 1 + 12), &json!(12)),
        "{told}"
    );

    let rows = ["2", "3", "4", "12", "13", "14", "15", "16", "17", "18", "19", "20"];
    let before = shore.python(READ, &["10", r#"["id > 18", "kind is null", "kind = 'b c'"]"#]);
    shore.assert_rows(&rows);
    clean_up(&shore, 10);
    shore.assert_rows(&rows);
    let after = shore.python(READ, &["10", r#"["id > 18", "kind is null", "kind = 'b c'"]"#]);
    for what in ["schema", "columns", "files", "where"] {
        assert_eq!(after[what], before[what], "{what}");
    }

    // What is landed builds on it: appended, replaced by partition (that of nulls too), with a
    // column more.
    assert_eq!(land("mode: append", "21,b c\n"), 11);
    assert_eq!(land("mode: overwrite-partitions", "22,\n23,b c\n"), 12);
    let rows = ["4", "12", "13", "14", "15", "16", "17", "18", "19", "20", "22", "23"];
    shore.assert_rows(&rows);
    let more = format!("{ID_KIND}\n    - {{ name: note, type: string }}");
    shore.landed(&more, "partitionBy: [kind]", "id,kind,note", "24,a,new\n");
    for id in 25..=31 {
        shore.landed(&more, "partitionBy: [kind]", "id,kind,note", &format!("{id},a,new\n"));
    }
    clean_up(&shore, 20);
    let rows: Vec<String> =
        rows.iter().map(|id| (*id).to_owned()).chain((24..=31).map(|id| id.to_string())).collect();
    shore.assert_rows(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let found =
        shore.python(READ, &["20", r#"["note = 'new' and id > 30", "note is null and id = 4"]"#]);
    assert_eq!(
        found["where"],
        json!({"note = 'new' and id > 30": [31], "note is null and id = 4": [4]})
    );
    assert_eq!(land("mode: overwrite", "99,a\n"), 21);
    shore.assert_rows(&["99"]);
}

#[test]
fn checkpoints_of_others_are_read() {
    const CHANGE: &str = "
import sys
from deltalake import DeltaTable, write_deltalake
import arro3.core as arrow
path = sys.argv[1]
write_deltalake(path, arrow.Table.from_pydict({'id': arrow.Array([3, 4], arrow.DataType.int64()), 'kind': arrow.Array(['b', None], arrow.DataType.utf8())}), mode='append')
DeltaTable(path).create_checkpoint()
print(DeltaTable(path).version())
";
    let shore = Shore::new();
    let land = |mode: &str, rows: &str| {
        shore.landed(ID_KIND, &format!("partitionBy: [kind], mode: {mode}"), "id,kind", rows)
    };
    land("append", "1,a\n2,b\n");
    let version = shore.python(CHANGE, &[]).as_u64().unwrap();
    clean_up(&shore, version);
    shore.assert_rows(&["1", "2", "3", "4"]);
    assert_eq!(land("append", "5,a\n"), version + 1);
    assert_eq!(land("overwrite-partitions", "6,\n7,b\n"), version + 2);
    shore.assert_rows(&["1", "5", "6", "7"]);
    for id in 10..18 {
        land("append", &format!("{id},a\n"));
    }
    clean_up(&shore, version + 10);
    shore.assert_rows(&["1", "5", "6", "7", "10", "11", "12", "13", "14", "15", "16", "17"]);
}
