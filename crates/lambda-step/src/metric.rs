//! Writes the metric line of an invocation, in CloudWatch's embedded metric format.

use std::time::Duration;

use serde_json::json;

/// The namespace of all metrics.
const NAMESPACE: &str = "Landfall";

/// One line that CloudWatch turns into the metrics `Duration` (milliseconds) and `Failures` (0 or
/// 1) of a step; job and error are there for queries.
///
/// `now` is in milliseconds since 1970.
pub fn metric(step: &str, job: &str, took: Duration, failure: Option<&str>, now: u64) -> String {
    let mut line = json!({
        "_aws": {
            "Timestamp": now,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Step"]],
                "Metrics": [{"Name": "Duration", "Unit": "Milliseconds"}, {"Name": "Failures", "Unit": "Count"}],
            }],
        },
        "Step": step,
        "Duration": (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0,
        "Failures": u8::from(failure.is_some()),
    });
    if !job.is_empty() {
        line["Job"] = job.into();
    }
    if let Some(error) = failure {
        line["Error"] = error.into();
    }
    line.to_string()
}

/// One line that CloudWatch turns into a count. `now` is in milliseconds since 1970.
pub fn count(name: &str, count: usize, now: u64) -> String {
    let metric = json!({"Name": name, "Unit": "Count"});
    let declared = json!({"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": [metric]});
    let about = json!({"Timestamp": now, "CloudWatchMetrics": [declared]});
    json!({"_aws": about, name: count}).to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_count_is_a_metric_without_dimensions() {
        let line: Value = serde_json::from_str(&count("LateDatasets", 2, 7)).unwrap();
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&line["LateDatasets"], &line["_aws"]["Timestamp"]), (&json!(2), &json!(7)));
        assert_eq!(declared["Metrics"][0]["Name"], "LateDatasets");
    }

    #[test]
    fn the_line_is_what_cloudwatch_reads() {
        let line = metric(
            "store",
            "j-1",
            Duration::from_micros(12_345),
            Some("StoreUnavailable"),
            1_769_860_800_000,
        );
        let line: Value = serde_json::from_str(&line).unwrap();
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_769_860_800_000_u64);
        assert_eq!(declared["Namespace"], "Landfall");
        for dimension in declared["Dimensions"][0].as_array().unwrap() {
            assert!(
                line[dimension.as_str().unwrap()].is_string(),
                "a dimension is a member of the line"
            );
        }
        for metric in declared["Metrics"].as_array().unwrap() {
            assert!(
                line[metric["Name"].as_str().unwrap()].is_number(),
                "a metric is a member of the line"
            );
        }
        assert_eq!((&line["Duration"], &line["Failures"]), (&12.345.into(), &1.into()));
        assert_eq!((&line["Job"], &line["Error"]), (&"j-1".into(), &"StoreUnavailable".into()));
    }

    #[test]
    fn a_success_counts_as_no_failure() {
        let line: Value =
            serde_json::from_str(&metric("api", "", Duration::ZERO, None, 0)).unwrap();
        assert_eq!(
            (&line["Failures"], line.get("Error"), line.get("Job")),
            (&0.into(), None, None)
        );
    }
}
