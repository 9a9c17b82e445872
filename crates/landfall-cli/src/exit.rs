//! What the process answers to whoever called it.

use std::process::ExitCode;

use clap::builder::StyledStr;

/// How a command ended; of several jobs the worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything landed, or is as it should be.
    Landed = 0,
    /// The data is at fault.
    Refused = 1,
    /// The call or the contract is at fault.
    WrongUse = 2,
    /// The machine is at fault: the disk, permissions, or Landfall itself.
    Infrastructure = 3,
    /// Somebody pressed Ctrl-C: what shells expect of a process that ends by SIGINT.
    Interrupted = 130,
}

/// What `--help` says of it.
pub(crate) const CODES: &str =
    "0 landed · 1 the data was refused · 2 wrong use or contract · 3 the infrastructure failed · 130 interrupted";

impl Exit {
    /// What the failure of a job means; `error` is one of [`landing::Error::NAMES`].
    pub(crate) fn of_failure(error: &str) -> Self {
        match error {
            "SchemaDrift"
            | "RejectLimitExceeded"
            | "SourceCorrupt"
            | "LimitExceeded"
            | "AlreadyLanded"
            | "Superseded"
            | "SourceChanged" => Self::Refused,
            "ContractInvalid" | "SourceMissing" => Self::WrongUse,
            "Cancelled" => Self::Interrupted,
            _ => Self::Infrastructure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
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
        let of = |exit: Exit| landing::Error::NAMES.into_iter().filter(|name| Exit::of_failure(name) == exit).collect::<Vec<_>>();
        assert_eq!(of(Exit::Landed), [""; 0]);
        let refused =
            ["SourceChanged", "SourceCorrupt", "SchemaDrift", "RejectLimitExceeded", "LimitExceeded", "AlreadyLanded", "Superseded"];
        assert_eq!(of(Exit::Refused), refused);
        assert_eq!(of(Exit::WrongUse), ["SourceMissing", "ContractInvalid"]);
        assert_eq!(of(Exit::Infrastructure), ["StoreUnavailable", "DeadlineExceeded", "AccessDenied", "StoreFull", "Internal"]);
        assert_eq!(of(Exit::Interrupted), ["Cancelled"]);
    }
}
