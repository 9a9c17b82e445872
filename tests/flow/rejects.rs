//! How many records may be refused.

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

/// Of every source of few records: it lands unless more are refused than may be, or unless some are refused
/// and nothing is left to store, which only a limit of 100% allows.
#[tokio::test]
async fn a_job_fails_when_too_many_are_refused_or_nothing_is_left_to_store() {
    for (limit, is_exceeded) in LIMITS {
        let bench = Bench::new(&contract(limit)).await;
        for (stored, rejected, filtered) in (0..27_u64).map(|n| (n % 3, n / 3 % 3, n / 9)) {
            let lines = |count: u64, line: &str| line.repeat(count as usize);
            let source = format!("id\n{}{}{}", lines(stored, "1\n"), lines(rejected, "x\n"), lines(filtered, "-1\n"));
            let read = stored + rejected + filtered;
            let is_nothing_left = stored == 0 && rejected > 0 && limit != Some("100%");
            let case = format!("{limit:?}: {stored} stored, {rejected} rejected, {filtered} filtered");
            let job = format!("job-{stored}-{rejected}-{filtered}");
            match bench.land(&job, source.as_bytes(), 8).await {
                Ok(landed) => {
                    assert!(!is_nothing_left && !is_exceeded(rejected, read), "{case}");
                    let counts = (landed.counts.stored, landed.counts.rejected, landed.counts.filtered);
                    assert_eq!(counts, (stored, rejected, filtered), "{case}");
                }
                Err(failure) => {
                    assert!(is_nothing_left || is_exceeded(rejected, read), "{case}: {}", failure.cause);
                    assert_eq!(failure.error, "RejectLimitExceeded", "{case}");
                    let told = match is_exceeded(rejected, read) {
                        true => format!("more than the limit of {}", limit.unwrap()),
                        false => "so that none is left to store; a contract with `rejects: { limit: 100% }`".to_owned(),
                    };
                    assert!(failure.cause.contains(&told), "{case}: {}", failure.cause);
                    assert!(failure.cause.starts_with(&format!("{rejected} of {read} records were refused")));
                }
            }
        }
    }
}
