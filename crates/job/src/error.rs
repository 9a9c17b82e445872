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

impl ErrorKind {
    /// Every kind there is, transient ones first, with the name by which the state machine, the
    /// registry and the API know it.
    pub const ALL: [(Self, &'static str); 18] = [
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

    /// Whether an object can't be landed for what it is, whatever becomes of others.
    pub fn is_of_source(self) -> bool {
        matches!(
            self,
            Self::SourceMissing | Self::SourceCorrupt | Self::SchemaDrift | Self::LimitExceeded
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
        Self { kind, message: message.into() }
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
}
