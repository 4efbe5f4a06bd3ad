//! What is counted of the token that holds the master key.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Numbers of the token; clones tell the same ones.
#[derive(Clone, Debug, Default)]
pub struct TokenMetrics {
    up: Gauge,
    cards_held: Gauge,
    cards: Counter,
    losses: Counter,
}

impl TokenMetrics {
    /// Registers `token_up`, `token_cards_held`, `token_cards_total` and `token_losses_total`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Whether the token with the master key works: 1 or 0";
        registry.register("token_up", help, metrics.up.clone());
        let help = "Cards whose keys are at hand without the token";
        registry.register("token_cards_held", help, metrics.cards_held.clone());
        let help = "Cards whose keys the token gave";
        registry.register("token_cards", help, metrics.cards.clone());
        let help = "Times that the token was lost";
        registry.register("token_losses", help, metrics.losses.clone());
        metrics
    }

    /// Whether the token works.
    pub fn up(&self, up: bool) {
        self.up.set(i64::from(up));
    }

    /// So many cards' keys are at hand.
    pub fn held(&self, cards: usize) {
        self.cards_held
            .set(i64::try_from(cards).unwrap_or(i64::MAX));
    }

    /// Since the start it gave the keys of so many cards, and was lost so often.
    pub fn count(&self, cards: u64, losses: u64) {
        self.cards.inc_by(cards.saturating_sub(self.cards.get()));
        self.losses.inc_by(losses.saturating_sub(self.losses.get()));
    }
}
