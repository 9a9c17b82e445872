//! Says which property belongs to which type. One that does not apply is a fault: passed over, it
//! would be taken to hold.

use std::sync::LazyLock;

use super::document::{Node, Object, Reading};

/// What every field may have.
const OF_ALL: [&str; 8] = [
    "name",
    "title",
    "description",
    "example",
    "type",
    "physicalType",
    "constraints",
    "missingValues",
];

/// What a field has besides, and the types that it belongs to.
pub(super) const OF_SOME: [(&str, &[&str]); 14] = [
    ("format", &["string", "integer", "number", "boolean", "date", "time", "datetime"]),
    // Of an integer it says what does not group: see `check`.
    ("decimalChar", &["number", "integer"]),
    ("groupChar", &["number", "integer"]),
    ("grouping", &["number", "integer"]),
    ("bareNumber", &["number", "integer"]),
    ("affixes", &["number", "integer"]),
    ("negatives", &["number", "integer"]),
    ("percent", &["number", "integer"]),
    ("trueValues", &["boolean"]),
    ("falseValues", &["boolean"]),
    ("timezone", &["datetime"]),
    ("ambiguous", &["datetime"]),
    ("yearPivot", &["date", "datetime"]),
    ("locale", &["date", "datetime"]),
];

/// Types whose values have an order.
const ORDERED: &[&str] = &["integer", "number", "date", "time", "datetime"];

/// Constraints, and the types that they belong to.
pub(super) const CONSTRAINTS: [(&str, &[&str]); 10] = [
    ("required", &["string", "integer", "number", "boolean", "date", "time", "datetime"]),
    ("unique", &["string", "integer", "number", "boolean", "date", "time", "datetime"]),
    ("enum", &["string", "integer", "number", "boolean", "date", "time", "datetime"]),
    ("minimum", ORDERED),
    ("maximum", ORDERED),
    ("exclusiveMinimum", ORDERED),
    ("exclusiveMaximum", ORDERED),
    ("minLength", &["string"]),
    ("maxLength", &["string"]),
    ("pattern", &["string"]),
];

/// All properties of fields.
pub(super) static PROPERTIES: LazyLock<Vec<&str>> =
    LazyLock::new(|| OF_ALL.into_iter().chain(OF_SOME.map(|(property, _)| property)).collect());

/// All constraints.
pub(super) static CONSTRAINT_NAMES: LazyLock<Vec<&str>> =
    LazyLock::new(|| CONSTRAINTS.map(|(constraint, _)| constraint).to_vec());

/// Tells of each property that a field of the type `kind` has and that does not belong to it.
pub(super) fn check(field: &Object<'_>, kind: &str, reading: &mut Reading) {
    report(field, kind, &OF_SOME, reading);
    if let Some(node) =
        field.get("decimalChar").filter(|_| kind == "integer" && field.get("groupChar").is_none())
    {
        let message = "belongs to number, and to integer only beside groupChar: an integer has no decimal character";
        node.fault(reading, message.to_owned());
    }
    if let Some(node) = field.get("format") {
        check_format(&node, kind, reading);
    }
}

/// Tells of each constraint that a field of the type `kind` has and that does not belong to it.
pub(super) fn check_constraints(constraints: &Object<'_>, kind: &str, reading: &mut Reading) {
    report(constraints, kind, &CONSTRAINTS, reading);
}

/// Whether a constraint belongs to fields of the type `kind`.
pub(super) fn constrains(constraint: &str, kind: &str) -> bool {
    CONSTRAINTS.iter().any(|(name, kinds)| *name == constraint && kinds.contains(&kind))
}

fn report(object: &Object<'_>, kind: &str, table: &[(&str, &[&str])], reading: &mut Reading) {
    for (property, kinds) in table.iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
        if let Some(node) = object.get(property) {
            node.key_fault(
                reading,
                format!(
                    "does not apply to a field of the type {kind}; it belongs to {}",
                    kinds.join(", ")
                ),
            );
        }
    }
}

/// A format other than the usual one is a pattern of moments, or a kind of texts; numbers and
/// booleans have properties instead.
fn check_format(node: &Node<'_>, kind: &str, reading: &mut Reading) {
    let instead = match kind {
        "integer" => "groupChar and bareNumber say how an integer is written",
        "number" => "decimalChar, groupChar and bareNumber say how a number is written",
        "boolean" => "trueValues and falseValues say how a boolean is written",
        _ => return,
    };
    if let Some(text) = node.text(reading).filter(|text| *text != "default") {
        node.fault(
            reading,
            format!("`{text}` is no format of the type {kind}; allowed: default; {instead}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Contract;

    const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "date", "time", "datetime"];

    /// A value that a property takes where it applies.
    fn value(property: &str, kind: &str) -> &'static str {
        match (property, kind) {
            ("format", _) => "default",
            ("decimalChar", _) => "','",
            ("groupChar", _) => "' '",
            ("bareNumber" | "required" | "unique", _) => "false",
            ("timezone", _) => "Europe/Berlin",
            ("grouping", _) => "lakhs",
            ("affixes", _) => "[kg]",
            ("negatives", _) => "[parentheses]",
            ("percent", _) => "written",
            ("ambiguous", _) => "latest",
            ("yearPivot", _) => "30",
            ("locale", _) => "de",
            ("trueValues", _) => "[yes]",
            ("falseValues", _) => "[no]",
            ("minLength" | "maxLength", _) => "3",
            ("enum", "integer" | "number") => "[1]",
            ("enum", "boolean") => "[true]",
            ("enum", "date") => "[2024-01-31]",
            ("enum", "time") => "['10:00:00']",
            ("enum", "datetime") => "['2024-01-31T10:00:00']",
            ("enum", _) => "[a]",
            ("pattern", _) => "'[a-z]+'",
            (_, "date") => "2024-01-31",
            (_, "time") => "'10:00:00'",
            (_, "datetime") => "'2024-01-31T10:00:00'",
            _ => "1",
        }
    }

    fn faults(field: &str) -> Vec<String> {
        let contract = Contract::parse(&format!(
            "name: t\nschema: {{ fields: [ {{ name: a, {field} }} ] }}\n"
        ));
        contract.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_property_is_taken_where_it_belongs_and_refused_elsewhere() {
        for kind in TYPES {
            for (property, kinds) in OF_SOME {
                let beside = match property {
                    "decimalChar" | "grouping" => ", groupChar: ' '",
                    "ambiguous" => ", timezone: Europe/Berlin",
                    "yearPivot" => ", format: '%d.%m.%y'",
                    "locale" => ", format: '%d %b %Y'",
                    _ => "",
                };
                let found =
                    faults(&format!("type: {kind}, {property}: {}{beside}", value(property, kind)));
                let expected = format!(
                    "schema.fields[0].{property}: does not apply to a field of the type {kind}; it belongs to {}",
                    kinds.join(", ")
                );
                assert_eq!(
                    found.contains(&expected),
                    !kinds.contains(&kind),
                    "{kind} {property}: {found:?}"
                );
                assert!(found.is_empty() || !kinds.contains(&kind), "{kind} {property}: {found:?}");
            }
            for (constraint, kinds) in CONSTRAINTS {
                let found = faults(&format!(
                    "type: {kind}, constraints: {{ {constraint}: {} }}",
                    value(constraint, kind)
                ));
                let expected = format!(
                    "schema.fields[0].constraints.{constraint}: does not apply to a field of the type {kind}; it belongs to {}",
                    kinds.join(", ")
                );
                let expected = if kinds.contains(&kind) { vec![] } else { vec![expected] };
                assert_eq!(found, expected, "{kind} {constraint}");
            }
        }
    }

    #[test]
    fn numbers_and_booleans_have_no_formats() {
        assert_eq!(
            faults("type: integer, format: \"#,#00\""),
            [
                "schema.fields[0].format: `#,#00` is no format of the type integer; allowed: default; groupChar and bareNumber say how an integer is written"
            ]
        );
        assert_eq!(faults("type: boolean, format: x").len(), 1);
        assert_eq!(
            faults("type: integer, decimalChar: ','"),
            [
                "schema.fields[0].decimalChar: belongs to number, and to integer only beside groupChar: an integer has no decimal character"
            ]
        );
    }
}
