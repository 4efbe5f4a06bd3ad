//! What is done so that keys stay in this process: before any is loaded, and once they are.
//!
//! No core file and no debugger gets the memory, AES is made by the processor's own instructions, and
//! the pages that hold keys are kept from being swapped out, where the system lets us.

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Switches core files off, and keeps other processes of this user from reading this one's memory.
///
/// # Errors
///
/// [`SoftwareAes`] unless the processor has AES or `allow_software_aes` is set.
pub fn before_keys(allow_software_aes: bool) -> Result<(), SoftwareAes> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Lowering a limit is always allowed, and so is being less open: what fails is told all the same.
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core files can't be switched off");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process can't be closed to debuggers");
    }
    bearable(aes_in_hardware(), allow_software_aes)
}

/// Locks the memory that there is: the keys are in it, and the room for those of a token.
///
/// Only what is there now: if all later memory had to be locked too, the database's mapped files would
/// be, and under a limit an allocation would fail, which ends a process.
///
/// # Errors
///
/// [`NotLocked`] says what to raise.
pub fn lock_memory() -> Result<(), NotLocked> {
    let limit = getrlimit(Resource::Memlock);
    if limit.current != limit.maximum {
        // As far as we may without asking anybody.
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        let _ = setrlimit(Resource::Memlock, raised);
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT).map_err(|error| NotLocked {
        error,
        limit_kib: limit
            .maximum
            .map(|octets| octets.checked_div(1_024).unwrap_or(0)),
    })
}

/// Whether every AES here is made by the processor's instructions.
#[must_use]
pub fn aes_in_hardware() -> bool {
    !cfg!(aes_backend = "soft") && processor_has_aes()
}

#[cfg(target_arch = "x86_64")]
fn processor_has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(target_arch = "aarch64")]
fn processor_has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

/// The crate has no other backends.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const fn processor_has_aes() -> bool {
    false
}

const fn bearable(in_hardware: bool, allowed: bool) -> Result<(), SoftwareAes> {
    if in_hardware || allowed {
        Ok(())
    } else {
        Err(SoftwareAes)
    }
}

/// AES would be made by software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "[keys] allow_software_aes: this processor has no AES instructions, or svgate was built without \
     them: each order costs some ten times as much; take another machine, or accept it by \
     `allow_software_aes = true`"
)]
pub struct SoftwareAes;

/// The memory is not locked: keys may be swapped out to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the memory that holds keys is not locked ({error}; RLIMIT_MEMLOCK is {}): raise it (`ulimit -l \
     unlimited`, or LimitMEMLOCK=infinity in the unit), or run without swap",
    limit_kib.map_or_else(|| "unlimited".to_owned(), |kib| format!("{kib} KiB"))
)]
pub struct NotLocked {
    error: Errno,
    limit_kib: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_aes_is_refused_unless_it_is_accepted_by_name() {
        assert_eq!(bearable(true, false), Ok(()));
        assert_eq!(bearable(false, true), Ok(()));
        assert_eq!(bearable(false, false), Err(SoftwareAes));
        assert!(
            SoftwareAes
                .to_string()
                .contains("allow_software_aes = true")
        );
    }

    #[test]
    fn no_core_file_and_no_debugger_gets_keys() {
        before_keys(true).unwrap();
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core"));
        let words: Vec<&str> = core.unwrap().split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{core:?}");
        let dumpable = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(dumpable, DumpableBehavior::NotDumpable);
    }

    /// Whether the system lets us depends on who runs the test: but locked or not, memory can be had.
    #[test]
    fn memory_is_locked_or_it_is_told_why_and_nothing_later_fails_of_it() {
        match lock_memory() {
            Ok(()) => {
                let status = std::fs::read_to_string("/proc/self/status").unwrap();
                let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
                let kib = locked.unwrap().trim().trim_end_matches(" kB");
                assert_ne!(kib, "0");
            }
            Err(error) => assert!(error.to_string().contains("ulimit -l"), "{error}"),
        }
        let much = vec![1_u8; 256 * 1024 * 1024];
        assert_eq!(much.iter().map(|&o| u64::from(o)).sum::<u64>(), 256 << 20);
    }
}
