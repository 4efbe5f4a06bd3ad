//! Whether the token gives keys, looked at again and again: readiness and numbers.

use std::time::Duration;

use crate::http::health::{Need, Readiness};
use crate::telemetry::keys::TokenMetrics;
use crate::token::Token;

/// Keeps readiness and metrics true to the token until it is dropped.
pub(super) async fn watch(token: Token, metrics: TokenMetrics, readiness: Readiness) {
    loop {
        let figures = token.figures();
        metrics.held(figures.held);
        metrics.count(figures.brought, figures.lost);
        metrics.up(figures.lacking.is_none());
        match figures.lacking {
            None => readiness.met(Need::Keys),
            Some(reason) => readiness.lacking(Need::Keys, reason),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
