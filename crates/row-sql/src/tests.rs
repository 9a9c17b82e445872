#![expect(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Datum, StringArray};
use arrow_schema::DataType as ArrowType;

use super::functions::FUNCTIONS;
use super::values::Values;
use super::{Column, Expression};

/// For Arrow's kernels, which answers are compared with.
impl Datum for Values {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array.as_ref(), self.constant)
    }
}

/// Expressions, and what DuckDB answers.
fn suite() -> String {
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs this");
    std::fs::read_to_string(format!("{package}/../../testdata/expressions.jsonl")).unwrap()
}

/// Columns of the names, types and texts.
fn columns(of: &[(&str, &str, Vec<Option<&str>>)]) -> (Vec<Column>, Vec<ArrayRef>) {
    let made = of.iter().map(|(name, kind, texts)| {
        let text = [Column { name: (*name).to_owned(), data_type: ArrowType::Utf8 }];
        let array: ArrayRef = Arc::new(texts.iter().copied().collect::<StringArray>());
        let array = Expression::parse(&format!("CAST({name} AS {kind})"), &text)
            .unwrap()
            .evaluate(&[array], texts.len(), None)
            .unwrap()
            .array;
        (Column { name: (*name).to_owned(), data_type: array.data_type().clone() }, array)
    });
    made.unzip()
}

fn texts(array: &ArrayRef) -> Vec<Option<String>> {
    let text = super::casts::cast(array, &ArrowType::Utf8, false).unwrap();
    text.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// Numbers without zeros that say nothing.
fn plain(text: &str) -> String {
    match (text.parse::<f64>(), text.contains('.'), text.contains('e')) {
        (Ok(value), _, true) => format!("{value}"),
        (Ok(_), true, _) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => text.to_owned(),
    }
}

/// Types as DuckDB calls them, without widths.
fn family(data_type: &ArrowType) -> &'static str {
    match data_type {
        data_type if data_type.is_integer() => "INT",
        data_type if data_type.is_floating() => "DOUBLE",
        ArrowType::Decimal128(..) => "DECIMAL",
        ArrowType::Utf8 => "VARCHAR",
        ArrowType::Boolean => "BOOLEAN",
        ArrowType::Date32 => "DATE",
        ArrowType::Timestamp(..) => "TIMESTAMP",
        _ => "?",
    }
}

#[test]
fn answers_are_those_of_duckdb() {
    let lines = suite();
    let mut lines =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let head = lines.next().unwrap();
    let values: Vec<(String, String, Vec<Option<String>>)> = head["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            let text = |value: &serde_json::Value| match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            let values = column["values"].as_array().unwrap().iter().map(text).collect();
            (
                column["name"].as_str().unwrap().to_owned(),
                column["type"].as_str().unwrap().to_owned(),
                values,
            )
        })
        .collect();
    let borrowed: Vec<_> = values
        .iter()
        .map(|(name, kind, values)| {
            (name.as_str(), kind.as_str(), values.iter().map(Option::as_deref).collect::<Vec<_>>())
        })
        .collect();
    let (columns, arrays) = columns(&borrowed);
    let rows = arrays[0].len();
    let (mut wrong, mut count) = (String::new(), 0);
    for line in lines {
        let (sql, kind) = (line["sql"].as_str().unwrap(), line["type"].as_str().unwrap());
        let expected: Vec<Option<String>> = line["answers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|answer| answer.as_str().map(plain))
            .collect();
        count += 1;
        let expression = match Expression::parse(sql, &columns) {
            Ok(expression) => expression,
            Err(flaw) => {
                let _ = writeln!(wrong, "{sql}: {flaw}");
                continue;
            }
        };
        let evaluated = expression.evaluate(&arrays, rows, None).unwrap();
        let found: Vec<_> =
            texts(&evaluated.array).into_iter().map(|text| text.map(|text| plain(&text))).collect();
        if found != expected || !evaluated.failed.is_empty() {
            let _ =
                writeln!(wrong, "{sql}: {found:?} {:?}, DuckDB: {expected:?}", evaluated.failed);
        }
        let same_family = kind.contains(family(expression.data_type()));
        if !same_family {
            let _ = writeln!(wrong, "{sql}: {:?}, DuckDB: {kind}", expression.data_type());
        }
        // A row does not depend on others.
        for (row, expected) in found.iter().enumerate() {
            let alone: Vec<_> = arrays.iter().map(|array| array.slice(row, 1)).collect();
            let alone = texts(&expression.evaluate(&alone, 1, None).unwrap().array);
            assert_eq!(alone[0].as_deref().map(plain), *expected, "{sql}, row {row} alone");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 150, "{count} expressions");
}

#[test]
fn every_function_is_in_the_suite_and_in_the_table() {
    let suite = suite();
    let mut table = String::from("| function | does |\n|---|---|\n");
    for function in FUNCTIONS {
        let [name, aliases @ ..] = function.names else { panic!("a function has a name") };
        assert!(suite.contains(&format!("{name}(")), "{name} is not compared with DuckDB");
        let aliases = aliases.iter().map(|alias| format!(", `{alias}`")).collect::<String>();
        let _ = writeln!(table, "| `{name}{}`{aliases} | {} |", function.form, function.does);
    }
    assert!(
        include_str!("REFERENCE.md").ends_with(&table),
        "REFERENCE.md has to end with\n{table}"
    );
}

#[test]
fn a_flaw_tells_where_it_is() {
    let (columns, _) = columns(&[
        ("a", "bigint", vec![]),
        ("price", "decimal(12,2)", vec![]),
        ("name", "string", vec![]),
        ("day", "date", vec![]),
    ]);
    let cases = [
        ("", "1:1 there is no expression"),
        ("a + ", "1:4 after `+`: an expression is expected"),
        ("price > 0 AND", "1:14 after `AND`: an expression is expected"),
        ("price > 0\n  AND  ", "2:6 after `AND`: an expression is expected"),
        ("(a = 1", "1:7 after `1`: `)` is expected"),
        ("a = )", "1:5 after `=`: an expression is expected, not `)`"),
        (") a", "1:1 an expression is expected, not `)`"),
        ("a BETWEEN 1 OR 2", "1:13 after `1`: `AND` is expected, not `OR`"),
        ("CASE WHEN a = 1 THEN 2", "1:1 this CASE is not complete"),
        ("name = 'x", "1:8 a text begins here and does not end"),
        ("a 1", "1:3 the expression has ended before `1`"),
        ("1 + prise", "1:5 `prise` is not a field; did you mean `price`?"),
        ("a +\n  flor(a)", "2:3 there is no function `flor`; did you mean `floor`?"),
        ("a + name", "1:5 `+` takes numbers, and this is a string; CAST it"),
        (
            "a = name",
            "1:5 a type that holds both a int64 and a string does not exist; CAST one of them",
        ),
        ("a = NULL", "1:5 a comparison with NULL is never true; IS NULL asks for it"),
        ("name = \"x\"", "1:8 `x` is not a field; text stands in '…'"),
        ("lower(a)", "1:7 `lower` takes a string here, and this is a int64; CAST it"),
        ("left(name)", "1:1 `left` takes other arguments: left(string, count)"),
        ("a + sum(a)", "1:5 `sum` aggregates many rows, and a row expression sees one"),
        (
            "row_number() OVER ()",
            "1:1 `row_number` looks at other rows, and a row expression sees one",
        ),
        ("abs(a) OVER ()", "1:1 OVER looks at other rows, and a row expression sees one"),
        ("a IN (SELECT 1)", "1:7 a subquery looks at other rows, and a row expression sees one"),
        (
            "now() > day",
            "1:1 `now` gives another answer every time, and a shard that runs twice must give the same rows",
        ),
        (
            "SELECT a",
            "1:1 a statement is not allowed, only an expression: what would stand after SELECT, or after WHERE",
        ),
        ("a + 1 // 0", "1:5 fails for every row: division by zero"),
        ("day > 'soon'", "1:7 fails for every row: `soon` is no date, or outside of its range"),
        ("regexp_matches(name, '(')", "1:22 this is not a regular expression: unclosed group"),
        ("name LIKE name", "1:11 the pattern of LIKE has to be a literal, such as '…'"),
        ("NOT a", "1:5 NOT takes a boolean, and this is a int64"),
        ("CAST(a AS blob)", "1:11 `blob` is not a type here"),
        ("price::decimal(50,2)", "1:8 a decimal is written decimal(P,S)"),
        (
            "day - name",
            "1:7 a date is moved by an INTERVAL, a date also by a number of days; not by a string",
        ),
        ("t.a", "1:1 `t.a` names a table's column"),
    ];
    for (sql, expected) in cases {
        let flaw = Expression::parse(sql, &columns).expect_err(sql);
        let found = format!("{}:{} {}", flaw.at.line, flaw.at.column, flaw.message);
        assert!(found.starts_with(expected), "{sql:?}: {found}, expected {expected}");
    }
}

#[test]
fn exactly_the_rows_that_fail_fail() {
    let numbers = (0..1000).map(|n| ((n * 7) % 11).to_string()).collect::<Vec<_>>();
    let (columns, arrays) = columns(&[
        ("a", "bigint", numbers.iter().map(|n| Some(n.as_str())).collect()),
        (
            "big",
            "bigint",
            (0..1000)
                .map(|n| if n % 500 == 3 { Some("9223372036854775807") } else { Some("1") })
                .collect(),
        ),
        (
            "word",
            "string",
            (0..1000).map(|n| if n % 400 == 9 { Some("x") } else { Some("5") }).collect(),
        ),
        (
            "money",
            "decimal(38,2)",
            (0..1000)
                .map(|n| {
                    if n == 5 { Some("999999999999999999999999999999999999.99") } else { Some("1") }
                })
                .collect(),
        ),
    ]);
    type Fails<'a> = &'a dyn Fn(usize) -> bool;
    let cases: [(&str, Fails<'_>, &str); 9] = [
        ("100 // a", &|row| (row * 7) % 11 == 0, "division by zero"),
        ("100 / a", &|row| (row * 7) % 11 == 0, "division by zero"),
        ("100 % a", &|row| (row * 7) % 11 == 0, "division by zero"),
        ("a + big", &|row| row % 500 == 3 && (row * 7) % 11 > 0, "the result is out of range"),
        ("-big - 2", &|row| row % 500 == 3, "the result is out of range"),
        ("word::int + 1", &|row| row % 400 == 9, "`x` is no int32, or outside of its range"),
        (
            "big::smallint",
            &|row| row % 500 == 3,
            "`9223372036854775807` is no int16, or outside of its range",
        ),
        ("money * 10", &|row| row == 5, "the result is out of range"),
        ("length(word) // a + word::int", &|row| (row * 7) % 11 == 0 || row % 400 == 9, ""),
    ];
    for (sql, fails, reason) in cases {
        let evaluated =
            Expression::parse(sql, &columns).unwrap().evaluate(&arrays, 1000, None).unwrap();
        let expected: Vec<usize> = (0..1000).filter(|row| fails(*row)).collect();
        assert!(!expected.is_empty());
        assert_eq!(evaluated.failed.keys().copied().collect::<Vec<_>>(), expected, "{sql}");
        assert!(
            evaluated.failed.values().all(|found| found.starts_with(reason)),
            "{sql}: {:?}",
            evaluated.failed.first_key_value()
        );
        assert!((0..1000).all(|row| evaluated.array.is_null(row) == fails(row)), "{sql}");
    }
}

#[test]
fn what_no_longer_matters_is_not_looked_at() {
    let (columns, arrays) = columns(&[("a", "int", vec![Some("0"), Some("2"), None])]);
    for sql in [
        "a <> 0 AND 10 // a > 1",
        "a = 0 OR 10 // a > 1",
        "CASE WHEN a = 0 THEN 0 ELSE 10 // a END",
        "coalesce(nullif(a, 0), 1 // (a - 2 + 1))",
        "TRY_CAST(a::string || 'x' AS int)",
        "CASE WHEN a = 0 THEN 'none' WHEN 10 // a > 3 THEN 'few' ELSE (100 // a)::string END",
        "CASE WHEN a IS NULL OR a = 0 THEN 0 ELSE CASE WHEN 10 // a = 5 THEN 1 ELSE 1 // (a - 2) END END",
        "coalesce(CASE WHEN a = 0 THEN 1 END, 10 // a)",
        "a IS NULL OR (a <> 0 AND 10 // a > 1)",
    ] {
        let evaluated =
            Expression::parse(sql, &columns).unwrap().evaluate(&arrays, 3, None).unwrap();
        assert!(evaluated.failed.is_empty(), "{sql}: {:?}", evaluated.failed);
    }
    let failed = Expression::parse("10 // a > 1 AND a <> 0", &columns)
        .unwrap()
        .evaluate(&arrays, 3, None)
        .unwrap()
        .failed;
    assert_eq!(failed.into_keys().collect::<Vec<_>>(), [0]);
}

#[test]
fn rows_that_are_skipped_fail_nowhere() {
    let (columns, arrays) =
        columns(&[("a", "string", vec![Some("x"), Some("2"), None, Some("y")])]);
    let skipped = arrow_array::BooleanArray::from(vec![true, false, false, false]);
    let evaluated = Expression::parse("a::int + 1", &columns)
        .unwrap()
        .evaluate(&arrays, 4, Some(&skipped))
        .unwrap();
    assert_eq!(evaluated.failed.into_keys().collect::<Vec<_>>(), [3]);
    assert_eq!(texts(&evaluated.array)[1..], [Some("3".to_owned()), None, None]);
}

#[test]
fn no_rows_are_no_trouble() {
    let (columns, arrays) = columns(&[("a", "int", vec![])]);
    for sql in [
        "a / 0e0",
        "CASE WHEN a = 1 THEN 1 ELSE 2 END",
        "coalesce(a, 1)",
        "a = 1 OR a = 2",
        "concat(a, 'x')",
    ] {
        let evaluated =
            Expression::parse(sql, &columns).unwrap().evaluate(&arrays, 0, None).unwrap();
        assert_eq!((evaluated.array.len(), evaluated.failed.len()), (0, 0), "{sql}");
    }
}

#[test]
fn text_that_takes_too_much_memory_ends_the_job() {
    let (columns, arrays) = columns(&[("a", "string", vec![Some("x"); 300])]);
    let long = format!("coalesce(nullif(a, 'x'), '{}')", "y".repeat(1 << 20));
    let error =
        Expression::parse(&long, &columns).unwrap().evaluate(&arrays, 300, None).unwrap_err();
    assert!(matches!(error, crate::Error::TooMuchText(_)), "{error}");
}

#[test]
fn endless_expressions_are_refused() {
    let chain = "1".to_owned() + &" + 1".repeat(400);
    let nested = "(".repeat(60) + "1" + &")".repeat(60);
    let long = "a = 1 OR ".repeat(1000) + "true";
    for sql in [chain, nested, long, "- ".repeat(300) + "1"] {
        let message = Expression::parse(&sql, &[]).unwrap_err().message;
        assert!(message.contains("at most"), "{message}");
    }
    assert!(Expression::parse(&("NOT ".repeat(300) + "true"), &[]).is_err());
    let deep = "abs(".repeat(45) + "1" + &")".repeat(45);
    Expression::parse(&deep, &[]).unwrap();
}

#[test]
fn moments_of_a_zone_are_in_utc() {
    let (columns, arrays) = columns(&[(
        "z",
        "timestamptz",
        vec![Some("2024-07-01 03:00:00+02:00"), Some("2024-01-01 00:30:00")],
    )]);
    let cases = [
        ("hour(z)", ["1", "0"]),
        ("z::string", ["2024-07-01 01:00:00+00", "2024-01-01 00:30:00+00"]),
        ("z AT TIME ZONE 'America/New_York'", ["2024-06-30 21:00:00", "2023-12-31 19:30:00"]),
        ("date_trunc('day', z)", ["2024-07-01 00:00:00+00", "2024-01-01 00:00:00+00"]),
        ("z + INTERVAL 1 MONTH", ["2024-08-01 01:00:00+00", "2024-02-01 00:30:00+00"]),
        ("z > '2024-07-01 02:59:59+02:00'", ["true", "false"]),
    ];
    for (sql, expected) in cases {
        let evaluated = Expression::parse(sql, &columns)
            .unwrap_or_else(|flaw| panic!("{sql}: {flaw}"))
            .evaluate(&arrays, 2, None)
            .unwrap();
        assert_eq!(texts(&evaluated.array), expected.map(|text| Some(text.to_owned())), "{sql}");
    }
}
