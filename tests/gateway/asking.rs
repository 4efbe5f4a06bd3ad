//! What the suites ask of a shop again and again, and what they read of the answer.

use svgate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use svgate::dialogue::secured_reply::{OutcomeCode, SecuredReply};
use svgate::domain::Millis;
use svgate::domain::ids::PurchaseId;
use svgate::domain::pon::Pon;
use svgate::domain::purchase::State;
use svgate::gateway::member::{Arrival, ArrivalEnd, KioskItem, KioskOrder, Member, Outcome, Word};
use svgate::gateway::record::{OutboxRow, PurchaseRecord};
use svgate::gateway::views::Views;

use crate::fixture::{Phone, Shop, TOKEN, end_of, eur, minor, terminal, words};
use crate::home;

impl Shop {
    /// The time that the books' clock shows.
    pub(crate) fn now(&self) -> Millis {
        Millis(self.clock.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// Hands in a message as the link does, with its time of repetition.
    pub(crate) async fn arrive(&self, arrival: Arrival) -> (Option<PurchaseId>, ArrivalEnd) {
        let repeat_since = self.now().plus_ms(-600_000);
        let arrival = Arrival {
            repeat_since,
            refused_since: self.now().plus_ms(-60_000),
            ..arrival
        };
        end_of(&self.submit(Member::Arrival(arrival)).await)
    }

    /// Sends words: how they ended, and what was answered.
    pub(crate) async fn say(&self, phone: &Phone, text: &str) -> (ArrivalEnd, String) {
        let before = self.messages().len();
        let (_, end) = self.arrive(phone.text(text)).await;
        (
            end,
            self.messages().get(before).map(words).unwrap_or_default(),
        )
    }

    /// Sends words that must be paid; the purchase.
    pub(crate) async fn bought(&self, phone: &Phone, text: &str) -> PurchaseId {
        let (purchase, end) = self.arrive(phone.text(text)).await;
        assert_eq!(end, ArrivalEnd::Paid, "{text}");
        purchase.expect("a purchase")
    }

    /// Sends a secured order: how it ended, and what the card shows.
    pub(crate) async fn order(
        &self,
        phone: &mut Phone,
        order: &SecuredOrder,
    ) -> (ArrivalEnd, OutcomeCode) {
        let arrival = phone.sealed(order);
        let (_, end) = self.arrive(arrival).await;
        (end, self.shown(phone).outcome)
    }

    /// What the card shows of the last confirmation.
    pub(crate) fn shown(&self, phone: &Phone) -> SecuredReply {
        phone
            .read(self.messages().last().expect("a confirmation"))
            .1
    }

    /// The one integer that a query of the books gives.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        home::integer(self.path.as_deref().unwrap(), sql).await
    }

    pub(crate) fn last_words(&self) -> String {
        words(self.messages().last().expect("a message"))
    }

    pub(crate) async fn kiosk(&self, machine: u32, reference: &str, what: KioskItem) -> Outcome {
        let order = KioskOrder {
            payer: None,
            terminal: terminal(machine),
            token_sha256: TOKEN,
            what,
            client_reference: reference.into(),
            candidates: std::array::from_fn(|n| {
                let seed = reference
                    .bytes()
                    .fold(n, |sum, octet| sum * 31 + usize::from(octet));
                Pon::from_random(u64::try_from(seed).unwrap())
            }),
        };
        self.submit(Member::KioskOrder(order)).await
    }

    /// A kiosk's order for espressos that must stand: its number and purchase.
    pub(crate) async fn number(
        &self,
        machine: u32,
        reference: &str,
        units: u8,
    ) -> (Pon, PurchaseId) {
        match self.kiosk(machine, reference, espressos(units)).await {
            Outcome::Ordered { pon, purchase, .. } => (pon, purchase),
            other => panic!("no order: {other:?}"),
        }
    }

    pub(crate) async fn purchase(&self, id: PurchaseId) -> PurchaseRecord {
        self.store
            .purchase(id)
            .await
            .unwrap()
            .expect("the purchase")
    }

    pub(crate) async fn state(&self, id: PurchaseId) -> State {
        self.purchase(id).await.life.state
    }

    /// Fires the timer of a purchase.
    pub(crate) async fn timer(&self, purchase: PurchaseId) -> Outcome {
        self.submit(Member::Deadline { purchase }).await
    }

    /// The state that a word led to, and whether it was taken.
    pub(crate) async fn told(&self, machine: u32, ack: i64, word: Word) -> (State, bool) {
        match self.act(machine, ack, word).await {
            Outcome::Ack(view) => (view.state, view.taken),
            other => panic!("no ack: {other:?}"),
        }
    }

    /// A balance by the account's kind, over all merchants.
    pub(crate) async fn balance(&self, kind: &str) -> i64 {
        let balances = self.store.balances().await.unwrap();
        let of_kind = balances.iter().filter(|balance| &*balance.kind == kind);
        of_kind.map(|balance| balance.balance.0).sum()
    }

    pub(crate) async fn notices(&self) -> Vec<String> {
        let notices = self.store.notices(0, 1_000).await.unwrap();
        notices
            .iter()
            .map(|notice| notice.kind.to_string())
            .collect()
    }

    /// The messages in the outbox of the books.
    pub(crate) async fn outbox(&self) -> Vec<OutboxRow> {
        use svgate::domain::ids::OutboxId;
        use svgate::gateway::books::Books;
        self.store.outbox_after(OutboxId(0), 1_000).await.unwrap()
    }
}

pub(crate) fn espressos(units: u8) -> KioskItem {
    KioskItem::Item {
        code: "12".parse().unwrap(),
        quantity: units.try_into().unwrap(),
    }
}

/// An order for one piece at the first machine, up to 3.00 EUR, under the phone's next reference.
pub(crate) fn order_of(phone: &mut Phone, item: &str) -> SecuredOrder {
    phone.reference += 1;
    SecuredOrder {
        reference: phone.reference.try_into().unwrap(),
        wanted: Wanted::Item {
            short_code: 4711.try_into().unwrap(),
            item: item.parse().unwrap(),
            quantity: 1.try_into().unwrap(),
        },
        agreed: Agreed::AtMost(minor(300)),
        currency: eur(),
    }
}
