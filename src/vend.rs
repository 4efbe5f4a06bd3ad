//! What passes between the gateway and one terminal: the JSON shapes and the pace of asking.
//!
//! ```text
//! terminal                                            gateway
//!    │ GET  acks?after=0&wait=25 ─────────────────────► │ waits for the next commit
//!    │ ◄──────── {"acks": [{"ack": 1, "state": "paid"}]} │
//!    │ POST acks/1/accept ────────────────────────────► │ exactly one of accept and withdraw wins
//!    │ POST acks/1/result {"result": "dispensing"} ───► │
//!    │ POST acks/1/result {"result": "supplied"} ─────► │
//! ```
//! Every word may be said twice; the answer is the state that stands. Times are durations, so that
//! a machine needs no clock. Ids are strings, for a script's numbers end at 2⁵³.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer to a poll: every ack above `after` that is not final, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcksJson {
    /// Open acks, shown before or not.
    pub acks: Vec<AckJson>,
    /// How long to wait before asking again, ms; 0 is at once.
    #[schema(minimum = 0, maximum = 60_000, example = 0)]
    pub poll_again_ms: u32,
}

/// One payment that a terminal is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AckJson {
    /// Its number at this terminal; they rise by one.
    #[schema(minimum = 1, example = 42)]
    pub ack: i64,
    /// The purchase's id. A machine keeps it: it finds an ack that was closed long ago.
    #[schema(pattern = "^[1-9][0-9]{0,18}$", example = "229287034224640001")]
    pub purchase: String,
    /// Where the purchase stands: `paid`, `accepted`, `dispensing`, `refunding`, `unknown`; and in
    /// the answer to a word also `supplied` and `refunded`, which are final.
    #[schema(example = "paid")]
    pub state: String,
    /// The state as OPC 30210-1 §8.16, `DeliveryAndPaymentStatusEnum`, names it.
    #[schema(example = "PaymentFinished")]
    pub delivery_status: String,
    /// What was bought; null for an amount.
    #[schema(example = "12")]
    pub item: Option<String>,
    /// Pieces; 1 for an amount.
    #[schema(minimum = 1, maximum = 99, example = 1)]
    pub units: u8,
    /// Pieces that were given out, in the states that know it.
    #[schema(minimum = 0, maximum = 99)]
    pub supplied_units: Option<u8>,
    /// What the merchant received, in the currency's smallest unit.
    #[schema(minimum = 0, example = 200)]
    pub value_minor: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
    /// Decimal digits of the currency.
    #[schema(minimum = 0, maximum = 3, example = 2)]
    pub exponent: u8,
    /// The payment order number that a kiosk shows; null without one.
    #[schema(pattern = "^[1-9][0-9]{7}$", example = "83920171")]
    pub pon: Option<String>,
    /// How long the present state may last, ms from now; null when nothing runs out.
    #[schema(minimum = 0, example = 15_000)]
    pub remaining_ms: Option<i64>,
}

/// The body of `accept` and `withdraw`; it may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActJson {
    /// The purchase as the ack named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[1-9][0-9]{0,18}$", example = "229287034224640001")]
    pub purchase: Option<String>,
    /// Why, for a person: no control characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "door open"
    )]
    pub reason: Option<String>,
}

/// The body of `result`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportJson {
    /// What happened.
    pub result: ReportResult,
    /// With `supplied` only: pieces given out; all of them when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 99, example = 1)]
    pub supplied_units: Option<u8>,
    /// With `reset`, where it must stand: whether "approved" was in the machine's journal before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_journalled: Option<bool>,
    /// Why, for a person: no control characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "coil 12 jammed"
    )]
    pub reason: Option<String>,
    /// The purchase as the ack named it: finds an ack that was closed long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[1-9][0-9]{0,18}$", example = "229287034224640001")]
    pub purchase: Option<String>,
}

/// What a terminal reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportResult {
    /// Goods are on their way out.
    Dispensing,
    /// Goods are out.
    Supplied,
    /// Nothing came out.
    Failed,
    /// The machine restarted after it had taken the ack: MDB/ICP 4.2 §7.
    Reset,
}

/// A kiosk's order: pieces of an item, or an amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderJson {
    /// The kiosk's own name for the order: the same again is the same order.
    #[schema(
        pattern = "^[A-Za-z0-9._:/-]{1,64}$",
        example = "till-3/2026-10-01/0815"
    )]
    pub client_reference: String,
    /// The item's code, when pieces are sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z0-9]{1,8}$", example = "12")]
    pub item: Option<String>,
    /// Pieces of the item; 1 when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 99, example = 2)]
    pub quantity: Option<u8>,
    /// The amount in the currency's smallest unit, when no item is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub amount_minor: Option<i64>,
    /// ISO 4217; stands with `amount_minor` and must be the merchant's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z]{3}$")]
    pub currency: Option<String>,
    /// The number, international, of the subscriber who is to be asked on his phone to pay it.
    /// Whether anybody was is not told; the order's number can be paid by whoever has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^\+?[1-9][0-9]{7,14}$", example = "+491701234567")]
    pub payer_msisdn: Option<String>,
}

/// A kiosk's order as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderedJson {
    /// The number to show: 8 digits, the last of them a check.
    #[schema(pattern = "^[1-9][0-9]{7}$", example = "83920171")]
    pub pon: String,
    /// The purchase's id.
    #[schema(pattern = "^[1-9][0-9]{0,18}$", example = "229287034224640001")]
    pub purchase: String,
    /// What the subscriber will pay, fee and tax included, in the currency's smallest unit.
    #[schema(minimum = 0, example = 260)]
    pub gross_minor: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
    /// Decimal digits of the currency.
    #[schema(minimum = 0, maximum = 3, example = 2)]
    pub exponent: u8,
    /// How long it can still be paid, ms from now.
    #[schema(minimum = 0, example = 120_000)]
    pub valid_ms: i64,
    /// What the subscriber types.
    #[schema(example = "PAY 83920171")]
    pub pay_by_sms: String,
    /// Where the order stands.
    #[schema(example = "ordered")]
    pub state: String,
}

/// What every refusal looks like, as in CAMARA's `ErrorInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemJson {
    /// The HTTP status again.
    #[schema(minimum = 400, maximum = 599, example = 409)]
    pub status: u16,
    /// For programs.
    #[schema(example = "CONFLICT")]
    pub code: String,
    /// For people.
    #[schema(example = "the ack is refunding")]
    pub message: String,
    /// What stands instead, when a word about an ack came out of order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<AckJson>,
}

/// Why a poll was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollEnd {
    /// There are acks, and some wait to be accepted.
    News,
    /// There are acks, all of them accepted before.
    Known,
    /// The terminal did not want to wait, and there is nothing.
    Short,
    /// Its time passed without an ack.
    Waited,
    /// Later polls of the same terminal took its place.
    Displaced,
    /// The gateway is going down.
    Closing,
}

/// How long a terminal shall wait before it asks again, ms.
///
/// A third of `accept_within_s` leaves a short poller two more tries before its buyer is refunded,
/// and keeps it alive many times over.
#[must_use]
pub fn poll_again_ms(end: PollEnd, accept_within_s: u32) -> u32 {
    match end {
        PollEnd::News | PollEnd::Waited => 0,
        // A machine that asks with an old `after` must not spin at the speed of the network.
        PollEnd::Known | PollEnd::Displaced => 1_000,
        PollEnd::Closing => 2_000,
        PollEnd::Short => {
            let third = accept_within_s.saturating_mul(1_000).checked_div(3);
            third.unwrap_or_default().clamp(500, 60_000)
        }
    }
}

/// What the books call an ack that was closed so long ago that only its purchase's id finds it.
pub const CLOSED_ACK: &str = "closed";
/// The longest that a poll may wait, s: below the time-outs of proxies.
pub const WAIT_MAX_S: u8 = 25;
/// A random number that a machine draws at each start.
pub const BOOT_ID_HEADER: &str = "x-boot-id";
/// Milliseconds since the machine's start, by its own count.
pub const UPTIME_HEADER: &str = "x-uptime-ms";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_poller_asks_three_times_before_its_buyer_is_refunded() {
        for accept_within_s in [3, 15, 60] {
            let pause = poll_again_ms(PollEnd::Short, accept_within_s);
            assert!(
                pause.saturating_mul(3) <= accept_within_s * 1_000,
                "{accept_within_s}"
            );
        }
        assert_eq!(poll_again_ms(PollEnd::Short, 0), 500);
        assert_eq!(poll_again_ms(PollEnd::Short, u32::MAX), 60_000);
    }

    #[test]
    fn a_machine_that_asks_with_an_old_number_does_not_spin() {
        assert_eq!(poll_again_ms(PollEnd::News, 15), 0);
        assert!(poll_again_ms(PollEnd::Known, 15) > 0);
        assert!(poll_again_ms(PollEnd::Displaced, 15) > 0);
    }

    #[test]
    fn a_report_says_no_more_than_it_means() {
        let report = ReportJson {
            result: ReportResult::Supplied,
            supplied_units: None,
            approved_journalled: None,
            reason: None,
            purchase: None,
        };
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"result":"supplied"}"#
        );
        let stray = r#"{"result":"supplied","units":1}"#;
        assert!(serde_json::from_str::<ReportJson>(stray).is_err());
    }
}
