//! The API's description, OpenAPI 3.1, made from the code that serves it.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, response};
use bytes::Bytes;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::vend::ProblemJson;

/// The description as JSON.
///
/// # Errors
///
/// None that a caller could meet: it has no map with keys that are no strings.
pub fn document() -> Result<String, serde_json::Error> {
    Document::openapi().to_pretty_json()
}

/// What a route may answer instead of what it promises.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is read as the description only")]
pub(super) enum Refused {
    /// The request can't be read; the message names the field.
    #[response(status = 400, example = json!({
        "status": 400, "code": "INVALID_ARGUMENT", "message": "query: wait: at most 25"}))]
    Invalid(ProblemJson),
    /// No bearer token, or something that is none of ours.
    #[response(status = 401, headers(("www-authenticate" = String)), example = json!({
        "status": 401, "code": "UNAUTHENTICATED", "message": "a bearer token is needed"}))]
    Unauthenticated(ProblemJson),
    /// Another terminal's token, or an unknown terminal.
    #[response(status = 403, example = json!({
        "status": 403, "code": "PERMISSION_DENIED",
        "message": "the token is not this terminal's"}))]
    Forbidden(ProblemJson),
    /// No such ack, or no such path.
    #[response(status = 404, example = json!({
        "status": 404, "code": "NOT_FOUND", "message": "no such ack"}))]
    NotFound(ProblemJson),
    /// Another method than those in `Allow`.
    #[response(status = 405, headers(("allow" = String)), example = json!({
        "status": 405, "code": "METHOD_NOT_ALLOWED", "message": "no such method here"}))]
    Method(ProblemJson),
    /// The body came too slowly.
    #[response(status = 408, example = json!({
        "status": 408, "code": "REQUEST_TIMEOUT", "message": "the body did not come in time"}))]
    Slow(ProblemJson),
    /// It stands otherwise: `ack` is what stands, or the reference names another order.
    #[response(status = 409, example = json!({
        "status": 409, "code": "CONFLICT", "message": "the ack is refunding"}))]
    Conflict(ProblemJson),
    /// The ack was closed long ago: `purchase` finds it.
    #[response(status = 410, example = json!({
        "status": 410, "code": "GONE",
        "message": "the ack is closed; say which purchase, to hear how it ended"}))]
    Gone(ProblemJson),
    /// More than 4096 octets of body.
    #[response(status = 413, example = json!({
        "status": 413, "code": "PAYLOAD_TOO_LARGE",
        "message": "a body has at most 4096 octets"}))]
    TooLarge(ProblemJson),
    /// A body that is not called JSON.
    #[response(status = 415, example = json!({
        "status": 415, "code": "UNSUPPORTED_MEDIA_TYPE",
        "message": "the body must be application/json"}))]
    MediaType(ProblemJson),
    /// It can be read and makes no sense, or the order is refused: `ORDER.` and the cause.
    #[response(status = 422, example = json!({
        "status": 422, "code": "ORDER.UNKNOWN_ITEM",
        "message": "the order is refused: unknown item"}))]
    Senseless(ProblemJson),
    /// A fault of the gateway.
    #[response(status = 500, example = json!({
        "status": 500, "code": "INTERNAL", "message": "the gateway failed; it is in its log"}))]
    Internal(ProblemJson),
    /// Busy, or the store is away. Ask again: everything may be said twice.
    #[response(status = 503, headers(("retry-after" = u16)), example = json!({
        "status": 503, "code": "UNAVAILABLE", "message": "busy; ask again"}))]
    Unavailable(ProblemJson),
}

/// What `/readyz` says when it is not.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is read as the description only")]
pub(super) enum NotReady {
    /// What is lacking.
    #[response(status = 503, headers(("retry-after" = u16)), example = json!({
        "status": 503, "code": "UNAVAILABLE", "message": "binds: no SMSC is bound"}))]
    Unavailable(ProblemJson),
}

pub(super) fn routes() -> Result<Router, serde_json::Error> {
    let document = Bytes::from(document()?);
    let answer = move || std::future::ready(served(document.clone()));
    Ok(Router::new().route("/openapi.json", get(answer)))
}

fn served(document: Bytes) -> Response {
    let json = response::AppendHeaders([(header::CONTENT_TYPE, "application/json")]);
    let mut response = document.into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    (json, response).into_response()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "svgate",
        description = "What vending machines, kiosks, merchants' servers and USSD aggregators ask \
                       the gateway.",
    ),
    components(schemas(ProblemJson)),
    paths(
        super::terminals::acks,
        super::terminals::accept,
        super::terminals::withdraw,
        super::terminals::result,
        super::kiosk::order,
        super::aggregators::dialogue,
        super::health::healthz,
        super::health::readyz,
    ),
    tags(
        (name = "terminals", description = "Learn of payments, and say what came of them"),
        (name = "kiosks", description = "Make orders that a subscriber pays by number"),
        (name = "aggregators", description = "Carry USSD sessions to and fro"),
        (name = "operation", description = "For those who run the gateway"),
    ),
    modifiers(&Credentials),
)]
struct Document;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = |scheme, what| {
            let scheme = HttpBuilder::new().scheme(scheme).description(Some(what));
            SecurityScheme::Http(scheme.build())
        };
        let components = openapi.components.get_or_insert_default();
        for (name, kind, what) in [
            (
                "terminal",
                HttpAuthScheme::Bearer,
                "A terminal's token, from `svgate terminal token`",
            ),
            (
                "aggregator",
                HttpAuthScheme::Bearer,
                "The token whose SHA-256 the configuration has for this aggregator",
            ),
            (
                "aggregator_basic",
                HttpAuthScheme::Basic,
                "The aggregator's name, and the same token",
            ),
        ] {
            components.add_security_scheme(name, scheme(kind, what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_how_it_can_fail() {
        let document: serde_json::Value = serde_json::from_str(&document().unwrap()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.len(), 8);
        for (path, operations) in paths.iter().filter(|(path, _)| path.starts_with("/v1/")) {
            for (method, operation) in operations.as_object().unwrap() {
                let statuses = operation["responses"].as_object().unwrap();
                let (credential, refusals): (_, &[_]) = match path.as_str() {
                    "/v1/ussd/{aggregator}" => ("aggregator", &["405", "413", "415"]),
                    _ => ("terminal", &["403", "404", "409", "422"]),
                };
                for status in ["200", "400", "401", "503"].iter().chain(refusals) {
                    assert!(
                        statuses.contains_key(*status),
                        "{method} {path} lacks {status}"
                    );
                }
                assert_eq!(operation["security"][0][credential], serde_json::json!([]));
            }
        }
        assert_eq!(
            document["components"]["securitySchemes"]["terminal"]["scheme"],
            "bearer"
        );
    }

    #[test]
    fn every_reference_leads_to_something() {
        let text = document().unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let references: Vec<&str> = text
            .split("\"$ref\": \"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(!references.is_empty());
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}
