//! Writes logs: one JSON object a line on standard output, with the fields of the invocation.

use std::sync::Once;

use tracing::error;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The variable that sets what is logged: a level, and levels of targets (`warn,steps=debug`).
/// Without it, `info`.
const LEVEL: &str = "LANDFALL_LOG";

/// The most that is logged of these libraries, whatever the variable says: below these levels they
/// log requests, which hold data and signed URLs.
const CAPS: [(&str, LevelFilter); 4] = [
    ("aws_", LevelFilter::WARN),
    ("hyper", LevelFilter::WARN),
    ("lambda_runtime", LevelFilter::INFO),
    ("lambda_runtime::layers::panic", LevelFilter::OFF),
];

/// Starts logging, and has panics logged by their place alone. Every call but the first does
/// nothing.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let level = std::env::var(LEVEL).unwrap_or_default();
        let lines = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false);
        let logs = tracing_subscriber::registry().with(lines).with(wanted(&level)).with(caps());
        // Somebody else's subscriber (a test's) is as good.
        let _ = logs.try_init();
        std::panic::set_hook(Box::new(|panic| {
            let place = panic
                .location()
                .map(|at| format!("{}:{}", at.file(), at.line()))
                .unwrap_or_default();
            crate::guard::panicked_at(&place);
            error!(place, "panicked");
        }));
    });
}

/// What the variable asks for; the audit is logged whatever it says.
fn wanted(level: &str) -> Targets {
    // An empty directive would mean `error`.
    let wanted = format!("info,{level}");
    let wanted = wanted.trim_end_matches(',').parse::<Targets>();
    let wanted = wanted.unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    wanted.with_target("audit", LevelFilter::INFO)
}

/// What may be logged at all.
fn caps() -> Targets {
    Targets::new().with_default(LevelFilter::TRACE).with_targets(CAPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn libraries_stay_capped_whatever_the_variable_says() {
        for level in ["", "trace", "not a level!", "aws_smithy_runtime=trace,debug", "aws_=x"] {
            let logs = |target: &str, at| {
                wanted(level).would_enable(target, &at) && caps().would_enable(target, &at)
            };
            for library in ["aws_smithy_runtime::client", "aws_sigv4", "hyper_util::client"] {
                assert!(logs(library, Level::WARN), "`{level}`: {library}");
                assert!(!logs(library, Level::INFO), "`{level}`: {library}");
            }
            assert!(!logs("lambda_runtime::requests", Level::DEBUG), "`{level}`");
            assert!(!logs("lambda_runtime::layers::panic", Level::ERROR), "`{level}`");
            assert!(logs("steps::ingest", Level::INFO), "`{level}`");
        }
    }

    #[test]
    fn the_variable_sets_levels_of_all_and_of_targets() {
        let logs = |level: &str, at| wanted(level).would_enable("steps::ingest", &at);
        assert!(!logs("", Level::DEBUG));
        assert!(logs("trace", Level::TRACE));
        assert!(!logs("warn", Level::INFO));
        assert!(logs("warn,steps=debug", Level::DEBUG));
        for level in ["off", "audit=off", "nonsense!"] {
            assert!(wanted(level).would_enable("audit", &Level::INFO), "{level}");
        }
    }
}
