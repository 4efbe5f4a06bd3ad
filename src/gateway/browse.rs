//! Answers what the USSD menu asks, from the books as they stand, beside their writer.
//!
//! ```text
//! Question ─► look ─► Browse (a select or two on the readers) ─► Found: names, whole prices
//! ```
//! Nothing is decided here: what was shown may be old by the time it is confirmed, and the order
//! then says which price was shown.

use std::cmp::Reverse;
use std::future::Future;
use std::sync::Arc;

use crate::dialogue::reply::{ClockTime, ListedItem, Name, Price, Reply};
use crate::dialogue::sms_command::{Command, NotAnAmount, TypedAmount};
use crate::dialogue::texts::Language;
use crate::dialogue::ussd_menu::{
    Account, Bought, BoughtState, Found, LIST_MAX, Offer, PinState, Question, Shop, Wanted,
};
use crate::domain::Millis;
use crate::domain::catalogue::{ItemCode, Quantity, ShortCode};
use crate::domain::charge::{self, Charge};
use crate::domain::ids::{MerchantId, PurchaseId};
use crate::domain::imsi::Imsi;
use crate::domain::merchant::{Item, Merchant, Terminal};
use crate::domain::money::MinorUnits;
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::domain::purchase::State;
use crate::domain::refusal::Refusal;
use crate::domain::subscriber::Line;
use crate::gateway::books::StoreError;
use crate::gateway::context::Context;
use crate::gateway::decide::amount_price;
use crate::gateway::policy::{Class, after_s};
use crate::gateway::record::PurchaseRecord;

/// What the menu reads, apart from the writer.
///
/// # Errors
///
/// Every method: [`StoreError::Unavailable`], and [`StoreError::Corrupt`] for what can't be read.
pub trait Browse: Clone + Send + Sync + 'static {
    /// The line that has this number today.
    fn line(&self, msisdn: Msisdn)
    -> impl Future<Output = Result<Option<Line>, StoreError>> + Send;

    /// The number of today of whoever has the card with this IMSI; none when nobody has, or when it
    /// can't be said who.
    fn number_of(
        &self,
        imsi: &Imsi,
    ) -> impl Future<Output = Result<Option<Msisdn>, StoreError>> + Send;

    /// The terminal with this short code, and whose it is.
    fn shop(
        &self,
        short_code: ShortCode,
    ) -> impl Future<Output = Result<Option<(Terminal, Merchant)>, StoreError>> + Send;

    /// Everything on a merchant's list.
    fn price_list(
        &self,
        merchant: &MerchantId,
    ) -> impl Future<Output = Result<Vec<Item>, StoreError>> + Send;

    /// Terminals in service of merchants that sell, those with the nearest numbers first, at most
    /// `most` on each side.
    fn nearest(
        &self,
        short_code: ShortCode,
        most: u32,
    ) -> impl Future<Output = Result<Vec<(ShortCode, Arc<str>)>, StoreError>> + Send;

    /// The order that a number stands for, and the name of who is paid.
    fn waiting(
        &self,
        pon: Pon,
    ) -> impl Future<Output = Result<Option<(PurchaseRecord, Arc<str>)>, StoreError>> + Send;

    /// These purchases with the names of who was paid, in any order.
    fn bought(
        &self,
        purchases: Vec<PurchaseId>,
    ) -> impl Future<Output = Result<Vec<(PurchaseRecord, Arc<str>)>, StoreError>> + Send;
}

/// Answers one question of `caller`.
///
/// # Errors
///
/// As [`Browse`].
pub async fn look(
    books: &impl Browse,
    caller: Msisdn,
    question: Question,
    now: Millis,
    context: &Context,
) -> Result<Found, StoreError> {
    match question {
        Question::Account => account(books, caller).await,
        Question::Shop(short_code) => shop(books, short_code, context).await,
        Question::Near(short_code) => near(books, short_code, false).await,
        Question::Price(wanted) => {
            let found = match &wanted {
                Wanted::Pon(pon) => waiting(books, *pon, now).await,
                Wanted::Item { .. } | Wanted::Amount { .. } => {
                    offer(books, &wanted, now, context).await
                }
            };
            with_pin(books, caller, found?, context).await
        }
        Question::Purchases => purchases(books, caller, context).await,
    }
}

/// Says whether an order needs the caller's PIN, and how that stands.
async fn with_pin(
    books: &impl Browse,
    caller: Msisdn,
    found: Found,
    context: &Context,
) -> Result<Found, StoreError> {
    let mut classes = context.policy.classes.values();
    let (Found::Offer(mut offer), true) = (found.clone(), classes.any(Class::needs_pin)) else {
        return Ok(found);
    };
    let Some(line) = books.line(caller).await? else {
        return Ok(Found::Stranger);
    };
    let class = context.policy.class(&line.class);
    let above = class.and_then(|class| class.pin_above.get(&line.currency));
    let needed = above.is_some_and(|above| offer.amount.amount > *above);
    offer.pin = needed.then(|| pin_state(&line));
    Ok(Found::Offer(offer))
}

fn pin_state(line: &Line) -> PinState {
    match line.pin {
        None => PinState::Unset,
        Some(pin) if pin.is_blocked() => PinState::Blocked,
        Some(_) => PinState::Set,
    }
}

async fn account(books: &impl Browse, caller: Msisdn) -> Result<Found, StoreError> {
    let Some(line) = books.line(caller).await? else {
        return Ok(Found::Stranger);
    };
    let currency = line.currency;
    let price = |amount| Price { amount, currency };
    let spent = MinorUnits::try_from(line.bill.total_minor).unwrap_or_default();
    Ok(Found::Account(Account {
        language: line.language.parse().unwrap_or(Language::EN),
        spent: price(spent),
        left: price(line.credit_left()),
        limit: price(line.limit()),
        pin: pin_state(&line),
    }))
}

async fn shop(
    books: &impl Browse,
    short_code: ShortCode,
    context: &Context,
) -> Result<Found, StoreError> {
    let shop = books.shop(short_code).await?;
    let Some((terminal, merchant)) = shop.filter(|(t, m)| t.in_service && m.open) else {
        return near(books, short_code, true).await;
    };
    let list = books.price_list(&merchant.id).await?;
    let offered = list.iter().filter(|item| terminal.offers(&item.code));
    let mut items: Vec<ListedItem> = offered
        .filter_map(|item| {
            let price = whole_price(item.price, 1, &merchant, context)?;
            Some(ListedItem {
                item: item.code,
                name: Name::new(&item.name),
                price,
            })
        })
        .collect();
    items.sort_by_key(|listed| (listed.item.as_str().len(), listed.item));
    items.truncate(LIST_MAX);
    Ok(Found::Shop(Shop {
        short_code,
        merchant: Name::new(&merchant.name),
        currency: merchant.currency,
        items,
    }))
}

async fn near(
    books: &impl Browse,
    short_code: ShortCode,
    missing: bool,
) -> Result<Found, StoreError> {
    let mut nearest = books.nearest(short_code, NEIGHBOURS).await?;
    nearest.sort_by_key(|(code, _)| (code.number().abs_diff(short_code.number()), *code));
    let terminals = nearest.into_iter().take(LIST_MAX);
    Ok(Found::Near {
        short_code,
        missing,
        terminals: terminals
            .map(|(code, name)| (code, Name::new(&name)))
            .collect(),
    })
}

async fn offer(
    books: &impl Browse,
    wanted: &Wanted,
    now: Millis,
    context: &Context,
) -> Result<Found, StoreError> {
    let (Wanted::Item { short_code, .. } | Wanted::Amount { short_code, .. }) = wanted else {
        return Ok(Found::Refused(Reply::NotUnderstood));
    };
    let short_code = *short_code;
    let shop = books.shop(short_code).await?;
    let Some((terminal, merchant)) = shop.filter(|(terminal, _)| terminal.in_service) else {
        return Ok(Found::Refused(Reply::UnknownShortCode { short_code }));
    };
    if let Some(reply) = unready(&terminal, &merchant, now, context) {
        return Ok(Found::Refused(reply));
    }
    Ok(match wanted {
        Wanted::Item { item, quantity, .. } => {
            let list = books.price_list(&merchant.id).await?;
            let found = list.into_iter().find(|listed| listed.code == *item);
            let found = found.filter(|_| terminal.offers(item));
            item_offer(
                found.as_ref(),
                (short_code, *item, *quantity),
                &merchant,
                context,
            )
        }
        Wanted::Amount { amount, .. } => {
            let minor = amount.in_currency(merchant.currency);
            let price = minor.map(|minor| {
                let price = amount_price(minor, &merchant).ok()?;
                whole_price(price, 1, &merchant, context)
            });
            amount_offer(price, short_code, amount, &merchant)
        }
        Wanted::Pon(_) => Found::Refused(Reply::NotUnderstood),
    })
}

fn item_offer(
    item: Option<&Item>,
    (short_code, code, quantity): (ShortCode, ItemCode, Quantity),
    merchant: &Merchant,
    context: &Context,
) -> Found {
    let unknown = Reply::UnknownItem {
        item: code,
        short_code,
    };
    let units = u8::from(quantity);
    let priced = item.and_then(|item| {
        let amount = whole_price(item.price, units, merchant, context)?;
        Some((item, amount))
    });
    match priced {
        None => Found::Refused(unknown),
        Some((item, amount)) => Found::Offer(Offer {
            command: Command::Buy {
                short_code,
                item: code,
                quantity,
                again: None,
            },
            amount,
            merchant: Name::new(&merchant.name),
            item: Some((Name::new(&item.name), quantity)),
            pin: None,
        }),
    }
}

fn amount_offer(
    price: Result<Option<Price>, NotAnAmount>,
    short_code: ShortCode,
    amount: &TypedAmount,
    merchant: &Merchant,
) -> Found {
    match price {
        Ok(Some(price)) => Found::Offer(Offer {
            command: Command::PayAmount {
                short_code,
                amount: amount.clone(),
                again: None,
            },
            amount: price,
            merchant: Name::new(&merchant.name),
            item: None,
            pin: None,
        }),
        Ok(None) => Found::Refused(Reply::ItemsOnly { short_code }),
        Err(_) => Found::Refused(Reply::CurrencyMismatch {
            currency: merchant.currency,
            merchant: Name::new(&merchant.name),
        }),
    }
}

/// A machine that would refuse the order: nobody is asked to confirm what can't be had.
fn unready(
    terminal: &Terminal,
    merchant: &Merchant,
    now: Millis,
    context: &Context,
) -> Option<Reply> {
    let merchant_name = Name::new(&merchant.name);
    let dead = after_s(terminal.seen, context.policy.alive_s) <= now;
    if dead || !merchant.open {
        Some(Reply::MachineDead {
            merchant: merchant_name,
        })
    } else if terminal.open_acks >= u32::from(terminal.slots) {
        Some(Reply::MachineBusy {
            merchant: merchant_name,
        })
    } else {
        None
    }
}

async fn waiting(books: &impl Browse, pon: Pon, now: Millis) -> Result<Found, StoreError> {
    let Some((record, merchant)) = books.waiting(pon).await? else {
        return Ok(Found::Refused(Reply::PonUnknown { pon }));
    };
    let price = price_of(&record);
    let stands = record.deadline.is_none_or(|deadline| deadline > now);
    Ok(match (record.life.state, price) {
        (State::Ordered, Some(amount)) if stands => Found::Offer(Offer {
            command: Command::PayPon {
                short_code: None,
                pon,
            },
            amount,
            merchant: Name::new(&merchant),
            item: None,
            pin: None,
        }),
        (
            State::Refused {
                cause: Refusal::PonWithdrawn,
            },
            _,
        ) => Found::Refused(Reply::PonWithdrawn { pon }),
        (State::Ordered | State::Expired | State::Refused { .. } | State::Requested, _) => {
            Found::Refused(Reply::PonExpired { pon })
        }
        (
            State::Paying
            | State::InDoubt
            | State::Paid
            | State::Accepted
            | State::Dispensing
            | State::Supplied { .. }
            | State::Refunding { .. }
            | State::Refunded
            | State::Unknown,
            _,
        ) => Found::Refused(Reply::PonPaid { pon }),
    })
}

async fn purchases(
    books: &impl Browse,
    caller: Msisdn,
    context: &Context,
) -> Result<Found, StoreError> {
    let Some(line) = books.line(caller).await? else {
        return Ok(Found::Stranger);
    };
    let mut latest: Vec<PurchaseId> = line.recent.purchases().collect();
    latest.sort_unstable();
    latest.dedup();
    let mut bought = books.bought(latest).await?;
    // A kiosk's order was made before it was paid.
    let bought_at = |record: &PurchaseRecord| record.paid.unwrap_or(record.requested);
    bought.sort_unstable_by_key(|(record, _)| Reverse((bought_at(record), record.life.id)));
    // A number may have passed to another subscriber meanwhile.
    let own = bought
        .iter()
        .filter(|(record, _)| record.subscriber == Some(line.subscriber));
    let shown = own.filter_map(|(record, merchant)| {
        let calendar = &context.policy.calendar;
        let at = bought_at(record);
        let (hour, minute) = calendar.hour_and_minute(at);
        let date = calendar.business_date(at);
        let part = |n: i32| u8::try_from(n).unwrap_or_default();
        Some(Bought {
            date: (
                part(date.rem_euclid(100)),
                part(date.div_euclid(100).rem_euclid(100)),
            ),
            time: ClockTime { hour, minute },
            amount: price_of(record)?,
            merchant: Name::new(merchant),
            state: became(record.life.state),
        })
    });
    Ok(Found::Purchases(shown.take(PURCHASES_SHOWN).collect()))
}

const fn became(state: State) -> BoughtState {
    match state {
        State::Paid
        | State::Accepted
        | State::Dispensing
        | State::Supplied { .. }
        | State::Unknown => BoughtState::Paid,
        State::Requested | State::Ordered | State::Paying | State::InDoubt => BoughtState::UnderWay,
        State::Refunding { .. } | State::Refunded => BoughtState::Refunded,
        State::Refused { .. } | State::Expired => BoughtState::Refused,
    }
}

fn price_of(record: &PurchaseRecord) -> Option<Price> {
    Some(Price {
        amount: record.charge.gross().ok()?,
        currency: record.currency?,
    })
}

fn whole_price(
    price: charge::Price,
    units: u8,
    merchant: &Merchant,
    context: &Context,
) -> Option<Price> {
    let terms = context
        .policy
        .terms(merchant.currency, &merchant.tax_code)?;
    let amount = Charge::of(price, units, terms).ok()?.gross().ok()?;
    Some(Price {
        amount,
        currency: merchant.currency,
    })
}

/// Neighbours on each side: two pages.
const NEIGHBOURS: u32 = 5;
/// What one or two pages show.
const PURCHASES_SHOWN: usize = 8;
