//! Keys of a card on their way into the books: sealed under the master key, each way by itself.

use std::sync::Arc;

use crate::auth::iccid::Iccid;
use crate::auth::named_keys::NamedKeys;
use crate::auth::sealed_keys::{KeyPlace, seal_keys};
use crate::auth::sim_keys::Direction;
use crate::auth::vendor_file::CardKeys;
use crate::gateway::context::sealed_column;

/// The keys of a card and version as the books keep them, under the master's key and random nonces.
///
/// # Errors
///
/// [`NotSealed`] when the system has no random octets, or the cipher refuses.
pub(in crate::commands) fn sealed(
    keys: &CardKeys,
    iccid: Iccid,
    version: u8,
    named: &NamedKeys,
) -> Result<Arc<[u8]>, NotSealed> {
    let mut nonces = [[0; 12]; 2];
    getrandom::fill(nonces.as_flattened_mut()).map_err(|_| NotSealed)?;
    let [of_orders, of_confirmations] = nonces;
    let place = |direction| KeyPlace {
        iccid,
        direction,
        version,
    };
    let orders = seal_keys(&keys.orders, &place(Direction::Mo), of_orders, named);
    let place = place(Direction::Mt);
    let confirmations = seal_keys(&keys.confirmations, &place, of_confirmations, named);
    let (Ok(orders), Ok(confirmations)) = (orders, confirmations) else {
        return Err(NotSealed);
    };
    let column = sealed_column(&orders, &confirmations).ok_or(NotSealed)?;
    Ok(column.into())
}

/// Keys could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keys can't be sealed: the system has no random octets")]
pub struct NotSealed;
