//! Turns constraints into bounds in the domain of the field's type.

use regex::Regex;
use row_sql::patterns::Refused;
use wording::cut;

use super::document::{Node, Reading};
use super::{DataType, TextFormat, properties};
use crate::values::Scalar;

/// What a value must fulfil.
#[derive(Debug, Clone, Default)]
pub struct Constraints {
    /// There must be a value.
    pub required: bool,
    /// No two records may have the same value: see [`Key`](super::Key).
    pub unique: bool,
    /// Least and greatest values.
    pub bounds: Vec<Bound>,
    /// Fewest characters.
    pub min_length: Option<u64>,
    /// Most characters.
    pub max_length: Option<u64>,
    /// What the whole text must match, anchored; and the pattern as it was given.
    pub pattern: Option<(Regex, String)>,
    /// The values that are allowed; and how they were given.
    pub allowed: Option<(Vec<Scalar>, String)>,
    /// The format that texts must have. A cell in another format is not a value of the type.
    pub format: Option<TextFormat>,
}

/// A least or a greatest value.
#[derive(Debug, Clone)]
pub struct Bound {
    /// `minimum`, `maximum`, `exclusiveMinimum` or `exclusiveMaximum`.
    pub rule: &'static str,
    /// The bound, in the domain of the field's type.
    pub value: Scalar,
    /// The bound as it was given.
    pub text: String,
}

impl Bound {
    /// Whether `value` is inside.
    pub fn holds(&self, value: &Scalar) -> bool {
        let Some(order) = value.partial_cmp(&self.value) else { return false };
        match self.rule {
            "minimum" => order.is_ge(),
            "maximum" => order.is_le(),
            "exclusiveMinimum" => order.is_gt(),
            _ => order.is_lt(),
        }
    }
}

impl Constraints {
    /// Whether there is any that looks at values.
    pub fn look_at_values(&self) -> bool {
        !self.bounds.is_empty()
            || self.min_length.is_some()
            || self.max_length.is_some()
            || self.pattern.is_some()
            || self.allowed.is_some()
            || self.format.is_some()
    }

    pub(super) fn read(node: &Node<'_>, data_type: &DataType, reading: &mut Reading) -> Self {
        let mut constraints = Self::default();
        let Some(object) = node.object(reading, &properties::CONSTRAINT_NAMES) else {
            return constraints;
        };
        properties::check_constraints(&object, data_type.name(), reading);
        constraints.required =
            object.get("required").and_then(|n| n.boolean(reading)).unwrap_or(false);
        constraints.unique = object.get("unique").and_then(|n| n.boolean(reading)).unwrap_or(false);
        for rule in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            let Some(n) =
                object.get(rule).filter(|_| properties::constrains(rule, data_type.name()))
            else {
                continue;
            };
            let Some(text) = n.scalar(reading) else { continue };
            match Scalar::of_document(&text, data_type) {
                Ok(Scalar::Float(value)) if value.is_nan() => {
                    n.fault(reading, "NaN is no bound: nothing is less or greater".to_owned())
                }
                Ok(value) => constraints.bounds.push(Bound { rule, value, text }),
                Err(message) => n.fault(reading, message),
            }
        }
        for (key, target) in
            [("minLength", &mut constraints.min_length), ("maxLength", &mut constraints.max_length)]
        {
            let Some(n) = object.get(key) else { continue };
            *target = n.count(reading);
        }
        if let Some(n) = object.get("pattern") {
            constraints.pattern =
                n.text(reading).and_then(|text| match reading.patterns.compile_whole(text) {
                    Ok(regex) => Some((regex, text.to_owned())),
                    Err(Refused::NoPattern(said)) => {
                        n.fault(reading, format!("`{text}` is not a regular expression: {said}"));
                        None
                    }
                    Err(large) => {
                        n.fault(reading, large.describe(&format!("`{}`", cut(text))));
                        None
                    }
                });
        }
        if let Some(n) = object.get("enum") {
            let mut values = Vec::new();
            for (index, text) in n.texts(reading).iter().enumerate() {
                match Scalar::of_document(text, data_type) {
                    Ok(value) => values.push(value),
                    Err(message) => n.item(index).fault(reading, message),
                }
            }
            constraints.allowed = Some((values, n.texts(&mut Reading::default()).join(", ")));
        }
        if let Some(message) = constraints.contradiction() {
            node.fault(reading, message);
        }
        constraints
    }

    /// Tells of allowed texts that are not of the format, and so of no cell. `node` is that of the
    /// constraints.
    pub(super) fn check_allowed(&self, node: Option<Node<'_>>, reading: &mut Reading) {
        let (Some(format), Some((values, _)), Some(list)) =
            (self.format, &self.allowed, node.and_then(|node| node.child("enum")))
        else {
            return;
        };
        for (index, value) in values.iter().enumerate() {
            if let Scalar::Text(text) = value
                && !format.holds(text)
            {
                list.item(index)
                    .fault(reading, format!("`{}` is not {}", cut(text), format.describe()));
            }
        }
    }

    /// Why no value at all can fulfil them.
    fn contradiction(&self) -> Option<String> {
        let (least, greatest): (Vec<_>, Vec<_>) = self
            .bounds
            .iter()
            .partition(|bound| matches!(bound.rule, "minimum" | "exclusiveMinimum"));
        let pairs = least.iter().flat_map(|low| greatest.iter().map(move |high| (*low, *high)));
        let bounds =
            pairs.filter(|(low, high)| !(high.holds(&low.value) && low.holds(&high.value)));
        let bounds = bounds.map(|(low, high)| {
            (format!("{} {}", low.rule, low.text), format!("{} {}", high.rule, high.text))
        });
        let lengths = self.min_length.zip(self.max_length).filter(|(least, most)| least > most);
        let lengths = lengths
            .map(|(least, most)| (format!("minLength {least}"), format!("maxLength {most}")));
        bounds
            .chain(lengths)
            .map(|(low, high)| format!("no value can have {low} and {high}"))
            .next()
    }
}
