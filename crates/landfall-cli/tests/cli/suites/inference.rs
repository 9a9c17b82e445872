//! Checks that a contract proposed for a file lands it, and says beforehand what will be rejected.

use std::path::Path;

use super::{case, suites};
use crate::binary::{file, landfall, testdata};

#[test]
fn proposals_land_the_files_of_suites() {
    let Some(suites) = suites() else { return };
    let cases = case::read(&suites);
    let failures: Vec<_> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.id, flaw(&case.input)?)))
        .collect();
    assert!(failures.is_empty(), "{} cases\n{}", failures.len(), failures.join("\n"));
    super::announce(&format!(
        "public suites: what `landfall new` proposes lands {} of {} files as it says",
        cases.len(),
        cases.len()
    ));
}

#[test]
fn proposals_land_real_files() {
    for name in ["airlines.csv", "airports.csv", "planes.csv", "weather.csv", "flights.csv.gz"] {
        assert_eq!(flaw(&testdata(name)), None, "{name}");
    }
}

/// What is wrong with the proposal for a file: it can't be used, or more or fewer records are
/// rejected than it says.
fn flaw(input: &Path) -> Option<String> {
    let proposed = landfall(["new".as_ref(), "--json".as_ref(), input.as_os_str()]);
    // There is no contract for nothing.
    if proposed.exit == 3 && proposed.stderr.contains(" is empty: ") {
        return None;
    }
    if proposed.exit != 0 {
        return Some(format!("nothing is proposed: {}", proposed.stderr));
    }
    let proposed: serde_json::Value = serde_json::from_str(&proposed.stdout).expect("it is JSON");
    let yaml = proposed["yaml"].as_str().expect("it is text");
    // A file whose records are all rejected lands where its contract says so: which records these
    // are is what is looked at here.
    let (directory, contract) = file("contract.yaml", without_limit(yaml));
    let lake = directory.path().join("lake");
    let landed = landfall([
        "run".as_ref(),
        "--json".as_ref(),
        contract.as_os_str(),
        input.as_os_str(),
        "--lake".as_ref(),
        lake.as_os_str(),
    ]);
    if landed.exit != 0 {
        return Some(format!("it does not land: {}\n{yaml}", landed.stderr));
    }
    let job: serde_json::Value = serde_json::from_str(&landed.stdout).expect("it is JSON");
    let (found, told) = (&job["counts"], (&proposed["records"], &proposed["refused"]));
    let says_so = told.1 == 0 || yaml.contains(&format!("{} of them will be rejects", told.1));
    let is_right = says_so && (&found["read"], &found["rejected"]) == told;
    (!is_right).then(|| format!("{told:?} were told, and it is {found}\n{yaml}"))
}

/// A proposal that takes any number of rejects.
fn without_limit(yaml: &str) -> String {
    let (before, after) = yaml.split_once("\nrejects:\n").expect("a proposal has a limit");
    let notes = after.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    format!("{before}\nrejects: {{ limit: 100% }}\n{notes}")
}
