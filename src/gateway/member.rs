//! What a caller hands to the books, one input at a time, and what it gets back.

mod arrival;

use std::sync::Arc;

pub use self::arrival::{Arrival, Content, UssdOrder, UssdWish};
use crate::dialogue::card_command::CardCommand;
use crate::domain::Millis;
use crate::domain::catalogue::{ItemCode, Quantity, ShortCode};
use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId, TerminalId};
use crate::domain::merchant::{Item, Merchant};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::domain::purchase::State;
use crate::domain::refusal::Refusal;
use crate::domain::subscriber::Standing;
use crate::gateway::delivered::Adopt;
use crate::gateway::imported_keys::KeyImportStep;
use crate::gateway::world::KeyEvent;

/// One input and the keys it touches.
#[derive(Clone, Debug)]
pub enum Member {
    /// A short message from a phone.
    Arrival(Arrival),
    /// A kiosk's order that waits for a subscriber.
    KioskOrder(KioskOrder),
    /// A terminal's word about one ack.
    TerminalAct(TerminalAct),
    /// A terminal polled: it is alive.
    Seen {
        /// Which.
        terminal: TerminalId,
    },
    /// A purchase's deadline may have passed.
    Deadline {
        /// Which.
        purchase: PurchaseId,
    },
    /// An operator takes a subscriber's PIN away: another one can be chosen.
    ResetPin {
        /// Whose, by the operator's name for the account.
        account: Arc<str>,
        /// Who does it.
        who: Arc<str>,
    },
    /// One step of an import of cards' keys.
    KeyImport(KeyImportStep),
    /// What was done with keys outside of the books is written to their log, at most [`CHUNK_MAX`].
    KeyEvents(Vec<KeyEvent>),
    /// An operator has a card do something.
    CardOrder(Box<CardOrder>),
    /// An operator gives cards new keys.
    Rotate(Rotation),
    /// New keys that were sent to these, and that they may not have used in time.
    RekeysDue(Vec<SubscriberId>),
    /// A person decides an unknown end.
    Resolve(Resolve),
    /// The SMSC acknowledged or refused these messages.
    OutboxSettled(Vec<OutboxSettled>),
    /// A parked message is to be sent again.
    OutboxRetry(OutboxId),
    /// Messages that no node sends yet are to be sent by this one.
    OutboxClaim(Vec<OutboxId>),
    /// Messages of this node are to be sent by any that can.
    OutboxRelease(Vec<OutboxId>),
    /// A delivery receipt came.
    Receipt(Receipt),
    /// The issuer loads the operator's purse.
    LoadPurse(LoadPurse),
    /// The issuer takes back what the operator's float holds too much.
    UnloadPurse(LoadPurse),
    /// Subscribers of an import, at most [`CHUNK_MAX`].
    ImportLines(Vec<LineImport>),
    /// One merchant of an import with its items and terminals.
    ImportMerchant(Box<MerchantImport>),
    /// A new token for a terminal.
    Token {
        /// Which.
        terminal: TerminalId,
        /// SHA-256 of the token.
        token_sha256: [u8; 32],
    },
    /// Closes the bills of these subscribers that were open at the cut-off.
    CloseBills {
        /// Which.
        subscribers: Vec<SubscriberId>,
        /// Charges before it belong to the closed bill.
        cut_off: Millis,
    },
    /// A subscriber paid.
    PayBill(PayBill),
    /// Charges that stayed open for a day go to billing as provisional.
    Provisional(Vec<PurchaseId>),
    /// Closes the open batch of the billing stream.
    CloseBatch {
        /// Whether the file may hold no entry.
        allow_empty: bool,
    },
    /// What became of a batch's file.
    BatchWritten {
        /// The batch's number.
        sequence: i64,
        /// SHA-256 of the file, for the chain.
        sha256: [u8; 32],
    },
    /// Purchases that were open when the books were restored from a backup.
    EndEpoch(Vec<PurchaseId>),
    /// Delivered files are read back into restored books.
    Adopt(Adopt),
    /// Drops sent messages below this id: no receipt of them is waited for any more.
    SweepSent {
        /// [`OutboxId::at`] a time.
        below: OutboxId,
    },
    /// Drops parts and tombstones whose time is over, the oldest first, some thousands at a time; and
    /// payment order numbers that are free again.
    SweepParts {
        /// The time by which it is over.
        over_by: Millis,
    },
    /// When an SMSC could reach this node: [`crate::gateway::intake::Reach`] as octets.
    Reached {
        /// The SMSC's name in the configuration.
        smsc: Arc<str>,
        /// What a later start goes on from.
        reach: Vec<u8>,
    },
}

/// Rows of one import chunk: some milliseconds of the writer's time.
pub const CHUNK_MAX: usize = 2_000;

/// `POST /v1/kiosks/{id}/orders`.
#[derive(Clone, Debug)]
pub struct KioskOrder {
    /// Who asks.
    pub terminal: TerminalId,
    /// SHA-256 of the bearer token.
    pub token_sha256: [u8; 32],
    /// What is to be bought.
    pub what: KioskItem,
    /// The kiosk's own name for the order: the same again is the same order.
    pub client_reference: Arc<str>,
    /// Who is to be asked to pay it.
    pub payer: Option<Msisdn>,
    /// Candidates for the order's number, drawn at random.
    pub candidates: [Pon; 4],
}

/// What a kiosk's order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KioskItem {
    /// Pieces of an item at its price of now.
    Item {
        /// Which.
        code: ItemCode,
        /// How many.
        quantity: Quantity,
    },
    /// An amount in the merchant's currency.
    Amount(MinorUnits),
}

/// What a terminal says about an ack.
#[derive(Clone, Debug)]
pub struct TerminalAct {
    /// Who says it.
    pub terminal: TerminalId,
    /// SHA-256 of the bearer token.
    pub token_sha256: [u8; 32],
    /// Which ack.
    pub ack: i64,
    /// The purchase as the terminal knows it: finds an ack that was closed long ago.
    pub purchase: Option<PurchaseId>,
    /// What it says.
    pub word: Word,
    /// Its reason, at most 64 characters.
    pub reason: Option<Arc<str>>,
}

/// A terminal's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It takes the ack.
    Accept,
    /// It gives the ack back.
    Withdraw,
    /// It has begun.
    Dispensing,
    /// It gave out `units` pieces; all when none is named.
    Supplied {
        /// Pieces.
        units: Option<u8>,
    },
    /// It gave out nothing.
    Failed,
    /// It restarted after it had taken the ack.
    Reset {
        /// Whether "approved" stood in its journal.
        approved: bool,
    },
}

/// A command to the cards of some accounts, at most [`CARDS_MAX`].
#[derive(Clone, Debug)]
pub struct CardOrder {
    /// Whose cards, by the operator's names for the accounts.
    pub accounts: Vec<Arc<str>>,
    /// What it is to do.
    pub command: CardCommand,
    /// Who wants it.
    pub who: Arc<str>,
}

/// New keys for the cards of some accounts, at most [`CARDS_MAX`].
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Whose cards, by the operator's names for the accounts.
    pub accounts: Vec<Arc<str>>,
    /// Their version; none for the next.
    pub to: Option<u8>,
    /// Who wants it.
    pub who: Arc<str>,
}

/// Some milliseconds of the writer: keys are derived and a packet sealed for each.
pub const CARDS_MAX: usize = 200;

/// A person's decision about an unknown end.
#[derive(Clone, Debug)]
pub struct Resolve {
    /// Which purchase.
    pub purchase: PurchaseId,
    /// Pieces that count as given out; all when none is named.
    pub units: Option<u8>,
    /// Who decided.
    pub who: Arc<str>,
    /// Why.
    pub why: Arc<str>,
}

/// What the SMSC said about one message of ours.
#[derive(Clone, Debug)]
pub struct OutboxSettled {
    /// Which.
    pub id: OutboxId,
    /// What.
    pub end: OutboxEnd,
}

/// The end of a message's way.
#[derive(Clone, Debug)]
pub enum OutboxEnd {
    /// The SMSC took it under this id; a receipt may follow.
    Taken {
        /// The SMSC's id for it.
        message_id: Arc<str>,
        /// Whether a receipt was asked for.
        receipt: bool,
    },
    /// It will not be sent: kept with its cause until a person looks.
    Parked {
        /// Why.
        cause: Arc<str>,
    },
}

/// A delivery receipt.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// From which SMSC.
    pub smsc: Arc<str>,
    /// The number that the message went to; none when the SMSC wrote none that can be read.
    pub to: Option<Msisdn>,
    /// The ids that it may mean: as written first, then read as hexadecimal or decimal.
    pub candidates: Vec<Arc<str>>,
    /// Our own reference, where the SMSC gave it back.
    pub reference: Option<u16>,
    /// What became of the message, as SMPP names it.
    pub state: Arc<str>,
}

/// A load of the operator's purse, or what is taken out of it again.
#[derive(Clone, Debug)]
pub struct LoadPurse {
    /// How much.
    pub amount: MinorUnits,
    /// Of the amount.
    pub currency: Currency,
    /// The issuer's reference: unique.
    pub reference: Arc<str>,
}

/// A payment of a subscriber.
#[derive(Clone, Debug)]
pub struct PayBill {
    /// The operator's name for the account.
    pub account: Arc<str>,
    /// How much.
    pub amount: MinorUnits,
    /// Of the amount.
    pub currency: Currency,
    /// The billing system's reference: unique.
    pub reference: Arc<str>,
}

/// One line of a subscriber import, checked.
#[derive(Clone, Debug)]
pub struct LineImport {
    /// The operator's name for the account.
    pub account: Arc<str>,
    /// The number.
    pub msisdn: Msisdn,
    /// The card.
    pub iccid: Arc<str>,
    /// The card's IMSI.
    pub imsi: Arc<str>,
    /// Of replies.
    pub language: Arc<str>,
    /// Whose rules apply.
    pub class: Arc<str>,
    /// Of the bill.
    pub currency: Currency,
    /// What may be owed.
    pub credit_limit: MinorUnits,
    /// What one purchase may cost.
    pub cap: MinorUnits,
    /// Which version of its keys the SIM uses.
    pub key_version: u8,
    /// Names the card profile of the configuration; none for that of the card's imported keys, or
    /// the standard one.
    pub profile: Option<Arc<str>>,
    /// Imported keys, sealed; none for those that were imported for this card and version, or
    /// derived ones.
    pub sealed_keys: Option<Arc<[u8]>>,
    /// Whether the operator lets the account buy.
    pub standing: Standing,
}

/// A merchant as its file says it.
#[derive(Clone, Debug)]
pub struct MerchantImport {
    /// Who.
    pub merchant: Merchant,
    /// Its price list; items that are missing are no longer sold.
    pub items: Vec<Item>,
    /// Its terminals; those that are missing keep their acks and take no order.
    pub terminals: Vec<TerminalImport>,
}

/// A terminal as its merchant's file says it.
#[derive(Clone, Debug)]
pub struct TerminalImport {
    /// Who.
    pub id: TerminalId,
    /// What the subscriber types.
    pub short_code: ShortCode,
    /// What it gives out; all of the merchant's when empty.
    pub items: Vec<ItemCode>,
    /// Open acks at which it is busy.
    pub slots: u16,
    /// SHA-256 of its token, when the file has one.
    pub token_sha256: Option<[u8; 32]>,
}

/// What the books decided about a member.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The message is dealt with: an order was paid, refused, or answered.
    Arrived {
        /// The order, if the message was one.
        purchase: Option<PurchaseId>,
        /// What became of it.
        end: ArrivalEnd,
        /// What is said in the USSD session that it came by; none for a message, whose answer is a
        /// message.
        said: Option<Arc<str>>,
    },
    /// The kiosk's order stands.
    Ordered {
        /// The number to show.
        pon: Pon,
        /// The order.
        purchase: PurchaseId,
        /// What the subscriber will pay.
        gross: MinorUnits,
        /// Of the amount.
        currency: Currency,
        /// How long it can still be paid, ms.
        valid_ms: i64,
        /// Its state, for the same order asked again.
        state: State,
    },
    /// The ack stands so.
    Ack(AckView),
    /// Done; nothing to tell.
    Done,
    /// The same input had been taken before; nothing changed.
    AlreadyDone,
    /// How many rows an import added and changed.
    Imported {
        /// New rows.
        added: u64,
        /// Rows that differ from before.
        changed: u64,
    },
    /// A closed batch of the billing stream; none when there was nothing to close.
    Batch(Option<i64>),
    /// Closed bills.
    Bills(u64),
    /// What became of each account whose card was to do something: the version of the keys that its
    /// command was sealed under, or that was sent.
    Commanded(Vec<(Arc<str>, Result<u8, Denied>)>),
    /// Refused, with nothing changed.
    Refused(Denied),
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArrivalEnd {
    /// Paid.
    Paid,
    /// An order that is not paid.
    Refused(Refusal),
    /// The same order had come before: the same answer again.
    Repeated,
    /// A question or an instruction such as `BAL` or `STOP`.
    Answered,
    /// A part whose message is not whole yet, or a part that came twice.
    Waiting,
    /// Not authentic: nothing is answered. The word is the class of the failed check.
    Forged(&'static str),
    /// Nothing that could be understood, from nobody who could be answered.
    Ignored,
}

/// One ack as a terminal sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct AckView {
    /// Its number.
    pub ack: i64,
    /// The purchase.
    pub purchase: PurchaseId,
    /// Where it stands.
    pub state: State,
    /// What was bought; none for an amount.
    pub item: Option<ItemCode>,
    /// Pieces.
    pub units: u8,
    /// What the merchant received.
    pub value: MinorUnits,
    /// Of the value.
    pub currency: Currency,
    /// The order number shown by a kiosk.
    pub pon: Option<Pon>,
    /// How long the present state may last, ms from now.
    pub remaining_ms: Option<i64>,
    /// False when the word came out of order: the state is what stands.
    pub taken: bool,
}

/// Why a command, a kiosk or a terminal was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No such thing.
    NotFound(&'static str),
    /// The credential is missing or another's.
    Credential,
    /// It stands otherwise in the books.
    Conflict(String),
    /// The order can't be taken.
    Order(Refusal),
    /// The file or command asks for what can't be.
    Invalid(String),
}
