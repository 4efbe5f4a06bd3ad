//! The screen of a phone in the terminal, and what its keys mean.
//!
//! ```text
//! ┌ Pay            title, or what the phone says of itself with `·`
//! │ 1 Buy          a choice        > what may be pressed
//! ```

use std::io::{self, Write};

use zeroize::Zeroizing;

use crate::simulator::handset::equipment::{Menu, Prompt};

/// Writes for one person.
pub(super) struct Screen<'a> {
    output: &'a mut dyn Write,
}

/// A line that was typed.
#[derive(PartialEq, Eq)]
pub(super) enum Key {
    /// Enter alone.
    Ok,
    /// `b`.
    Back,
    /// `q`.
    End,
    /// `w`.
    Wait,
    /// Anything else.
    Text(Zeroizing<String>),
}

impl Key {
    /// What a line means.
    pub(super) fn of(line: Zeroizing<String>) -> Self {
        match line.trim() {
            "" => Self::Ok,
            "b" => Self::Back,
            "q" => Self::End,
            "w" => Self::Wait,
            _ => Self::Text(line),
        }
    }

    /// The choice that it is, counted from 0.
    pub(super) fn number(&self) -> Option<usize> {
        match self {
            Self::Text(line) => line.trim().parse::<usize>().ok()?.checked_sub(1),
            Self::Ok | Self::Back | Self::End | Self::Wait => None,
        }
    }

    /// What was typed.
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(line) => Some(line.trim().to_owned()),
            Self::Ok => Some(String::new()),
            Self::Wait => Some("w".to_owned()),
            Self::Back | Self::End => None,
        }
    }
}

impl<'a> Screen<'a> {
    pub(super) fn new(output: &'a mut dyn Write) -> Self {
        Self { output }
    }

    /// Asks what the card asks.
    pub(super) fn ask(&mut self, prompt: &Prompt) -> io::Result<()> {
        match prompt {
            Prompt::Choose(menu) => self.choices(menu)?,
            Prompt::Type(entry) => self.lines(&entry.question)?,
            Prompt::Read(text) => self.lines(&text.text)?,
        }
        self.keys(prompt)
    }

    /// What stands there when the card asks nothing.
    pub(super) fn idle(&mut self, menu: Option<&Menu>) -> io::Result<()> {
        match menu {
            Some(menu) => self.choices(menu)?,
            None => self.note("the card has no menu")?,
        }
        self.last_line("> a number opens, w waits for a message, q switches off: ")
    }

    /// Writes down a line that nobody saw being typed.
    pub(super) fn typed(&mut self, line: &str, hidden: bool) -> io::Result<()> {
        if hidden {
            writeln!(self.output, "{}", "*".repeat(line.chars().count()))
        } else {
            writeln!(self.output, "{line}")
        }
    }

    /// A text message to the owner.
    pub(super) fn message(&mut self, text: &str) -> io::Result<()> {
        self.lines(&format!("✉ {text}"))
    }

    /// Something that the phone says of itself.
    pub(super) fn note(&mut self, note: &str) -> io::Result<()> {
        writeln!(self.output, "· {note}")?;
        self.output.flush()
    }

    fn keys(&mut self, prompt: &Prompt) -> io::Result<()> {
        let keys = match prompt {
            Prompt::Choose(menu) => format!("1 to {}", menu.items.len()),
            Prompt::Read(_) => "Enter agrees".to_owned(),
            Prompt::Type(entry) => {
                let what = if entry.digits { "digits" } else { "characters" };
                let hidden = if entry.hidden { ", not shown" } else { "" };
                match (entry.least, entry.most) {
                    (least, most) if least == most => format!("{least} {what}{hidden}"),
                    (least, most) => format!("{least} to {most} {what}{hidden}"),
                }
            }
        };
        self.last_line(&format!("> {keys}, b back, q end: "))
    }

    fn choices(&mut self, menu: &Menu) -> io::Result<()> {
        self.lines(&menu.title)?;
        for (number, item) in (1..).zip(&menu.items) {
            let number: usize = number;
            writeln!(self.output, "│ {number} {}", shown(&item.text))?;
        }
        Ok(())
    }

    fn lines(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output)?;
        for line in text.lines() {
            writeln!(self.output, "│ {}", shown(line))?;
        }
        Ok(())
    }

    fn last_line(&mut self, text: &str) -> io::Result<()> {
        write!(self.output, "{text}")?;
        self.output.flush()
    }
}

/// A card's text cannot steer the terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|symbol| !symbol.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_key_or_something_typed() {
        let key = |line: &str| Key::of(Zeroizing::new(line.to_owned()));
        assert_eq!(key("3").number(), Some(2));
        assert_eq!(key("0").number(), None);
        assert_eq!(key(" 4711 ").into_text().as_deref(), Some("4711"));
        assert_eq!(key("B").into_text().as_deref(), Some("B"));
        assert!(key("b") == Key::Back && key("q") == Key::End && key("") == Key::Ok);
    }

    #[test]
    fn a_cards_text_cannot_steer_the_terminal() {
        let mut output = Vec::new();
        Screen::new(&mut output)
            .message("Paid\u{1b}[2J\u{7}\nto X")
            .unwrap();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "\n│ ✉ Paid[2J\n│ to X\n"
        );
    }
}
