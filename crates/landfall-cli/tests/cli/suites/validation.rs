//! Runs cases that say whether a file is valid under a schema.

use super::case::{self, Case, Expected};
use super::{Outcome, settle, suites};
use crate::binary::{file, landfall};

#[test]
fn files_are_as_valid_as_suites_say() {
    let Some(suites) = suites() else { return };
    let cases = case::read(&suites)
        .into_iter()
        .filter(|case| matches!(case.expected, Expected::Validate { .. }));
    let outcomes: Vec<_> = cases.map(|case| (case.clone(), outcome(&case))).collect();
    settle(&outcomes);
}

/// Lands the file under a contract made of the schema: it is valid if the contract is, and no
/// record is rejected.
fn outcome(case: &Case) -> Outcome {
    let Expected::Validate { valid, schema } = &case.expected else { return Outcome::Agrees };
    let (directory, contract) = file("contract.json", schema.contract().to_string());
    let lake = directory.path().join("lake");
    let landed = landfall([
        "run".as_ref(),
        "--json".as_ref(),
        contract.as_os_str(),
        case.input.as_os_str(),
        "--lake".as_ref(),
        lake.as_os_str(),
    ]);
    let job: serde_json::Value = serde_json::from_str(&landed.stdout).unwrap_or_default();
    let found = landed.exit == 0 && job["counts"]["rejected"] == 0;
    let told = if landed.exit == 0 { job["counts"].to_string() } else { landed.stderr };
    if found == *valid {
        Outcome::Agrees
    } else {
        Outcome::Differs(format!("valid: {found}: {told}"))
    }
}
