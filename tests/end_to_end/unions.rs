//! Changes a dataset's contract: either DuckDB, PyArrow and Polars read all files of the table as
//! one, in any order, or the contract is rejected. Either DuckDB, PyArrow and Polars read all files
//! of the table as one, in any order, or the contract is refused.

use std::path::Path;

use serde_json::{Value, json};
use xtask::{Python, checkout};

use super::embedded::landfall;

/// A contract's fields and what else it says, and the file that lands under it.
struct Load<'a> {
    fields: &'a str,
    more: &'a str,
    source: &'a str,
}

const FIRST: Load<'static> = Load {
    fields: "{ name: id, type: integer }, { name: few, type: integer, physicalType: int16 }, { name: part, type: number, physicalType: float32 }, \
             { name: price, type: number, physicalType: \"decimal(9,2)\" }, { name: note, type: string }",
    more: "",
    source: "id,few,part,price,note\n1,10,0.5,1.25,a\n2,20,1.5,2.50,\n",
};

/// Lands a file in a lake: its rows, or why it does not land.
fn land(folder: &Path, load: &Load<'_>) -> Result<(), String> {
    let (contract, source) = (folder.join("contract.yaml"), folder.join("t.csv"));
    let (matching, output) = match load.more.strip_prefix("fieldsMatch: subset") {
        Some(more) => ("fieldsMatch: subset, ", more),
        None => ("", load.more),
    };
    let yaml = format!("name: t\nschema: {{ {matching}fields: [ {} ] }}\n{output}\n", load.fields);
    std::fs::write(&contract, yaml).unwrap();
    std::fs::write(&source, load.source).unwrap();
    let output = landfall()
        .arg("run")
        .args([&contract, &source])
        .arg("--lake")
        .arg(folder.join("lake"))
        .arg("--json")
        .output()
        .unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

/// Has every peer read the table in every order of its files.
#[track_caller]
fn assert_read(folder: &Path, rows: &Value) {
    let script = checkout::root().join("tests/end_to_end/unions.py");
    let mut command = Python::of_peers().unwrap().command();
    let output =
        command.arg(script).arg(folder.join("lake/t")).arg(rows.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Three peers, and two orders of two files.
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "6");
}

fn first_rows() -> Vec<Value> {
    vec![
        json!({"id": 1, "few": 10, "part": 0.5, "price": "1.25", "note": "a"}),
        json!({"id": 2, "few": 20, "part": 1.5, "price": "2.50", "note": null}),
    ]
}

#[test]
fn what_is_taken_is_read_as_one_table_in_any_order() {
    let another_order = Load {
        fields: "{ name: note, type: string }, { name: price, type: number, physicalType: \"decimal(9,2)\" }, { name: id, type: integer }, \
                 { name: part, type: number, physicalType: float32 }, { name: few, type: integer, physicalType: int16 }",
        source: "note,price,id,part,few\nz,9.75,3,2.5,30\n",
        ..FIRST
    };
    let one_more = format!("{}, {{ name: day, type: date }}", FIRST.fields);
    let one_more = Load {
        fields: &one_more,
        source: "id,few,part,price,note,day\n3,30,2.5,9.75,z,2024-02-29\n",
        ..FIRST
    };
    let one_less = Load {
        fields: "{ name: id, type: integer }, { name: part, type: number, physicalType: float32 }, \
                 { name: price, type: number, physicalType: \"decimal(9,2)\" }, { name: note, type: string }",
        more: "fieldsMatch: subset",
        source: "id,part,price,note\n3,2.5,9.75,z\n",
    };
    let third =
        |few: Value| json!({"id": 3, "few": few, "part": 2.5, "price": "9.75", "note": "z"});
    let with_day = |mut row: Value, day: Value| {
        row["day"] = day;
        row
    };
    let cases = [
        (another_order, [first_rows(), vec![third(json!(30))]].concat()),
        (one_more, {
            let first = first_rows().into_iter().map(|row| with_day(row, Value::Null));
            first.chain([with_day(third(json!(30)), json!("2024-02-29"))]).collect()
        }),
        (one_less, [first_rows(), vec![third(Value::Null)]].concat()),
    ];
    for (later, rows) in cases {
        let folder = tempfile::tempdir().unwrap();
        land(folder.path(), &FIRST).unwrap();
        land(folder.path(), &later).unwrap();
        assert_read(folder.path(), &Value::from(rows));
    }
}

#[test]
fn what_no_reader_would_unite_is_refused_unless_the_table_is_replaced() {
    let retyped = |from: &str, to: &str| FIRST.fields.replace(from, to);
    let fields = [
        retyped("int16", "int32"),
        retyped("float32", "float64"),
        retyped("decimal(9,2)", "decimal(12,2)"),
        retyped("note, type: string", "note, type: date"),
        retyped("name: note", "name: Note"),
        FIRST.fields.replace(", { name: note, type: string }", ""),
    ];
    let others = fields.iter().map(|fields| (fields.as_str(), ""));
    let others = others.chain([
        (FIRST.fields, "output: { partitionBy: [note] }"),
        (FIRST.fields, "output: { format: jsonl }"),
    ]);
    for (fields, more) in others {
        let source = match fields {
            _ if fields.contains("Note") => "id,few,part,price,Note\n3,30,2.5,9.75,z\n",
            _ if fields.contains("date") => "id,few,part,price,note\n3,30,2.5,9.75,2024-02-29\n",
            _ if !fields.contains("note") => "id,few,part,price\n3,30,2.5,9.75\n",
            _ => "id,few,part,price,note\n3,30,2.5,9.75,z\n",
        };
        let folder = tempfile::tempdir().unwrap();
        land(folder.path(), &FIRST).unwrap();
        let refused = land(folder.path(), &Load { fields, more, source }).expect_err(fields);
        assert!(
            refused.contains("ContractInvalid") && refused.contains("mode: overwrite"),
            "{fields} {more}: {refused}"
        );
        let replacing = match more.strip_suffix(" }") {
            Some(output) => format!("{output}, mode: overwrite }}"),
            None => "output: { mode: overwrite }".to_owned(),
        };
        land(folder.path(), &Load { fields, more: &replacing, source })
            .unwrap_or_else(|why| panic!("{fields} {more}: {why}"));
    }
}
