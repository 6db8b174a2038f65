//! Policy: roles, and whom they belong to.

mod role;

pub use role::{RoleSpec, Roles};
