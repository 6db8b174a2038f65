//! Who is at the other end of a request, and what they can do.

use nexus_kernel::cache::CacheUse;
use rmcp::RoleServer;
use rmcp::model::{ClientCapabilities, ProgressToken, ProtocolVersion};
use rmcp::service::RequestContext;

use crate::channel::mcp::result::CACHE;

/// A call with this in its `_meta` takes its run along when it is cancelled: `"nexus/cancel": "run"`.
const CANCEL: &str = "nexus/cancel";

/// What a client of one request can do.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// It speaks 2026-07-28 or later: questions are results, and nothing is sent out of the blue.
    pub(super) is_new: bool,
    /// It takes a task in the place of a result.
    pub(super) has_tasks: bool,
    /// It shows forms to a person.
    pub(super) has_forms: bool,
    /// It wants to hear how a call is getting on.
    pub(super) progress: Option<ProgressToken>,
    /// A cancelled call cancels its run.
    pub(super) cancels_run: bool,
    /// What it wants of answers that were made before.
    pub(super) cache: CacheUse,
}

impl Client {
    /// The client of a request.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Client {
        let capabilities = context.client_capabilities().unwrap_or_default();
        Client {
            is_new: is_new(context),
            has_tasks: capabilities.supports_tasks(),
            has_forms: has_forms(&capabilities),
            progress: context.meta.get_progress_token(),
            cancels_run: context.meta.get(CANCEL).and_then(|value| value.as_str()) == Some("run"),
            cache: context.meta.get(CACHE).and_then(|it| CacheUse::parse(it.as_str()?)).unwrap_or_default(),
        }
    }

    /// Whether a call is followed rather than just waited for.
    pub(super) fn wants_news(&self) -> bool {
        self.has_tasks || self.has_forms || self.progress.is_some() || self.cancels_run
    }
}

fn is_new(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// A client that says nothing about modes has forms.
fn has_forms(capabilities: &ClientCapabilities) -> bool {
    capabilities.elicitation.as_ref().is_some_and(|it| it.form.is_some() || it.url.is_none())
}
