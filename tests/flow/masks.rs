//! Checks masks: masked values leave nowhere, neither with stored rows nor with rejects and
//! messages.

use contract::Contract;
use contract::rejects::ErrorEntry;
use job::{Error, ErrorKind};
use proptest::prelude::*;
use steps::Salt;

use super::bench::{Bench, Landed};

const SALT: &str = "a salt for the tests";

const CONTRACT: &str = r#"
name: people
rejects: { limit: 100% }
dialect: { delimiter: ",", quoteChar: '"', doubleQuote: true, header: true }
schema:
  missingValues: ["", "NA"]
  fields:
    - { name: id, type: integer, constraints: { required: true, minimum: 1 } }
    - { name: email, type: string, constraints: { pattern: ".*@.*", required: true } }
    - { name: card, type: string, constraints: { maxLength: 24 } }
    - { name: pin, type: integer, constraints: { maximum: 900000000 } }
    - { name: note, type: string }
  uniqueKeys: [[email, id]]
transform:
  where: id <> 13 AND CASE WHEN note = 'cast' THEN card::int > 0 ELSE true END
  derive:
    - { name: expected, sql: "sha256('a salt for the tests' || email)" }
    - { name: even, sql: "CASE WHEN note = 'even' THEN (email || pin)::int ELSE 0 END" }
    - { name: later, sql: "even + length(card)" }
    - { name: domain, sql: "split_part(email, '@', 2)" }
  mask:
    - { field: email, with: sha256 }
    - { field: card, with: last4 }
    - { field: pin, with: redact }
    - { field: domain, with: redact }
  drop: [even]
output: { compression: none, lineage: true }
"#;

async fn bench(contract: &str) -> Bench {
    let mut bench = Bench::new(contract).await;
    bench.context.salt = Ok(Some(Salt::parse(SALT).unwrap()));
    bench
}

async fn land(source: &str) -> Landed {
    bench(CONTRACT).await.land("job", source.as_bytes(), u64::MAX).await.unwrap()
}

fn entries(landed: &Landed) -> Vec<ErrorEntry> {
    landed.errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_is_stored_is_masked() {
    let landed =
        land("id,email,card,pin,note\n1,ann@example.org,4111 1111 1111 1234,123,x\n2,bob@example.org,1234567,,\n3,ann@example.org,,456,\n")
            .await;
    assert_eq!(landed.counts.stored, 3, "{}", landed.errors);
    let cells: Vec<Vec<&str>> =
        landed.rows.iter().map(|row| row.split('|').skip(1).collect()).collect();
    // id, email, card, pin, note, expected, later, domain, lineage
    for row in &cells {
        assert_eq!(
            (row[1].len(), row[1]),
            (64, row[5]),
            "the hash is that of the salt and the value"
        );
    }
    assert_eq!(cells[0][1], cells[2][1]);
    assert_ne!(cells[0][1], cells[1][1]);
    assert_eq!(cells[0][2..5], ["****1234", "redacted", "x"]);
    assert_eq!(cells[1][2..4], ["****", "∅"]);
    assert_eq!((cells[0][6], cells[0][7]), ("19", "redacted"));
}

#[tokio::test]
async fn refused_records_are_masked_and_the_others_are_byte_for_byte() {
    let landed = land(
        "id,email,card,pin,note\n\
        0,\"ann@example.org\",4111111111111234,NA,\"a, \"\"b\"\"\"\n\
        2,nobody,\"4111\"\"111111111234\",secret,y\r\n\
        3,ann@example.org,x,1,2,extra\n\
        4,ann@example.org,st\"ray,1,\n\
        5,ann@example.org,4111111111111234,95,cast\n\
        6,ann@example.org,,7,even\n\
        7,twice@example.org,,7,\n7,twice@example.org,,7,\n",
    )
    .await;
    let (lines, hashes): (Vec<String>, Vec<String>) = landed
        .rejects
        .split_inclusive('\n')
        .map(|line| match line.split_once("masked:").filter(|(before, _)| before.len() < 4) {
            Some((before, rest)) if rest.as_bytes()[8] != b',' => {
                (format!("{before}#{}", &rest[64..]), rest[..64].to_owned())
            }
            _ => (line.to_owned(), String::new()),
        })
        .unzip();
    let expected = [
        "id,email,card,pin,note\n",
        "0,\"#\",masked:1234,masked:redacted,\"a, \"\"b\"\"\"\n",
        "2,#,masked:1234,masked:redacted,y\r\n",
        // Any cell of those may hold anything.
        "masked:redacted,masked:redacted,masked:redacted,masked:redacted,masked:redacted,masked:redacted\n",
        "masked:redacted,masked:redacted,masked:redacted,masked:redacted,masked:redacted\n",
        "5,#,masked:1234,masked:redacted,cast\n",
        "6,#,,masked:redacted,even\n",
        "7,#,,masked:redacted,\n",
    ];
    assert_eq!(lines, expected);
    assert!(
        hashes[1].bytes().all(|byte| byte.is_ascii_hexdigit())
            && hashes[1] == hashes[5]
            && hashes[1] != hashes[2]
    );
    let told: Vec<String> = entries(&landed)
        .into_iter()
        .map(|ErrorEntry { record, field, value, message, .. }| {
            let value =
                value.map(|value| value.replace(&hashes[2], "#2").replace(&hashes[7], "#7"));
            format!(
                "{record} {} {} {message}",
                field.unwrap_or_default(),
                value.unwrap_or_default()
            )
            .replace(&hashes[7], "#7")
        })
        .collect();
    let expected = [
        "1 id 0 `0` is less than the minimum 1",
        "2 email #2 the value of `email`, which is masked, breaks the constraint `pattern`",
        "2 pin redacted the value of `pin`, which is masked, is no int64",
        "3   there is a cell too many in column 6: the record has 6 of 5",
        "4 card  a quote stands where none may: inside an unquoted field, or closing a field that goes on",
        "5   `where` has no answer, because of a value that is masked",
        "6 even  `even` has no value, because of one that is masked",
        "8  #7, 7 `email`, `id` are unique together, and `#7, 7` is taken by record 7",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn masked_rejects_are_not_taken_for_values() {
    let landed = land("id,email,card,pin,note\n0,ann@example.org,4111111111111234,1,\n").await;
    let again = land(&landed.rejects.replace("\n0,", "\n1,")).await;
    let rules: Vec<_> = entries(&again)
        .into_iter()
        .map(|entry| (entry.field.unwrap_or_default(), entry.rule))
        .collect();
    let mask = |field: &str| (field.to_owned(), Some("mask".to_owned()));
    assert!(rules.contains(&mask("email")) && rules.contains(&mask("card")), "{rules:?}");
    assert_eq!((again.counts.stored, again.counts.rejected), (0, 1));
}

#[tokio::test]
async fn records_of_other_encodings_and_dialects_are_masked_as_they_are_written() {
    let contract = CONTRACT
        .replace("delimiter: \",\"", "delimiter: \":\"")
        .replace("name: people", "name: people\nencoding: utf-16le");
    let text = "id:email:card:pin:note\n0:ann@example.org:4111111111111234:1:\u{e9}\n";
    let source: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bench = bench(&contract).await;
    let submission = bench.submit("job", &source, u64::MAX, false).await;
    let stored = bench.run(submission).await.unwrap();
    let bytes =
        bench.work().read(&bench.context.keys(&stored.job).rejects(0), u64::MAX).await.unwrap();
    let units: Vec<u16> =
        bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let rejects = String::from_utf16(&units).unwrap();
    let record = rejects.lines().nth(1).unwrap();
    let cells: Vec<&str> = record.split(':').collect();
    assert_eq!(
        (cells.len(), cells[0], cells[2], cells[3], cells[4]),
        (5, "0", "masked=1234", "masked=redacted", "\u{e9}")
    );
    assert!(cells[1].starts_with("masked=") && cells[1].len() == "masked=".len() + 64);
}

#[tokio::test]
async fn a_contract_that_hashes_wants_a_salt() {
    let bench = Bench::new(CONTRACT).await;
    let submission = bench.submit("job", b"id,email,card,pin,note\n", u64::MAX, false).await;
    let error = steps::ingest(&bench.context, submission).await.unwrap_err();
    assert!(
        matches!(&error, Error { kind: ErrorKind::ContractInvalid, message: text, .. } if text.contains("`email`") && text.contains("MaskSalt")),
        "{error}"
    );

    // A salt that is configured and can't be had ends what needs it, with the reason.
    let mut bench = Bench::new(CONTRACT).await;
    bench.context.salt = Err(Error::new(ErrorKind::AccessDenied, "secretsmanager:GetSecretValue"));
    let submission = bench.submit("job", b"id,email,card,pin,note\n", u64::MAX, false).await;
    let error = steps::ingest(&bench.context, submission).await.unwrap_err();
    assert_eq!(error, Error::new(ErrorKind::AccessDenied, "secretsmanager:GetSecretValue"));

    assert!(Salt::parse("short").is_err());
    assert!(!format!("{:?}", Salt::parse(SALT).unwrap()).contains("salt for"));
}

#[test]
fn a_contract_tells_what_is_wrong_with_its_masks() {
    let broken = CONTRACT
        .replace("field: card, with: last4", "field: email, with: last4")
        .replace("field: pin, with: redact", "field: pim, with: hide")
        .replace("field: domain, with: redact", "field: id, with: redact");
    let faults: Vec<String> =
        Contract::parse(&broken).unwrap_err().iter().map(ToString::to_string).collect();
    let starts = [
        "transform.mask[1].field: `email` is masked already",
        "transform.mask[1].field: `email` is part of a key, whose values have to be told apart; allowed: sha256",
        "transform.mask[2].with: ",
        "transform.mask[2].field: `pim` is not a field of the schema; did you mean `pin`? allowed: id, email",
        "transform.mask[3].field: `id` is part of a key",
    ];
    assert_eq!(faults.len(), starts.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}, expected {start}");
    }
}

/// All bytes of all that a job has written, but for the source.
async fn written(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for place in [bench.lake(), bench.work()] {
        for object in place.list("", None, 1000).await.unwrap() {
            all.push((
                object.key.clone(),
                place.read(&object.key, u64::MAX).await.unwrap().to_vec(),
            ));
        }
    }
    all
}

/// The records and the secrets of a source, each of which is nowhere else.
fn source(records: &[(u8, u8, u8)]) -> (String, Vec<String>) {
    let (mut source, mut secrets) = ("id,email,card,pin,note\n".to_owned(), Vec::new());
    for (index, (shape, email, other)) in records.iter().enumerate() {
        let [name, card, pin] = [
            format!("hush{index:05}quiet"),
            format!("card{index:05}shown"),
            format!("7{index:07}{}", other % 10),
        ];
        let email_text = match email % 6 {
            0 => name.clone(),
            1 => format!("\"{name}@ex\"\"ample\""),
            2 => format!("\"{name},@\nexample\""),
            3 => format!("{name}@\u{e9}"),
            _ => format!("{name}@example"),
        };
        let card_text = match other % 5 {
            0 => format!("{card} and so much more of it"),
            1 => format!("\"{card}\""),
            _ => card.clone(),
        };
        let pin_text = if other % 7 == 0 {
            format!("9{pin}")
        } else if other % 11 == 0 {
            format!("{pin}x")
        } else {
            pin.clone()
        };
        let note = ["", "cast", "even", "\"a\nb\"", "z"][usize::from(*email) % 5];
        let id = if shape % 3 == 0 { 0 } else { index + 1 };
        source.push_str(&match shape % 8 {
            0 => format!("{id},x,{email_text},{card_text},{pin_text},{note}\n"),
            1 => format!("{email_text},{card_text},{pin_text}\n"),
            2 => format!("{id},{email_text},{card}\"{pin},{pin_text},{note}\n"),
            3 => format!("{id},{email_text},{card_text},{pin_text},{note}\n{id},{email_text},{card_text},{pin_text},{note}\n"),
            _ => format!("{id},{email_text},{card_text},{pin_text},{note}\n"),
        });
        secrets.extend([name, card, pin]);
    }
    (source, secrets)
}

fn found<'a>(written: &'a [(String, Vec<u8>)], secrets: &[String]) -> Vec<&'a str> {
    let holds = |bytes: &[u8], secret: &String| {
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    let keys = written.iter().filter(|(key, bytes)| {
        secrets.iter().any(|secret| key.contains(secret) || holds(bytes, secret))
    });
    keys.map(|(key, _)| key.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_value_of_a_masked_column_leaves(records in proptest::collection::vec(any::<(u8, u8, u8)>(), 1..24), shard_bytes in 40_u64..4000) {
        let (source, secrets) = source(&records);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = bench(CONTRACT).await;
            let landed = bench.land("job", source.as_bytes(), shard_bytes).await.unwrap();
            let written = written(&bench).await;
            assert_eq!(found(&written, &secrets), Vec::<&str>::new(), "{source}\n{}\n{}", landed.rejects, landed.errors);
        });
    }
}

#[tokio::test]
async fn without_masks_the_values_are_found() {
    let (source, secrets) = source(&(0..40).map(|n| (n, n / 2, n / 3)).collect::<Vec<_>>());
    let (before, rest) = CONTRACT.split_once("  mask:").unwrap();
    let contract = format!("{before}{}", &rest[rest.find("  drop:").unwrap()..]);
    let bench = bench(&contract).await;
    bench.land("job", source.as_bytes(), 500).await.unwrap();
    let written = written(&bench).await;
    let keys = found(&written, &secrets);
    for part in [".parquet", "rejects.csv", "errors.jsonl", "profile.json"] {
        assert!(keys.iter().any(|key| key.contains(part)), "{part}: {keys:?}");
    }
}
