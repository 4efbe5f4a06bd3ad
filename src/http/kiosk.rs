//! A kiosk's order: it shows a number, and a subscriber pays it by SMS.
//!
//! ```text
//! POST /v1/kiosks/{id}/orders  {client_reference, item, quantity | amount_minor, currency, payer_msisdn}
//!      201 {pon: "83920171", pay_by_sms: "PAY 83920171", …}      200 the same order again
//! ```

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use crate::domain::catalogue::Quantity;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::domain::refusal::Refusal;
use crate::gateway::books::Books;
use crate::gateway::member::{Denied, KioskItem, KioskOrder, Member, Outcome};
use crate::http::openapi::Refused;
use crate::http::problem::Problem;
use crate::http::terminal_auth::Caller;
use crate::http::terminals::TAKE_WITHIN;
use crate::http::{HttpState, body};
use crate::vend::{OrderJson, OrderedJson};

/// Takes an order that waits for a subscriber to pay it.
///
/// The same `client_reference` with the same content is the same order; with other content it is a
/// conflict. The price is frozen now.
#[utoipa::path(
    post, path = "/v1/kiosks/{id}/orders", tag = "kiosks", operation_id = "createOrder",
    params(
        ("id" = String, Path, description = "The kiosk, a terminal", example = "kiosk-4712",
            pattern = "^[A-Za-z0-9._-]{1,32}$"),
        ("x-correlator" = Option<String>, Header, description = "Comes back in the answer",
            pattern = r"^[a-zA-Z0-9\-_:;.\/<>{}]{0,256}$"),
    ),
    request_body(content = OrderJson, examples(
        ("pieces" = (value = json!({"client_reference": "0815", "item": "12", "quantity": 2}))),
        ("amount" = (value = json!(
            {"client_reference": "0816", "amount_minor": 250, "currency": "EUR"}))),
    )),
    responses(
        (status = 201, description = "A new order", body = OrderedJson),
        (status = 200, description = "The same order again", body = OrderedJson),
        Refused,
    ),
    security(("terminal" = [])),
)]
pub(super) async fn order<B: Books>(
    State(http): State<Arc<HttpState<B>>>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<OrderedJson>), Problem> {
    let order = body::read::<OrderJson>(request).await?;
    let order = order.ok_or_else(|| Problem::invalid("body: client_reference is missing"))?;
    let wanted = wanted(&order)?;
    let candidates = candidates(&http)?;
    let member = Member::KioskOrder(KioskOrder {
        terminal: caller.terminal,
        token_sha256: caller.token_sha256,
        what: wanted.what,
        payer: wanted.payer,
        client_reference: order.client_reference.into(),
        candidates,
    });
    match http.books.submit_within(member, TAKE_WITHIN).await? {
        Outcome::Ordered {
            pon,
            purchase,
            gross,
            currency,
            valid_ms,
            state,
        } => {
            // The kiosk never sees the number of an order in another currency: it just expires.
            if wanted.currency.is_some_and(|wanted| wanted != currency) {
                return Err(Denied::Order(Refusal::OtherCurrency).into());
            }
            // An order that stood before has a number of its own.
            let is_new = candidates.contains(&pon);
            let status = if is_new {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let ordered = OrderedJson {
                pon: pon.to_string(),
                purchase: purchase.to_string(),
                gross_minor: gross.minor(),
                currency: currency.code().to_owned(),
                exponent: currency.exponent(),
                valid_ms: valid_ms.max(0),
                pay_by_sms: format!("PAY {pon}"),
                state: state.name().to_owned(),
            };
            Ok((status, Json(ordered)))
        }
        Outcome::Refused(denied) => Err(denied.into()),
        other @ (Outcome::Arrived { .. }
        | Outcome::Ack(_)
        | Outcome::Done
        | Outcome::AlreadyDone
        | Outcome::Imported { .. }
        | Outcome::Batch(_)
        | Outcome::Bills(_)
        | Outcome::Commanded(_)) => Err(Problem::unexpected(&other)),
    }
}

/// What a kiosk's order is for, and the currency that it thinks it sells in.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    what: KioskItem,
    currency: Option<Currency>,
    payer: Option<Msisdn>,
}

fn wanted(order: &OrderJson) -> Result<Wanted, Problem> {
    let reference = order.client_reference.as_bytes();
    let in_alphabet = |b: &u8| b.is_ascii_alphanumeric() || b"._:/-".contains(b);
    if !(1..=REFERENCE_MAX).contains(&reference.len()) || !reference.iter().all(in_alphabet) {
        let message = "client_reference: 1 to 64 of A-Z a-z 0-9 . _ : / - are needed";
        return Err(Problem::invalid(message));
    }
    let quantity = order.quantity.map(Quantity::try_from).transpose();
    let quantity = quantity.map_err(|bad| Problem::invalid(format!("quantity: {bad}")))?;
    let item = order.item.as_deref().map(str::parse).transpose();
    let item = item.map_err(|bad| Problem::invalid(format!("item: {bad}")))?;
    let amount = order.amount_minor.map(MinorUnits::try_from).transpose();
    let amount = amount.map_err(|bad| Problem::invalid(format!("amount_minor: {bad}")))?;
    if amount.is_some_and(MinorUnits::is_zero) {
        return Err(Problem::invalid("amount_minor: 1 or more is needed"));
    }
    let currency = order.currency.as_deref().map(currency).transpose()?;
    let payer = order.payer_msisdn.as_deref().map(payer).transpose()?;
    match (item, amount) {
        (Some(code), None) if currency.is_none() => {
            let quantity = quantity.unwrap_or(Quantity::ONE);
            Ok(Wanted {
                what: KioskItem::Item { code, quantity },
                currency,
                payer,
            })
        }
        (None, Some(amount)) if quantity.is_none() && currency.is_some() => Ok(Wanted {
            what: KioskItem::Amount(amount),
            currency,
            payer,
        }),
        (Some(_), None) => Err(Problem::senseless(
            "currency: stands with amount_minor only",
        )),
        (None, Some(_)) if quantity.is_some() => {
            Err(Problem::senseless("quantity: stands with item only"))
        }
        (None, Some(_)) => Err(Problem::senseless(
            "currency: stands with every amount_minor",
        )),
        (Some(_), Some(_)) | (None, None) => Err(Problem::senseless(
            "item or amount_minor: just one of them is needed",
        )),
    }
}

fn currency(code: &str) -> Result<Currency, Problem> {
    if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(Problem::invalid("currency: a code of ISO 4217 is needed"));
    }
    code.parse()
        .map_err(|bad| Problem::senseless(format!("currency: {bad}")))
}

/// A number of the pattern that the document shows: international, for a kiosk has no country.
fn payer(number: &str) -> Result<Msisdn, Problem> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let is_international = (8..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    let msisdn = is_international.then(|| digits.parse().ok()).flatten();
    let message =
        "payer_msisdn: an international number of 8 to 15 digits is needed, such as +491701234567";
    msisdn.ok_or_else(|| Problem::invalid(message))
}

/// Four numbers, of which the books take the first that is free.
fn candidates<B: Books>(http: &HttpState<B>) -> Result<[Pon; 4], Problem> {
    let random = (http.surroundings.random)();
    let random = random.ok_or_else(|| Problem::unavailable("no random numbers; ask again", 5))?;
    let (quarters, _) = random.as_chunks::<8>();
    let mut quarters = quarters.iter();
    Ok([(); 4].map(|()| {
        let octets = quarters.next().copied().unwrap_or_default();
        Pon::from_random(u64::from_be_bytes(octets))
    }))
}

/// What a till's own numbering needs.
const REFERENCE_MAX: usize = 64;
