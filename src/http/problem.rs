//! The one shape of every refusal: `{status, code, message}`, as CAMARA's `ErrorInfo` has it.
//!
//! This is the place where what the books say becomes an HTTP status; the books know none.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::gateway::books::StoreError;
use crate::gateway::member::{Denied, Outcome};
use crate::vend::{AckJson, ProblemJson};

/// A refusal on its way out.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    retry_after_s: Option<u16>,
    authenticate: Option<&'static str>,
    ack: Option<Box<AckJson>>,
}

impl Problem {
    /// A refusal with a status and a code for programs.
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        // What a caller sent may be quoted in a message, so it is cut.
        let message = message.into().chars().take(MESSAGE_MAX).collect();
        Self {
            status,
            code: code.to_owned(),
            message,
            retry_after_s: None,
            authenticate: None,
            ack: None,
        }
    }

    /// 400: the request can't be read; `message` names the field.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message)
    }

    /// 422: it can be read and makes no sense; `message` names the field.
    pub(super) fn senseless(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "UNPROCESSABLE", message)
    }

    /// 401: no credential, or none of ours. `challenge` is as RFC 6750 §3 has it.
    pub(super) fn unauthenticated(challenge: &'static str, message: &str) -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
        Self {
            authenticate: Some(challenge),
            ..problem
        }
    }

    /// 403: a credential, but not this terminal's. An unknown terminal gets the same answer.
    pub(super) fn forbidden() -> Self {
        let message = "the token is not this terminal's";
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    /// 404.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            format!("no such {what}"),
        )
    }

    /// 409: the word came out of order; `ack` is what stands.
    pub(super) fn out_of_order(ack: AckJson) -> Self {
        let message = format!("the ack is {}", ack.state);
        let problem = Self::new(StatusCode::CONFLICT, "CONFLICT", message);
        Self {
            ack: Some(Box::new(ack)),
            ..problem
        }
    }

    /// 410: closed so long ago that its number alone does not find it.
    pub(super) fn gone() -> Self {
        let message = "the ack is closed; say which purchase, to hear how it ended";
        Self::new(StatusCode::GONE, "GONE", message)
    }

    /// 503: nothing was taken, or it is not known; asking again does no harm.
    pub(super) fn unavailable(message: &str, retry_after_s: u16) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message);
        Self {
            retry_after_s: Some(retry_after_s),
            ..problem
        }
    }

    /// 500: the books answered what nobody asked.
    pub(super) fn unexpected(outcome: &Outcome) -> Self {
        tracing::error!(?outcome, "the books gave an outcome of another kind");
        Self::internal()
    }

    fn internal() -> Self {
        let message = "the gateway failed; it is in its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemJson {
            status: self.status.as_u16(),
            code: self.code,
            message: self.message,
            ack: self.ack.map(|ack| *ack),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.authenticate {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::unavailable("busy; ask again", BUSY_RETRY_S),
            StoreError::Keyless(_) => {
                Self::unavailable("keys can't be had now; ask again", STORE_RETRY_S)
            }
            StoreError::Unavailable(cause) => {
                // Whoever watches the books warns of it once; each request of each machine meets it.
                tracing::debug!(%cause, "the store is not available to a terminal");
                Self::unavailable("the store is not available; ask again", STORE_RETRY_S)
            }
            // Every member is known by its content, so the same request finds out.
            StoreError::Unknown => Self::unavailable("not known yet; ask again", STORE_RETRY_S),
            StoreError::Corrupt(cause) => {
                tracing::error!(%cause, "the store holds something unreadable");
                Self::internal()
            }
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotFound(what) => Self::not_found(what),
            Denied::Credential => Self::forbidden(),
            Denied::Conflict(text) => Self::new(StatusCode::CONFLICT, "CONFLICT", text),
            Denied::Order(cause) => {
                let code = format!("ORDER.{}", cause.name().to_ascii_uppercase());
                let message = format!("the order is refused: {}", cause.name().replace('_', " "));
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, &code, message)
            }
            Denied::Invalid(text) => Self::senseless(text),
        }
    }
}

/// The writer's queue empties within some batches.
const BUSY_RETRY_S: u16 = 1;
/// A fail-over or a full disk takes longer.
const STORE_RETRY_S: u16 = 5;
/// Room for a field's name, what was found and what was expected.
const MESSAGE_MAX: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::Refusal;

    #[test]
    fn what_the_books_say_has_one_status_each() {
        let text = || "text".to_owned();
        let cases = [
            (Problem::from(StoreError::Busy), 503, "UNAVAILABLE"),
            (StoreError::Unavailable(text()).into(), 503, "UNAVAILABLE"),
            (StoreError::Keyless(text()).into(), 503, "UNAVAILABLE"),
            (StoreError::Unknown.into(), 503, "UNAVAILABLE"),
            (StoreError::Corrupt(text()).into(), 500, "INTERNAL"),
            (Denied::NotFound("ack").into(), 404, "NOT_FOUND"),
            (Denied::Credential.into(), 403, "PERMISSION_DENIED"),
            (Denied::Conflict(text()).into(), 409, "CONFLICT"),
            (
                Denied::Order(Refusal::UnknownItem).into(),
                422,
                "ORDER.UNKNOWN_ITEM",
            ),
            (Denied::Invalid(text()).into(), 422, "UNPROCESSABLE"),
        ];
        for (problem, status, code) in cases {
            assert_eq!(
                (problem.status.as_u16(), problem.code.as_str()),
                (status, code)
            );
            let retry = problem
                .into_response()
                .headers()
                .contains_key(header::RETRY_AFTER);
            assert_eq!(retry, status == 503);
        }
    }

    #[test]
    fn a_store_s_words_stay_inside() {
        let problem = Problem::from(StoreError::Unavailable("/var/lib/svgate: full".to_owned()));
        assert!(!problem.message.contains("/var"), "{}", problem.message);
        assert_eq!(
            Problem::invalid("x".repeat(5_000)).message.len(),
            MESSAGE_MAX
        );
    }
}
