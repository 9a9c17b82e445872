//! The shapes of what other crates write as JSON, for the description of the API.
//!
//! Nothing is made of these types: what they describe belongs to crates that know of no API. The
//! tests hold every answer against the description.
#![expect(dead_code, reason = "only their shapes are used")]

use std::collections::BTreeMap;

use job::Labels;
use job::message::JobId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, Schema, Type};

/// The labels of a job.
pub(crate) fn labels() -> Schema {
    let text = |pattern| Object::builder().schema_type(Type::String).pattern(Some(pattern));
    Object::builder()
        .description(Some("What its submitter calls the job, for others to find it by."))
        .property_names(Some(text("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$").build()))
        .additional_properties(Some(text("^[^\\x00-\\x1f\\x7f-\\x9f]{1,127}$")))
        .max_properties(Some(Labels::MOST))
        .into()
}

/// What a job lands, or landed: one object, or many as they were named.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = JobSource)]
pub(crate) enum Source {
    Object(SourceObject),
    Objects(SourceObjects),
    Manifest(SourceManifest),
    Prefix(SourcePrefix),
    Batch(SourceBatch),
}

/// Objects that were named one by one.
#[derive(Serialize, ToSchema)]
#[schema(as = JobSourceObjects)]
pub(crate) struct SourceObjects {
    objects: Vec<SourceObject>,
}

/// Objects that a document lists.
#[derive(Serialize, ToSchema)]
#[schema(as = JobSourceManifest)]
pub(crate) struct SourceManifest {
    manifest: SourceObject,
}

/// Objects under a prefix.
#[derive(Serialize, ToSchema)]
#[schema(as = JobSourcePrefix)]
pub(crate) struct SourcePrefix {
    /// Their bucket.
    bucket: String,
    /// What their keys begin with.
    prefix: String,
    /// What the rest of their keys matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    glob: Option<String>,
}

/// Objects that arrived in the inbox within a window.
#[derive(Serialize, ToSchema)]
#[schema(as = JobSourceBatch)]
pub(crate) struct SourceBatch {
    batch: BatchSize,
}

/// How much a batch is.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchSize {
    /// Objects.
    files: u32,
    /// Bytes of all of them.
    bytes: u64,
}

/// What becomes of those of many objects that can't be read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unreadable {
    /// The job fails.
    Fail,
    /// They are listed, and the others are landed.
    Skip,
}

/// What becomes of a source of which something is in the dataset already.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Landed {
    /// What landed before is left out.
    Skip,
    /// The job fails, and says what landed before and by which job.
    Refuse,
}

/// Whether a job waits for approval before it commits.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CommitMode {
    /// It commits once it is proved, unless its contract holds it.
    Direct,
    /// It waits, whatever it finds.
    Hold,
}

/// Why a job waits for approval, or did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hold {
    /// The reasons, each in a sentence.
    pub(crate) reasons: Vec<String>,
    /// Since when.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// When it is refused by itself.
    #[schema(format = DateTime)]
    pub(crate) until: String,
    /// What was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HoldAnswer>)]
    pub(crate) answer: Option<job::hold::Answer>,
}

/// The answer to a hold.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HoldAnswer {
    /// The job commits.
    Approved,
    /// Nothing of the job becomes visible.
    Refused,
}

/// What a landing is going to be. It has a `plan`, or a `failure` that says why it can't be landed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Outlook {
    /// The plan: the pinned objects, their layouts with the reason for each guess, the shards, and
    /// the estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    plan: Option<serde_json::Value>,
    /// What became of the first records of the first object.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<Sample>,
    /// Why it can't be landed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// What is wrong with the header, if that is why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<RecordFault>,
}

/// What became of the first records of an object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    /// Bytes that they begin in, unpacked.
    bytes: u64,
    /// Their counts: `stored` are those that would be.
    counts: Counts,
    /// The first faults.
    faults: Vec<RecordFault>,
    /// How many there are besides.
    more_faults: u64,
}

/// What approving a held job would change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "reasons": ["49 rows would be stored, and job job-1 stored 100: -51.0%, beyond `holdWhen.rows`"],
    "stored": 49, "files": 1, "bytes": 2048, "removed": 0, "last": "job-1", "lastStored": 100,
    "columns": [{"name": "delay", "nulls": 0.5, "lastNulls": 0.02}],
}))]
pub(crate) struct Changes {
    /// Why the job is held, each in a sentence.
    reasons: Vec<String>,
    /// Rows that it would add.
    stored: u64,
    /// Its files.
    files: u64,
    /// Their bytes.
    bytes: u64,
    /// Files that it would remove, as the table stood.
    removed: u64,
    /// The job of the last commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    /// Rows that this one stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_stored: Option<u64>,
    /// The columns, in the order of their names.
    columns: Vec<ColumnChange>,
}

/// A column of a held job beside the same of the last commit.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ColumnChange {
    /// Its name.
    name: String,
    /// Its nulls, as a share of all rows from 0 to 1, if the job has the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    nulls: Option<f64>,
    /// The same of the last commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_nulls: Option<f64>,
}

/// How many objects of a source of many are landed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ObjectCounts {
    /// Those that are.
    landed: u32,
    /// Those that are not, as they landed before or can't be read.
    skipped: u32,
}

/// An object that is landed, or was.
#[derive(Serialize, ToSchema)]
#[schema(as = JobSourceObject)]
pub(crate) struct SourceObject {
    /// Its bucket.
    bucket: String,
    /// Its key.
    key: String,
    /// Its version, if the bucket keeps versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Its ETag.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// The `sequencer` of its event: hexadecimal digits that grow with the versions of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequencer: Option<String>,
}

/// Where a job stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = JobStatus)]
pub(crate) enum Status {
    Pending,
    Running,
    Held,
    Cancelling,
    Succeeded,
    Failed,
    Cancelled,
    Duplicate,
    Superseded,
}

/// Rows of a job: `read` = `stored` + `rejected` + `filtered`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Counts {
    /// Records read: the header, blank lines and comments are none.
    read: u64,
    /// Records that are in the lake.
    stored: u64,
    /// Records that were refused.
    rejected: u64,
    /// Records that the contract's `where` left out.
    filtered: u64,
}

/// Why a job failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Failure {
    /// The name of the failure.
    pub(crate) error: String,
    /// What happened, where, and what to do.
    pub(crate) cause: String,
    /// What to do about failures of this name, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<&'static str>,
    /// The other job, if this one made way for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) job: Option<JobId>,
}

/// What is not as it should be of a job that landed all the same.
#[derive(Serialize, ToSchema)]
pub(crate) struct Warning {
    /// Its name.
    name: String,
    /// What happened, and what to do.
    message: String,
}

/// What a job costs, at list prices without free tiers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Bill {
    basis: Basis,
    /// The region of the prices.
    region: String,
    /// The day on which the prices were last compared with published ones.
    prices: String,
    /// What the functions run on: `arm64` or `x86_64`.
    processor: String,
    /// All lines, in USD.
    total: f64,
    /// What is paid for, by item: steps, the state machine, the registry.
    lines: BTreeMap<String, Line>,
    elsewhere: Elsewhere,
}

/// How far a bill is to be believed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Basis {
    /// As the functions measured it.
    Measured,
    /// Nothing of it was paid.
    Estimate,
}

/// A line of a bill.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    /// What it costs, in USD.
    cost: f64,
    /// How many invocations.
    invocations: u64,
    /// Their time, each rounded up to a whole millisecond.
    milliseconds: u64,
    /// Their memory over their time: megabytes (2^20) times milliseconds.
    mb_milliseconds: u64,
    /// Requests of the dearer kind: PUT, POST, COPY and LIST.
    puts: u64,
    /// Requests of the cheaper kind: GET and HEAD.
    gets: u64,
    /// Requests that cost nothing.
    deletes: u64,
    /// Bytes that were read of objects.
    bytes_read: u64,
    /// Bytes that were written to objects.
    bytes_written: u64,
    /// State transitions.
    #[schema(required = false)]
    transitions: u64,
    /// Express executions, one for each shard of a map.
    #[schema(required = false)]
    express: u64,
    /// Units written to the registry's table.
    #[schema(required = false)]
    writes: u64,
    /// Units read of it.
    #[schema(required = false)]
    reads: u64,
}

/// What the same bytes would cost elsewhere, in USD: for the scale of a bill.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Elsewhere {
    /// A Glue job of two DPUs.
    glue: f64,
    /// `CREATE TABLE AS SELECT` in Athena.
    athena_ctas: f64,
    /// Snowpipe, in the Standard edition.
    snowpipe: f64,
}

/// A version of a dataset's contract, without its text.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"dataset": "flights", "version": 3, "created": "2026-01-31T12:00:00.000Z"}))]
pub(crate) struct ContractVersion {
    /// The dataset.
    dataset: String,
    /// From 1.
    #[schema(minimum = 1)]
    version: u32,
    /// When it was registered.
    #[schema(format = DateTime)]
    created: String,
}

/// A contract as it was registered.
#[derive(Serialize, ToSchema)]
#[schema(as = Contract, example = json!({
    "dataset": "orders", "version": 1, "created": "2026-01-31T12:00:00.000Z",
    "text": "name: orders\nschema:\n  fields:\n    - { name: id, type: integer }\n",
}))]
pub(crate) struct StoredContract {
    /// The dataset.
    dataset: String,
    /// From 1.
    #[schema(minimum = 1)]
    version: u32,
    /// When it was registered.
    #[schema(format = DateTime)]
    created: String,
    /// The document, YAML or JSON, as it was sent. An answer to who sent it leaves out a long one.
    #[schema(required = false)]
    text: String,
}

/// A dataset: a version of its contract and, without a stated version, its table.
#[derive(Serialize, ToSchema)]
pub(crate) struct Dataset {
    /// The dataset.
    dataset: String,
    /// The version of the contract, from 1.
    #[schema(minimum = 1)]
    version: u32,
    /// When it was registered.
    #[schema(format = DateTime)]
    created: String,
    /// The document, YAML or JSON, as it was sent.
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<crate::files::Table>,
}

/// A page of contracts.
#[derive(Serialize, ToSchema)]
pub(crate) struct Contracts {
    /// The contracts of the page.
    items: Vec<ContractVersion>,
    /// `after` of the next page; `null` at the end.
    #[schema(required)]
    next: Option<String>,
}

/// A fault of a contract.
#[derive(Serialize, ToSchema)]
#[schema(as = ContractFault)]
pub(crate) struct Fault {
    /// Where in the document: `schema.fields[2].constraints.minimum`; empty for the document
    /// itself.
    path: String,
    /// The line, from 1.
    line: u32,
    /// The character of the line, from 1.
    column: u32,
    /// What is wrong, and what would be allowed.
    message: String,
}

/// The rejects of a job that have one layout.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"layout": 1, "rows": 5, "encoding": "windows-1252", "rejects": [[7, 5]]}))]
pub(crate) struct LayoutRejects {
    /// The layout, from 0: `?layout=` of the request for their file.
    layout: u32,
    /// How many there are.
    rows: u64,
    /// The encoding of the file, as browsers name it.
    encoding: String,
    /// Which of all rejects of the job they are, in the order of its errors, from 0: a first one and
    /// how many, of each run.
    #[schema(value_type = Vec<Vec<u32>>)]
    rejects: Vec<(u32, u32)>,
}

/// What is wrong with a contract.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"faults": [{"path": "schema.fields[0].type", "line": 4, "column": 27, "message": "is unknown"}]}))]
pub(crate) struct Checked {
    /// Its faults, in the order of the document's blocks; none of one that is valid.
    faults: Vec<Fault>,
}

impl From<Vec<contract::Fault>> for Checked {
    fn from(faults: Vec<contract::Fault>) -> Self {
        let fault =
            |contract::Fault { path, line, column, message }| Fault { path, line, column, message };
        Self { faults: faults.into_iter().map(fault).collect() }
    }
}

/// A proposed contract.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "yaml": "name: orders\nschema:\n  fields:\n    - { name: id, type: integer }\n",
    "evidence": [{"property": "fields.id.type", "value": "integer", "because": "3 of 3 values are integers"}],
    "records": 3,
    "refused": 0,
}))]
pub(crate) struct Inferred {
    /// The contract, with comments.
    yaml: String,
    /// The reason for each guess.
    evidence: Vec<Evidence>,
    /// Records that were seen.
    records: u64,
    /// Those of them that no contract would take.
    refused: u64,
}

/// A guess and the reason for it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Evidence {
    /// What was guessed, as a contract names it: `delimiter`, or `fields.fare.type`.
    property: String,
    /// The guess.
    value: String,
    /// What speaks for it, and against it.
    because: String,
}

/// A file of a table.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableFile {
    /// Key, in the lake's bucket.
    key: String,
    /// The values of the fields that name its folders.
    #[schema(required = false)]
    partition: BTreeMap<String, String>,
    /// Rows.
    rows: u64,
    /// Bytes.
    bytes: u64,
    /// A presigned URL.
    url: String,
}

/// A fault of a record: a line of `errors.jsonl`.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordFault {
    /// The object that has the record, if the job lands several.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// The line on which the record starts, from 1.
    line: u64,
    /// How many lines it spans, where these are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
    /// The record's number, from 1; the header is none.
    record: u64,
    /// A byte of the source, from 0: the first one of the record, or the faulty one.
    byte: u64,
    /// The field's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    /// The name of the fault.
    error: String,
    /// Which constraint.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The text, cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The record that has the key, from 1, if the fault is that the key is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<i64>,
    /// What is wrong, in a sentence.
    message: String,
}

/// What the columns of a job's rows hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct Profile {
    /// Rows that are stored.
    rows: u64,
    /// The columns, in order.
    columns: Vec<ColumnProfile>,
}

/// What a column holds. Integers of at most 53 bits, floats and booleans are JSON's own; everything
/// else is text, moments in ISO 8601.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ColumnProfile {
    /// The column's name.
    name: String,
    /// Its type, by its name in Table Schema.
    #[serde(rename = "type")]
    kind: String,
    /// Values that are there.
    count: u64,
    /// Values that are not.
    nulls: u64,
    /// Floats that are not a number.
    #[schema(required = false)]
    nan: u64,
    /// The least value.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Value>,
    /// The greatest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Value>,
    /// The mean of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    /// How many different values there are, about.
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<u64>,
    /// Of numbers and moments the values below which so many per cent of all lie, about: `p01`,
    /// `p05`, `p25`, `p50`, `p75`, `p95`, `p99`.
    #[schema(required = false)]
    quantiles: BTreeMap<String, Value>,
    /// How numbers and moments are spread, unless all are the same or one is infinite.
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<Histogram>,
    /// The most frequent values, about.
    #[schema(required = false)]
    frequent: Vec<FrequentValue>,
    /// Bytes of the shortest text, in UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortest: Option<u64>,
    /// Bytes of the longest text, in UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    longest: Option<u64>,
}

/// How many values lie in each of some bins of equal width, 20 at most. Where these lie depends
/// on the least and the greatest value alone. Counts are exact where no shard has more than 4,096
/// rows. With more rows the standard error of a share p of n rows is at most 8 √(p (1 − p) / n):
/// 0.4 % of a million rows, where it is greatest.
#[derive(Serialize, ToSchema)]
pub(crate) struct Histogram {
    /// Where the first bin begins: at the least value, or somewhat below it.
    from: Value,
    /// Where the last one ends, above the greatest value: it is no part of it.
    to: Value,
    /// How many values lie in each, about.
    #[schema(min_items = 1, max_items = 20)]
    counts: Vec<u64>,
}

/// A value that is frequent.
#[derive(Serialize, ToSchema)]
pub(crate) struct FrequentValue {
    /// The value, cut.
    value: String,
    /// How often it occurs, about.
    count: u64,
}

/// What the execution of a job did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "job": "job-1",
    "execution": {"arn": "arn:aws:states:eu-central-1:000000000000:execution:landing:job-1", "status": "RUNNING", "started": "2026-01-31T12:00:00.000Z"},
    "states": [{
        "name": "Ingest", "type": "Task", "entered": "2026-01-31T12:00:00.000Z", "inputKeys": ["job"],
        "attempts": [{
            "started": "2026-01-31T12:00:00.000Z", "ended": "2026-01-31T12:00:01.000Z",
            "failure": {"error": "StoreUnavailable", "cause": "the store is busy"},
        }],
        "failure": {"error": "StoreUnavailable", "cause": "the store is busy"},
    }],
    "mapRuns": [],
    "graph": {
        "start": "Ingest",
        "nodes": [{
            "name": "Ingest", "type": "Task", "status": "RETRYING", "entered": "2026-01-31T12:00:00.000Z",
            "milliseconds": 1500, "visits": 1, "attempts": 1, "failedAttempts": 1, "error": "StoreUnavailable",
            "nextRetry": {"attempt": 2, "left": 4, "by": "2026-01-31T12:00:03.000Z"},
        }],
        "edges": [{"from": "Ingest", "to": "One shard?", "kind": "next", "taken": 0}],
    },
    "rounds": [],
    "criticalPath": {
        "milliseconds": 1500,
        "steps": [{"state": "Ingest", "milliseconds": 1500, "share": 1.0, "pauses": 0}],
    },
    "advice": {"StoreUnavailable": "submit the job again later: a store or a service was busy for longer than retries last"},
}))]
pub(crate) struct Inspection {
    /// The job.
    job: String,
    execution: Execution,
    /// One entry for each time a state was entered.
    states: Vec<StateVisit>,
    /// The map runs, oldest first.
    map_runs: Vec<MapRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<StateFailure>,
    graph: Graph,
    /// The rounds in which shards are run.
    rounds: Vec<Round>,
    critical_path: CriticalPath,
    /// What to do about each error that is named here.
    advice: BTreeMap<String, String>,
}

/// The state machine, and where the execution stands in it.
#[derive(Serialize, ToSchema)]
#[schema(as = StateGraph)]
pub(crate) struct Graph {
    /// The state at which executions start.
    start: String,
    /// The states, in the order in which they follow each other; those of a map after it.
    nodes: Vec<Node>,
    /// What follows what.
    edges: Vec<Edge>,
}

/// A state, and where the execution stands with it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StateNode)]
pub(crate) struct Node {
    /// Name of the state.
    name: String,
    /// `Task`, `Choice`, `Map`, …
    #[serde(rename = "type")]
    kind: String,
    /// The map that goes through it for each of its items. Its status is then that of the map, and
    /// nothing else is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<String>,
    status: Standing,
    /// When it was entered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    entered: Option<String>,
    /// When it was left last.
    #[serde(skip_serializing_if = "Option::is_none")]
    exited: Option<String>,
    /// How long it took, all visits together, so far.
    milliseconds: u64,
    /// How often it was entered.
    visits: u64,
    /// Its attempts, all visits together.
    attempts: u64,
    /// How many of them failed.
    failed_attempts: u64,
    /// How its last visit failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_retry: Option<NextRetry>,
}

/// Where a state stands; of several visits the last one counts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = StateStatus)]
pub(crate) enum Standing {
    /// It was not entered.
    NotReached,
    /// It is at work.
    Running,
    /// It waits: for somebody's answer, or for a moment.
    Waiting,
    /// An attempt failed, and it waits for the next one.
    Retrying,
    /// It came to its end.
    Succeeded,
    /// It failed, and the execution went on where its `Catch` leads.
    Caught,
    /// It failed, and the execution with it.
    Failed,
    /// The time of the execution was over.
    TimedOut,
    /// The execution was stopped.
    Aborted,
}

/// The attempt that a state waits for.
#[derive(Serialize, ToSchema)]
pub(crate) struct NextRetry {
    /// Which attempt of the visit it is, from 1.
    attempt: u64,
    /// How many more may follow it if it fails likewise.
    left: u64,
    /// The moment at which it begins at the latest: chance may have it begin before.
    by: String,
}

/// That a state may follow another one.
#[derive(Serialize, ToSchema)]
#[schema(as = StateEdge)]
pub(crate) struct Edge {
    /// The state.
    from: String,
    /// The one that may follow.
    to: String,
    kind: EdgeKind,
    /// The conditions of a choice, or the error names of a catch. Any one of them is enough.
    #[schema(required = false)]
    when: Vec<String>,
    /// How often the execution went this way.
    taken: u64,
}

/// Why a state follows another one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EdgeKind {
    /// It always does.
    Next,
    /// A condition holds.
    Choice,
    /// No condition holds.
    Default,
    /// The state failed.
    Catch,
}

/// A round: shards that are run before they are verified.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Round {
    /// Its number, from 1.
    round: u32,
    /// How many shards are run.
    shards: u32,
    /// How many of them are run again, as they guessed wrong where their first row starts.
    wrong_start: u32,
    /// How many are run again, as they have keys that earlier shards claim.
    taken_keys: u32,
    /// How many are run again, as they found that an object can't be read, after they were told of
    /// keys. Without it: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<u32>,
    /// How long it took, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slowest: Option<Slowest>,
}

/// The shard that took longest of those that count in the end.
#[derive(Serialize, ToSchema)]
#[schema(as = SlowestShard)]
pub(crate) struct Slowest {
    /// Its position in the plan, from 0.
    shard: u32,
    /// How long the attempt took that won.
    milliseconds: u64,
}

/// What the time of an execution went into: one state follows another, so each visit that took time
/// is a part of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct CriticalPath {
    /// The time of the whole execution, so far.
    milliseconds: u64,
    /// Its parts, in order. What is missing is the state machine's own time.
    steps: Vec<PathStep>,
}

/// A visit of a state as a part of the whole.
#[derive(Serialize, ToSchema)]
pub(crate) struct PathStep {
    /// The state.
    state: String,
    /// How long it took, so far.
    milliseconds: u64,
    /// The same as a share of the whole, from 0 to 1.
    share: f64,
    /// How much of it went by between attempts.
    pauses: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    slowest: Option<Slowest>,
}

/// A shard, and what became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shard {
    /// Its position in the plan, from 0.
    shard: u32,
    status: ShardStatus,
    /// The object that it reads; of several the first one.
    source: String,
    /// How many objects it reads.
    objects: u32,
    /// First byte of its range, from 0 of the object; 0 of several objects.
    from: u64,
    /// The byte after the range; of several objects their bytes together.
    to: u64,
    /// The round in which it was run last.
    round: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<Again>,
    /// Its rows, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
    /// Its files, once it is done: those that were put together with others after it included.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    /// Bytes that the attempt read that won.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_read: Option<u64>,
    /// Bytes that it wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_written: Option<u64>,
    /// When the winning attempt began, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    started: Option<String>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
    /// Attempts of the round that ended, as far as is known: one whose process was killed leaves
    /// nothing behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u64>,
    /// The attempts besides the one that won, as far as is known: those of the round that failed or
    /// lost, and the one that counted in each round before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    other_attempts: Vec<ShardAttempt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<ShardFailure>,
    /// Its log in the console of CloudWatch: that of the attempt that won, or else of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

/// An attempt at a shard that ended and does not count.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShardAttempt {
    /// Its round.
    round: u32,
    /// When it began, in UTC.
    #[schema(format = DateTime)]
    started: String,
    /// How long it took.
    milliseconds: u64,
    /// The name of the failure that it ended with, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Where a shard stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ShardStatus {
    /// It was not begun, or is at work: nothing tells the two apart from outside.
    Open,
    /// Its receipt is there.
    Done,
    /// It failed for good.
    Failed,
    /// The job ended without it.
    Abandoned,
}

/// Why a shard is run again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = RunAgain)]
pub(crate) enum Again {
    /// It guessed wrong where its first row starts.
    WrongStart,
    /// It has keys that earlier shards claim.
    TakenKeys,
    /// It found that an object can't be read, after it was told of keys.
    Unreadable,
}

/// Why a shard failed for good.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShardFailure {
    /// The name of the failure.
    error: String,
    /// What happened, where, and what to do.
    cause: String,
    /// The byte of the object at which it happened, or the first one of the records among which it
    /// did, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    byte: Option<u64>,
}

/// Where an execution stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct Execution {
    /// Its ARN.
    arn: String,
    /// Step Functions' name of where it stands.
    status: String,
    /// When it was started.
    started: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    /// The name of the error that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The text of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

/// One visit of a state.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateVisit {
    /// Name of the state.
    name: String,
    /// `Task`, `Choice`, `Map`, …
    #[serde(rename = "type")]
    kind: String,
    /// When it was entered.
    entered: String,
    /// When it was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    exited: Option<String>,
    /// How long it took, once it was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
    /// Names of the keys of its input.
    input_keys: Vec<String>,
    /// What it added to its input, or changed in it: a message of keys and counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// The calls it made, retries included.
    attempts: Vec<Attempt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<StateFailure>,
}

/// One call of a state.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// When it was scheduled.
    started: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<StateFailure>,
}

/// An error of a state or an execution.
#[derive(Serialize, ToSchema)]
pub(crate) struct StateFailure {
    /// Its name.
    error: String,
    /// Its text.
    cause: String,
}

/// A run of a Distributed Map.
#[derive(Serialize, ToSchema)]
pub(crate) struct MapRun {
    /// Its ARN.
    arn: String,
    /// The map that it is a run of, where the history tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// `RUNNING`, `SUCCEEDED`, `FAILED` or `ABORTED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// When it was started.
    started: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<MapCounts>,
}

/// How many items of a map run stand where.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MapCounts {
    total: i64,
    pending: i64,
    running: i64,
    succeeded: i64,
    failed: i64,
    timed_out: i64,
    aborted: i64,
}
