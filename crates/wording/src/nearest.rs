//! Finds what somebody may have meant.

/// Longest name that is compared.
const MOST_CHARS: usize = 64;

/// The candidate that takes the fewest changes of a character to become `name`, if these are few.
/// Upper and lower case are the same.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let chars = name.chars().count();
    if chars > MOST_CHARS {
        return None;
    }
    let most = (chars / 3).min(3);
    let near = candidates.filter(|candidate| candidate.len() <= 2 * MOST_CHARS);
    let distances =
        near.map(|candidate| (strsim::osa_distance(&name, &candidate.to_lowercase()), candidate));
    distances
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let names = ["floor", "lower", "left"];
        for (name, expected) in [
            ("flor", Some("floor")),
            ("LOWR", Some("lower")),
            ("lfet", Some("left")),
            ("Left", Some("left")),
            ("median", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names.into_iter()), expected, "{name}");
        }
    }
}
