//! Writes to stdout, and remembers whether that failed.

use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use crate::complain;
use crate::exit::Exit;

/// Why something could not be written, the first time.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Says what was asked for. That nobody heard it shows when the command ends: what it does is done
/// all the same.
pub(crate) fn say(line: impl std::fmt::Display) {
    note(writeln!(io::stdout(), "{line}"));
}

/// Whether what is said is still written: a pipe may be closed.
pub(crate) fn is_heard() -> bool {
    UNWRITTEN.get().is_none()
}

/// Notes what came of writing to stdout.
pub(crate) fn note(written: io::Result<()>) {
    if let Err(error) = written {
        // The first one tells why; later ones follow from it.
        let _ = UNWRITTEN.set(error);
    }
}

/// How a command ends that would end with `exit` if everything was said. Whoever closed a pipe has
/// read enough.
pub(crate) fn check(exit: Exit) -> Exit {
    note(io::stdout().flush());
    match UNWRITTEN.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(format_args!("the output can't be written: {error}"));
            exit.max(Exit::Infrastructure)
        }
        _ => exit,
    }
}
