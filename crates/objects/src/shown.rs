/// A place, or a sentence about one, as errors and logs tell it: without the values that name the
/// folders of a partitioned table.
///
/// What stands between `=` and `/` is replaced by `…`; the name of the file tells which one is
/// meant.
///
/// ```
/// let key = "lake/people/name=Ada%20L/year=1843/job-1.parquet";
/// assert_eq!(objects::shown(key), "lake/people/name=…/year=…/job-1.parquet");
/// ```
pub fn shown(place: &str) -> String {
    let shown = |segment: &str| match segment
        .find('=')
        .map(|at| at + 1)
        .or_else(|| encoded_equals(segment))
    {
        Some(end) => format!("{}…", &segment[..end]),
        None => segment.to_owned(),
    };
    place.split('/').map(shown).collect::<Vec<_>>().join("/")
}

/// Where an equals sign ends that is written as in a URL.
fn encoded_equals(segment: &str) -> Option<usize> {
    segment.find("%3D").or_else(|| segment.find("%3d")).map(|at| at + "%3D".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_folders_are_not_shown() {
        for (place, expected) in [
            ("", ""),
            ("a.csv", "a.csv"),
            ("/a.csv", "/a.csv"),
            ("lake/day=2013-01-01/", "lake/day=…/"),
            ("lake/day=2013-01-01", "lake/day=…"),
            ("lake/name=/x.parquet", "lake/name=…/x.parquet"),
            ("lake/name=a=b/x.parquet", "lake/name=…/x.parquet"),
            ("lake/name%3Da/x.parquet", "lake/name%3D…/x.parquet"),
            (
                "no s3:PutObject on arn:aws:s3:::lake/k=v/x.parquet",
                "no s3:PutObject on arn:aws:s3:::lake/k=…/x.parquet",
            ),
        ] {
            assert_eq!(shown(place), expected);
        }
    }
}
