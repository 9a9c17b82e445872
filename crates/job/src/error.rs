//! Why a step could not do its work, named for whoever must react.

/// The failure of a step.
///
/// Its [`name`](Error::name) is what the state machine retries or catches, what the registry keeps
/// and what the CLI derives its exit code from. The text is for a person: what happened, where, and
/// what to do. It never holds a value of the data, a credential or a presigned URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A store or a service did not answer, or answered that it is busy. Another attempt may
    /// succeed.
    #[error("{0}")]
    StoreUnavailable(String),
    /// The step stopped itself shortly before its time limit. Another attempt may succeed.
    #[error("{0}")]
    DeadlineExceeded(String),
    /// The source is not there.
    #[error("{0}")]
    SourceMissing(String),
    /// The source is no longer what was pinned when the job was planned.
    #[error("{0}")]
    SourceChanged(String),
    /// The source can't be read: truncated or damaged compression, a checksum that does not match.
    #[error("{0}")]
    SourceCorrupt(String),
    /// The contract is not valid, or there is none.
    #[error("{0}")]
    ContractInvalid(String),
    /// The header of the source does not match the contract under its `fieldsMatch`.
    #[error("{0}")]
    SchemaDrift(String),
    /// More records were refused than the contract allows.
    #[error("{0}")]
    RejectLimitExceeded(String),
    /// A limit that keeps memory or cost bounded was reached: record, field, columns, partitions,
    /// decompressed size.
    #[error("{0}")]
    LimitExceeded(String),
    /// The job is estimated to cost more than whoever submitted it will pay.
    #[error("{0}")]
    CostCapExceeded(String),
    /// These bytes are in the dataset already.
    #[error("{0}")]
    AlreadyLanded(String),
    /// A newer version of the source's object is in the dataset already.
    #[error("{0}")]
    Superseded(String),
    /// The job was cancelled, or ended while a step of it still ran.
    #[error("{0}")]
    Cancelled(String),
    /// A store refused, and the text names the permission that is missing; or the source may not be
    /// named.
    #[error("{0}")]
    AccessDenied(String),
    /// A store has no room left: the text says how much is missing, and where.
    #[error("{0}")]
    StoreFull(String),
    /// A bug: an invariant does not hold, or a step panicked.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Every name there is, transient ones first. The state machine is tested against this list.
    pub const NAMES: [&'static str; 16] = [
        "StoreUnavailable",
        "DeadlineExceeded",
        "SourceMissing",
        "SourceChanged",
        "SourceCorrupt",
        "ContractInvalid",
        "SchemaDrift",
        "RejectLimitExceeded",
        "LimitExceeded",
        "CostCapExceeded",
        "AlreadyLanded",
        "Superseded",
        "Cancelled",
        "AccessDenied",
        "StoreFull",
        "Internal",
    ];

    /// The name by which the state machine knows this failure.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StoreUnavailable(_) => "StoreUnavailable",
            Self::DeadlineExceeded(_) => "DeadlineExceeded",
            Self::SourceMissing(_) => "SourceMissing",
            Self::SourceChanged(_) => "SourceChanged",
            Self::SourceCorrupt(_) => "SourceCorrupt",
            Self::ContractInvalid(_) => "ContractInvalid",
            Self::SchemaDrift(_) => "SchemaDrift",
            Self::RejectLimitExceeded(_) => "RejectLimitExceeded",
            Self::LimitExceeded(_) => "LimitExceeded",
            Self::CostCapExceeded(_) => "CostCapExceeded",
            Self::AlreadyLanded(_) => "AlreadyLanded",
            Self::Superseded(_) => "Superseded",
            Self::Cancelled(_) => "Cancelled",
            Self::AccessDenied(_) => "AccessDenied",
            Self::StoreFull(_) => "StoreFull",
            Self::Internal(_) => "Internal",
        }
    }

    /// The failure with this name; [`Error::Internal`] where there is none.
    pub fn named(name: &str, text: String) -> Self {
        match name {
            "StoreUnavailable" => Self::StoreUnavailable(text),
            "DeadlineExceeded" => Self::DeadlineExceeded(text),
            "SourceMissing" => Self::SourceMissing(text),
            "SourceChanged" => Self::SourceChanged(text),
            "SourceCorrupt" => Self::SourceCorrupt(text),
            "ContractInvalid" => Self::ContractInvalid(text),
            "SchemaDrift" => Self::SchemaDrift(text),
            "RejectLimitExceeded" => Self::RejectLimitExceeded(text),
            "LimitExceeded" => Self::LimitExceeded(text),
            "CostCapExceeded" => Self::CostCapExceeded(text),
            "AlreadyLanded" => Self::AlreadyLanded(text),
            "Superseded" => Self::Superseded(text),
            "Cancelled" => Self::Cancelled(text),
            "AccessDenied" => Self::AccessDenied(text),
            "StoreFull" => Self::StoreFull(text),
            _ => Self::Internal(text),
        }
    }

    /// Whether another attempt may succeed without anything being changed first.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::StoreUnavailable(_) | Self::DeadlineExceeded(_))
    }
}
