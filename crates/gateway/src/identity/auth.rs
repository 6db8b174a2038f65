//! Authentication: from credentials to a caller, and whether a caller of a connection that stays open still is one.

use std::net::IpAddr;
use std::sync::Arc;

use nexus_kernel::call::{Caller, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::time::Timestamp;
use subtle::ConstantTimeEq as _;

use super::certificate::Certificates;
use super::credential::{Credentials, Shown};
use super::key::{OWNER_PREFIX, PREFIX};
use super::keys::{ApiKeys, unknown};
use super::login::Logins;
use super::operations::bare;
use super::token::Tokens;
use crate::policy::LiveRoles;

/// What decides who somebody is. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Parts>);

struct Parts {
    proofs: Proofs,
    clock: SharedClock,
}

/// What is accepted as proof.
pub struct Proofs {
    /// API keys.
    pub keys: ApiKeys,
    /// Tokens of identity providers.
    pub tokens: Tokens,
    /// Logins of people in browsers.
    pub logins: Logins,
    /// Certificates of clients.
    pub certificates: Certificates,
    /// Hash of the owner's credential.
    pub owner: Option<Hash>,
    /// What grants are worked out under.
    pub roles: LiveRoles,
}

impl Auth {
    /// Authentication by these proofs.
    pub fn new(proofs: Proofs, clock: SharedClock) -> Auth {
        Auth(Arc::new(Parts { proofs, clock }))
    }

    /// The tokens that are accepted.
    pub fn tokens(&self) -> &Tokens {
        &self.0.proofs.tokens
    }

    /// The logins of browsers.
    pub(crate) fn logins(&self) -> &Logins {
        &self.0.proofs.logins
    }

    /// The time, as calls are judged by it.
    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Who has the key of this id.
    pub(super) fn key(&self, id: &str) -> Result<Caller, Error> {
        let id = bare(id);
        self.0.proofs.keys.caller_of(id).ok_or_else(|| unknown(id))
    }

    /// Somebody who has this role and nothing else.
    pub(super) fn role(&self, name: &str) -> Result<Caller, Error> {
        let grants = Arc::new(self.0.proofs.roles.now().grants(name)?.clone());
        Ok(Caller { identity: format!("role:{name}").into(), grants, proof: Proof::Local, address: None })
    }

    /// Who has a certificate of this name.
    pub(super) fn certificate(&self, name: &str) -> Result<Caller, Error> {
        self.0.proofs.certificates.caller_of(name).ok_or_else(|| {
            Error::new(&code::INPUT_INVALID, format!("nobody is known by a certificate of {name:?}"))
                .help("`[auth.certificates.NAME]` in nexus.toml lists those who are")
        })
    }

    /// Who shows these credentials. Nobody in particular when there are none; wrong ones are an error, never nobody.
    pub async fn identify(&self, credentials: &Credentials) -> Result<Caller, Error> {
        let proofs = &self.0.proofs;
        if let (Shown::Nothing, Some(login)) = (&credentials.shown, &credentials.login)
            && let Some(caller) = proofs.logins.caller(login.reveal()).await?
        {
            return Ok(caller.at(credentials.address));
        }
        let caller = match &credentials.shown {
            Shown::Nothing if credentials.is_owner => Caller::local(),
            Shown::Nothing => {
                proofs.certificates.caller(&credentials.certified).unwrap_or_else(Caller::anonymous)
            }
            Shown::Key(text) => proofs.keys.caller(text, credentials.address).await?,
            Shown::Bearer(text) if text.starts_with(PREFIX) => {
                proofs.keys.caller(text, credentials.address).await?
            }
            Shown::Bearer(text) if self.is_owner(text, credentials.peer) => Caller::local(),
            Shown::Bearer(text) => proofs.tokens.caller(text).await?,
        };
        Ok(caller.at(credentials.address))
    }

    /// Whether it is the owner's credential, shown on the owner's own machine.
    fn is_owner(&self, text: &str, peer: Option<IpAddr>) -> bool {
        let Some(owner) = self.0.proofs.owner.as_ref().filter(|_| text.starts_with(OWNER_PREFIX)) else {
            return false;
        };
        let hash = Hash::of(text.as_bytes());
        let is_near = peer.is_some_and(|peer| peer.is_loopback());
        bool::from(hash.as_str().as_bytes().ct_eq(owner.as_str().as_bytes())) && is_near
    }

    /// The caller as they are now, if they are still to be let in: keys are revoked, roles change and tokens end while
    /// connections stay open.
    pub fn confirm(&self, mut caller: Caller) -> Result<Caller, Error> {
        let proofs = &self.0.proofs;
        let confirmed = match &mut caller.proof {
            Proof::Key(id) => proofs.keys.caller_at(id, caller.address),
            Proof::Certificate(name) => proofs.certificates.caller_of(name).map(|now| now.at(caller.address)),
            Proof::Token { expires, entitled, login } => {
                if let Some((grants, renewed)) = proofs.roles.renew(entitled) {
                    (caller.grants, *entitled) = (grants, renewed);
                }
                let is_good = self.0.clock.now() < *expires
                    && proofs.tokens.vouches(&entitled.given)
                    && login.as_deref().is_none_or(|login| proofs.logins.vouches(login));
                is_good.then_some(caller)
            }
            Proof::Local | Proof::Nothing | Proof::Signature => Some(caller),
        };
        confirmed.ok_or_else(|| {
            Error::new(&code::CREDENTIAL_INVALID, "the credential is not accepted any more")
                .help("connect again with a fresh one")
        })
    }
}
