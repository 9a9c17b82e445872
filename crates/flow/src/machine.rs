//! Turns a document of the Amazon States Language into a machine.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::state::State;

/// A state machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    pub(crate) name: String,
    /// Seconds that an execution may take.
    pub(crate) timeout: Option<u64>,
    pub(crate) states: States,
}

/// States, and the one to start at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct States {
    pub(crate) start: String,
    pub(crate) all: BTreeMap<String, State>,
}

impl Machine {
    /// Reads a document; `name` is the machine's, as ARNs have it.
    ///
    /// `substitutions` are put in for what the document leaves open, as SAM's
    /// `DefinitionSubstitutions` are: the name in `${…}`, and the text that stands for it.
    pub fn read(
        name: &str,
        document: &str,
        substitutions: &[(&str, &str)],
    ) -> Result<Self, Refusal> {
        let refuse =
            |reason: String| Refusal { state: String::new(), field: String::new(), reason };
        let filled = substitutions.iter().fold(document.to_owned(), |text, (open, put)| {
            text.replace(&format!("${{{open}}}"), put)
        });
        let left = filled.split_once("${").and_then(|(_, rest)| Some(rest.split_once('}')?.0));
        if let Some(open) = left {
            return Err(refuse(format!("nothing is put in for `${{{open}}}`")));
        }
        let value: Value =
            serde_json::from_str(&filled).map_err(|error| refuse(format!("not JSON: {error}")))?;
        let mut fields = Fields::of("", "", &value)?;
        let timeout = fields.count("TimeoutSeconds")?;
        fields.one_of("Version", &["1.0"])?;
        fields.one_of("QueryLanguage", &["JSONPath"])?;
        let states = States::read(&mut fields)?;
        fields.end()?;
        Ok(Self { name: name.to_owned(), timeout, states })
    }
}

impl States {
    /// Reads `StartAt` and `States` of a machine, or of the processor of a map.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Result<Self, Refusal> {
        let within = match fields.state() {
            "" => String::new(),
            state => format!("{state}/"),
        };
        let start = fields.needed_text("StartAt")?.to_owned();
        let Some(states) = fields.take("States").and_then(Value::as_object) else {
            return fields.refuse("States", "an object is expected");
        };
        let read = states.iter().map(|(name, value)| {
            Ok((name.clone(), State::read(&format!("{within}{name}"), value)?))
        });
        let all: BTreeMap<String, State> = read.collect::<Result<_, Refusal>>()?;
        if !all.contains_key(&start) {
            return fields.refuse("StartAt", format!("there is no state `{start}`"));
        }
        for (name, state) in &all {
            if let Some(target) = state.targets().find(|target| !all.contains_key(*target)) {
                let reason = format!("it leads to `{target}`, which is no state");
                return Err(Refusal {
                    state: format!("{within}{name}"),
                    field: String::new(),
                    reason,
                });
            }
        }
        Ok(Self { start, all })
    }
}
