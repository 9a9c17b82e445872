//! What somebody may have meant.

/// Longest name that is compared.
const MOST_CHARS: usize = 64;

/// The candidate that takes the fewest changes of a character to become `name`, if these are few.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let most = (name.chars().count() / 3).min(3);
    if name.chars().count() > MOST_CHARS {
        return None;
    }
    let distances = candidates.map(|candidate| (distance(&name, &candidate.to_lowercase()), candidate));
    distances.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// Changes of a character: put in, left out, replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(2 * MOST_CHARS).collect();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, a) in a.chars().enumerate() {
        let mut diagonal = above[0];
        above[0] = row + 1;
        for (column, b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = above[column + 1];
            above[column + 1] = replaced.min(diagonal + 1).min(above[column] + 1);
        }
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let names = ["floor", "lower", "left"];
        for (name, expected) in [("flor", Some("floor")), ("LOWR", Some("lower")), ("lft", Some("left")), ("median", None), ("", None)] {
            assert_eq!(nearest(name, names.into_iter()), expected, "{name}");
        }
    }
}
