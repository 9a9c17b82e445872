//! Runs small documents, each with its input, the answers of its functions, and the expected
//! output.
//!
//! `tests/end_to_end/documents.rs` runs the same documents on the local cloud.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use flow::{Call, Ended, Failure, Fixed, Items, Machine, Outside, Start, Tasks, Tokio};
use serde_json::{Map, Value, json};

/// What functions answer, as a document says it, and how often each answer was given.
struct Scripts {
    functions: Map<String, Value>,
    given: Mutex<BTreeMap<(String, usize), u64>>,
}

impl Scripts {
    /// The next answer: the first that is for the payload, and was not given too often.
    fn next(&self, function: &str, payload: &Value) -> Value {
        let script = self.functions[function].as_array().expect("a list of answers");
        let mut given = self.given.lock().expect("no test panics here");
        let found = script.iter().enumerate().find(|(index, answer)| {
            let times = given.entry((function.to_owned(), *index)).or_default();
            let is_left = answer["times"].as_u64().is_none_or(|most| *times < most);
            let fits = is_left && answer.get("when").is_none_or(|when| covers(payload, when));
            *times += u64::from(fits);
            fits
        });
        found.unwrap_or_else(|| panic!("{function} has no answer to {payload}")).1.clone()
    }
}

/// Whether `payload` has all that `wanted` has.
fn covers(payload: &Value, wanted: &Value) -> bool {
    match wanted.as_object() {
        None => payload == wanted,
        Some(wanted) => wanted.iter().all(|(name, value)| covers(&payload[name], value)),
    }
}

#[async_trait]
impl Tasks for Scripts {
    async fn invoke(&self, call: Call) -> Result<Value, Failure> {
        let answer = self.next(&call.function, &call.payload);
        tokio::time::sleep(Duration::from_secs(answer["takes"].as_u64().unwrap_or(0))).await;
        if let Some(failure) = answer.get("fails") {
            let text = |name: &str| failure[name].as_str().expect("a text").to_owned();
            let cause = json!({ "errorType": text("error"), "errorMessage": text("cause") });
            return Err(Failure { error: text("error"), cause: cause.to_string() });
        }
        Ok(if answer["echoes"] == true { call.payload } else { answer["answers"].clone() })
    }

    async fn put_events(&self, _entries: Value) -> Result<Value, Failure> {
        Ok(json!({ "FailedEntryCount": 0 }))
    }
}

struct Lists(Value);

#[async_trait]
impl Items for Lists {
    async fn read(&self, bucket: &str, key: &str) -> Result<Vec<Value>, String> {
        let list = self.0[format!("{bucket}/{key}")].as_array().cloned();
        list.ok_or_else(|| format!("there is no object {bucket}/{key}"))
    }
}

fn documents() -> Vec<(String, Value)> {
    // Asked at run time, as one build cache serves several checkouts.
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package lies");
    let folder = Path::new(&package).join("tests/documents");
    let mut documents: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| {
            let path = entry.expect("it can be read").path();
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let document =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, document)
        })
        .collect();
    documents.sort_by(|(a, _), (b, _)| a.cmp(b));
    documents
}

async fn run(document: &Value) -> Ended {
    let functions = document["functions"].as_object().cloned().unwrap_or_default();
    let names: Vec<(&str, &str)> =
        functions.keys().map(|name| (name.as_str(), name.as_str())).collect();
    let machine = Machine::read("documents", &document["machine"].to_string(), &names);
    let machine = machine.unwrap_or_else(|refusal| panic!("{refusal}"));
    let tasks = Scripts { functions: functions.clone(), given: Mutex::default() };
    let (clock, items) = (Tokio::at(1_769_860_800_000), Lists(document["lists"].clone()));
    let outside = Outside { clock: &clock, chance: &Fixed::WHOLE, tasks: &tasks, items: &items };
    let start = Start { name: "it", input: document["input"].clone(), at: None };
    machine.run(start, outside, std::future::pending()).await
}

/// What came of an execution, in the form of a document's `expected`.
fn outcome(ended: &Ended, seconds: f64, expected: &Value) -> Value {
    let mut found = json!({ "status": ended.execution.status });
    let history = ended.history();
    match &ended.outcome {
        Ok(output) => found["output"] = output.clone(),
        Err(failure) => {
            found["error"] = json!(failure.error);
            if expected.get("cause").is_some() {
                found["cause"] = json!(ended.execution.cause);
            }
        }
    }
    found["states"] = history.states.iter().map(|visit| visit.name.as_str()).collect();
    let errors: Vec<String> = history
        .states
        .iter()
        .flat_map(|visit| {
            // Not every service tells of the runs of a map.
            let is_map = visit.kind == "Map";
            let attempts = visit.attempts.iter().filter(move |_| !is_map);
            let attempts = attempts.filter_map(|attempt| attempt.failure.as_ref());
            attempts
                .chain(visit.failure.as_ref().filter(move |_| is_map))
                .map(|failure| failure.error.clone())
        })
        .collect();
    if !errors.is_empty() {
        found["errors"] = json!(errors);
    }
    if seconds > 0.0 {
        found["seconds"] = json!(seconds as u64);
    }
    if expected.get("maps").is_some() {
        let counts = history.map_runs.iter().map(|run| json!(run.counts));
        let counts = counts.map(|mut counts| {
            let counts = counts.as_object_mut().expect("counts are an object");
            counts.retain(|name, count| name == "total" || *count != 0);
            json!(counts)
        });
        found["maps"] = counts.collect();
    }
    found
}

#[tokio::test(start_paused = true)]
async fn every_document_comes_out_as_it_says() {
    let documents = documents();
    assert!(documents.len() >= 30, "{} documents", documents.len());
    for (name, document) in documents {
        let begun = tokio::time::Instant::now();
        let ended = run(&document).await;
        let found = outcome(&ended, begun.elapsed().as_secs_f64(), &document["expected"]);
        assert_eq!(found, document["expected"], "{name}: {}", document["about"]);
    }
}

#[tokio::test(start_paused = true)]
async fn every_document_does_the_same_twice() {
    for (name, document) in documents() {
        assert_eq!(run(&document).await, run(&document).await, "{name}");
    }
}
