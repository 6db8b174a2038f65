//! Integration tests of the engine: whole programs on memory ports and a simulated clock.

mod crash;
mod ids;
mod remote;
mod retry;
mod support;
mod time;
