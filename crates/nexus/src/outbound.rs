//! Requests to others, made for a project: whom we trust over `https`.

pub(crate) mod tls;
