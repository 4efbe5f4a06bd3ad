//! Every table with its columns, in the order in which rows are written and read.

use crate::store::statements::{Column, Kind, Table};

/// Declares a table: its key, and its columns with what they hold.
macro_rules! table {
    ($const:ident, $name:literal, [$($key:literal),+], [$($column:ident: $kind:ident),+ $(,)?]) => {
        pub(super) const $const: Table = Table {
            name: $name,
            key: &[$($key),+],
            columns: &[$(table!(@ $column $kind)),+],
        };
    };
    (@ $column:ident int) => { Column { name: stringify!($column), kind: Kind::Int } };
    (@ $column:ident text) => { Column { name: stringify!($column), kind: Kind::Text } };
    (@ $column:ident octets) => { Column { name: stringify!($column), kind: Kind::Octets } };
}

table!(
    BOOKS,
    "books",
    ["books"],
    [
        books: int, identity: text, epoch: int, settled: int, restored_ms: int, reason: text,
        plain_from_ms: int, counter_margin: int,
    ]
);

table!(
    NODE,
    "node",
    ["node"],
    [
        node: int, last_id: int, batch: int, committed_ms: int, transfer_no: int, entry_no: int,
        purse_log_no: int, pos_log_no: int, account_no: int, bill_no: int, series_from: int,
        epoch: int, writer: int, files_epoch: int,
    ]
);

table!(
    MARKED,
    "marked",
    ["node"],
    [
        node: int, since_ms: int,
    ]
);

table!(
    LINE,
    "line",
    ["subscriber_id"],
    [
        subscriber_id: int, account: text, msisdn: int, iccid: text, imsi: text, language: text,
        class: text, currency: text, credit_limit_minor: int, cap_minor: int, changed_ms: int,
        key_version: int, profile: text, sealed_keys: octets, asked_ms: int, pin_check: octets,
        pin_wrong: int, file_key_version: int, pending_keys: octets, rekey_due_ms: int,
        older_keys: octets, own_limit_minor: int, standing: int, start_code: int, mo_counter: int,
        mo_digest: octets, mo_purchase_id: int,
        mt_counter: int, recent: octets, owed_minor: int, held_minor: int, bill_number: int,
        bill_since_ms: int, bill_total_minor: int, bill_entries: int, epoch: int,
    ]
);
/// What an order changes of a line: none of it is in an index.
pub(super) const LINE_HOT: &[&str] = &[
    "own_limit_minor",
    "standing",
    "start_code",
    "mo_counter",
    "mo_digest",
    "mo_purchase_id",
    "mt_counter",
    "recent",
    "owed_minor",
    "held_minor",
    "bill_number",
    "bill_since_ms",
    "bill_total_minor",
    "bill_entries",
    "epoch",
];

table!(
    CARD,
    "card",
    ["iccid"],
    [
        iccid: text, past: octets,
    ]
);

table!(
    PERIOD,
    "period",
    ["period_no"],
    [
        subscriber_id: int, msisdn: int, iccid: text, imsi: text, from_ms: int,
    ]
);

table!(
    MERCHANT,
    "merchant",
    ["merchant_id"],
    [
        merchant_id: text, name: text, currency: text, tax_code: text, discount_basis_points:
        int, open: int, unknown_end: text,
    ]
);

table!(
    ITEM,
    "item",
    ["merchant_id", "code"],
    [
        merchant_id: text, code: text, name: text, retail_minor: int, wholesale_minor: int,
    ]
);

table!(
    TERMINAL,
    "terminal",
    ["terminal_id"],
    [
        terminal_id: text, short_code: int, merchant_id: text, items: text, slots: int,
        token_sha256: octets, file_token_sha256: octets, in_service: int, seen_ms: int,
        last_ack: int, open_acks: int, open_orders: int, closed_ack: int, closed_purchase_id:
        int,
    ]
);
/// What an order changes of a terminal.
pub(super) const TERMINAL_HOT: &[&str] = &[
    "seen_ms",
    "last_ack",
    "open_acks",
    "open_orders",
    "closed_ack",
    "closed_purchase_id",
];

table!(
    PURCHASE,
    "purchase",
    ["purchase_id"],
    [
        purchase_id: int, units: int, channel: text, subscriber_id: int, msisdn: int,
        terminal_id: text, merchant_id: text, item: text, short_code: int, currency: text,
        retail_minor: int, wholesale_minor: int, fee_minor: int, tax_minor: int, pon: int,
        reference: int, client_reference: text, ack: int, from_seq: int, to_seq: int,
        bill_number: int, requested_ms: int, paid_ms: int, node: int, recovered: int, smsc: text, service: text,
        received: octets, check_result: text, state: text, state_units: int, back_retail_minor:
        int, back_wholesale_minor: int, back_fee_minor: int, back_tax_minor: int, changed_ms:
        int, deadline_ms: int, billed: int, entry_no: int, reason: text,
    ]
);
/// What happens to a purchase after it was paid.
pub(super) const PURCHASE_LATER: &[&str] = &[
    "state",
    "state_units",
    "back_retail_minor",
    "back_wholesale_minor",
    "back_fee_minor",
    "back_tax_minor",
    "changed_ms",
    "deadline_ms",
    "billed",
    "entry_no",
    "reason",
];

table!(
    OPEN_ACK,
    "open_ack",
    ["terminal_id", "ack"],
    [
        terminal_id: text, ack: int, purchase_id: int,
    ]
);

table!(
    PON,
    "pon",
    ["pon"],
    [
        pon: int, purchase_id: int, reserved_until_ms: int, open: int,
    ]
);

/// What another order changes of a number whose time is over.
pub(super) const PON_HOT: &[&str] = &["purchase_id", "reserved_until_ms", "open"];

table!(
    CLIENT_REFERENCE,
    "client_reference",
    ["terminal_id", "reference"],
    [
        terminal_id: text, reference: text, purchase_id: int,
    ]
);

table!(
    ACCOUNT,
    "account",
    ["account_no"],
    [
        account_no: int, kind: text, merchant_id: text, currency: text, balance_minor: int,
        node: int,
    ]
);
/// What a transfer changes of an account.
pub(super) const ACCOUNT_HOT: &[&str] = &["balance_minor"];

table!(
    TRANSFER,
    "transfer",
    ["transfer_no"],
    [
        transfer_no: int, from_account: int, to_account: int, amount_minor: int, currency: text,
        kind: text, purchase_id: int, at_ms: int,
    ]
);

table!(
    PURSE,
    "purse",
    ["purse_id"],
    [
        purse_id: text, role: text, currency: text, state: octets,
    ]
);

table!(
    PURSE_LOG,
    "purse_log",
    ["record_no"],
    [
        record_no: int, purse_id: text, record: octets,
    ]
);

table!(
    POS_LOG,
    "pos_log",
    ["record_no"],
    [
        record_no: int, purse_id: text, record: octets,
    ]
);

table!(
    BILLING_ENTRY,
    "billing_entry",
    ["entry_no"],
    [
        entry_no: int, kind: text, purchase_id: int, original_no: int, subscriber_id: int,
        account: text, msisdn: int, merchant_id: text, item: text, units: int, currency: text,
        retail_minor: int, wholesale_minor: int, fee_minor: int, tax_minor: int, tax_code: text,
        bill_number: int, at_ms: int, business_date: int, provisional: int, channel: text,
    ]
);

table!(
    BATCH,
    "batch",
    ["node", "sequence"],
    [
        node: int, sequence: int, from_no: int, to_no: int, closed_ms: int, sha256: octets,
    ]
);
/// What is known once a batch's file stands.
pub(super) const BATCH_WRITTEN: &[&str] = &["sha256"];

table!(
    BILL,
    "bill",
    ["bill_id"],
    [
        bill_id: int, subscriber_id: int, number: int, currency: text, total_minor: int,
        from_ms: int, to_ms: int, cause: text,
    ]
);

table!(
    OUTBOX,
    "outbox",
    ["outbox_id"],
    [
        outbox_id: int, purchase_id: int, smsc: text, service: text, msisdn: int, udhi: int,
        protocol_id: int, data_coding: int, user_data: octets, created_ms: int, expires_ms: int,
        parked: text, node: int, asks_pon: int,
    ]
);

/// What changes of a message that another node will send.
pub(super) const OUTBOX_SENDER: &[&str] = &["node"];

table!(
    SENT,
    "sent",
    ["outbox_id"],
    [
        outbox_id: int, smsc: text, message_id: text, msisdn: int, reference: int, purchase_id:
        int, at_ms: int, receipt: text,
    ]
);

table!(
    PART,
    "part",
    ["sender", "trusted", "destination", "reference", "total", "wide"],
    [
        sender: int, trusted: int, destination: text, reference: int, total: int, wide: int,
        expires_ms: int, state: octets,
    ]
);
/// What a further part changes of a set.
pub(super) const PART_HOT: &[&str] = &["expires_ms", "state"];

table!(
    TAKEN_REFERENCE,
    "taken_reference",
    ["reference"],
    [
        reference: text, kind: text, amount_minor: int, currency: text, subscriber_id: int,
    ]
);

table!(
    REACH,
    "reach",
    ["node", "smsc"],
    [
        node: int, smsc: text, state: octets,
    ]
);

table!(
    NOTICE,
    "notice",
    ["notice_no"],
    [
        at_ms: int, kind: text, purchase_id: int, subscriber_id: int, text: text,
    ]
);

table!(
    KEY_EVENT,
    "key_event",
    ["event_no"],
    [
        at_ms: int, node: int, who: text, what: text, subject: text, detail: text,
    ]
);

table!(
    KEY_IMPORT,
    "key_import",
    ["import_no"],
    [
        import_no: int, file: text, name: text, who: text, lines: int, begun_ms: int,
        completed_ms: int, discard_ms: int,
    ]
);

table!(
    CARD_KEY,
    "card_key",
    ["iccid", "key_version"],
    [
        iccid: text, key_version: int, imsi: text, profile: text, sealed_keys: octets,
        same_keys: octets, import_no: int,
    ]
);

/// All of them.
pub(super) const ALL: &[&Table] = &[
    &BOOKS,
    &NODE,
    &MARKED,
    &LINE,
    &CARD,
    &PERIOD,
    &MERCHANT,
    &ITEM,
    &TERMINAL,
    &PURCHASE,
    &OPEN_ACK,
    &PON,
    &CLIENT_REFERENCE,
    &ACCOUNT,
    &TRANSFER,
    &PURSE,
    &PURSE_LOG,
    &POS_LOG,
    &BILLING_ENTRY,
    &BATCH,
    &BILL,
    &OUTBOX,
    &SENT,
    &PART,
    &TAKEN_REFERENCE,
    &REACH,
    &NOTICE,
    &KEY_EVENT,
    &KEY_IMPORT,
    &CARD_KEY,
];
