//! Where a client gets a token for this server: OAuth 2.0 Protected Resource Metadata (RFC 9728), which MCP clients look for.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nexus_kernel::Json;
use serde_json::{Map, json};

use crate::channel::rest::{self, Rest, unknown_path};
use crate::problem::Problem;

/// Where the metadata of a resource are, before its path.
pub(crate) const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Where clients reach this server, without a slash at the end.
#[derive(Debug, Clone)]
pub(crate) struct PublicUrl(pub(crate) Arc<str>);

impl PublicUrl {
    /// The address of the metadata for whoever calls this path. What agents call is a resource of its own.
    pub(crate) fn metadata_of(&self, path: &str) -> String {
        let resource = if path == "/mcp" { "/mcp" } else { "" };
        format!("{}{METADATA}{resource}", self.0)
    }
}

/// `GET /.well-known/oauth-protected-resource`, and the same with `/mcp` behind it.
pub(crate) async fn metadata(
    State(rest): State<Arc<Rest>>,
    url: Option<Extension<PublicUrl>>,
    uri: Uri,
) -> Result<Response, Problem> {
    // The door says the address when there are identity providers.
    let Extension(url) = url.ok_or_else(|| unknown_path(&uri))?;
    let issuers = rest.pipeline.auth().map(|auth| auth.tokens().offered()).unwrap_or_default();
    let path = uri.path().strip_prefix(METADATA).unwrap_or_default();
    let clients =
        issuers.iter().filter_map(|(issuer, client)| Some((issuer.clone(), client.clone()?.into())));
    let clients: Map<String, Json> = clients.collect();
    let issuers: Vec<&String> = issuers.iter().map(|(issuer, _)| issuer).collect();
    let mut document = json!({
        "resource": format!("{}{path}", url.0),
        "resource_name": "Nexus",
        "authorization_servers": issuers,
        "bearer_methods_supported": ["header"],
        "resource_documentation": format!("{}/docs", url.0),
    });
    if let (false, Some(members)) = (clients.is_empty(), document.as_object_mut()) {
        // What `nexus login` is known as at each of them.
        members.insert("nexus_client_ids".into(), clients.into());
    }
    Ok(rest::json(StatusCode::OK, &document))
}

/// `GET /.well-known/nexus-jwks.json`: the key that passports of this server are checked with.
pub(crate) async fn key_set(State(rest): State<Arc<Rest>>, uri: Uri) -> Result<Response, Problem> {
    let passports = rest.passports.as_ref().ok_or_else(|| unknown_path(&uri))?;
    Ok(rest::json(StatusCode::OK, &passports.key_set()))
}
