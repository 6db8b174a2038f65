//! Webhooks: requests of other systems whose signatures are checked, and requests of ours that are signed.

mod inbound;
mod scheme;
mod sign;
mod twilio;

pub use inbound::{Hook, Inbound};
pub use scheme::{Delivery, Incoming, Scheme};
pub use sign::{Signed, sign};
