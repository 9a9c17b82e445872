//! What a dataset accepts and becomes.
mod name;
pub use name::DatasetName;
