//! Where a command or the gateway gets its keys: the sealed file, or a token.

use std::sync::Arc;

use crate::commands::keys::{MasterFileError, load_master};
use crate::commands::secrecy::{SoftwareAes, before_keys, lock_memory};
use crate::config::Config;
use crate::gateway::key_source::KeySource;
use crate::telemetry::clock::stopwatch;
use crate::token::{Token, TokenError, Trying};

/// Keys, and the token that they come from, if it is one.
pub struct OpenedKeys {
    /// The keys.
    pub source: KeySource,
    /// Who watches over a token's part in it.
    pub token: Option<Token>,
}

/// Makes this process fit to hold keys, and opens the source that the configuration names. A PIN is
/// tried only where the token tells of no wrong one before.
///
/// # Errors
///
/// [`KeySourceError`] names the setting or the file, and the remedy.
pub fn open_keys(config: &Config) -> Result<OpenedKeys, KeySourceError> {
    let keys = &config.keys;
    before_keys(keys.allow_software_aes)?;
    let opened = match &keys.token {
        None => OpenedKeys {
            source: Arc::new(load_master(&keys.master_file)?).into(),
            token: None,
        },
        Some(of_token) => {
            let (token, named) = Token::open(of_token, Trying::ByItself, stopwatch())?;
            OpenedKeys {
                source: KeySource::of_ring(named, Arc::new(token.clone())),
                token: Some(token),
            }
        }
    };
    Ok(opened)
}

/// Locks the memory with the keys of a process that lives long; what hinders it is told once.
pub fn lock_keys() {
    match lock_memory() {
        Ok(()) => tracing::info!("the memory that holds keys is locked"),
        Err(error) => tracing::warn!("{error}"),
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    /// The master key file can't be used.
    #[error(transparent)]
    File(#[from] MasterFileError),
    /// The token can't be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// AES would be made by software.
    #[error(transparent)]
    SoftwareAes(#[from] SoftwareAes),
}
