//! One command for many cards: page by page, so many at a time in one member.

use std::sync::Arc;

use crate::commands::site::{Fault, unexpected};
use crate::domain::ids::SubscriberId;
use crate::gateway::books::Books;
use crate::gateway::member::{CARDS_MAX, Denied, Member, Outcome};
use crate::gateway::views::{CardsWanted, Views};

/// Whose cards.
#[derive(Clone, Debug)]
pub enum Cards {
    /// That of one account.
    Of(Arc<str>),
    /// All that are wanted.
    All(CardsWanted),
}

/// What became of each account.
#[derive(Debug, Default)]
pub struct Ends {
    /// To whose card it goes, with the version of the keys.
    pub sent: Vec<(Arc<str>, u8)>,
    /// To whose it does not, and why.
    pub refused: Vec<(Arc<str>, Denied)>,
}

impl Ends {
    fn take(&mut self, outcome: Outcome) -> Result<(), Fault> {
        let Outcome::Commanded(page) = outcome else {
            return Err(unexpected());
        };
        for (account, end) in page {
            match end {
                Ok(version) => self.sent.push((account, version)),
                Err(denied) => self.refused.push((account, denied)),
            }
        }
        Ok(())
    }

    /// Says who was refused.
    ///
    /// # Errors
    ///
    /// The reason, where it was one account, else all reasons; [`Fault::NotFound`] when there was no
    /// card at all.
    pub fn check(self, cards: &Cards) -> Result<(), Fault> {
        if self.sent.is_empty() && self.refused.is_empty() {
            return Err(Fault::NotFound("no such card".to_owned()));
        }
        let refused = self.refused.len();
        let mut faults = self.refused.into_iter().map(|(_, denied)| denied.into());
        match (cards, faults.next()) {
            (_, None) => Ok(()),
            (Cards::Of(_), Some(fault)) => Err(fault),
            (Cards::All(_), Some(first)) => {
                let told = std::iter::once(first).chain(faults.take(REASONS_SHOWN));
                let told: Vec<String> = told.map(|fault: Fault| fault.to_string()).collect();
                let all = format!("{refused} account(s) were refused:\n{}", told.join("\n"));
                Err(Fault::Refused(all))
            }
        }
    }
}

/// Hands what `member` makes of accounts to the books, for at most `limit` cards, in the order in
/// which they came into the books.
///
/// # Errors
///
/// [`Fault::Failure`] when the books fail: what was sent before stays.
pub async fn each<B: Books + Views>(
    books: &B,
    cards: &Cards,
    limit: u64,
    member: impl Fn(Vec<Arc<str>>) -> Member,
) -> Result<Ends, Fault> {
    let mut ends = Ends::default();
    let wanted = match cards {
        Cards::Of(account) => {
            let member = member(vec![Arc::clone(account)]);
            ends.take(books.submit(member).await?)?;
            return Ok(ends);
        }
        Cards::All(wanted) => wanted,
    };
    let mut after = SubscriberId(0);
    loop {
        // Who is refused is passed over: the limit is on what goes out.
        let left = limit.saturating_sub(u64::try_from(ends.sent.len()).unwrap_or(u64::MAX));
        if left == 0 {
            break;
        }
        let most = u32::try_from(left).unwrap_or(u32::MAX).min(PAGE);
        let page = books.cards(wanted.clone(), after, most).await?;
        let Some((last, _)) = page.last() else {
            break;
        };
        after = *last;
        let accounts = page.into_iter().map(|(_, account)| account).collect();
        ends.take(books.submit(member(accounts)).await?)?;
    }
    Ok(ends)
}

/// [`CARDS_MAX`] as a number of rows.
const PAGE: u32 = 200;
const _: () = assert!(CARDS_MAX == 200, "a page is a member");
/// More than a person reads at once.
const REASONS_SHOWN: usize = 19;
