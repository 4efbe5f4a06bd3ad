//! Which rows a member names by itself, before anything is opened.

use std::sync::Arc;

use crate::gateway::member::{
    Content, KioskItem, KioskOrder, LineImport, Member, MerchantImport, Receipt,
};
use crate::gateway::world::Wants;

/// The rows that a member names by itself.
pub fn first_wants(member: &Member, wants: &mut Wants) {
    match member {
        Member::Arrival(arrival) => {
            wants.msisdns.extend(arrival.sender);
            if let Content::Part { key, .. } = &arrival.content {
                wants.part_senders.insert((key.sender, key.trusted));
            }
        }
        Member::KioskOrder(order) => kiosk_wants(order, wants),
        Member::TerminalAct(act) => {
            wants.terminals.insert(act.terminal.clone());
            wants.acks.insert((act.terminal.clone(), act.ack));
            wants.purchases.extend(act.purchase);
        }
        Member::Seen { terminal } | Member::Token { terminal, .. } => {
            wants.terminals.insert(terminal.clone());
        }
        Member::Deadline { purchase } => {
            wants.purchases.insert(*purchase);
        }
        Member::Resolve(resolve) => {
            wants.purchases.insert(resolve.purchase);
        }
        Member::OutboxSettled(settled) => wants.outbox.extend(settled.iter().map(|s| s.id)),
        Member::OutboxRetry(id) => {
            wants.outbox.insert(*id);
        }
        Member::OutboxClaim(rows) | Member::OutboxRelease(rows) => wants.outbox.extend(rows),
        Member::Receipt(receipt) => receipt_wants(receipt, wants),
        Member::LoadPurse(load) | Member::UnloadPurse(load) => {
            wants.references.insert(Arc::clone(&load.reference));
        }
        Member::ImportLines(lines) => {
            for line in lines {
                line_wants(line, wants);
            }
        }
        Member::ImportMerchant(import) => merchant_wants(import, wants),
        Member::ResetPin { account, .. } => {
            wants.accounts.insert(Arc::clone(account));
        }
        Member::CardOrder(order) => {
            wants.accounts.extend(order.accounts.iter().cloned());
        }
        Member::Rotate(rotation) => wants.accounts.extend(rotation.accounts.iter().cloned()),
        Member::RekeysDue(subscribers) | Member::CloseBills { subscribers, .. } => {
            wants.subscribers.extend(subscribers);
        }
        Member::PayBill(payment) => {
            wants.accounts.insert(Arc::clone(&payment.account));
            wants.references.insert(Arc::clone(&payment.reference));
        }
        Member::Provisional(purchases) | Member::EndEpoch(purchases) => {
            wants.purchases.extend(purchases);
        }
        Member::Adopt(step) => step.wants(wants),
        Member::KeyImport(step) => step.wants(wants),
        Member::CloseBatch { .. }
        | Member::BatchWritten { .. }
        | Member::Reached { .. }
        | Member::KeyEvents(_) => {}
        Member::SweepSent { below } => {
            wants.sent_below.insert(*below);
        }
        Member::SweepParts { over_by } => {
            wants.parts_over.insert(*over_by);
        }
    }
}

fn merchant_wants(import: &MerchantImport, wants: &mut Wants) {
    wants.merchants.insert(import.merchant.id.clone());
    wants.catalogues.insert(import.merchant.id.clone());
    if !import.merchant.open {
        wants.untaken.insert(import.merchant.id.clone());
    }
    wants
        .terminals
        .extend(import.terminals.iter().map(|t| t.id.clone()));
    wants
        .short_codes
        .extend(import.terminals.iter().map(|t| t.short_code));
}

fn line_wants(line: &LineImport, wants: &mut Wants) {
    wants.accounts.insert(Arc::clone(&line.account));
    wants.msisdns.insert(line.msisdn);
    wants.numbers.insert(line.msisdn);
    wants.iccids.insert(Arc::clone(&line.iccid));
    wants.cards.insert(Arc::clone(&line.iccid));
    let key = (Arc::clone(&line.iccid), line.key_version);
    wants.card_keys.insert(key);
}

fn kiosk_wants(order: &KioskOrder, wants: &mut Wants) {
    wants.terminals.insert(order.terminal.clone());
    if let KioskItem::Item { code, .. } = order.what {
        wants.terminal_items.insert((order.terminal.clone(), code));
    }
    let reference = (order.terminal.clone(), Arc::clone(&order.client_reference));
    wants.client_references.insert(reference);
    wants.msisdns.extend(order.payer);
    wants.pons.extend(order.candidates);
}

fn receipt_wants(receipt: &Receipt, wants: &mut Wants) {
    if let Some(to) = receipt.to {
        wants.sent_to.insert(to);
    } else if let Some(id) = receipt.candidates.first() {
        let key = (Arc::clone(&receipt.smsc), Arc::clone(id));
        wants.sent_ids.insert(key);
    }
}
