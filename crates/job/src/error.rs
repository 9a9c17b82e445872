//! Says why a step could not do its work, under names for whoever must react.

/// The failure of a step.
///
/// Its kind is what the state machine retries or catches, what the registry keeps and what the CLI
/// derives its exit code from. The message is for a person: what happened, where, and what to do.
/// It never holds a value of the data, a credential or a presigned URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What happened, where, and what to do.
    pub message: String,
    /// The byte of the object at which it happened, or the first one of the records among which it
    /// did, from 0, where that is known.
    pub byte: Option<u64>,
}

/// The kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A store or a service did not answer, or answered that it is busy. Another attempt may
    /// succeed.
    StoreUnavailable,
    /// The step stopped itself shortly before its time limit. Another attempt may succeed.
    DeadlineExceeded,
    /// The source is not there.
    SourceMissing,
    /// The source is no longer what was pinned when the job was planned.
    SourceChanged,
    /// The source can't be read: truncated or damaged compression, a checksum that does not match.
    SourceCorrupt,
    /// The contract is not valid, or there is none.
    ContractInvalid,
    /// The header of the source does not match the contract under its `fieldsMatch`.
    SchemaDrift,
    /// More records were rejected than the contract allows.
    RejectLimitExceeded,
    /// A limit that keeps memory or cost bounded was reached: record, field, columns, partitions,
    /// decompressed size.
    LimitExceeded,
    /// The job is estimated to cost more than whoever submitted it will pay.
    CostCapExceeded,
    /// These bytes are in the dataset already.
    AlreadyLanded,
    /// A newer version of the source's object is in the dataset already.
    Superseded,
    /// Something of the source is in the dataset already, and the job was to fail then.
    LandedBefore,
    /// The job was held, and somebody refused it.
    HoldRefused,
    /// The job was held, and nobody answered in time.
    HoldExpired,
    /// The job was cancelled, or ended while a step of it still ran.
    Cancelled,
    /// A store refused, and the text names the permission that is missing; or the source may not be
    /// named.
    AccessDenied,
    /// A store has no room left: the text says how much is missing, and where.
    StoreFull,
    /// A bug: an invariant does not hold, or a step panicked.
    Internal,
}

/// What to do about failures that are not ours: those of Lambda and of Step Functions.
const ADVICE_ELSEWHERE: [(&str, &str); 14] = [
    ("Lambda.ServiceException", AWS_IS_BUSY),
    ("Lambda.AWSLambdaException", AWS_IS_BUSY),
    ("Lambda.SdkClientException", AWS_IS_BUSY),
    ("Lambda.ClientExecutionTimeoutException", AWS_IS_BUSY),
    (
        "Lambda.TooManyRequestsException",
        "lower `MaxConcurrency`, or have the account's quota of concurrent executions raised; then redrive the job",
    ),
    ("Lambda.Unknown", PROCESS_ENDED),
    ("Runtime.Unknown", PROCESS_ENDED),
    ("Runtime.ExitError", PROCESS_ENDED),
    (
        "Sandbox.Timedout",
        "submit the job again with smaller shards (`shardBytes`): the function's time was over",
    ),
    (
        "States.Timeout",
        "submit the job again with smaller shards (`shardBytes`): the time of a step, or of the execution, was over",
    ),
    (
        "States.ExceedToleratedFailureThreshold",
        "look at the job's shards for the one that failed, and at its log; then redrive the job",
    ),
    (
        "States.ItemReaderFailed",
        "see that the role of the state machine may read `jobs/` of the work bucket; then redrive the job",
    ),
    ("States.DataLimitExceeded", REPORT),
    ("States.Runtime", REPORT),
];
const AWS_IS_BUSY: &str = "redrive the job: AWS was busy, or could not be reached";
const PROCESS_ENDED: &str = "look at the function's log for what ended its process, such as memory that ran out: then raise its memory and redrive the job, or submit it again with smaller shards (`shardBytes`)";
const REPORT: &str = "report it, with the job's id and the log of the step: it is a bug";

/// What to do about a failure with this name, ours or AWS's; `None`: the name is not known.
pub fn advice(name: &str) -> Option<&'static str> {
    let elsewhere = || ADVICE_ELSEWHERE.iter().find(|(known, _)| *known == name);
    ErrorKind::named(name).map(ErrorKind::advice).or_else(|| Some(elsewhere()?.1))
}

/// Every name that [`advice`] knows, ours first.
pub fn advised() -> impl Iterator<Item = &'static str> {
    let ours = ErrorKind::ALL.into_iter().map(|(_, name)| name);
    ours.chain(ADVICE_ELSEWHERE.into_iter().map(|(name, _)| name))
}

impl ErrorKind {
    /// Every kind there is, transient ones first, with the name by which the state machine, the
    /// registry and the API know it.
    pub const ALL: [(Self, &'static str); 19] = [
        (Self::StoreUnavailable, "StoreUnavailable"),
        (Self::DeadlineExceeded, "DeadlineExceeded"),
        (Self::SourceMissing, "SourceMissing"),
        (Self::SourceChanged, "SourceChanged"),
        (Self::SourceCorrupt, "SourceCorrupt"),
        (Self::ContractInvalid, "ContractInvalid"),
        (Self::SchemaDrift, "SchemaDrift"),
        (Self::RejectLimitExceeded, "RejectLimitExceeded"),
        (Self::LimitExceeded, "LimitExceeded"),
        (Self::CostCapExceeded, "CostCapExceeded"),
        (Self::AlreadyLanded, "AlreadyLanded"),
        (Self::Superseded, "Superseded"),
        (Self::LandedBefore, "LandedBefore"),
        (Self::HoldRefused, "HoldRefused"),
        (Self::HoldExpired, "HoldExpired"),
        (Self::Cancelled, "Cancelled"),
        (Self::AccessDenied, "AccessDenied"),
        (Self::StoreFull, "StoreFull"),
        (Self::Internal, "Internal"),
    ];

    /// The name by which the state machine knows this kind.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("Internal", |(_, name)| name)
    }

    /// The kind with this name, if it is one of ours.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// What to do about a failure of this kind, in words that go on from "to do:".
    pub fn advice(self) -> &'static str {
        match self {
            Self::StoreUnavailable => {
                "redrive the job later: a store or a service was busy for longer than retries last"
            }
            Self::DeadlineExceeded => {
                "redrive the job; if that fails too, submit it again with smaller shards (`shardBytes`)"
            }
            Self::SourceMissing => {
                "see that the key is right and the object is there; then submit the job again"
            }
            Self::SourceChanged => "submit the job again: it lands the object as it is by then",
            Self::SourceCorrupt => "have the source made or uploaded again, and submit that",
            Self::ContractInvalid => {
                "mend the contract as the cause says, register it, and submit the job again"
            }
            Self::SchemaDrift => {
                "add the new fields to the contract, or allow them by `fieldsMatch`; or have the source mended"
            }
            Self::RejectLimitExceeded => {
                "look at the job's errors: mend the source or the contract, or raise `rejects.limit`; then submit the job again"
            }
            Self::LimitExceeded => {
                "look at the place that the cause names, mostly for a quote that is left open; mend the source or the dialect"
            }
            Self::CostCapExceeded => "raise `maxCost`, or land less at once",
            Self::AlreadyLanded => "nothing: the rows are in the lake; `force` lands them again",
            Self::Superseded => {
                "nothing: a newer version is in the lake; `force` lands this one all the same"
            }
            Self::LandedBefore => {
                "see which objects the cause and the job's skipped objects name; then submit the job again with `landed: skip`, which lands the others, or with `force`, which lands all of them again"
            }
            Self::HoldRefused => "mend what the refusal was for, and submit the job again",
            Self::HoldExpired => "submit the job again, and approve it within a day",
            Self::Cancelled => "nothing, or submit the job again",
            Self::AccessDenied => {
                "give the role the permission that the cause names and redrive the job, or name a source that may be landed"
            }
            Self::StoreFull => "make room where the cause says, and run the job again",
            Self::Internal => REPORT,
        }
    }

    /// Whether an object can't be landed for what it is, whatever becomes of others.
    pub fn is_of_source(self) -> bool {
        matches!(
            self,
            Self::SourceMissing
                | Self::SourceChanged
                | Self::SourceCorrupt
                | Self::SchemaDrift
                | Self::LimitExceeded
        )
    }

    /// Whether another attempt may succeed without anything being changed first.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::StoreUnavailable | Self::DeadlineExceeded)
    }

    /// Whether the same job may land when it is tried again later: it is the deployment that fails,
    /// and not the source, the contract or whoever wants the job that decides.
    pub fn may_pass(self) -> bool {
        self.is_transient() || matches!(self, Self::AccessDenied | Self::StoreFull | Self::Internal)
    }
}

impl Error {
    /// A failure of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), byte: None }
    }

    /// The same failure, which happened at this byte of an object, if that is not known better.
    pub fn at(self, byte: u64) -> Self {
        Self { byte: self.byte.or(Some(byte)), ..self }
    }

    /// The name of its kind.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Whether another attempt may succeed without anything being changed first.
    pub fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for (kind, name) in ErrorKind::ALL {
            assert_eq!((kind.name(), ErrorKind::named(name)), (name, Some(kind)));
            assert_eq!(format!("{kind:?}"), name);
        }
        assert_eq!(ErrorKind::named("States.Timeout"), None);
    }

    #[test]
    fn there_is_advice_for_every_name() {
        for name in advised() {
            assert!(advice(name).is_some_and(|advice| advice.len() > 10), "{name}");
        }
        assert_eq!(advice("States.Timeout").map(|advice| &advice[..6]), Some("submit"));
        assert_eq!(advice("Nonsense"), None);
    }
}
