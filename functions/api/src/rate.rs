//! Limits how many changes a caller may ask for in a minute. The stage of the API limits what all
//! callers send together; this keeps one of them from using that up.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;
use tracing::warn;

use crate::access::changes;
use crate::audit::identity;
use crate::problem::{Kind, Problem};
use crate::{Access, App};

/// Lets through what the caller may still ask for. Where callers are not known, nothing is counted;
/// and what can't be counted goes on.
pub(crate) async fn limited(
    State((app, access)): State<(Arc<App>, Access)>,
    request: Request,
    next: Next,
) -> Response {
    let limit = app.config.changes_per_minute;
    let route = request.extensions().get::<MatchedPath>();
    let is_counted = limit > 0
        && access != Access::Open
        && route.is_some_and(|route| changes(request.method(), route.as_str()));
    if is_counted && let Err(problem) = count(&app, limit, &principal(&request)).await {
        return problem.into_response();
    }
    next.run(request).await
}

async fn count(app: &App, limit: u64, caller: &str) -> Result<(), Problem> {
    let now = lambda_step::epoch_millis() / 1_000;
    match app.registry.count_request(caller, now / 60).await {
        Ok(count) if count > limit => {
            let detail = format!(
                "the caller asked for more than {limit} changes in a minute: try again in the next one"
            );
            Err(Problem::new(Kind::TooManyRequests, detail)
                .over(limit)
                .after(60 - (now % 60) as u32))
        }
        Ok(_) => Ok(()),
        Err(error) => {
            warn!(reason = %error, "a request can't be counted, and goes on");
            Ok(())
        }
    }
}

/// Whoever a limit is for: the subject or the client of a token, or the user or the role that
/// signed, whatever its sessions are called.
fn principal(request: &Request) -> String {
    let (who, _) = identity(request);
    let who = who.unwrap_or_default();
    let is_signed = matches!(
        request.extensions().get::<RequestContext>(),
        Some(RequestContext::ApiGatewayV2(context))
            if context.authorizer.as_ref().is_some_and(|authorizer| authorizer.iam.is_some())
    );
    match who.rsplit_once('/') {
        Some((role, _)) if is_signed && who.contains(":assumed-role/") => role.to_owned(),
        _ => who,
    }
}
