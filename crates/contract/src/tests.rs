//! Checks documents: a text is what is written, and a fault is where it is.

use csv_records::dialect::Token;
use proptest::prelude::*;

use super::labels::bare;
use super::{Constraints, Contract, Fault};
use crate::values::Scalar;

fn faults(text: &str) -> Vec<Fault> {
    Contract::parse(text).err().unwrap_or_default()
}

/// Faults as `line:column: path: message`.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found: Vec<_> = faults(text)
        .iter()
        .map(|fault| format!("{}:{}: {fault}", fault.line, fault.column))
        .collect();
    assert_eq!(found, expected, "{text}");
}

fn allowed(constraints: &Constraints) -> Vec<String> {
    let texts =
        constraints.allowed.iter().flat_map(|(values, _)| values).map(|value| match value {
            Scalar::Text(text) => text.clone(),
            other => panic!("{other:?} is no text"),
        });
    texts.collect()
}

#[test]
fn texts_are_what_is_written() {
    let words = "-999.00, NO, 007, 1e3, y, null, ~, 0x1F, 1_000, 2024-01-01, .5, +1, True, 12:30, 1., .inf, off, 0o17, Null, a b, -, '', \"x\"";
    let expected = [
        "-999.00",
        "NO",
        "007",
        "1e3",
        "y",
        "null",
        "~",
        "0x1F",
        "1_000",
        "2024-01-01",
        ".5",
        "+1",
        "True",
        "12:30",
        "1.",
        ".inf",
        "off",
        "0o17",
        "Null",
        "a b",
        "-",
        "",
        "x",
    ];
    let words = words.replace(" -,", " \"-\",");
    let text = format!(
        "name: y\nschema:\n  missingValues: [{words}]\n  fields:\n    - {{ name: NO, constraints: {{ enum: [{words}] }} }}\n    - name: 0x1F\n    - name: ~\n    - name: null\n"
    );
    let contract = Contract::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(contract.name.as_str(), "y");
    assert_eq!(contract.schema.fields[0].missing_values, expected);
    assert_eq!(allowed(&contract.schema.fields[0].constraints), expected);
    let names: Vec<_> = contract.schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["NO", "0x1F", "~", "null"]);
}

#[test]
fn bounds_are_read_by_their_type() {
    let bound = |of: &str, written: &str| {
        let text = format!(
            "name: t\nschema: {{ fields: [ {{ name: a, type: {of}, constraints: {{ minimum: {written} }} }} ] }}\n"
        );
        Contract::parse(&text)
            .map(|contract| contract.schema.fields[0].constraints.bounds[0].text.clone())
            .ok()
    };
    for (of, written) in [
        ("integer", "007"),
        ("number", "1e3"),
        ("number", "-999.00"),
        ("date", "2024-01-31"),
        ("number", "1_000.5"),
    ] {
        assert_eq!(
            bound(of, written),
            (!written.contains('_')).then(|| written.to_owned()),
            "{of} {written}"
        );
    }
    for (of, written) in
        [("integer", "0x1F"), ("integer", "1_000"), ("integer", "yes"), ("number", ".inf")]
    {
        assert_eq!(bound(of, written), None, "{of} {written}");
    }
}

#[test]
fn json_reads_the_same() {
    let json = r#"{"name": "t", "dialect": {"quoteChar": null, "nullSequence": null, "header": true, "skipRows": 2},
        "schema": {"missingValues": [-999.00, "NA", 1e3], "fields": [{"name": "é\n\"", "constraints": {"enum": [1, "1", true], "required": false}}]},
        "rejects": {"limit": 5}}"#;
    let contract = Contract::parse(json).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(
        (contract.dialect.quote_char, contract.dialect.null_sequence.clone()),
        (Some(None), Some(None))
    );
    assert_eq!((contract.dialect.header, contract.dialect.skip_rows), (Some(true), Some(2)));
    assert_eq!(contract.schema.fields[0].missing_values, ["-999.00", "NA", "1e3"]);
    assert_eq!(allowed(&contract.schema.fields[0].constraints), ["1", "1", "true"]);
    assert_eq!(contract.schema.fields[0].name, "é\n\"");
    // JSON has texts in quotes.
    let nothing =
        r#"{"name": "t", "schema": {"missingValues": ["", null], "fields": [{"name": "a"}]}}"#;
    check(nothing, &["1:48: schema.missingValues[1]: expected text, found nothing"]);
}

#[test]
fn booleans_and_counts_are_plain() {
    let dialect = |dialect: &str| {
        format!("name: t\ndialect: {{ {dialect} }}\nschema: {{ fields: [ {{ name: a }} ] }}\n")
    };
    for written in ["true", "True", "TRUE", "false", "False", "FALSE"] {
        check(&dialect(&format!("header: {written}")), &[]);
    }
    let expected = "2:20: dialect.header: expected true or false, found";
    for (written, found) in [
        ("\"true\"", "text; write true without quotes"),
        ("'False'", "text; write false without quotes"),
        ("yes", "text; write true"),
        ("NO", "text; write false"),
        ("1", "a number"),
        ("tRUE", "text"),
        ("null", "nothing"),
        ("[true]", "a list"),
    ] {
        check(&dialect(&format!("header: {written}")), &[&format!("{expected} {found}")]);
    }
    for written in ["0", "7", "120"] {
        check(&dialect(&format!("skipRows: {written}")), &[]);
    }
    let expected = "2:22: dialect.skipRows: expected a whole number from 0, found";
    for (written, found) in [
        ("\"3\"", "text; write 3 without quotes"),
        ("1_000", "text `1_000`"),
        ("0x1F", "text `0x1F`"),
        ("010", "a number `010`"),
        ("-1", "a number `-1`"),
        ("1.0", "a number `1.0`"),
        ("1e3", "a number `1e3`"),
        ("three", "text `three`"),
        ("99999999999999999999", "a number `99999999999999999999`"),
    ] {
        check(&dialect(&format!("skipRows: {written}")), &[&format!("{expected} {found}")]);
    }
}

#[test]
fn what_is_nothing_in_yaml_and_a_text_too_is_asked_about() {
    let dialect = |dialect: &str| {
        format!("name: t\ndialect: {{ {dialect} }}\nschema: {{ fields: [ {{ name: a }} ] }}\n")
    };
    for accepted in [
        "quoteChar: §",
        "escapeChar: \"''\"",
        "commentChar: \"##\"",
        "quoteChar: null",
        "quoteChar: \"~\"",
        "nullSequence: \"NULL\"",
        "nullSequence: NA",
        "delimiter: ~",
    ] {
        check(&dialect(accepted), &[]);
    }
    check(
        &dialect("quoteChar: ~"),
        &[
            "2:23: dialect.quoteChar: `~` is nothing in YAML, and a character too: write \"~\" for the character, or null for none",
        ],
    );
    check(
        &dialect("nullSequence: NULL"),
        &[
            "2:26: dialect.nullSequence: `NULL` is nothing in YAML, and a text too: write \"NULL\" for the text, or leave the property out",
        ],
    );
}

#[test]
fn quotes_are_texts_of_a_few_bytes() {
    let dialect = |dialect: &str| {
        format!("name: t\ndialect: {{ {dialect} }}\nschema: {{ fields: [ {{ name: a }} ] }}\n")
    };
    let contract =
        Contract::parse(&dialect("quoteChar: §, escapeChar: '\\x1f'")).expect("a valid contract");
    assert_eq!(
        (contract.dialect.quote_char, contract.dialect.escape_char),
        (Some(Token::parse("§")), Some(Some(0x1f.into())))
    );
    let allowed = "is not allowed; allowed: a text of 1 to 8 bytes without line breaks, `\\t`, or a byte such as `\\x1f`";
    check(&dialect("quoteChar: §§§§§"), &[&format!("2:23: dialect.quoteChar: `§§§§§` {allowed}")]);
    check(&dialect("commentChar: ''"), &[&format!("2:25: dialect.commentChar: `` {allowed}")]);
}

#[test]
fn signs_that_mean_something_in_yaml_are_no_other_text() {
    let document = |dialect: &str, value: &str| {
        format!(
            "name: t\ndialect: {{ header: true }}\n{dialect}schema:\n  fields: [ {{ name: a }} ]\n  missingValues:\n    - {value}\n"
        )
    };
    for sign in [
        "#", "&", "*", "!", "|", ">", "%", "@", "`", "\"", "'", "[", "{", ",", "]", "}", "&a",
        "*a", "!a", "- ", "? ", ": ", "#N/A", ": x",
    ] {
        let found = faults(&document("", sign));
        assert_eq!(found.len(), 1, "{sign}: {found:?}");
        assert!(found[0].line >= 6 || found[0].message.contains("quote"), "{sign}: {found:?}");
    }
    for text in [
        "-", "?", "--", "...", "n/a", "-1", "?x", ":", "a#b", "N/A#", "a&b", "a*", "=", "<<", "$",
        "(", ".",
    ] {
        match Contract::parse(&document("", text)) {
            Ok(contract) => assert_eq!(contract.schema.fields[0].missing_values, [text]),
            Err(found) => assert!(found.len() == 1 && found[0].line >= 6, "{text}: {found:?}"),
        }
    }
    let hint = "a text that is empty, or begins with a sign such as `#` or `&`, stands in quotes";
    let comment = "name: t\ndialect:\n  commentChar: #\n  header: true\nschema: { fields: [ { name: a } ] }\n";
    check(comment, &[&format!("3:3: dialect.commentChar: expected text, found nothing; {hint}")]);
    let block =
        "name: t\ndialect:\n  delimiter: |\n  header: true\nschema: { fields: [ { name: a } ] }\n";
    let found = faults(block);
    assert_eq!(
        found[0].message,
        "expected text, found a block without lines; `|` and `>` as characters stand in quotes"
    );
}

#[test]
fn faults_are_at_what_is_wrong() {
    // A key, a value, an item, what is missing, and what is written twice.
    check(
        "name: Flights\nschmea: {}\nschema:\n  fields:\n    - { name: a, type: strng }\n    - type: integer\n    - { name: ü, typ: date, name: b }\n  primaryKey: [a, aa, ü]\noutput:\n  partitionBy: [ab]\n",
        &[
            "7:29: schema.fields[2].name: is listed twice; a key has one value",
            "2:1: schmea: is not known here; did you mean `schema`? allowed: name, title, description, dialect, encoding, compression, member, schema, transform, rejects, commit, holdWhen, afterwards, arrivals, schedule, jobs, expect, output",
            "1:7: name: a dataset's name is a lower-case letter and at most 62 more of a-z, 0-9 and `_`",
            "5:24: schema.fields[0].type: `strng` is not allowed; did you mean `string`? allowed: string, integer, number, boolean, date, time, datetime",
            "6:7: schema.fields[1].name: is missing",
            "7:18: schema.fields[2].typ: is not known here; did you mean `type`? allowed: name, title, description, example, type, physicalType, constraints, missingValues, format, decimalChar, groupChar, grouping, bareNumber, affixes, negatives, percent, trueValues, falseValues, timezone, ambiguous, yearPivot, locale",
            "8:16: schema.primaryKey[0]: `a` is not a field of the schema; allowed: ü",
            "8:19: schema.primaryKey[1]: `aa` is not a field of the schema; allowed: ü",
            "10:17: output.partitionBy[0]: `ab` is not a field of the schema; allowed: ü",
            "10:16: output.partitionBy: leaves no column for the files",
        ],
    );
    // Lines end with CR LF, and a byte order mark is no character.
    check(
        "\u{feff}nmae: t\r\nschema:\r\n  fields: [ ü ]\r\n",
        &[
            "1:1: nmae: is not known here; did you mean `name`? allowed: name, title, description, dialect, encoding, compression, member, schema, transform, rejects, commit, holdWhen, afterwards, arrivals, schedule, jobs, expect, output",
            "1:1: name: is missing",
            "3:13: schema.fields[0]: expected an object, found text",
        ],
    );
    check("", &["1:1: expected an object, found nothing"]);
    check(
        "a: b: c",
        &[
            "1:5: not a YAML or JSON document: mapping values are not allowed in this context; a text that begins with a sign, such as `#`, `*` or `,`, stands in quotes",
        ],
    );
    check(
        "name: t\nschema: {}\n---\nname: u\n",
        &["3:1: a second document begins here; a contract is one"],
    );
    check(
        "name: !date t\nschema: { fields: [ { name: a } ] }",
        &["1:7: name: the tag `!date` has no meaning here"],
    );
    check(
        "name: t\nschema: { fields: [ { name: a, constraints: } ] }",
        &["2:32: schema.fields[0].constraints: expected an object, found nothing"],
    );
}

#[test]
fn words_are_told_from_those_that_exist() {
    let field = |field: &str| {
        format!("name: t\nencoding: utf8\nschema: {{ fields: [ {{ name: a, {field} }} ] }}\n")
    };
    let zone = "is not a time zone; did you mean";
    for (written, meant) in [
        ("Europe/Berln", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("america/new_york", "America/New_York"),
        ("utc", "UTC"),
    ] {
        let found = faults(&field(&format!("type: datetime, timezone: {written}")));
        assert_eq!(
            found[0].message,
            format!(
                "`{written}` {zone} `{meant}`? allowed: IANA names such as America/New_York, or UTC"
            )
        );
    }
    for (written, meant) in [
        ("type: number, physicalType: flaot64", "float64"),
        ("type: time, physicalType: time64(u)", "time64(us)"),
    ] {
        let told = &faults(&field(written))[0].message;
        assert!(told.contains(&format!("did you mean `{meant}`? allowed: ")), "{told}");
    }
    let encoding = |label: &str| faults(&field("type: string").replace("utf8", label));
    assert_eq!(encoding("latin1"), []);
    let told = &encoding("windows-1253x")[0].message;
    assert!(
        told.starts_with(
            "`windows-1253x` is not an encoding; did you mean `windows-1253`? allowed: labels"
        ),
        "{told}"
    );
    let told = &encoding("klingon")[0].message;
    assert!(told.starts_with("`klingon` is not an encoding; allowed: labels"), "{told}");
}

#[test]
fn an_expressions_fault_is_at_its_place() {
    let places = |transform: &str| {
        let text = format!(
            "name: t\nschema: {{ fields: [ {{ name: fare, type: number }} ] }}\ntransform:\n{transform}\n"
        );
        faults(&text)
            .iter()
            .map(|fault| format!("{}:{}: {}", fault.line, fault.column, fault.message))
            .collect::<Vec<_>>()
    };
    let end = "at character 13, after `AND`: an expression is expected";
    assert_eq!(places("  where: fare > 0 AND"), [format!("4:22: {end}")]);
    assert_eq!(places("  where: 'fare > 0 AND'"), [format!("4:23: {end}")]);
    assert_eq!(places("  where: \"fare > 0 AND\"  # so far"), [format!("4:23: {end}")]);
    assert_eq!(places("  where: |-\n    fare > 0 AND"), [format!("5:17: {end}")]);
    assert_eq!(
        places("  where: |\n    fare > 0\n      AND fares < 1\n"),
        ["6:11: at line 2, character 7: `fares` is not a field; did you mean `fare`?"]
    );
    // Where lines are folded or characters escaped, the place within the expression has to do.
    assert_eq!(
        places("  where: >\n    fare > 0\n    AND fares < 1\n"),
        ["5:5: at character 14: `fares` is not a field; did you mean `fare`?"]
    );
    let escaped = "  where: \"fares > 1 \\u0041ND fare > 0\"";
    assert_eq!(
        places(escaped),
        ["4:10: at character 1: `fares` is not a field; did you mean `fare`?"]
    );
}

#[test]
fn aliases_and_merges_are_read() {
    let text = "name: t\nschema:\n  fields:\n    - &id { name: a, type: integer, constraints: { required: true } }\n    - { <<: *id, name: b }\n    - { name: c, missingValues: &no [NO, \"\"] }\n    - { name: d, missingValues: *no }\n";
    let contract = Contract::parse(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    let fields = &contract.schema.fields;
    assert_eq!(
        fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(),
        ["a", "b", "c", "d"]
    );
    assert!(fields[1].constraints.required && fields[1].data_type.name() == "integer");
    assert_eq!(fields[3].missing_values, ["NO", ""]);
}

#[test]
fn a_document_is_bounded() {
    let bomb =
        (1..20).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
            text + &format!(
                "a{level}: &a{level} [{}]\n",
                vec![format!("*a{}", level - 1); 10].join(", ")
            )
        });
    let texts = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 100].join(", "));
    let merges = (0..10).fold(
        "m: &m {".to_owned()
            + &(0..20_000).map(|key| format!("k{key}: 1, ")).collect::<String>()
            + "}\n",
        |text, level| text + &format!("n{level}: {{ <<: [{}] }}\n", vec!["*m"; 20].join(", ")),
    );
    let circle = "a: &a [*a]";
    let deep = "[".repeat(100) + &"]".repeat(100);
    let many = "[".to_owned() + &"a,".repeat(1_000_001) + "]";
    let cases = [
        (bomb, "the document has more than 1000000 values"),
        (texts, "the document's texts have more than"),
        (merges, "`<<` merges more than 1000000 keys"),
        (circle.to_owned(), "the alias names what it stands in"),
        (deep, "lists and objects nest at most 64 deep"),
        (many, "the document has more than 1000000 values"),
    ];
    for (text, expected) in cases {
        let found = faults(&text);
        assert!(
            found.len() == 1 && found[0].message.starts_with(expected),
            "{found:?}, expected {expected}"
        );
    }
    // Faults without number take no time without end.
    let unknown = format!(
        "name: t\nschema: {{ fields: [ {{ name: a }} ], primaryKey: [{}] }}\n",
        "field_b, ".repeat(100_000)
    );
    assert_eq!(faults(&unknown).len(), 100_000);
}

/// A text as it stands in a document: in quotes, or plain where YAML allows it.
fn written() -> impl Strategy<Value = (String, String)> {
    let any_text = prop_oneof![
        "\\PC{0,12}",
        "[ -~\\t\\n\\r\\x00-\\x1f\u{85}\u{a0}\u{2028}\u{feff}]{0,12}",
        any::<String>()
    ];
    prop_oneof![
        any_text.clone().prop_map(|text| (crate::quoted(&text), text)),
        "[ -~é]{1,12}".prop_map(|text: String| (format!("'{}'", text.replace('\'', "''")), text)),
        "[A-Za-z0-9.+_/~-][A-Za-z0-9.+_/~=-]{0,10}"
            .prop_filter("a dash begins an item", |text| !text.starts_with('-') || text.len() > 1)
            .prop_map(|text: String| (text.clone(), text)),
        prop::sample::select(vec![
            "NO",
            "null",
            "~",
            "1e3",
            "0x1F",
            "007",
            "-999.00",
            "true",
            "2024-01-01",
            "12:30:00",
            "y",
            ".nan",
            "=",
            "<<"
        ])
        .prop_map(|text| (text.to_owned(), text.to_owned())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_read_back(texts in prop::collection::vec(written(), 1..6), flow: bool) {
        let list: String = match flow {
            true => format!(" [{}]", texts.iter().map(|(written, _)| written.as_str()).collect::<Vec<_>>().join(", ")),
            false => texts.iter().map(|(written, _)| format!("\n      - {written}")).collect(),
        };
        let (name, expected_name) = &texts[0];
        let is_bare = !expected_name.is_empty() && bare(expected_name) == expected_name;
        let document = format!(
            "name: t\nschema:\n  missingValues:{list}\n  fields:\n  - name: {name}\n    constraints:\n      enum:{list}\n"
        );
        let expected: Vec<_> = texts.iter().map(|(_, text)| text.clone()).collect();
        match Contract::parse(&document) {
            Ok(contract) => {
                let field = &contract.schema.fields[0];
                prop_assert_eq!(&field.missing_values, &expected);
                prop_assert_eq!(allowed(&field.constraints), expected.clone());
                prop_assert_eq!(&field.name, expected_name);
            }
            Err(faults) => {
                let told = if bare(expected_name).is_empty() { "is empty" } else { "has spaces around it" };
                let is_of_name = faults.len() == 1 && faults[0].path == "schema.fields[0].name";
                prop_assert!(is_of_name && !is_bare && faults[0].message.starts_with(told), "{:?} in {}", faults, document);
            }
        }
        // The same in JSON, where texts stand in quotes.
        let json = serde_json::json!({
            "name": "t",
            "schema": { "missingValues": expected, "fields": [{ "name": expected_name, "constraints": { "enum": expected } }] },
        });
        if let Ok(contract) = Contract::parse(&json.to_string()) {
            prop_assert_eq!(&contract.schema.fields[0].missing_values, &expected);
        } else {
            prop_assert!(!is_bare);
        }
    }

    /// What a fault is about stands where it says.
    #[test]
    fn places_agree_with_the_text(texts in prop::collection::vec(written(), 1..6), lines in 0_usize..3, end in prop::sample::select(vec!["\n", "\r\n"]), mark: bool, json: bool) {
        let (wrong_key, wrong_type) = ("wrongKey_", "wrongType_");
        let document = if json {
            let texts: Vec<_> = texts.iter().map(|(_, text)| text).collect();
            let fields = serde_json::json!([{ "name": "a", wrong_key: texts, "type": wrong_type }]);
            format!("{}{{\"name\": \"t\", \"schema\": {{\"missingValues\": {}, \"fields\": {fields}}}}}", end.repeat(lines), serde_json::json!(texts))
        } else {
            let texts = texts.iter().map(|(written, _)| written.as_str()).collect::<Vec<_>>().join(", ");
            format!(
                "{}name: t{end}schema:{end}  missingValues: [{texts}] # ü{end}  fields: [ {{ name: a, description: [{texts}], {wrong_key}: 1, type: {wrong_type} }} ]{end}",
                end.repeat(lines)
            )
        };
        let document = if mark { format!("\u{feff}{document}") } else { document };
        let faults = faults(&document);
        prop_assert_eq!(faults.len(), 2, "{:?} in {}", faults, document);
        for (fault, word) in faults.iter().zip([wrong_key, wrong_type]) {
            let text = document.trim_start_matches('\u{feff}').replace("\r\n", "\n");
            let line = text.split(['\n', '\r']).nth(fault.line as usize - 1).unwrap_or_default();
            let there: String = line.chars().skip(fault.column as usize - 1).collect();
            prop_assert!(there.trim_start_matches('"').starts_with(word), "{:?} is not at {:?} in {}", fault, there, document);
        }
    }
}

/// Steps that read no records know the expressions of a contract by their types alone.
#[test]
fn a_settled_contract_stores_the_same_columns() {
    let types = [
        "boolean",
        "tinyint",
        "bigint",
        "double",
        "float",
        "decimal(38, 9)",
        "varchar",
        "date",
        "time",
        "timestamp",
        "timestamptz",
    ];
    let derived = types.iter().enumerate().map(|(index, name)| {
        format!("    - {{ name: d{index}, sql: \"CAST(text AS {name})\" }}\n")
    });
    let derived: String = derived
        .filter(|line| {
            let text = format!(
                "name: t\nschema: {{ fields: [ {{ name: text }} ] }}\ntransform:\n  derive:\n{line}"
            );
            // Not all of these are types of expressions.
            Contract::parse(&text).is_ok()
        })
        .collect();
    assert!(derived.lines().count() >= 7, "{derived}");
    let text = format!(
        "name: t\nschema: {{ fields: [ {{ name: text }} ] }}\ntransform:\n  where: text <> ''\n  derive:\n{derived}  \
         mask: [ {{ field: d0, with: redact }} ]\n"
    );
    let parsed = Contract::parse(&text).expect("it is valid");
    let types = parsed.expression_types();
    let settled = Contract::parse_settled(&text, &types).expect("it is valid");
    assert!(parsed.stored().eq(settled.stored()));
    assert_eq!(settled.expression_types(), types);
    for (known, fault) in [(&types[..2], "d1"), (&[][..], "where")] {
        let faults = Contract::parse_settled(&text, known).expect_err(fault);
        assert!(faults.iter().any(|it| it.message.contains("whose types are known")), "{faults:?}");
    }
}
