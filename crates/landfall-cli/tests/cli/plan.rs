//! Checks that `landfall plan` tries what a landing does.

use serde_json::{Value, json};

use crate::binary::{command, file};

const CONTRACT: &str = "
name: things
schema:
  fieldsMatch: superset
  fields:
    - { name: id, type: integer, constraints: { required: true } }
    - { name: note, type: string }
";

/// 2,000 records in preamble, header and lines of two each; every hundredth has an id that is not a
/// number.
fn source() -> String {
    let id = |n: u32| if n.is_multiple_of(100) { "x".to_owned() } else { n.to_string() };
    let records = (1..=2_000).map(|n| format!("{};\"two\nlines\"\n", id(n)));
    std::iter::once("Things of 2026\nid;note\n".to_owned()).chain(records).collect()
}

#[test]
fn what_is_tried_is_what_a_landing_does() {
    let (directory, contract) = file("contract.yaml", CONTRACT);
    let path = directory.path().join("things.csv");
    std::fs::write(&path, source()).expect("there is room");
    let of = |arguments: &[&str]| {
        let files = [contract.as_os_str(), path.as_os_str()];
        let output = command(arguments).args(files).output().expect("the binary starts");
        serde_json::from_slice::<Value>(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    let lake = directory.path().join("lake");
    let landed = of(&["run", "--json", "--lake", lake.to_str().expect("UTF-8")]);
    let planned = of(&["plan", "--json"]);
    assert_eq!(planned["sample"]["counts"], landed["counts"]);
    let most = of(&["plan", "--json", "--sample", &u64::MAX.to_string()]);
    assert_eq!(most["sample"], planned["sample"], "there is no more to try");
    let errors =
        std::fs::read_to_string(landed["errors"].as_str().expect("a path")).expect("it is there");
    let errors: Vec<Value> =
        errors.lines().take(5).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(planned["sample"]["faults"], json!(errors));
}
