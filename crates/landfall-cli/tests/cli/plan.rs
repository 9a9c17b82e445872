//! `landfall plan`: what a landing is going to be.

use serde_json::{Value, json};

use crate::binary::{Answer, command, file, landfall, testdata};

const CONTRACT: &str = "
name: things
schema:
  fieldsMatch: superset
  fields:
    - { name: id, type: integer, constraints: { required: true } }
    - { name: note, type: string }
";

/// 2,000 records in preamble, header and lines of two each; every hundredth has an id that is none.
fn source() -> String {
    let id = |n: u32| if n.is_multiple_of(100) { "x".to_owned() } else { n.to_string() };
    let records = (1..=2_000).map(|n| format!("{};\"two\nlines\"\n", id(n)));
    std::iter::once("Things of 2026\nid;note\n".to_owned()).chain(records).collect()
}

fn plan(contract: &str, source: &str, flags: &[&str]) -> Answer {
    let (directory, contract) = file("contract.yaml", contract);
    let path = directory.path().join("things.csv");
    std::fs::write(&path, source).expect("there is room");
    let answer = landfall(
        [&["plan", contract.to_str().expect("UTF-8"), path.to_str().expect("UTF-8")], flags]
            .concat(),
    );
    assert_eq!(
        std::fs::read_dir(directory.path()).expect("it is there").count(),
        2,
        "nothing is left beside the file"
    );
    answer
}

#[test]
fn a_plan_tells_what_is_guessed_tried_and_paid() {
    let answer = plan(CONTRACT, &source(), &["--shard-size", "10kB", "--sample", "8kB"]);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""));
    let told = |start: &str| {
        answer
            .stdout
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("{start}: {answer:?}"))
    };
    assert!(
        answer.stdout.lines().next().expect("a line").ends_with("things.csv: 32.9 kB, 4 shards"),
        "{answer:?}"
    );
    assert!(told("guessed   delimiter ;:").contains("records into 2 fields"));
    assert_eq!(told("columns"), "columns   2 of 2 fields");
    assert_eq!(
        told("sample"),
        "sample    508 records of 8.0 kB: 503 would be stored, 5 rejected, 0 filtered"
    );
    assert_eq!(
        told("          line"),
        "          line 201, column 1 `id`: type-error: `x` is not an integer"
    );
    assert!(told("cost").contains("on AWS") && told("cost").contains("transform"));
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

#[test]
fn what_would_end_a_landing_is_told() {
    let drift = plan(&CONTRACT.replace("name: note", "name: remark"), &source(), &[]);
    assert_eq!((drift.exit, drift.stdout.as_str()), (1, ""), "{drift:?}");
    assert!(
        drift.stderr.contains("SchemaDrift")
            && drift.stderr.contains("is not in the contract: `note` stands there"),
        "{drift:?}"
    );
    assert_eq!(plan("name: Things", &source(), &[]).exit, 2);
}

#[test]
fn a_packed_file_is_planned_and_not_tried() {
    let paths =
        ["contracts/flights.yaml", "flights.csv.gz"].map(|name| testdata(name).into_os_string());
    let answer = landfall([std::ffi::OsString::from("plan")].into_iter().chain(paths));
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""));
    assert!(
        answer.stdout.contains("1 shard: gzip can only be unpacked from its beginning"),
        "{answer:?}"
    );
    assert!(answer.stdout.contains("sample    none: the file is packed"), "{answer:?}");
}
