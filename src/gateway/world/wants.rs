//! Which rows a batch reads.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::catalogue::{ItemCode, ShortCode};
use crate::domain::ids::{MerchantId, OutboxId, PurchaseId, SubscriberId, TerminalId};
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::gateway::imported_keys::CardVersion;

/// Declares the sets of keys that a batch can ask for.
macro_rules! wants {
    ($($(#[$doc:meta])* $field:ident: $key:ty),+ $(,)?) => {
        /// What a batch needs to be read: keys by table.
        #[derive(Clone, Debug, Default)]
        pub struct Wants {
            $($(#[$doc])* pub $field: HashSet<$key>,)+
        }

        impl Wants {
            /// Whether nothing is wanted.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                true $(&& self.$field.is_empty())+
            }

            /// What either wants.
            #[must_use]
            pub fn and(mut self, other: Self) -> Self {
                $(self.$field.extend(other.$field);)+
                self
            }

            /// Only what was not `asked` before, which from now on it is.
            #[must_use]
            pub fn not_asked(mut self, asked: &mut Self) -> Self {
                $(self.$field.retain(|key| asked.$field.insert(key.clone()));)+
                self
            }
        }
    };
}

wants! {
    /// Lines by number.
    msisdns: Msisdn,
    /// Lines by subscriber.
    subscribers: SubscriberId,
    /// Lines by the operator's name for the account.
    accounts: Arc<str>,
    /// Lines by card.
    iccids: Arc<str>,
    /// The past of cards, and whether anybody ever held them.
    cards: Arc<str>,
    /// Imported keys by card and version, valid or not.
    card_keys: CardVersion,
    /// Imports of keys by file, and all that are not complete.
    key_imports: Arc<str>,
    /// Whether anybody ever held these numbers.
    numbers: Msisdn,
    /// Terminals, with their merchants and the merchants' accounts.
    short_codes: ShortCode,
    /// The same, by id.
    terminals: TerminalId,
    /// Merchants with their accounts.
    merchants: MerchantId,
    /// All items and terminals of a merchant.
    catalogues: MerchantId,
    /// One item of the merchant of a terminal.
    items: (ShortCode, ItemCode),
    /// One item of the merchant of a terminal, by the terminal's id.
    terminal_items: (TerminalId, ItemCode),
    /// The whole list of a terminal's merchant.
    lists: ShortCode,
    /// Purchases.
    purchases: PurchaseId,
    /// Open acks with their purchases.
    acks: (TerminalId, i64),
    /// Paid purchases of a merchant that no terminal has taken, up to a bound, with their acks.
    untaken: MerchantId,
    /// Payment order numbers with their purchases.
    pons: Pon,
    /// Kiosks' orders by their own name, with their purchases.
    client_references: (TerminalId, Arc<str>),
    /// All sets of parts of a sender, trusted or not.
    part_senders: (Msisdn, bool),
    /// Sets of parts that are over by then, up to a bound.
    parts_over: Millis,
    /// Loads and payments by reference.
    references: Arc<str>,
    /// Messages that were sent, by SMSC and its id.
    sent_ids: (Arc<str>, Arc<str>),
    /// Messages that were sent to a number.
    sent_to: Msisdn,
    /// Messages that were sent, below this id, up to a bound.
    sent_below: OutboxId,
    /// Outbox rows, parked ones too.
    outbox: OutboxId,
}
