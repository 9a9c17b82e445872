//! Builds the context object, which paths that begin with `$$` lead into.

use serde_json::{Map, Value, json};

/// What does not change as long as an execution lasts.
#[derive(Debug, Clone)]
pub(crate) struct Context(Map<String, Value>);

impl Context {
    /// The context of an execution with this ARN and name.
    pub(crate) fn new(
        arn: &str,
        name: &str,
        input: &Value,
        started: &str,
        machine: (&str, &str),
    ) -> Self {
        let execution = json!({
            "Id": arn, "Name": name, "Input": input, "StartTime": started, "RedriveCount": 0,
        });
        let machine = json!({ "Id": machine.0, "Name": machine.1 });
        Self(Map::from_iter([
            ("Execution".to_owned(), execution),
            ("StateMachine".to_owned(), machine),
        ]))
    }

    /// With the item of a map.
    pub(crate) fn with_item(&self, index: usize, item: &Value) -> Self {
        let mut with = self.clone();
        with.0.insert("Map".to_owned(), json!({ "Item": { "Index": index, "Value": item } }));
        with
    }

    /// Inside a state that was entered then, and tried again so often.
    pub(crate) fn inside(&self, state: &str, entered: &str, retries: u64) -> Value {
        let mut inside = self.0.clone();
        let state = json!({ "Name": state, "EnteredTime": entered, "RetryCount": retries });
        inside.insert("State".to_owned(), state);
        Value::Object(inside)
    }
}
