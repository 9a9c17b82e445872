//! Checks that facts in two places agree: the template, the state machine, the functions and the
//! core.

mod bills;
mod contracts;
mod events;
mod layers;
mod messages;
mod permissions;
mod sources;
mod state_machine;
mod template;
mod validator;
