//! Defines what every part of Landfall knows of a job: its names and documents, its errors, its
//! decision and its bill.
//!
//! Ports and shells need nothing else of the core, so nothing heavy stands behind this crate.

pub mod bill;
mod dataset;
mod datasets;
pub mod decision;
mod error;
pub mod hold;
mod intake;
mod labels;
pub mod limits;
pub mod message;
mod progress;
pub mod replay;
pub mod small_files;
pub mod sources;
mod table_format;

pub use dataset::DatasetName;
pub use datasets::{DatasetPattern, Datasets};
pub use error::{Error, ErrorKind, advice, advised};
pub use intake::{Arrivals, Intake, Schedule};
pub use labels::{Label, Labels};
pub use progress::{Planned, Progress};
pub use table_format::TableFormat;
