-- The books, as SQLite has them in its own words: the same tables and columns. Money is in minor
-- units of the row's currency; times are ms UTC since 1970; currency is the ISO 4217 code; ids are
-- made by the nodes. No row is made or changed outside a writer's transaction. Names sort by octets.
-- Where a fill factor is given, rows change often and find room beside themselves.

-- What these books are, and how often they were restored from a backup: one row.
create table books (
    books bigint primary key,                        -- 1
    identity text collate "C" not null,              -- random; empty before a gateway first marks them
    epoch bigint not null,                           -- restores so far
    settled bigint not null,                         -- 0 while a restore is being declared
    restored_ms bigint not null,                     -- the last time; 0: never
    reason text collate "C" not null,                -- why, as the operator gave it
    plain_from_ms bigint not null,                   -- plain text orders buy nothing before
    counter_margin bigint not null                   -- orders that a SIM may have sent since a backup
);
insert into books values (1, '', 0, 1, 0, '', 0, 0);

-- What only a node's own batches raise, under the lock of its row.
create table node (
    node bigint primary key,                         -- 0 to 1023
    last_id bigint not null,                         -- the highest id made
    batch bigint not null,                           -- commits so far
    committed_ms bigint not null,                    -- time of the last commit
    transfer_no bigint not null,                     -- the last number of each gapless series
    entry_no bigint not null,
    purse_log_no bigint not null,
    pos_log_no bigint not null,
    account_no bigint not null,
    bill_no bigint not null,
    series_from bigint not null unique,              -- its gapless numbers are above
    epoch bigint not null,                           -- raised by each take-over
    writer bigint not null,                          -- a random number: who committed last
    files_epoch bigint not null                      -- books.epoch when its delivered files were read back
) with (fillfactor = 10);

-- Nodes that keep a mark of these books on their own disk.
create table marked (
    node bigint primary key,
    since_ms bigint not null
);

-- One subscriber with the SIM and the number of today: the one hot row of an order.
create table line (
    subscriber_id bigint primary key,
    account text collate "C" not null,               -- the operator's name for it
    msisdn bigint,                                   -- E.164 digits; null once another has it
    iccid text collate "C",                          -- E.118 digits; null once another has it
    imsi text collate "C" not null,                  -- digits
    language text collate "C" not null,              -- ISO 639-1
    class text collate "C" not null,
    currency text collate "C" not null,
    credit_limit_minor bigint not null,
    own_limit_minor bigint,                          -- what LIMIT lowered it to
    cap_minor bigint not null,                       -- for one purchase
    standing bigint not null,                        -- 0 active, 1 stopped, 2 suspended
    start_code bigint,                               -- 4 digits, while one is out
    changed_ms bigint not null,                      -- SIM or number last changed
    key_version bigint not null,                     -- 1 to 255
    profile text collate "C" not null,               -- the configuration's card profile
    sealed_keys bytea,                               -- imported keys under the master key
    asked_ms bigint,                                 -- a merchant last had the subscriber asked to pay
    pin_check bytea,                                 -- 16 octets; null before the first PIN
    pin_wrong bigint not null,                       -- tries since the last right one
    file_key_version bigint not null,                -- the last import's: that again is no other
    pending_keys bytea,                              -- sent to the card: domain::key_versions
    rekey_due_ms bigint,                             -- they are sent again; null: not, or no longer
    older_keys bytea,                                -- used before, good for a while: the same
    mo_counter bigint not null,                      -- 40 bits
    mo_digest bytea not null,                        -- 8 octets, or empty before the first
    mo_purchase_id bigint,
    mt_counter bigint not null,                      -- 40 bits
    recent bytea not null,                           -- domain::recent
    owed_minor bigint not null,                      -- the subscriber's receivable; may be below 0
    held_minor bigint not null,
    bill_number bigint not null,                     -- the open bill
    bill_since_ms bigint not null,
    bill_total_minor bigint not null,
    bill_entries bigint not null,                    -- charges and refunds on it
    epoch bigint not null                            -- books.epoch that its counters are of
) with (fillfactor = 80);
create unique index line_account on line (account);
create index line_msisdn on line (msisdn);
create index line_iccid on line (iccid);
create index line_imsi on line (imsi);
create index line_rekey on line (rekey_due_ms) where rekey_due_ms is not null;

-- Cards that left a line, and versions of their keys that are not in use: counters and references
-- as they stood. What a line holds of its card today is newer than its row here.
create table card (
    iccid text collate "C" primary key,              -- E.118 digits
    past bytea not null                              -- domain::card
);

-- Who held which number and card, from when: a recycled one inherits nothing.
create table period (
    period_no bigint generated always as identity primary key,
    subscriber_id bigint not null,
    msisdn bigint not null,
    iccid text collate "C" not null,
    imsi text collate "C" not null,
    from_ms bigint not null
);
create index period_msisdn on period (msisdn);
create index period_iccid on period (iccid);

create table merchant (
    merchant_id text collate "C" primary key,
    name text collate "C" not null,
    currency text collate "C" not null,
    tax_code text collate "C" not null,
    discount_basis_points bigint not null,           -- hundredths of a percent
    open bigint not null,                            -- 0 or 1
    unknown_end text collate "C" not null            -- wait, refund or supplied
);

create table item (
    merchant_id text collate "C" not null,
    code text collate "C" not null,
    name text collate "C" not null,
    retail_minor bigint not null,
    wholesale_minor bigint not null,
    primary key (merchant_id, code)
);

create table terminal (
    terminal_no bigint generated always as identity primary key,
    terminal_id text collate "C" not null unique,
    short_code bigint not null unique,               -- 3 to 5 digits
    merchant_id text collate "C" not null,
    items text collate "C" not null,                 -- codes with spaces between; empty: all
    slots bigint not null,
    token_sha256 bytea,
    file_token_sha256 bytea,                         -- the last one of the merchant's file
    seen_ms bigint not null,
    last_ack bigint not null,
    open_acks bigint not null,
    open_orders bigint not null,                     -- kiosk's orders that wait to be paid
    closed_ack bigint,                               -- the ack closed last, and its purchase
    closed_purchase_id bigint,
    in_service bigint not null                       -- 0 or 1
) with (fillfactor = 50);

-- One order. What is fixed when it is checked, and where it stands.
create table purchase (
    purchase_id bigint primary key,
    state text collate "C" not null,                 -- domain::purchase, as named there
    state_units bigint not null,                     -- supplied pieces, or the number of the refusal
    units bigint not null,                           -- pieces ordered
    channel text collate "C" not null,
    subscriber_id bigint,
    msisdn bigint,
    terminal_id text collate "C",
    merchant_id text collate "C",
    item text collate "C",
    short_code bigint,
    currency text collate "C",
    retail_minor bigint not null,
    wholesale_minor bigint not null,
    fee_minor bigint not null,
    tax_minor bigint not null,
    back_retail_minor bigint not null,               -- what went back
    back_wholesale_minor bigint not null,
    back_fee_minor bigint not null,
    back_tax_minor bigint not null,
    pon bigint,                                      -- 8 digits
    reference bigint,                                -- the applet's, 32 bits
    client_reference text collate "C",               -- the kiosk's
    ack bigint,                                      -- number at the terminal
    from_seq bigint,                                 -- stored-value sequence numbers
    to_seq bigint,
    bill_number bigint,
    requested_ms bigint not null,
    paid_ms bigint,
    changed_ms bigint not null,
    deadline_ms bigint,
    billed bigint not null,                          -- 0 no, 1 provisional, 2 final
    entry_no bigint,                                 -- of its charge in the billing stream
    smsc text collate "C",
    service text collate "C",
    reason text collate "C",
    received bytea not null,                         -- evidence: octets as they came
    check_result text collate "C" not null,          -- evidence: what checking them gave
    node bigint,                                     -- whose purses paid it
    recovered bigint not null                        -- 1: taken from a delivered file after a restore
) with (fillfactor = 85);

-- Acks that a terminal still has to act on. The only other hot index.
create table open_ack (
    terminal_id text collate "C" not null,
    ack bigint not null,
    purchase_id bigint not null,
    primary key (terminal_id, ack)
);

create table pon (
    pon bigint primary key,                          -- 8 digits
    purchase_id bigint not null,
    reserved_until_ms bigint not null,
    open bigint not null                             -- 1 while the order waits to be paid
);
create index pon_open on pon (purchase_id) where open = 1;
create index pon_free on pon (reserved_until_ms) where open = 0;

create table client_reference (
    terminal_id text collate "C" not null,
    reference text collate "C" not null,
    purchase_id bigint not null,
    primary key (terminal_id, reference)
);

-- Balances; those of subscribers are in their lines. Σ of both is 0 for each currency.
create table account (
    account_no bigint primary key,
    kind text collate "C" not null,
    merchant_id text collate "C" not null,           -- '' where it is nobody's
    currency text collate "C" not null,
    balance_minor bigint not null,
    node bigint not null,                            -- whose balance it is part of
    unique (node, kind, merchant_id, currency)
) with (fillfactor = 50);

create table transfer (
    transfer_no bigint primary key,                  -- gapless
    from_account bigint not null,                    -- account_no, or a subscriber_id
    to_account bigint not null,
    amount_minor bigint not null,
    currency text collate "C" not null,
    kind text collate "C" not null,
    purchase_id bigint,
    at_ms bigint not null
);

-- Stored-value ends: lanes of the operator's float, and points of sale.
create table purse (
    purse_id text collate "C" primary key,
    role text collate "C" not null,                  -- lane or pos
    currency text collate "C" not null,
    state bytea not null                             -- sv::purse
) with (fillfactor = 50);

-- Each end's own log, chained and MACed under its own key.
create table purse_log (
    record_no bigint primary key,
    purse_id text collate "C" not null,
    record bytea not null                            -- sv::log
);
create table pos_log (
    record_no bigint primary key,
    purse_id text collate "C" not null,
    record bytea not null
);

-- The billing stream: the demand. Gapless.
create table billing_entry (
    entry_no bigint primary key,
    kind text collate "C" not null,                  -- charge or refund
    purchase_id bigint not null,
    original_no bigint,
    subscriber_id bigint not null,
    account text collate "C" not null,
    msisdn bigint,
    merchant_id text collate "C" not null,
    item text collate "C",
    units bigint not null,
    currency text collate "C" not null,
    retail_minor bigint not null,
    wholesale_minor bigint not null,
    fee_minor bigint not null,
    tax_minor bigint not null,
    tax_code text collate "C" not null,
    bill_number bigint not null,
    at_ms bigint not null,
    business_date bigint not null,                   -- yyyymmdd in the operator's zone
    provisional bigint not null,                     -- 0 or 1
    channel text collate "C" not null
);

-- Closed batches: entries from_no to to_no, one file each.
create table batch (
    node bigint not null,                            -- whose stream
    sequence bigint not null,                        -- gapless from 1
    from_no bigint not null,
    to_no bigint not null,                           -- from_no − 1 when it is empty
    closed_ms bigint not null,
    sha256 bytea,                                    -- of the file, once it was written
    primary key (node, sequence)
);

create table bill (
    bill_id bigint primary key,
    subscriber_id bigint not null,
    number bigint not null,                          -- gapless for a subscriber
    currency text collate "C" not null,
    total_minor bigint not null,                     -- may be below 0
    from_ms bigint not null,
    to_ms bigint not null,
    cause text collate "C" not null                  -- cut_off or maximum
);

create table outbox (
    outbox_id bigint primary key,
    purchase_id bigint,
    smsc text collate "C" not null,
    service text collate "C" not null,               -- our short code
    msisdn bigint not null,
    udhi bigint not null,
    protocol_id bigint not null,
    data_coding bigint not null,
    user_data bytea not null,
    created_ms bigint not null,
    expires_ms bigint not null,
    parked text collate "C",                         -- why it will not be sent
    node bigint,                                     -- who sends it; null: any that has the bind
    asks_pon bigint                                  -- the payment that it asks for
);

-- Messages that an SMSC took, as long as their receipts are waited for.
create table sent (
    outbox_id bigint primary key,
    smsc text collate "C" not null,
    message_id text collate "C" not null,            -- some SMSCs name all alike
    msisdn bigint not null,
    reference bigint not null,                       -- user_message_reference
    purchase_id bigint,
    at_ms bigint not null,
    receipt text collate "C"                         -- message_state
);
create index sent_by_number on sent (msisdn);
create index sent_by_message_id on sent (smsc, message_id);

-- When each SMSC could reach this node: until when a repeated text is the same order.
create table reach (
    node bigint not null,
    smsc text collate "C" not null,
    state bytea not null,                            -- gateway::intake::Reach
    primary key (node, smsc)
);

-- Messages in parts, and tombstones of whole ones.
create table part (
    sender bigint not null,
    trusted bigint not null,                         -- 1: the SMSC checked the sender
    destination text collate "C" not null,
    reference bigint not null,
    total bigint not null,
    wide bigint not null,
    expires_ms bigint not null,
    state bytea not null,                            -- sms::reassembly
    primary key (sender, trusted, destination, reference, total, wide)
);
create index part_by_expiry on part (expires_ms);

-- Loads and payments by their reference: each is taken once.
create table taken_reference (
    reference text collate "C" primary key,
    kind text collate "C" not null,
    amount_minor bigint not null,
    currency text collate "C" not null,
    subscriber_id bigint
);

-- What a person must look at.
create table notice (
    notice_no bigint generated always as identity primary key,
    at_ms bigint not null,
    kind text collate "C" not null,
    purchase_id bigint,
    subscriber_id bigint,
    text text collate "C" not null
);

-- What was done with keys, by whom: only ever added to. Never a key or a PIN.
create table key_event (
    event_no bigint generated always as identity primary key,
    at_ms bigint not null,
    node bigint not null,                            -- who wrote it
    who text collate "C" not null,                   -- the operators, or svgate
    what text collate "C" not null,                  -- a word
    subject text collate "C" not null,               -- E.118 digits, an account, or what else it was done to
    detail text collate "C" not null
);
create index key_event_subject on key_event (subject, event_no);

-- Files of keys from card vendors, and keys that the gateway drew itself for new cards. Their rows in
-- card_key are nothing before the import is complete.
create table key_import (
    import_no bigint primary key,                    -- made by the node
    file text collate "C" not null unique,           -- the MAC of its octets, in hex
    name text collate "C" not null,                  -- of the file
    who text collate "C" not null,                   -- the operators who began it
    lines bigint not null,
    begun_ms bigint not null,
    completed_ms bigint,                             -- null until all of it is there
    discard_ms bigint                                -- when its rows began to be taken away; null: they stay
);

-- Keys of cards that no derivation gives, by version. A line takes those of its card and version.
create table card_key (
    iccid text collate "C" not null,                 -- E.118 digits
    key_version bigint not null,                     -- 1 to 255
    imsi text collate "C" not null,                  -- digits
    profile text collate "C",                        -- the configuration's card profile; null: the standard one
    sealed_keys bytea not null,                      -- under the master key
    same_keys bytea not null,                        -- 16 octets that tell these keys from others
    import_no bigint not null,
    primary key (iccid, key_version)
);
create index card_key_imsi on card_key (imsi);
