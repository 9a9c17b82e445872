//! Says why a document is not run.

/// What the engine does not know in a document, or finds wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{reason}", colon(state), colon(field))]
pub struct Refusal {
    /// The state, with those around it: `TransformAll/TransformShard`. Empty for the machine.
    pub state: String,
    /// The field, with those around it: `Retry[0].ErrorEquals`. Empty for the state as a whole.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

fn colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}: ") }
}
