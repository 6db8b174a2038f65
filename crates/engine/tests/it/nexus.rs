//! Nexus calls between servers: two engines that know nothing of each other but their addresses, and servers of others.

mod attempts;
mod cancels;
mod chains;
mod completions;
mod contents;

mod foreign;
mod modes;
mod operate;

mod starts;
mod support;
mod times;
