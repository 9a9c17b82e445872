//! Reads what a job is held for: `commit` and `holdWhen`.

use crate::document::{Node, Object, Reading};
use crate::output::RejectsLimit;

/// When a job waits for approval before it commits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hold {
    /// Always (`commit: hold`).
    pub always: bool,
    /// When more records are rejected.
    pub rejects: Option<RejectsLimit>,
    /// When the header is another one than that of the last commit.
    pub drift: bool,
    /// When so many percent fewer rows are stored than by the last commit.
    pub fewer_rows: Option<f64>,
    /// When so many percent more rows are stored than by the last commit.
    pub more_rows: Option<f64>,
}

impl Hold {
    /// Whether the job has to be compared with the last commit.
    pub fn compares(&self) -> bool {
        self.drift || self.fewer_rows.is_some() || self.more_rows.is_some()
    }

    pub(super) fn read(root: &Object<'_>, reading: &mut Reading) -> Self {
        let mut hold = Self::default();
        if let Some(commit) = root.get("commit") {
            let choices = [("direct", false), ("hold", true)];
            hold.always = commit.choice(reading, &choices).unwrap_or(false);
        }
        let Some(when) = root.get("holdWhen") else { return hold };
        let Some(when) = when.object(reading, &["rejects", "drift", "rows"]) else { return hold };
        hold.rejects =
            when.get("rejects").and_then(|node| RejectsLimit::read_limit(&node, reading));
        hold.drift = when.get("drift").and_then(|node| node.boolean(reading)).unwrap_or(false);
        if let Some(rows) = when.get("rows") {
            match rows.is_list() {
                true => rows.items().iter().for_each(|item| hold.read_rows(item, reading)),
                false => hold.read_rows(&rows, reading),
            }
        }
        hold
    }

    /// Reads `-50%` or `+100%`.
    fn read_rows(&mut self, node: &Node<'_>, reading: &mut Reading) {
        let Some(text) = node.scalar(reading) else { return };
        let percent = |digits: &str| -> Option<f64> {
            let number = digits.strip_suffix('%')?.trim_end();
            let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            number.parse().ok().filter(|_| is_plain)
        };
        let (bound, percent) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
            (Some(digits), _) => {
                (&mut self.fewer_rows, percent(digits).filter(|percent| *percent <= 100.0))
            }
            (_, Some(digits)) => (&mut self.more_rows, percent(digits)),
            _ => (&mut self.more_rows, None),
        };
        match percent {
            Some(percent) if bound.is_none() => *bound = Some(percent),
            Some(_) => node.fault(reading, format!("`{text}` is a second bound of its kind")),
            None => node.fault(
                reading,
                format!("`{text}` is not allowed; allowed: -50%, for half as many rows as the last commit stored, +100%, for twice as many, or a list of both"),
            ),
        }
    }
}
