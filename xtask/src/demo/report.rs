//! Shows what came of a job, as the API tells it.

use chrono::DateTime;
use serde_json::Value;
use xtask::Result;
use xtask::local::Api;

use super::{Landing, text};

/// Files of a job that are shown.
const FILES: usize = 3;
/// Characters that are shown of either end of a file's name.
const NAME_ENDS: usize = 12;
/// Faults of a job that are shown.
const FAULTS: usize = 12;

/// Shows a job, and answers whether it ended as it should.
pub(crate) fn report(api: &Api, landing: &Landing) -> Result<bool> {
    let path = format!("/jobs/{}", landing.job);
    let job = api.get(&path)?.ok()?;
    let execution = api.get(&format!("{path}/execution"))?.ok()?;
    let took = seconds(&execution["execution"], "started", "stopped");
    println!("\n{} {}: {} in {took:.1} s", landing.dataset, landing.title, text(&job, "status")?);
    if let Some(failure) = job.get("failure") {
        println!(
            "  failure   {}: {}",
            failure["error"].as_str().unwrap_or_default(),
            failure["cause"].as_str().unwrap_or_default()
        );
    }
    let count = |name: &str| job["counts"][name].as_u64().unwrap_or_default();
    let [read, stored, rejected, filtered] = ["read", "stored", "rejected", "filtered"].map(count);
    let [a, b, c, d] = [read, stored, rejected, filtered].map(grouped);
    println!("  rows      {a} read = {b} stored + {c} rejected + {d} filtered");
    show_files(api, &path)?;
    if rejected > 0 {
        show_faults(api, &path)?;
    }
    show_states(&execution);
    println!(
        "  look      {}  and there /execution /shards /outputs /rejects /errors",
        api.url(&path)
    );
    let expected = (
        job["status"] == "SUCCEEDED",
        landing.read,
        landing.read - landing.rejected,
        landing.rejected,
        0,
    );
    Ok((true, read, stored, rejected, filtered) == expected)
}

fn show_files(api: &Api, path: &str) -> Result<()> {
    let answer = api.get(&format!("{path}/outputs?limit={FILES}"))?;
    if answer.status == 404 {
        println!("  files     none");
        return Ok(());
    }
    let outputs = answer.ok()?;
    let number = |value: &Value| grouped(value.as_u64().unwrap_or_default());
    println!(
        "  files     {}, {} bytes, commit {}",
        number(&outputs["files"]),
        number(&outputs["bytes"]),
        number(&outputs["sequence"])
    );
    let files = outputs["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    for file in files {
        println!(
            "            {:>8} rows {:>9} bytes  {}",
            number(&file["rows"]),
            number(&file["bytes"]),
            shortened(file["key"].as_str().unwrap_or_default())
        );
    }
    let more = outputs["files"].as_u64().unwrap_or_default() - files.len() as u64;
    if more > 0 {
        println!("            and {more} more");
    }
    Ok(())
}

fn show_faults(api: &Api, path: &str) -> Result<()> {
    let errors = api.get(&format!("{path}/errors?limit={FAULTS}"))?.ok()?;
    for (at, fault) in errors["items"].as_array().into_iter().flatten().enumerate() {
        let label = if at == 0 { "rejects" } else { "" };
        let place = match (fault["column"].as_u64(), fault["field"].as_str()) {
            (Some(column), Some(field)) => format!("column {column} {field}"),
            (Some(column), None) => format!("column {column}"),
            _ => "record".to_owned(),
        };
        let message = fault["message"].as_str().unwrap_or_default();
        let (line, error) = (
            fault["line"].as_u64().unwrap_or_default(),
            fault["error"].as_str().unwrap_or_default(),
        );
        println!("  {label:<9} line {line:<5} {place:<20} {error:<17} {message}");
    }
    Ok(())
}

/// Every state with its time; those that take none are left out.
fn show_states(execution: &Value) {
    let states = execution["states"].as_array().into_iter().flatten();
    let timed = states
        .filter(|state| ["Task", "Map"].iter().any(|kind| state["type"] == *kind))
        .map(|state| {
            let mut map_runs = execution["mapRuns"].as_array().into_iter().flatten();
            let map_run = map_runs.find(|run| run["state"] == state["name"]);
            let shards = map_run
                .and_then(|run| run["counts"]["total"].as_u64())
                .map(|total| format!(" ({total} shards)"))
                .unwrap_or_default();
            let again =
                state["attempts"].as_array().map_or(0, |attempts| attempts.len().saturating_sub(1));
            let again = if again > 0 { format!(" ({again} again)") } else { String::new() };
            format!(
                "{}{shards}{again} {:.1} s",
                state["name"].as_str().unwrap_or_default(),
                seconds(state, "entered", "exited")
            )
        });
    println!("  states    {}", timed.collect::<Vec<_>>().join(" · "));
}

/// The seconds between two times of an answer; 0 when one is missing.
fn seconds(answer: &Value, from: &str, to: &str) -> f64 {
    let time = |field: &str| DateTime::parse_from_rfc3339(answer[field].as_str()?).ok();
    match (time(from), time(to)) {
        (Some(from), Some(to)) => (to - from).as_seconds_f64(),
        _ => 0.0,
    }
}

/// A key without the middle of its file name, which is long to be unique.
fn shortened(key: &str) -> String {
    let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
    match (name.get(..NAME_ENDS), name.len().checked_sub(NAME_ENDS).and_then(|end| name.get(end..)))
    {
        (Some(start), Some(end)) if name.len() > 2 * NAME_ENDS => format!("{folder}/{start}…{end}"),
        _ => key.to_owned(),
    }
}

/// `336776` as `336,776`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (336_776, "336,776"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn long_names_are_cut_in_the_middle() {
        let key =
            "lake/flights/month=1/job-73d84bfc-079d-4365-b0d1-e76f3546955f-000000-000.parquet";
        assert_eq!(shortened(key), "lake/flights/month=1/job-73d84bfc…-000.parquet");
        assert_eq!(shortened("lake/a.parquet"), "lake/a.parquet");
    }

    #[test]
    fn a_missing_time_is_no_time() {
        let state = serde_json::json!({ "entered": "2026-01-31T12:00:00.000Z", "exited": "2026-01-31T12:00:01.500Z" });
        assert_eq!(
            (seconds(&state, "entered", "exited"), seconds(&state, "entered", "left")),
            (1.5, 0.0)
        );
    }
}
