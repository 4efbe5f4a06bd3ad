//! USSD sessions that an aggregator carries, in the form that application developers know.
//!
//! ```text
//! POST /v1/ussd/{aggregator}   sessionId=…&phoneNumber=%2B491701234567&serviceCode=…&text=1*4711
//!      200 text/plain          CON 1 Espresso 2.60 EUR⏎…     the session goes on
//!                              END Paid 2.60 EUR to …        it is over
//! ```
//! Each request tells all that was said; what a session is at is kept by its desk. A request that
//! comes again is answered by the same words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tokio::sync::{mpsc, oneshot};
use utoipa::{IntoResponses, ToSchema};

use crate::domain::msisdn::Msisdn;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::terminal_auth::token_sha256;
use crate::ussd::{Reply, history};
use crate::vend::ProblemJson;

/// A request on its way to the aggregator's desk. An answer whose sender is dropped was refused.
#[derive(Debug)]
pub struct Ask {
    /// What was said.
    pub request: history::Request,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Reply>,
}

/// Who may ask, by name; a clone is the same value.
#[derive(Clone, Debug, Default)]
pub struct Aggregators(Arc<BTreeMap<Arc<str>, Aggregator>>);

/// One aggregator and its desk.
#[derive(Debug)]
pub struct Aggregator {
    /// The SHA-256 of its token.
    pub token_sha256: [u8; 32],
    /// Where its requests go; bounded by whoever made it.
    pub desk: mpsc::Sender<Ask>,
}

impl FromIterator<(Arc<str>, Aggregator)> for Aggregators {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Aggregator)>>(all: I) -> Self {
        Self(Arc::new(all.into_iter().collect()))
    }
}

impl Aggregators {
    /// The route; there is none where no aggregator is configured.
    pub(super) fn routes(self) -> Router {
        if self.0.is_empty() {
            return Router::new();
        }
        Router::new().route(ROUTE, post(dialogue)).with_state(self)
    }

    /// The aggregator that the path names, if the credential is its own. A name that is not there
    /// takes the same time and gets the same answer.
    fn proven(&self, name: &str, headers: &HeaderMap) -> Result<&Aggregator, Problem> {
        let known = self.0.get(name);
        let shown = credential(name, headers).map(|token| token_sha256(&token));
        let Some(shown) = shown else {
            let message = "a bearer token is needed, or HTTP basic with the aggregator's name";
            return Err(Problem::unauthenticated(CHALLENGE, message));
        };
        let kept = known.map_or([0; 32], |aggregator| aggregator.token_sha256);
        let same = bool::from(kept.ct_eq(&shown));
        known.filter(|_| same).ok_or_else(|| {
            let message = "this is no token of this aggregator";
            Problem::unauthenticated(CHALLENGE, message)
        })
    }
}

/// What an aggregator tells. Other fields, of which each has some, are not looked at.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DialogueJson {
    /// The aggregator's name for the session, the same in each of its requests.
    #[schema(pattern = "^[!-~]{1,128}$", example = "ATUid_0815")]
    session_id: String,
    /// Who dialled, with the country code.
    #[schema(pattern = r"^\+?[1-9][0-9]{6,14}$", example = "+491701234567")]
    phone_number: String,
    /// What was dialled. The gateway knows it by its configuration.
    #[serde(default)]
    #[schema(max_length = 32, example = "*384*778#")]
    service_code: String,
    /// All that was typed so far, with `*` between; empty or missing at first.
    #[serde(default)]
    #[schema(max_length = 480, example = "1*4711")]
    text: String,
}

/// What the route answers instead of the next page.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is read as the description only")]
enum NoPage {
    /// The request can't be read; the message names the field.
    #[response(status = 400, example = json!({
        "status": 400, "code": "INVALID_ARGUMENT",
        "message": "phoneNumber: an international number is needed"}))]
    Invalid(ProblemJson),
    /// No credential, another one, or no such aggregator.
    #[response(status = 401, headers(("www-authenticate" = String)), example = json!({
        "status": 401, "code": "UNAUTHENTICATED",
        "message": "this is no token of this aggregator"}))]
    Unauthenticated(ProblemJson),
    /// Another method than those in `Allow`.
    #[response(status = 405, headers(("allow" = String)), example = json!({
        "status": 405, "code": "METHOD_NOT_ALLOWED", "message": "no such method here"}))]
    Method(ProblemJson),
    /// The body came too slowly.
    #[response(status = 408, example = json!({
        "status": 408, "code": "REQUEST_TIMEOUT", "message": "the body did not come in time"}))]
    Slow(ProblemJson),
    /// More than 4096 octets of body.
    #[response(status = 413, example = json!({
        "status": 413, "code": "PAYLOAD_TOO_LARGE",
        "message": "a body has at most 4096 octets"}))]
    TooLarge(ProblemJson),
    /// A body that is called neither a form nor JSON.
    #[response(status = 415, example = json!({
        "status": 415, "code": "UNSUPPORTED_MEDIA_TYPE",
        "message": "the body must be a form or application/json"}))]
    MediaType(ProblemJson),
    /// A fault of the gateway.
    #[response(status = 500, example = json!({
        "status": 500, "code": "INTERNAL", "message": "the gateway failed; it is in its log"}))]
    Internal(ProblemJson),
    /// Too many sessions, or no answer in time. Ask again: the same request does nothing twice.
    #[response(status = 503, headers(("retry-after" = u16)), example = json!({
        "status": 503, "code": "UNAVAILABLE", "message": "busy; ask again"}))]
    Unavailable(ProblemJson),
}

/// One step of a USSD session.
///
/// `text` holds the whole history; the gateway goes on from its own knowledge of the session and
/// reads only what is new. The same text again gets the same answer, and nothing is done twice. A
/// text that does not go on from what was said ends the session. Only where aggregators are
/// configured.
#[utoipa::path(
    post, path = "/v1/ussd/{aggregator}", tag = "aggregators", operation_id = "ussdDialogue",
    params(
        ("aggregator" = String, Path, description = "Who asks, by its name in the configuration",
            example = "example", pattern = "^[A-Za-z0-9._-]{1,32}$"),
        ("x-correlator" = Option<String>, Header, description = "Comes back in the answer",
            pattern = r"^[a-zA-Z0-9\-_:;.\/<>{}]{0,256}$"),
    ),
    request_body(content(
        (DialogueJson = "application/x-www-form-urlencoded"),
        (DialogueJson = "application/json"),
    )),
    responses(
        (status = 200, description = "`CON ` and a page to be answered, or `END ` and the last one",
            body = String, content_type = "text/plain",
            example = "CON Pay with your phone\n1 Buy at a machine"),
        NoPage,
    ),
    security(("aggregator" = []), ("aggregator_basic" = [])),
)]
pub(super) async fn dialogue(
    State(aggregators): State<Aggregators>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    // The credential first: who has none learns nothing else about the request.
    let aggregator = aggregators.proven(&name, request.headers())?;
    let told = body::read_form_or_json::<DialogueJson>(request).await?;
    let told = told.ok_or_else(|| Problem::invalid("body: sessionId is missing"))?;
    let request = read(told)?;
    let (answer, answered) = oneshot::channel();
    if aggregator.desk.try_send(Ask { request, answer }).is_err() {
        return Err(Problem::unavailable("busy; ask again", RETRY_S));
    }
    match tokio::time::timeout(ANSWER_WITHIN, answered).await {
        Ok(Ok(Reply::GoesOn(page))) => Ok(page_of("CON", &page)),
        Ok(Ok(Reply::End(text))) => Ok(page_of("END", &text)),
        Ok(Err(_)) => Err(Problem::unavailable("busy; ask again", RETRY_S)),
        Err(_) => Err(Problem::unavailable("not known yet; ask again", RETRY_S)),
    }
}

fn page_of(word: &str, text: &str) -> Response {
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::OK, plain, format!("{word} {text}")).into_response()
}

fn read(told: DialogueJson) -> Result<history::Request, Problem> {
    let DialogueJson {
        session_id,
        phone_number,
        service_code,
        text,
    } = told;
    let visible = session_id.bytes().all(|b| b.is_ascii_graphic());
    if !(1..=SESSION_MAX).contains(&session_id.len()) || !visible {
        let message = "sessionId: 1 to 128 visible characters of ASCII are needed";
        return Err(Problem::invalid(message));
    }
    // In a form that was not escaped the plus sign is a blank.
    let digits = phone_number.trim_start_matches(['+', ' ']);
    let national = digits.starts_with('0') || digits.len() < PHONE_MIN;
    let phone = digits.parse::<Msisdn>().ok().filter(|_| !national);
    let phone = phone.ok_or_else(|| {
        Problem::invalid("phoneNumber: an international number is needed, such as +491701234567")
    })?;
    if service_code.chars().count() > CODE_MAX {
        return Err(Problem::invalid("serviceCode: at most 32 characters"));
    }
    if text.chars().count() > TEXT_MAX {
        return Err(Problem::invalid("text: at most 480 characters"));
    }
    Ok(history::Request {
        session: session_id.into(),
        phone,
        text,
    })
}

/// The token in the one credential of a request; with HTTP basic only under the name in the path.
fn credential(name: &str, headers: &HeaderMap) -> Option<String> {
    let mut credentials = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (credentials.next()?, credentials.next());
    let (scheme, value) = first.to_str().ok()?.split_once(' ')?;
    let value = value.trim_matches(' ');
    if second.is_some() || value.is_empty() {
        return None;
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_owned());
    }
    let basic = scheme.eq_ignore_ascii_case("basic");
    let octets = STANDARD.decode(value).ok().filter(|_| basic)?;
    let pair = String::from_utf8(octets).ok()?;
    let (user, token) = pair.split_once(':')?;
    (user == name).then(|| token.to_owned())
}

pub(super) const ROUTE: &str = "/v1/ussd/{aggregator}";
const CHALLENGE: &str = r#"Bearer realm="svgate", Basic realm="svgate""#;
/// Longer than the writer takes an order's time, shorter than aggregators wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
const RETRY_S: u16 = 1;
/// Three times a UUID.
const SESSION_MAX: usize = 128;
/// The shortest subscriber's number with its country code.
const PHONE_MIN: usize = 7;
const CODE_MAX: usize = 32;
/// Three times what a session has time for.
const TEXT_MAX: usize = 480;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(credentials: &[&str]) -> HeaderMap {
        let pairs = credentials
            .iter()
            .map(|text| (header::AUTHORIZATION, text.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn a_credential_is_a_bearer_token_or_basic_under_the_own_name() {
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (shown, token) in [
            (vec!["Bearer s3cret".to_owned()], Some("s3cret")),
            (vec![basic("example:s3:cret")], Some("s3:cret")),
            (vec![basic("other:s3cret")], None),
            (vec![basic("s3cret")], None),
            (vec!["Basic ???".to_owned()], None),
            (vec!["Bearer ".to_owned()], None),
            (vec!["Digest s3cret".to_owned()], None),
            (vec!["Bearer a".to_owned(), "Bearer a".to_owned()], None),
            (vec![], None),
        ] {
            let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
            let read = credential("example", &with(&shown));
            assert_eq!(read.as_deref(), token, "{shown:?}");
        }
    }

    #[test]
    fn only_the_own_token_opens_the_door() {
        let (desk, _came) = mpsc::channel(1);
        let one = Aggregator {
            token_sha256: token_sha256("s3cret"),
            desk,
        };
        let all: Aggregators = [("example".into(), one)].into_iter().collect();
        assert!(all.proven("example", &with(&["Bearer s3cret"])).is_ok());
        for (name, shown) in [
            ("example", "Bearer s3cres"),
            ("other", "Bearer s3cret"),
            // Nobody's hash is known of anything.
            ("other", "Bearer "),
        ] {
            let refused = all.proven(name, &with(&[shown])).unwrap_err();
            assert_eq!(refused.into_response().status(), 401, "{name} {shown}");
        }
    }

    #[test]
    fn what_is_told_is_checked_field_by_field() {
        let told = |session: &str, phone: &str, text: String| {
            read(DialogueJson {
                session_id: session.to_owned(),
                phone_number: phone.to_owned(),
                service_code: String::new(),
                text,
            })
        };
        let phone: Msisdn = "491701234567".parse().unwrap();
        for written in ["+491701234567", " 491701234567", "491701234567"] {
            assert_eq!(told("s", written, String::new()).unwrap().phone, phone);
        }
        for (session, number, text, field) in [
            ("", "491701234567", 0, "sessionId"),
            ("a b", "491701234567", 0, "sessionId"),
            ("s", "01701234567", 0, "phoneNumber"),
            ("s", "12345", 0, "phoneNumber"),
            ("s", "tel:49170", 0, "phoneNumber"),
            ("s", "491701234567", 481, "text"),
        ] {
            let problem = told(session, number, "1".repeat(text)).unwrap_err();
            assert!(format!("{problem:?}").contains(field), "{problem:?}");
        }
    }
}
