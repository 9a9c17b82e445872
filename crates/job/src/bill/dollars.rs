//! Counts money.

use serde::{Deserialize, Serialize};

/// US dollars from 0, exact to a millionth of a millionth: what one request costs is a few
/// millionths of a dollar.
///
/// In JSON it is a number of dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Dollars(u64);

/// So many of what a [`Dollars`] counts are one dollar.
const PICOS: f64 = 1e12;

impl Dollars {
    /// So many millionths of a millionth of a dollar.
    pub const fn of_picos(picos: u64) -> Self {
        Self(picos)
    }

    /// `count` times what `per` of them cost together.
    pub(super) fn times(count: u64, price: Self, per: u64) -> Self {
        let picos = u128::from(count) * u128::from(price.0) / u128::from(per);
        Self(u64::try_from(picos).unwrap_or(u64::MAX))
    }
}

impl std::ops::Add for Dollars {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::AddAssign for Dollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Dollars {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, next| sum + next)
    }
}

impl TryFrom<f64> for Dollars {
    type Error = String;
    fn try_from(dollars: f64) -> Result<Self, String> {
        if (0.0..=1e6).contains(&dollars) {
            return Ok(Self((dollars * PICOS).round() as u64));
        }
        Err(format!("{dollars} is no amount in USD; allowed: 0 to 1000000"))
    }
}

impl From<Dollars> for f64 {
    fn from(dollars: Dollars) -> Self {
        dollars.0 as Self / PICOS
    }
}

impl std::str::FromStr for Dollars {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<f64>()
            .map_err(|_| format!("`{text}` is no amount in USD, such as 0.05"))?
            .try_into()
    }
}

impl std::fmt::Display for Dollars {
    /// With six digits after the point: a millionth of a dollar is less than any job costs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.6} USD", f64::from(*self))
    }
}
