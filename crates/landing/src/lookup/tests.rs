#![expect(clippy::unwrap_used)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use contract::Contract;

use super::*;

/// A contract with one join; `join` says the rest of it.
fn join(join: &str) -> Join {
    let text = format!(
        "name: flights\nschema: {{ fields: [ {{ name: dest, type: string }}, {{ name: day, type: integer }} ] }}\ntransform: {{ join: [ {join} ] }}\n"
    );
    Contract::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}")).transform.join.remove(0)
}

fn airports() -> Join {
    join(
        "{ object: airports.csv, on: [ { field: dest, column: iata } ], columns: [ name, { column: height, as: dest_height } ],
           fields: [ { name: iata, type: string }, { name: name, type: string }, { name: height, type: integer } ] }",
    )
}

#[test]
fn rows_are_found_by_their_keys() {
    let join = airports();
    // Another order, a column more, a quoted line break, a null key, and a null.
    let csv = "name,x,iata,height\nHouston,1,IAH,29\n\"Miami\nBeach\",2,MIA,\nNowhere,3,,7\nNo key either,4,,8\n";
    let lookup = Lookup::of_csv(&join, csv.as_bytes()).unwrap();
    assert_eq!(lookup.rows(), 4);
    for lookup in [Lookup::open(&join, &lookup.to_bytes().unwrap().into()).unwrap(), lookup] {
        let records: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![
                Some("MIA"),
                None,
                Some("IAH"),
                Some("iah"),
                Some(""),
                Some("MIA"),
            ])),
            Arc::new(Int64Array::from(vec![1; 6])),
        ];
        let found = lookup.rows_of(&join, &records, 6).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [Some(1), None, Some(0), None, None, Some(1)]);
        let name = lookup.table.column(1).as_string::<i32>();
        assert_eq!((name.value(0), name.value(1)), ("Houston", "Miami\nBeach"));
        assert_eq!(
            lookup.table.column(2).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(),
            [Some(29), None, Some(7), Some(8)]
        );
    }
}

#[test]
fn keys_of_several_columns_are_told_apart() {
    let join = join(
        "{ object: days.csv, on: [ dest, day ], columns: [ note ],
           fields: [ { name: dest, type: string }, { name: day, type: integer }, { name: note, type: string } ] }",
    );
    let lookup =
        Lookup::of_csv(&join, b"dest,day,note\na,1,one\na,2,two\n,2,none\nb,,none\n").unwrap();
    let records: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("a"), Some("a"), Some("b"), None, Some("b")])),
        Arc::new(Int64Array::from(vec![Some(2), Some(1), Some(1), Some(2), None])),
    ];
    let found = lookup.rows_of(&join, &records, 5).unwrap();
    assert_eq!(found.iter().collect::<Vec<_>>(), [Some(1), Some(0), None, None, None]);
}

#[test]
fn what_is_wrong_with_a_table_is_said_without_its_values() {
    let join = airports();
    let check = |csv: &str, name: &str, text: &str| {
        let error = Lookup::of_csv(&join, csv.as_bytes()).expect_err(text);
        assert_eq!(error.name(), name, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    };
    check(
        "iata,name,height\nsecret,a,1\nb,b,2\nsecret,c,3\n",
        "SourceCorrupt",
        "rows 1 and 3 of the reference airports.csv have the same `iata`",
    );
    check(
        "iata,name,height\na,a,1\n\nb,b,secret\n",
        "SourceCorrupt",
        "line 4 of the reference airports.csv has a type-error in `height`",
    );
    check(
        "iata,name,height\na,\"secret\n",
        "SourceCorrupt",
        "line 2 of the reference airports.csv has a",
    );
    check("iata,name\na,secret\n", "SchemaDrift", "the source has no column `height`");
    check("", "SchemaDrift", "the reference airports.csv does not match");
    let long = format!("iata,name,height\n{}", "a".repeat(REFERENCE_BYTES as usize));
    check(&long, "LimitExceeded", "(REFERENCE_BYTES)");
}

#[test]
fn a_table_of_too_many_rows_is_refused() {
    let join = join(
        "{ object: n.csv, on: [ day ], columns: [], fields: [ { name: day, type: integer } ] }",
    );
    let csv = |rows: usize| {
        let mut csv = String::from("day\n");
        (0..rows).for_each(|row| csv.push_str(&format!("{row}\n")));
        csv
    };
    assert_eq!(
        Lookup::of_csv(&join, csv(REFERENCE_ROWS).as_bytes()).unwrap().rows(),
        REFERENCE_ROWS
    );
    let refused = Lookup::of_csv(&join, csv(REFERENCE_ROWS + 1).as_bytes()).unwrap_err();
    assert!(refused.to_string().contains("(REFERENCE_ROWS)"), "{refused}");
}

/// A Parquet file of these columns.
fn parquet(columns: Vec<(&str, ArrayRef)>) -> Bytes {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

#[test]
fn a_dataset_is_a_table_of_all_its_files() {
    let join = join(
        "{ dataset: airports, on: [ { field: dest, column: iata } ], columns: [ height ],
           fields: [ { name: height, type: integer }, { name: iata, type: string } ] }",
    );
    let texts = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let numbers = |numbers: &[i64]| Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef;
    let files = vec![
        parquet(vec![
            ("iata", texts(&["a", "b"])),
            ("more", numbers(&[0, 0])),
            ("height", numbers(&[1, 2])),
        ]),
        parquet(vec![("height", numbers(&[3])), ("iata", texts(&["c"]))]),
    ];
    let lookup = Lookup::of_parquet(&join, files.clone()).unwrap();
    let records: Vec<ArrayRef> = vec![texts(&["c", "d", "a"]), numbers(&[0, 0, 0])];
    assert_eq!(
        lookup.rows_of(&join, &records, 3).unwrap().iter().collect::<Vec<_>>(),
        [Some(2), None, Some(0)]
    );
    assert_eq!(lookup.table.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 3]);
    assert_eq!(
        Lookup::of_parquet(&join, Vec::new()).unwrap().rows(),
        0,
        "an empty dataset goes with nothing"
    );

    let twice = Lookup::of_parquet(&join, vec![files[0].clone(), files[0].clone()]).unwrap_err();
    assert!(twice.to_string().contains("rows 1 and 3 of the dataset airports"), "{twice}");
    for (file, text) in [
        (parquet(vec![("iata", texts(&["a"]))]), "a file has no column `height`"),
        (
            parquet(vec![("iata", texts(&["a"])), ("height", texts(&["1"]))]),
            "`height` is a string there, and a int64",
        ),
    ] {
        let drift = Lookup::of_parquet(&join, vec![file]).unwrap_err();
        assert!(drift.name() == "SchemaDrift" && drift.to_string().contains(text), "{drift}");
    }
}

#[test]
fn faults_of_a_join_are_told_with_their_places() {
    let faults = |join: &str| {
        let text = format!(
            "name: flights\nschema: {{ fields: [ {{ name: dest, type: string }}, {{ name: day, type: integer }} ] }}\ntransform: {{ join: [ {join} ] }}\n"
        );
        let faults = Contract::parse(&text).map(|_| ()).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let fields = "fields: [ { name: k, type: string }, { name: v, type: string } ]";
    for (join, fault) in [
        (
            format!("{{ on: [ {{ field: dest, column: k }} ], columns: [ v ], {fields} }}"),
            "transform.join[0]: must name its table by either `object`",
        ),
        (
            format!(
                "{{ object: a, dataset: b, on: [ {{ field: dest, column: k }} ], columns: [ v ], {fields} }}"
            ),
            "by either `object` (a CSV file) or `dataset`",
        ),
        (
            format!(
                "{{ object: ../a, on: [ {{ field: dest, column: k }} ], columns: [ v ], {fields} }}"
            ),
            "transform.join[0].object: `../a` is no key",
        ),
        (
            format!("{{ object: a, on: [ dest ], columns: [ v ], {fields} }}"),
            "transform.join[0].on[0]: `dest` is not a field of the schema; allowed: k, v",
        ),
        (
            format!("{{ object: a, on: [ {{ field: k }} ], columns: [ v ], {fields} }}"),
            "transform.join[0].on[0]: `k` is not a field of the schema; allowed: dest, day",
        ),
        (
            format!(
                "{{ object: a, on: [ {{ field: day, column: k }} ], columns: [ v ], {fields} }}"
            ),
            "both must have the same type",
        ),
        (
            format!("{{ object: a, on: [], columns: [ v ], {fields} }}"),
            "transform.join[0].on: at least one field is needed",
        ),
        (
            format!(
                "{{ object: a, on: [ {{ field: dest, column: k }} ], columns: [ {{ column: v, as: day }} ], {fields} }}"
            ),
            "transform.join[0].columns[0]: `day` is the name of another column",
        ),
        (
            format!(
                "{{ object: a, on: [ {{ field: dest, column: k }} ], columns: [ v ], how: inner, unmatched: reject, {fields} }}"
            ),
            "transform.join[0].unmatched: an inner join filters",
        ),
        (
            format!(
                "{{ object: a, on: [ {{ field: dest, column: k }} ], columns: [ v ], how: outer, {fields} }}"
            ),
            "allowed: left, inner",
        ),
    ] {
        let faults = faults(&join);
        assert!(faults.contains(fault), "{join}: {faults}");
    }
}
