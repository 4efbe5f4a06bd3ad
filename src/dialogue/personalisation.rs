//! What a new card is told before it is given out: `sim-applet/README.md`, "Personalisation".
//!
//! ```text
//! │ 80 E2 00 00 Lc │ a command packet under the card's transport keys, counter 1, 2, 3 … │
//!                    keys ─► profile ─► service number ─► PIN ─► texts of each language ─► end
//! ```
//! The data are those of commands on the air (`card_command`), and two that are never on the air: the
//! profile (`10`) and the end (`1F`), after which the transport keys are gone.

use zeroize::Zeroizing;

use super::card_command::{CardCommand, MenuText, NewKeys, ServiceAddress, TooLong};
use super::secured_order::tlv::to_bcd;
use crate::auth::command::{CommandDraft, SealError, seal_command};
use crate::auth::secured_packet::{
    CcLength, KeyOctet, KeyProfile, KeyRecord, NotAes, Spi, Spi1, Tar,
};
use crate::auth::sim_keys::SimKeys;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::pin::Pin;

/// All that one card is told, in order.
pub struct Personalisation {
    /// Its keys.
    pub keys: NewKeys,
    /// What is the same for every card of its kind.
    pub profile: CardProfile,
    /// Digits that unblock its PIN.
    pub puk: Puk,
    /// Where it sends orders to.
    pub service: ServiceAddress,
    /// The type of that number and its plan (3GPP TS 23.040 §9.1.2.5), if not the usual one.
    pub type_of_number: Option<u8>,
    /// Its PIN; none where its policy is never to ask.
    pub pin: Option<Pin>,
    /// Its texts, those of the first language first.
    pub texts: Vec<MenuText>,
}

/// What is the same for every card of a kind.
#[derive(Clone, Copy, Debug)]
pub struct CardProfile {
    /// Packets from the card.
    pub orders: KeyProfile,
    /// Packets to it.
    pub confirmations: KeyProfile,
    /// The currency that it shows and orders in.
    pub currency: Currency,
    /// When it asks for the PIN.
    pub pin_policy: PinPolicy,
}

/// When a card asks for its PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinPolicy {
    /// Never.
    Never,
    /// Before every order.
    Always,
    /// Before orders above this amount.
    Above(MinorUnits),
}

/// Eight digits, wiped when dropped.
pub struct Puk(Zeroizing<[u8; 8]>);

impl Puk {
    /// The number with its zeros in front, modulo 10⁸.
    #[must_use]
    pub fn of(number: u32) -> Self {
        let mut digits = Zeroizing::new([0; 8]);
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or_default());
            rest /= 10;
        }
        Self(digits)
    }

    /// Its digits, for the letter that tells them.
    #[must_use]
    pub fn expose_digits(&self) -> &str {
        std::str::from_utf8(self.0.as_slice()).unwrap_or_default()
    }
}

impl Personalisation {
    /// The APDUs under the card's `transport` keys, in the order in which the card takes them.
    ///
    /// # Errors
    ///
    /// [`NotForThisApplet`] says what the applet has no place for.
    pub fn script(&self, transport: SimKeys) -> Result<Vec<Vec<u8>>, NotForThisApplet> {
        let record = KeyRecord {
            profile: transport_profile()?,
            keys: transport,
        };
        let mut script = Vec::with_capacity(self.texts.len().saturating_add(5));
        for (data, counter) in self.commands()?.iter().zip(1..) {
            script.push(store_data(data, counter, &record)?);
        }
        Ok(script)
    }

    /// The data of each command.
    fn commands(&self) -> Result<Vec<Zeroizing<Vec<u8>>>, NotForThisApplet> {
        let keys = CardCommand::Keys(Box::new(self.keys.clone())).encode()?;
        let mut commands = vec![keys, self.profile.encode(&self.puk)?, self.service_data()];
        if let Some(pin) = &self.pin {
            commands.push(CardCommand::UnblockPin(Some(pin.clone())).encode()?);
        }
        for text in &self.texts {
            commands.push(CardCommand::Text(text.clone()).encode()?);
        }
        commands.push(Zeroizing::new(command(END)));
        Ok(commands)
    }

    fn service_data(&self) -> Zeroizing<Vec<u8>> {
        let mut address = self.service.octets();
        if let (Some(place), Some(given)) = (address.get_mut(1), self.type_of_number) {
            *place = given;
        }
        let mut data = Zeroizing::new(command(SERVICE));
        element(&mut data, 0xA9, &address);
        data
    }
}

impl CardProfile {
    fn encode(&self, puk: &Puk) -> Result<Zeroizing<Vec<u8>>, NotForThisApplet> {
        let (orders, confirmations) = (self.orders, self.confirmations);
        if orders.cc != confirmations.cc {
            return Err(NotForThisApplet::CcOctets);
        }
        if (orders.kic, orders.kid) != (confirmations.kic, confirmations.kid) {
            return Err(NotForThisApplet::KeyOctets);
        }
        let cc = u8::try_from(orders.cc.octets()).unwrap_or_default();
        let levels = [orders.spi1_min.0, confirmations.spi1_min.0, cc];
        let mut data = Zeroizing::new(Vec::with_capacity(PROFILE_OCTETS_MAX));
        data.extend_from_slice(&command(PROFILE));
        element(
            &mut data,
            0xAB,
            &[orders.tar.0, confirmations.tar.0].concat(),
        );
        element(&mut data, 0xAC, &levels);
        element(&mut data, 0xAD, &money(self.currency));
        element(&mut data, 0xAE, &self.pin_policy.octets());
        element(&mut data, 0xAA, &BEARER);
        element(&mut data, 0xAF, puk.0.as_slice());
        Ok(data)
    }
}

impl PinPolicy {
    fn octets(self) -> Vec<u8> {
        let (policy, above) = match self {
            Self::Never => (0, 0),
            Self::Always => (1, 0),
            Self::Above(amount) => (2, amount.minor()),
        };
        [&[policy], above.to_be_bytes().as_slice()].concat()
    }
}

/// What a card of this applet can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForThisApplet {
    /// A command is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A packet can't be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The octets of transport packets, which are right.
    #[error(transparent)]
    Octets(#[from] NotAes),
    /// Two lengths of checksums.
    #[error("the applet has one length of checksums: cc_octets must be the same both ways")]
    CcOctets,
    /// Two sets of keys.
    #[error("the applet has one KIc and one KID octet: kic and kid must be the same both ways")]
    KeyOctets,
}

/// `80 E2 00 00 Lc` and the packet.
fn store_data(data: &[u8], counter: u64, record: &KeyRecord) -> Result<Vec<u8>, SealError> {
    let draft = CommandDraft {
        spi: Spi::ORDER,
        counter,
        data,
    };
    let packet = seal_command(&draft, record)?;
    // A command packet of one short message has 137 octets at most.
    let octets = u8::try_from(packet.len()).unwrap_or(u8::MAX);
    Ok([&[0x80, 0xE2, 0, 0, octets], packet.as_slice()].concat())
}

fn transport_profile() -> Result<KeyProfile, NotAes> {
    Ok(KeyProfile {
        kic: KeyOctet::try_from(TRANSPORT_OCTET)?,
        kid: KeyOctet::try_from(TRANSPORT_OCTET)?,
        cc: CcLength::Eight,
        spi1_min: Spi1(0x16),
        tar: TRANSPORT_TAR,
    })
}

fn command(number: u8) -> Vec<u8> {
    vec![VERSION, 0xA1, 1, number]
}

fn element(data: &mut Vec<u8>, tag: u8, value: &[u8]) {
    data.push(tag);
    data.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    data.extend_from_slice(value);
}

/// ISO 4217 number as BCD in two octets, exponent, letters.
fn money(currency: Currency) -> Vec<u8> {
    let bcd = to_bcd::<2>(currency.number().into());
    let code = currency.code().as_bytes();
    [bcd.as_slice(), &[currency.exponent()], code].concat()
}

const VERSION: u8 = 1;
const SERVICE: u8 = 0x05;
const PROFILE: u8 = 0x10;
const END: u8 = 0x1F;
/// SMS; protocol identifier and coding of (U)SIM data download; header element 70.
const BEARER: [u8; 4] = [0, 0x7F, 0xF6, 0x70];
const TRANSPORT_OCTET: u8 = 0xF2;
const TRANSPORT_TAR: Tar = Tar([0xB0, 0, 0]);
/// So that no PUK is left behind where it grew out of.
const PROFILE_OCTETS_MAX: usize = 98;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::auth::aes_key::AesKey;
    use crate::auth::sim_keys::{Direction, Master, derive};
    use crate::dialogue::secured_reply::ShownText;

    fn key_profile(tar: [u8; 3]) -> KeyProfile {
        let octet = KeyOctet::try_from(0x12).unwrap();
        KeyProfile {
            kic: octet,
            kid: octet,
            cc: CcLength::Eight,
            spi1_min: Spi1(0x16),
            tar: Tar(tar),
        }
    }

    fn card() -> Personalisation {
        let (master, iccid) = (
            Master::new(&[0; 32]),
            "8988211000000000003".parse().unwrap(),
        );
        let keys = |direction| derive(&master, &iccid, 1, direction);
        let (orders, confirmations) = (keys(Direction::Mo), keys(Direction::Mt));
        let octets = (key_profile([0; 3]).kic, key_profile([0; 3]).kid);
        let english = ShownText::Default(b"English".to_vec());
        Personalisation {
            keys: NewKeys::new(1, octets, &orders, &confirmations).unwrap(),
            profile: CardProfile {
                orders: key_profile([0xB2, 0xF0, 1]),
                confirmations: key_profile([0xB2, 0xF0, 2]),
                currency: "EUR".parse().unwrap(),
                pin_policy: PinPolicy::Always,
            },
            puk: Puk::of(12_345_678),
            service: "778".parse().unwrap(),
            type_of_number: Some(0xB1),
            pin: Some("1234".parse().unwrap()),
            texts: vec![MenuText::new(0, 0, english).unwrap()],
        }
    }

    /// The vectors' transport keys.
    fn transport(vectors: &Value) -> SimKeys {
        let key = |name: &str| {
            let octets = hex::decode(vectors[name].as_str().unwrap()).unwrap();
            AesKey::try_from(octets.as_slice()).unwrap()
        };
        SimKeys {
            kic: key("transport_kic"),
            kid: key("transport_kid"),
        }
    }

    #[test]
    fn a_script_is_octet_by_octet_that_of_the_vectors() {
        let file = include_str!("../../tests/vectors/applet_commands.json");
        let file: Value = serde_json::from_str(file).unwrap();
        let vectors = &file["personalisation"];
        let right = vectors["commands"].as_array().unwrap();
        let data = card().commands().unwrap();
        let script = card().script(transport(vectors)).unwrap();
        assert_eq!((data.len(), script.len()), (right.len(), right.len()));
        for ((data, apdu), right) in data.iter().zip(&script).zip(right) {
            let name = right["name"].as_str().unwrap();
            assert_eq!(hex::encode_upper(data.as_slice()), right["hex"], "{name}");
            assert_eq!(hex::encode(apdu), right["apdu"], "{name}");
        }
    }

    #[test]
    fn what_the_applet_has_no_place_for_is_told() {
        let mut two_lengths = card();
        two_lengths.profile.confirmations.cc = CcLength::Four;
        let mut two_sets = card();
        two_sets.profile.confirmations.kid = KeyOctet::try_from(0x22).unwrap();
        for (card, why) in [(two_lengths, "cc_octets"), (two_sets, "kic and kid")] {
            let told = card.commands().err().unwrap().to_string();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn amounts_and_puks_have_their_zeros() {
        assert_eq!(Puk::of(42).expose_digits(), "00000042");
        let above = PinPolicy::Above(500.try_into().unwrap());
        assert_eq!(hex::encode(above.octets()), "0200000000000001f4");
        let all = money("ALL".parse().unwrap());
        assert_eq!(hex::encode(all), "000802414c4c");
    }
}
