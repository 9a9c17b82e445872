//! Reads reference paths: `$`, `$.a.b`, `$['a b'][0]`, and the same of the context object with
//! `$$`.
//!
//! A text goes in, and where it points in a document comes out. Paths that may name several
//! values (`..`, `*`, slices, filters) are refused, and so are intrinsic functions.

use serde_json::{Map, Value};

/// A place in the input of a state, or in the context object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    root: Root,
    steps: Vec<Step>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    Input,
    Context,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What paths are looked up in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) input: &'a Value,
    pub(crate) context: &'a Value,
}

impl Path {
    /// Reads a path; the error says what is not known.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refuse = |what: &str| format!("`{text}` {what}");
        let (root, mut rest) = match (text.strip_prefix("$$"), text.strip_prefix('$')) {
            (Some(rest), _) => (Root::Context, rest),
            (None, Some(rest)) => (Root::Input, rest),
            (None, None) if text.starts_with("States.") => {
                return Err(refuse("is an intrinsic function, and none is known"));
            }
            (None, None) => return Err(refuse("is no path: it does not begin with `$`")),
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = next(rest).ok_or_else(|| refuse("is not a path to one value"))?;
            steps.push(step);
            rest = after;
        }
        Ok(Self { root, steps, text: text.to_owned() })
    }

    /// Reads a path that something can be put at: members of objects of the input.
    pub(crate) fn parse_target(text: &str) -> Result<Self, String> {
        let path = Self::parse(text)?;
        let is_members = path.steps.iter().all(|step| matches!(step, Step::Key(_)));
        if path.root == Root::Context || !is_members {
            return Err(format!("`{text}` is not a path of members of the input"));
        }
        Ok(path)
    }

    /// What lies there.
    pub(crate) fn find<'a>(&self, scope: Scope<'a>) -> Option<&'a Value> {
        let root = match self.root {
            Root::Input => scope.input,
            Root::Context => scope.context,
        };
        self.steps.iter().try_fold(root, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }

    /// Puts `value` there, and makes the objects on the way. `None` where something else is.
    pub(crate) fn put(&self, document: Value, value: Value) -> Option<Value> {
        let mut document = document;
        let mut at = &mut document;
        for step in &self.steps {
            let Step::Key(key) = step else { return None };
            let members = at.as_object_mut()?;
            at = members.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        }
        *at = value;
        Some(document)
    }

    /// The path as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// The first step of what follows the root, and what follows it.
fn next(rest: &str) -> Option<(Step, &str)> {
    if let Some(rest) = rest.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let is_plain = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        return (is_plain && !name.is_empty()).then(|| (Step::Key(name.to_owned()), after));
    }
    let inside = rest.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(quoted) = inside.strip_prefix(quote) {
            let (name, after) = quoted.split_once(quote)?;
            let is_plain = !name.contains('\\');
            return Some((Step::Key(name.to_owned()), after.strip_prefix(']')?))
                .filter(|_| is_plain);
        }
    }
    let (index, after) = inside.split_once(']')?;
    Some((Step::Index(index.parse().ok()?), after))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_one_value_of_the_input_or_the_context() {
        let (input, context) = (json!({"a": {"b c": [1, {"d": 2}]}}), json!({"Map": {"Item": 7}}));
        let scope = Scope { input: &input, context: &context };
        let found = |text: &str| Path::parse(text).expect(text).find(scope).cloned();
        assert_eq!(found("$"), Some(input.clone()));
        assert_eq!(found("$.a['b c'][1].d"), Some(json!(2)));
        assert_eq!(found("$[\"a\"]"), Some(input["a"].clone()));
        assert_eq!(found("$$.Map.Item"), Some(json!(7)));
        assert_eq!((found("$.a.x"), found("$.a['b c'][2]")), (None, None));
    }

    #[test]
    fn a_path_to_several_values_is_refused() {
        for text in
            ["a", "", "$..a", "$.*", "$.a[*]", "$.a[0:2]", "$.a[?(@.b)]", "$.", "$a", "$.a[-1]"]
        {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        let refused = Path::parse("States.UUID()").unwrap_err();
        assert_eq!(refused, "`States.UUID()` is an intrinsic function, and none is known");
    }

    #[test]
    fn a_value_is_put_where_the_path_says() {
        let put =
            |path: &str, document| Path::parse_target(path).expect(path).put(document, json!(1));
        assert_eq!(put("$", json!({"a": 2})), Some(json!(1)));
        assert_eq!(put("$.b", json!({"a": 2})), Some(json!({"a": 2, "b": 1})));
        assert_eq!(put("$.a.b.c", json!({"a": {}})), Some(json!({"a": {"b": {"c": 1}}})));
        assert_eq!(put("$.a.b", json!({"a": 2})), None, "2 has no members");
        assert_eq!(put("$.a", json!([2])), None);
        assert!(Path::parse_target("$.a[0]").is_err() && Path::parse_target("$$.a").is_err());
    }
}
