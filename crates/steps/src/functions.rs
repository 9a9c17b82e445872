//! The functions of the state machine, as their Lambdas have them: a message in, an answer out.
//!
//! Where the state machine runs in one process, this is what its tasks call.

use std::sync::LazyLock;

use flow::Machine;
use job::message::{EndJob, Ended, MakeFiles};
use job::{Error, ErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wording::Unquoted;

use crate::Context;

/// The state machine.
pub const LANDING: &str = include_str!("../../../statemachine/landing.asl.json");

/// The state machine, with these functions for the names that it leaves open.
pub static MACHINE: LazyLock<Machine> = LazyLock::new(|| {
    Machine::read("landing", LANDING, &FUNCTIONS).expect("a test reads the same document")
});

/// The names that the state machine leaves open, each with the function that stands for it.
pub const FUNCTIONS: [(&str, &str); 4] = [
    ("IngestFunction", "ingest"),
    ("TransformFunction", "transform"),
    ("VerifyFunction", "verify"),
    ("StoreFunction", "store"),
];

/// Calls a function of [`FUNCTIONS`]. No other attempt has this `attempt`.
pub async fn call(
    context: &Context,
    function: &str,
    message: Value,
    attempt: &str,
) -> Result<Value, Error> {
    let read = |error: serde_json::Error| {
        Error::new(
            ErrorKind::Internal,
            format!("the message is not one for `{function}`: {}", error.unquoted()),
        )
    };
    match function {
        "ingest" => answer(crate::ingest(context, message_of(message).map_err(read)?).await?),
        "transform" => match message_of(message).map_err(read)? {
            MakeFiles::Shard(shard) => answer(crate::transform(context, shard, attempt).await?),
            MakeFiles::Merge(merge) => answer(crate::merge(context, merge, attempt).await?),
        },
        "verify" => answer(crate::verify(context, message_of(message).map_err(read)?).await?),
        "store" => match message_of(message).map_err(read)? {
            EndJob::Store(job) => answer(Ended::Stored(crate::store(context, job).await?)),
            EndJob::Hold(job) => answer(Ended::Held(crate::hold(context, job).await?)),
            EndJob::Abandon(job) => answer(Ended::Settled(crate::abandon(context, job).await?)),
        },
        other => Err(Error::new(ErrorKind::Internal, format!("there is no function `{other}`"))),
    }
}

fn message_of<T: DeserializeOwned>(message: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(message)
}

fn answer(answer: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(answer)
        .map_err(|_| Error::new(ErrorKind::Internal, "an answer can't be written".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_machine_is_one_that_can_be_run_here() {
        LazyLock::force(&MACHINE);
    }
}
