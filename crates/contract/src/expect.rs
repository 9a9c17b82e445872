//! Reads what is expected of the jobs of a dataset: `expect`.

use crate::document::{Node, Reading};

/// How often a job of a dataset lands, and how many rows it stores. A job that differs lands all the
/// same, and warns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expect {
    /// How many seconds after a job another one lands, at the latest.
    pub every: Option<u64>,
    /// The fewest rows that a job stores.
    pub least_rows: Option<u64>,
    /// The most rows that a job stores.
    pub most_rows: Option<u64>,
}

/// The units of a time, with their seconds.
const UNITS: [(char, u64); 3] = [('m', 60), ('h', 3_600), ('d', 86_400)];
/// The least and the most that may be expected: the sweep looks every hour.
const SECONDS: std::ops::RangeInclusive<u64> = 3_600..=366 * 86_400;

impl Expect {
    /// Whether a job may store so many rows.
    pub fn allows(&self, rows: u64) -> bool {
        self.least_rows.is_none_or(|least| rows >= least)
            && self.most_rows.is_none_or(|most| rows <= most)
    }

    /// The rows as they are written: `1000..`, `..5000`, `10..20`.
    pub fn rows(&self) -> String {
        let text = |rows: Option<u64>| rows.map(|rows| rows.to_string()).unwrap_or_default();
        format!("{}..{}", text(self.least_rows), text(self.most_rows))
    }

    pub(super) fn read(node: &Node<'_>, reading: &mut Reading) -> Self {
        let mut expect = Self::default();
        let Some(object) = node.object(reading, &["every", "rows"]) else { return expect };
        if let Some(node) = object.get("every")
            && let Some(text) = node.text(reading)
        {
            expect.every = seconds(text);
            if expect.every.is_none() {
                let message = format!(
                    "`{text}` is not allowed; allowed: a time from 1h to 366d, such as 90m, 24h or 7d"
                );
                node.fault(reading, message);
            }
        }
        if let Some(node) = object.get("rows")
            && let Some(text) = node.text(reading)
        {
            match rows(text) {
                Some((least, most)) => (expect.least_rows, expect.most_rows) = (least, most),
                None => {
                    let message = format!(
                        "`{text}` is not allowed; allowed: the fewest and the most rows of a job, such as `1000..`, `..5000` or `1000..5000`"
                    );
                    node.fault(reading, message);
                }
            }
        }
        expect
    }
}

/// Reads `90m`, `24h` or `7d`.
fn seconds(text: &str) -> Option<u64> {
    let (_, unit) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
    let digits = &text[..text.len() - 1];
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.parse::<u64>().ok().filter(|_| is_plain)?.checked_mul(*unit)?;
    SECONDS.contains(&seconds).then_some(seconds)
}

/// Reads `1000..`, `..5000` or `1000..5000`.
fn rows(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (least, most) = text.split_once("..")?;
    let bound = |digits: &str| match digits {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Some),
        _ => None,
    };
    let (least, most) = (bound(least)?, bound(most)?);
    let is_range = match (least, most) {
        (None, None) => false,
        (Some(least), Some(most)) => least <= most,
        _ => true,
    };
    is_range.then_some((least, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Contract;

    fn expect(rest: &str) -> Result<Expect, String> {
        let text = format!("name: t\nschema: {{ fields: [{{ name: a }}] }}\nexpect: {rest}\n");
        match Contract::parse(&text) {
            Ok(contract) => Ok(contract.expect),
            Err(faults) => {
                Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
        }
    }

    #[test]
    fn times_and_rows_are_read() {
        for (text, seconds) in [("90m", 5_400), ("24h", 86_400), ("7d", 604_800)] {
            let read = expect(&format!("{{ every: {text} }}")).expect("a contract");
            assert_eq!(read, Expect { every: Some(seconds), ..Expect::default() });
        }
        for (text, least, most) in [
            ("1000..", Some(1_000), None),
            ("..5000", None, Some(5_000)),
            ("10..20", Some(10), Some(20)),
        ] {
            let read = expect(&format!("{{ rows: {text} }}")).expect("a contract");
            assert_eq!((read.least_rows, read.most_rows), (least, most));
            assert_eq!(read.rows(), text);
            assert_eq!(read.allows(5), least.is_none());
            assert_eq!(read.allows(1_000_000), most.is_none());
            assert!(read.allows(least.or(most).expect("a bound")));
        }
    }

    #[test]
    fn what_is_not_allowed_says_what_would_be() {
        for text in ["59m", "367d", "daily", "-1h", "1.5h", "h", "99999999999999999999d"] {
            let message = format!(
                "expect.every: `{text}` is not allowed; allowed: a time from 1h to 366d, such as 90m, 24h or 7d"
            );
            assert_eq!(expect(&format!("{{ every: {text} }}")), Err(message));
        }
        for text in ["..", "20..10", "1000", "-5..", "a..b"] {
            let message = format!(
                "expect.rows: `{text}` is not allowed; allowed: the fewest and the most rows of a job, such as `1000..`, `..5000` or `1000..5000`"
            );
            assert_eq!(expect(&format!("{{ rows: '{text}' }}")), Err(message));
        }
    }
}
