//! Opens desks: what all of them work with, and what is each one's own.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::auth::bad_mac_budget::{BadMacBudget, BudgetLimits};
use crate::config::rules::PurchaseConfig;
use crate::config::ussd::{Ussd, UssdConfig};
use crate::dialogue::reply::Reply;
use crate::gateway::books::Books;
use crate::gateway::context::Context;
use crate::gateway::intake::Origin;
use crate::gsup::sessions;
use crate::http::Surroundings;
use crate::serve::reach::SmscReach;
use crate::serve::ussd::carrier::Carrier;
use crate::serve::ussd::{Desk, DeskTerms};
use crate::smpp::ussd::{Dialect, Terms};
use crate::sms::SmscAlphabet;
use crate::sms::ussd_string::StringForm;
use crate::store::Store;
use crate::telemetry::purchases::PurchaseMetrics;
use crate::telemetry::ussd::BindUssd;
use crate::ussd::history;

/// What all desks work with.
#[derive(Clone)]
pub(in crate::serve) struct Desks<B> {
    pub(in crate::serve) books: B,
    pub(in crate::serve) views: Store,
    pub(in crate::serve) config: UssdConfig,
    pub(in crate::serve) purchase: PurchaseConfig,
    pub(in crate::serve) ussd: Ussd,
    pub(in crate::serve) context: Arc<Context>,
    pub(in crate::serve) surroundings: Surroundings,
    pub(in crate::serve) metrics: PurchaseMetrics,
}

/// What is one desk's own.
pub(in crate::serve) struct Line {
    pub(in crate::serve) origin: Origin,
    /// Of the SMSC by which subscribers send text: what they ordered there is not forgotten.
    pub(in crate::serve) reach: SmscReach,
    pub(in crate::serve) counts: BindUssd,
    /// What subscribers dial.
    pub(in crate::serve) service_code: Arc<str>,
    /// What a page has room for.
    pub(in crate::serve) form: StringForm,
    /// The SMSC by which results are sent as messages.
    pub(in crate::serve) results_by: Arc<str>,
}

impl<B: Books> Desks<B> {
    /// The desk of a carrier.
    pub(in crate::serve) fn open<C: Carrier>(
        &self,
        carrier: C,
        line: Line,
        chance: &mut ChaCha20Rng,
    ) -> Desk<B, Store, C> {
        let purchase = &self.purchase;
        let digits = self.config.service_code.trim_matches(['*', '#']);
        Desk {
            carrier,
            books: self.books.clone(),
            views: self.views.clone(),
            menu: Arc::clone(&self.ussd.menu),
            context: Arc::clone(&self.context),
            origin: line.origin,
            reach: line.reach,
            chance: ChaCha20Rng::from_rng(chance),
            clock: Arc::clone(&self.surroundings.now),
            elapsed_us: Arc::clone(&self.surroundings.elapsed_us),
            metrics: self.metrics.clone(),
            counts: line.counts,
            budget: BadMacBudget::new(BudgetLimits::default()),
            asks: None,
            terms: DeskTerms {
                service_code: line.service_code,
                form: line.form,
                results_from: digits.into(),
                results_by: line.results_by,
                take_within: Duration::from_millis(u64::from(purchase.order_take_within_ms)),
                session_ms: ms(self.config.session_s),
                repeat_ms: ms(purchase.ussd_repeat_s),
                plain_repeat_ms: ms(purchase.plain_repeat_s),
                under_way_max: self.config.sessions_max.saturating_mul(2),
            },
        }
    }

    /// The dialect of a bind; none of one without USSD.
    pub(in crate::serve) fn dialect_of(&self, bind: &str) -> Option<Arc<Dialect>> {
        self.ussd.dialects.get(bind).cloned()
    }

    /// Whether subscribers are asked to pay by this SMSC or HLR.
    pub(in crate::serve) fn asks_by(&self, name: &Arc<str>) -> bool {
        self.config.ask_by.as_ref() == Some(name)
    }

    /// What subscribers dial where nothing else is said.
    pub(in crate::serve) fn service_code(&self) -> Arc<str> {
        Arc::clone(&self.config.service_code)
    }

    /// For a whole session.
    pub(in crate::serve) const fn session_s(&self) -> u32 {
        self.config.session_s
    }

    /// The bounds of a bind's sessions.
    pub(in crate::serve) fn bind_terms(&self, alphabet: SmscAlphabet) -> Terms {
        Terms {
            alphabet,
            answer_within_ms: ms(self.config.answer_within_s),
            session_ms: ms(self.config.session_s),
            sessions_max: self.config.sessions_max,
            late: self.late(&self.config.service_code),
        }
    }

    /// The bounds of an aggregator's sessions.
    pub(in crate::serve) fn history_terms(&self, service_code: &str) -> history::Terms {
        history::Terms {
            service_code: service_code.to_owned(),
            answer_within_ms: ms(self.config.answer_within_s),
            session_ms: ms(self.config.session_s),
            sessions_max: self.config.sessions_max,
            late: self.late(service_code),
        }
    }

    /// The bounds of an HLR's sessions.
    pub(in crate::serve) fn gsup_terms(&self, service_code: &str) -> sessions::Terms {
        let menu = &self.ussd.menu;
        let language = menu.fallback();
        sessions::Terms {
            answer_within_ms: ms(self.config.answer_within_s),
            session_ms: ms(self.config.session_s),
            sessions_max: self.config.sessions_max,
            late: self.late(service_code),
            stranger: self.context.texts.render(language, &Reply::NotBillable),
            busy: menu.text(language, "busy", &[]),
        }
    }

    /// What is said to whoever answers a session that is over.
    fn late(&self, service_code: &str) -> String {
        let menu = &self.ussd.menu;
        menu.text(menu.fallback(), "late", &[("code", service_code)])
    }
}

fn ms(seconds: u32) -> i64 {
    i64::from(seconds).saturating_mul(1_000)
}
