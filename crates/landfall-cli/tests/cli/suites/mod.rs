//! Runs published test suites of CSV readers, which lie beside the checkout.
//!
//! `testdata/suites.md` lists the cases of which the answer is deliberately another than the
//! suite's. A case that differs and is not listed is a failure, and so is one that is listed and
//! agrees: the list can't go stale.

mod case;
mod csvw;
mod inference;
mod reading;
mod validation;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use case::Case;

use crate::binary::package;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// What the suite expects.
    Agrees,
    /// Something else, and it was said: why.
    Differs(String),
    /// Something wrong, and nothing was said; or shards that are not what the whole is. Never
    /// right.
    Wrong(String),
}

/// Where the suites lie; says so loudly if they don't.
fn suites() -> Option<PathBuf> {
    let told = std::env::var_os("LANDFALL_SUITES").map(PathBuf::from);
    let path = told.unwrap_or_else(|| package().join("../../../shared/suites"));
    if path.is_dir() {
        return Some(path);
    }
    announce(&format!(
        "NOT RUN: the public CSV suites are not at {}; tests that read them prove nothing here. LANDFALL_SUITES tells where they are.",
        path.display()
    ));
    None
}

/// Says something past the test runner, which keeps to itself what is merely printed.
fn announce(message: &str) {
    let _ = writeln!(std::io::stderr(), "\n{message}\n");
}

/// The text of `testdata/suites.md`.
const LIST: &str = include_str!("../../../../../testdata/suites.md");

/// The cases that differ on purpose, with the reason for each.
fn listed() -> BTreeMap<&'static str, &'static str> {
    let cells =
        |line: &'static str| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ");
    LIST.lines().filter_map(cells).collect()
}

/// Compares what came of all cases of some suites with the list, and the counts with its table.
fn settle(outcomes: &[(Case, Outcome)]) {
    let listed = listed();
    let mut failures = Vec::new();
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (case, outcome) in outcomes {
        let count = counts.entry(&case.suite).or_default();
        let reason = listed.get(case.id.as_str());
        match (outcome, reason) {
            (Outcome::Agrees, None) => count.0 += 1,
            (Outcome::Differs(_), Some(_)) => count.1 += 1,
            (Outcome::Agrees, Some(_)) => {
                failures.push(format!("{}: is listed in testdata/suites.md, and agrees", case.id))
            }
            (Outcome::Differs(why), None) => {
                failures.push(format!("{}: differs, and is not listed: {why}", case.id))
            }
            (Outcome::Wrong(why), _) => failures.push(format!("{}: {why}", case.id)),
        }
    }
    assert!(failures.is_empty(), "{} cases\n{}", failures.len(), failures.join("\n"));
    for (suite, (agree, differ)) in counts {
        let row = format!("| {suite} | {agree} | {differ} |");
        assert!(LIST.lines().any(|line| line == row), "testdata/suites.md should say `{row}`");
        announce(&format!(
            "public suite {suite}: {agree} cases agree, {differ} deliberately differ (testdata/suites.md)"
        ));
    }
}

#[test]
fn every_case_that_is_listed_exists() {
    let Some(suites) = suites() else { return };
    let cases = case::read(&suites);
    for id in listed().keys() {
        assert!(cases.iter().any(|case| case.id == *id), "{id}");
    }
}
