//! What the files of the checkout say.

use std::fs;

use serde_json::Value;
use xtask::checkout;

/// The text of a file of the checkout.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(checkout::root().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The template without its tags: `!Ref X` is "X", `!GetAtt X.Arn` is "X.Arn", `!If [a, b, c]` is a
/// list.
pub(crate) fn template() -> Value {
    serde_saphyr::from_str(&text("template.yaml")).unwrap()
}

/// The properties of a resource of the template.
pub(crate) fn properties<'a>(template: &'a Value, resource: &str) -> &'a Value {
    template["Resources"][resource]
        .get("Properties")
        .unwrap_or_else(|| panic!("the template has no {resource}"))
}

/// The names of the template's resources of a type.
pub(crate) fn resources<'a>(template: &'a Value, kind: &str) -> Vec<&'a str> {
    let all = template["Resources"].as_object().unwrap();
    all.iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The state machine.
pub(crate) fn state_machine() -> Value {
    serde_json::from_str(&text("statemachine/landing.asl.json")).unwrap()
}

/// `transform` as the template names its resource: `TransformFunction`.
pub(crate) fn resource_of(function: &str) -> String {
    format!("{}{}Function", function[..1].to_uppercase(), &function[1..])
}

/// The Rust of a folder or a file, without its unit tests and comments.
pub(crate) fn rust(path: &str) -> String {
    let place = checkout::root().join(path);
    let files = if place.is_dir() {
        fs::read_dir(&place)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
            .collect()
    } else {
        vec![place]
    };
    let lines = |text: String| {
        let end = text.find("#[cfg(test)]").unwrap_or(text.len());
        text[..end]
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    files
        .iter()
        .map(|file| {
            lines(
                fs::read_to_string(file)
                    .unwrap_or_else(|error| panic!("{}: {error}", file.display())),
            )
        })
        .collect()
}

/// Every text between `before` and the first `after` that follows it.
pub(crate) fn between<'a>(
    text: &'a str,
    before: &'a str,
    after: &'a str,
) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
}
