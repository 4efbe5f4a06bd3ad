//! Questions and instructions in plain text: what is there, what is owed, and the subscriber's own bars.

use crate::dialogue::reply::{ItemList, ListedItem, Name, Price, Reply};
use crate::dialogue::sms_command::{Command, StartCode, TypedAmount};
use crate::domain::catalogue::ShortCode;
use crate::domain::charge::Charge;
use crate::domain::ids::SubscriberId;
use crate::domain::money::MinorUnits;
use crate::domain::subscriber::{Line, Standing};
use crate::gateway::context::Context;
use crate::gateway::decide::text::{price, wrong_amount};
use crate::gateway::member::Arrival;
use crate::gateway::world::World;

/// Questions and instructions.
pub(super) fn instructed(
    world: &mut World,
    subscriber: SubscriberId,
    command: &Command,
    arrival: &Arrival,
    context: &Context,
) -> Reply {
    if let Command::List(short_code) = command {
        return list(world, *short_code, context);
    }
    let Some(line) = world.lines.get(&subscriber).cloned() else {
        return Reply::NotBillable;
    };
    match command {
        Command::Balance => Reply::Balance {
            spent: price(
                &line,
                MinorUnits::try_from(line.bill.total_minor).unwrap_or_default(),
            ),
            left: price(&line, line.credit_left()),
        },
        Command::Limit(wanted) => limit(world, &line, wanted.as_ref()),
        Command::Stop => {
            stand(world, subscriber, Standing::Stopped, None);
            Reply::Stopped
        }
        Command::Start(given) => start(world, &line, *given, arrival.chance),
        Command::Help
        | Command::List(_)
        | Command::Buy { .. }
        | Command::PayAmount { .. }
        | Command::PayPon { .. } => Reply::Help,
    }
}

/// `LIMIT` only lowers: a stolen phone can't raise it.
fn limit(world: &mut World, line: &Line, wanted: Option<&TypedAmount>) -> Reply {
    let now = line.limit();
    let Some(wanted) = wanted else {
        return Reply::LimitShown {
            limit: price(line, now),
            left: price(line, line.credit_left()),
        };
    };
    match wanted.in_currency(line.currency) {
        Ok(amount) if amount < now => {
            if let Some(line) = world.lines.change(&line.subscriber) {
                line.own_limit = Some(amount);
            }
            Reply::LimitLowered {
                limit: price(line, amount),
            }
        }
        Ok(_) => Reply::LimitNotRaised {
            limit: price(line, now),
        },
        Err(error) => wrong_amount(wanted, line.currency, error),
    }
}

/// `START` lifts the subscriber's own bar once the code that was sent comes back.
fn start(world: &mut World, line: &Line, given: Option<StartCode>, chance: u32) -> Reply {
    match (line.standing, given) {
        (Standing::Suspended, _) => Reply::Suspended,
        (Standing::Active, _) => Reply::NotBarred,
        (Standing::Stopped, None) => {
            let number = line.start_code.unwrap_or_else(|| start_number(chance));
            stand(world, line.subscriber, Standing::Stopped, Some(number));
            StartCode::try_from(number)
                .map_or(Reply::StartCodeWrong, |code| Reply::StartConfirm { code })
        }
        (Standing::Stopped, Some(given)) => {
            let sent = line
                .start_code
                .and_then(|number| StartCode::try_from(number).ok());
            if sent == Some(given) {
                stand(world, line.subscriber, Standing::Active, None);
                Reply::Started
            } else {
                // A wrong guess costs the code: ten thousand tries are not to be had.
                stand(world, line.subscriber, Standing::Stopped, None);
                Reply::StartCodeWrong
            }
        }
    }
}

fn stand(world: &mut World, subscriber: SubscriberId, standing: Standing, code: Option<u16>) {
    if let Some(line) = world.lines.change(&subscriber) {
        if line.standing != Standing::Suspended {
            line.standing = standing;
        }
        line.start_code = code;
    }
}

fn list(world: &World, short_code: ShortCode, context: &Context) -> Reply {
    let terminal = world
        .by_short_code
        .get(&short_code)
        .and_then(|id| world.terminals.get(id));
    let Some(terminal) = terminal.filter(|t| t.in_service) else {
        return Reply::UnknownShortCode { short_code };
    };
    let Some(merchant) = world.merchants.get(&terminal.merchant) else {
        return Reply::UnknownShortCode { short_code };
    };
    let terms = context
        .policy
        .terms(merchant.currency, &merchant.tax_code)
        .unwrap_or_default();
    let mut items: Vec<ListedItem> = world
        .items
        .iter()
        .filter(|((owner, code), _)| *owner == merchant.id && terminal.offers(code))
        .filter_map(|(_, item)| {
            let amount = Charge::of(item.price, 1, terms)
                .and_then(|charge| charge.gross())
                .ok()?;
            let price = Price {
                amount,
                currency: merchant.currency,
            };
            Some(ListedItem {
                item: item.code,
                name: Name::new(&item.name),
                price,
            })
        })
        .collect();
    if items.is_empty() {
        return Reply::NoItems { short_code };
    }
    items.sort_by_key(|listed| (listed.item.as_str().len(), listed.item));
    let merchant_name = Name::new(&merchant.name);
    Reply::Items {
        merchant: merchant_name,
        currency: merchant.currency,
        items: ItemList(items),
    }
}

fn start_number(chance: u32) -> u16 {
    u16::try_from(chance.checked_rem(10_000).unwrap_or_default()).unwrap_or_default()
}
