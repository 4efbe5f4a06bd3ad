//! One text with its placeholders, filled so that it fits one message.

use crate::dialogue::{reply::Argument, texts::Fits};

/// A text cut at its placeholders.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Piece>);

impl Template {
    /// Reads `{name}` as a placeholder; a brace has no other use.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let stray = || "a brace stands alone".to_owned();
        let mut pieces = Vec::new();
        for (index, part) in text.split('{').enumerate() {
            let literal = if index == 0 {
                part
            } else {
                let (name, literal) = part.split_once('}').ok_or_else(stray)?;
                pieces.push(Piece::Placeholder(name.to_owned()));
                literal
            };
            if literal.contains('}') {
                return Err(stray());
            }
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The names between the braces.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Placeholder(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// Whether the text fits with names cut to [`NAME_FLOOR`] and one entry of a list.
    pub(super) fn can_fit(&self, longest: &[(&str, Argument)], fits: Fits) -> bool {
        fits(&self.compose(
            longest,
            Cut {
                names: NAME_FLOOR,
                entries: 1,
                plain: false,
            },
        ))
    }

    /// The text with its arguments, narrowed only as far as one message asks for.
    pub(super) fn fill(&self, arguments: &[(&str, Argument)], fits: Fits) -> String {
        let whole = self.compose(
            arguments,
            Cut {
                names: NAME_MAX,
                entries: LIST_MAX,
                plain: false,
            },
        );
        if fits(&whole) {
            return whole;
        }
        // A name in another script turns the whole message into UCS2; letters it cannot have in
        // the default alphabet are given up before the message is.
        [(NAME_FLOOR, false), (NAME_FLOOR, true), (1, true)]
            .into_iter()
            .find_map(|(floor, plain)| self.narrowed(arguments, floor, plain, fits))
            .unwrap_or_else(|| {
                self.compose(
                    arguments,
                    Cut {
                        names: 1,
                        entries: 1,
                        plain: true,
                    },
                )
            })
    }

    /// As many entries as fit with short names, then names as long as fit.
    fn narrowed(
        &self,
        arguments: &[(&str, Argument)],
        floor: usize,
        plain: bool,
        fits: Fits,
    ) -> Option<String> {
        let compose = |names, entries| {
            self.compose(
                arguments,
                Cut {
                    names,
                    entries,
                    plain,
                },
            )
        };
        let listed = arguments
            .iter()
            .map(|(_, argument)| argument.entries())
            .max()
            .unwrap_or(1);
        let entries = (1..=listed)
            .rev()
            .find(|entries| fits(&compose(floor, *entries)))?;
        (floor..=NAME_MAX)
            .rev()
            .map(|names| compose(names, entries))
            .find(|text| fits(text))
    }

    fn compose(&self, arguments: &[(&str, Argument)], cut: Cut) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Placeholder(name) => {
                    let found = arguments.iter().find(|(known, _)| known == name);
                    text.push_str(
                        &found
                            .map(|(_, argument)| cut.apply(argument))
                            .unwrap_or_default(),
                    );
                }
            }
        }
        text
    }
}

impl Argument {
    fn entries(&self) -> usize {
        match self {
            Self::List(entries) => entries.len().max(1),
            Self::Must(_) | Self::May(_) | Self::Name(_) => 1,
        }
    }
}

#[derive(Clone, Debug)]
enum Piece {
    Literal(String),
    Placeholder(String),
}

/// How far arguments give way.
#[derive(Clone, Copy)]
struct Cut {
    /// The characters that a name may have.
    names: usize,
    /// The entries that a list may have.
    entries: usize,
    /// Whether names are written in plain letters.
    plain: bool,
}

impl Cut {
    fn apply(self, argument: &Argument) -> String {
        match argument {
            Argument::Must(text) | Argument::May(text) => text.clone(),
            Argument::Name(name) => self.name(name),
            Argument::List(entries) => {
                let shown = entries.iter().take(self.entries);
                let shown = shown.map(|(item, name, price)| {
                    format!("{item} {name} {price}", name = self.name(name))
                });
                let mut shown: Vec<String> = shown.collect();
                if entries.len() > self.entries {
                    shown.push("..".to_owned());
                }
                shown.join(", ")
            }
        }
    }

    /// A cut name ends in a point, which every alphabet has.
    fn name(self, name: &str) -> String {
        let known = |c: &char| c.is_ascii_alphanumeric() || " .,-'&+/".contains(*c);
        let letter = |c: char| if self.plain && !known(&c) { '?' } else { c };
        if name.chars().count() <= self.names {
            return name.chars().map(letter).collect();
        }
        let kept: String = name
            .chars()
            .take(self.names.saturating_sub(1))
            .map(letter)
            .collect();
        format!("{}.", kept.trim_end())
    }
}

/// A merchant is still known by eight characters of its name.
const NAME_FLOOR: usize = 8;
/// No name is longer.
const NAME_MAX: usize = 40;
/// No list is longer.
const LIST_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Argument {
        Argument::Name(text.to_owned())
    }

    /// Thirty ASCII characters, or ten others: a message in small.
    fn fits(text: &str) -> bool {
        text.chars().count() <= if text.is_ascii() { 30 } else { 10 }
    }

    fn filled(template: &str, arguments: &[(&str, Argument)]) -> String {
        Template::parse(template).unwrap().fill(arguments, fits)
    }

    #[test]
    fn names_give_way_and_prices_do_not() {
        let price = ("price", Argument::Must("2.50 EUR".to_owned()));
        let fill = |who: &str| filled("{price} to {who}: ok", &[price.clone(), ("who", name(who))]);
        assert_eq!(fill("Cafe"), "2.50 EUR to Cafe: ok");
        assert_eq!(
            fill("Coffee House Central"),
            "2.50 EUR to Coffee House.: ok"
        );
        assert_eq!(fill("Кофейня"), "2.50 EUR to ???????: ok");
        let dear = (
            "price",
            Argument::Must("92233720368547758.07 EUR".to_owned()),
        );
        let text = filled(
            "{price} to {who}: ok",
            &[dear, ("who", name("Coffee House"))],
        );
        assert_eq!(text, "92233720368547758.07 EUR to .: ok");
    }

    #[test]
    fn a_list_shows_whole_entries_and_says_that_there_are_more() {
        let entry = |code: &str, name: &str| (code.into(), name.into(), "250".into());
        let list = |entries| [("items", Argument::List(entries))];
        let tea = list(vec![entry("1", "Tea")]);
        assert_eq!(filled("{items}", &tea), "1 Tea 250");
        let three = list(vec![
            entry("1", "Tea"),
            entry("2", "Hot chocolate"),
            entry("3", "Milk"),
        ]);
        assert_eq!(filled("{items}", &three), "1 Tea 250, 2 Hot choc. 250, ..");
    }

    #[test]
    fn a_brace_alone_is_no_template() {
        for bad in ["{", "}", "{a}}", "{a", "a}b{c}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Template::parse("{a}{b} c")
                .unwrap()
                .placeholders()
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}
