//! Who asks: a terminal and its bearer token (RFC 6750), of which the books keep the SHA-256 only.
//!
//! ```text
//! Authorization: Bearer svt_YdPt0…        svt_ + 43 characters of base64url: 256 random bits
//! ```
//! The prefix lets scanners find a token that leaked into a file. 256 random bits need neither salt
//! nor slow hash. Whether the hash is this terminal's is for the books to say, in the same
//! decision that acts on it.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::domain::ids::TerminalId;
use crate::http::problem::Problem;

/// The hash under which the books know a token.
#[must_use]
pub fn token_sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A new token of these random octets. It is shown once and kept nowhere.
#[must_use]
pub fn new_token(random: &[u8; 32]) -> Zeroizing<String> {
    let mut token = Zeroizing::new(String::with_capacity(TOKEN_LENGTH));
    token.push_str(TOKEN_PREFIX);
    URL_SAFE_NO_PAD.encode_string(random, &mut token);
    token
}

/// A terminal as it says who it is: the books have still to agree.
#[derive(Clone)]
pub(super) struct Caller {
    /// From the path.
    pub(super) terminal: TerminalId,
    /// Of the token.
    pub(super) token_sha256: [u8; 32],
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The credential first: who has none learns nothing else about the request.
        let token_sha256 = bearer(&parts.headers)?;
        let id: String = path_value(parts, state, "id").await?;
        let terminal = id
            .parse()
            .map_err(|bad| Problem::invalid(format!("id: {bad}")))?;
        Ok(Self {
            terminal,
            token_sha256,
        })
    }
}

/// The number of an ack in the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckNumber(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for AckNumber {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = path_value(parts, state, "n").await?;
        let number = Some(&text).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        match number.and_then(|text| text.parse().ok()).filter(|n| *n > 0) {
            Some(number) => Ok(Self(number)),
            None => Err(Problem::invalid("n: the number of an ack is needed")),
        }
    }
}

async fn path_value<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<String, Problem> {
    let unreadable = || Problem::invalid(format!("{name}: the path can't be read"));
    let values = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| unreadable())?;
    let value = values.iter().find(|(key, _)| *key == name);
    value
        .map(|(_, value)| value.to_owned())
        .ok_or_else(unreadable)
}

fn bearer(headers: &HeaderMap) -> Result<[u8; 32], Problem> {
    let mut credentials = headers.get_all(header::AUTHORIZATION).iter();
    let Some(credential) = credentials.next() else {
        return Err(Problem::unauthenticated(
            CHALLENGE,
            "a bearer token is needed",
        ));
    };
    let token = credential
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '));
    let token = token
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim_matches(' '))
        .filter(|token| is_token(token) && credentials.next().is_none());
    token.map(token_sha256).ok_or_else(|| {
        Problem::unauthenticated(CHALLENGE_INVALID, "this is no token of a terminal")
    })
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH
        && text.starts_with(TOKEN_PREFIX)
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

const TOKEN_PREFIX: &str = "svt_";
/// The prefix and ⌈256 ÷ 6⌉ characters.
const TOKEN_LENGTH: usize = 47;
const CHALLENGE: &str = r#"Bearer realm="svgate""#;
const CHALLENGE_INVALID: &str = r#"Bearer realm="svgate", error="invalid_token""#;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(credentials: &[&str]) -> HeaderMap {
        let pairs = credentials
            .iter()
            .map(|text| (header::AUTHORIZATION, text.parse().unwrap()));
        pairs.collect()
    }

    proptest! {
        #[test]
        fn a_new_token_opens_as_itself_and_nothing_else_does(random: [u8; 32], other: [u8; 32]) {
            let token = new_token(&random);
            prop_assert!(is_token(&token));
            let hash = bearer(&with(&[&format!("bearer {}", *token)])).unwrap();
            prop_assert_eq!(hash, token_sha256(&token));
            prop_assert_eq!(new_token(&other) == token, other == random);
        }
    }

    #[test]
    fn what_is_no_token_is_not_hashed() {
        let token = new_token(&[7; 32]);
        let good = format!("Bearer {}", *token);
        let bad = [
            vec![],
            vec!["Bearer"],
            vec!["Bearer "],
            vec!["Basic c3Z0Og=="],
            vec!["Bearer svt_short"],
            vec![&good, &good],
        ];
        for credentials in bad {
            assert!(bearer(&with(&credentials)).is_err(), "{credentials:?}");
        }
        assert!(bearer(&with(&[&good.replace("svt_", "xvt_")])).is_err());
    }

    #[test]
    fn the_hash_is_fips_180_4_s() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(token_sha256("")), empty);
    }
}
