use serde::{Deserialize, Serialize};

use crate::DatasetName;

/// Some datasets: all of them, or those of a list of names and beginnings of names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub enum Datasets {
    /// Every dataset.
    #[default]
    All,
    /// Those that one of the patterns stands for.
    Of(Vec<DatasetPattern>),
}

/// A dataset by its name, or all whose names begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetPattern {
    /// `orders`: this one.
    Named(DatasetName),
    /// `sales_*`: all whose names begin so.
    Beginning(String),
}

impl Datasets {
    /// Whether a dataset is one of them.
    pub fn has(&self, dataset: &DatasetName) -> bool {
        match self {
            Self::All => true,
            Self::Of(patterns) => patterns.iter().any(|pattern| match pattern {
                DatasetPattern::Named(name) => name == dataset,
                DatasetPattern::Beginning(beginning) => dataset.as_str().starts_with(beginning),
            }),
        }
    }
}

impl From<Datasets> for Vec<String> {
    fn from(datasets: Datasets) -> Self {
        match datasets {
            Datasets::All => vec!["*".to_owned()],
            Datasets::Of(patterns) => patterns.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<Vec<String>> for Datasets {
    type Error = String;

    fn try_from(patterns: Vec<String>) -> Result<Self, String> {
        patterns.iter().map(|pattern| pattern.parse()).collect()
    }
}

impl std::fmt::Display for DatasetPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => write!(f, "{name}"),
            Self::Beginning(beginning) => write!(f, "{beginning}*"),
        }
    }
}

impl FromIterator<DatasetPattern> for Datasets {
    fn from_iter<I: IntoIterator<Item = DatasetPattern>>(patterns: I) -> Self {
        let patterns: Vec<_> = patterns.into_iter().collect();
        let every = DatasetPattern::Beginning(String::new());
        if patterns.contains(&every) { Self::All } else { Self::Of(patterns) }
    }
}

impl std::str::FromStr for DatasetPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = match text.strip_suffix('*') {
            // A beginning is empty, or a name as far as it goes.
            Some(beginning) => (beginning.is_empty() || DatasetName::parse(beginning).is_ok())
                .then(|| Self::Beginning(beginning.to_owned())),
            None => DatasetName::parse(text).ok().map(Self::Named),
        };
        known.ok_or_else(|| {
            "a dataset is given by its name, `orders`, or by the beginning of names, `sales_*`"
                .to_owned()
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn has(patterns: &[&str], name: &str) -> bool {
        let datasets: Datasets = patterns.iter().map(|pattern| pattern.parse().unwrap()).collect();
        datasets.has(&DatasetName::parse(name).unwrap())
    }

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        assert!(Datasets::All.has(&DatasetName::parse("orders").unwrap()));
        for (patterns, name, expected) in [
            (&["orders"][..], "orders", true),
            (&["orders"], "orders_old", false),
            (&["orders_*"], "orders", false),
            (&["orders_*"], "orders_old", true),
            (&["orders", "sales_*"], "sales_", true),
            (&["sales_*", "*"], "orders", true),
            (&[], "orders", false),
        ] {
            assert_eq!(has(patterns, name), expected, "{patterns:?} {name}");
        }
        for wrong in ["", "Orders", "*_old", "a*b", "a**", "a b", "1*", "?"] {
            assert!(wrong.parse::<DatasetPattern>().is_err(), "{wrong}");
        }
    }
}
