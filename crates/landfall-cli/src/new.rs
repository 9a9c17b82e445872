//! Runs `landfall new`: proposes a contract for a file.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use contract::Compression;
use csv_records::dialect::StatedDialect;
use inference::{Inference, Inferred, dataset_name};
use job::DatasetName;
use landing::batch::Cells;
use landing::columns::Records;
use landing::opening::Stated;

use crate::complain;
use crate::exit::{Exit, examples};
use crate::rows::source::{Source, Unreadable};
use crate::size::parse_bytes;
use crate::stdout::say;

const EXAMPLES: &[&str] = &[
    "landfall new flights.csv > flights.yaml",
    "landfall new flights.csv --sample 10MB --name flights_2013",
    "landfall new flights.csv --json | jq .evidence",
];

/// Propose a contract for a file: how it is read, the type of each column, and the reason for each
/// guess, as a comment.
///
/// The contract lands the file; records that no contract would take are counted at its top. It is a
/// proposal: look at what it says is in doubt.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, "0 proposed · 2 wrong use · 3 the file can't be read"))]
pub(crate) struct New {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// The dataset's name [default: after the file]
    #[arg(long, value_name = "NAME", value_parser = DatasetName::parse)]
    name: Option<DatasetName>,
    /// Look at the first bytes only: 64kB, 10MB [default: the whole file]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    sample: Option<u64>,
    /// Print {yaml, evidence, records, refused} as JSON.
    #[arg(long)]
    json: bool,
}

impl New {
    pub(crate) fn run(self) -> Exit {
        let name = self.name.unwrap_or_else(|| dataset_name(&self.file.to_string_lossy()));
        let inferred = match infer(&self.file, &name, self.sample) {
            Ok(inferred) => inferred,
            Err(error) => return complain_about(&self.file, &error),
        };
        if self.json {
            say(serde_json::json!(inferred));
        } else {
            say(inferred.yaml.trim_end());
        }
        Exit::Landed
    }
}

/// Says why a file can't be read.
pub(crate) fn complain_about(file: &Path, error: &Unreadable) -> Exit {
    match error {
        // These name the file themselves.
        Unreadable::Refused(error) => complain(error),
        Unreadable::Archive(message) => complain(message),
        error => complain(format_args!("{}: {error}", file.display())),
    }
    Exit::Infrastructure
}

/// Proposes a contract, from the whole file or from its records that begin in its first `sample`
/// bytes.
pub(crate) fn infer(
    file: &Path,
    name: &DatasetName,
    sample: Option<u64>,
) -> Result<Inferred, Unreadable> {
    let path = file.display().to_string();
    let stated = Stated {
        name: &path,
        compression: Compression::Auto,
        encoding: None,
        dialect: &StatedDialect::default(),
        schema: None,
    };
    let source = Source::open(file, &stated, None)?;
    let opening = source.opening().clone();
    opening.check_not_empty(&path)?;
    let dialect = opening.dialect.clone();
    let mut inference = Inference::new(&opening);
    let mut is_enough = false;
    let read = source.read(&mut |batch, _| {
        let looked_at = batch
            .records
            .partition_point(|row| sample.is_none_or(|sample| batch.byte(row.start) < sample));
        let Cells { window, fields, is_utf8, .. } = &batch.cells();
        inference.observe(Records {
            window,
            rows: &batch.records[..looked_at],
            fields,
            dialect: &dialect,
            is_utf8: *is_utf8,
        });
        is_enough = looked_at < batch.records.len();
        if is_enough { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    });
    match read {
        Err(_) if is_enough => {}
        read => read?,
    }
    Ok(inference.finish(name, &opening, !is_enough))
}
