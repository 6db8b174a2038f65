//! Requests to others, made for a project: whom we trust over `https`, and where functions may send requests to.

pub(crate) mod address;
pub(crate) mod exchange;
pub(crate) mod fetch;
pub(crate) mod host;
pub(crate) mod request;
pub(crate) mod resolve;
pub(crate) mod response;
pub(crate) mod tls;
pub(crate) mod trace;
