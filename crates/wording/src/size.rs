//! Writes sizes in bytes and counts as people do.

/// Units of a size, as they are written after the number. Powers of 1,000 have no `i`.
const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads `7kB`, `64 MiB` or `1048576`. The error says what would be allowed.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || {
        "a size is a number of bytes above 0, or of kB, MB, GB, KiB, MiB or GiB: 64MiB".to_owned()
    };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) =
        UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).ok_or_else(wrong)?;
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

/// Writes a count with its thousands apart: `336,776`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let (head, tail) = digits.split_at(first);
    let groups =
        tail.as_bytes().chunks(3).map(|group| format!(",{}", String::from_utf8_lossy(group)));
    std::iter::once(head.to_owned()).chain(groups).collect()
}

/// Writes how many there are of something: `1 row`, `336,776 rows`.
pub fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_something_is_no_plural() {
        let written = [0, 1, 2, 336_776].map(|number| counted(number, "row"));
        assert_eq!(written, ["0 rows", "1 row", "2 rows", "336,776 rows"]);
    }

    #[test]
    fn sizes_are_read() {
        let accepted = [
            ("1", 1),
            ("100kB", 100_000),
            ("7KB", 7_000),
            ("1MiB", 1 << 20),
            ("64 MiB", 64 << 20),
            ("2GB", 2_000_000_000),
            ("9b", 9),
        ];
        for (text, bytes) in accepted {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "0kB",
            "-1",
            "1.5MB",
            "kB",
            "1 parsec",
            "99999999999GiB",
            "18446744073709551616",
        ] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_are_written() {
        assert_eq!(
            [0, 999, 1_000, 336_776, 1_000_000].map(count),
            ["0", "999", "1,000", "336,776", "1,000,000"]
        );
    }
}
