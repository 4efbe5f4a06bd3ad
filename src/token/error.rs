//! What can be wrong with a token: the setting that it concerns, and what to do about it.

use std::path::PathBuf;

/// Why the token gives no keys.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The library can't be loaded or does not start.
    #[error(
        "[keys.token] module: {} can't be used ({why}); install the token's PKCS#11 library, or name \
         the one that is there",
        path.display()
    )]
    Module {
        /// Which.
        path: PathBuf,
        /// What the system or the library says.
        why: String,
    },
    /// No token has this label.
    #[error(
        "[keys.token] token_label: there is no token {label:?}{}; connect it, or look whether the \
         library finds it (pkcs11-tool --module … -L)",
        listed(found)
    )]
    NoToken {
        /// What was looked for.
        label: String,
        /// The labels that are there.
        found: Vec<String>,
    },
    /// Several tokens have this label.
    #[error(
        "[keys.token] token_label: {count} tokens are called {label:?}; give one another label"
    )]
    TwoTokens {
        /// The label.
        label: String,
        /// How many.
        count: usize,
    },
    /// The token can't make an AES-CMAC.
    #[error(
        "[keys.token] token_label: the token {label:?} has no mechanism CKM_AES_CMAC with keys of 32 \
         octets; svgate needs one that does"
    )]
    NoCmac {
        /// The token.
        label: String,
    },
    /// The file with the PIN can't be used.
    #[error("[keys.token] pin_file: {}: {why}", path.display())]
    PinFile {
        /// Which.
        path: PathBuf,
        /// What to do about it.
        why: String,
    },
    /// The PIN was wrong.
    #[error(
        "[keys.token] pin_file: the token refuses the PIN in {}. It was tried once, and is not tried \
         again by itself: {tries}. Write the right PIN there, and try it by `svgate keys check`",
        path.display()
    )]
    PinWrong {
        /// The file with the PIN.
        path: PathBuf,
        /// What the token tells of the tries that are left.
        tries: Tries,
    },
    /// The PIN in the file is the one that was refused.
    #[error(
        "[keys.token] pin_file: the token refused the PIN in {}, which is not tried again; write the \
         right one there, and it is tried once",
        path.display()
    )]
    PinRefused {
        /// The file with the PIN.
        path: PathBuf,
    },
    /// Somebody gave a wrong PIN before: this one is not tried without a person.
    #[error(
        "[keys.token] pin_file: the token was given a wrong PIN since the last right one, and tells: \
         {tries}. The PIN in {} is not tried by itself: see that it is right, and try it by `svgate \
         keys check`",
        path.display()
    )]
    PinSuspect {
        /// The file with the PIN.
        path: PathBuf,
        /// What the token tells of the tries that are left.
        tries: Tries,
    },
    /// The token has locked its PIN.
    #[error(
        "[keys.token] pin_file: the token has locked its user PIN; its security officer has to set a \
         new one"
    )]
    PinLocked,
    /// No key has this label.
    #[error(
        "[keys.token] key_label: the token has no secret key {label:?}; restore it, or make one with \
         `svgate keys init --token` where no SIM has keys yet"
    )]
    NoKey {
        /// What was looked for.
        label: String,
    },
    /// Several keys have this label.
    #[error(
        "[keys.token] key_label: the token has {count} secret keys {label:?}; take the others away or \
         give them another label, since a wrong master would silence every SIM"
    )]
    TwoKeys {
        /// The label.
        label: String,
        /// How many.
        count: usize,
    },
    /// The key is not one that can be the master.
    #[error("[keys.token] key_label: the key {label:?} {flaw}")]
    BadKey {
        /// The label.
        label: String,
        /// What is wrong with it, and the remedy.
        flaw: Flaw,
    },
    /// There is such a key already.
    #[error(
        "[keys.token] key_label: the token has a secret key {label:?} already, which is left as it is: \
         a new master would silence every SIM"
    )]
    KeyExists {
        /// The label.
        label: String,
    },
    /// The token holds another master than at the start.
    #[error(
        "[keys.token] key_label: the token holds another master than before; bring the right token \
         back"
    )]
    OtherMaster,
    /// A call failed.
    #[error("the token does not work: {what}; see that it is connected and its library runs")]
    Call {
        /// What was asked, and the answer.
        what: String,
    },
    /// It has not answered in its time.
    #[error(
        "the token has not answered for {ms} ms; see that it is connected and its library runs"
    )]
    Silent {
        /// How long it was waited for.
        ms: u64,
    },
}

impl TokenError {
    /// The key of `[keys]` that it concerns.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Module { .. } | Self::Call { .. } | Self::Silent { .. } => "token.module",
            Self::NoToken { .. } | Self::TwoTokens { .. } | Self::NoCmac { .. } => {
                "token.token_label"
            }
            Self::PinFile { .. }
            | Self::PinWrong { .. }
            | Self::PinRefused { .. }
            | Self::PinSuspect { .. }
            | Self::PinLocked => "token.pin_file",
            Self::NoKey { .. }
            | Self::TwoKeys { .. }
            | Self::BadKey { .. }
            | Self::KeyExists { .. }
            | Self::OtherMaster => "token.key_label",
        }
    }
}

/// What a token tells of the tries that are left for its PIN; it never tells how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Tries {
    /// It does not tell.
    #[error("the token does not tell how many tries are left before it locks itself")]
    Unknown,
    /// `CKF_USER_PIN_COUNT_LOW`.
    #[error("a wrong PIN was counted, and the token locks itself after some more")]
    Low,
    /// `CKF_USER_PIN_FINAL_TRY`.
    #[error("one try is left before it locks itself")]
    Final,
    /// `CKF_USER_PIN_LOCKED`.
    #[error("no try is left, it has locked itself")]
    None,
}

/// Why a key can't be the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It could leave the token.
    #[error(
        "can be read out of the token (CKA_EXTRACTABLE, or not CKA_SENSITIVE): take it for known; make \
         another with `svgate keys init --token` under another label, and give every SIM a new key \
         version under it"
    )]
    Extractable,
    /// Not an AES key of 32 octets.
    #[error("is no AES key of 32 octets; name the one that `svgate keys init --token` made")]
    NotAes256,
    /// It may not make MACs.
    #[error("may not sign (CKA_SIGN); name the one that `svgate keys init --token` made")]
    NotSigning,
    /// It may do more than make MACs.
    #[error(
        "may encipher, wrap or derive too, by which others could misuse it; name the one that `svgate \
         keys init --token` made"
    )]
    MoreThanSigning,
}

fn listed(found: &[String]) -> String {
    match found {
        [] => " and no other".to_owned(),
        found => format!(", only {}", found.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_setting_and_what_to_do() {
        let pin = || PathBuf::from("/etc/svgate/token.pin");
        let label = || "svgate".to_owned();
        let errors = [
            TokenError::NoToken {
                label: label(),
                found: vec!["other".to_owned()],
            },
            TokenError::PinWrong {
                path: pin(),
                tries: Tries::Final,
            },
            TokenError::PinSuspect {
                path: pin(),
                tries: Tries::Low,
            },
            TokenError::PinLocked,
            TokenError::NoKey { label: label() },
            TokenError::TwoKeys {
                label: label(),
                count: 2,
            },
            TokenError::BadKey {
                label: label(),
                flaw: Flaw::Extractable,
            },
            TokenError::OtherMaster,
        ];
        for error in errors {
            let said = error.to_string();
            assert!(said.starts_with("[keys.token] "), "{said}");
        }
    }
}
