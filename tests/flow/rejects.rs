//! Checks the limit of rejects.

use super::bench::Bench;

/// A contract of numbers that filters what is not positive, with a limit of rejects or without.
fn contract(limit: Option<&str>) -> String {
    let limit = limit.map_or(String::new(), |limit| format!("rejects: {{ limit: {limit} }}\n"));
    format!(
        r#"
name: things
dialect: {{ delimiter: ",", header: true }}
schema: {{ fields: [ {{ name: id, type: integer }} ] }}
transform: {{ where: id > 0 }}
{limit}"#
    )
}

/// Whether so many rejects, of so many records, are too many.
type IsExceeded = fn(u64, u64) -> bool;

const LIMITS: [(Option<&str>, IsExceeded); 6] = [
    (None, |_, _| false),
    (Some("0"), |rejected, _| rejected > 0),
    (Some("2"), |rejected, _| rejected > 2),
    (Some("50%"), |rejected, read| rejected * 2 > read),
    (Some("99.9%"), |rejected, read| rejected * 1000 > read * 999),
    (Some("100%"), |_, _| false),
];

/// Of every source of few records: it lands unless more are refused than may be, or unless some are
/// refused and nothing is left to store, which only a limit of 100% allows.
#[tokio::test]
async fn a_job_fails_when_too_many_are_refused_or_nothing_is_left_to_store() {
    for (limit, is_exceeded) in LIMITS {
        let bench = Bench::new(&contract(limit)).await;
        for (stored, rejected, filtered) in (0..27_u64).map(|n| (n % 3, n / 3 % 3, n / 9)) {
            let lines = |count: u64, line: &str| line.repeat(count as usize);
            let source = format!(
                "id\n{}{}{}",
                lines(stored, "1\n"),
                lines(rejected, "x\n"),
                lines(filtered, "-1\n")
            );
            let read = stored + rejected + filtered;
            let is_nothing_left = stored == 0 && rejected > 0 && limit != Some("100%");
            let case =
                format!("{limit:?}: {stored} stored, {rejected} rejected, {filtered} filtered");
            let job = format!("job-{stored}-{rejected}-{filtered}");
            match bench.land(&job, source.as_bytes(), 8).await {
                Ok(landed) => {
                    assert!(!is_nothing_left && !is_exceeded(rejected, read), "{case}");
                    let counts =
                        (landed.counts.stored, landed.counts.rejected, landed.counts.filtered);
                    assert_eq!(counts, (stored, rejected, filtered), "{case}");
                }
                Err(failure) => {
                    assert!(
                        is_nothing_left || is_exceeded(rejected, read),
                        "{case}: {}",
                        failure.cause
                    );
                    assert_eq!(failure.error, "RejectLimitExceeded", "{case}");
                    let told = match is_exceeded(rejected, read) {
                        true => format!("more than the limit of {}", limit.unwrap()),
                        false => "so that none is left to store; a contract with `rejects: { limit: 100% }`".to_owned(),
                    };
                    assert!(failure.cause.contains(&told), "{case}: {}", failure.cause);
                    assert!(
                        failure
                            .cause
                            .starts_with(&format!("{rejected} of {read} records were rejected"))
                    );
                }
            }
        }
    }
}

/// A quote that is opened and never closed, in a source of so many lines after it.
fn left_open(lines_after: u64) -> String {
    let after: String = (0..lines_after).map(|n| format!("{n},text\n")).collect();
    format!("id,note\n1,a\n2,b\n3,c\n4,\"open\n{after}")
}

/// One record, and all the lines that it swallowed: that is what the limit goes by, in shards of
/// any size.
#[tokio::test]
async fn a_record_counts_as_the_lines_that_it_spans() {
    let contract = |limit: &str| {
        let fields = "{ name: id, type: integer }, { name: note }";
        let dialect = "{ delimiter: \",\", header: true }";
        format!(
            "name: things\ndialect: {dialect}\nschema: {{ fields: [ {fields} ] }}\nrejects: {{ limit: {limit} }}\n"
        )
    };
    let source = left_open(96);
    for (limit, is_over) in [("96", true), ("97", false), ("96%", true), ("98%", false)] {
        for shard_bytes in [7, 100, 1 << 20] {
            let bench = Bench::new(&contract(limit)).await;
            let case = format!("limit {limit}, shards of {shard_bytes}");
            match bench.land("job", source.as_bytes(), shard_bytes).await {
                Ok(landed) => {
                    assert!(!is_over, "{case}");
                    assert_eq!(
                        (landed.counts.read, landed.counts.stored, landed.counts.rejected),
                        (4, 3, 1),
                        "{case}: records are counted"
                    );
                    assert!(
                        landed.errors.contains("the record is lines 5 to 101"),
                        "{case}: {}",
                        landed.errors
                    );
                    assert!(landed.errors.contains("\"lines\":97"), "{case}: {}", landed.errors);
                }
                Err(failure) => {
                    assert!(is_over, "{case}");
                    assert_eq!(failure.error, "RejectLimitExceeded", "{case}");
                    let told = format!(
                        "1 of 4 records were rejected and count as the 97 lines that they span, more than the limit of {limit}"
                    );
                    assert!(failure.cause.starts_with(&told), "{case}: {}", failure.cause);
                }
            }
        }
    }
}

/// Records that span lines as they should are none the worse for it, and thousands have their
/// commas.
#[tokio::test]
async fn only_lines_of_refused_records_count() {
    let contract = "name: things\nschema: { fields: [ { name: id, type: integer }, { name: note } ] }\nrejects: { limit: 40% }\n";
    let source = "id,note\n1,\"two\nlines\"\n2,\"three\nlines\nin it\"\nx,b\n";
    let landed = Bench::new(contract).await.land("job", source.as_bytes(), 1000).await.unwrap();
    assert_eq!((landed.counts.read, landed.counts.rejected), (3, 1));
    let refused = source.replace("\nx,b", "\nx,\"b\nc\"");
    let failure =
        Bench::new(contract).await.land("job", refused.as_bytes(), 1000).await.unwrap_err();
    assert!(
        failure.cause.contains("1 of 3 records were rejected and count as the 2 lines"),
        "{}",
        failure.cause
    );

    let contract =
        "name: things\nschema: { fields: [ { name: id, type: integer }, { name: note } ] }\n";
    let landed = Bench::new(contract)
        .await
        .land("job", left_open(26_036).as_bytes(), 1 << 20)
        .await
        .unwrap();
    assert!(landed.errors.contains("the record is lines 5 to 26,041"), "{}", landed.errors);
}
