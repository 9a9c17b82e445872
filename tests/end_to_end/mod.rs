//! Runs the real template, state machine and functions on the local cloud, every function with no
//! more than its own role's permissions.

mod socket;
mod stage;

mod approvals;
mod arrivals;
mod backends;
mod cancels;
mod catalog;
mod delta;
mod description;
mod documents;
mod door;
mod duplicates;
mod embedded;
mod joins;
mod keys;
mod kills;
mod limits;
mod live;
mod many_objects;
mod masks;
mod peers;
mod permissions;
mod real_input;
mod shipping;
mod tokens;
mod transforms;
mod unions;

pub(crate) use embedded::landfall;
