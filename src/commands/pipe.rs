//! Standard output whose reader may leave, as `svgate purchase list | head` does.

use std::io::{self, ErrorKind, Write};

/// Writes until nobody reads any more, and from then on into nothing: what a command does and how it
/// ends does not depend on who listens.
#[derive(Debug)]
pub struct Pipe<W> {
    output: W,
    broken: bool,
}

impl<W: Write> Pipe<W> {
    /// A pipe into `output`.
    pub const fn new(output: W) -> Self {
        Self {
            output,
            broken: false,
        }
    }

    fn unless_broken<T>(
        &mut self,
        nothing: T,
        write: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.broken {
            return Ok(nothing);
        }
        match write(&mut self.output) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.broken = true;
                Ok(nothing)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.unless_broken(octets.len(), |output| output.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_broken((), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `room` octets and leaves with this error.
    struct Reader {
        room: usize,
        then: ErrorKind,
    }

    impl Write for Reader {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let taken = octets.len().min(self.room);
            self.room -= taken;
            if taken == 0 {
                return Err(self.then.into());
            }
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_leaves_is_no_fault_of_the_command_and_a_full_disk_is() {
        let reader = |then| Pipe::new(Reader { room: 3, then });
        let mut gone = reader(ErrorKind::BrokenPipe);
        assert!(gone.write_all(b"a long list").is_ok() && gone.flush().is_ok());
        let mut full = reader(ErrorKind::StorageFull);
        let error = full.write_all(b"a long list").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
