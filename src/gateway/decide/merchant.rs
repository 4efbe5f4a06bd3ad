//! Imports of merchants with what they sell and where, and tokens of their terminals.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::ids::{MerchantId, TerminalId};
use crate::domain::merchant::Terminal;
use crate::gateway::context::Context;
use crate::gateway::decide::life;
use crate::gateway::member::{Denied, MerchantImport, Outcome, TerminalImport};
use crate::gateway::world::World;

/// One merchant with items and terminals, as its file says: all of it or nothing.
#[expect(
    clippy::too_many_lines,
    reason = "one file is taken whole: merchant, items, terminals"
)]
pub(super) fn imported(world: &mut World, import: MerchantImport, context: &Context) -> Outcome {
    let MerchantImport {
        merchant,
        items,
        terminals,
    } = import;
    if let Some(before) = world.merchants.get(&merchant.id)
        && before.currency != merchant.currency
    {
        return Outcome::Refused(Denied::Conflict(format!(
            "merchant {}: its currency is {} and can't become {}: make a new merchant",
            merchant.id, before.currency, merchant.currency
        )));
    }
    if !context
        .policy
        .tax_basis_points
        .contains_key(&merchant.tax_code)
    {
        return Outcome::Refused(Denied::Invalid(format!(
            "merchant {}: tax_code {:?} is not in the configuration's [[tax]]",
            merchant.id, merchant.tax_code
        )));
    }
    for terminal in &terminals {
        if let Some(conflict) = taken(world, &merchant.id, terminal) {
            return Outcome::Refused(Denied::Conflict(conflict));
        }
    }
    let (mut added, mut changed) = (0_u64, 0_u64);
    let mut count = |is_new: bool, differs: bool| {
        added = added.saturating_add(u64::from(is_new));
        changed = changed.saturating_add(u64::from(!is_new && differs));
    };
    let known = world.merchants.get(&merchant.id);
    let differs = known != Some(&merchant);
    count(known.is_none(), differs);
    if differs {
        world
            .merchants
            .insert(merchant.id.clone(), merchant.clone());
    }
    let stale: Vec<_> = world
        .items
        .iter()
        .filter(|((owner, code), _)| {
            *owner == merchant.id && !items.iter().any(|item| item.code == *code)
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in stale {
        world.items.remove(&key);
        count(false, true);
    }
    for item in items {
        let key = (merchant.id.clone(), item.code);
        let known = world.items.get(&key);
        let differs = known != Some(&item);
        count(known.is_none(), differs);
        if differs {
            world.items.insert(key, item);
        }
    }
    let stale: Vec<TerminalId> = world
        .terminals
        .iter()
        .filter(|(id, terminal)| {
            let listed = terminals.iter().any(|import| import.id == **id);
            terminal.merchant == merchant.id && terminal.in_service && !listed
        })
        .map(|(id, _)| id.clone())
        .collect();
    for id in stale {
        if let Some(terminal) = world.terminals.change(&id) {
            terminal.in_service = false;
            world.imported_terminals.insert(id);
            count(false, true);
        }
    }
    for import in terminals {
        let known = world.terminals.get(&import.id).cloned();
        let after = after_import(known.clone(), import, &merchant.id);
        let differs = known.as_ref() != Some(&after);
        count(known.is_none(), differs);
        if differs {
            world.imported_terminals.insert(after.id.clone());
            world
                .by_short_code
                .insert(after.short_code, after.id.clone());
            world.terminals.insert(after.id.clone(), after);
        }
    }
    if !merchant.open {
        life::revoke(world, &merchant.id, context);
    }
    Outcome::Imported { added, changed }
}

fn after_import(
    known: Option<Terminal>,
    import: TerminalImport,
    merchant: &MerchantId,
) -> Terminal {
    let told = import.token_sha256;
    let base = known.unwrap_or(Terminal {
        id: import.id.clone(),
        short_code: import.short_code,
        merchant: merchant.clone(),
        items: Arc::from([]),
        slots: import.slots,
        token_sha256: None,
        file_token_sha256: None,
        seen: Millis(0),
        last_ack: 0,
        open_acks: 0,
        open_orders: 0,
        last_closed: None,
        in_service: true,
    });
    Terminal {
        short_code: import.short_code,
        items: import.items.into(),
        slots: import.slots,
        // A token that was replaced since is not brought back by the file that it once stood in.
        token_sha256: told
            .filter(|_| told != base.file_token_sha256)
            .or(base.token_sha256)
            .or(told),
        file_token_sha256: told.or(base.file_token_sha256),
        in_service: true,
        ..base
    }
}

/// Why a terminal of the file can't be this merchant's.
fn taken(world: &World, merchant: &MerchantId, import: &TerminalImport) -> Option<String> {
    if let Some(other) = world
        .by_short_code
        .get(&import.short_code)
        .filter(|id| **id != import.id)
    {
        return Some(format!(
            "terminal {}: short_code {} belongs to terminal {other}",
            import.id, import.short_code
        ));
    }
    let known = world.terminals.get(&import.id)?;
    (known.merchant != *merchant).then(|| {
        format!(
            "terminal {}: it belongs to merchant {}",
            import.id, known.merchant
        )
    })
}

/// A new token: the old one is worth nothing from now on.
pub(super) fn token(world: &mut World, id: &TerminalId, token_sha256: [u8; 32]) -> Outcome {
    match world.terminals.change(id) {
        Some(terminal) => {
            terminal.token_sha256 = Some(token_sha256);
            world.imported_terminals.insert(id.clone());
            Outcome::Done
        }
        None => Outcome::Refused(Denied::NotFound("terminal")),
    }
}
