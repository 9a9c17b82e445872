//! `landfall check`, and what all commands have in common.

use std::ffi::OsStr;

use crate::binary::{file, landfall, testdata};

const INVALID: &str = "name: Flights\nschema:\n  fields:\n    - { name: a, type: integr }\noutput: { partitionBy: [b] }\n";

#[test]
fn a_valid_contract_is_summed_up() {
    let flights = landfall([OsStr::new("check"), testdata("contracts/flights.yaml").as_os_str()]);
    assert_eq!(flights.stdout, "flights: 19 fields, partitioned by month, rejects: 1%\n");
    assert_eq!((flights.exit, flights.stderr.as_str()), (0, ""));
    let json = landfall([
        OsStr::new("check"),
        OsStr::new("--json"),
        testdata("contracts/flights.yaml").as_os_str(),
    ]);
    assert_eq!((json.exit, json.stdout.as_str(), json.stderr.as_str()), (0, "[]\n", ""));
}

#[test]
fn each_fault_is_a_line() {
    let (_directory, contract) = file("contract.yaml", INVALID);
    let text = landfall([OsStr::new("check"), contract.as_os_str()]);
    assert_eq!((text.exit, text.stdout.as_str()), (2, ""));
    let places = [
        "1:7: name: a dataset's name is ",
        "4:24: schema.fields[0].type: `integr` is not allowed; did you mean `integer`? allowed: string, integer, ",
    ];
    for (line, place) in text.stderr.lines().zip(places) {
        assert!(line.starts_with(&format!("{}:{place}", contract.display())), "{}", text.stderr);
    }

    let json = landfall([OsStr::new("check"), contract.as_os_str(), OsStr::new("--json")]);
    assert_eq!((json.exit, json.stderr.as_str()), (2, ""));
    let faults: Vec<contract::Fault> =
        serde_json::from_str(&json.stdout).expect("it is a list of faults");
    let lines: Vec<_> = faults
        .iter()
        .map(|fault| format!("{}:{}:{}: {fault}", contract.display(), fault.line, fault.column))
        .collect();
    assert_eq!(lines, text.stderr.lines().collect::<Vec<_>>());
}

#[test]
fn wrong_use_is_2() {
    for arguments in [
        &["check", "nowhere.yaml"][..],
        &["check"],
        &["chekc"],
        &["rows", "--delimiter", "123456789", "x"],
        &["rows", "--shard-size", "0", "x"],
    ] {
        let answer = landfall(arguments);
        assert_eq!((answer.exit, answer.stdout.as_str()), (2, ""), "{arguments:?}");
        assert_ne!(answer.stderr, "", "{arguments:?}");
    }
}

#[test]
fn a_shard_that_costs_more_than_it_holds_is_wrong_use() {
    for command in [&["run", "--lake", "lake"][..], &["plan"]] {
        let arguments = [command, &["c.yaml", "a.csv", "--shard-size", "65535"]].concat();
        let mut command = crate::binary::command(arguments);
        let answer = crate::binary::answer(
            command.env_remove("LANDFALL_TEST_SHARDS").output().expect("the binary starts"),
        );
        assert_eq!(answer.exit, 2);
        assert!(answer.stderr.contains("a shard has at least 64KiB"), "{}", answer.stderr);
    }
}

#[test]
fn help_and_version_are_answers() {
    let version = landfall(["--version"]).stdout;
    let commit = version
        .strip_prefix(concat!("landfall ", env!("CARGO_PKG_VERSION")))
        .expect("it has the version")
        .trim_end();
    let is_hash =
        |hash: &str| hash.len() == 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(
        commit.is_empty()
            || commit
                .strip_prefix(" (")
                .and_then(|rest| rest.strip_suffix(')'))
                .is_some_and(is_hash),
        "the commit, where it was built in a checkout: {version}"
    );
    for command in ["check", "run", "rows"] {
        let help = landfall([command, "--help"]);
        assert_eq!((help.exit, help.stderr.as_str()), (0, ""));
        assert!(
            help.stdout.contains("Examples:") && help.stdout.contains("Exit codes: 0 "),
            "{}",
            help.stdout
        );
    }
}

#[test]
fn a_fault_in_an_expression_has_its_place() {
    let contract = "name: trips\nschema:\n  fields:\n    - { name: miles, type: number }\n    - { name: minutes, type: integer }\n\
        transform:\n  where: |\n    minutes > 0\n    AND mils > 1\n  derive: [{ name: mph, sql: \"60 * miles / lenght(minutes)\" }]\n";
    let (_directory, contract) = file("contract.yaml", contract);
    let answer = landfall([OsStr::new("check"), contract.as_os_str()]);
    assert_eq!((answer.exit, answer.stdout.as_str()), (2, ""));
    let file = contract.display();
    let expected = format!(
        "{file}:9:9: transform.where: at line 2, character 5: `mils` is not a field; did you mean `miles`?\n\
        {file}:10:44: transform.derive[0].sql: at character 14: there is no function `lenght`; did you mean `length`?\n"
    );
    assert_eq!(answer.stderr, expected);
}
