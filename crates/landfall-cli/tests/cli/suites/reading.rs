//! Runs cases that say which rows there are, or that a file must not be taken for a good one.

use std::collections::BTreeSet;

use super::case::{self, Case, Expected};
use super::{Outcome, settle, suites};
use crate::binary::{Answer, landfall};

const SHARDS: [&str; 5] = ["1", "2", "7", "64", "1000"];

#[test]
fn rows_are_what_suites_expect() {
    let Some(suites) = suites() else { return };
    let cases = case::read(&suites)
        .into_iter()
        .filter(|case| !matches!(case.expected, Expected::Validate { .. }));
    let outcomes: Vec<_> = cases.map(|case| (case.clone(), outcome(&case))).collect();
    settle(&outcomes);
}

/// Files of the other suite say nothing of rows, but they read alike in shards.
#[test]
fn shards_change_nothing() {
    let Some(suites) = suites() else { return };
    for case in
        case::read(&suites).iter().filter(|case| matches!(case.expected, Expected::Validate { .. }))
    {
        let whole = rows(case, None);
        assert_ne!(whole.stdout, "", "{}", case.id);
        for size in SHARDS {
            assert_eq!(rows(case, Some(size)), whole, "{} in shards of {size}", case.id);
        }
    }
}

fn rows(case: &Case, shard_size: Option<&str>) -> Answer {
    let shards = shard_size.map(|size| ["--shard-size".to_owned(), size.to_owned()]);
    let flags =
        ["rows".to_owned()].into_iter().chain(case.flags()).chain(shards.into_iter().flatten());
    landfall(flags.map(Into::into).chain([case.input.clone().into_os_string()]))
}

fn outcome(case: &Case) -> Outcome {
    let whole = rows(case, None);
    if let Some(size) = SHARDS.into_iter().find(|size| rows(case, Some(size)) != whole) {
        return Outcome::Wrong(format!("shards of {size} bytes read otherwise"));
    }
    match &case.expected {
        Expected::Rows { rows } => {
            let expected = std::fs::read_to_string(rows).expect("the rows are there");
            compare(case, &whole, serde_json::from_str(&expected).expect("rows are JSON"))
        }
        Expected::NoCrash => Outcome::Agrees,
        _ if whole.exit == 0 => Outcome::Wrong(format!("nothing was reported: {}", whole.stdout)),
        _ => Outcome::Agrees,
    }
}

fn compare(case: &Case, answer: &Answer, rows: Vec<Vec<Option<String>>>) -> Outcome {
    // Blank lines are not records here: the manifests leave them out too, but for those of suites
    // that take them for records with one empty field.
    let is_blank = |row: &[Option<String>]| match row {
        [] => true,
        [only] => {
            only.as_deref() == Some("") && case.ambiguity.iter().any(|known| known == "blank_lines")
        }
        _ => false,
    };
    let expected: Vec<Vec<String>> = rows
        .into_iter()
        .filter(|row| !is_blank(row))
        .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect();
    let found: Vec<Vec<String>> = answer
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record is a JSON array"))
        .collect();
    if answer.exit == 0 {
        return if found == expected {
            Outcome::Agrees
        } else {
            Outcome::Wrong(format!("{found:?} in silence, not {expected:?}"))
        };
    }
    let told = Outcome::Differs(answer.stderr.lines().next().unwrap_or_default().to_owned());
    if answer.exit != 1 {
        return told;
    }
    // What is not at fault is there all the same, and the others are all told.
    let mut rest = expected.iter();
    let is_part = found.iter().all(|row| rest.any(|other| other == row));
    let faults = answer
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a fault is JSON"));
    let refused: BTreeSet<u64> =
        faults.map(|fault| fault["record"].as_u64().expect("records are numbered")).collect();
    match is_part && found.len() + refused.len() == expected.len() {
        true => told,
        false => {
            Outcome::Wrong(format!("{found:?} and {} refused, not {expected:?}", refused.len()))
        }
    }
}
