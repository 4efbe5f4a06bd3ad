//! What is wrong in a file that is imported: all counted, some told, each with its line.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::commands::site::Fault;

/// Faults of a file's lines.
#[derive(Default)]
pub(super) struct LineFaults {
    /// All of them.
    pub(super) count: u64,
    shown: Vec<LineFault>,
}

struct LineFault {
    line: u64,
    column: &'static str,
    problem: String,
}

impl LineFaults {
    /// Something is wrong in `column` of `line`.
    pub(super) fn add(&mut self, line: u64, column: &'static str, problem: String) {
        self.count = self.count.saturating_add(1);
        if self.shown.len() < FAULTS_SHOWN {
            self.shown.push(LineFault {
                line,
                column,
                problem,
            });
        }
    }

    /// Prints what is kept, and says that nothing was done.
    ///
    /// # Errors
    ///
    /// When the output fails.
    pub(super) fn told(
        &self,
        file: &Path,
        as_json: bool,
        output: &mut dyn Write,
    ) -> std::io::Result<Fault> {
        let file = file.display();
        for LineFault {
            line,
            column,
            problem,
        } in &self.shown
        {
            if as_json {
                let told = json!({ "line": line, "column": column, "problem": problem });
                writeln!(output, "{told}")?;
            } else {
                writeln!(output, "{file}:{line}: {column}: {problem}")?;
            }
        }
        let (count, shown) = (self.count, self.shown.len());
        Ok(Fault::Refused(format!(
            "{file}: {count} faults, {shown} of them printed; nothing was applied"
        )))
    }
}

/// More than a person reads at once.
const FAULTS_SHOWN: usize = 100;
