//! Checks `landfall rows`: a file prints the same in one piece and in shards.

use std::ffi::OsString;
use std::io::Read as _;
use std::process::Stdio;

use crate::binary::{Answer, command, file, landfall, testdata};

/// Reads `input` whole and in shards of every size, which must not matter. Answers the records, and
/// `line/record/byte/column error` of each fault.
fn read(flags: &[&str], input: &[u8]) -> (Vec<String>, Vec<String>) {
    let (_directory, path) = file("input.csv", input);
    let rows = |more: &[&str]| -> Answer {
        let arguments = ["rows"].iter().chain(flags).chain(more).map(OsString::from);
        landfall(arguments.chain([path.clone().into_os_string()]))
    };
    let whole = rows(&[]);
    let positions = rows(&["--positions"]);
    for size in (1..=input.len()).map(|size| size.to_string()) {
        assert_eq!(rows(&["--shard-size", &size]), whole, "shards of {size}");
        assert_eq!(rows(&["--positions", "--shard-size", &size]), positions, "shards of {size}");
    }
    let faults: Vec<serde_json::Value> =
        whole.stderr.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    assert_eq!(whole.exit, i32::from(!faults.is_empty()));
    let figures = |fault: &serde_json::Value| {
        let [line, record, byte, column, error] =
            ["line", "record", "byte", "column", "error"].map(|name| fault[name].to_string());
        assert!(fault["message"].is_string());
        format!("{line}/{record}/{byte}/{column} {}", error.trim_matches('"'))
    };
    (whole.stdout.lines().map(str::to_owned).collect(), faults.iter().map(figures).collect())
}

#[track_caller]
fn check(flags: &[&str], input: impl AsRef<[u8]>, records: &[&str], faults: &[&str]) {
    let (found, found_faults) = read(flags, input.as_ref());
    assert_eq!(found, records);
    assert_eq!(found_faults, faults);
}

#[test]
fn records_are_arrays() {
    check(&[], "", &[], &[]);
    check(&[], "a,b\n1,2\n", &[r#"["a","b"]"#, r#"["1","2"]"#], &[]);
    check(&[], "a,b\r\n\r\n1,\"x\"\"y\n,\"", &[r#"["a","b"]"#, r#"["1","x\"y\n,"]"#], &[]);
    check(&[], "\u{feff}ä\n\"\"\n€", &[r#"["ä"]"#, r#"[""]"#, r#"["€"]"#], &[]);
}

#[test]
fn faulty_records_are_told_and_not_printed() {
    check(
        &[],
        "a,b,c\n1\n1,2,3,4,5\n7,8,9\n",
        &[r#"["a","b","c"]"#, r#"["7","8","9"]"#],
        &[
            "2/1/6/2 missing-cell",
            "2/1/6/3 missing-cell",
            "3/2/8/4 extra-cell",
            "3/2/8/5 extra-cell",
        ],
    );
    check(
        &[],
        "a,b\n1\",2\n\"1\"x,2\n3,4\n",
        &[r#"["a","b"]"#, r#"["3","4"]"#],
        &["2/1/5/1 quote-error", "3/2/11/1 quote-error"],
    );
    check(&[], "a,b\n\n1,\"2\n3", &[r#"["a","b"]"#], &["3/1/7/2 quote-error"]);
    check(
        &[],
        b"a,b\n1,x\xffy\xfe\n3,4",
        &[r#"["a","b"]"#, r#"["3","4"]"#],
        &["2/1/7/2 encoding-error"],
    );
    check(&[], b"a,\xff\n3,4", &[r#"["3","4"]"#], &["1/0/2/2 encoding-error"]);
}

#[test]
fn the_dialect_is_told_by_flags() {
    check(
        &["--delimiter", "\\t", "--quote", "none"],
        "a\tb\n\"1\t2\n",
        &[r#"["a","b"]"#, r#"["\"1","2"]"#],
        &[],
    );
    check(
        &["--delimiter", ";", "--quote", "'"],
        "a;b\n'1;';2",
        &[r#"["a","b"]"#, r#"["1;","2"]"#],
        &[],
    );
    check(
        &["--escape", "\\", "--double-quote", "false"],
        "a\n\"x\\\"y\"\n",
        &[r#"["a"]"#, r#"["x\"y"]"#],
        &[],
    );
    check(&["--comment", "#"], "#x\na\n#y\n1\n", &[r#"["a"]"#, r#"["1"]"#], &[]);
    check(&["--header", "false"], "1,2\n3\n", &[r#"["1","2"]"#], &["2/2/4/2 missing-cell"]);
    check(&["--skip-rows", "2"], "x\ny\"\na\n1", &[r#"["a"]"#, r#"["1"]"#], &[]);
    check(&["--terminator", "lf"], "a\r\n1\r\n", &[r#"["a\r"]"#, r#"["1\r"]"#], &[]);
    check(&["--terminator", "crlf"], "a\nb\r\n1", &[r#"["a\nb"]"#, r#"["1"]"#], &[]);
    check(&["--terminator", "cr"], "a\r1\n\r", &[r#"["a"]"#, r#"["1\n"]"#], &[]);
    check(&[], "a\r1\n2\r\n3", &[r#"["a"]"#, r#"["1"]"#, r#"["2"]"#, r#"["3"]"#], &[]);
    check(&["--skip-initial-space"], "a,  b\n1, \"2\"\n", &[r#"["a","b"]"#, r#"["1","2"]"#], &[]);
    check(&["--trim"], " a , b\n1 ,\t\"2 \" \n", &[r#"["a","b"]"#, r#"["1","2 "]"#], &[]);
}

/// What stands around records, or between them, is passed over or told in the same way wherever the
/// file is cut.
#[test]
fn what_surrounds_a_table() {
    let a_b = r#"["a","b"]"#;
    let (one, two) = (r#"["1","2"]"#, r#"["3","4"]"#);
    // Units, more than one row of a header, and a footer with blank lines after it.
    check(&["--units-row"], "a,b\nkg,m\n1,2\n", &[a_b, r#"["kg","m"]"#, one], &[]);
    check(&["--header-rows", "2"], "a,b\nx,y\n1,2\n", &[a_b, r#"["x","y"]"#, one], &[]);
    check(&["--footer-rows", "1"], "a,b\n1,2\n\n3,4\nTotal,\n\n\n", &[a_b, one, two], &[]);
    // Files that were put together with their headers and byte order marks.
    let again = "a,b\n1,2\na,b\n3,4\n";
    check(&[], again, &[a_b, one, two], &["3/2/8/null repeated-header"]);
    check(&["--repeated-header", "skip"], again, &[a_b, one, two], &[]);
    check(&["--repeated-header", "keep"], again, &[a_b, one, a_b, two], &[]);
    check(&["--header", "false"], again, &[a_b, one, a_b, two], &[]);
    let marked = "\u{feff}a,b\n1,2\n\u{feff}\"a\",b\n\u{feff}\"3\",4\n\u{feff}\n\u{feff}\u{feff},\u{feff}6\n\u{feff}";
    let kept = "[\"\u{feff}\",\"\u{feff}6\"]";
    check(&["--repeated-header", "skip"], marked, &[a_b, one, two, kept], &[]);
    let utf_16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&["--repeated-header", "skip"], utf_16, &[a_b, one, two, kept], &[]);
    // Delimiters at the end.
    check(&["--ragged-rows", "ignore-trailing"], "a,b,\n1,2\n3,4,\n", &[a_b, one, two], &[]);
    check(
        &["--ragged-rows", "ignore-trailing"],
        "a,b\n1,2,\n3,4,5\n",
        &[a_b, one],
        &["3/2/9/3 extra-cell"],
    );
    // Texts of digits.
    check(&["--excel-text"], "a,b\n=\"1\",\"2\"\n=\"3\",=\"4\"\n", &[a_b, one, two], &[]);
    check(&["--excel-text"], "a,b\n=\"x\n,\"\"y\",=1\n", &[a_b, r#"["x\n,\"y","=1"]"#], &[]);
    check(&["--excel-text"], "a,b\n==\"1\",2\n", &[a_b], &["2/1/6/1 quote-error"]);
    // Blank lines are nulls.
    check(
        &["--blank-rows", "keep"],
        "a\n1\n\n2\n\n",
        &[r#"["a"]"#, r#"["1"]"#, "[null]", r#"["2"]"#, "[null]"],
        &[],
    );
}

#[test]
fn delimiters_of_several_bytes() {
    let (a_b, one) = (r#"["a","b"]"#, r#"["1","2"]"#);
    check(&["--delimiter", "||"], "a||b\n1||2\n\"|||\"||\n", &[a_b, one, r#"["|||",""]"#], &[]);
    check(
        &["--delimiter", "||"],
        "a||b\n1|||2\n||||\n",
        &[a_b, r#"["1","|2"]"#],
        &["3/2/11/3 extra-cell"],
    );
    check(&["--delimiter", "~|~"], "a~|~b\r\n~|~|~\r\n1~|~2", &[a_b, r#"["","|~"]"#, one], &[]);
    check(
        &["--delimiter", "§"],
        "a§b\n1§2\n\"§\"§\u{c2}\n",
        &[a_b, one, "[\"§\",\"\u{c2}\"]"],
        &[],
    );
    check(
        &["--delimiter", "§", "--encoding", "windows-1252"],
        b"a\xa7b\n1\xa72\n",
        &[a_b, one],
        &[],
    );
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    check(&["--delimiter", "§", "--encoding", "utf-16le"], utf_16("a§b\n1§2\n"), &[a_b, one], &[]);
    check(
        &["--delimiter", "::", "--trim", "--comment", "#"],
        "#x\na :: b\n 1::2 \n",
        &[a_b, one],
        &[],
    );
    let (_directory, path) = file("input.csv", "a§b\n");
    for flags in [&["--delimiter", "§", "--encoding", "gb18030"][..], &["--delimiter", "\"|\""]] {
        let arguments = ["rows"].iter().chain(flags).map(OsString::from);
        assert_eq!(landfall(arguments.chain([path.clone().into_os_string()])).exit, 3, "{flags:?}");
    }
}

#[test]
fn an_encoding_that_is_guessed_is_said() {
    let (_directory, path) =
        file("input.csv", b"id,name\n1,Zo\xEB\n2,caf\xE9\n3,Andr\xE9\n4,M\xFCller\n");
    let answer = landfall(["rows".into(), path.into_os_string()]);
    assert_eq!((answer.exit, answer.stdout.lines().last()), (0, Some(r#"["4","Müller"]"#)));
    assert!(
        answer.stderr.starts_with(
            "encoding windows-1252, guessed: byte 12 is not valid UTF-8, and the letters of 4"
        ),
        "{}",
        answer.stderr
    );
    // What is UTF-8 after all is refused, though the beginning of the file misleads.
    let mut mixed = b"id,name\n".to_vec();
    for n in 0..90_000 {
        let name: &[u8] = match n {
            0..40_000 => [&b"Zo\xEB"[..], b"caf\xE9", b"Andr\xE9", b"M\xFCller"][n % 4],
            89_999 => "Zoë".as_bytes(),
            _ => b"Ann",
        };
        mixed.extend([name, b",x\n"].concat());
    }
    let (_directory, path) = file("input.csv", mixed);
    let answer = landfall(["rows".into(), path.into_os_string()]);
    assert_eq!((answer.exit, answer.stdout.lines().count()), (1, 90_000));
    assert!(
        answer.stderr.contains(
            "byte 0xc3 begins a character of UTF-8, though the source seemed to be windows-1252"
        ),
        "{}",
        answer.stderr
    );
}

#[test]
fn what_is_no_table_is_named() {
    let refused = |input: &[u8], flags: &[&str]| {
        let (_directory, path) = file("input.csv", input);
        let answer = landfall(
            ["rows"].iter().chain(flags).map(OsString::from).chain([path.into_os_string()]),
        );
        assert_eq!(answer.exit, 3, "{}", answer.stdout);
        answer.stderr
    };
    assert!(refused(b"\x89PNG\r\n\x1a\n\0\0\0", &[]).contains("is a PNG image, not CSV"));
    assert!(refused(b"<!doctype html>\n<p>a,b\n", &[]).contains("is a web page (HTML), not CSV"));
    assert!(refused(b"{\"a\": 1}\n{\"a\": 2}\n", &[]).contains("is JSON Lines, not CSV"));
    let noise: Vec<u8> =
        (0..5_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert!(refused(&noise, &[]).contains("is binary data, not CSV"));
    // A terminator that is said has to be there.
    assert!(refused(b"a,b\n1,2\n", &["--terminator", "crlf"]).contains("no CR LF"));
    // Lines of JSON are as good as any text where the dialect is said.
    check(
        &["--header", "false", "--quote", "none", "--delimiter", "\\x01"],
        "[1]\n[2]\n",
        &[r#"["[1]"]"#, r#"["[2]"]"#],
        &[],
    );
}

// What other readers read wrongly, or not at all, or in silence: dialects, input, records, faults.

const A_B: &str = r#"["a","b"]"#;

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn quotes_of_dirty_files() {
    check(&[], "\u{feff}\"a\",\"b\"\n1,2\n", &[A_B, r#"["1","2"]"#], &[]);
    check(&[], "\"\"\n\"\"\n", &[r#"[""]"#; 2], &[]);
    check(&[], "\"\"\"\"", &[r#"["\""]"#], &[]);
    check(&[], "\"\"\"", &[], &["1/0/0/1 quote-error"]);
    check(
        &[],
        "a,b\n1,\"x\"y\n\"x\" ,2\n3,4\n",
        &[A_B, r#"["3","4"]"#],
        &["2/1/8/2 quote-error", "3/2/13/1 quote-error"],
    );
    check(
        &["--quote", "'"],
        "a,b\n'1,2',3\nit's,4\n",
        &[A_B, r#"["1,2","3"]"#],
        &["3/2/14/1 quote-error"],
    );
    check(
        &["--escape", "\\"],
        "a,b\n\"1\\\"2\",3\\,4\n5\\\n6,7\n",
        &[A_B, r#"["1\"2","3,4"]"#, r#"["5\n6","7"]"#],
        &[],
    );
    check(&["--escape", "\\"], "a,b\n1,\"2\\\"", &[A_B], &["2/1/6/2 quote-error"]);
    check(
        &["--trim"],
        "a,b\n \n \"1\" , \"2 \" \n \"1\"x,2\n",
        &[A_B, r#"["1","2 "]"#],
        &["4/2/22/1 quote-error"],
    );
    check(
        &["--skip-initial-space"],
        "a, b\n1, \"2, 3\"\n4,  \"5\" \n",
        &[A_B, r#"["1","2, 3"]"#],
        &["3/2/21/2 quote-error"],
    );
}

#[test]
fn quotes_escapes_and_comments_of_several_bytes() {
    let section = "a,b\n§1§§, 2§,3\n§4\n§,5\n6§,7\n";
    check(
        &["--quote", "§"],
        section,
        &[A_B, r#"["1§, 2","3"]"#, r#"["4\n","5"]"#],
        &["5/3/29/1 quote-error"],
    );
    let others = ["--quote", "''", "--escape", "´", "--comment", "»»"];
    check(&others, "»»c\na,b\n''it's, ´´'''''',»»´,\n", &[A_B, r#"["it's, ´''","»»,"]"#], &[]);
    let western = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<_>>();
    for quote in ["§", r"\xa7"] {
        let flags = ["--quote", quote, "--encoding", "windows-1252"];
        check(
            &flags,
            western("a,b\n§1§§, é§,3\n6§,7\n"),
            &[A_B, r#"["1§, é","3"]"#],
            &["3/2/16/1 quote-error"],
        );
    }
}

#[test]
fn delimiters_of_dirty_files() {
    check(&["--delimiter", r"\x1f"], "a\x1fb\n", &[A_B], &[]);
    check(&["--delimiter", "\x01"], "a\x01b\n", &[A_B], &[]);
    check(&["--delimiter", "\\"], "a\\b\n", &[A_B], &[]);
    check(
        &["--delimiter", r"\xa7", "--encoding", "windows-1252"],
        b"a\xa7b\n\xe9\xa7\x80\n",
        &[A_B, r#"["é","€"]"#],
        &[],
    );
}

#[test]
fn line_ends_and_what_is_around_the_records() {
    check(&[], "\n\r\r\n\n", &[], &[]);
    check(&[], "a,b\n1,2\r\n3,4\r5,6", &[A_B, r#"["1","2"]"#, r#"["3","4"]"#, r#"["5","6"]"#], &[]);
    check(
        &["--terminator", "crlf"],
        "a,b\n1,2\r\n3,4\r\n",
        &[r#"["a","b\n1","2"]"#],
        &["3/1/9/3 missing-cell"],
    );
    check(
        &["--comment", "#"],
        "#c\na,b\n#x\n\"\n#\",\"#4\"\n #,\"#\"\n#",
        &[A_B, r##"["\n#","#4"]"##, r##"[" #","#"]"##],
        &[],
    );
    check(&["--skip-rows", "2"], "\"x\ny\"\na,b\n1,2\n", &[A_B, r#"["1","2"]"#], &[]);
    check(&["--skip-rows", "9"], "a\nb\n", &[], &[]);
    check(
        &["--skip-rows", "1", "--footer-rows", "1"],
        "Title\na,b\n1,2\nTotal,9,9\n",
        &[A_B, r#"["1","2"]"#],
        &[],
    );
    check(
        &["--footer-rows", "1"],
        "a,b\r\n1,2\r\n3,4\r\nTotal: 9\r\n\r\n",
        &[A_B, r#"["1","2"]"#, r#"["3","4"]"#],
        &[],
    );
    check(
        &["--footer-rows", "1"],
        "a,b\n1,2\n3,\"4\nTotal: 9\"\n",
        &[A_B, r#"["1","2"]"#],
        &["3/2/10/2 quote-error"],
    );
    check(&["--footer-rows", "9"], "a,b\n1,2\n", &[], &[]);
    check(&["--footer-rows", "1"], utf_16("\u{feff}a,b\n1,é\nTotal"), &[A_B, r#"["1","é"]"#], &[]);
}

#[test]
fn ragged_records() {
    check(
        &[],
        "a,b\n1\n1,2,\n3,4",
        &[A_B, r#"["3","4"]"#],
        &["2/1/4/2 missing-cell", "3/2/6/3 extra-cell"],
    );
    let ragged = "a,b\n1\n1,2,\n1,2,3\n";
    let (filled, cut) = (r#"["1",null]"#, r#"["1","2"]"#);
    check(
        &["--ragged-rows", "fill"],
        ragged,
        &[A_B, filled],
        &["3/2/6/3 extra-cell", "4/3/11/3 extra-cell"],
    );
    check(
        &["--ragged-rows", "ignore-trailing"],
        ragged,
        &[A_B, cut],
        &["2/1/4/2 missing-cell", "4/3/11/3 extra-cell"],
    );
    check(&["--ragged-rows", "fill,cut"], ragged, &[A_B, filled, cut, cut], &[]);
}

#[test]
fn blank_rows_and_nulls() {
    check(
        &["--blank-rows", "reject"],
        "\na,b\n\n1,2\n",
        &[A_B, r#"["1","2"]"#],
        &["3/1/5/1 blank-row"],
    );
    check(
        &["--null-sequence", r"\N"],
        "a,\\N\n\\N,\"\\N\"\n,\\N \n",
        &[r#"["a","\\N"]"#, r#"[null,"\\N"]"#, r#"["","\\N "]"#],
        &[],
    );
    check(
        &["--null-sequence", "é", "--encoding", "utf-16le"],
        utf_16("a,b\né,1\n"),
        &[A_B, r#"[null,"1"]"#],
        &[],
    );
}

#[test]
fn bytes_of_dirty_files() {
    check(&[], "a,b\n1,\x002\n", &[A_B, r#"["1","\u00002"]"#], &[]);
    check(&[], "a,\0b", &[r#"["a","\u0000b"]"#], &[]);
    check(&[], utf_16("a,b\n1,2\n"), &[A_B, r#"["1","2"]"#], &[]);
    check(&[], &utf_16("\u{feff}a,b\n1,2")[..15], &[A_B], &["2/1/14/2 encoding-error"]);
    check(
        &["--encoding", "gb18030"],
        b"a,b\n\xd6\xd0,\"\xce\xc4,x\"\n",
        &[A_B, r#"["中","文,x"]"#],
        &[],
    );
    check(&["--encoding", "shift_jis"], b"a,b\n\x83\\,\x95\\\n", &[A_B, r#"["ソ","表"]"#], &[]);
    check(
        &["--encoding", "shift_jis"],
        b"a,b\n\x83,1\n2,\x83\"\n",
        &[A_B],
        &["2/1/4/1 encoding-error", "3/2/11/2 quote-error", "3/2/10/2 encoding-error"],
    );
}

/// Read with units of another width it would be other text, without a fault.
#[test]
fn a_file_that_is_not_in_the_stated_encoding_is_3() {
    let wide: Vec<u8> = "a,b\n1,2\n3,4\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wider: Vec<u8> = "a,b\n1,2\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let cases: [(&[u8], &str); 5] = [
        (b"a,b\n1,2\n", "utf-16le"),
        (&wide, "utf-8"),
        (&wide, "utf-16be"),
        (&wide, "windows-1252"),
        (&wider, "utf-8"),
    ];
    for (bytes, label) in cases {
        let (_directory, path) = file("input.csv", bytes);
        let answer =
            landfall(["rows".as_ref(), "--encoding".as_ref(), label.as_ref(), path.as_os_str()]);
        assert_eq!((answer.exit, answer.stdout.as_str()), (3, ""), "{label}: {}", answer.stderr);
    }
}

#[test]
fn limits() {
    let row = |columns: usize| vec!["1"; columns].join(",") + "\n";
    for (columns, exit) in [(20_000, 0), (20_001, 3)] {
        let (_directory, path) = file("input.csv", row(columns).repeat(3));
        let answer = landfall(
            ["rows", "--repeated-header", "keep", "--shard-size", "50kB"]
                .map(OsString::from)
                .into_iter()
                .chain([path.into_os_string()]),
        );
        assert_eq!(
            (answer.exit, answer.stdout.lines().count()),
            (exit, if exit == 0 { 3 } else { 0 }),
            "{}",
            answer.stderr
        );
    }
    // A field that is too long is its record's fault, and reading goes on.
    let (_directory, path) =
        file("input.csv", format!("a,b\n1,\"{}\"\n3,4\n", "x".repeat(9 << 20)));
    for more in [&[][..], &["--shard-size", "3MiB"]] {
        let answer = landfall(
            ["rows"].iter().chain(more).map(OsString::from).chain([path.clone().into_os_string()]),
        );
        assert_eq!((answer.exit, answer.stdout.as_str()), (1, "[\"a\",\"b\"]\n[\"3\",\"4\"]\n"));
        assert!(
            answer.stderr.starts_with(
                r#"{"line":2,"record":1,"byte":7,"column":2,"error":"field-size-error""#
            ),
            "{}",
            answer.stderr
        );
    }
}

#[test]
fn one_character_has_one_role() {
    let (_directory, path) = file("input.csv", "a,b\n");
    for flags in [
        &["--delimiter", "\""][..],
        &["--quote", ";", "--comment", ";"],
        &["--escape", ","],
        &["--delimiter", "|", "--quote", "|"],
        &["--delimiter", "123456789"],
        &["--header-rows", "0"],
        &["--delimiter", r"\x0a"],
        &["--footer-rows", "x"],
        &["--ragged-rows", "cut,keep"],
    ] {
        let arguments = ["rows"].iter().chain(flags).map(OsString::from);
        assert_eq!(landfall(arguments.chain([path.clone().into_os_string()])).exit, 2, "{flags:?}");
    }
}

#[test]
fn a_record_over_the_limit_ends_the_reading() {
    let mut input = b"a,b\n1,2\n\"".to_vec();
    input.resize(18 << 20, b'x');
    let (_directory, path) = file("input.csv", input);
    for more in [&[][..], &["--shard-size", "5MiB"]] {
        let answer = landfall(
            ["rows"].iter().chain(more).map(OsString::from).chain([path.clone().into_os_string()]),
        );
        assert_eq!(
            (answer.exit, answer.stdout.as_str()),
            (3, "[\"a\",\"b\"]\n[\"1\",\"2\"]\n"),
            "{more:?}"
        );
        assert!(answer.stderr.contains("the record at byte 8 has more than"), "{}", answer.stderr);
    }
}

#[test]
fn a_reader_that_leaves_is_no_fault() {
    let path = testdata("weather.csv").into_os_string();
    let mut child = command([OsString::from("rows"), path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut first = [0];
    child.stdout.take().expect("it is piped").read_exact(&mut first).expect("there are rows");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!((first, ended.status.code(), ended.stderr.as_slice()), ([b'['], Some(0), &b""[..]));
}

#[test]
fn real_files_read_alike_in_shards() {
    for (name, sizes) in
        [("weather.csv", ["7kB", "100kB", "1MiB"]), ("airports.csv", ["999", "7kB", "50kB"])]
    {
        let path = testdata(name);
        let rows = |more: &[&str]| {
            landfall(
                ["rows", "--positions"]
                    .iter()
                    .chain(more)
                    .map(OsString::from)
                    .chain([path.clone().into_os_string()]),
            )
        };
        let whole = rows(&[]);
        assert_eq!((whole.exit, whole.stderr.as_str()), (0, ""));
        for size in sizes {
            assert!(rows(&["--shard-size", size]) == whole, "{name} in shards of {size}");
        }
    }
}
