//! Metrics, logs and traces of the real server.

mod collector;
mod logs;
mod metrics;
mod openmetrics;
mod ops;
mod top;
mod traces;
