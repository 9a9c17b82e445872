//! Holds the limits of schemas, and of what an error tells of a record.

/// Most fields of a schema, and most columns of a source.
pub const COLUMNS: usize = 20_000;

/// Most faults kept of one record: a record of 20,000 columns can have that many.
pub const FAULTS_PER_RECORD: usize = 1_000;
