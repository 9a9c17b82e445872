//! Runs `landfall watch`: shows jobs of a deployment as they run, from the same messages as the
//! console.

use std::fmt;
use std::io::IsTerminal as _;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use job::Progress;
use job::message::{Counts, Failure};
use serde::Deserialize;
use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, WebSocket};

use crate::exit::{Exit, examples};
use crate::stdout::{is_heard, say};
use crate::{complain, size};

const EXAMPLES: &[&str] = &[
    "landfall watch flights-2f9c --api https://abc123.execute-api.eu-west-1.amazonaws.com",
    "landfall watch --dataset flights --json | jq -c '{job, status, progress}'",
];

/// Show jobs of a deployment as they run.
///
/// A job is shown until its end, and so is how it ended. A dataset, or all jobs, are shown until
/// Ctrl-C.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, "0 it landed · 1 the data was refused · 2 wrong use · 3 the API can't be reached, or the job failed for a reason of its own · 4 the same bytes, or a newer version, are there already · 130 it was cancelled"))]
pub(crate) struct Watch {
    /// The job; without it, all jobs that you may see.
    job: Option<String>,
    /// Show the jobs of this dataset.
    #[arg(long, conflicts_with = "job")]
    dataset: Option<String>,
    /// URL of the API, or a URL that `POST /tickets` answered (`wss://…`), which is good once.
    #[arg(long, value_name = "URL", env = "LANDFALL_API")]
    api: String,
    /// A token for the API; it comes from the environment, where no list of processes shows it.
    #[arg(skip = std::env::var("LANDFALL_TOKEN").ok())]
    token: Option<String>,
    /// Print each snapshot as a line of JSON.
    #[arg(long)]
    json: bool,
}

/// A snapshot of a job, as far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    job: String,
    dataset: String,
    sequence: u64,
    status: String,
    is_over: bool,
    #[serde(default)]
    planned: Option<job::Planned>,
    progress: Progress,
    #[serde(default)]
    bytes_per_second: Option<u64>,
    #[serde(default)]
    seconds_left: Option<u64>,
    #[serde(default)]
    counts: Option<Counts>,
    #[serde(default)]
    failure: Option<Failure>,
    #[serde(default)]
    cost: Option<job::bill::Dollars>,
}

/// Why nothing can be shown any more.
enum Stop {
    /// The caller is at fault.
    Refused(String),
    /// The connection broke; what was to be watched may go on.
    Broken(String),
}

impl Watch {
    pub(crate) fn run(self) -> Exit {
        match self.watch() {
            Ok(exit) => exit,
            Err(Stop::Refused(why)) => {
                complain(why);
                Exit::WrongUse
            }
            Err(Stop::Broken(why)) => {
                complain(why);
                Exit::Infrastructure
            }
        }
    }

    fn watch(&self) -> Result<Exit, Stop> {
        let shown = Shown::new(self.json, self.job.is_some());
        let mut newest = 0;
        loop {
            let mut socket = self.connect()?;
            loop {
                let text = match socket.read() {
                    Ok(Message::Text(text)) => text,
                    Ok(_) => continue,
                    // API Gateway closes every socket sooner or later. A new one shows how things
                    // stand; only a ticket is good once.
                    Err(Error::ConnectionClosed | Error::Io(_) | Error::Protocol(_))
                        if !self.api.starts_with("ws") =>
                    {
                        break;
                    }
                    Err(error) => return Err(Stop::Broken(format!("the socket: {error}"))),
                };
                let message: Value = serde_json::from_str(&text)
                    .map_err(|_| Stop::Broken("the server sent no JSON".to_owned()))?;
                if message["type"] == "answer" && message["status"] != 200 {
                    let detail =
                        message["body"]["detail"].as_str().unwrap_or("it can't be watched");
                    return Err(Stop::Refused(detail.to_owned()));
                }
                if message["type"] != "job" {
                    continue;
                }
                let snapshot: Snapshot = serde_json::from_value(message.clone()).map_err(|_| {
                    Stop::Broken("the server is of another version: update landfall".to_owned())
                })?;
                // Of a single job an older snapshot may come late.
                if self.job.is_some() && snapshot.sequence < newest {
                    continue;
                }
                newest = snapshot.sequence;
                shown.show(&snapshot, &message);
                if !is_heard() {
                    return Ok(Exit::Landed);
                }
                if self.job.is_some() && snapshot.is_over {
                    shown.end();
                    return Ok(exit_of(&snapshot));
                }
            }
        }
    }

    /// Opens a socket, and asks for what is to be shown.
    fn connect(&self) -> Result<WebSocket<MaybeTlsStream<std::net::TcpStream>>, Stop> {
        let url = match self.api.starts_with("ws") {
            true => self.api.clone(),
            false => self.ticket()?,
        };
        let (mut socket, _) = tungstenite::connect(&url).map_err(|error| match error {
            Error::Http(answer) if answer.status() == 403 => {
                Stop::Refused("the ticket was used, or has expired: ask for another one".to_owned())
            }
            // A URL holds a ticket, so it is not shown.
            error => Stop::Broken(format!("the WebSocket API can't be reached: {error}")),
        })?;
        let mut message = json!({"action": "subscribe"});
        if let Some(job) = &self.job {
            message["job"] = json!(job);
        }
        if let Some(dataset) = &self.dataset {
            message["dataset"] = json!(dataset);
        }
        let sent = socket.send(Message::text(message.to_string()));
        sent.map_err(|error| Stop::Broken(format!("the socket: {error}")))?;
        Ok(socket)
    }

    /// A URL that opens a socket once.
    fn ticket(&self) -> Result<String, Stop> {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut request = agent.post(format!("{}/tickets", self.api.trim_end_matches('/')));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let unreachable =
            |error: ureq::Error| Stop::Broken(format!("the API can't be reached: {error}"));
        let mut answer = request.send_empty().map_err(unreachable)?;
        let body = answer.body_mut().read_to_string().map_err(unreachable)?;
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        match (answer.status().as_u16(), body["url"].as_str()) {
            (201, Some(url)) => Ok(url.to_owned()),
            (401 | 403, _) => Err(Stop::Refused(
                "the API lets nobody in without a token: set LANDFALL_TOKEN to one with the scope \
                 `landfall:read`, or give a URL of POST /tickets as --api"
                    .to_owned(),
            )),
            (status, _) => {
                let detail = body["detail"].as_str().map(|detail| format!(": {detail}"));
                let detail = detail.unwrap_or_default();
                Err(Stop::Broken(format!("POST /tickets: the API answered {status}{detail}")))
            }
        }
    }
}

fn exit_of(snapshot: &Snapshot) -> Exit {
    match (&snapshot.failure, snapshot.status.as_str()) {
        (_, "SUCCEEDED") => Exit::Landed,
        (Some(failure), _) => Exit::of_failure(&failure.error),
        (None, _) => Exit::Infrastructure,
    }
}

/// What shows snapshots.
enum Shown {
    Json,
    /// A bar for the only job.
    Bar(ProgressBar),
    /// A line for each snapshot.
    Lines,
}

impl Shown {
    fn new(json: bool, is_one_job: bool) -> Self {
        match (json, is_one_job && std::io::stderr().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => {
                let style = ProgressStyle::with_template("{wide_bar} {msg}");
                let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
                Self::Bar(ProgressBar::new(1).with_style(style))
            }
            (false, false) => Self::Lines,
        }
    }

    fn show(&self, snapshot: &Snapshot, message: &Value) {
        match self {
            Self::Json => say(message),
            Self::Lines => say(snapshot),
            Self::Bar(bar) if snapshot.is_over => {
                bar.finish_and_clear();
                say(snapshot);
            }
            Self::Bar(bar) => {
                bar.set_length(snapshot.planned.map_or(1, |planned| planned.bytes.max(1)));
                bar.set_position(snapshot.progress.bytes);
                bar.set_message(snapshot.to_string());
            }
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// One line: where the job stands, and what there is to say of that.
impl fmt::Display for Snapshot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({}): {}", self.job, self.dataset, self.status.to_lowercase())?;
        if let Some(failure) = &self.failure
            && self.status != "SUCCEEDED"
        {
            return write!(out, ": {}: {}", failure.error, failure.cause);
        }
        if let Some(planned) = self.planned.filter(|_| self.counts.is_none()) {
            let (done, all) = (self.progress.shards, planned.shards);
            write!(
                out,
                ", {} of {}",
                size::count(done.into()),
                size::counted(all.into(), "shard")
            )?;
            let (done, all) = (size::bytes(self.progress.bytes), size::bytes(planned.bytes));
            write!(out, ", {done} of {all}")?;
        }
        let counts = self.counts.unwrap_or(self.progress.counts);
        if counts.read > 0 {
            let (stored, rejected) = (size::count(counts.stored), size::count(counts.rejected));
            write!(out, ", {stored} stored, {rejected} rejected")?;
        }
        if !self.progress.faults.is_empty() {
            let faults = self.progress.faults.iter();
            let told = faults.map(|(fault, records)| format!("{fault} {}", size::count(*records)));
            write!(out, " ({})", told.collect::<Vec<_>>().join(", "))?;
        }
        if let Some(rate) = self.bytes_per_second {
            write!(out, ", {} a second", size::bytes(rate))?;
        }
        if let Some(seconds) = self.seconds_left {
            write!(out, ", {} left", size::counted(seconds, "second"))?;
        }
        match self.cost {
            Some(cost) => write!(out, ", {cost} USD"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(more: Value) -> Snapshot {
        let mut whole = json!({
            "job": "j-1", "dataset": "flights", "sequence": 3, "status": "RUNNING", "isOver": false,
            "progress": {"shards": 0, "bytes": 0, "read": 0, "stored": 0, "rejected": 0, "filtered": 0},
        });
        for (name, value) in more.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).expect("a snapshot")
    }

    #[test]
    fn a_line_says_where_a_job_stands() {
        let progress = json!({
            "shards": 12, "bytes": 800_000_000, "read": 5, "stored": 4, "rejected": 1, "filtered": 0,
            "faults": {"constraint-error": 1, "type-error": 1},
        });
        let planned = json!({"objects": 1, "bytes": 2_000_000_000, "shards": 40});
        let running = snapshot(json!({
            "planned": planned, "progress": progress, "bytesPerSecond": 200_000_000, "secondsLeft": 6,
        }));
        let counts = json!({"read": 20_000, "stored": 19_999, "rejected": 1, "filtered": 0});
        let landed = snapshot(json!({
            "status": "SUCCEEDED", "isOver": true, "planned": planned, "progress": progress,
            "counts": counts,
        }));
        let failed = snapshot(json!({
            "status": "FAILED", "isOver": true,
            "failure": {"error": "SchemaDrift", "cause": "the header lacks `id`"},
        }));
        insta::assert_snapshot!(
            [snapshot(json!({})), running, landed, failed].map(|it| it.to_string()).join("\n"),
            @"
        j-1 (flights): running
        j-1 (flights): running, 12 of 40 shards, 800.0 MB of 2.0 GB, 4 stored, 1 rejected (constraint-error 1, type-error 1), 200.0 MB a second, 6 seconds left
        j-1 (flights): succeeded, 19,999 stored, 1 rejected (constraint-error 1, type-error 1)
        j-1 (flights): failed: SchemaDrift: the header lacks `id`
        "
        );
    }

    #[test]
    fn the_exit_code_is_that_of_landing_it_here() {
        let ended = |status: &str, failure: Option<&str>| {
            let failure = failure.map(|error| json!({"error": error, "cause": ""}));
            exit_of(&snapshot(json!({"status": status, "failure": failure})))
        };
        assert_eq!(ended("SUCCEEDED", None), Exit::Landed);
        assert_eq!(ended("FAILED", Some("SchemaDrift")), Exit::Refused);
        assert_eq!(ended("DUPLICATE", Some("AlreadyLanded")), Exit::Duplicate);
        assert_eq!(ended("CANCELLED", Some("Cancelled")), Exit::Interrupted);
        assert_eq!(ended("FAILED", Some("States.Timeout")), Exit::Infrastructure);
    }
}
