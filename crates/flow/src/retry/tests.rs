use serde_json::{Value, json};

use super::*;
use crate::outside::Fixed;

fn retriers(retry: Value) -> Result<Vec<Retrier>, Refusal> {
    let state = json!({ "Retry": retry });
    Retrier::read_all(&mut Fields::of("S", "", &state)?)
}

fn failure(error: &str) -> Failure {
    Failure { error: error.to_owned(), cause: String::new() }
}

/// The seconds before each further attempt, as long as the state fails with these errors.
fn pauses(retry: Value, chance: f64, errors: &[&str]) -> Vec<Option<f64>> {
    let retriers = retriers(retry).expect("they are retriers");
    let mut tries = Tries::new(&retriers);
    let pause = |error: &&str| {
        tries.pause(&failure(error), &Fixed(chance)).map(|pause| pause.as_secs_f64())
    };
    errors.iter().map(pause).collect()
}

#[test]
fn pauses_grow_to_the_longest_and_end_with_the_attempts() {
    let retry = json!([{ "ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 2.5,
        "MaxDelaySeconds": 10, "MaxAttempts": 4 }]);
    let expected = [Some(2.0), Some(5.0), Some(10.0), Some(10.0), None];
    assert_eq!(pauses(retry, 0.5, &["E"; 5]), expected);
}

#[test]
fn nothing_said_is_three_retries_after_one_two_and_four_seconds() {
    let retry = json!([{ "ErrorEquals": ["E"] }]);
    assert_eq!(pauses(retry, 0.5, &["E"; 4]), [Some(1.0), Some(2.0), Some(4.0), None]);
}

#[test]
fn full_jitter_waits_a_share_of_the_pause() {
    let retry = json!([{ "ErrorEquals": ["E"], "IntervalSeconds": 8, "JitterStrategy": "FULL" }]);
    assert_eq!(pauses(retry.clone(), 0.25, &["E"; 2]), [Some(2.0), Some(4.0)]);
    assert_eq!(pauses(retry, 0.0, &["E"]), [Some(0.0)]);
}

#[test]
fn each_retrier_counts_its_own_attempts() {
    let retry = json!([{ "ErrorEquals": ["A"], "MaxAttempts": 1 }, { "ErrorEquals": ["B"], "MaxAttempts": 2 }]);
    let expected = [Some(1.0), Some(1.0), Some(2.0), None, None];
    assert_eq!(pauses(retry, 0.5, &["A", "B", "B", "A", "B"]), expected);
}

#[test]
fn the_first_retrier_that_fits_decides_even_when_it_is_used_up() {
    let retry =
        json!([{ "ErrorEquals": ["A"], "MaxAttempts": 0 }, { "ErrorEquals": ["States.ALL"] }]);
    assert_eq!(pauses(retry, 0.5, &["A", "B"]), [None, Some(1.0)]);
}

#[test]
fn wildcards_leave_out_what_the_specification_says() {
    let matched = |name: &str, error: &str| Errors(vec![name.to_owned()]).match_error(error);
    assert!(matched("States.ALL", "E") && matched("States.ALL", "States.Timeout"));
    assert!(!matched("States.ALL", "States.Runtime"));
    assert!(!matched("States.ALL", "States.DataLimitExceeded"));
    assert!(matched("States.TaskFailed", "E") && !matched("States.TaskFailed", "States.Timeout"));
    assert!(matched("States.Timeout", "States.Timeout") && !matched("E", "F"));
    assert!(!matched("States.Runtime", "States.Runtime"), "nothing mends it");
}

#[test]
fn a_retrier_that_makes_no_sense_is_refused_with_its_place() {
    for (entry, field) in [
        (json!({ "ErrorEquals": [] }), "Retry[0].ErrorEquals"),
        (json!({ "ErrorEquals": ["States.ALL", "E"] }), "Retry[0].ErrorEquals"),
        (json!({ "ErrorEquals": ["E"], "IntervalSeconds": 0 }), "Retry[0].IntervalSeconds"),
        (json!({ "ErrorEquals": ["E"], "BackoffRate": 0.5 }), "Retry[0].BackoffRate"),
        (json!({ "ErrorEquals": ["E"], "MaxDelaySeconds": 1 }), "Retry[0].MaxDelaySeconds"),
        (json!({ "ErrorEquals": ["E"], "JitterStrategy": "HALF" }), "Retry[0].JitterStrategy"),
        (json!({ "ErrorEquals": ["E"], "Max": 1 }), "Retry[0].Max"),
    ] {
        let refusal = retriers(json!([entry])).unwrap_err();
        assert_eq!((refusal.state.as_str(), refusal.field.as_str()), ("S", field));
    }
    let not_last = json!([{ "ErrorEquals": ["States.ALL"] }, { "ErrorEquals": ["E"] }]);
    assert_eq!(retriers(not_last).unwrap_err().field, "Retry[0].ErrorEquals");
}
