//! Purses and sets of message parts as octets of one column.

use crate::domain::Millis;
use crate::domain::ids::PurseId;
use crate::domain::money::Currency;
use crate::gateway::books::StoreError;
use crate::sms::reassembly::{Part, PartSet};
use crate::store::rows::corrupt;
use crate::sv::exception::ExceptionLog;
use crate::sv::log::ChainHead;
use crate::sv::mac::Mac;
use crate::sv::purse::status::Status;
use crate::sv::purse::{Purse, PurseRow};
use crate::sv::sequence::SequenceNo;

/// `│ next_seq 8 │ records 8 │ last MAC 16 │ length of status 2 │ status │ exceptions │`
pub(super) fn purse_octets(purse: &Purse) -> Vec<u8> {
    let row = purse.row();
    let status = row.status.to_octets();
    let length = u16::try_from(status.len()).unwrap_or(u16::MAX);
    [
        row.next_seq.number().to_be_bytes().as_slice(),
        &row.log.count.to_be_bytes(),
        &row.log.mac.octets(),
        &length.to_be_bytes(),
        &status,
        &row.exceptions.to_octets(),
    ]
    .concat()
}

/// Reads what [`purse_octets`] wrote.
pub(super) fn purse(name: PurseId, currency: Currency, octets: &[u8]) -> Result<Purse, StoreError> {
    let bad = || corrupt(format!("purse {name}"));
    let mut rest = octets;
    let next_seq = i64::from_be_bytes(take(&mut rest).ok_or_else(bad)?);
    let count = u64::from_be_bytes(take(&mut rest).ok_or_else(bad)?);
    let mac = Mac::from(take::<16>(&mut rest).ok_or_else(bad)?);
    let length = u16::from_be_bytes(take(&mut rest).ok_or_else(bad)?);
    let (status, exceptions) = rest.split_at_checked(length.into()).ok_or_else(bad)?;
    let row = PurseRow {
        next_seq: SequenceNo::try_from(next_seq).map_err(|_| bad())?,
        status: Status::from_octets(status).map_err(|_| bad())?,
        exceptions: ExceptionLog::from_octets(exceptions).map_err(|_| bad())?,
        log: ChainHead { count, mac },
        name: name.clone(),
        currency,
    };
    Purse::from_row(row).map_err(|_| bad())
}

/// `│ finished 1 │ { number 1 │ length 2 │ part } … │`
pub(super) fn part_set_octets(set: &PartSet) -> Vec<u8> {
    let mut octets = vec![set.is_finished().into()];
    for part in set.parts() {
        let row = part.to_row();
        octets.push(part.number());
        octets.extend_from_slice(&u16::try_from(row.len()).unwrap_or(u16::MAX).to_be_bytes());
        octets.extend_from_slice(&row);
    }
    octets
}

/// Reads what [`part_set_octets`] wrote.
pub(super) fn part_set(total: u8, expires: Millis, octets: &[u8]) -> Result<PartSet, StoreError> {
    let bad = || corrupt("part.state");
    let mut rest = octets;
    let [finished] = take(&mut rest).ok_or_else(bad)?;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let [number] = take(&mut rest).ok_or_else(bad)?;
        let length = u16::from_be_bytes(take(&mut rest).ok_or_else(bad)?);
        let (row, after) = rest.split_at_checked(length.into()).ok_or_else(bad)?;
        parts.push(Part::from_row(number, row).ok_or_else(bad)?);
        rest = after;
    }
    PartSet::restore(total, expires, finished != 0, parts).map_err(|_| bad())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}
