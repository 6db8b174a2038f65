//! News for clients: lists that have changed, and resources that have.
//!
//! Newer clients ask for a stream of exactly what they want to hear. Older ones are told over their connection that
//! lists have changed, and subscribe to resources one by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use nexus_kernel::call::Caller;
use nexus_kernel::task;
use rmcp::model::{ResourceUpdatedNotificationParam, SubscriptionFilter};
use rmcp::service::{RequestContext, SubscriptionContext, SubscriptionSink};
use rmcp::{ErrorData, Peer, RoleServer};
use tokio::task::AbortHandle;

use crate::channel::mcp::McpServer;
use crate::channel::mcp::content::McpContent;
use crate::channel::mcp::follower::Follower;
use crate::channel::mcp::resource::{Address, missing};
use crate::channel::mcp::tools::ToolSet;
use crate::limits::MCP_SUBSCRIPTIONS_MAX;

/// What an older client follows: resources by address, and the lists. Dropped with its connection.
#[derive(Default)]
pub(super) struct Followed {
    all: Mutex<HashMap<String, AbortHandle>>,
    lists: Mutex<Option<AbortHandle>>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        let all = self.all.get_mut().unwrap_or_else(PoisonError::into_inner);
        let lists = self.lists.get_mut().unwrap_or_else(PoisonError::into_inner);
        all.values().chain(lists.iter()).for_each(AbortHandle::abort);
    }
}

/// What lists looked like when a client was last told.
struct Lists {
    tools: Arc<ToolSet>,
    content: Arc<McpContent>,
}

/// Which lists are not what they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Changed {
    tools: bool,
    prompts: bool,
    resources: bool,
}

impl Lists {
    fn of(server: &McpServer, subset: Option<&str>) -> Lists {
        Lists { tools: server.tools_of(subset, &server.own_caller()), content: server.shelf().content() }
    }

    fn changed(&self, now: &Lists) -> Changed {
        let (before, after) = (self.tools.workflows(), now.tools.workflows());
        let same =
            before.map(|it| (it.id(), &it.doc, &it.title)).eq(after.map(|it| (it.id(), &it.doc, &it.title)));
        Changed {
            tools: self.tools.listed() != now.tools.listed(),
            prompts: self.content.prompts != now.content.prompts
                || self.content.subsets != now.content.subsets,
            resources: !same,
        }
    }
}

/// Tells an older client of changed lists for as long as it is connected.
pub(super) fn tell_of_lists(
    server: &McpServer,
    caller: Caller,
    peer: Peer<RoleServer>,
    subset: Option<Arc<str>>,
) {
    let followed = Arc::clone(&server.followed);
    let server = server.of_caller(caller);
    let telling = task::spawn(async move {
        let mut changes = server.shelf().changes();
        let mut known = Lists::of(&server, subset.as_deref());
        while changes.changed().await.is_ok() && !peer.is_transport_closed() {
            let now = Lists::of(&server, subset.as_deref());
            let changed = known.changed(&now);
            known = now;
            if tell(&peer, changed).await.is_err() {
                return;
            }
        }
    });
    // Whoever says twice that they are there is told once.
    let mut lists = followed.lists.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(before) = lists.replace(telling.abort_handle()) {
        before.abort();
    }
}

async fn tell(peer: &Peer<RoleServer>, changed: Changed) -> Result<(), rmcp::ServiceError> {
    if changed.tools {
        peer.notify_tool_list_changed().await?;
    }
    if changed.prompts {
        peer.notify_prompt_list_changed().await?;
    }
    if changed.resources {
        peer.notify_resource_list_changed().await?;
    }
    Ok(())
}

/// What a stream of news is opened for: as much as we have of what was asked.
pub(super) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let mut accepted = requested.clone();
    if let Some(uris) = &mut accepted.resource_subscriptions {
        uris.retain(|uri| Address::parse(uri).is_some());
        uris.truncate(MCP_SUBSCRIPTIONS_MAX);
    }
    accepted
}

/// Serves a stream of news until its client has had enough, or the server stops.
pub(super) async fn listen(server: &McpServer, context: SubscriptionContext) -> Result<(), ErrorData> {
    let subset = server.subset_of(context.request_context());
    let asker = server.asker(context.request_context());
    let tools = server.tools_of(subset.as_deref(), &asker.caller);
    let follower = server.of_caller(asker.caller.clone());
    let uris = context.accepted().resource_subscriptions.clone().unwrap_or_default();
    let addresses = uris.iter().filter_map(|uri| Address::parse(uri));
    let following = addresses.filter(|address| address.is_offered(&tools)).map(|address| {
        let (sink, uri, mut follower) = (
            context.sink().clone(),
            address.to_string(),
            Follower::new(server, asker.caller.clone(), address),
        );
        async move {
            loop {
                follower.next().await;
                if sink.notify_resource_updated(uri.as_str()).await.is_err() {
                    return;
                }
            }
        }
    });
    let following = async {
        join_all(following).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = context.cancelled() => {}
        () = lists(&follower, subset.as_deref(), context.sink()) => {}
        () = following => {}
    }
    Ok(())
}

/// Follows a resource for an older client.
pub(super) fn subscribe(
    server: &McpServer,
    uri: &str,
    context: &RequestContext<RoleServer>,
) -> Result<(), ErrorData> {
    let tools = server.tools(context);
    let address = Address::parse(uri).filter(|address| address.is_offered(&tools));
    let address = address.ok_or_else(|| missing(uri, None))?;
    let mut all = server.followed().all.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, task| !task.is_finished());
    if all.len() >= MCP_SUBSCRIPTIONS_MAX && !all.contains_key(uri) {
        let message = format!("a client follows at most {MCP_SUBSCRIPTIONS_MAX} resources");
        return Err(ErrorData::invalid_params(message, None));
    }
    let (peer, uri, mut follower) =
        (context.peer.clone(), uri.to_owned(), Follower::new(server, server.asker(context).caller, address));
    let told = uri.clone();
    let following = task::spawn(async move {
        loop {
            follower.next().await;
            let news = ResourceUpdatedNotificationParam::new(told.as_str());
            if peer.is_transport_closed() || peer.notify_resource_updated(news).await.is_err() {
                return;
            }
        }
    });
    if let Some(before) = all.insert(uri, following.abort_handle()) {
        before.abort();
    }
    Ok(())
}

/// Follows it no longer.
pub(super) fn unsubscribe(server: &McpServer, uri: &str) {
    let mut all = server.followed().all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(task) = all.remove(uri) {
        task.abort();
    }
}

/// Sends what a stream wants to hear of lists; ends when the stream has.
async fn lists(server: &McpServer, subset: Option<&str>, sink: &SubscriptionSink) {
    let mut changes = server.shelf().changes();
    let mut known = Lists::of(server, subset);
    while changes.changed().await.is_ok() {
        let now = Lists::of(server, subset);
        let changed = known.changed(&now);
        known = now;
        let wants = sink.accepted();
        let mut sent = Ok(());
        if changed.tools && wants.tools_list_changed == Some(true) {
            sent = sent.and(sink.notify_tool_list_changed().await);
        }
        if changed.prompts && wants.prompts_list_changed == Some(true) {
            sent = sent.and(sink.notify_prompt_list_changed().await);
        }
        if changed.resources && wants.resources_list_changed == Some(true) {
            sent = sent.and(sink.notify_resource_list_changed().await);
        }
        if sent.is_err() {
            return;
        }
    }
}
