//! What a terminal asks and says: its open acks, and a word about one of them.
//!
//! ```text
//! GET  /v1/terminals/{id}/acks?after=N&wait=S      every open ack above N; waits for one up to S s
//! POST /v1/terminals/{id}/acks/{n}/accept          the machine takes it: the goods are its task
//! POST /v1/terminals/{id}/acks/{n}/withdraw        it gives it back: the buyer is refunded
//! POST /v1/terminals/{id}/acks/{n}/result          dispensing, supplied, failed, reset
//! ```
//! A word said again gets the state that stands, so that a machine may repeat what got no answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::Uri;
use serde::Deserialize;

use crate::domain::purchase::State as PurchaseState;
use crate::gateway::books::{AckQuestion, Acks, Books};
use crate::gateway::member::{AckView, Denied, Member, Outcome, TerminalAct, Word};
use crate::http::boots::Boot;
use crate::http::openapi::Refused;
use crate::http::problem::Problem;
use crate::http::terminal_auth::{AckNumber, Caller};
use crate::http::wakes::{Mark, Rang};
use crate::http::{HttpState, body, report};
use crate::vend::{
    AckJson, AcksJson, ActJson, CLOSED_ACK, PollEnd, ReportJson, WAIT_MAX_S, poll_again_ms,
};

/// Every open ack of the terminal above `after`, in order.
///
/// With `wait`, the answer comes as soon as there is one, within milliseconds of the payment. After
/// a restart a machine asks with `after=0`. One credential is one consumer: of three polls at once
/// the oldest is ended.
#[utoipa::path(
    get, path = "/v1/terminals/{id}/acks", tag = "terminals", operation_id = "listAcks",
    params(
        ("id" = String, Path, description = "The terminal", example = "snack-4711",
            pattern = "^[A-Za-z0-9._-]{1,32}$"),
        AcksQuery,
        ("x-correlator" = Option<String>, Header, description = "Comes back in the answer",
            pattern = r"^[a-zA-Z0-9\-_:;.\/<>{}]{0,256}$"),
        ("x-boot-id" = Option<String>, Header,
            description = "A random number that the machine draws at each start, for the log"),
        ("x-uptime-ms" = Option<String>, Header,
            description = "Milliseconds since that start, for the log"),
    ),
    responses((status = 200, description = "Open acks", body = AcksJson), Refused),
    security(("terminal" = [])),
)]
pub(super) async fn acks<B: Books>(
    State(http): State<Arc<HttpState<B>>>,
    caller: Caller,
    request: Request,
) -> Result<Json<AcksJson>, Problem> {
    let query = AcksQuery::of(request.uri())?;
    let boot = Boot::of(request.headers());
    drop(request);
    let mark = http.wakes.mark(&caller.terminal);
    // The first reading proves the credential: only then may the caller displace another's wait.
    let first = read(&http, &caller, query.after).await?;
    if let Some(boot) = boot {
        http.boots.heard(&caller.terminal, boot);
    }
    let seen = sign_of_life(&http, &caller, first.seen);
    if !first.acks.is_empty() || query.wait == 0 {
        let _ = tokio::time::timeout(SEEN_WITHIN, seen).await;
        return Ok(answer(&http, &first, PollEnd::Short));
    }
    let (acks, end) = {
        let mut seen = std::pin::pin!(seen);
        let mut waited = std::pin::pin!(wait(&http, &caller, &query, mark));
        tokio::select! {
            biased;
            () = &mut seen => waited.await?,
            waited = &mut waited => waited?,
        }
    };
    Ok(answer(&http, &acks, end))
}

/// The machine takes the ack: from now on giving out the goods is its own task.
///
/// Against `withdraw` and the end of `accept_within_s` exactly one wins; the loser is told what
/// stands.
#[utoipa::path(
    post, path = "/v1/terminals/{id}/acks/{n}/accept", tag = "terminals",
    operation_id = "acceptAck",
    params(
        ("id" = String, Path, description = "The terminal", example = "snack-4711",
            pattern = "^[A-Za-z0-9._-]{1,32}$"),
        ("n" = i64, Path, description = "The ack", minimum = 1, example = 42),
        ("x-correlator" = Option<String>, Header, description = "Comes back in the answer",
            pattern = r"^[a-zA-Z0-9\-_:;.\/<>{}]{0,256}$"),
    ),
    request_body(content = Option<ActJson>, description = "May be left out"),
    responses((status = 200, description = "The ack stands so", body = AckJson), Refused),
    security(("terminal" = [])),
)]
pub(super) async fn accept<B: Books>(
    State(http): State<Arc<HttpState<B>>>,
    caller: Caller,
    ack: AckNumber,
    request: Request,
) -> Result<Json<AckJson>, Problem> {
    let said = body::read::<ActJson>(request).await?.unwrap_or_default();
    act(&http, caller, ack, said, Word::Accept).await
}

/// The machine does not take the ack and gives it back: the buyer is refunded.
///
/// Once it was accepted that is too late: a machine that then gives nothing out reports `failed`.
#[utoipa::path(
    post, path = "/v1/terminals/{id}/acks/{n}/withdraw", tag = "terminals",
    operation_id = "withdrawAck",
    params(
        ("id" = String, Path, description = "The terminal", example = "snack-4711",
            pattern = "^[A-Za-z0-9._-]{1,32}$"),
        ("n" = i64, Path, description = "The ack", minimum = 1, example = 42),
        ("x-correlator" = Option<String>, Header, description = "Comes back in the answer",
            pattern = r"^[a-zA-Z0-9\-_:;.\/<>{}]{0,256}$"),
    ),
    request_body(content = Option<ActJson>, description = "May be left out"),
    responses((status = 200, description = "The ack stands so", body = AckJson), Refused),
    security(("terminal" = [])),
)]
pub(super) async fn withdraw<B: Books>(
    State(http): State<Arc<HttpState<B>>>,
    caller: Caller,
    ack: AckNumber,
    request: Request,
) -> Result<Json<AckJson>, Problem> {
    let said = body::read::<ActJson>(request).await?.unwrap_or_default();
    act(&http, caller, ack, said, Word::Withdraw).await
}

/// What came of it.
///
/// A part supplied is a refund of the rest. A `reset` counts as supplied when "approved" stood in
/// the machine's journal, and else as failed: MDB/ICP 4.2 §7.
#[utoipa::path(
    post, path = "/v1/terminals/{id}/acks/{n}/result", tag = "terminals",
    operation_id = "reportResult",
    params(
        ("id" = String, Path, description = "The terminal", example = "snack-4711",
            pattern = "^[A-Za-z0-9._-]{1,32}$"),
        ("n" = i64, Path, description = "The ack", minimum = 1, example = 42),
        ("x-correlator" = Option<String>, Header, description = "Comes back in the answer",
            pattern = r"^[a-zA-Z0-9\-_:;.\/<>{}]{0,256}$"),
    ),
    request_body(content = ReportJson, examples(
        ("begun" = (value = json!({"result": "dispensing"}))),
        ("all given out" = (value = json!({"result": "supplied"}))),
        ("a part given out" = (value = json!({"result": "supplied", "supplied_units": 1}))),
        ("jammed" = (value = json!({"result": "failed", "reason": "coil 12 jammed"}))),
        ("restarted" = (value = json!({"result": "reset", "approved_journalled": true}))),
    )),
    responses((status = 200, description = "The ack stands so", body = AckJson), Refused),
    security(("terminal" = [])),
)]
pub(super) async fn result<B: Books>(
    State(http): State<Arc<HttpState<B>>>,
    caller: Caller,
    ack: AckNumber,
    request: Request,
) -> Result<Json<AckJson>, Problem> {
    let report = body::read::<ReportJson>(request).await?;
    let report = report.ok_or_else(|| Problem::invalid("body: result is missing"))?;
    let word = report::word(&report)?;
    let said = ActJson {
        purchase: report.purchase,
        reason: report.reason,
    };
    act(&http, caller, ack, said, word).await
}

/// What a poll asks for.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AcksQuery {
    /// The last ack number that the terminal knows.
    #[serde(default)]
    #[param(minimum = 0, default = 0, example = 0)]
    after: i64,
    /// How long to wait for an ack, s.
    #[serde(default)]
    #[param(minimum = 0, maximum = 25, default = 0, example = 0)]
    wait: u8,
}

impl AcksQuery {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let Query(query) = Query::<Self>::try_from_uri(uri).map_err(|rejection| {
            let text = rejection.body_text();
            let told = text
                .split_once("query string: ")
                .map_or(text.as_str(), |(_, told)| told);
            Problem::invalid(format!("query: {told}"))
        })?;
        if query.after < 0 {
            return Err(Problem::invalid("query: after: 0 or more is needed"));
        }
        if query.wait > WAIT_MAX_S {
            return Err(Problem::invalid(format!(
                "query: wait: at most {WAIT_MAX_S}"
            )));
        }
        Ok(query)
    }
}

async fn read<B: Books>(http: &HttpState<B>, caller: &Caller, after: i64) -> Result<Acks, Problem> {
    let question = AckQuestion {
        terminal: caller.terminal.clone(),
        token_sha256: caller.token_sha256,
        after,
        now: (http.surroundings.now)(),
    };
    Ok(http.books.acks(question).await??)
}

/// Waits for an ack that came after `mark`. The reading at the end is the net below every wake.
async fn wait<B: Books>(
    http: &HttpState<B>,
    caller: &Caller,
    query: &AcksQuery,
    mark: Mark,
) -> Result<(Acks, PollEnd), Problem> {
    let waiter = http
        .wakes
        .subscribe(&caller.terminal, mark)
        .map_err(|_| Problem::unavailable("too many terminals wait", CROWDED_RETRY_S))?;
    let mut over = std::pin::pin!(tokio::time::sleep(Duration::from_secs(query.wait.into())));
    loop {
        let end = tokio::select! {
            biased;
            rang = waiter.rang() => match rang {
                Rang::News => PollEnd::News,
                Rang::Displaced => PollEnd::Displaced,
                Rang::Closing => PollEnd::Closing,
            },
            () = &mut over => PollEnd::Waited,
        };
        let acks = read(http, caller, query.after).await?;
        // A wake without an ack: of a terminal in the same place, or of one that was settled since.
        if !acks.acks.is_empty() || end != PollEnd::News {
            return Ok((acks, end));
        }
    }
}

/// Tells the books that the terminal lives, unless they heard so a short time ago.
async fn sign_of_life<B: Books>(http: &HttpState<B>, caller: &Caller, seen: crate::domain::Millis) {
    let quarter_ms = i64::from(http.settings.alive_s).saturating_mul(250);
    if (http.surroundings.now)().since(seen) < quarter_ms {
        return;
    }
    let member = Member::Seen {
        terminal: caller.terminal.clone(),
    };
    if let Err(error) = http.books.submit_within(member, TAKE_WITHIN).await {
        // The next poll says it again, long before the terminal counts as dead.
        tracing::debug!(terminal = %caller.terminal, %error, "a sign of life was not stored");
    }
}

async fn act<B: Books>(
    http: &HttpState<B>,
    caller: Caller,
    AckNumber(ack): AckNumber,
    said: ActJson,
    word: Word,
) -> Result<Json<AckJson>, Problem> {
    let member = Member::TerminalAct(TerminalAct {
        terminal: caller.terminal,
        token_sha256: caller.token_sha256,
        ack,
        purchase: said
            .purchase
            .as_deref()
            .map(report::purchase_id)
            .transpose()?,
        word,
        reason: said.reason.map(report::reason).transpose()?,
    });
    let outcome = http.books.submit_within(member, TAKE_WITHIN).await?;
    match outcome {
        Outcome::Ack(view) if view.taken => Ok(Json(ack_json(&view))),
        Outcome::Ack(view) => Err(Problem::out_of_order(ack_json(&view))),
        Outcome::Refused(Denied::Conflict(why)) if why == CLOSED_ACK => Err(Problem::gone()),
        Outcome::Refused(denied) => Err(denied.into()),
        other @ (Outcome::Arrived { .. }
        | Outcome::Ordered { .. }
        | Outcome::Done
        | Outcome::AlreadyDone
        | Outcome::Imported { .. }
        | Outcome::Batch(_)
        | Outcome::Bills(_)
        | Outcome::Commanded(_)) => Err(Problem::unexpected(&other)),
    }
}

fn answer<B: Books>(http: &HttpState<B>, acks: &Acks, end: PollEnd) -> Json<AcksJson> {
    let waits = acks.acks.iter().any(|ack| ack.state == PurchaseState::Paid);
    let end = match (acks.acks.is_empty(), waits) {
        (true, _) => end,
        (false, true) => PollEnd::News,
        (false, false) => PollEnd::Known,
    };
    Json(AcksJson {
        acks: acks.acks.iter().map(ack_json).collect(),
        poll_again_ms: poll_again_ms(end, http.settings.accept_within_s),
    })
}

fn ack_json(view: &AckView) -> AckJson {
    AckJson {
        ack: view.ack,
        purchase: view.purchase.to_string(),
        state: view.state.name().to_owned(),
        delivery_status: view.state.delivery_status().to_owned(),
        item: view.item.map(String::from),
        units: view.units,
        supplied_units: supplied_units(view.state),
        value_minor: view.value.minor(),
        currency: view.currency.code().to_owned(),
        exponent: view.currency.exponent(),
        pon: view.pon.map(String::from),
        remaining_ms: view.remaining_ms.map(|left| left.max(0)),
    }
}

fn supplied_units(state: PurchaseState) -> Option<u8> {
    match state {
        PurchaseState::Supplied { units } | PurchaseState::Refunding { supplied: units } => {
            Some(units)
        }
        PurchaseState::Refunded => Some(0),
        PurchaseState::Requested
        | PurchaseState::Ordered
        | PurchaseState::Refused { .. }
        | PurchaseState::Expired
        | PurchaseState::Paying
        | PurchaseState::InDoubt
        | PurchaseState::Paid
        | PurchaseState::Accepted
        | PurchaseState::Dispensing
        | PurchaseState::Unknown => None,
    }
}

/// A machine's own time-out is some seconds; it asks again.
pub(super) const TAKE_WITHIN: Duration = Duration::from_secs(2);
/// An ack that is there is not held back for a sign of life.
const SEEN_WITHIN: Duration = Duration::from_millis(20);
/// Places become free all the time: every poll ends within [`WAIT_MAX_S`].
const CROWDED_RETRY_S: u16 = 2;
