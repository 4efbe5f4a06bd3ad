//! A kiosk's till: asks for a payment order number and shows it to the buyer.

use std::net::SocketAddr;
use std::time::Duration;

use crate::simulator::terminal::{Connection, NoAnswer};
use crate::vend::{OrderJson, OrderedJson};

/// The till of one kiosk. What was paid comes to its terminal, as with any machine.
pub struct Kiosk {
    id: String,
    connection: Connection,
    orders: u64,
}

/// Why there is no number to show.
#[derive(Debug, thiserror::Error)]
pub enum NoOrder {
    /// The gateway refused it.
    #[error("the gateway refused the kiosk's order with status {status}: {text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The gateway was away for longer than a buyer waits.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The answer is not what it should be.
    #[error("the answer to a kiosk's order can't be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl Kiosk {
    /// The till of the terminal `id`.
    #[must_use]
    pub fn new(id: &str, token: &str, gateway: SocketAddr) -> Self {
        Self {
            id: id.to_owned(),
            connection: Connection::new(gateway, token),
            orders: 0,
        }
    }

    /// Orders pieces of an item. The same reference goes out until there is an answer, so that a
    /// buyer never sees two numbers for one basket.
    ///
    /// # Errors
    ///
    /// [`NoOrder`].
    pub async fn order(&mut self, item: &str, quantity: u8) -> Result<OrderedJson, NoOrder> {
        self.orders = self.orders.saturating_add(1);
        let order = OrderJson {
            client_reference: format!("{}/{}", self.id, self.orders),
            item: Some(item.to_owned()),
            quantity: Some(quantity),
            amount_minor: None,
            currency: None,
            payer_msisdn: None,
        };
        let path = format!("/v1/kiosks/{}/orders", self.id);
        let mut tries = 0_u32;
        loop {
            tries = tries.saturating_add(1);
            let answer = self.connection.post(&path, &order, ANSWER_WITHIN).await;
            match answer {
                Ok(answer) if matches!(answer.status, 200 | 201) => {
                    return Ok(serde_json::from_slice(&answer.body)?);
                }
                Ok(answer) if answer.status != 503 || tries >= TRIES_MAX => {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    let status = answer.status;
                    return Err(NoOrder::Refused { status, text });
                }
                Err(error) if tries >= TRIES_MAX => return Err(error.into()),
                Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);
/// With the pause: longer than a gateway needs to start again.
const TRIES_MAX: u32 = 150;
