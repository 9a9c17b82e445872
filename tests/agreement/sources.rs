//! Reads the files of the checkout for the checks.

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

/// Every Rust file below a folder of the checkout, but for tests.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let is_test = |name: &String| {
        let mut stems = name.split('/').map(|part| part.trim_end_matches(".rs"));
        stems.any(|stem| stem == "tests" || stem == "conformance")
    };
    let names = checkout::files(folder, "rs").into_iter().map(|path| checkout::name(&path));
    names.filter(|name| !is_test(name)).collect()
}

/// The Rust of a folder or a file, without its unit tests and comments.
pub(crate) fn rust(path: &str) -> String {
    if path.ends_with(".rs") {
        return code(&text(path));
    }
    files(path).iter().map(|file| code(&text(file))).collect()
}

/// Rust without comments, and without the module of unit tests that a file ends with. Other test
/// modules are files of their own.
pub(crate) fn code(text: &str) -> String {
    let code = text.split("\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Every text between `before` and the first `after` that follows it.
pub(crate) fn between<'a>(
    text: &'a str,
    before: &'a str,
    after: &'a str,
) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
}

#[test]
fn code_goes_on_after_a_test_module_that_is_a_file() {
    let text = "#[cfg(test)]\nmod tests;\n// why\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    assert_eq!(code(text), "#[cfg(test)]\nmod tests;\nfn a() {}\n\n#[cfg(test)]\n");
}
