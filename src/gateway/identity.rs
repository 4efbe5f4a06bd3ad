//! By what an order that came before is known.

use sha2::{Digest, Sha256};

use crate::dialogue::secured_order::SecuredOrder;
use crate::dialogue::sms_command::Command;
use crate::gateway::member::UssdOrder;

/// The first 8 octets of the SHA-256 of a secured order's canonical octets.
#[must_use]
pub fn of_secured(order: &SecuredOrder) -> [u8; 8] {
    digest(&order.encode())
}

/// The same of a text order without its `AGAIN`: letters, blanks and aliases do not count.
#[must_use]
pub fn of_text(command: &Command) -> [u8; 8] {
    digest(command.clone().without_again().to_string().as_bytes())
}

/// The same of an order by USSD with its session: an equal text message is another order.
#[must_use]
pub fn of_ussd(order: &UssdOrder) -> [u8; 8] {
    let words = order.command.to_string();
    let session = order.session.as_deref().unwrap_or_default();
    digest(&[b"ussd ", words.as_bytes(), b" ", session].concat())
}

fn digest(octets: &[u8]) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(octets).into();
    hash.first_chunk().copied().unwrap_or_default()
}
