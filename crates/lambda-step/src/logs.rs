//! Writes logs: one JSON object a line on standard output, with the fields of the invocation.

use std::sync::Once;

use tracing::error;
use tracing_subscriber::EnvFilter;

/// The variable that sets what is logged: a level, or directives as `tracing-subscriber` knows
/// them. Without it, `info`.
const LEVEL: &str = "LANDFALL_LOG";

/// Said after whatever the variable says: below these levels the libraries log requests, which hold
/// data and signed URLs. The audit is logged whatever it says.
const CAPS: &str =
    "audit=info,aws_=warn,hyper=warn,lambda_runtime=info,lambda_runtime::layers::panic=off";

/// Starts logging, and has panics logged by their place alone. Every call but the first does
/// nothing.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let level = std::env::var(LEVEL).unwrap_or_default();
        let logs = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false);
        // Somebody else's subscriber (a test's) is as good.
        let _ = logs.with_env_filter(filter(&level)).try_init();
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

fn filter(level: &str) -> EnvFilter {
    let level = if EnvFilter::try_new(level).is_ok() && !level.is_empty() { level } else { "info" };
    EnvFilter::new(format!("{level},{CAPS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_capped_whatever_the_variable_says() {
        for level in ["", "trace", "not a level!", "aws_smithy_runtime=trace,debug"] {
            let filter = filter(level).to_string();
            for cap in CAPS.split(',') {
                assert!(filter.split(',').any(|directive| directive == cap), "`{level}`: {filter}");
            }
        }
        assert!(filter("trace").to_string().contains("trace"));
        assert!(filter("").to_string().contains("info"));
    }
}
