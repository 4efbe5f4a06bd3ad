//! A card that listens for APDUs over TCP: the framing of vsmartcard's vpcd, in its reversed mode.
//!
//! ```text
//! │ length, 2 octets │ command APDU, or one octet of control: 00 off, 01 on, 02 reset, 04 ATR │
//! │ length, 2 octets │ response and status word, or the ATR │       nothing after 00, 01 and 02
//! ```

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection to one card, which has its power from it.
pub struct CardLink {
    stream: TcpStream,
    within: Duration,
}

/// Why there is nothing from a card.
#[derive(Debug, thiserror::Error)]
pub enum CardLinkError {
    /// Nobody listens there.
    #[error("no card listens at {address}: {source}")]
    NoCard {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// It takes longer than any card does.
    #[error("the card does not answer within {} ms", .0.as_millis())]
    Silent(Duration),
    /// The connection broke.
    #[error("the card was pulled out: {0}")]
    Gone(#[from] io::Error),
    /// A response longer than an APDU's, or a command that is.
    #[error("an APDU of {0} octets")]
    TooLong(usize),
}

impl CardLink {
    /// Connects to `HOST:PORT`; that, and each answer later, may take as long as `within`.
    ///
    /// # Errors
    ///
    /// [`CardLinkError::NoCard`].
    pub async fn connect(address: &str, within: Duration) -> Result<Self, CardLinkError> {
        let no_card = |source| CardLinkError::NoCard {
            address: address.to_owned(),
            source,
        };
        let connected = tokio::time::timeout(within, TcpStream::connect(address)).await;
        let stream = connected
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(no_card)?;
        stream.set_nodelay(true).map_err(no_card)?;
        Ok(Self { stream, within })
    }

    /// Takes the card's power away and gives it back.
    ///
    /// # Errors
    ///
    /// As [`Self::transmit`].
    pub async fn reset(&mut self) -> Result<(), CardLinkError> {
        self.write(&[RESET]).await
    }

    /// Asks for the answer to reset.
    ///
    /// # Errors
    ///
    /// As [`Self::transmit`].
    pub async fn answer_to_reset(&mut self) -> Result<Vec<u8>, CardLinkError> {
        self.exchange(&[ASK_ATR]).await
    }

    /// Sends a command APDU and waits for its response, the status word last.
    ///
    /// # Errors
    ///
    /// [`CardLinkError::Silent`] or [`CardLinkError::Gone`], after which the connection is of no use.
    pub async fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, CardLinkError> {
        self.exchange(apdu).await
    }

    async fn exchange(&mut self, message: &[u8]) -> Result<Vec<u8>, CardLinkError> {
        let within = self.within;
        let exchange = async {
            self.write(message).await?;
            let length = usize::from(self.stream.read_u16().await?);
            if length > RESPONSE_MAX {
                return Err(CardLinkError::TooLong(length));
            }
            let mut response = vec![0; length];
            self.stream.read_exact(&mut response).await?;
            Ok(response)
        };
        let answered = tokio::time::timeout(within, exchange).await;
        answered.unwrap_or(Err(CardLinkError::Silent(within)))
    }

    async fn write(&mut self, message: &[u8]) -> Result<(), CardLinkError> {
        let too_long = |_| CardLinkError::TooLong(message.len());
        let length = u16::try_from(message.len()).map_err(too_long)?;
        let framed = [&length.to_be_bytes(), message].concat();
        self.stream.write_all(&framed).await?;
        Ok(())
    }
}

const RESET: u8 = 2;
const ASK_ATR: u8 = 4;
/// 256 octets of data and the status word.
const RESPONSE_MAX: usize = 258;

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What a card that answers with `answer` makes the link say.
    async fn said(answer: &'static [u8]) -> Result<Vec<u8>, CardLinkError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let card = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut command = [0; 7];
            stream.read_exact(&mut command).await.unwrap();
            assert_eq!(command, [0, 5, 0x80, 0x12, 0, 0, 3]);
            stream.write_all(answer).await.unwrap();
            if answer.is_empty() {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        };
        let phone = async {
            let mut link = CardLink::connect(&address, Duration::from_millis(200))
                .await
                .unwrap();
            link.transmit(&[0x80, 0x12, 0, 0, 3]).await
        };
        tokio::select! {
            said = phone => said,
            ((), said) = async { tokio::join!(card, std::future::pending()) } => said,
        }
    }

    #[tokio::test]
    async fn a_response_is_read_whole_and_what_is_none_is_told_apart() {
        assert_eq!(said(&[0, 2, 0x90, 0]).await.unwrap(), [0x90, 0]);
        assert!(matches!(said(&[]).await, Err(CardLinkError::Silent(_))));
        assert!(matches!(
            said(&[0xFF, 0xFF]).await,
            Err(CardLinkError::TooLong(_))
        ));
        // Half a response, and the card goes.
        let half = said(&[0, 4, 0x90]).await;
        assert!(matches!(
            half,
            Err(CardLinkError::Gone(_) | CardLinkError::Silent(_))
        ));
    }

    #[tokio::test]
    async fn where_no_card_is_the_address_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let none = CardLink::connect(&address, Duration::from_secs(1)).await;
        assert!(none.err().unwrap().to_string().contains(&address));
    }
}
