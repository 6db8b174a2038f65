//! Metrics, logs and traces of the real server.

pub(crate) mod collector;
mod logs;
mod metrics;
mod openmetrics;
mod ops;
mod top;
mod traces;
