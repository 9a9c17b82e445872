//! Turns the header of a source into the names of its columns.

use std::collections::HashSet;

/// The names of columns whose header has these labels, each of them once.
///
/// A label is a name, without the spaces around it. A blank one is `column_N`, N being its column
/// from 1. One that stood before is `name_2`, `name_3`, …: the first that is neither another label
/// nor given already. The same labels have the same names in every file, so that what is inferred
/// from one file is found in the next.
pub fn unique_names(labels: &[String]) -> Vec<String> {
    let labels: Vec<&str> = labels.iter().map(|label| bare(label)).collect();
    let all: HashSet<&str> = labels.iter().copied().collect();
    let mut taken: HashSet<String> = HashSet::with_capacity(labels.len());
    let mut names = Vec::with_capacity(labels.len());
    for (index, label) in labels.iter().enumerate() {
        let wanted =
            if label.is_empty() { format!("column_{}", index + 1) } else { (*label).to_owned() };
        let is_free = |name: &str| !taken.contains(name) && (name == *label || !all.contains(name));
        let name = if is_free(&wanted) {
            wanted
        } else {
            let further = (2..).map(|count| format!("{wanted}_{count}"));
            further
                .into_iter()
                .find(|name| !taken.contains(name) && !all.contains(name.as_str()))
                .unwrap_or(wanted)
        };
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// A label without the spaces around it.
pub(super) fn bare(label: &str) -> &str {
    label.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(labels: &[&str], expected: &[&str]) {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(unique_names(&labels), expected);
    }

    #[test]
    fn blank_and_repeated_labels_have_names_by_a_rule() {
        check(&["a", "b"], &["a", "b"]);
        check(&["", "a", " "], &["column_1", "a", "column_3"]);
        check(&["n", "n", "n"], &["n", "n_2", "n_3"]);
        check(&["n", "n", "n_2"], &["n", "n_3", "n_2"]);
        check(&["", "column_1"], &["column_1_2", "column_1"]);
        check(&["a", "A"], &["a", "A"]);
        check(&["a", " b", "b\t", " "], &["a", "b", "b_2", "column_4"]);
    }

    proptest! {
        /// Names are unique, and labels that stand once are names.
        #[test]
        fn names_are_unique(labels in prop::collection::vec("|a| b|column_[123]|a_[23] | ", 0..12)) {
            let names = unique_names(&labels);
            let distinct: HashSet<_> = names.iter().collect();
            prop_assert_eq!(distinct.len(), labels.len());
            for (label, name) in labels.iter().zip(&names) {
                let is_once = labels.iter().filter(|other| bare(other) == bare(label)).count() == 1;
                prop_assert!(!is_once || bare(label).is_empty() || name == bare(label));
            }
        }
    }
}
