//! The frame that the demo's numbers are shown in: 100 columns, colours only where they are wanted.

use std::io::{self, Write};

/// A frame of [`WIDTH`] columns.
pub(super) struct Screen<'a> {
    output: &'a mut dyn Write,
    colours: bool,
}

impl<'a> Screen<'a> {
    /// An empty screen; `colours` where a terminal shows it.
    pub(super) fn new(output: &'a mut dyn Write, colours: bool) -> Self {
        Self { output, colours }
    }

    /// The upper edge.
    pub(super) fn top(&mut self, title: &str) -> io::Result<()> {
        self.line('┌', title, '┐')
    }

    /// A line between two parts.
    pub(super) fn rule(&mut self, title: &str) -> io::Result<()> {
        self.line('├', title, '┤')
    }

    /// The lower edge.
    pub(super) fn bottom(&mut self) -> io::Result<()> {
        writeln!(self.output, "└{}┘", "─".repeat(INNER))
    }

    /// A line below the frame, as long as it is.
    pub(super) fn below(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{text}")
    }

    fn line(&mut self, left: char, title: &str, right: char) -> io::Result<()> {
        let rest = INNER
            .saturating_sub(title.chars().count())
            .saturating_sub(3);
        let title = self.painted(BOLD, title);
        writeln!(self.output, "{left}─ {title} {}{right}", "─".repeat(rest))
    }

    /// One row.
    pub(super) fn row(&mut self, text: &str) -> io::Result<()> {
        self.cell(text, text.chars().count())
    }

    fn cell(&mut self, text: &str, width: usize) -> io::Result<()> {
        let blank = " ".repeat(INNER.saturating_sub(2).saturating_sub(width));
        writeln!(self.output, "│ {text}{blank} │")
    }

    /// A list after a word, in as many rows as it takes.
    pub(super) fn wrapped(&mut self, lead: &str, entries: &[String]) -> io::Result<()> {
        let mut row = lead.to_owned();
        for (index, entry) in entries.iter().enumerate() {
            let is_last = index.saturating_add(1) == entries.len();
            let entry = if is_last {
                entry.clone()
            } else {
                format!("{entry}, ")
            };
            let width = row.chars().count().saturating_add(entry.chars().count());
            if width > INNER.saturating_sub(2) {
                self.row(&row)?;
                row = " ".repeat(lead.chars().count());
            }
            row.push_str(&entry);
        }
        self.row(&row)
    }

    /// One check, in as many rows as its sentence takes.
    pub(super) fn check(&mut self, is_good: bool, text: &str) -> io::Result<()> {
        let (mark, colour) = if is_good {
            ("ok  ", GREEN)
        } else {
            ("FAIL", RED)
        };
        let room = INNER.saturating_sub(7);
        let letters: Vec<char> = text.chars().collect();
        for (index, share) in letters.chunks(room).enumerate() {
            let share: String = share.iter().collect();
            let width = share.chars().count().saturating_add(5);
            let mark = if index == 0 {
                self.painted(colour, mark)
            } else {
                "    ".to_owned()
            };
            self.cell(&format!("{mark} {share}"), width)?;
        }
        Ok(())
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Columns of the screen, frame and all.
const WIDTH: usize = 100;
const INNER: usize = WIDTH - 2;
const BOLD: &str = "1";
const GREEN: &str = "32";
const RED: &str = "31";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_same_width_whatever_is_told() {
        let mut octets = Vec::new();
        let mut screen = Screen::new(&mut octets, false);
        screen.top("svgate demo").unwrap();
        screen.row("amounts in €").unwrap();
        screen
            .check(false, &"a long complaint ".repeat(20))
            .unwrap();
        let causes: Vec<String> = (0..40).map(|n| format!("cause_{n} {n}")).collect();
        screen.wrapped("refused: ", &causes).unwrap();
        screen.rule("money").unwrap();
        screen.bottom().unwrap();
        let text = String::from_utf8(octets).unwrap();
        assert!(text.lines().count() > 8);
        for line in text.lines() {
            assert_eq!(line.chars().count(), WIDTH, "{line}");
        }
    }
}
