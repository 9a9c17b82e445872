//! Checks a state machine in the Amazon States Language for faults that neither the local cloud nor
//! a linter finds.
//!
//! It knows JSONPath machines of the parts that this project uses, and says so where it meets
//! another.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// State types and whether a state of the type goes on by `Next` or `End`.
const TYPES: [(&str, bool); 7] = [
    ("Task", true),
    ("Map", true),
    ("Pass", true),
    ("Wait", true),
    ("Choice", false),
    ("Succeed", false),
    ("Fail", false),
];

/// Everything that is wrong with a definition, each with its place. An empty list is a good
/// machine.
pub fn faults(definition: &str) -> Vec<String> {
    match serde_json::from_str::<Value>(definition) {
        Err(error) => vec![format!("not JSON: {error}")],
        Ok(machine) => {
            let mut faults = Vec::new();
            if machine.get("Comment").is_none() {
                faults.push("the machine has no Comment".to_owned());
            }
            if machine.get("TimeoutSeconds").and_then(Value::as_u64).is_none() {
                faults.push("the machine has no TimeoutSeconds".to_owned());
            }
            check_machine(&machine, "", &mut faults);
            faults
        }
    }
}

/// Every state, those of map processors included, with its path (`TransformAll/TransformShard`).
pub fn states(machine: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, state) in machine.get("States").and_then(Value::as_object).into_iter().flatten() {
        found.push((name.clone(), state));
        let inner = state.get("ItemProcessor").map(states).unwrap_or_default();
        found.extend(inner.into_iter().map(|(inside, state)| (format!("{name}/{inside}"), state)));
    }
    found
}

fn check_machine(machine: &Value, place: &str, faults: &mut Vec<String>) {
    let empty = Map::new();
    let states = machine.get("States").and_then(Value::as_object).unwrap_or(&empty);
    let mut fault = |state: &str, text: String| faults.push(format!("{place}{state}: {text}"));
    let Some(start) = machine.get("StartAt").and_then(Value::as_str) else {
        return fault("", "no StartAt".to_owned());
    };
    if !states.contains_key(start) {
        return fault("", format!("StartAt names `{start}`, which is no state"));
    }

    for (name, state) in states {
        let kind = state.get("Type").and_then(Value::as_str).unwrap_or("none");
        let Some((_, goes_on)) = TYPES.iter().find(|(known, _)| *known == kind) else {
            fault(
                name,
                format!("type `{kind}` is not one of {}", TYPES.map(|(known, _)| known).join(", ")),
            );
            continue;
        };
        if state.get("Comment").and_then(Value::as_str).is_none_or(str::is_empty) {
            fault(name, "no Comment".to_owned());
        }
        if kind == "Task" && state.get("TimeoutSeconds").and_then(Value::as_u64).is_none() {
            fault(name, "no TimeoutSeconds".to_owned());
        }
        let exits = usize::from(state.get("Next").is_some())
            + usize::from(state.get("End") == Some(&Value::Bool(true)));
        match (goes_on, exits) {
            (true, 0) => fault(name, "neither Next nor End".to_owned()),
            (true, 2) => fault(name, "both Next and End".to_owned()),
            (false, 1..) => fault(name, format!("a {kind} state has no Next or End")),
            _ => {}
        }
        if kind == "Choice" {
            if state.get("Default").is_none() {
                fault(
                    name,
                    "no Default: an input that no choice fits fails with States.NoChoiceMatched"
                        .to_owned(),
                );
            }
            if state.get("Choices").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                fault(name, "no Choices".to_owned());
            }
        }
        if kind == "Fail"
            && (state.get("Error").or(state.get("ErrorPath")).is_none()
                || state.get("Cause").or(state.get("CausePath")).is_none())
        {
            fault(name, "no Error or no Cause".to_owned());
        }
        for catcher in list(state, "Catch").chain(list(state, "Choices")) {
            if catcher.get("Next").is_none() {
                fault(name, "a catcher or a choice without Next".to_owned());
            }
        }
        for target in targets(state) {
            if !states.contains_key(target) {
                fault(name, format!("leads to `{target}`, which is no state"));
            }
        }
    }

    let reached = reached(states, start);
    for name in states.keys().filter(|name| !reached.contains(name.as_str())) {
        fault(name, "can't be reached".to_owned());
    }
    for (name, state) in
        states.iter().filter(|(_, state)| state.get("Type") == Some(&Value::from("Map")))
    {
        match state.get("ItemProcessor") {
            Some(processor) => check_machine(processor, &format!("{place}{name}/"), faults),
            None => faults.push(format!("{place}{name}: a Map without ItemProcessor")),
        }
    }
}

/// The states that can follow one another from `start`.
fn reached<'a>(states: &'a Map<String, Value>, start: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(states.get(name).into_iter().flat_map(targets));
        }
    }
    reached
}

/// Where a state may lead.
fn targets(state: &Value) -> impl Iterator<Item = &str> {
    let own = ["Next", "Default"].into_iter().filter_map(|field| state.get(field)?.as_str());
    let others = list(state, "Catch")
        .chain(list(state, "Choices"))
        .filter_map(|entry| entry.get("Next")?.as_str());
    own.chain(others)
}

fn list<'a>(state: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    state.get(field).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A good machine with two states and a map of one; `change` spoils it.
    fn check(change: impl FnOnce(&mut Value), expected: &[&str]) {
        let mut machine = json!({
            "Comment": "c", "TimeoutSeconds": 9, "StartAt": "Go",
            "States": {
                "Go": { "Type": "Task", "Comment": "c", "TimeoutSeconds": 1, "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Lost" }], "Next": "Which?" },
                "Which?": { "Type": "Choice", "Comment": "c", "Choices": [{ "Variable": "$.x", "IsPresent": true, "Next": "All" }], "Default": "Done" },
                "All": { "Type": "Map", "Comment": "c", "Next": "Done", "ItemProcessor": {
                    "StartAt": "One", "States": { "One": { "Type": "Task", "Comment": "c", "TimeoutSeconds": 1, "End": true } } } },
                "Done": { "Type": "Succeed", "Comment": "c" },
                "Lost": { "Type": "Fail", "Comment": "c", "Error": "e", "Cause": "c" },
            }
        });
        change(&mut machine);
        assert_eq!(faults(&machine.to_string()), expected);
    }

    fn without(field: &'static str, pointer: &'static str) -> impl FnOnce(&mut Value) {
        move |machine| {
            machine
                .pointer_mut(pointer)
                .and_then(Value::as_object_mut)
                .and_then(|state| state.remove(field))
                .expect("the field is there");
        }
    }

    #[test]
    fn a_good_machine_has_no_faults() {
        check(|_| (), &[]);
    }

    #[test]
    fn each_fault_is_found_where_it_is() {
        check(
            without("Next", "/States/Go"),
            &[
                "Go: neither Next nor End",
                "All: can't be reached",
                "Done: can't be reached",
                "Which?: can't be reached",
            ],
        );
        check(without("Comment", "/States/Done"), &["Done: no Comment"]);
        check(without("TimeoutSeconds", "/States/Go"), &["Go: no TimeoutSeconds"]);
        check(without("TimeoutSeconds", ""), &["the machine has no TimeoutSeconds"]);
        check(without("Comment", ""), &["the machine has no Comment"]);
        check(
            without("Default", "/States/Which?"),
            &["Which?: no Default: an input that no choice fits fails with States.NoChoiceMatched"],
        );
        check(without("Cause", "/States/Lost"), &["Lost: no Error or no Cause"]);
        check(without("ItemProcessor", "/States/All"), &["All: a Map without ItemProcessor"]);
        check(
            without("Next", "/States/Go/Catch/0"),
            &["Go: a catcher or a choice without Next", "Lost: can't be reached"],
        );
        check(
            |machine| machine["States"]["Done"]["Type"] = json!("Succed"),
            &["Done: type `Succed` is not one of Task, Map, Pass, Wait, Choice, Succeed, Fail"],
        );
        check(
            |machine| machine["States"]["Go"]["Next"] = json!("Wich?"),
            &[
                "Go: leads to `Wich?`, which is no state",
                "All: can't be reached",
                "Done: can't be reached",
                "Which?: can't be reached",
            ],
        );
        check(|machine| machine["States"]["Go"]["End"] = json!(true), &["Go: both Next and End"]);
        check(
            |machine| machine["States"]["Done"]["Next"] = json!("Go"),
            &["Done: a Succeed state has no Next or End"],
        );
        check(
            |machine| machine["StartAt"] = json!("Start"),
            &[": StartAt names `Start`, which is no state"],
        );
    }

    #[test]
    fn the_processor_of_a_map_is_checked_too() {
        check(
            without("End", "/States/All/ItemProcessor/States/One"),
            &["All/One: neither Next nor End"],
        );
        check(
            |machine| {
                machine["States"]["All"]["ItemProcessor"]["States"]["Two"] =
                    json!({ "Type": "Succeed", "Comment": "c" })
            },
            &["All/Two: can't be reached"],
        );
    }

    #[test]
    fn what_is_not_json_is_one_fault() {
        assert_eq!(faults("{").len(), 1);
    }
}
