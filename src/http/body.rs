//! Reads a small body, JSON or a form, and says which field is wrong.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::{Form, Json};
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;

/// The body as `T`; none when it is empty or `null`.
///
/// # Errors
///
/// 408 when it comes too slowly, 413 above [`BODY_MAX`], 415 when it is not called JSON, 400 with
/// the field's name when it is not `T`.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<Option<T>, Problem> {
    let is_json = is_called(request.headers(), JSON);
    let octets = whole(request).await?;
    if octets.is_empty() {
        return Ok(None);
    }
    if !is_json {
        return Err(unsupported("the body must be application/json"));
    }
    from_json(&octets)
}

/// As [`read`], of a form too.
///
/// # Errors
///
/// As [`read`].
pub(super) async fn read_form_or_json<T: DeserializeOwned>(
    request: Request,
) -> Result<Option<T>, Problem> {
    let headers = request.headers();
    let (is_json, is_form) = (is_called(headers, JSON), is_called(headers, FORM));
    let octets = whole(request).await?;
    if octets.is_empty() {
        return Ok(None);
    }
    if is_json {
        return from_json(&octets);
    }
    if !is_form {
        return Err(unsupported("the body must be a form or application/json"));
    }
    let form = Request::builder()
        .method(Method::POST)
        .header(header::CONTENT_TYPE, FORM)
        .body(octets.into())
        .map_err(|_| Problem::invalid("the body can't be read"))?;
    match Form::<T>::from_request(form, &()).await {
        Ok(Form(body)) => Ok(Some(body)),
        Err(rejection) => Err(Problem::invalid(plain(&rejection.body_text()))),
    }
}

async fn whole(request: Request) -> Result<Bytes, Problem> {
    let whole = tokio::time::timeout(BODY_WITHIN, Bytes::from_request(request, &())).await;
    let Ok(octets) = whole else {
        let message = "the body did not come in time";
        return Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            message,
        ));
    };
    octets.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let message = format!("a body has at most {BODY_MAX} octets");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
        } else {
            Problem::invalid("the body can't be read")
        }
    })
}

fn from_json<T: DeserializeOwned>(octets: &[u8]) -> Result<Option<T>, Problem> {
    match Json::<Option<T>>::from_bytes(octets) {
        Ok(Json(body)) => Ok(body),
        Err(rejection) => Err(Problem::invalid(plain(&rejection.body_text()))),
    }
}

fn unsupported(message: &str) -> Problem {
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Problem::new(status, "UNSUPPORTED_MEDIA_TYPE", message)
}

fn is_called(headers: &HeaderMap, name: &str) -> bool {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = media
        .and_then(|media| media.split(';').next())
        .map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(name))
}

/// Leaves out what the library says about itself.
fn plain(text: &str) -> String {
    let told = text
        .split_once("target type: ")
        .map_or(text, |(_, told)| told);
    format!("body: {told}")
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// Several times the largest body there is.
pub(super) const BODY_MAX: usize = 4_096;
/// Enough for 4 KiB by the slowest modem.
const BODY_WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vend::ReportJson;

    async fn read_report(media: &str, body: &str) -> Result<Option<ReportJson>, String> {
        let request = Request::builder().header(header::CONTENT_TYPE, media);
        let request = request.body(body.to_owned().into()).unwrap();
        read(request)
            .await
            .map_err(|problem| format!("{problem:?}"))
    }

    #[tokio::test]
    async fn the_wrong_field_is_named() {
        for (body, field) in [
            (
                r#"{"result":"supplied","supplied_units":"1"}"#,
                "supplied_units",
            ),
            (
                r#"{"result":"supplied","supplied_units":256}"#,
                "supplied_units",
            ),
            (r#"{"result":"gone"}"#, "result"),
            (r#"{"supplied_units":1}"#, "result"),
            (r#"{"result":"failed","stray":1}"#, "stray"),
        ] {
            let told = read_report("application/json", body).await.unwrap_err();
            assert!(told.contains("400") && told.contains(field), "{told}");
        }
    }

    #[tokio::test]
    async fn only_json_is_read_as_json() {
        let body = r#"{"result":"failed"}"#;
        assert!(
            read_report("Application/JSON; charset=utf-8", body)
                .await
                .unwrap()
                .is_some()
        );
        assert!(
            read_report("text/plain", body)
                .await
                .unwrap_err()
                .contains("415")
        );
        assert!(
            read_report("application/json", "null")
                .await
                .unwrap()
                .is_none()
        );
        assert!(read_report("text/plain", "").await.unwrap().is_none());
        assert!(
            read_report("application/json", "{")
                .await
                .unwrap_err()
                .contains("400")
        );
    }
}
