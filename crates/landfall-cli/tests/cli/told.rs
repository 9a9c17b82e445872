//! What each command tells people, whole.

use std::io::Write as _;

use crate::binary::testdata;
use crate::session::Session;

const CONTRACT: &str = "\
name: trips
schema:
  fields:
    - { name: id, type: integer, constraints: { required: true } }
    - { name: note, type: string }
";

const SOURCE: &str = "id,note\n1,a\n2,b\n";

/// The contract and the source.
fn session() -> Session {
    Session::new(&[("c.yaml", CONTRACT), ("t.csv", SOURCE)])
}

/// The same with another source.
fn session_of(source: &str) -> Session {
    Session::new(&[("c.yaml", CONTRACT), ("t.csv", source)])
}

const RUN: [&str; 5] = ["run", "c.yaml", "t.csv", "--lake", "lake"];

#[test]
fn every_command_has_help() {
    let mut session = session();
    session.call(&["--help"]);
    for command in ["new", "check", "schema", "plan", "run", "files", "rows", "profile"] {
        session.call(&[command, "--help"]);
    }
    session.check("every_command_has_help");
}

#[test]
fn wrong_use_says_what_to_do() {
    let mut session = session();
    for call in [
        &["check", "nowhere.yaml"][..],
        &["check"],
        &["chekc"],
        &["check", "t.csv"],
        &["check", "https://x.org/c.yaml"],
        &["new", "nowhere.csv"],
        &["new", "--name", "Not A Name", "t.csv"],
        &["rows", "nowhere.csv"],
        &["rows", "."],
        &["rows", "--delimiter", "123456789", "t.csv"],
        &["rows", "--shard-size", "0", "t.csv"],
        &["rows", "--delimiter", "|", "--quote", "|", "t.csv"],
        &["run", "t.csv", "c.yaml", "--lake", "lake"],
        &["run", "c.yaml", "t.csv", "--lake", "s3://bucket/lake"],
        &["run", "c.yaml", "s3://bucket/t.csv", "--lake", "lake"],
    ] {
        let answer = session.call(call);
        assert_eq!(answer.stdout, "", "{call:?}");
    }
    assert!(!session.path("lake").exists(), "nothing was done");
    session.check("wrong_use_says_what_to_do");
}

#[test]
fn check_sums_up_a_valid_contract() {
    let flights = std::fs::read_to_string(testdata("contracts/flights.yaml")).expect("it is there");
    let mut session = Session::new(&[("flights.yaml", &flights)]);
    session.call(&["check", "flights.yaml"]);
    session.call(&["check", "flights.yaml", "--json"]);
    session.check("check_sums_up_a_valid_contract");
}

#[test]
fn check_tells_each_fault_and_its_place() {
    let invalid = "name: Flights\nschema:\n  fields:\n    - { name: a, type: integr }\noutput: { partitionBy: [b] }\n";
    let expressions = "name: trips\nschema:\n  fields:\n    - { name: miles, type: number }\n    - { name: minutes, type: integer }\n\
        transform:\n  where: |\n    minutes > 0\n    AND mils > 1\n  derive: [{ name: mph, sql: \"60 * miles / lenght(minutes)\" }]\n";
    let mut session = Session::new(&[
        ("invalid.yaml", invalid),
        ("expressions.yaml", expressions),
        ("cut.yaml", "name: trips\nschema: { fields: [\n"),
    ]);
    for name in ["invalid.yaml", "expressions.yaml", "cut.yaml"] {
        session.call(&["check", name]);
    }
    session.call(&["check", "expressions.yaml", "--json"]);
    session.check("check_tells_each_fault_and_its_place");
}

#[test]
fn new_proposes_a_contract() {
    let mut session =
        Session::new(&[("Things 1.csv", "id;when\n1;2020-01-31\n2;2020-02-01\n1000000;x\n")]);
    session.call(&["new", "Things 1.csv"]);
    session.call(&["new", "--sample", "30", "--name", "other", "Things 1.csv"]);
    session.check("new_proposes_a_contract");
}

#[test]
fn profile_tells_what_columns_hold() {
    let mut session = Session::new(&[
        ("t.csv", "id;what;fare\n1;a;1.50\n2;b;\n3;a;2.25\nx;secret;1\n"),
        (
            "c.yaml",
            "name: t\nschema: { fields: [ { name: id, type: integer }, { name: what }, { name: fare, type: number } ] }\ntransform: { drop: [what] }\n",
        ),
        ("drifted.csv", "c,d\n1,2\n"),
    ]);
    session.call(&["profile", "t.csv"]);
    session.call(&["profile", "--contract", "c.yaml", "t.csv"]);
    session.call(&["profile", "--contract", "c.yaml", "drifted.csv"]);
    session.check("profile_tells_what_columns_hold");
}

#[test]
fn rows_are_printed_and_faults_are_told() {
    let mut session = Session::new(&[
        ("t.csv", "# skipped\n\na,b\r\n\"1\n\",2\r\n3\r\n\"x\"y,4,5\r\n3,4"),
        ("semicolons.csv", "Title\n\na;b;c\n1;'x;y';2\n3;'z';4\n"),
    ]);
    session.call(&["rows", "--skip-rows", "1", "t.csv"]);
    session.call(&["rows", "--skip-rows", "1", "--positions", "t.csv"]);
    session.call(&["rows", "--sniff", "semicolons.csv"]);
    session.write("western.csv", b"id,name\n1,Zo\xEB\n2,caf\xE9\n3,Andr\xE9\n4,M\xFCller\n");
    session.call(&["rows", "western.csv"]);
    session.check("rows_are_printed_and_faults_are_told");
}

#[test]
fn files_that_are_no_table_are_named() {
    let mut session = session();
    let noise: Vec<u8> =
        (0..5_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, bytes) in [
        ("empty.csv", &b""[..]),
        ("mark.csv", b"\xEF\xBB\xBF"),
        ("blank.csv", b"\n\r\n\n"),
        ("image.csv", b"\x89PNG\r\n\x1a\n\0\0\0"),
        ("page.csv", b"<!doctype html>\n<p>a,b\n"),
        ("json.csv", b"{\"a\": 1}\n{\"a\": 2}\n"),
        ("noise.csv", &noise),
    ] {
        session.write(name, bytes);
        session.call(&["new", name]);
    }
    session.check("files_that_are_no_table_are_named");
}

#[test]
fn plan_tells_what_is_guessed_tried_and_paid() {
    let id = |n: u32| if n.is_multiple_of(100) { "x".to_owned() } else { n.to_string() };
    let records = (1..=2_000).map(|n| format!("{};\"two\nlines\"\n", id(n)));
    let source: String =
        std::iter::once("Things of 2026\nid;note\n".to_owned()).chain(records).collect();
    let mut session = session_of(&source);
    session.call(&["plan", "c.yaml", "t.csv", "--shard-size", "10kB", "--sample", "8kB"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(SOURCE.as_bytes()).expect("memory takes it");
    session.write("t.csv.gz", gzip.finish().expect("memory takes it"));
    session.call(&["plan", "c.yaml", "t.csv.gz"]);
    session.write("drifted.csv", "id,remark\n1,a\n");
    session.call(&["plan", "c.yaml", "drifted.csv"]);
    session.write("invalid.yaml", "name: Things");
    session.call(&["plan", "invalid.yaml", "t.csv"]);
    let left = std::fs::read_dir(session.path(".")).expect("it is there").count();
    assert_eq!(left, 5, "nothing is left beside the files");
    session.check("plan_tells_what_is_guessed_tried_and_paid");
}

#[test]
fn run_tells_what_became_of_a_file() {
    let mut session = session_of("id,note\n1,a\nx,b\n3\n4,\"c\" d\n5,e\n");
    session.call(&RUN);
    session.call(&RUN);
    session.call(&[&RUN[..], &["--strict"]].concat());
    session.call(&[&RUN[..], &["--force", "--cost"]].concat());
    session.check("run_tells_what_became_of_a_file");
}

#[test]
fn run_says_why_nothing_landed() {
    let mut session = session();
    session.write("c.yaml", format!("{CONTRACT}transform: {{ where: id > 100 }}\n"));
    session.call(&RUN);
    session.write("t.csv", "id,note\n");
    session.call(&RUN);
    session.write("t.csv", "id\n1\n");
    session.call(&RUN);
    session.write("c.yaml", format!("{CONTRACT}rejects: {{ limit: 0 }}\n"));
    session.write("t.csv", "id,note\nx,a\n");
    session.call(&RUN);
    session.check("run_says_why_nothing_landed");
}

/// A quote that was left open is what a newcomer has to see first, wherever it stands.
#[test]
fn faults_that_are_not_listed_are_counted() {
    let rows: String = (0..20)
        .map(|row| if row < 14 { format!("x{row},a\n") } else { format!("{row},a\n") })
        .collect();
    let mut session = session_of(&format!("id,note\n{rows}"));
    session.call(&RUN);
    session.call(&["plan", "c.yaml", "t.csv"]);
    let after = "7,b\n".repeat(1_200);
    session.write("t.csv", format!("id,note\n{rows}21,\"open\n{after}"));
    session.call(&RUN);
    session.check("faults_that_are_not_listed_are_counted");
}

#[test]
fn an_archive_of_several_files_is_told_by_their_names() {
    let mut session = session();
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in
        [("jan.csv", "id,note\n1,a\n"), ("feb.csv", "id,note\n2,b\n3,c\n"), (".DS_Store", "x")]
    {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("there is room");
        archive.write_all(text.as_bytes()).expect("there is room");
    }
    session.write("t.zip", archive.finish().expect("there is room").into_inner());
    for call in [
        &["new", "t.zip"][..],
        &["rows", "t.zip"],
        &["profile", "t.zip"],
        &["run", "c.yaml", "t.zip", "--lake", "lake"],
    ] {
        session.call(call);
    }
    session.write("c.yaml", format!("{CONTRACT}member: feb*\n"));
    session.call(&["run", "c.yaml", "t.zip", "--lake", "lake"]);
    session.call(&["profile", "t.zip", "--contract", "c.yaml"]);
    session.check("an_archive_of_several_files_is_told_by_their_names");
}

#[test]
fn files_are_those_of_a_commit() {
    let mut session = session();
    for (mode, rows) in
        [("append", "1,a\n2,b\n"), ("overwrite-partitions", "3,b\n"), ("overwrite", "4,c\n")]
    {
        session.write(
            "c.yaml",
            format!("{CONTRACT}output: {{ partitionBy: [note], mode: {mode} }}\n"),
        );
        session.write("t.csv", format!("id,note\n{rows}"));
        session.call(&RUN);
    }
    for more in [
        &[][..],
        &["--at", "1"],
        &["--at", "3"],
        &["--at", "2000-01-01T00:00:00Z"],
        &["--at", "yesterday"],
    ] {
        session.call(&[&["files", "trips", "--lake", "lake"][..], more].concat());
    }
    session.call(&["files", "nothing", "--lake", "lake"]);
    session.call(&["files", "No Name", "--lake", "lake"]);
    session.check("files_are_those_of_a_commit");
}
