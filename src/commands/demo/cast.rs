//! Who plays in the demo: merchants with their prices, machines with their habits, phones.
//!
//! All of it follows from the sizes and the seed; a phone buys in its own bill's currency.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng as _;

use crate::domain::money::Currency;
use crate::simulator::handset::phrasebook::Tongue;
use crate::simulator::terminal::{Habit, MachineFaults};

/// How large the demo is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Orders that the phones place.
    pub(super) purchases: u32,
    /// Subscribers.
    pub(super) phones: u32,
    /// Terminals, kiosks among them.
    pub(super) machines: u32,
}

/// One price list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shop {
    /// The merchant's id.
    pub(super) id: &'static str,
    /// What subscribers read.
    pub(super) name: &'static str,
    /// ISO 4217.
    pub(super) currency: &'static str,
    /// Names a `[[tax]]` of `config/demo/svgate.toml`.
    pub(super) tax_code: &'static str,
    /// The `[[fee]]` of that file, in minor units: it is part of the price that a phone agrees to.
    pub(super) fee_minor: i64,
    /// What it sells.
    pub(super) wares: &'static [Ware],
}

/// One line of a price list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ware {
    /// What the subscriber types.
    pub(super) code: &'static str,
    /// What the subscriber reads.
    pub(super) name: &'static str,
    /// The price of one piece, tax included.
    pub(super) retail_minor: i64,
    /// What the merchant gets for it.
    pub(super) wholesale_minor: i64,
}

/// What a terminal is in the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Gives out, with faults.
    Working,
    /// Shows payment order numbers.
    Kiosk,
    /// Takes acks and never reports.
    Silent,
    /// Was never switched on.
    Dead,
    /// Gives every ack back.
    OpenDoor,
}

/// One terminal.
#[derive(Clone, Debug)]
pub(super) struct MachinePart {
    /// Its id in the merchant's file.
    pub(super) id: String,
    /// What subscribers type.
    pub(super) short_code: u32,
    /// Whose it is: an index into [`SHOPS`].
    pub(super) shop: usize,
    /// What it plays.
    pub(super) part: Part,
}

impl MachinePart {
    /// Its price list.
    pub(super) fn shop(&self) -> &'static Shop {
        SHOPS.get(self.shop).unwrap_or(&SNACKS)
    }

    /// Its habit as a simulated machine.
    pub(super) const fn habit(&self) -> Habit {
        match self.part {
            Part::Working => Habit::Working(FAULTS),
            Part::Kiosk => Habit::Working(MachineFaults {
                jams: 0,
                parts: 0,
                resets: 0,
            }),
            Part::Silent => Habit::Silent,
            Part::Dead => Habit::Dead,
            Part::OpenDoor => Habit::Open,
        }
    }
}

/// One subscriber.
#[derive(Clone, Debug)]
pub(super) struct PhonePart {
    /// The operator's name for the account.
    pub(super) account: String,
    /// The number.
    pub(super) msisdn: String,
    /// The card, with its check digit.
    pub(super) iccid: String,
    /// The card's IMSI.
    pub(super) imsi: String,
    /// What its owner reads and writes.
    pub(super) tongue: Tongue,
    /// Of the bill.
    pub(super) currency: Currency,
}

/// Everybody.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    pub(super) machines: Vec<MachinePart>,
    pub(super) phones: Vec<PhonePart>,
}

impl Cast {
    /// The cast of a demo of these sizes.
    pub(super) fn new(sizes: Sizes, chance: &mut ChaCha8Rng) -> Self {
        let machines: Vec<MachinePart> = (0..sizes.machines).map(machine).collect();
        let sold: Vec<&'static Shop> = machines
            .iter()
            .filter(|machine| machine.part == Part::Working)
            .map(MachinePart::shop)
            .collect();
        let phones = (0..sizes.phones)
            .filter_map(|number| {
                let shop = pick(&sold, number_below(chance, sold.len()))?;
                phone(number, shop.currency.parse().ok()?, chance)
            })
            .collect();
        Self { machines, phones }
    }

    /// The machines of this part where `currency` is taken, by index.
    pub(super) fn machines_of(&self, part: Part, currency: Currency) -> Vec<usize> {
        let machines = self.machines.iter().enumerate();
        machines
            .filter(|(_, machine)| {
                machine.part == part && machine.shop().currency == currency.code()
            })
            .map(|(index, _)| index)
            .collect()
    }
}

/// The first few machines play every part once; then each tenth is a kiosk.
fn machine(number: u32) -> MachinePart {
    let part = match number {
        1 => Part::Kiosk,
        2 => Part::Silent,
        3 => Part::Dead,
        4 => Part::OpenDoor,
        _ if number > 10 && number.is_multiple_of(10) => Part::Kiosk,
        _ => Part::Working,
    };
    // Euros first, so that the special parts and a small demo have one currency.
    let shop = match number {
        0..=5 => 0,
        _ => usize::try_from(number)
            .unwrap_or_default()
            .checked_rem(SHOPS.len())
            .unwrap_or_default(),
    };
    let kind = if part == Part::Kiosk { "kiosk" } else { "vend" };
    MachinePart {
        id: format!("{kind}-{number:04}"),
        short_code: FIRST_SHORT_CODE.saturating_add(number),
        shop,
        part,
    }
}

fn phone(number: u32, currency: Currency, chance: &mut ChaCha8Rng) -> Option<PhonePart> {
    let tongue = pick(&Tongue::ALL, number_below(chance, Tongue::ALL.len()))?;
    Some(PhonePart {
        account: format!("A{number:07}"),
        msisdn: format!("4917{number:08}"),
        iccid: with_luhn_digit(&format!("894902000000{number:06}")),
        imsi: format!("26299{number:010}"),
        tongue,
        currency,
    })
}

/// ITU-T E.118: the last digit makes the Luhn sum a multiple of ten.
fn with_luhn_digit(digits: &str) -> String {
    let sum = digits
        .bytes()
        .rev()
        .enumerate()
        .fold(0_u32, |sum, (index, digit)| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            let weighed = if index.is_multiple_of(2) {
                digit.saturating_mul(2)
            } else {
                digit
            };
            let folded = if weighed > 9 {
                weighed.saturating_sub(9)
            } else {
                weighed
            };
            sum.saturating_add(folded)
        });
    let check = sum.next_multiple_of(10).saturating_sub(sum);
    format!("{digits}{check}")
}

/// A number below `most`, or 0.
pub(super) fn number_below(chance: &mut ChaCha8Rng, most: usize) -> usize {
    let random = usize::try_from(chance.next_u32()).unwrap_or_default();
    random.checked_rem(most).unwrap_or_default()
}

/// The entry at `index`.
pub(super) fn pick<T: Copy>(entries: &[T], index: usize) -> Option<T> {
    entries.get(index).copied()
}

/// Every merchant of the demo. Three in euros, so that most of the trade is.
pub(super) const SHOPS: [Shop; 5] = [
    SNACKS,
    Shop {
        id: "coffee-house",
        name: "Coffee House",
        currency: "EUR",
        tax_code: "standard",
        fee_minor: 10,
        wares: &[
            ware("21", "Espresso", 140, 110),
            ware("22", "Cappuccino", 190, 150),
            ware("23", "Tea", 120, 95),
        ],
    },
    Shop {
        id: "gulf-water",
        name: "Gulf Water",
        currency: "KWD",
        tax_code: "food",
        fee_minor: 25,
        wares: &[
            ware("31", "Water", 150, 120),
            ware("32", "Dates", 750, 625),
            ware("33", "Juice", 400, 310),
        ],
    },
    Shop {
        id: "city-parking",
        name: "City Parking",
        currency: "EUR",
        tax_code: "standard",
        fee_minor: 10,
        wares: &[
            ware("41", "One hour", 250, 230),
            ware("42", "Day", 900, 830),
        ],
    },
    Shop {
        id: "tokyo-vending",
        name: "Tokyo Vending",
        currency: "JPY",
        tax_code: "food",
        fee_minor: 10,
        wares: &[
            ware("51", "Green tea", 160, 130),
            ware("52", "Onigiri", 180, 150),
            ware("53", "Umbrella", 500, 380),
        ],
    },
];

const SNACKS: Shop = Shop {
    id: "snack-corner",
    name: "Snack Corner",
    currency: "EUR",
    tax_code: "food",
    fee_minor: 10,
    wares: &[
        ware("11", "Crisps", 150, 110),
        ware("12", "Cola", 250, 200),
        ware("13", "Nuts", 220, 175),
        ware("14", "Mints", 95, 70),
    ],
};

const fn ware(
    code: &'static str,
    name: &'static str,
    retail_minor: i64,
    wholesale_minor: i64,
) -> Ware {
    Ware {
        code,
        name,
        retail_minor,
        wholesale_minor,
    }
}

/// Three digits at least, five at most: 4700, 4701 …
const FIRST_SHORT_CODE: u32 = 4_700;
/// Worse than any machine that earns money, and often enough to be seen in a short demo.
const FAULTS: MachineFaults = MachineFaults {
    jams: 25,
    parts: 60,
    resets: 4,
};

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng as _;

    use super::*;
    use crate::auth::iccid::Iccid;

    fn cast(phones: u32, machines: u32) -> Cast {
        let sizes = Sizes {
            purchases: 1,
            phones,
            machines,
        };
        Cast::new(sizes, &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn every_card_has_a_number_that_a_card_could_have() {
        let cast = cast(1_000, 40);
        assert_eq!(cast.phones.len(), 1_000);
        for phone in &cast.phones {
            phone.iccid.parse::<Iccid>().unwrap();
            phone
                .msisdn
                .parse::<crate::domain::msisdn::Msisdn>()
                .unwrap();
        }
    }

    #[test]
    fn the_smallest_demo_sells_and_a_usual_one_has_every_part() {
        assert_eq!(cast(1, 1).machines[0].part, Part::Working);
        let usual = cast(10, 40);
        for part in [Part::Kiosk, Part::Silent, Part::Dead, Part::OpenDoor] {
            assert!(usual.machines.iter().any(|machine| machine.part == part));
        }
    }

    #[test]
    fn every_phone_finds_a_machine_that_takes_its_money() {
        for machines in [1, 4, 6, 13, 40] {
            let cast = cast(50, machines);
            for phone in &cast.phones {
                assert!(!cast.machines_of(Part::Working, phone.currency).is_empty());
            }
        }
    }

    #[test]
    fn a_ware_costs_its_buyer_more_than_its_merchant_gets() {
        for ware in SHOPS.iter().flat_map(|shop| shop.wares) {
            assert!(ware.retail_minor > ware.wholesale_minor);
        }
    }
}
