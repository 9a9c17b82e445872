//! Runs `landfall files`: lists the files of a table, as of any commit.

use std::path::PathBuf;

use clap::Args;
use job::DatasetName;
use objects::Buckets as _;
use serde_json::json;
use tables::{At, Log, Snapshot};

use crate::exit::{Exit, examples};
use crate::size::{bytes, counted};
use crate::stdout::say;
use crate::{complain, path};

const EXAMPLES: &[&str] = &[
    "landfall files flights --lake lake",
    "landfall files flights --lake lake --at 7 --json | jq -r '.files[].key'",
    "landfall files flights --lake lake --at 2026-01-31T12:00:00Z",
];

/// List the files of a table: what its commits add up to, whatever else lies under its prefix.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, "0 they are listed · 2 there is no such table, or no such commit · 3 the log can't be read"))]
pub(crate) struct Files {
    /// The dataset.
    dataset: String,
    /// The directory of the lake.
    #[arg(long, value_name = "DIR")]
    lake: PathBuf,
    /// The table as a commit left it, by its number, or as it was at a moment (RFC 3339) [default:
    /// now]
    #[arg(long, value_name = "COMMIT|TIME", hide_default_value = true)]
    at: Option<At>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Files {
    pub(crate) fn run(self) -> Exit {
        let read = DatasetName::parse(&self.dataset)
            .map_err(wrong)
            .and_then(|dataset| Ok((self.read(&dataset)?, dataset)));
        match read {
            Ok((snapshot, dataset)) => {
                self.show(&dataset, &snapshot);
                Exit::Landed
            }
            Err((message, exit)) => {
                complain(message);
                exit
            }
        }
    }

    fn read(&self, dataset: &DatasetName) -> Result<Snapshot, (String, Exit)> {
        path::check_lake(&self.lake).map_err(wrong)?;
        let lake = std::path::absolute(&self.lake)
            .map_err(|error| wrong(format!("{}: {error}", self.lake.display())))?;
        let bucket = lake
            .to_str()
            .ok_or_else(|| wrong(format!("{}: the path is not valid UTF-8", lake.display())))?;
        let failed = |error: &dyn std::fmt::Display| (error.to_string(), Exit::Infrastructure);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| failed(&error))?;
        let found = runtime.block_on(async {
            let log = Log::open(objects::Directories.bucket(bucket), format!("{dataset}/")).await?;
            log.at(self.at.unwrap_or_default()).await
        });
        let found = found.map_err(|error| failed(&error))?;
        found.ok_or_else(|| {
            wrong(match self.at {
                None => format!("nothing has landed in {dataset} of {}", lake.display()),
                Some(At::Commit(number)) => format!("{dataset} has no commit {number}"),
                Some(_) => format!("nothing had landed in {dataset} by then"),
            })
        })
    }

    fn show(&self, dataset: &DatasetName, snapshot: &Snapshot) {
        let Snapshot { sequence, committed, table } = snapshot;
        let rows: u64 = table.files().map(|file| file.rows).sum();
        let size: u64 = table.files().map(|file| file.bytes).sum();
        if self.json {
            let files: Vec<_> = table
                .files()
                .map(|file| json!({"key": self.lake.join(&file.key), "partition": file.partition, "rows": file.rows, "bytes": file.bytes}))
                .collect();
            say(
                json!({"dataset": dataset, "sequence": sequence, "committed": committed, "rows": rows, "bytes": size, "files": files}),
            );
            return;
        }
        let files = counted(table.files().len() as u64, "file");
        say(format_args!(
            "{dataset}, commit {sequence} of {committed}: {files}, {}, {}",
            counted(rows, "row"),
            bytes(size)
        ));
        for file in table.files() {
            say(format_args!(
                "{}: {}, {}",
                self.lake.join(&file.key).display(),
                counted(file.rows, "row"),
                bytes(file.bytes)
            ));
        }
    }
}

fn wrong(message: String) -> (String, Exit) {
    (message, Exit::WrongUse)
}
