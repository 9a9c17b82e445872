//! Puts objects behind one small port: Amazon S3, a directory, or memory.
//!
//! The steps know this port and nothing of AWS. All implementations pass one suite,
//! [`conformance()`].

mod port;

mod directory;
mod memory;
#[cfg(feature = "s3")]
mod s3;

mod conformance;
mod faulty;
mod metered;
mod overlay;

mod error;
mod shown;

#[doc(hidden)]
pub use conformance::conformance;
pub use directory::Directories;
pub use error::{Error, Result};
pub use faulty::{FaultKind, Faulty, InjectedFault};
pub use memory::Memory;
pub use metered::{Metered, Metering};
pub use overlay::Overlay;
pub use port::{
    Buckets, Head, Listed, Objects, OpenUpload, PART_BYTES, Part, Pin, PresignedPut, Put,
    PutChecksum, PutTerms, Tags,
};
#[cfg(feature = "s3")]
pub use s3::S3;
pub use shown::shown;
