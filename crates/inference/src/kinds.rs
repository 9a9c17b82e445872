//! Lists the kinds of cells that may be one thing or another, and the evidence that decides.
//!
//! A wrong type changes values without a word, and text never does. So what is ambiguous stays text
//! without the evidence that its kind needs; or it is typed, where all readings keep the value, and
//! the reason says DOUBT.

use std::fmt;

/// A kind of cells that may be one thing or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambiguous {
    /// `20240131`.
    EightDigits,
    /// `2:1`, `16:9`.
    Scores,
    /// `3.10.13`, `10-11-12`.
    Versions,
    /// `12E5`.
    Exponents,
    /// `552 100 554`.
    GroupedIdentifiers,
    /// `NO`.
    LoneAnswers,
    /// `2021-05-09T11:15:30` beside `2021-05-09T11:15:30Z`.
    MixedOffsets,
    /// `31.12.13`.
    ShortYears,
    /// `3/4/2013`.
    DayOrMonth,
    /// `1.250` and `1,250`.
    PointOrGroup,
    /// `12.5%` beside `0.125`.
    MixedPercents,
    /// `(1)`.
    Parentheses,
    /// `3 DR`.
    DebitCredit,
    /// `5 kg` beside `5`.
    MixedUnits,
    /// `1700000000`.
    Epochs,
}

impl Ambiguous {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::EightDigits,
        Self::Scores,
        Self::Versions,
        Self::Exponents,
        Self::GroupedIdentifiers,
        Self::LoneAnswers,
        Self::MixedOffsets,
        Self::ShortYears,
        Self::DayOrMonth,
        Self::PointOrGroup,
        Self::MixedPercents,
        Self::Parentheses,
        Self::DebitCredit,
        Self::MixedUnits,
        Self::Epochs,
    ];

    /// What such cells look like, what they may be, the evidence that decides, and what they are
    /// without it.
    pub fn rule(self) -> [&'static str; 4] {
        match self {
            Self::EightDigits => [
                "`20240131`",
                "days, or order numbers",
                "all are days from 1900 to 2099, and the name speaks of time or 20 and more of them differ",
                "integers",
            ],
            Self::Scores => [
                "`2:1`, `16:9`",
                "times of day, or results and ratios",
                "minutes have two digits, and some are 00 or past 12, or the name speaks of time",
                "text",
            ],
            Self::Versions => [
                "`3.10.13`, `10-11-12`",
                "days, or versions and other numbers of parts",
                "only one order of day, month and year fits, and all parts have two digits; or the name speaks of time",
                "text",
            ],
            Self::Exponents => [
                "`12E5`",
                "floats, or codes and hashes",
                "some number of the column has a point or a sign in its exponent",
                "text",
            ],
            Self::GroupedIdentifiers => [
                "`552 100 554`",
                "numbers, or identifiers written in groups",
                "not all have the same number of digits, or there are less than three groups",
                "text",
            ],
            Self::LoneAnswers => [
                "`NO`, `Y`",
                "booleans, or codes such as that of Norway",
                "both answers are there; true and false speak for themselves",
                "text",
            ],
            Self::MixedOffsets => [
                "some moments with an offset from UTC, some without",
                "moments, or times of unknown places",
                "none: without an offset nobody knows which moment is meant",
                "text",
            ],
            Self::ShortYears => [
                "`31.12.69`",
                "this century or the last",
                "none: `yearPivot` is stated, from which on years are of the last century",
                "a day, with `yearPivot: 69`",
            ],
            Self::DayOrMonth => [
                "`3/4/2013`",
                "the 3rd of April, or the 4th of March",
                "a day past the 12th in this or another column; else points, or semicolons between fields, for the day first, and a DOUBT",
                "the order of the United States, and a DOUBT",
            ],
            Self::PointOrGroup => [
                "`1.250`, `1,250`",
                "a thousand and more, or one and a bit",
                "another number of the column, or another column, that leaves no doubt",
                "a group where fields are separated by semicolons and the mark is a point, or by others and it is a comma; and a DOUBT",
            ],
            Self::MixedPercents => [
                "`12.5%` beside `0.125`",
                "hundredths beside numbers",
                "none: they are of two scales",
                "text",
            ],
            Self::Parentheses => [
                "`(1)`",
                "negative amounts, or numbers of footnotes",
                "some numbers of the column have no parentheses",
                "text",
            ],
            Self::DebitCredit => [
                "`3 DR`, `4 CR`",
                "which of them is negative",
                "none",
                "numbers of which debits are negative, and a DOUBT",
            ],
            Self::MixedUnits => ["`5 kg` beside `5`", "the same unit, or another", "none", "text"],
            Self::Epochs => [
                "`1700000000`, `1700000000123`",
                "moments as seconds or milliseconds since 1970, or numbers",
                "all are of the years 1990 to 2099, and the name speaks of time",
                "integers",
            ],
        }
    }
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [looks, readings, ..] = self.rule();
        write!(f, "such as {looks}: {readings}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_documentation_is_this_one() {
        let table: String = Ambiguous::ALL
            .iter()
            .map(|kind| format!("| {} |\n", kind.rule().join(" | ")))
            .collect();
        assert!(include_str!("KINDS.md").ends_with(&table), "KINDS.md has to end with\n{table}");
    }
}
