//! Turns what became of a call into the exit code of the process.

use job::ErrorKind;
use std::process::ExitCode;

use clap::builder::StyledStr;

/// How a command ended; of several jobs the worst counts, which comes last here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything landed, or is as it should be.
    Landed,
    /// There was nothing to land: the same bytes, or a newer version of them, are there already.
    Duplicate,
    /// The job would cost more than it may.
    OverCap,
    /// The data is at fault.
    Refused,
    /// The call or the contract is at fault.
    WrongUse,
    /// The machine is at fault: the disk, permissions, or Landfall itself.
    Infrastructure,
    /// Somebody pressed Ctrl-C: what shells expect of a process that ends by SIGINT.
    Interrupted,
}

/// What `--help` says of it.
pub(crate) const CODES: &str = "0 landed · 1 the data was refused · 2 wrong use or contract · 3 the infrastructure failed · \
    4 the same bytes, or a newer version, are there already (with --strict) · 5 over --max-cost · 130 interrupted";

impl Exit {
    /// What the failure of a job means; `error` is the name of an [`ErrorKind`], or another
    /// cloud's.
    pub(crate) fn of_failure(error: &str) -> Self {
        ErrorKind::named(error).map_or(Self::Infrastructure, Self::of_kind)
    }

    /// What a failure of this kind means.
    pub(crate) fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::SchemaDrift
            | ErrorKind::RejectLimitExceeded
            | ErrorKind::SourceCorrupt
            | ErrorKind::LimitExceeded
            | ErrorKind::SourceChanged
            | ErrorKind::LandedBefore
            | ErrorKind::HoldRefused
            | ErrorKind::HoldExpired => Self::Refused,
            ErrorKind::AlreadyLanded | ErrorKind::Superseded => Self::Duplicate,
            ErrorKind::CostCapExceeded => Self::OverCap,
            ErrorKind::ContractInvalid | ErrorKind::SourceMissing => Self::WrongUse,
            ErrorKind::Cancelled => Self::Interrupted,
            ErrorKind::StoreUnavailable
            | ErrorKind::DeadlineExceeded
            | ErrorKind::AccessDenied
            | ErrorKind::StoreFull
            | ErrorKind::Internal => Self::Infrastructure,
        }
    }

    /// The number that the process ends with.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Landed => 0,
            Self::Refused => 1,
            Self::WrongUse => 2,
            Self::Infrastructure => 3,
            Self::Duplicate => 4,
            Self::OverCap => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Examples and exit codes, as they stand below the options of a command.
pub(crate) fn examples(lines: &[&str], codes: &str) -> StyledStr {
    format!("Examples:\n  {}\n\nExit codes: {codes}", lines.join("\n  ")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_an_exit_code() {
        let of = |exit: Exit| {
            ErrorKind::ALL
                .into_iter()
                .map(|(_, name)| name)
                .filter(|name| Exit::of_failure(name) == exit)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(Exit::Landed), [""; 0]);
        let refused = [
            "SourceChanged",
            "SourceCorrupt",
            "SchemaDrift",
            "RejectLimitExceeded",
            "LimitExceeded",
            "LandedBefore",
            "HoldRefused",
            "HoldExpired",
        ];
        assert_eq!(of(Exit::Refused), refused);
        assert_eq!(
            (of(Exit::Duplicate), of(Exit::OverCap)),
            (vec!["AlreadyLanded", "Superseded"], vec!["CostCapExceeded"])
        );
        assert_eq!(of(Exit::WrongUse), ["SourceMissing", "ContractInvalid"]);
        assert_eq!(
            of(Exit::Infrastructure),
            ["StoreUnavailable", "DeadlineExceeded", "AccessDenied", "StoreFull", "Internal"]
        );
        assert_eq!(of(Exit::Interrupted), ["Cancelled"]);
        let all = [
            Exit::Landed,
            Exit::Duplicate,
            Exit::OverCap,
            Exit::Refused,
            Exit::WrongUse,
            Exit::Infrastructure,
            Exit::Interrupted,
        ];
        assert!(all.is_sorted(), "the worst comes last");
        assert_eq!(all.map(Exit::code), [0, 4, 5, 1, 2, 3, 130]);
    }
}
