//! Scenarios from the outside: programs and scenario files as texts, and what comes of them.

mod activities;
mod book;
mod files;
mod messages;
mod remote;
mod support;
