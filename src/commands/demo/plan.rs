//! What each phone will do, drawn before anything starts: which order, which way, with which twist.

use rand_chacha::ChaCha8Rng;

use super::cast::{Cast, MachinePart, Part, PhonePart, Sizes, number_below, pick};
use crate::domain::money::Currency;

/// One thing that a phone's owner sets out to do. Each leaves one purchase in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Errand {
    /// At which machine: an index into the cast.
    pub(super) machine: usize,
    /// Which of its wares.
    pub(super) ware: usize,
    /// Pieces.
    pub(super) units: u8,
    /// How it is ordered.
    pub(super) way: Way,
    /// What happens besides.
    pub(super) twist: Twist,
}

/// How an order goes to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By the SIM's applet.
    Secured,
    /// In words.
    Words,
    /// By USSD: dialled whole, or through the menu.
    Ussd,
}

/// What makes an errand another than a plain purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twist {
    /// Nothing.
    None,
    /// The network delivers the order twice: paid once.
    Duplicate,
    /// A thief sends an order in the phone's name first: not answered, not paid.
    Forgery,
    /// A thief sends the phone's last packet again: refused, and the subscriber is told.
    Replay,
    /// The words come in two messages.
    InTwoParts,
    /// The owner types the same again, reads that it was bought, and asks for another.
    AnotherOne,
    /// The card shows an old price.
    OldPrice,
    /// There is no such item.
    NoSuchItem,
    /// An amount in place of an item.
    Amount,
    /// By the number that a kiosk shows.
    Till,
    /// A kiosk's number that nobody pays.
    WalkedAway,
}

/// The errands of each phone, in order.
pub(super) fn errands(cast: &Cast, sizes: Sizes, chance: &mut ChaCha8Rng) -> Vec<Vec<Errand>> {
    let phones = cast.phones.len();
    let purchases = usize::try_from(sizes.purchases).unwrap_or_default();
    let share = purchases.checked_div(phones).unwrap_or_default();
    let rest = purchases.checked_rem(phones).unwrap_or_default();
    let places = Places::of_all(cast);
    // Every part of the play is seen, however few the purchases are.
    let must: &[Scene] = if purchases >= EVERY_PART_FROM {
        &MUST
    } else {
        &[]
    };
    let mut must = must.iter().peekable();
    cast.phones
        .iter()
        .enumerate()
        .map(|(index, phone)| {
            let wanted = share.saturating_add(usize::from(index < rest));
            let mut suspicions = 0;
            (0..wanted)
                .map(|nth| {
                    let early = nth.saturating_mul(2) < wanted;
                    let drawn = scene(early, chance);
                    let is_for_must = early && phone.currency.code() == SPECIAL;
                    let must = must.next_if(|_| is_for_must);
                    let scene = must.copied().unwrap_or(drawn);
                    let errand = errand(cast, &places, phone, scene, chance);
                    thieves_move_on(errand, &mut suspicions)
                })
                .collect()
        })
        .collect()
}

/// The machines where each currency is taken, by part.
struct Places(Vec<(Currency, [Vec<usize>; 5])>);

impl Places {
    fn of_all(cast: &Cast) -> Self {
        let mut currencies: Vec<Currency> = cast.phones.iter().map(|p| p.currency).collect();
        currencies.sort_unstable_by_key(|currency| currency.code());
        currencies.dedup();
        let of = |currency| PARTS.map(|part| cast.machines_of(part, currency));
        Self(currencies.into_iter().map(|c| (c, of(c))).collect())
    }

    /// A machine of this part; none when there is none for the currency.
    fn one(&self, part: Part, currency: Currency, chance: &mut ChaCha8Rng) -> Option<usize> {
        let (_, parts) = self.0.iter().find(|(known, _)| *known == currency)?;
        let at = PARTS.iter().position(|known| *known == part)?;
        let machines = parts.get(at)?;
        pick(machines, number_below(chance, machines.len()))
    }
}

/// What happens, at what kind of machine, and how it is ordered where that is not open.
type Scene = (Twist, Part, Option<Way>);

/// Draws what happens. What needs its time to end is for the `early` half of the demo.
fn scene(early: bool, chance: &mut ChaCha8Rng) -> Scene {
    match number_below(chance, 1_000) {
        0..=3 if early => (Twist::None, Part::Silent, None),
        4..=9 if early => (Twist::WalkedAway, Part::Kiosk, Some(Way::Secured)),
        10..=19 => (Twist::None, Part::Dead, None),
        20..=29 => (Twist::None, Part::OpenDoor, None),
        30..=79 => (Twist::Till, Part::Kiosk, None),
        80..=109 => (Twist::Duplicate, Part::Working, Some(Way::Secured)),
        110..=124 => (Twist::Forgery, Part::Working, Some(Way::Secured)),
        125..=129 => (Twist::Replay, Part::Working, Some(Way::Secured)),
        130..=144 => (Twist::InTwoParts, Part::Working, Some(Way::Words)),
        145..=159 => (Twist::AnotherOne, Part::Working, Some(Way::Words)),
        160..=169 => (Twist::OldPrice, Part::Working, Some(Way::Secured)),
        170..=179 => (Twist::NoSuchItem, Part::Working, None),
        180..=209 => (Twist::Amount, Part::Working, None),
        _ => (Twist::None, Part::Working, None),
    }
}

/// The errand of a phone that makes the scene.
fn errand(
    cast: &Cast,
    places: &Places,
    phone: &PhonePart,
    (twist, part, way): Scene,
    chance: &mut ChaCha8Rng,
) -> Errand {
    let plain = (twist, part) == (Twist::None, Part::Working);
    let way = way.unwrap_or(match number_below(chance, 100) {
        0..WORDS_PERCENT => Way::Words,
        WORDS_PERCENT..USSD_PERCENT if plain => Way::Ussd,
        _ => Way::Secured,
    });
    let found = places.one(part, phone.currency, chance);
    let (machine, twist) = if let Some(machine) = found {
        (machine, twist)
    } else {
        // Nothing of this kind takes the phone's money: a plain purchase elsewhere.
        let working = places.one(Part::Working, phone.currency, chance);
        (working.unwrap_or_default(), Twist::None)
    };
    let wares = cast.machines.get(machine).map(MachinePart::shop);
    let wares = wares.map_or(0, |shop| shop.wares.len());
    let units = match (twist, number_below(chance, 10)) {
        (Twist::Amount, _) | (_, 0..=7) => 1,
        (_, 8) => 2,
        (_, _) => 3,
    };
    Errand {
        machine,
        ware: number_below(chance, wares),
        units,
        way,
        twist,
    }
}

/// A sender with too many bad packets in a row is not listened to for a while; the thieves of the
/// demo choose another victim before.
fn thieves_move_on(errand: Errand, suspicions: &mut u32) -> Errand {
    if !matches!(errand.twist, Twist::Forgery | Twist::Replay) {
        return errand;
    }
    *suspicions = suspicions.saturating_add(1);
    if *suspicions <= SUSPICIONS_MAX {
        errand
    } else {
        Errand {
            twist: Twist::None,
            ..errand
        }
    }
}

const PARTS: [Part; 5] = [
    Part::Working,
    Part::Kiosk,
    Part::Silent,
    Part::Dead,
    Part::OpenDoor,
];
/// The scenes that a demo must not be without.
const MUST: [Scene; 12] = [
    (Twist::None, Part::Working, Some(Way::Ussd)),
    (Twist::None, Part::Silent, Some(Way::Secured)),
    (Twist::WalkedAway, Part::Kiosk, Some(Way::Secured)),
    (Twist::Till, Part::Kiosk, Some(Way::Words)),
    (Twist::Till, Part::Kiosk, Some(Way::Secured)),
    (Twist::None, Part::Dead, Some(Way::Words)),
    (Twist::None, Part::OpenDoor, Some(Way::Secured)),
    (Twist::Forgery, Part::Working, Some(Way::Secured)),
    (Twist::Duplicate, Part::Working, Some(Way::Secured)),
    (Twist::InTwoParts, Part::Working, Some(Way::Words)),
    (Twist::OldPrice, Part::Working, Some(Way::Secured)),
    (Twist::NoSuchItem, Part::Working, Some(Way::Words)),
];
/// Where the machines of the special parts stand.
const SPECIAL: &str = "EUR";
/// Fewer purchases would be little else than special scenes.
const EVERY_PART_FROM: usize = 50;
/// How many of a hundred orders are typed.
const WORDS_PERCENT: usize = 30;
/// And how many are typed or dialled.
const USSD_PERCENT: usize = 45;
/// Below the gateway's budget of five.
const SUSPICIONS_MAX: u32 = 3;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand_core::SeedableRng as _;

    use super::*;

    fn plan(purchases: u32, phones: u32, machines: u32) -> (Cast, Vec<Vec<Errand>>) {
        let sizes = Sizes {
            purchases,
            phones,
            machines,
        };
        let mut chance = ChaCha8Rng::seed_from_u64(7);
        let cast = Cast::new(sizes, &mut chance);
        let errands = errands(&cast, sizes, &mut chance);
        (cast, errands)
    }

    #[test]
    fn there_are_as_many_errands_as_purchases_asked_for() {
        for (purchases, phones, machines) in [(1, 1, 1), (7, 3, 2), (1_000, 300, 40)] {
            let (_, errands) = plan(purchases, phones, machines);
            let total: usize = errands.iter().map(Vec::len).sum();
            assert_eq!(u32::try_from(total).unwrap(), purchases);
        }
    }

    #[test]
    fn nobody_is_sent_to_a_machine_of_another_currency_and_every_twist_is_seen() {
        let (cast, errands) = plan(20_000, 400, 40);
        let mut seen = BTreeSet::new();
        for (phone, errands) in cast.phones.iter().zip(&errands) {
            for errand in errands {
                let shop = cast.machines[errand.machine].shop();
                assert_eq!(shop.currency, phone.currency.code());
                assert!(errand.ware < shop.wares.len());
                seen.insert(format!("{:?}", errand.twist));
            }
        }
        assert_eq!(seen.len(), 11);
    }

    #[test]
    fn a_small_demo_has_every_scene_that_it_must_not_be_without() {
        for phones in [1, 12, 60] {
            let (cast, errands) = plan(120, phones, 6);
            let errands: Vec<Errand> = errands.concat();
            for (twist, part, _) in MUST {
                let is_there = errands.iter().any(|errand| {
                    errand.twist == twist && cast.machines[errand.machine].part == part
                });
                assert!(is_there, "{phones} phones: {twist:?} at {part:?}");
            }
        }
    }

    #[test]
    fn one_seed_is_one_plan() {
        assert_eq!(plan(500, 20, 12).1, plan(500, 20, 12).1);
    }
}
