//! Policy: roles, whom they belong to, and where callers may be.

mod borders;
mod condition;
mod live;
mod role;

pub use borders::{Borders, Lists};
pub use condition::condition;
pub use live::LiveRoles;
pub use role::{RoleSpec, Roles};
