//! Identity: who calls, worked out from credentials and from nothing else.

mod auth;
mod credential;
mod key;
mod keys;
mod operations;
mod record;

pub use auth::Auth;
pub use credential::{Credentials, KEY_HEADER, Shown};
pub use key::{ApiKey, owner_credential};
pub use keys::{ApiKeys, Wanted};
pub use record::KeyRecord;
