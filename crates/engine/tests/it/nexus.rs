//! Nexus calls between servers: two engines that know nothing of each other but their addresses, and servers of others.

mod attempts;
mod cancels;
mod chains;
mod completions;
mod contents;
mod crash;
mod foreign;
mod modes;
mod operate;
mod orders;
mod starts;
mod support;
mod times;
