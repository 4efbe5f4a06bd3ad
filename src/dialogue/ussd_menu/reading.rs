//! What was dialled or typed, as what it asks for.

use super::Step;
use super::question::{Question, Wanted};
use crate::dialogue::sms_command::{Command, NotAnAmount, TypedAmount};
use crate::dialogue::words::Word;
use crate::domain::catalogue::{ItemCode, Quantity, ShortCode};
use crate::domain::money::{Currency, MinorUnits};

/// What a dialled order is for; none for what is no order.
pub(super) fn wanted(command: &Command) -> Option<Wanted> {
    match command {
        Command::Buy {
            short_code,
            item,
            quantity,
            ..
        } => Some(Wanted::Item {
            short_code: *short_code,
            item: *item,
            quantity: *quantity,
        }),
        Command::PayPon { pon, .. } => Some(Wanted::Pon(*pon)),
        Command::PayAmount { .. }
        | Command::List(_)
        | Command::Balance
        | Command::Limit(_)
        | Command::Stop
        | Command::Start(_)
        | Command::Help => None,
    }
}

pub(super) fn price(short_code: ShortCode, item: ItemCode, quantity: Quantity) -> Step {
    Step::Look(Question::Price(Wanted::Item {
        short_code,
        item,
        quantity,
    }))
}

/// An amount of this currency, not zero; a keypad's star stands for the point that it lacks.
pub(super) fn amount(typed: &str, currency: Currency) -> Option<TypedAmount> {
    let word = Word::echo(&typed.replace('*', "."));
    let amount: TypedAmount = word.as_str().parse().ok()?;
    let minor: Result<MinorUnits, NotAnAmount> = amount.in_currency(currency);
    minor.is_ok_and(|minor| !minor.is_zero()).then_some(amount)
}
