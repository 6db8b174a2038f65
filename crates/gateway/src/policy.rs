//! Policy: roles, and whom they belong to.

mod condition;
mod live;
mod role;

pub use live::LiveRoles;
pub use role::{RoleSpec, Roles};
