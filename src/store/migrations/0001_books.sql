-- The books. Money is in minor units of the row's currency; times are ms UTC since 1970;
-- currency is the ISO 4217 code; ids are made by the node. No row is made or changed outside
-- the writer's transaction.

-- What these books are, and how often they were restored from a backup: one row.
create table books (
    books integer primary key,              -- 1
    identity text not null,                 -- random; empty before a gateway first marks them
    epoch integer not null,                 -- restores so far
    settled integer not null,               -- 0 while a restore is being declared
    restored_ms integer not null,           -- the last time; 0: never
    reason text not null,                   -- why, as the operator gave it
    plain_from_ms integer not null,         -- plain text orders buy nothing before
    counter_margin integer not null         -- orders that a SIM may have sent since a backup
) strict;
insert into books values (1, '', 0, 1, 0, '', 0, 0);

-- What only a node's own batches raise. A file has one node, a shared database a row for each.
create table node (
    node integer primary key,               -- 0 to 1023
    last_id integer not null,               -- the highest id made
    batch integer not null,                 -- commits so far
    committed_ms integer not null,          -- time of the last commit
    transfer_no integer not null,           -- the last number of each gapless series
    entry_no integer not null,
    purse_log_no integer not null,
    pos_log_no integer not null,
    account_no integer not null,
    bill_no integer not null,
    series_from integer not null unique,    -- its gapless numbers are above
    epoch integer not null,                 -- raised by each take-over
    writer integer not null,                -- a random number: who committed last
    files_epoch integer not null            -- books.epoch when its delivered files were read back
) strict;

-- Nodes that keep a mark of these books on their own disk.
create table marked (
    node integer primary key,
    since_ms integer not null
) strict;

-- One subscriber with the SIM and the number of today: the one hot row of an order.
create table line (
    subscriber_id integer primary key,
    account text not null,                  -- the operator's name for it
    msisdn integer,                         -- E.164 digits; null once another has it
    iccid text,                             -- E.118 digits; null once another has it
    imsi text not null,                     -- digits
    language text not null,                 -- ISO 639-1
    class text not null,
    currency text not null,
    credit_limit_minor integer not null,
    own_limit_minor integer,                -- what LIMIT lowered it to
    cap_minor integer not null,             -- for one purchase
    standing integer not null,              -- 0 active, 1 stopped, 2 suspended
    start_code integer,                     -- 4 digits, while one is out
    changed_ms integer not null,            -- SIM or number last changed
    key_version integer not null,           -- 1 to 255
    profile text not null,                  -- the configuration's card profile
    sealed_keys blob,                       -- imported keys under the master key
    asked_ms integer,                       -- a merchant last had the subscriber asked to pay
    pin_check blob,                         -- 16 octets; null before the first PIN
    pin_wrong integer not null,             -- tries since the last right one
    file_key_version integer not null,      -- the last import's: that again is no other
    pending_keys blob,                      -- sent to the card: domain::key_versions
    rekey_due_ms integer,                   -- they are sent again; null: not, or no longer
    older_keys blob,                        -- used before, good for a while: the same
    mo_counter integer not null,            -- 40 bits
    mo_digest blob not null,                -- 8 octets, or empty before the first
    mo_purchase_id integer,
    mt_counter integer not null,            -- 40 bits
    recent blob not null,                   -- domain::recent
    owed_minor integer not null,            -- the subscriber's receivable; may be below 0
    held_minor integer not null,
    bill_number integer not null,           -- the open bill
    bill_since_ms integer not null,
    bill_total_minor integer not null,
    bill_entries integer not null,          -- charges and refunds on it
    epoch integer not null                  -- books.epoch that its counters are of
) strict;
create unique index line_account on line (account);
create index line_msisdn on line (msisdn);
create index line_iccid on line (iccid);
create index line_imsi on line (imsi);
create index line_rekey on line (rekey_due_ms) where rekey_due_ms is not null;

-- Cards that left a line, and versions of their keys that are not in use: counters and references
-- as they stood. What a line holds of its card today is newer than its row here.
create table card (
    iccid text primary key,                 -- E.118 digits
    past blob not null                      -- domain::card
) strict, without rowid;

-- Who held which number and card, from when: a recycled one inherits nothing.
create table period (
    period_no integer primary key,
    subscriber_id integer not null,
    msisdn integer not null,
    iccid text not null,
    imsi text not null,
    from_ms integer not null
) strict;
create index period_msisdn on period (msisdn);
create index period_iccid on period (iccid);

create table merchant (
    merchant_id text primary key,
    name text not null,
    currency text not null,
    tax_code text not null,
    discount_basis_points integer not null, -- hundredths of a percent
    open integer not null,                  -- 0 or 1
    unknown_end text not null               -- wait, refund or supplied
) strict;

create table item (
    merchant_id text not null,
    code text not null,
    name text not null,
    retail_minor integer not null,
    wholesale_minor integer not null,
    primary key (merchant_id, code)
) strict, without rowid;

create table terminal (
    terminal_no integer primary key,
    terminal_id text not null unique,
    short_code integer not null unique,     -- 3 to 5 digits
    merchant_id text not null,
    items text not null,                    -- codes with spaces between; empty: all
    slots integer not null,
    token_sha256 blob,
    file_token_sha256 blob,                 -- the last one of the merchant's file
    seen_ms integer not null,
    last_ack integer not null,
    open_acks integer not null,
    open_orders integer not null,           -- kiosk's orders that wait to be paid
    closed_ack integer,                     -- the ack closed last, and its purchase
    closed_purchase_id integer,
    in_service integer not null             -- 0 or 1
) strict;

-- One order. What is fixed when it is checked, and where it stands.
create table purchase (
    purchase_id integer primary key,
    state text not null,                    -- domain::purchase, as named there
    state_units integer not null,           -- supplied pieces, or the number of the refusal
    units integer not null,                 -- pieces ordered
    channel text not null,
    subscriber_id integer,
    msisdn integer,
    terminal_id text,
    merchant_id text,
    item text,
    short_code integer,
    currency text,
    retail_minor integer not null,
    wholesale_minor integer not null,
    fee_minor integer not null,
    tax_minor integer not null,
    back_retail_minor integer not null,     -- what went back
    back_wholesale_minor integer not null,
    back_fee_minor integer not null,
    back_tax_minor integer not null,
    pon integer,                            -- 8 digits
    reference integer,                      -- the applet's, 32 bits
    client_reference text,                  -- the kiosk's
    ack integer,                            -- number at the terminal
    from_seq integer,                       -- stored-value sequence numbers
    to_seq integer,
    bill_number integer,
    requested_ms integer not null,
    paid_ms integer,
    changed_ms integer not null,
    deadline_ms integer,
    billed integer not null,                -- 0 no, 1 provisional, 2 final
    entry_no integer,                       -- of its charge in the billing stream
    smsc text,
    service text,
    reason text,
    received blob not null,                 -- evidence: octets as they came
    check_result text not null,             -- evidence: what checking them gave
    node integer,                           -- whose purses paid it
    recovered integer not null              -- 1: taken from a delivered file after a restore
) strict;

-- Acks that a terminal still has to act on. The only other hot index.
create table open_ack (
    terminal_id text not null,
    ack integer not null,
    purchase_id integer not null,
    primary key (terminal_id, ack)
) strict, without rowid;

create table pon (
    pon integer primary key,                -- 8 digits
    purchase_id integer not null,
    reserved_until_ms integer not null,
    open integer not null                   -- 1 while the order waits to be paid
) strict;
create index pon_open on pon (purchase_id) where open = 1;
create index pon_free on pon (reserved_until_ms) where open = 0;

create table client_reference (
    terminal_id text not null,
    reference text not null,
    purchase_id integer not null,
    primary key (terminal_id, reference)
) strict, without rowid;

-- Balances; those of subscribers are in their lines. Σ of both is 0 for each currency.
create table account (
    account_no integer primary key,
    kind text not null,
    merchant_id text not null,              -- '' where it is nobody's
    currency text not null,
    balance_minor integer not null,
    node integer not null,                  -- whose balance it is part of
    unique (node, kind, merchant_id, currency)
) strict;

create table transfer (
    transfer_no integer primary key,        -- gapless
    from_account integer not null,          -- account_no, or a subscriber_id
    to_account integer not null,
    amount_minor integer not null,
    currency text not null,
    kind text not null,
    purchase_id integer,
    at_ms integer not null
) strict;

-- Stored-value ends: lanes of the operator's float, and points of sale.
create table purse (
    purse_id text primary key,
    role text not null,                     -- lane or pos
    currency text not null,
    state blob not null                     -- sv::purse
) strict;

-- Each end's own log, chained and MACed under its own key.
create table purse_log (
    record_no integer primary key,
    purse_id text not null,
    record blob not null                    -- sv::log
) strict;
create table pos_log (
    record_no integer primary key,
    purse_id text not null,
    record blob not null
) strict;

-- The billing stream: the demand. Gapless.
create table billing_entry (
    entry_no integer primary key,
    kind text not null,                     -- charge or refund
    purchase_id integer not null,
    original_no integer,
    subscriber_id integer not null,
    account text not null,
    msisdn integer,
    merchant_id text not null,
    item text,
    units integer not null,
    currency text not null,
    retail_minor integer not null,
    wholesale_minor integer not null,
    fee_minor integer not null,
    tax_minor integer not null,
    tax_code text not null,
    bill_number integer not null,
    at_ms integer not null,
    business_date integer not null,         -- yyyymmdd in the operator's zone
    provisional integer not null,           -- 0 or 1
    channel text not null
) strict;

-- Closed batches: entries from_no to to_no, one file each.
create table batch (
    node integer not null,                  -- whose stream
    sequence integer not null,              -- gapless from 1
    from_no integer not null,
    to_no integer not null,                 -- from_no − 1 when it is empty
    closed_ms integer not null,
    sha256 blob,                            -- of the file, once it was written
    primary key (node, sequence)
) strict;

create table bill (
    bill_id integer primary key,
    subscriber_id integer not null,
    number integer not null,                -- gapless for a subscriber
    currency text not null,
    total_minor integer not null,           -- may be below 0
    from_ms integer not null,
    to_ms integer not null,
    cause text not null                     -- cut_off or maximum
) strict;

create table outbox (
    outbox_id integer primary key,
    purchase_id integer,
    smsc text not null,
    service text not null,                  -- our short code
    msisdn integer not null,
    udhi integer not null,
    protocol_id integer not null,
    data_coding integer not null,
    user_data blob not null,
    created_ms integer not null,
    expires_ms integer not null,
    parked text,                            -- why it will not be sent
    node integer,                           -- who sends it; null: any that has the bind
    asks_pon integer                        -- the payment that it asks for
) strict;

-- Messages that an SMSC took, as long as their receipts are waited for.
create table sent (
    outbox_id integer primary key,
    smsc text not null,
    message_id text not null,               -- some SMSCs name all alike
    msisdn integer not null,
    reference integer not null,             -- user_message_reference
    purchase_id integer,
    at_ms integer not null,
    receipt text                            -- message_state
) strict;
create index sent_by_number on sent (msisdn);
create index sent_by_message_id on sent (smsc, message_id);

-- When each SMSC could reach this node: until when a repeated text is the same order.
create table reach (
    node integer not null,
    smsc text not null,
    state blob not null,                    -- gateway::intake::Reach
    primary key (node, smsc)
) strict, without rowid;

-- Messages in parts, and tombstones of whole ones.
create table part (
    sender integer not null,
    trusted integer not null,               -- 1: the SMSC checked the sender
    destination text not null,
    reference integer not null,
    total integer not null,
    wide integer not null,
    expires_ms integer not null,
    state blob not null,                    -- sms::reassembly
    primary key (sender, trusted, destination, reference, total, wide)
) strict, without rowid;
create index part_by_expiry on part (expires_ms);

-- Loads and payments by their reference: each is taken once.
create table taken_reference (
    reference text primary key,
    kind text not null,
    amount_minor integer not null,
    currency text not null,
    subscriber_id integer
) strict;

-- What a person must look at.
create table notice (
    notice_no integer primary key,
    at_ms integer not null,
    kind text not null,
    purchase_id integer,
    subscriber_id integer,
    text text not null
) strict;

-- What was done with keys, by whom: only ever added to. Never a key or a PIN.
create table key_event (
    event_no integer primary key,
    at_ms integer not null,
    node integer not null,                  -- who wrote it
    who text not null,                      -- the operators, or svgate
    what text not null,                     -- a word
    subject text not null,                  -- E.118 digits, an account, or what else it was done to
    detail text not null
) strict;
create index key_event_subject on key_event (subject, event_no);

-- Files of keys from card vendors, and keys that the gateway drew itself for new cards. Their rows in
-- card_key are nothing before the import is complete.
create table key_import (
    import_no integer primary key,          -- made by the node
    file text not null unique,              -- the MAC of its octets, in hex
    name text not null,                     -- of the file
    who text not null,                      -- the operators who began it
    lines integer not null,
    begun_ms integer not null,
    completed_ms integer,                   -- null until all of it is there
    discard_ms integer                      -- when its rows began to be taken away; null: they stay
) strict;

-- Keys of cards that no derivation gives, by version. A line takes those of its card and version.
create table card_key (
    iccid text not null,                    -- E.118 digits
    key_version integer not null,           -- 1 to 255
    imsi text not null,                     -- digits
    profile text,                           -- the configuration's card profile; null: the standard one
    sealed_keys blob not null,              -- under the master key
    same_keys blob not null,                -- 16 octets that tell these keys from others
    import_no integer not null,
    primary key (iccid, key_version)
) strict, without rowid;
create index card_key_imsi on card_key (imsi);
