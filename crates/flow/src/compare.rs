//! Compares two values as a `Choice` does.

use std::cmp::Ordering;

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

/// What kind of values a comparison is for; values of other kinds don't fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

/// What is asked of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

/// What is asked of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    Null,
    Present,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

impl Kind {
    /// The kinds with the relations that each has.
    const NAMES: [(Self, &'static str); 4] = [
        (Self::String, "String"),
        (Self::Numeric, "Numeric"),
        (Self::Boolean, "Boolean"),
        (Self::Timestamp, "Timestamp"),
    ];

    /// How two values of this kind stand to each other; `None` when one is of another kind.
    fn order(self, a: &Value, b: &Value) -> Option<Ordering> {
        match self {
            Self::String => Some(a.as_str()?.cmp(b.as_str()?)),
            Self::Boolean => Some(a.as_bool()?.cmp(&b.as_bool()?)),
            Self::Timestamp => Some(timestamp(a)?.cmp(&timestamp(b)?)),
            Self::Numeric => match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
            },
        }
    }
}

impl Relation {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Equals, "Equals"),
        (Self::LessThan, "LessThan"),
        (Self::GreaterThan, "GreaterThan"),
        (Self::LessThanEquals, "LessThanEquals"),
        (Self::GreaterThanEquals, "GreaterThanEquals"),
    ];

    /// The comparison that a field such as `NumericLessThan` names.
    pub(crate) fn named(field: &str) -> Option<(Kind, Self)> {
        let (kind, rest) =
            Kind::NAMES.iter().find_map(|(kind, name)| Some((*kind, field.strip_prefix(name)?)))?;
        let (relation, _) = Self::NAMES.iter().find(|(_, name)| *name == rest)?;
        (kind != Kind::Boolean || *relation == Self::Equals).then_some((kind, *relation))
    }

    /// The relation, as formulas write it.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Equals => "=",
            Self::LessThan => "<",
            Self::GreaterThan => ">",
            Self::LessThanEquals => "<=",
            Self::GreaterThanEquals => ">=",
        }
    }

    pub(crate) fn holds(self, kind: Kind, a: &Value, b: &Value) -> bool {
        kind.order(a, b).is_some_and(|order| match self {
            Self::Equals => order.is_eq(),
            Self::LessThan => order.is_lt(),
            Self::GreaterThan => order.is_gt(),
            Self::LessThanEquals => order.is_le(),
            Self::GreaterThanEquals => order.is_ge(),
        })
    }
}

impl Is {
    pub(crate) const NAMES: [(Self, &'static str); 6] = [
        (Self::Null, "IsNull"),
        (Self::Present, "IsPresent"),
        (Self::Numeric, "IsNumeric"),
        (Self::String, "IsString"),
        (Self::Boolean, "IsBoolean"),
        (Self::Timestamp, "IsTimestamp"),
    ];

    pub(crate) fn holds(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Present => true,
            Self::Numeric => value.is_number(),
            Self::String => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Timestamp => timestamp(value).is_some(),
        }
    }
}

/// A moment, as RFC 3339 writes it.
pub(crate) fn timestamp(value: &Value) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok()
}

/// Whether a text fits a pattern, in which `*` stands for any text, and `\*` for a star.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = rest.as_str();
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| matches(rest, &text[at..]))
        }
        Some(first) => {
            let wanted = if first == '\\' { rest.next().unwrap_or('\\') } else { first };
            text.strip_prefix(wanted).is_some_and(|text| matches(rest.as_str(), text))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(field: &str, a: Value, b: Value) -> bool {
        let (kind, relation) = Relation::named(field).expect(field);
        relation.holds(kind, &a, &b)
    }

    #[test]
    fn values_of_one_kind_are_compared() {
        assert!(holds("NumericEquals", json!(1), json!(1.0)));
        assert!(holds("NumericGreaterThan", json!(i64::MAX), json!(i64::MAX - 1)));
        assert!(holds("NumericLessThanEquals", json!(-1.5), json!(-1.5)));
        assert!(holds("StringLessThan", json!("Z"), json!("a")));
        assert!(holds("BooleanEquals", json!(true), json!(true)));
        let (noon, one) = (json!("2026-01-31T12:00:00Z"), json!("2026-01-31T13:00:00+01:00"));
        assert!(holds("TimestampEquals", noon.clone(), one.clone()));
        assert!(holds("TimestampGreaterThanEquals", noon, one));
    }

    #[test]
    fn values_of_two_kinds_don_t_fit() {
        assert!(!holds("NumericEquals", json!("1"), json!(1)));
        assert!(!holds("StringEquals", json!(null), json!("")));
        assert!(!holds("TimestampEquals", json!("noon"), json!("noon")));
    }

    #[test]
    fn only_what_the_language_has_is_named() {
        for field in [
            "BooleanLessThan",
            "NumericMatches",
            "StringIs",
            "Numeric",
            "IsPresent",
            "numericEquals",
        ] {
            assert_eq!(Relation::named(field), None, "{field}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("log-*.txt", "log-2026.txt", true),
            ("log-*.txt", "log-2026.csv", false),
            ("a*b*c", "a1b2b3c", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\\b", r"a\b", true),
            ("ä*", "äö", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
