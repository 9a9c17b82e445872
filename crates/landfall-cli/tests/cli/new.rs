//! `landfall new` and `landfall profile`: what is proposed for a file, and what its columns hold.

use crate::binary::{file, landfall, testdata};

/// Calls with flags and a file, which it must be able to read.
fn call(flags: &[&str], input: &[u8]) -> String {
    let (_directory, path) = file("Things 1.csv", input);
    let answer = landfall(flags.iter().map(Into::into).chain([path.into_os_string()]));
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{}", answer.stdout);
    answer.stdout
}

#[test]
fn what_is_proposed_is_valid_and_lands_the_file() {
    for name in ["airlines", "airports", "planes", "weather"] {
        let source = testdata(&format!("{name}.csv"));
        let proposed = landfall([std::ffi::OsStr::new("new"), source.as_os_str()]);
        assert_eq!((proposed.exit, proposed.stderr.as_str()), (0, ""));
        let (directory, contract) = file("contract.yaml", &proposed.stdout);
        let lake = directory.path().join("lake");
        let landed =
            landfall(["run".as_ref(), "--json".as_ref(), contract.as_os_str(), source.as_os_str(), "--lake".as_ref(), lake.as_os_str()]);
        assert_eq!(landed.exit, 0, "{}", landed.stderr);
        let job: serde_json::Value = serde_json::from_str(&landed.stdout).expect("it is JSON");
        assert_eq!((&job["counts"]["rejected"], &job["counts"]["stored"]), (&0.into(), &job["counts"]["read"]), "{job}");
    }
}

#[test]
fn a_sample_says_that_it_is_one() {
    let input = "id;when\n1;2020-01-31\n2;2020-02-01\n1000000;x\n";
    let whole = call(&["new"], input.as_bytes());
    assert!(whole.starts_with("# Proposed from 3 records, all of the source.\nname: things_1\n"), "{whole}");
    assert!(whole.contains("{ name: when, type: string, constraints: { required: true } }"), "{whole}");
    let sample = call(&["new", "--sample", "30", "--name", "other"], input.as_bytes());
    assert!(sample.starts_with("# Proposed from 2 records, the beginning of the source"), "{sample}");
    assert!(sample.contains("\nname: other\n") && sample.contains("{ name: when, type: date }"), "{sample}");
    let json: serde_json::Value = serde_json::from_str(&call(&["new", "--json"], input.as_bytes())).expect("it is JSON");
    assert_eq!(
        (json["yaml"].as_str(), &json["records"]),
        (Some(whole.as_str().trim_end()).map(|yaml| yaml.to_owned() + "\n").as_deref(), &3.into())
    );
    assert!(json["evidence"].as_array().is_some_and(|evidence| evidence.iter().any(|e| e["property"] == "delimiter" && e["value"] == ";")));
}

#[test]
fn a_file_that_is_not_there_is_3_and_a_name_that_can_t_be_is_2() {
    assert_eq!(landfall(["new", "no-such-file.csv"]).exit, 3);
    assert_eq!(landfall(["profile", "no-such-file.csv"]).exit, 3);
    assert_eq!(landfall(["new", "--name", "Not A Name", "x.csv"]).exit, 2);
}

#[test]
fn a_profile_for_people() {
    let input = "id;what;fare\n1;a;1.50\n2;b;\n3;a;2.25\n";
    let expected = "\
column  type     values  nulls  distinct  min   mean   max   frequent
id      integer       3      0        ~3  1     2.000  3
what    string        3      0        ~2  a            b     a (2)
fare    number        2      1        ~2  1.50  1.875  2.25
3 rows
";
    assert_eq!(call(&["profile"], input.as_bytes()), expected);
    let json: serde_json::Value = serde_json::from_str(&call(&["profile", "--json"], input.as_bytes())).expect("it is JSON");
    assert_eq!(
        (&json["rows"], &json["columns"][2]["max"], &json["columns"][0]["quantiles"]["p50"]),
        (&3.into(), &"2.25".into(), &2.into())
    );
}

#[test]
fn a_profile_under_a_contract() {
    let (_directory, contract) =
        file("c.yaml", "name: t\nschema: { fields: [ { name: a, type: integer }, { name: b } ] }\ntransform: { drop: [b] }\n");
    let (_source_directory, source) = file("t.csv", "a,b\n1,secret\nx,y\n");
    let under = |source: &std::path::Path| landfall(["profile".as_ref(), "--contract".as_ref(), contract.as_os_str(), source.as_os_str()]);
    let answer = under(&source);
    assert_eq!(answer.exit, 0);
    assert!(answer.stdout.ends_with("1 rows\n") && !answer.stdout.contains("secret"), "{}", answer.stdout);
    assert!(answer.stderr.contains("1 records have faults"), "{}", answer.stderr);
    let (_drifted_directory, drifted) = file("t.csv", "c,d\n1,2\n");
    assert_eq!(under(&drifted).exit, 1);
}

#[test]
fn rows_are_sniffed_when_asked() {
    assert_eq!(
        call(&["rows", "--sniff"], b"Title\n\na;b;c\n1;'x;y';2\n3;'z';4\n"),
        "[\"a\",\"b\",\"c\"]\n[\"1\",\"x;y\",\"2\"]\n[\"3\",\"z\",\"4\"]\n"
    );
    // What is said is not guessed.
    assert_eq!(call(&["rows", "--sniff", "--delimiter", ",", "--quote", "none"], b"a;b\n1;2\n"), "[\"a;b\"]\n[\"1;2\"]\n");
    assert_eq!(call(&["rows"], b"a;b\n1;2\n"), "[\"a;b\"]\n[\"1;2\"]\n");
}
