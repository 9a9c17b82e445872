//! Waits for jobs, and shows how far they are.

use std::io::IsTerminal;
use std::thread::sleep;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use xtask::Result;
use xtask::local::Api;

use super::{Landing, text};

/// How often the API is asked.
const POLL: Duration = Duration::from_millis(150);
/// How long anything may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(300);

/// Asks until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        sleep(POLL);
    }
    Err(format!("{what} did not come within {} s", PATIENCE.as_secs()))
}

/// Shows the state of each job while it changes: in place on a terminal, as lines elsewhere.
pub(crate) fn until_ended(api: &Api, landings: &[Landing]) -> Result<()> {
    println!();
    let on_terminal = std::io::stderr().is_terminal();
    let bars = MultiProgress::new();
    let style = ProgressStyle::with_template("  {spinner} {prefix} {msg}")
        .map_err(|error| error.to_string())?;
    let mut open: Vec<(&Landing, ProgressBar, String)> = landings
        .iter()
        .map(|landing| {
            (
                landing,
                bars.add(
                    ProgressBar::new_spinner()
                        .with_style(style.clone())
                        .with_prefix(landing.label()),
                ),
                String::new(),
            )
        })
        .collect();
    until("the end of the jobs", || {
        for (landing, bar, shown) in &mut open {
            let now = describe(api, &landing.job)?;
            bar.tick();
            if now != *shown {
                match on_terminal {
                    true => bar.set_message(now.clone()),
                    false => println!("  {} {now}", landing.label()),
                }
                *shown = now;
            }
        }
        open.retain(|(_, _, shown)| !is_end(shown));
        Ok(open.is_empty().then_some(()))
    })?;
    bars.clear().map_err(|error| error.to_string())
}

/// `RUNNING TransformAll 3/5`
fn describe(api: &Api, job: &str) -> Result<String> {
    let status = text(&api.get(&format!("/jobs/{job}"))?.ok()?, "status")?;
    if is_end(&status) {
        return Ok(status);
    }
    let execution = match api.get(&format!("/jobs/{job}/execution"))?.ok() {
        Ok(execution) => execution,
        Err(_) => return Ok(status), // Admitted, and not started yet.
    };
    let state = execution["states"]
        .as_array()
        .and_then(|states| states.last()?["name"].as_str())
        .unwrap_or_default();
    let shards = &execution["mapRuns"][0]["counts"];
    let shards = match (
        state.starts_with("Transform"),
        shards["succeeded"].as_u64(),
        shards["total"].as_u64(),
    ) {
        (true, Some(done), Some(total)) => format!(" {done}/{total} shards"),
        _ => String::new(),
    };
    Ok(format!("{status} {state}{shards}").trim_end().to_owned())
}

fn is_end(shown: &str) -> bool {
    ["SUCCEEDED", "FAILED", "CANCELLED", "DUPLICATE", "SUPERSEDED"].contains(&shown)
}
