//! Authentication: from credentials to a caller, and whether a caller of a connection that stays open still is one.

use std::net::IpAddr;
use std::sync::Arc;

use nexus_kernel::call::{Caller, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::clock::SharedClock;
use subtle::ConstantTimeEq as _;

use super::credential::{Credentials, Shown};
use super::key::{OWNER_PREFIX, PREFIX};
use super::keys::ApiKeys;

/// What decides who somebody is. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Parts>);

struct Parts {
    keys: ApiKeys,
    clock: SharedClock,
    /// Hash of the owner's credential.
    owner: Option<Hash>,
}

impl Auth {
    /// Authentication by these keys, and by the owner's credential where there is one.
    pub fn new(keys: ApiKeys, clock: SharedClock, owner: Option<&str>) -> Auth {
        let owner = owner.map(|text| Hash::of(text.as_bytes()));
        Auth(Arc::new(Parts { keys, clock, owner }))
    }

    /// Who shows these credentials. Nobody in particular when there are none; wrong ones are an error, never nobody.
    pub async fn identify(&self, credentials: &Credentials) -> Result<Caller, Error> {
        let caller = match &credentials.shown {
            Shown::Nothing if credentials.is_owner => Caller::local(),
            Shown::Nothing => Caller::anonymous(),
            Shown::Key(text) => self.0.keys.caller(text).await?,
            Shown::Bearer(text) if text.starts_with(PREFIX) => self.0.keys.caller(text).await?,
            Shown::Bearer(text) if self.is_owner(text, credentials.address) => Caller::local(),
            Shown::Bearer(_) => {
                return Err(Error::new(&code::CREDENTIAL_INVALID, "the token is not accepted")
                    .help("this server takes API keys; `nexus key create` makes one"));
            }
        };
        Ok(caller.at(credentials.address))
    }

    /// Whether it is the owner's credential, shown on the owner's own machine.
    fn is_owner(&self, text: &str, address: Option<IpAddr>) -> bool {
        let Some(owner) = self.0.owner.as_ref().filter(|_| text.starts_with(OWNER_PREFIX)) else {
            return false;
        };
        let hash = Hash::of(text.as_bytes());
        let is_near = address.is_some_and(|address| address.is_loopback());
        bool::from(hash.as_str().as_bytes().ct_eq(owner.as_str().as_bytes())) && is_near
    }

    /// The caller as they are now, if they are still to be let in: keys are revoked, roles change and tokens end while
    /// connections stay open.
    pub fn confirm(&self, caller: Caller) -> Result<Caller, Error> {
        let confirmed = match &caller.proof {
            Proof::Key(id) => self.0.keys.caller_of(id).map(|now| now.at(caller.address)),
            Proof::Token { expires } if self.0.clock.now() >= *expires => None,
            Proof::Token { .. } | Proof::Local | Proof::Nothing | Proof::Certificate | Proof::Signature => {
                Some(caller)
            }
        };
        confirmed.ok_or_else(|| {
            Error::new(&code::CREDENTIAL_INVALID, "the credential is not accepted any more")
                .help("connect again with a fresh one")
        })
    }
}
