//! Names become addresses here, and each address is judged before a connection is made to it.
//!
//! A connection is made to the very addresses that were judged: nothing asks for the name again, so that a name server
//! cannot answer with one address to us and with another one to the connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use nexus_kernel::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::outbound::address::Addresses;

/// The port: where addresses of names come from.
pub(crate) trait Resolver: Send + Sync {
    /// The addresses of a name; an error or none when it has none.
    fn resolve(&self, host: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A resolver whose answers are judged. One address that may not be called is enough to refuse the name: a name that
/// leads outside and inside has one purpose only.
#[derive(Clone)]
pub(crate) struct Guarded {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) addresses: Arc<Addresses>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (asked, allowed) = (self.resolver.resolve(name.as_str()), Arc::clone(&self.addresses));
        Box::pin(async move {
            let found = asked.await?;
            for address in &found {
                allowed.check(*address).inspect_err(|refused| {
                    tracing::debug!(host = name.as_str(), address = %refused.address, "a name was refused");
                })?;
            }
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}

/// The version in memory: names, and what is answered each time they are asked for, the last one for ever.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct MemoryResolver {
    names: std::collections::HashMap<String, Vec<Vec<IpAddr>>>,
    asked: std::sync::Mutex<std::collections::HashMap<String, usize>>,
}

#[cfg(test)]
impl MemoryResolver {
    pub(crate) fn with(mut self, name: &str, answers: &[&[&str]]) -> MemoryResolver {
        let read = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        self.names.insert(name.to_owned(), answers.iter().map(read).collect());
        self
    }

    /// How often a name was asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

#[cfg(test)]
impl Resolver for MemoryResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let mut asked = self.asked.lock().unwrap();
        let count = asked.entry(host.to_owned()).or_insert(0);
        let answers = self.names.get(host);
        let answer = answers.and_then(|answers| answers.get(*count).or_else(|| answers.last())).cloned();
        *count += 1;
        let unknown = || std::io::Error::new(std::io::ErrorKind::NotFound, "no such name");
        Box::pin(std::future::ready(answer.ok_or_else(unknown)))
    }
}
