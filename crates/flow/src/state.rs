//! Reads the states of a machine.

use serde_json::Value;

use crate::amount::{Amount, Text};
use crate::choice::Branch;
use crate::data::{Data, Has};
use crate::fields::Fields;
use crate::map::Map;
use crate::refusal::Refusal;
use crate::retry::{Catcher, Retrier};
use crate::task::Task;

/// A state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) data: Data,
    pub(crate) work: Work,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
    /// What follows; nothing at the end, and where the work itself decides.
    pub(crate) next: Option<String>,
}

/// What a state does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    Task(Task),
    Map(Box<Map>),
    Choice { branches: Vec<Branch>, default: Option<String> },
    Pass { result: Option<Value> },
    Wait(Until),
    Succeed,
    Fail { error: Option<Text>, cause: Option<Text> },
}

/// How long a `Wait` lasts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Until {
    Seconds(Amount),
    Timestamp(Text),
}

impl State {
    /// Reads the state at this place, such as `TransformAll/TransformShard`.
    pub(crate) fn read(place: &str, value: &Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(place, "", value)?;
        let kind = fields.needed_text("Type")?;
        if fields.one_of("QueryLanguage", &["JSONPath"]).is_err() {
            return fields.refuse("QueryLanguage", "only JSONPath is known");
        }
        let is_step = matches!(kind, "Task" | "Map");
        let goes_on = is_step || matches!(kind, "Pass" | "Wait");
        let data = Data::read(
            &mut fields,
            Has {
                parameters: matches!(kind, "Task" | "Pass"),
                selector: is_step,
                result: is_step || kind == "Pass",
                lenses: kind != "Fail",
            },
        )?;
        let work = match kind {
            "Task" => Work::Task(Task::read(&mut fields, &data)?),
            "Map" => Work::Map(Box::new(Map::read(&mut fields)?)),
            "Choice" => choice(&mut fields)?,
            "Pass" => Work::Pass { result: fields.take("Result").cloned() },
            "Wait" => Work::Wait(Until::read(&mut fields)?),
            "Succeed" => Work::Succeed,
            "Fail" => Work::Fail {
                error: Text::read(&mut fields, "Error")?,
                cause: Text::read(&mut fields, "Cause")?,
            },
            other => return fields.refuse("Type", format!("`{other}` is not known")),
        };
        let retry = if is_step { Retrier::read_all(&mut fields)? } else { Vec::new() };
        let catch = if is_step { Catcher::read_all(&mut fields)? } else { Vec::new() };
        let next = if goes_on { next(&mut fields)? } else { None };
        fields.end()?;
        Ok(Self { data, work, retry, catch, next })
    }

    /// The type of the state.
    pub(crate) fn kind(&self) -> &'static str {
        match self.work {
            Work::Task(_) => "Task",
            Work::Map(_) => "Map",
            Work::Choice { .. } => "Choice",
            Work::Pass { .. } => "Pass",
            Work::Wait(_) => "Wait",
            Work::Succeed => "Succeed",
            Work::Fail { .. } => "Fail",
        }
    }

    /// The states that may follow.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        let (branches, default) = match &self.work {
            Work::Choice { branches, default } => (branches.as_slice(), default.as_deref()),
            _ => (&[][..], None),
        };
        let branches = branches.iter().map(|branch| branch.next.as_str());
        let caught = self.catch.iter().map(|catcher| catcher.next.as_str());
        self.next.as_deref().into_iter().chain(default).chain(branches).chain(caught)
    }
}

impl Until {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Refusal> {
        match (Amount::read(fields, "Seconds")?, Text::read(fields, "Timestamp")?) {
            (Some(seconds), None) => Ok(Self::Seconds(seconds)),
            (None, Some(timestamp)) => Ok(Self::Timestamp(timestamp)),
            _ => fields.refuse("Seconds", "either Seconds or Timestamp is expected"),
        }
    }
}

fn choice(fields: &mut Fields<'_>) -> Result<Work, Refusal> {
    let branches: Vec<_> =
        fields.objects("Choices")?.into_iter().map(Branch::read).collect::<Result<_, _>>()?;
    if branches.is_empty() {
        return fields.refuse("Choices", "it is missing");
    }
    Ok(Work::Choice { branches, default: fields.text("Default")?.map(str::to_owned) })
}

/// `Next`, or nothing where there is `End`.
fn next(fields: &mut Fields<'_>) -> Result<Option<String>, Refusal> {
    let end = fields.take("End").map(|end| end == &Value::Bool(true)).unwrap_or_default();
    match (fields.text("Next")?, end) {
        (Some(next), false) => Ok(Some(next.to_owned())),
        (None, true) => Ok(None),
        (Some(_), true) => fields.refuse("Next", "there is End too"),
        (None, false) => fields.refuse("Next", "neither Next nor End is there"),
    }
}
