//! One session with a PKCS#11 token: finds the master and has it make AES-CMACs (OASIS PKCS #11
//! v2.40; `CKM_AES_CMAC`).
//!
//! Every call here may take as long as the token likes: none is made but on the token's own thread,
//! or by a command that has nothing else to do.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::{Zeroize as _, Zeroizing};

use crate::config::token::TokenConfig;
use crate::token::error::{Flaw, TokenError, Tries};

/// A library that was started, and its token. It is ended when dropped.
pub(super) struct Library {
    /// None once it was ended.
    pkcs11: Option<Pkcs11>,
    slot: Slot,
    tries: Tries,
}

/// A session in which the PIN was given.
pub struct TokenSession {
    /// Before the library: fields are dropped in their order, and sessions end first.
    session: Session,
    _library: Library,
}

/// A session in which the master was found.
pub(super) struct MasterSession {
    session: TokenSession,
    key: ObjectHandle,
}

/// Whose word it takes to try a PIN after a wrong one was given to the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trying {
    /// A gateway that starts, perhaps again and again: never.
    ByItself,
    /// A gateway that lost the token, with a PIN that was right before or that a person wrote since:
    /// unless it is the last try.
    Again,
    /// A person asked.
    Asked,
}

/// The user PIN of a token, and where it came from.
pub(super) struct Pin(Zeroizing<String>);

impl Pin {
    /// Reads the first line of the file.
    ///
    /// # Errors
    ///
    /// [`TokenError::PinFile`].
    pub(super) fn read(path: &Path) -> Result<Self, TokenError> {
        let fault = |why: String| TokenError::PinFile {
            path: path.to_owned(),
            why,
        };
        let file = File::open(path).map_err(|error| fault(format!("it can't be read: {error}")))?;
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| fault(format!("it can't be read: {error}")))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            return Err(fault(format!(
                "its mode {mode:03o} lets others than its owner in; run `chmod 600` on it"
            )));
        }
        let mut text = Zeroizing::new(String::with_capacity(PIN_FILE_MAX));
        let limit = u64::try_from(PIN_FILE_MAX).unwrap_or(u64::MAX);
        let read = file.take(limit).read_to_string(&mut text);
        read.map_err(|error| fault(format!("it can't be read: {error}")))?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            return Err(fault("it has no PIN in its first line".to_owned()));
        }
        Ok(Self(Zeroizing::new(line.to_owned())))
    }

    /// The octets, for who has to know it again.
    pub(super) fn expose_octets(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Library {
    /// Starts the library and finds the token. No PIN is given.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub(super) fn start(config: &TokenConfig) -> Result<Self, TokenError> {
        let unusable = |error: Error| TokenError::Module {
            path: config.module.clone(),
            why: error.to_string(),
        };
        let pkcs11 = Pkcs11::new(&config.module).map_err(unusable)?;
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match pkcs11.initialize(arguments) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(called("C_Initialize", &error)),
        }
        match find_token(&pkcs11, &config.token_label) {
            Ok((slot, tries)) => Ok(Self {
                pkcs11: Some(pkcs11),
                slot,
                tries,
            }),
            Err(error) => {
                end(pkcs11);
                Err(error)
            }
        }
    }

    /// What the token tells of the tries that are left.
    pub(super) const fn tries(&self) -> Tries {
        self.tries
    }

    /// Gives the PIN, once.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub(super) fn log_in(
        self,
        config: &TokenConfig,
        pin: &Pin,
        trying: Trying,
    ) -> Result<TokenSession, TokenError> {
        let path = config.pin_file.clone();
        may_try(self.tries, trying, &path)?;
        let Some(pkcs11) = &self.pkcs11 else {
            return Err(called("C_OpenSession", &Error::NullFunctionPointer));
        };
        let session = pkcs11.open_rw_session(self.slot);
        let session = session.map_err(|error| called("C_OpenSession", &error))?;
        let secret = AuthPin::new(pin.0.as_str().into());
        match session.login(UserType::User, Some(&secret)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(TokenSession {
                session,
                _library: self,
            }),
            Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(TokenError::PinLocked),
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            )) => {
                let tries = pkcs11.get_token_info(self.slot);
                let tries = tries.map_or(Tries::Unknown, |info| tries_of(&info));
                Err(TokenError::PinWrong { path, tries })
            }
            Err(error) => Err(called("C_Login", &error)),
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        if let Some(pkcs11) = self.pkcs11.take() {
            end(pkcs11);
        }
    }
}

impl TokenSession {
    /// The master of this label.
    ///
    /// # Errors
    ///
    /// [`TokenError`]: there is none, or it is not what it must be.
    pub(super) fn master(self, label: &str) -> Result<MasterSession, TokenError> {
        let found = self.keys_called(label)?;
        let label = || label.to_owned();
        let key = match found.as_slice() {
            [] => return Err(TokenError::NoKey { label: label() }),
            [key] => *key,
            several => {
                return Err(TokenError::TwoKeys {
                    label: label(),
                    count: several.len(),
                });
            }
        };
        let flaw = self.flaw_of(key)?;
        if let Some(flaw) = flaw {
            let label = label();
            return Err(TokenError::BadKey { label, flaw });
        }
        Ok(MasterSession { session: self, key })
    }

    /// Makes a master in the token: AES, 32 octets, signing only, never to leave it. It is a new one,
    /// or these octets.
    ///
    /// # Errors
    ///
    /// [`TokenError::KeyExists`], or what the token says.
    pub(super) fn make_master(
        &self,
        label: &str,
        secret: Option<&[u8; 32]>,
    ) -> Result<(), TokenError> {
        if !self.keys_called(label)?.is_empty() {
            let label = label.to_owned();
            return Err(TokenError::KeyExists { label });
        }
        let mut template = vec![
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Verify(false),
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
            Attribute::Derive(false),
        ];
        let Some(secret) = secret else {
            template.push(Attribute::ValueLen(KEY_OCTETS.into()));
            let made = self.session.generate_key(&Mechanism::AesKeyGen, &template);
            return made
                .map(|_| ())
                .map_err(|error| called("C_GenerateKey", &error));
        };
        template.extend([
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Value(secret.to_vec()),
        ]);
        let made = self.session.create_object(&template);
        if let Some(Attribute::Value(secret)) = template.last_mut() {
            secret.zeroize();
        }
        made.map(|_| ())
            .map_err(|error| called("C_CreateObject", &error))
    }

    /// The AES-CMAC under a key that is known: it is in the token for this one call, and never
    /// stored. For checks against published vectors.
    ///
    /// # Errors
    ///
    /// What the token says; many take no known key.
    pub(crate) fn cmac_under(&self, key: &[u8], message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Value(key.to_vec()),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ];
        let key = self.session.create_object(&template);
        let key = key.map_err(|error| called("C_CreateObject", &error))?;
        let mac = self.session.sign(&Mechanism::AesCMac, key, message);
        let gone = self.session.destroy_object(key);
        let mac = mac.map_err(|error| called("C_Sign", &error))?;
        gone.map_err(|error| called("C_DestroyObject", &error))?;
        Ok(mac)
    }

    fn keys_called(&self, label: &str) -> Result<Vec<ObjectHandle>, TokenError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        let found = self.session.find_objects(&template);
        found.map_err(|error| called("C_FindObjects", &error))
    }

    fn flaw_of(&self, key: ObjectHandle) -> Result<Option<Flaw>, TokenError> {
        let asked = [
            AttributeType::KeyType,
            AttributeType::ValueLen,
            AttributeType::Extractable,
            AttributeType::Sensitive,
            AttributeType::Sign,
            AttributeType::Encrypt,
            AttributeType::Decrypt,
            AttributeType::Wrap,
            AttributeType::Unwrap,
            AttributeType::Derive,
        ];
        let told = self.session.get_attributes(key, &asked);
        let told = told.map_err(|error| called("C_GetAttributeValue", &error))?;
        let is = |attribute: &Attribute| told.contains(attribute);
        let octets = KEY_OCTETS.into();
        // What a token does not tell of a key it may do.
        let leaves = !is(&Attribute::Extractable(false)) || !is(&Attribute::Sensitive(true));
        let more = [
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
            Attribute::Derive(true),
        ];
        Ok(if leaves {
            Some(Flaw::Extractable)
        } else if !is(&Attribute::KeyType(KeyType::AES)) || !is(&Attribute::ValueLen(octets)) {
            Some(Flaw::NotAes256)
        } else if !is(&Attribute::Sign(true)) {
            Some(Flaw::NotSigning)
        } else if more.iter().any(is) {
            Some(Flaw::MoreThanSigning)
        } else {
            None
        })
    }
}

impl MasterSession {
    /// The AES-CMAC of the master over `message`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Call`].
    pub(super) fn cmac(&self, message: &[u8]) -> Result<Zeroizing<[u8; 16]>, TokenError> {
        let session = &self.session.session;
        let mac = session.sign(&Mechanism::AesCMac, self.key, message);
        let mac = Zeroizing::new(mac.map_err(|error| called("C_Sign", &error))?);
        let mac: [u8; 16] = mac
            .as_slice()
            .try_into()
            .map_err(|_| called("C_Sign", &Error::InvalidValue))?;
        Ok(Zeroizing::new(mac))
    }

    /// The session, for checks.
    pub(super) fn into_session(self) -> TokenSession {
        self.session
    }
}

fn may_try(tries: Tries, trying: Trying, pin_file: &Path) -> Result<(), TokenError> {
    match (tries, trying) {
        (Tries::None, _) => Err(TokenError::PinLocked),
        (Tries::Low | Tries::Final, Trying::ByItself) | (Tries::Final, Trying::Again) => {
            Err(TokenError::PinSuspect {
                path: pin_file.to_owned(),
                tries,
            })
        }
        (Tries::Low | Tries::Final, Trying::Asked)
        | (Tries::Low, Trying::Again)
        | (Tries::Unknown, _) => Ok(()),
    }
}

fn find_token(pkcs11: &Pkcs11, label: &str) -> Result<(Slot, Tries), TokenError> {
    let slots = pkcs11.get_slots_with_token();
    let slots = slots.map_err(|error| called("C_GetSlotList", &error))?;
    let mut found = Vec::new();
    let mut labels = Vec::new();
    for slot in slots {
        // A slot whose token was just taken away tells nothing.
        let Ok(info) = pkcs11.get_token_info(slot) else {
            continue;
        };
        if info.label() == label && info.token_initialized() {
            found.push((slot, tries_of(&info)));
        } else if info.token_initialized() {
            labels.push(format!("{:?}", info.label()));
        }
    }
    let (slot, tries) = match found.as_slice() {
        [] => {
            return Err(TokenError::NoToken {
                label: label.to_owned(),
                found: labels,
            });
        }
        [one] => *one,
        several => {
            return Err(TokenError::TwoTokens {
                label: label.to_owned(),
                count: several.len(),
            });
        }
    };
    let cmac = pkcs11.get_mechanism_info(slot, MechanismType::AES_CMAC);
    if cmac.is_ok_and(|cmac| cmac.sign()) {
        Ok((slot, tries))
    } else {
        let label = label.to_owned();
        Err(TokenError::NoCmac { label })
    }
}

fn tries_of(info: &cryptoki::slot::TokenInfo) -> Tries {
    if info.user_pin_locked() {
        Tries::None
    } else if info.user_pin_final_try() {
        Tries::Final
    } else if info.user_pin_count_low() {
        Tries::Low
    } else {
        Tries::Unknown
    }
}

/// A library that can't be ended is left as it is: the next start of it will tell.
fn end(pkcs11: Pkcs11) {
    let _ = pkcs11.finalize();
}

fn called(what: &str, answer: &Error) -> TokenError {
    // The code's name: what the crate says of it is a paragraph of the standard.
    let what = if let Error::Pkcs11(code, _) = answer {
        format!("{what} answered {code:?}")
    } else {
        format!("{what}: {answer}")
    };
    TokenError::Call { what }
}

/// Group and others.
const OTHERS: u32 = 0o077;
/// A PIN has some ten octets; of another file no more than this is read.
const PIN_FILE_MAX: usize = 256;
const KEY_OCTETS: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_try_is_a_persons() {
        let may = |tries, trying| may_try(tries, trying, Path::new("token.pin")).is_ok();
        for (tries, by_itself, again, asked) in [
            (Tries::Unknown, true, true, true),
            (Tries::Low, false, true, true),
            (Tries::Final, false, false, true),
            (Tries::None, false, false, false),
        ] {
            assert_eq!(may(tries, Trying::ByItself), by_itself, "{tries:?}");
            assert_eq!(may(tries, Trying::Again), again, "{tries:?}");
            assert_eq!(may(tries, Trying::Asked), asked, "{tries:?}");
        }
    }
}
