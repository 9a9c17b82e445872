//! Runs `cargo xtask demo`: lands real files on a local cloud, and shows what came of them.

mod faults;
mod report;
mod watch;

use std::fs::File;
use std::io::Read;
use std::time::Instant;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use xtask::functions::Together;
use xtask::local::{Api, LocalCloud, Options, Pieces};
use xtask::{Result, checkout};

/// Bytes of a shard: small enough that the flights of one year are several.
const SHARD_BYTES: u64 = 8 * 1024 * 1024;
/// Records of the slice in which faults are planted.
const SLICE_RECORDS: usize = 2000;

/// A job and what is expected of it.
struct Landing {
    /// What it shows.
    title: &'static str,
    dataset: &'static str,
    job: String,
    read: u64,
    rejected: u64,
}

impl Landing {
    /// Which one it is, in a column of its own.
    fn label(&self) -> String {
        format!("{:<36}", format!("{} {}", self.dataset, self.title))
    }
}

/// Starts a local cloud, lands three files, shows what came of them and stops it, unless it is to
/// be kept.
pub(crate) fn demo(keep: bool) -> Result<()> {
    let begun = Instant::now();
    let pieces = Pieces::make(Together::Alone)?;
    println!("functions built ({:.1} s)", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let options = Options { auth: true, shard_bytes: Some(SHARD_BYTES), ..Options::default() };
    let cloud = LocalCloud::start_with(&pieces, &options)?;
    println!(
        "template.yaml deployed on a local cloud at {} ({:.1} s)",
        cloud.endpoint(),
        begun.elapsed().as_secs_f64()
    );

    let api = cloud.api();
    register(api, "flights", "")?;
    // No other file comes that this one could be landed with.
    register(api, "weather", "arrivals: { maxSeconds: 1 }\n")?;
    let flights = read_flights()?;
    let slice = faults::plant(&first_records(&flights, SLICE_RECORDS)?)?;
    let landings = [
        Landing {
            title: "submitted with POST /jobs",
            dataset: "flights",
            job: submit(api, "flights.csv", flights)?,
            read: 336_776,
            rejected: 0,
        },
        Landing {
            title: "dropped in the inbox",
            dataset: "weather",
            job: drop_weather(api)?,
            read: 26_115,
            rejected: 0,
        },
        Landing {
            title: "with a dozen planted faults",
            dataset: "flights",
            job: submit(api, "flights-with-faults.csv", slice)?,
            read: SLICE_RECORDS as u64,
            rejected: faults::PLANTED,
        },
    ];
    watch::until_ended(api, &landings)?;
    let outcomes =
        landings.iter().map(|landing| report::report(api, landing)).collect::<Result<Vec<_>>>()?;
    if keep {
        let environment =
            cloud.environment().map(|(name, value)| format!("{name}={value}")).join(" ");
        println!(
            "\nThe console is at\n  {}\nThe cloud stays until Ctrl-C. AWS tools find it with\n  {environment}",
            cloud.console()?
        );
        cloud.stay();
    }
    drop(cloud);
    println!(
        "\nThe cloud is stopped and removed; `cargo xtask demo --keep` leaves it for a look around."
    );
    match outcomes.iter().all(|as_expected| *as_expected) {
        true => Ok(()),
        false => Err("a job did not end as it should".to_owned()),
    }
}

/// Registers a contract, with more at its end.
fn register(api: &Api, dataset: &str, more: &str) -> Result<()> {
    let text = read_text(&format!("contracts/{dataset}.yaml"))? + more;
    let version =
        api.put(&format!("/datasets/{dataset}"), "application/yaml", &text)?.ok()?["version"]
            .clone();
    println!("contract of {dataset} registered, version {version}");
    Ok(())
}

/// Uploads a file aside and submits it: the job's id.
fn submit(api: &Api, name: &str, bytes: Vec<u8>) -> Result<String> {
    let upload =
        upload(api, &json!({ "dataset": "flights", "name": name, "land": "submit" }), bytes)?;
    let job = api
        .post("/jobs", &json!({ "dataset": "flights", "source": { "key": upload["key"] } }))?
        .ok()?;
    text(&job, "job")
}

/// Uploads weather.csv into the inbox, whose event makes a job of it: the job's id.
fn drop_weather(api: &Api) -> Result<String> {
    let bytes = read_text("weather.csv")?.into_bytes();
    upload(api, &json!({ "dataset": "weather", "name": "weather.csv" }), bytes)?;
    watch::until("the job of weather.csv", || {
        let jobs = api.get("/jobs?dataset=weather")?.ok()?;
        Ok(jobs["items"][0]["job"].as_str().map(str::to_owned))
    })
}

fn upload(api: &Api, wanted: &Value, bytes: Vec<u8>) -> Result<Value> {
    let mut wanted = wanted.clone();
    wanted["size"] = bytes.len().into();
    let upload = api.post("/uploads", &wanted)?.ok()?;
    api.upload(&upload, bytes)?.ok()?;
    Ok(upload)
}

fn read_flights() -> Result<Vec<u8>> {
    let path = checkout::root().join("testdata/flights.csv.gz");
    let mut bytes = Vec::new();
    let unpacked = File::open(&path).and_then(|file| GzDecoder::new(file).read_to_end(&mut bytes));
    unpacked.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes)
}

fn read_text(name: &str) -> Result<String> {
    let path = checkout::root().join("testdata").join(name);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The header and the first records of a file without line breaks in its fields.
fn first_records(file: &[u8], records: usize) -> Result<String> {
    let end = file
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(records)
        .map(|(at, _)| at + 1);
    let slice =
        file.get(..end.ok_or("flights.csv is shorter than it should be")?).unwrap_or_default();
    String::from_utf8(slice.to_vec()).map_err(|error| format!("flights.csv: {error}"))
}

/// A text field of an answer.
fn text(answer: &Value, field: &str) -> Result<String> {
    answer[field]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("the API's answer has no `{field}`: {answer}"))
}
