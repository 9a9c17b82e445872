//! Checks `landfall new` and `landfall profile`: the contract that they propose for a file, and
//! what its columns hold.

use std::io::Write as _;

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
        let landed = landfall([
            "run".as_ref(),
            "--json".as_ref(),
            contract.as_os_str(),
            source.as_os_str(),
            "--lake".as_ref(),
            lake.as_os_str(),
        ]);
        assert_eq!(landed.exit, 0, "{}", landed.stderr);
        let job: serde_json::Value = serde_json::from_str(&landed.stdout).expect("it is JSON");
        assert_eq!(
            (&job["counts"]["rejected"], &job["counts"]["stored"]),
            (&0.into(), &job["counts"]["read"]),
            "{job}"
        );
    }
}

#[test]
fn json_has_what_people_are_told_and_more() {
    let input = b"id;when\n1;2020-01-31\n2;2020-02-01\n1000000;x\n";
    let told = call(&["new"], input);
    let json: serde_json::Value =
        serde_json::from_str(&call(&["new", "--json"], input)).expect("it is JSON");
    assert_eq!((json["yaml"].as_str(), &json["records"]), (Some(told.as_str()), &3.into()));
    assert!(json["evidence"].as_array().is_some_and(|evidence| {
        evidence.iter().any(|e| e["property"] == "delimiter" && e["value"] == ";")
    }));

    let input = b"id;what;fare\n1;a;1.50\n2;b;\n3;a;2.25\n";
    let json: serde_json::Value =
        serde_json::from_str(&call(&["profile", "--json"], input)).expect("it is JSON");
    assert_eq!(
        (&json["rows"], &json["columns"][2]["max"], &json["columns"][0]["quantiles"]["p50"]),
        (&3.into(), &"2.2500".into(), &2.into())
    );
}

/// Proposes a contract and lands the file with it: the contract, the counts, and exit code of
/// `run`.
fn land(input: &[u8]) -> (String, serde_json::Value) {
    let proposed = call(&["new"], input);
    let (directory, contract) = file("contract.yaml", &proposed);
    let (_source_directory, source) = file("Things 1.csv", input);
    let lake = directory.path().join("lake");
    let landed = landfall([
        "run".as_ref(),
        "--json".as_ref(),
        contract.as_os_str(),
        source.as_os_str(),
        "--lake".as_ref(),
        lake.as_os_str(),
    ]);
    let job: serde_json::Value = serde_json::from_str(&landed.stdout)
        .unwrap_or_else(|_| panic!("{}\n{proposed}", landed.stderr));
    (proposed, job["counts"].clone())
}

#[track_caller]
fn lands(input: impl AsRef<[u8]>, stored: u64, said: &[&str]) {
    let (contract, counts) = land(input.as_ref());
    assert_eq!((&counts["stored"], &counts["rejected"]), (&stored.into(), &0.into()), "{contract}");
    for part in said {
        assert!(contract.contains(part), "{part} is not in\n{contract}");
    }
}

/// Each has a word in the contract, which lands all of the file.
#[test]
fn what_surrounds_a_table_is_proposed() {
    lands(
        "sep=\t\r\nName\tQty\r\nfoo, bar\t4\r\nbaz; qux\t5\r\n",
        2,
        &["delimiter: \"\\t\"", "skipRows: 1", "{ name: Qty, type: integer"],
    );
    lands(
        "id,day,amount\n1,2026-01-02,10.00\n2,2026-01-03,20.50\n3,2026-01-04,7.25\nTotal,,37.75\n\n\n",
        3,
        &["footerRows: 1", "name: id, type: integer"],
    );
    lands("a,b\n1,2\n3,4\n5,6\n\n(3 rows affected)\n", 3, &["footerRows: 1"]);
    lands(
        "p,q,r\n11,14,17,\n12,15,18,\n13,16,19,\n",
        3,
        &["raggedRows: { trailingDelimiter: ignore }"],
    );
    lands("a,b,c,\n1,2,3\n4,5,6\n", 2, &["raggedRows: { trailingDelimiter: ignore }"]);
    lands(
        "A|B|C|\n1|2|3|\n4|5|6|\n",
        2,
        &["raggedRows: { trailingDelimiter: ignore }", "header: true"],
    );
    lands("1|2|x|\n4|5|y|\n", 2, &["raggedRows: { trailingDelimiter: ignore }"]);
    lands("name\ntea\n\nrice\n\n", 4, &["blankRows: keep"]);
    lands(
        "1,\"say \\\"hi\\\"\",3.50\n2,plain,\\N\n3,\"a, b\",4.25\n4,\\N,5.00\n",
        4,
        &["nullSequence: \"\\\\N\"", "escapeChar: \"\\\\\"", "type: number"],
    );
    lands(
        "Teil,Nummer,Text\nBolzen,=\"0000481\",\"neu, lang\"\nMutter,=\"00093\",alt\n",
        2,
        &["excelText: true"],
    );
    lands(
        "code,name\na1,tea\nb2,rice\ncode,name\nc3,salt\n",
        3,
        &["repeatedHeader: skip", "header: true"],
    );
    lands(
        "mass,length,what\nkg,m,\n1,2.5,a\n2,3.5,b\n",
        2,
        &["unitsRow: true", "{ name: mass, type: integer"],
    );
    lands(
        "\"speed\",\"dist\"\n\"Mazda\",1,2\n\"Fiat\",3,4\n\"Volvo\",5,\n",
        3,
        &[
            "rowNames: true",
            "{ name: column_1, type: string }",
            "{ name: speed, type: integer",
            "{ name: dist, type: integer",
        ],
    );
    lands(
        "name\nSmith, Ann\nDoe, Bob\nRoe, Cid\n",
        3,
        &["delimiter: \"\\u001f\"", "{ name: name, type: string }"],
    );
    lands(
        "Good food, clean rooms, we come again.\nNever again!\nThe staff was friendly, the price was not.\nNice.\n",
        4,
        &["delimiter: \"\\u001f\"", "header: false", "{ name: column_1, type: string }"],
    );
    lands("a||b||c\n1||x||2.5\n2||y||3.5\n", 2, &["delimiter: \"||\""]);
    lands("a§b\n1§2\n3§4\n", 2, &["delimiter: \"§\""]);
    // A footer that is beyond what is looked at first.
    let many: String = (0..60_000).map(|n| format!("{n},2026-01-02\n")).collect();
    let many = format!("id,day\n{many}Total,\n");
    lands(&many, 60_000, &["footerRows: 1"]);
    // Whether or not all of its packed bytes are looked at first.
    for level in [flate2::Compression::none(), flate2::Compression::best()] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
        gzip.write_all(many.as_bytes()).expect("memory takes it");
        lands(gzip.finish().expect("memory takes it"), 60_000, &["footerRows: 1"]);
    }
    let names = "speed,dist\nMazda,1,2\nFiat,3,4\nVolvo,5,6\n";
    lands(names.repeat(2), 6, &["rowNames: true", "repeatedHeader: skip"]);
}

/// Nothing that could be a value is taken for part of it.
#[test]
fn what_may_be_a_record_is_one() {
    let (contract, _) = land(b"id,name\n1,a\n2,b\n3");
    assert!(!contract.contains("footerRows"), "a record that is cut off is no footer\n{contract}");
    lands("k,v\nfoo,1.5\nbar,2\nTOTAL,3.5\n", 2, &["footerRows: 1"]);
    lands("k,v\nfoo,1\nbar,2\nTOTAL,4\n", 3, &[]);
    lands("id,name\n1,a\n2,b\nx,c\n", 3, &["name: id, type: string"]);
    lands("name,city\nAnn,Rome\nTotal,Oslo\n", 2, &[]);
    lands("a,b\n1, x\n2, y\n", 2, &["skipInitialSpace: false"]);
    lands("Sales\na, b\n1, 2\n3, 4\n", 2, &["skipRows: 1", "{ name: b, type: integer"]);
    assert!(
        !call(&["new"], b"speed,dist\na,1,2\na,3,4\nb,5,6\n").contains("rowNames"),
        "names of rows differ"
    );
    lands("a, b\n1, 2\n3, 4\n", 2, &["skipInitialSpace: true"]);
    lands("name\n\ntea\n\nrice\n\n", 2, &[]);
}

#[test]
fn a_header_alone_is_a_table() {
    lands("id,day\n", 0, &["{ name: id,", "{ name: day,"]);
}

#[test]
fn rows_are_sniffed_when_asked() {
    assert_eq!(
        call(&["rows", "--sniff"], b"Title\n\na;b;c\n1;'x;y';2\n3;'z';4\n"),
        "[\"a\",\"b\",\"c\"]\n[\"1\",\"x;y\",\"2\"]\n[\"3\",\"z\",\"4\"]\n"
    );
    // What is said is not guessed.
    assert_eq!(
        call(&["rows", "--sniff", "--delimiter", ",", "--quote", "none"], b"a;b\n1;2\n"),
        "[\"a;b\"]\n[\"1;2\"]\n"
    );
    assert_eq!(call(&["rows"], b"a;b\n1;2\n"), "[\"a;b\"]\n[\"1;2\"]\n");
}
