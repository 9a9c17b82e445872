//! The audit: who changed something or read records, when, and what came of it. One line of the log
//! each, which holds names and no data.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use lambda_http::request::RequestContext;
use tracing::info;

use crate::access::{Scope, needs};
use crate::caller::Subject;
use crate::problem::Kind;

/// Writes the line of a request that does more than look at contracts and jobs, also of one that is
/// refused.
pub(crate) async fn audited(mut request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let subject = Arc::new(Subject::default());
    request.extensions_mut().insert(subject.clone());
    let (who, id) = identity(&request);
    let response = next.run(request).await;
    if let Some(route) = route
        && method != Method::OPTIONS
        && needs(&method, Some(route)) != [Scope::Read]
    {
        let outcome = response.extensions().get::<Kind>().map_or("done", |kind| kind.name());
        let dataset = subject.dataset.get().map(tracing::field::display);
        let job = subject.job.get().map(tracing::field::display);
        let status = response.status().as_u16();
        // Its own target, which no setting of the log turns off.
        info!(
            target: "audit", kind = "audit", who, %method, route, dataset, job, outcome, status,
            request = id, "audited"
        );
    }
    response
}

/// The subject of the token, or the ARN of who signed; and the request's id at API Gateway.
pub(crate) fn identity(request: &Request) -> (Option<String>, Option<String>) {
    let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>()
    else {
        return (None, None);
    };
    let authorizer = context.authorizer.as_ref();
    let jwt = authorizer.and_then(|authorizer| authorizer.jwt.as_ref());
    let subject = jwt.and_then(|jwt| jwt.claims.get("sub").or_else(|| jwt.claims.get("client_id")));
    let iam = authorizer.and_then(|authorizer| authorizer.iam.as_ref());
    let arn = iam.and_then(|iam| iam.user_arn.as_ref());
    (subject.or(arn).cloned(), context.request_id.clone())
}
