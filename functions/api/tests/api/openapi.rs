//! The API's description of itself, which every answer of these tests is held against.

use std::path::Path;
use std::sync::LazyLock;

use api::{Access, Kind, NEEDS, describe};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::door::{Answer, Door};
use crate::shape;

static DESCRIBED: LazyLock<Value> = LazyLock::new(describe);

fn operations() -> impl Iterator<Item = (&'static String, &'static String, &'static Value)> {
    DESCRIBED["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    })
}

/// Whether a path is of a kind: `/jobs/j-1` of `/jobs/{id}`.
fn is_of(path: &str, template: &str) -> bool {
    let (mut parts, mut templates) = (path.split('/'), template.split('/'));
    loop {
        match (parts.next(), templates.next()) {
            (None, None) => return true,
            (Some(part), Some(template)) if template == part => {}
            (Some(part), Some(template)) if template.starts_with('{') && !part.is_empty() => {}
            _ => return false,
        }
    }
}

/// Checks that an answer is one that the description tells of.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let method = match *method {
        Method::HEAD => "get".to_owned(),
        _ => method.as_str().to_ascii_lowercase(),
    };
    let operation =
        operations().find(|(template, known, _)| **known == method && is_of(path, template));
    let Some((template, _, operation)) = operation else {
        let refused = [401, 403, 404, 405];
        assert!(
            method == "options" || refused.contains(&answer.status.as_u16()),
            "{method} {path} is not described: {}",
            answer.status
        );
        return;
    };
    let status = answer.status.as_str();
    let place = format!("{method} {template} {status}");
    let response = shape::resolve(&operation["responses"][status], &DESCRIBED);
    assert!(response.is_object(), "{place} is not described");
    for (name, _) in response["headers"].as_object().into_iter().flatten() {
        assert!(answer.headers.contains_key(name), "{place} lacks the header {name}");
    }
    if answer.body.is_null() {
        return;
    }
    let media = answer.headers["content-type"].to_str().unwrap();
    let content = &response["content"][media];
    assert!(content.is_object(), "{place}: {media} is not described");
    if let Err(why) = shape::check(&answer.body, &content["schema"], &DESCRIBED) {
        panic!("{place}: {why}: {}", answer.body);
    }
}

#[test]
fn the_description_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let there = std::fs::read_to_string(path).unwrap();
    assert!(
        there == format!("{:#}\n", *DESCRIBED),
        "docs/reference/openapi.json is not what the code says: run `cargo xtask reference`"
    );
}

/// One manner of writing names: whoever reads an answer need not look up how each is spelt.
#[test]
fn all_members_and_parameters_are_in_camel_case() {
    fn members<'a>(described: &'a Value, found: &mut Vec<&'a str>) {
        if let Some(object) = described.as_object() {
            let properties = object.get("properties").and_then(Value::as_object);
            found.extend(properties.into_iter().flatten().map(|(name, _)| name.as_str()));
            let is_parameter = object.contains_key("in") && object["in"] != "header";
            found.extend(object.get("name").filter(|_| is_parameter).and_then(Value::as_str));
            object.values().for_each(|inner| members(inner, found));
        }
        described.as_array().into_iter().flatten().for_each(|inner| members(inner, found));
    }
    let mut found = Vec::new();
    members(&DESCRIBED, &mut found);
    assert!(found.len() > 300, "{}", found.len());
    let is_camel = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric())
    };
    found.retain(|name| !is_camel(name));
    assert_eq!(found, Vec::<&str>::new());
}

#[tokio::test]
async fn the_description_is_served() {
    let open = Door::new().get("/openapi.json").await.expect(StatusCode::OK).body;
    assert_eq!(open["paths"]["/jobs"]["get"]["security"], json!([]), "nobody is asked who he is");
    let guarded = Door::with(Access::Jwt).get("/openapi.json").await;
    guarded.expect_kind(StatusCode::UNAUTHORIZED, "unauthorized");
}

/// The handlers that are described and the routes are two lists.
#[tokio::test]
async fn every_described_operation_has_its_route() {
    let door = Door::new();
    for (path, method, _) in operations() {
        let path = path.replace("{name}", "flights").replace("{id}", "j-1");
        let method: Method = method.to_ascii_uppercase().parse().unwrap();
        let request = Request::builder().method(&method).uri(&path).body(Body::empty()).unwrap();
        let kind = &door.send(request).await.body["type"];
        for missing in ["no-such-route", "method-not-allowed"] {
            assert_ne!(*kind, json!(format!("urn:landfall:problem:{missing}")), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn contracts_are_described() {
    let open = Door::new().get("/contract.schema.json").await.expect(StatusCode::OK).body;
    assert_eq!(open, contract::json_schema());
}

/// Each route is in the table of what it needs, so that nobody forgets to decide that.
#[test]
fn every_route_says_what_it_needs() {
    let mut needs: Vec<_> = NEEDS
        .iter()
        .map(|(method, route, _)| (method.to_lowercase(), (*route).to_owned()))
        .collect();
    let mut routes: Vec<_> =
        operations().map(|(route, method, _)| (method.clone(), route.clone())).collect();
    needs.sort();
    routes.sort();
    assert_eq!(needs, routes);
    for (route, method, operation) in operations() {
        let (_, _, scopes) = NEEDS
            .iter()
            .find(|(of, path, _)| of.to_lowercase() == *method && path == route)
            .unwrap();
        let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
        assert_eq!(operation["security"][1]["jwt"], json!(names), "{method} {route}");
    }
}

#[test]
fn every_kind_of_problem_is_told_of() {
    let text = DESCRIBED["components"]["responses"].to_string();
    for kind in Kind::ALL {
        // What no route answers is told of in the reference alone.
        let of_no_route = matches!(kind, Kind::NoSuchRoute | Kind::MethodNotAllowed);
        let urn = format!("\"urn:landfall:problem:{}\"", kind.name());
        assert_ne!(text.contains(&urn), of_no_route, "{urn}");
    }
}

/// Examples are read by people and sent by tools.
#[test]
fn examples_are_what_they_are_of() {
    let components = &DESCRIBED["components"];
    let schemas = components["schemas"].as_object().unwrap().iter();
    let of_schemas =
        schemas.filter_map(|(name, schema)| Some((name, schema, schema.get("example")?)));
    let problems = components["responses"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, response)| (name, &response["content"]["application/problem+json"]));
    let of_problems = problems.flat_map(|(name, content)| {
        let examples = content["examples"].as_object().unwrap().values();
        examples.map(move |example| (name, &content["schema"], &example["value"]))
    });
    let mut count = 0;
    for (name, schema, example) in of_schemas.chain(of_problems) {
        count += 1;
        assert_eq!(shape::check(example, schema, &DESCRIBED), Ok(()), "{name}");
    }
    assert!(count > 40, "{count}");
}
