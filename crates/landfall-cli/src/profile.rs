//! Runs `landfall profile`: tells what the columns of a file hold.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use contract::Contract;
use inference::dataset_name;
use job::{Error, ErrorKind};
use landing::opening::Stated;
use landing::profile::{ColumnProfile, Profile, Table};

use crate::document::Document;
use crate::exit::{Exit, examples};
use crate::new::{complain_about, infer};
use crate::path;
use crate::rows::source::{Source, Unreadable};
use crate::stdout::say;
use crate::{complain, complain_of, fault_line};

const EXAMPLES: &[&str] = &[
    "landfall profile flights.csv",
    "landfall profile flights.csv --contract flights.yaml --json | jq '.columns[] | {name, nulls, distinct}'",
];

/// Show what the columns of a file hold: how many values and nulls, the least, the mean and the
/// greatest, how many are different and which are frequent.
///
/// Without a contract, one is proposed first (as `landfall new` does), so the file is read twice.
/// Counts, bounds and means are exact; the number of different values (standard error 2.3 %),
/// quantiles and frequent values are approximate. Records with faults have no part in it.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, "0 shown · 1 the file does not match the contract · 2 wrong use · 3 the file can't be read"))]
pub(crate) struct ShowProfile {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// The contract that tells the types of the columns.
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<PathBuf>,
    /// Print the profile as JSON, with quantiles.
    #[arg(long)]
    json: bool,
}

impl ShowProfile {
    pub(crate) fn run(self) -> Exit {
        let contract = match self.contract() {
            Ok(contract) => contract,
            Err(exit) => return exit,
        };
        let (profile, refused) = match profile(&self.file, contract) {
            Ok(profiled) => profiled,
            Err(Unreadable::Refused(Error {
                kind: ErrorKind::SchemaDrift,
                message: drift,
                ..
            })) => {
                complain(drift);
                return Exit::Refused;
            }
            Err(error) => return complain_about(&self.file, &error),
        };
        if self.json {
            say(serde_json::json!(profile));
        } else {
            say(table(&profile).trim_end());
        }
        if refused > 0 {
            complain(format_args!(
                "{refused} records have faults and are left out; `landfall rows` or `landfall run` tells them"
            ));
        }
        Exit::Landed
    }

    fn contract(&self) -> Result<Contract, Exit> {
        let contract = match &self.contract {
            Some(path) => Document::read(path)?.contract,
            None if path::is_stdin(&self.file) => {
                complain(
                    "-: standard input can be read once, and is read twice without `--contract`: give one, or a file",
                );
                return Err(Exit::WrongUse);
            }
            None => {
                let inferred = infer(&self.file, &dataset_name("file"), None);
                Contract::parse(&inferred.map_err(|error| complain_about(&self.file, &error))?.yaml)
            }
        };
        contract.map_err(|faults| {
            complain_of(self.contract.as_deref().unwrap_or(&self.file), &faults);
            Exit::WrongUse
        })
    }
}

/// Profiles a file, and says how many records were left out.
fn profile(file: &Path, contract: Contract) -> Result<(Profile, u64), Unreadable> {
    let path = file.display().to_string();
    let stated = Stated {
        name: &path,
        compression: contract.compression,
        encoding: contract.encoding,
        dialect: &contract.dialect,
        schema: Some(&contract.schema),
    };
    let source = Source::open_member(file, &stated, contract.member.as_ref(), None)?;
    let dialect = source.dialect().clone();
    let mapping = if dialect.header {
        contract.schema.match_header(&source.opening().header.names).map_err(|drift| {
            drift
                .entries(&contract, &source.opening().found_header())
                .iter()
                .for_each(|fault| complain(fault_line(fault)));
            Error::new(ErrorKind::SchemaDrift, drift.to_string())
        })?
    } else {
        contract.schema.match_positions()
    };
    let mut table = Table::new(contract, mapping);
    source.read(&mut |batch, _| table.observe(batch, &dialect).map_err(io::Error::other))?;
    Ok(table.finish())
}

/// Most characters of a cell of the table.
const CELL_CHARS: usize = 24;
const MOST_FREQUENT: usize = 3;

/// The profile as text: a line for each column.
fn table(profile: &Profile) -> String {
    let head = ["column", "type", "values", "nulls", "distinct", "min", "mean", "max", "frequent"]
        .map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(profile.columns.iter().map(row)).collect();
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let line: Vec<_> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(index, (cell, width))| {
                if (2..=4).contains(&index) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        text += line.join("  ").trim_end();
        text.push('\n');
    }
    text + &format!("{} rows\n", profile.rows)
}

fn row(column: &ColumnProfile) -> [String; 9] {
    let value = |value: &Option<serde_json::Value>| match value {
        Some(serde_json::Value::String(text)) => cut(text),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let frequent: Vec<_> = column
        .frequent
        .iter()
        .take(MOST_FREQUENT)
        .map(|f| format!("{} ({})", cut(&f.value), f.count))
        .collect();
    [
        cut(&column.name),
        column.kind.clone(),
        column.count.to_string(),
        column.nulls.to_string(),
        column.distinct.map_or_else(String::new, |distinct| format!("~{distinct}")),
        value(&column.min),
        column.mean.map_or_else(String::new, |mean| format!("{mean:.3}")),
        value(&column.max),
        frequent.join(", "),
    ]
}

/// A text for one line of a terminal.
fn cut(text: &str) -> String {
    let short: String = text.chars().take(CELL_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(CELL_CHARS).is_some() { format!("{short}…") } else { short }
}
