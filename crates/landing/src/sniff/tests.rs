use contract::Contract;

use super::*;

fn sniff(
    sample: &[u8],
    end_of_source: bool,
    stated: &StatedDialect,
    schema: Option<&Schema>,
) -> Sniffed {
    super::sniff(sample, end_of_source, Encoding::UTF_8, stated, schema)
}

/// Sniffs a whole file and tells the dialect by its differences from the default.
fn sniffed(source: &str) -> String {
    describe(&sniff(source.as_bytes(), true, &StatedDialect::default(), None).dialect)
}

fn describe(dialect: &Dialect) -> String {
    let default = Dialect::default();
    let mut told = vec![shown(dialect.delimiter)];
    let shown_or_none = |token: Option<Token>| token.map_or_else(|| "none".to_owned(), shown);
    let mut tell = |differs: bool, text: String| told.extend(differs.then_some(text));
    tell(
        dialect.quote_char != default.quote_char,
        format!("quote {}", shown_or_none(dialect.quote_char)),
    );
    tell(dialect.escape_char.is_some(), format!("escape {}", shown_or_none(dialect.escape_char)));
    tell(dialect.line_terminator != Terminator::Auto, format!("{:?}", dialect.line_terminator));
    tell(
        dialect.comment_char.is_some(),
        format!("comment {}", shown_or_none(dialect.comment_char)),
    );
    tell(dialect.skip_initial_space, "spaces".to_owned());
    tell(!dialect.header, "no header".to_owned());
    tell(dialect.skip_rows > 0, format!("skip {}", dialect.skip_rows));
    told.join(" ")
}

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(sniffed(source), expected, "{source:?}");
}

#[test]
fn delimiters() {
    check("id,name\n1,ann\n2,bob\n", ",");
    check("id;name\n1;ann\n2;bob\n", ";");
    check("id\tname\n1\tann, b\n2\tbob\n", "\\t");
    check("id|name|note\n1|ann|a,b\n2|bob|c;d\n", "|");
    check("a^b\n1^2\n3^4\n", "^");
    check("a~b\n1~x y\n3~z\n", "~");
    check("root:x:0\nann:x:1\nbob:x:2\n", ": no header");
    check("x y\n1 2\n3 4\n5 6\n", " ");
    check("a\u{1f}b\n1\u{1f}2\n", "\\x1f");
    check("price;tax\n1,5;2,5\n3,5;4,25\n", ";");
    check("price;tax;sum\n1.234,50;2,5;3\n3,5;4,25;1\n", ";");
    check("when,what\n2013-01-01 10:00:00,a\n2013-01-01 11:00:00,b\n2013-01-02 10:00:00,c\n", ",");
    check("name,address\nann,\"1; Main St; X\"\nbob,\"2; Side St; Y\"\n", ",");
    check("id,name\r\n1,\"a\nb\"\r\n2,\"c;d;e\"\r\n", ",");
}

#[test]
fn weak_evidence_is_a_comma() {
    for source in [
        "",
        "\n",
        "name\nann\nbob\n",
        "a b\nc\n",
        "one line of text: with a colon",
        "12:30\n13:40\n14:50\n15:00\n",
    ] {
        assert_eq!(
            sniff(source.as_bytes(), true, &StatedDialect::default(), None).dialect.delimiter,
            b',',
            "{source:?}"
        );
    }
}

#[test]
fn texts_with_punctuation_are_one_column() {
    check("text\nHello, world\nfoo\nbar\n", "\\x1f");
    check("name\nSmith, Ann\nDoe, Bob\nRoe, Cid\n", "\\x1f");
    // As many cells in each line as labels, a title over them, numbers, or no space: these are
    // columns.
    check("name, city\nAnn, Rome\nBob, Oslo\nCid, Bern\n", ",");
    check("People\n\nname,city\nAnn,Rome\nBob,Oslo\nCid,Bern\n", ", skip 2");
    check("x\n1, 2\n3, 4\n5, 6\n", ", spaces no header skip 1");
}

#[test]
fn quotes_and_escapes() {
    check("a,b\n'x, y','z'\n'u','v, w'\n", ", quote '");
    check("a,b\nit's,don't\n'tis,x\n", ",");
    check("a\tb\n5\" pipe\t1\n3\" hose\t2\n", "\\t quote none");
    check("a,b\n\"x\",1\n5\" pipe,2\n", ",");
    check("a,b\n\"say \\\"hi, you\\\"\",1\n\"x\",2\n", ", escape \\");
    check("a,b\n\"C:\\dir\\\",1\n\"D:\\\",2\n", ",");
    check("a,b\nx\\,y,1\nz,2\n", ", escape \\");
    check("a, b, c\n1, \"x, y\", 3\n2, \"z\", 4\n", ", spaces");
    check("a, b\n1, 2\n3, 4\n", ", spaces");
}

#[test]
fn what_stands_around() {
    check("Report of 2020\n\nid,name,x\n1,ann,2\n2,bob,3\n", ", skip 2");
    check("Report;;\n;;\nid;name;x\n1;ann;2\n2;bob;3\n", "; skip 2");
    check("# made by x\n# on y\nid,name\n1,ann\n2,bob\n", ", skip 2");
    check("#1\n#2\n#3\n#4\na,b,c\nd,e,f\n", ", skip 4");
    check("#1\n#2\na,b,c\n", ", skip 2");
    check("a,b,c\n#1\n#2\n", ", comment #");
    check("id,name\n1,ann\n# more\n2,bob\n", ", comment #");
    check("##v=1\n##x\n#chrom\tpos\n1\t2\n1\t3\n", "\\t skip 2");
    check("id,tag\n1,#a\n#2,b\n", ",");
    check("a,b\r\n1,x\ny\r\n2,z\r\n", ", CrLf");
    check("x\n1,2\n", ",");
}

#[test]
fn headers() {
    check("1,2\n3,4\n", ", no header");
    check("ann,1\nbob,2\n", ", no header");
    check("name,n\nann,1\nbob,2\n", ",");
    check("carrier,name\nAA,American\nUA,United\n", ",");
    check("AA,x\nUA,y\nAA,z\n", ", no header");
    check("country,2010,2011,2012\nfr,1.5,2.5,3\nde,2,3,4\n", ",");
    check("a,a\nx,y\n", ", no header");
    check("2013-01-01,x\n2013-01-02,y\n", ", no header");
    check("a,b,c", ",");
    check("1,b,c", ", no header");
}

#[test]
fn what_is_stated_is_never_guessed() {
    let stated = StatedDialect {
        delimiter: Some(b','.into()),
        header: Some(false),
        quote_char: Some(None),
        skip_rows: Some(1),
        ..StatedDialect::default()
    };
    let found = sniff(b"x\r\nid;name\r\n1;ann\r\n2;bob\r\n", true, &stated, None);
    assert_eq!(describe(&found.dialect), ", quote none no header skip 1");
    assert!(found.evidence.is_empty(), "{:?}", found.evidence);
    let tabs = StatedDialect { delimiter: Some(b'\t'.into()), ..StatedDialect::default() };
    assert_eq!(sniff(b"a,b\n1,2\n", true, &tabs, None).dialect.delimiter, b'\t');
}

#[test]
fn quotes_of_several_bytes_enclose_most_texts() {
    check("id,note\n1,§a, b§\n2,§c§\n", ", quote §");
    check("id;note\n1;''it's''\n2;''c;d''\n", "; quote ''");
    check("id,note\n1,”a”\n2,”b, c”\n", ", quote ”");
    // One of many texts, and a sign inside of texts.
    check("id,note\n1,§ 5\n2,b §\n3,c\n", ",");
    check("id,note\n1,§a§\n2,b\n3,c\n4,d\n", ",");
    let is_read = |encoding: Encoding| {
        let source = "id,note\n1,§a, b§\n2,§c§\n";
        let bytes = encoding.encode(source).expect("it has these characters");
        describe(&super::sniff(&bytes, true, encoding, &StatedDialect::default(), None).dialect)
    };
    assert_eq!(is_read(Encoding::parse("windows-1252").expect("a label")), ", quote §");
    assert_eq!(is_read(Encoding::UTF_16LE), ", quote §");
}

#[test]
fn a_contract_that_is_named_wins() {
    let contract = "name: t\nschema: { fields: [ { name: a, type: integer }, { name: 'b,c', type: string }, { name: d } ] }\n";
    let contract = Contract::parse(contract).expect("a valid contract");
    let found = |source: &str| {
        describe(
            &sniff(source.as_bytes(), true, &StatedDialect::default(), Some(&contract.schema))
                .dialect,
        )
    };
    assert_eq!(found("title\na;b,c;d\n1;x,y;z\n2;x,y;z\n"), "; skip 1");
    assert_eq!(found("a|b,c|d\n"), "|");
    assert_eq!(found("1;x;y\n2;x;y\n"), "; no header");
    // What drifted is a header still.
    assert_eq!(found("aa,bb,cc\n1,x,y\n"), ",");
    assert_eq!(found("x,bb,1\n1,x,y\n"), ",");
}

#[test]
fn every_guess_has_its_evidence() {
    let found =
        sniff(b"Title\n\na;b\n1;'x'\n2;'y'\n3;'z'\n", true, &StatedDialect::default(), None);
    let told: Vec<_> = found
        .evidence
        .iter()
        .map(|e| format!("{} {}: {}", e.property, e.value, e.because))
        .collect();
    assert_eq!(
        told,
        [
            "delimiter ;: splits 4 of 4 records into 2 fields",
            "quoteChar ': `'` encloses 3 fields",
            "header true: in 1 of 2 columns the first cell is unlike those below",
            "skipRows 2: what stands there has not the 2 fields of the records below",
        ]
    );
}

#[test]
fn a_sample_that_ends_anywhere_tells_the_same() {
    let source: String = std::iter::once("id;note\n".to_owned())
        .chain((0..40).map(|n| format!("{n};\"a, {n};\nb\"\n")))
        .collect();
    for end in 100..source.len() {
        let dialect =
            sniff(&source.as_bytes()[..end], false, &StatedDialect::default(), None).dialect;
        assert_eq!(describe(&dialect), ";", "cut at {end}");
    }
}

#[test]
fn encodings() {
    let stated = StatedDialect::default();
    let utf_16: Vec<u8> =
        "\u{feff}a;é\r\n1;2\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = super::sniff(&utf_16, true, Encoding::UTF_16LE, &stated, None);
    assert_eq!(
        (describe(&found.dialect).as_str(), found.dialect.encoding),
        (";", Encoding::UTF_16LE)
    );
    // A bar may be half of a character in Shift_JIS, so it can't be told apart there.
    let shift_jis = Encoding::parse("shift_jis").expect("an encoding");
    assert_eq!(
        describe(&super::sniff(b"a|b\n1|2\n3|4\n", true, shift_jis, &stated, None).dialect),
        ","
    );
}

#[test]
fn grouped_numbers_below_a_header_are_no_columns() {
    for cell in ["2,345,678.90", "2,345.90"] {
        let source = format!("key;amount\n{}", format!("k;{cell}\n").repeat(5));
        assert_eq!(
            sniff(source.as_bytes(), true, &StatedDialect::default(), None).dialect.delimiter,
            b';',
            "{cell}"
        );
    }
}
