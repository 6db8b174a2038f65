//! Identity: who calls, worked out from credentials and from nothing else.

mod auth;
pub(crate) mod certificate;
mod credential;
mod explain;
mod key;
mod keys;
pub mod login;
mod operations;
mod record;
pub mod token;

pub use auth::{Auth, Proofs};
pub use certificate::Certificates;
pub use credential::{CALLER_HEADER, CALLER_NAMESPACE_HEADER, Credentials, KEY_HEADER, Shown};
pub use explain::Explainer;
pub use key::{ApiKey, owner_credential};
pub use keys::{ApiKeys, Wanted};
pub use record::KeyRecord;
