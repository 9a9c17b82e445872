//! Runs `landfall check`: tells whether a contract is valid.

use std::path::PathBuf;

use clap::Args;
use contract::Contract;

use crate::complain_of;
use crate::document::Document;
use crate::exit::{Exit, examples};
use crate::size::counted;
use crate::stdout::say;

const EXAMPLES: &[&str] = &[
    "landfall check flights.yaml",
    "landfall check flights.yaml --json    # a list of {path, line, column, message}, empty if it is valid",
];

/// Check a contract, and name each of its faults with its line and column.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, "0 the contract is valid · 2 it is not, or can't be read"))]
pub(crate) struct Check {
    /// The contract: YAML or JSON; `-` is standard input.
    contract: PathBuf,
    /// Print the faults as a JSON list on stdout.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(self) -> Exit {
        let document = match Document::read(&self.contract) {
            Ok(document) => document,
            Err(exit) => return exit,
        };
        match document.contract {
            Ok(_) if self.json => say("[]"),
            Ok(contract) => say(summary(&contract)),
            Err(faults) => {
                if self.json {
                    say(serde_json::json!(faults));
                } else {
                    complain_of(&self.contract, &faults);
                }
                return Exit::WrongUse;
            }
        }
        Exit::Landed
    }
}

fn summary(contract: &Contract) -> String {
    let fields = contract.schema.fields.len();
    let partitions = match contract.output.partition_by.as_slice() {
        [] => "not partitioned".to_owned(),
        names => format!("partitioned by {}", names.join(", ")),
    };
    let fields = counted(fields as u64, "field");
    format!("{}: {fields}, {partitions}, rejects: {}", contract.name, contract.rejects_limit)
}
