//! Entitlements: what somebody was given, before it is worked out under the roles of the moment.

use std::sync::Arc;

use super::grants::Places;
use super::pattern::Pattern;
use crate::Json;

/// Roles and permissions as whoever vouches for a caller names them. Roles that are not there give nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Names of roles.
    pub roles: Vec<String>,
    /// Permissions beside those of the roles.
    pub permissions: Vec<Pattern>,
    /// Where all of it holds.
    pub places: Places,
    /// What else is said of them, for conditions: the claims of a token.
    pub attributes: Json,
    /// Who vouches for it, for people who ask why: `key nxk_…`, `token of acme`.
    pub source: Arc<str>,
}

/// An entitlement, and the roles that it was worked out under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitled {
    /// What was given.
    pub given: Arc<Entitlement>,
    /// The number of those roles: with another number it has to be worked out anew.
    pub roles: u64,
}
