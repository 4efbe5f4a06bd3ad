//! What every decision may look at besides the world: rules, texts and keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::auth::aes_key::AesKey;
use crate::auth::iccid::Iccid;
use crate::auth::named_keys::{NamedKeys, derive_named};
use crate::auth::sealed_keys::{KeyPlace, unseal_keys};
use crate::auth::secured_packet::{KeyProfile, KeyRecord};
use crate::auth::sim_keys::{Direction, SimKeys};
use crate::dialogue::texts::Texts;
use crate::domain::ids::{BadId, PurseId, SubscriberId};
use crate::domain::key_versions::KeyVersion;
use crate::domain::money::Currency;
use crate::domain::pin::Pin;
use crate::domain::subscriber::Line;
use crate::gateway::key_source::KeySource;
use crate::gateway::policy::Policy;
use crate::sv::mac::MacKey;
use crate::sv::transfer::TransferKeys;

/// Rules, texts and keys. It never changes while the gateway runs.
pub struct Context {
    /// The operator's rules.
    pub policy: Policy,
    /// What is said to subscribers.
    pub texts: Texts,
    keys: KeySource,
    profiles: BTreeMap<Arc<str>, Profiles>,
    decoy: KeyRecord,
    purses: NodePurses,
}

/// What packets of one kind of card look like, each way: attributes of its keys, never taken from a
/// packet.
#[derive(Clone, Copy, Debug)]
pub struct Profiles {
    /// Orders.
    pub orders: KeyProfile,
    /// Confirmations.
    pub confirmations: KeyProfile,
    /// Whether the card shows what its subscriber is asked to pay, and asks for consent itself.
    pub offers: bool,
}

/// Names and keys of a node's purses, two for each currency.
pub struct NodePurses(BTreeMap<Currency, PurseKeys>);

/// Names and keys of a node's two purses of one currency.
struct PurseKeys {
    lane_name: PurseId,
    pos_name: PurseId,
    lane: MacKey,
    pos: MacKey,
    pair: MacKey,
}

impl NodePurses {
    /// The purses of `node` under `named` keys.
    fn of(node: u16, named: &NamedKeys) -> Result<Self, BadId> {
        let purses = Currency::all().map(|currency| {
            let lane_name: PurseId = format!("lane.{node}.{currency}").parse()?;
            let pos_name: PurseId = format!("pos.{node}.{currency}").parse()?;
            let key =
                |label, context: &str| MacKey::new(&derive_named(named, label, context.as_bytes()));
            let keys = PurseKeys {
                lane: key("sv-lane", lane_name.as_str()),
                pos: key("sv-pos", pos_name.as_str()),
                pair: key("sv-pair", &format!("{lane_name}/{pos_name}")),
                lane_name,
                pos_name,
            };
            Ok((currency, keys))
        });
        purses.collect::<Result<_, _>>().map(Self)
    }

    /// The keys of the lane and point of sale of a currency.
    #[must_use]
    pub fn keys(&self, currency: Currency) -> Option<TransferKeys<'_>> {
        let keys = self.0.get(&currency)?;
        Some(TransferKeys {
            lane: &keys.lane,
            pos: &keys.pos,
            pair: &keys.pair,
        })
    }

    /// The names of the lane and point of sale of a currency.
    #[must_use]
    pub fn names(&self, currency: Currency) -> Option<(&PurseId, &PurseId)> {
        let keys = self.0.get(&currency)?;
        Some((&keys.lane_name, &keys.pos_name))
    }
}

impl Context {
    /// The context of one node; `standard` is what most cards' packets look like.
    ///
    /// # Errors
    ///
    /// [`BadId`] never for the names made here; it is passed on all the same.
    pub fn new(
        node: u16,
        policy: Policy,
        texts: Texts,
        keys: impl Into<KeySource>,
        standard: Profiles,
    ) -> Result<Self, BadId> {
        let keys: KeySource = keys.into();
        let purses = NodePurses::of(node, keys.named())?;
        let decoy = KeyRecord {
            profile: standard.orders,
            keys: decoy_keys(keys.named()),
        };
        Ok(Self {
            policy,
            texts,
            keys,
            profiles: [(STANDARD_PROFILE.into(), standard)].into(),
            decoy,
            purses,
        })
    }

    /// The same, with card profiles besides the standard one.
    #[must_use]
    pub fn with_card_profiles(mut self, others: BTreeMap<Arc<str>, Profiles>) -> Self {
        self.profiles.extend(others);
        self
    }

    /// What packets of the cards of a profile look like; none for one that is not configured.
    #[must_use]
    pub fn profiles_of(&self, name: &str) -> Option<Profiles> {
        self.profiles.get(name).copied()
    }

    /// The names of all card profiles.
    pub fn card_profiles(&self) -> impl Iterator<Item = &Arc<str>> {
        self.profiles.keys()
    }

    /// The keys in use under which this line's SIM sends orders or takes confirmations.
    ///
    /// # Errors
    ///
    /// [`NoKeys`]: there are none, or not yet.
    pub fn sim_keys(&self, line: &Line, direction: Direction) -> Result<KeyRecord, NoKeys> {
        self.version_keys(line, &line.keys_in_use(), direction)
    }

    /// The same of any version of the card's keys: imported where they are sealed, else derived.
    ///
    /// # Errors
    ///
    /// [`NoKeys`]: there are none, or not yet.
    pub fn version_keys(
        &self,
        line: &Line,
        (version, sealed): &KeyVersion,
        direction: Direction,
    ) -> Result<KeyRecord, NoKeys> {
        let iccid = line.iccid.as_deref().and_then(|iccid| iccid.parse().ok());
        let iccid: Iccid = iccid.ok_or(NoKeys::None)?;
        let profiles = self.profiles.get(&line.profile).ok_or(NoKeys::None)?;
        let profile = match direction {
            Direction::Mo => profiles.orders,
            Direction::Mt => profiles.confirmations,
        };
        let place = KeyPlace {
            iccid,
            direction,
            version: *version,
        };
        let keys = match sealed {
            None => self.keys.sim_keys(&place).ok_or(NoKeys::Away(place))?,
            Some(sealed) => {
                let sealed = sealed_for(sealed, direction).ok_or(NoKeys::None)?;
                let opened = unseal_keys(sealed, &place, self.keys.named());
                opened.map_err(|_| NoKeys::None)?
            }
        };
        Ok(KeyRecord { profile, keys })
    }

    /// A record of this line's orders under keys that no SIM has: who proves by it learns what is wrong
    /// besides the checksum.
    #[must_use]
    pub fn keyless(&self, line: &Line) -> Option<KeyRecord> {
        let profile = self.profiles.get(&line.profile)?.orders;
        let keys = decoy_keys(self.keys.named());
        Some(KeyRecord { profile, keys })
    }

    /// Where keys come from, for who brings those that were [`NoKeys::Away`].
    #[must_use]
    pub const fn key_source(&self) -> &KeySource {
        &self.keys
    }

    /// Whether this line's card is asked itself to pay what merchants order in its subscriber's name.
    #[must_use]
    pub fn offers(&self, line: &Line) -> bool {
        let profile = self.profiles.get(&line.profile);
        line.iccid.is_some() && profile.is_some_and(|profile| profile.offers)
    }

    /// Whether any card is.
    #[must_use]
    pub fn has_offers(&self) -> bool {
        self.profiles.values().any(|profile| profile.offers)
    }

    /// What is kept of a subscriber's PIN: without the master it can't be tried.
    #[must_use]
    pub fn pin_check(&self, subscriber: SubscriberId, pin: &Pin) -> [u8; 16] {
        let owner = subscriber.0.to_be_bytes();
        let context = [owner.as_slice(), pin.expose_digits().as_bytes()].concat();
        let context = Zeroizing::new(context);
        *derive_named(self.keys.named(), "ussd-pin", &context)
    }

    /// A record like any other, for senders that nobody is registered under.
    #[must_use]
    pub const fn decoy(&self) -> &KeyRecord {
        &self.decoy
    }

    /// The keys of this node's lane and point of sale of a currency.
    #[must_use]
    pub fn transfer_keys(&self, currency: Currency) -> Option<TransferKeys<'_>> {
        self.purses.keys(currency)
    }

    /// The names of this node's lane and point of sale of a currency.
    #[must_use]
    pub fn purse_names(&self, currency: Currency) -> Option<(&PurseId, &PurseId)> {
        self.purses.names(currency)
    }

    /// The purses of any node: its logs are proven with them.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn purses_of(&self, node: u16) -> Result<NodePurses, BadId> {
        NodePurses::of(node, self.keys.named())
    }
}

/// Why a line's SIM can't be spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKeys {
    /// The line has no card, its card's profile is no longer configured, or its imported keys can't
    /// be opened.
    None,
    /// The keys of this place are in the token, and have to be brought first.
    Away(KeyPlace),
}

/// Keys of no card, for packets of senders that nobody is registered under.
fn decoy_keys(named: &NamedKeys) -> SimKeys {
    let key = |label| AesKey::Aes128(*derive_named(named, label, &[]));
    SimKeys {
        kic: key("decoy-kic"),
        kid: key("decoy-kid"),
    }
}

/// Both directions' sealed keys as one column: the length of the first in one octet, orders,
/// confirmations.
#[must_use]
pub fn sealed_column(orders: &[u8], confirmations: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(orders.len()).ok()?;
    Some([&[length], orders, confirmations].concat())
}

fn sealed_for(column: &[u8], direction: Direction) -> Option<&[u8]> {
    let (&length, rest) = column.split_first()?;
    let (orders, confirmations) = rest.split_at_checked(length.into())?;
    Some(match direction {
        Direction::Mo => orders,
        Direction::Mt => confirmations,
    })
}

/// The profile of cards whose import names none.
pub const STANDARD_PROFILE: &str = "standard";
