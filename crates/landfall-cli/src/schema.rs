//! Runs `landfall schema`: describes contracts to editors.

use clap::Args;

use crate::exit::{Exit, examples};
use crate::stdout::say;

const EXAMPLES: &[&str] = &[
    "landfall schema > contract.schema.json",
    "# yaml-language-server: $schema=contract.schema.json    # the first line of a contract",
];

/// Print the JSON Schema (2020-12) of contracts, by which editors complete and check them.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, "0 it is printed"))]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Exit {
        say(format_args!("{:#}", contract::json_schema()));
        Exit::Landed
    }
}
