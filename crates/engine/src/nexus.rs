//! Nexus calls: endpoints, the services behind them, and the operations that runs of one namespace have carried out in
//! another.

pub mod endpoint;
pub mod record;

#[cfg(feature = "testing")]
mod answer;
mod breakers;
pub(crate) mod crossing;
mod failure;
mod handle;
mod operations;
pub(crate) mod outside;
mod payload;
pub(crate) mod pending;
mod registry;
mod resolve;
pub mod serve;
mod token;

#[cfg(feature = "testing")]
pub use answer::refusal;
pub use endpoint::{Endpoint, EndpointSpec, Source, Target};
pub(crate) use operations::all as operations;
pub(crate) use outside::Outside;
pub(crate) use registry::Registry;
pub(crate) use resolve::{Destination, queue_of, resolve, task_queue};
