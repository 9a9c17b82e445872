//! Checks `landfall run`: what is in the lake afterwards, and what the caller is told.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::binary::{Answer, answer, command, file, landfall, testdata};

const CONTRACT: &str = "
name: trips
schema:
  missingValues: ['', NA]
  fields:
    - { name: id, type: integer, physicalType: int32, constraints: { required: true } }
    - { name: note, type: string }
    - { name: fare, type: number, physicalType: 'decimal(6,2)', constraints: { minimum: 0 } }
";

/// Records that span lines, doubled quotes, multi-byte characters, blank lines; records 3, 5, 6 and
/// 8 are to be refused.
const TRIPS: &str = "id,note,fare\r\n\
    1,\"two\r\nlines, a \"\"quote\"\"\",1.50\r\n\
    2,é€😀,NA\r\n\
    x,\"not\na number\",-1\r\n\
    \r\n\
    4,plain,4.00\r\n\
    5,short\r\n\
    6,stray\"quote,6.00\r\n\
    7,\"\",7.25\r\n\
    8,too precise,0.001\r\n\
    9,last,9.99";

/// A lake with a contract and a source beside it.
struct Shore {
    directory: tempfile::TempDir,
}

impl Shore {
    fn new(contract: &str, source: impl AsRef<[u8]>) -> Self {
        let (directory, _) = file("contract.yaml", contract);
        std::fs::write(directory.path().join("trips.csv"), source).expect("there is room");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn arguments(&self, flags: &[&str]) -> Vec<OsString> {
        let paths =
            [self.path("contract.yaml"), self.path("trips.csv")].map(PathBuf::into_os_string);
        let lake = [OsString::from("--lake"), self.path("lake").into_os_string()];
        [OsString::from("run")]
            .into_iter()
            .chain(paths)
            .chain(lake)
            .chain(flags.iter().map(OsString::from))
            .collect()
    }

    fn run(&self, flags: &[&str]) -> Answer {
        landfall(self.arguments(flags))
    }

    /// Runs with `--json`: the exit code, and the job.
    fn job(&self, flags: &[&str]) -> (i32, Value) {
        let answer = self.run(&[flags, &["--json"]].concat());
        (
            answer.exit,
            serde_json::from_str(&answer.stdout)
                .unwrap_or_else(|error| panic!("{error}: {answer:?}")),
        )
    }

    /// What a reader of the lake sees: files, but for those of Landfall itself.
    fn visible(&self) -> BTreeSet<PathBuf> {
        fn walk(path: &Path, found: &mut BTreeSet<PathBuf>) {
            for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.ends_with("_landfall") => {}
                    path if path.is_dir() => walk(&path, found),
                    path => drop(found.insert(path)),
                }
            }
        }
        let mut found = BTreeSet::new();
        walk(&self.path("lake"), &mut found);
        found
    }
}

/// All rows of a job, in the order of its files.
fn rows(job: &Value) -> RecordBatch {
    let files = job["files"].as_array().expect("it is a list");
    let batches: Vec<RecordBatch> = files
        .iter()
        .flat_map(|landed| {
            let file =
                File::open(landed["key"].as_str().expect("it is a path")).expect("it is there");
            let reader = ParquetRecordBatchReaderBuilder::try_new(file)
                .and_then(|builder| builder.build())
                .expect("it is Parquet");
            let batches: Vec<_> = reader.map(|batch| batch.expect("it can be read")).collect();
            assert_eq!(landed["rows"], batches.iter().map(RecordBatch::num_rows).sum::<usize>());
            batches
        })
        .collect();
    concat_batches(&batches[0].schema(), &batches).expect("all files have the same columns")
}

fn text(path: &Value) -> String {
    std::fs::read_to_string(path.as_str().expect("it is a path")).expect("it is there")
}

/// All flights of 2013 with a key that is not quite one: 24 times a flight number left twice on a
/// day.
#[test]
fn every_shard_size_finds_the_same_duplicates() {
    let mut flights = String::new();
    let packed = File::open(testdata("flights.csv.gz")).expect("it is there");
    flate2::read::GzDecoder::new(packed).read_to_string(&mut flights).expect("it is text");
    let contract =
        std::fs::read_to_string(testdata("contracts/flights.yaml")).expect("it is there");
    let contract = contract
        .replace("rejects:", "  primaryKey: [year, month, day, carrier, flight]\nrejects:")
        .replace("output:", "# output:");
    let mut seen = std::collections::HashMap::new();
    let expected: Vec<(u64, u64)> = (1..)
        .zip(flights.lines().skip(1))
        .filter_map(|(record, line)| {
            let cells: Vec<&str> = line.split(',').collect();
            let holder =
                *seen.entry([0, 1, 2, 9, 10].map(|column| cells[column])).or_insert(record);
            (holder != record).then_some((record, holder))
        })
        .collect();
    assert_eq!(expected.len(), 24);
    let mut landed: Option<(RecordBatch, String, String)> = None;
    for shard_bytes in ["1000000000", "8388608", "1234567"] {
        let shore = Shore::new(&contract, &flights);
        let (exit, job) = shore.job(&["--shard-size", shard_bytes]);
        assert_eq!(
            (exit, &job["counts"]["stored"], &job["counts"]["rejected"]),
            (0, &Value::from(336_752), &Value::from(24)),
            "{job}"
        );
        let errors = text(&job["errors"]);
        let found = errors.lines().map(|line| {
            let entry: Value = serde_json::from_str(line).expect("it is JSON");
            assert_eq!(entry["error"], "primary-key");
            (
                entry["record"].as_u64().expect("a number"),
                entry["holder"].as_u64().expect("a number"),
            )
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
        let this = (rows(&job), text(&job["rejects"]), errors);
        assert!(
            landed.get_or_insert_with(|| this.clone()) == &this,
            "shards of {shard_bytes} bytes"
        );
    }
}

#[test]
fn every_shard_size_lands_the_same() {
    let whole = Shore::new(CONTRACT, TRIPS);
    let (exit, job) = whole.job(&[]);
    assert_eq!((exit, &job["state"], &job["sequence"]), (0, &"SUCCEEDED".into(), &0.into()));
    assert_eq!(
        job["counts"],
        serde_json::json!({ "read": 9, "stored": 5, "rejected": 4, "filtered": 0 })
    );
    assert_eq!(job["source"].as_str(), whole.path("trips.csv").to_str());
    assert_eq!((&job["dataset"], &job["failure"]), (&"trips".into(), &Value::Null));
    let (rows_of_whole, rejects, errors) =
        (rows(&job), text(&job["rejects"]), text(&job["errors"]));
    assert_eq!(
        rejects,
        "id,note,fare\r\nx,\"not\na number\",-1\r\n5,short\r\n6,stray\"quote,6.00\r\n8,too precise,0.001\r\n",
        "rejected records, byte for byte"
    );
    let faults: Vec<(u64, u64, String)> = errors
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("it is JSON"))
        .map(|fault| {
            (
                fault["line"].as_u64().expect("it counts"),
                fault["column"].as_u64().expect("it counts"),
                fault["error"].as_str().expect("it has a name").to_owned(),
            )
        })
        .collect();
    let expected = [
        (5, 1, "type-error"),
        (5, 3, "constraint-error"),
        (9, 3, "missing-cell"),
        (10, 2, "quote-error"),
        (12, 3, "type-error"),
    ];
    assert_eq!(faults, expected.map(|(line, column, error)| (line, column, error.to_owned())));

    for size in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, TRIPS.len()] {
        let shore = Shore::new(CONTRACT, TRIPS);
        let (exit, split) = shore.job(&["--shard-size", &size.to_string(), "--threads", "3"]);
        assert_eq!((exit, &split["counts"]), (0, &job["counts"]), "shards of {size}");
        assert_eq!(rows(&split), rows_of_whole, "shards of {size}");
        assert_eq!(text(&split["rejects"]), rejects, "shards of {size}");
        assert_eq!(text(&split["errors"]), errors, "shards of {size}");
        let files = split["files"]
            .as_array()
            .expect("it is a list")
            .iter()
            .map(|file| PathBuf::from(file["key"].as_str().expect("it is a path")));
        assert_eq!(shore.visible(), files.collect(), "nothing but the files of the commit");
    }
}

#[test]
fn the_same_bytes_land_once() {
    let shore = Shore::new(CONTRACT, TRIPS);
    let (_, first) = shore.job(&[]);
    let landed = shore.visible();
    std::fs::rename(shore.path("trips.csv"), shore.path("moved.csv")).expect("it is there");
    std::fs::copy(shore.path("moved.csv"), shore.path("trips.csv")).expect("there is room");
    let (exit, second) = shore.job(&[]);
    assert_eq!(
        (exit, &second["state"], &second["failure"]["error"]),
        (0, &"DUPLICATE".into(), &"AlreadyLanded".into())
    );
    assert_eq!(second["failure"]["job"], first["job"]);
    assert_eq!(shore.job(&["--strict"]).0, 4);
    assert!(
        second["failure"]["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains(first["job"].as_str().expect("it has an id")))
    );
    assert_eq!(shore.visible(), landed);
    let (exit, forced) = shore.job(&["--force"]);
    assert_eq!((exit, &forced["sequence"]), (0, &1.into()));
}

#[test]
fn failures_have_their_exit_codes_and_leave_nothing() {
    let strict = format!("{CONTRACT}rejects: {{ limit: 10% }}\n");
    let limited = Shore::new(&strict, TRIPS);
    let (exit, job) = limited.job(&["--shard-size", "9"]);
    assert_eq!(
        (exit, &job["failure"]["error"], &job["files"]),
        (1, &"RejectLimitExceeded".into(), &serde_json::json!([]))
    );
    assert_eq!(text(&job["errors"]).lines().count(), 5, "the reasons are kept");
    assert_eq!(limited.visible(), BTreeSet::new());

    let drifted = Shore::new(CONTRACT, "id,note\n1,2\n");
    let answer = drifted.run(&[]);
    assert_eq!(answer.exit, 1);
    assert!(
        answer.stderr.contains("SchemaDrift: ") && answer.stdout.starts_with("failed    "),
        "{answer:?}"
    );
    assert_eq!(drifted.visible(), BTreeSet::new());

    let invalid = Shore::new("name: trips\n", TRIPS);
    let answer = invalid.run(&[]);
    assert_eq!((answer.exit, answer.stdout.as_str()), (2, ""));
    assert!(!invalid.path("lake").exists(), "nothing was done");

    let missing = Shore::new(CONTRACT, TRIPS);
    std::fs::remove_file(missing.path("trips.csv")).expect("it is there");
    assert_eq!(missing.run(&["--json"]).exit, 2);
    assert!(!missing.path("lake").exists(), "nothing was done");

    let blocked = Shore::new(CONTRACT, TRIPS);
    std::fs::write(blocked.path("lake"), "a file, where a directory should be")
        .expect("there is room");
    let (exit, job) = blocked.job(&[]);
    assert_eq!((exit, &job["state"]), (3, &"FAILED".into()));
}

#[test]
fn several_files_are_one_job() {
    let shore = Shore::new(CONTRACT, TRIPS);
    let inbox = shore.path("inbox");
    std::fs::create_dir_all(inbox.join("deep")).expect("there is room");
    for (file, text) in [
        ("drifted.csv", "id\n1\n"),
        ("other.csv", "id,note,fare\n1,a,2\n"),
        ("copy.csv", "id,note,fare\n1,a,2\n"),
        ("deep/more.csv", "id,note,fare\n1,b,2\n2,c,x\n"),
        (".hidden.csv", "nothing of it is read"),
    ] {
        std::fs::write(inbox.join(file), text).expect("there is room");
    }
    let run = |sources: &[PathBuf], more: &[&str]| {
        let mut arguments = shore.arguments(&[&["--json"], more].concat());
        let at = arguments.iter().position(|argument| *argument == shore.path("trips.csv"));
        let at = at.expect("the source is named");
        arguments.splice(at..=at, sources.iter().map(|path| path.clone().into_os_string()));
        let answer = landfall(arguments);
        let jobs =
            answer.stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON"));
        (answer.exit, jobs.collect::<Vec<Value>>())
    };
    // A file that does not match lands nothing of the others.
    let (exit, jobs) = run(std::slice::from_ref(&inbox), &[]);
    assert_eq!((exit, jobs.len(), &jobs[0]["failure"]["error"]), (1, 1, &"SchemaDrift".into()));
    assert_eq!(shore.visible(), BTreeSet::new());

    let (exit, jobs) =
        run(&[inbox.join("**/*.csv"), shore.path("trips.csv")], &["--skip-unreadable"]);
    let job = &jobs[0];
    assert_eq!((exit, jobs.len(), &job["sequence"]), (0, 1, &0.into()), "{job}");
    assert_eq!(job["objects"], serde_json::json!({ "landed": 3, "skipped": 2 }));
    let skipped = job["skipped"].as_array().expect("a list");
    let skipped: Vec<_> = skipped.iter().map(|file| file["error"].clone()).collect();
    assert_eq!(skipped, ["SchemaDrift", "AlreadyLanded"]);
    let errors = std::fs::read_to_string(job["errors"].as_str().expect("a path"));
    let errors = errors.expect("there are errors");
    assert!(errors.contains("inbox/deep/more.csv\",\"line\":3,\"record\":2,"), "{errors}");

    std::fs::write(inbox.join("new.csv"), "id,note,fare\n7,d,1\n").expect("there is room");
    let (exit, jobs) = run(std::slice::from_ref(&inbox), &["--skip-unreadable"]);
    assert_eq!((exit, &jobs[0]["counts"]["stored"]), (0, &1.into()), "{}", jobs[0]);
}

/// Rejects of files with another header are a file of their own, and are replayed as that.
#[test]
fn mended_rejects_are_of_the_layout_whose_header_they_have() {
    let contract = format!("{CONTRACT}rejects: {{ limit: 100% }}\n")
        .replace("  missingValues", "  fieldsMatch: equal\n  missingValues");
    for asked in [None, Some("1")] {
        let shore = Shore::new(&contract, "id,note,fare\n1,a,1\nx,b,2\n");
        std::fs::write(shore.path("turned.csv"), "fare,note,id\n3,c,3\n4,d,y\n")
            .expect("there is room");
        let files = |names: &[&str], more: &[&str]| {
            let mut arguments = shore.arguments(&[&["--json"], more].concat());
            let at = arguments.iter().position(|argument| *argument == shore.path("trips.csv"));
            let at = at.expect("the source is named");
            arguments.splice(at..=at, names.iter().map(|name| shore.path(name).into_os_string()));
            let answer = landfall(arguments);
            let job = serde_json::from_str::<Value>(&answer.stdout).unwrap_or_default();
            (answer.exit, job, answer.stderr)
        };
        let (_, parent, _) = files(&["trips.csv", "turned.csv"], &[]);
        assert_eq!(parent["counts"]["rejected"], 2, "{parent}");
        let parent = parent["job"].as_str().expect("a job").to_owned();

        // As they are, of a layout that there is not.
        let (exit, _, told) = files(&[], &["--replay", &parent, "--layout", "7"]);
        assert_eq!(exit, 2, "{told}");
        assert!(told.contains("has no rejects of layout 7; those it has are of 0, 1"), "{told}");

        let layout = asked.map_or_else(Vec::new, |layout| vec!["--layout", layout]);
        std::fs::write(shore.path("mended.csv"), "fare,note,id\n4,d,4\n").expect("there is room");
        let mut flags = vec!["--replay", &parent];
        flags.extend(layout);
        let (exit, child, told) = files(&["mended.csv"], &flags);
        assert_eq!((exit, &child["counts"]["stored"]), (0, &1.into()), "{told}");
        let (_, again, _) = files(&["mended.csv"], &flags);
        assert_eq!(again["failure"]["error"], "AlreadyLanded", "{again}");

        // Those of the other layout are open still.
        std::fs::write(shore.path("mended.csv"), "id,note,fare\n2,b,2\n").expect("there is room");
        let (exit, child, told) = files(&["mended.csv"], &["--replay", &parent]);
        assert_eq!((exit, &child["counts"]["stored"]), (0, &1.into()), "{told}");
    }
}

#[test]
fn what_landed_before_may_be_refused() {
    let shore = Shore::new(CONTRACT, TRIPS.replace("x,", "3,"));
    assert_eq!(shore.job(&["--refuse-landed"]).0, 0);
    let (exit, job) = shore.job(&["--refuse-landed"]);
    assert_eq!((exit, &job["failure"]["error"]), (1, &"LandedBefore".into()), "{job}");
    let cause = job["failure"]["cause"].as_str().expect("a cause");
    assert!(cause.starts_with("1 of 1 objects are in trips already: "), "{cause}");
}

/// What the API tells of an execution in the cloud.
#[test]
fn what_the_execution_did_is_told_with_the_job() {
    fn states(job: &Value) -> Vec<&str> {
        let states = job["execution"]["states"].as_array().expect("it has states");
        states.iter().map(|state| state["name"].as_str().expect("a state has a name")).collect()
    }
    fn moment(text: &Value) -> i64 {
        let text = text.as_str().expect("a moment is a text");
        chrono::DateTime::parse_from_rfc3339(text).expect("it is one").timestamp_millis()
    }
    let source: String = std::iter::once("id,note,fare\n".to_owned())
        .chain((0..2_000).map(|id| format!("{id},a,1\n")))
        .collect();
    let shore = Shore::new(CONTRACT, source);
    let (exit, job) = shore.job(&["--shard-size", "3kB"]);
    assert_eq!(exit, 0, "{job}");
    let execution = &job["execution"];
    assert_eq!(
        (&execution["job"], &execution["execution"]["status"]),
        (&job["job"], &"SUCCEEDED".into())
    );
    let expected = [
        "Ingest",
        "One shard?",
        "TransformAll",
        "Verify",
        "Run again?",
        "Merge",
        "Hold?",
        "Store",
        "Announce",
        "Landed",
    ];
    assert_eq!(states(&job), expected);
    let counts = &execution["mapRuns"][0]["counts"];
    assert_eq!((&counts["total"], &counts["failed"]), (&counts["succeeded"], &0.into()));
    assert!(counts["total"].as_u64() > Some(1), "{counts}");
    let shards = &job["shards"];
    assert_eq!((&shards["count"], &shards["next"]), (&counts["total"], &Value::Null));
    // Moments are cut to whole milliseconds, and durations begin another one.
    let [map_from, map_to] = ["entered", "exited"].map(|end| {
        let map = execution["states"].as_array().into_iter().flatten();
        let map = map.clone().find(|state| state["name"] == "TransformAll");
        moment(&map.expect("it was visited")[end])
    });
    for shard in shards["items"].as_array().expect("it has shards") {
        let started = moment(&shard["started"]);
        let took = shard["milliseconds"].as_i64().expect("it took some time");
        assert!(map_from <= started && started + took <= map_to + 3, "{shard}");
    }

    let refused = Shore::new(&format!("{CONTRACT}rejects: {{ limit: 0 }}\n"), TRIPS);
    let (_, job) = refused.job(&[]);
    let expected =
        ["Ingest", "One shard?", "Transform", "Verify", "Abandon", "How did it end?", "Abandoned"];
    assert_eq!(states(&job), expected);
    assert_eq!(job["execution"]["failure"]["error"], "RejectLimitExceeded");
}

#[cfg(unix)]
#[test]
fn an_interrupted_job_leaves_nothing() {
    let source: String = std::iter::once("id,note,fare\n".to_owned())
        .chain((0..200_000).map(|id| format!("{id},a,1\n")))
        .collect();
    let shore = Shore::new(CONTRACT, source);
    // Hundreds of shards, one at a time, each with a file of its own. The signal comes when a
    // quarter of them has left its upload open.
    let arguments = shore.arguments(&["--shard-size", "3kB", "--threads", "1"]);
    let mut child = command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains(" of ") {
        line.clear();
        assert_ne!(
            stderr.read_line(&mut line).expect("it writes UTF-8"),
            0,
            "it tells its progress"
        );
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("there is a `kill`");
    assert!(sent.success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("it writes UTF-8");
    let answer = answer(child.wait_with_output().expect("it ends"));
    assert_eq!(answer.exit, 130, "{answer:?} {rest}");
    assert!(rest.contains("Cancelled: "), "{rest}");
    assert_eq!(shore.visible(), BTreeSet::new(), "no file, and no open upload");
    let (exit, _) = shore.job(&[]);
    assert_eq!(exit, 0, "it can be landed afterwards");
}

#[test]
fn flights_land_alike_in_shards_of_any_size() {
    let directory = tempfile::tempdir().expect("there is room");
    let source = directory.path().join("flights.csv");
    let packed = File::open(testdata("flights.csv.gz")).expect("it is in the repository");
    std::io::copy(
        &mut flate2::read::GzDecoder::new(packed),
        &mut File::create(&source).expect("there is room"),
    )
    .expect("it is gzip");
    // Without partitions: all is one file.
    let contract = std::fs::read_to_string(testdata("contracts/flights.yaml"))
        .expect("it is in the repository");
    let contract = contract.replace("output: { partitionBy: [month] }\n", "");
    let contract_path = directory.path().join("flights.yaml");
    std::fs::write(&contract_path, contract).expect("there is room");
    let land = |size: &str| {
        let lake = directory.path().join(size);
        let [contract, source, lake] =
            [&contract_path, &source, &lake].map(|path| path.as_os_str());
        let arguments = [OsStr::new("run"), contract, source, OsStr::new("--lake"), lake];
        let answer =
            landfall(arguments.into_iter().chain(["--json", "--shard-size", size].map(OsStr::new)));
        assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""));
        serde_json::from_str::<Value>(&answer.stdout).expect("it is JSON")
    };
    let whole = land("64MiB");
    assert_eq!(
        whole["counts"],
        serde_json::json!({ "read": 336_776, "stored": 336_776, "rejected": 0, "filtered": 0 })
    );
    let rows_of_whole = rows(&whole);
    for size in ["1MiB", "100kB"] {
        let split = land(size);
        assert_eq!(split["counts"], whole["counts"]);
        assert_eq!(
            split["files"].as_array().map(Vec::len),
            Some(1),
            "what shards leave small is put together"
        );
        assert!(
            !directory.path().join(size).join("_landfall/small").exists(),
            "nothing of it stays"
        );
        assert!(rows(&split) == rows_of_whole, "shards of {size}");
    }
}

#[test]
fn hashes_want_a_salt() {
    let contract = "name: people\nschema: { fields: [{ name: email, type: string }] }\ntransform: { mask: [{ field: email, with: sha256 }] }\n";
    let (directory, contract) = file("people.yaml", contract);
    let source = directory.path().join("people.csv");
    std::fs::write(&source, "email\nann@example.org\n").expect("there is room");
    let run = |salt: &str| {
        let lake = directory.path().join("lake");
        let arguments = [
            "run".as_ref(),
            contract.as_os_str(),
            source.as_os_str(),
            "--lake".as_ref(),
            lake.as_os_str(),
        ];
        answer(
            command(arguments).env("LANDFALL_MASK_SALT", salt).output().expect("the binary starts"),
        )
    };
    let [none, short, good] = ["", "short", "long enough to be a salt"].map(run);
    assert_eq!(none.exit, 2, "{}", none.stderr);
    assert!(
        none.stderr.contains("LANDFALL_MASK_SALT") && none.stderr.contains("`email`"),
        "{}",
        none.stderr
    );
    assert_eq!((short.exit, short.stderr.contains("at least 16")), (2, true), "{}", short.stderr);
    assert!(!short.stderr.contains("short"), "{}", short.stderr);
    assert_eq!(good.exit, 0, "{}", good.stderr);
}

#[test]
fn a_table_beside_the_contract_is_joined() {
    let join = "
transform:
  join:
    - { object: tables/notes.csv, on: [ note ], columns: [ stars ], how: inner, fields: [ { name: note, type: string }, { name: stars, type: integer } ] }
";
    let shore = Shore::new(&format!("{CONTRACT}{join}"), TRIPS);
    std::fs::create_dir(shore.path("tables")).expect("there is room");
    std::fs::write(shore.path("tables/notes.csv"), "note,stars\nplain,4\nlast,5\n")
        .expect("there is room");
    let (exit, job) = shore.job(&[]);
    assert_eq!(
        (exit, &job["counts"]["stored"], &job["counts"]["filtered"]),
        (0, &2.into(), &3.into()),
        "{job}"
    );
    let landed = rows(&job);
    let stars = landed.column_by_name("stars").expect("it is joined");
    assert_eq!(
        arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(stars).values(),
        &[4, 5]
    );
}

#[test]
fn a_landing_says_what_it_would_have_cost_and_may_have_a_cap() {
    let shore = Shore::new(CONTRACT, TRIPS);
    let (exit, job) = shore.job(&["--max-cost", "0.000001"]);
    assert_eq!((exit, &job["failure"]["error"]), (5, &"CostCapExceeded".into()), "{job}");
    assert!(
        job["failure"]["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains("more than its cap of 0.000001 USD")),
        "{job}"
    );
    assert_eq!(shore.run(&["--max-cost", "-1"]).exit, 2);

    let (exit, job) = shore.job(&["--max-cost", "0.5"]);
    assert_eq!((exit, &job["bill"]["basis"]), (0, &"estimate".into()), "{job}");
    assert!(
        job["bill"]["total"].as_f64().is_some_and(|total| total > 0.0 && total < 0.01),
        "{job}"
    );
    let told = Shore::new(CONTRACT, TRIPS).run(&["--cost"]).stdout;
    assert!(told.contains("cost      nothing here; on AWS an estimated 0.0"), "{told}");
    let told = Shore::new(CONTRACT, TRIPS).run(&[]).stdout;
    assert!(!told.contains("cost"), "nobody asked: {told}");
}

/// A process that is killed leaves a job that nobody ends, with parts of its files: the next run in
/// the lake does.
#[test]
fn a_killed_run_is_brought_to_its_end_by_the_next_one() {
    let rows: String =
        (0..2_000_000).map(|id| format!("{id},some text that takes its time,1.50\n")).collect();
    let shore = Shore::new(CONTRACT, format!("id,note,fare\n{rows}"));
    let mut running = command(shore.arguments(&[]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let jobs = shore.path("lake/_landfall/jobs");
    let is_planned = || {
        std::fs::read_dir(&jobs)
            .into_iter()
            .flatten()
            .flatten()
            .any(|job| job.path().join("plan.json").is_file())
    };
    while !is_planned() {
        assert!(
            running.try_wait().expect("it can be asked").is_none(),
            "it ended before it was killed"
        );
        std::thread::yield_now();
    }
    running.kill().expect("it runs");
    running.wait().expect("it ends");
    let visible: Vec<_> = shore
        .visible()
        .into_iter()
        .filter(|path| !path.starts_with(shore.path("lake/.uploads")))
        .collect();
    assert!(visible.is_empty(), "nothing is visible yet: {visible:?}");
    // As a process leaves them that is killed between two calls: of a document, and of nothing that
    // is known.
    for upload in ["lake/.uploads", "lake/_landfall/.uploads"] {
        let upload = shore.path(upload).join("0b0e9ad8-54ea-4f4e-8f59-44b3ae1d33c4");
        std::fs::create_dir_all(&upload).expect("there is room");
        std::fs::write(upload.join("data"), "cut off").expect("there is room");
    }
    let killed: Vec<_> = std::fs::read_dir(&jobs)
        .expect("it is there")
        .map(|job| job.expect("it can be read").path())
        .collect();

    let next = shore.run(&[]);
    assert!(
        next.stderr.contains("whose process was killed, was brought to its end: FAILED"),
        "{}",
        next.stderr
    );
    assert_eq!(next.exit, 0, "the same bytes are not refused for it: {}", next.stderr);
    assert!(killed.len() == 1 && !killed[0].exists(), "nobody asks for what is beside it");
    assert!(
        !shore.path("lake/.uploads").exists() && !shore.path("lake/_landfall/.uploads").exists(),
        "nothing is left"
    );
    assert_eq!(
        std::fs::read_dir(shore.path("lake/_landfall/running")).expect("it is there").count(),
        0,
        "no job runs"
    );
    assert!(!shore.run(&[]).stderr.contains("was killed"), "it is settled once");
}

#[test]
fn texts_are_of_their_format() {
    let contract = "name: people\nschema:\n  fields:\n    - { name: mail, format: email }\n    - { name: page, format: uri }\n    \
        - { name: id, format: uuid }\n    - { name: photo, format: binary }\n    - { name: note, format: default }\n";
    let source = "mail,page,id,photo,note\n\
        ada@example.org,https://example.org/a?b=c,f81d4fae-7dec-11d0-a765-00a0c91e6bf6,Zm9v,any @ll\n\
        ,,,,\n\
        ada@example,mailto:ada@example.org,F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6,Zg==,\n\
        ada,example.org,f81d4fae7dec11d0a76500a0c91e6bf6,Zg,\n";
    let shore = Shore::new(contract, source);
    let (exit, job) = shore.job(&[]);
    assert_eq!(
        (exit, &job["counts"]),
        (0, &serde_json::json!({ "read": 4, "stored": 3, "rejected": 1, "filtered": 0 }))
    );
    assert_eq!(rows(&job).column(3).null_count(), 1, "the text of a binary stays as it is");
    let errors = text(&job["errors"]);
    let faults: Vec<Value> =
        errors.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let expected = [
        "`ada` is not an email address such as ada@example.org",
        "`example.org` is not a URI with a scheme such as https://example.org/a?b=c, in which other characters are percent-encoded (RFC 3986)",
        "`f81d4fae7dec11d0a76500a0c91e6bf6` is not a UUID: 8-4-4-4-12 hexadecimal digits",
        "`Zg` is not base64 with its padding (RFC 4648)",
    ];
    assert_eq!(faults.len(), expected.len(), "{errors}");
    for (fault, message) in faults.iter().zip(expected) {
        assert_eq!(
            (&fault["line"], &fault["error"], &fault["message"]),
            (&5.into(), &"type-error".into(), &message.into())
        );
    }
}

#[test]
fn what_yaml_would_read_otherwise_is_what_is_written() {
    let contract = "name: t\nschema:\n  missingValues: [\"\", -999.00]\n  fields:\n    - { name: depth, type: number, physicalType: float64 }\n    \
        - { name: country, constraints: { enum: [NO, SE] } }\n    - { name: ok, type: boolean, trueValues: [Yes], falseValues: [No] }\n    \
        - { name: code, constraints: { enum: [007, 1e3] } }\n";
    let shore = Shore::new(
        contract,
        "depth,country,ok,code\n-999.00,NO,No,007\n-999.0,SE,Yes,1e3\n1,false,No,7\n",
    );
    let (_, job) = shore.job(&[]);
    assert_eq!(
        job["counts"],
        serde_json::json!({ "read": 3, "stored": 2, "rejected": 1, "filtered": 0 })
    );
    assert_eq!(rows(&job).column(0).null_count(), 1, "-999.0 is another text than -999.00");
}
