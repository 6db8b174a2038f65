//! `nexus mcp stdio`: a project for one agent, served in this process or by a server behind a bridge.

use std::path::Path;

use nexus_gateway::McpStdio;
use nexus_kernel::error::Error;
use nexus_kernel::task::{self, Shutdown};

use super::{StdioArgs, bridge};
use crate::cli::Global;
use crate::client::Client;
use crate::node::{Node, Purpose};
use crate::output::Output;
use crate::project::Project;
use crate::watch::Watch;

/// Serves until the input ends. Standard output carries nothing but the protocol.
pub(super) async fn stdio(global: &Global, args: StdioArgs, output: Output) -> Result<(), Error> {
    if let Some(server) = Client::server(global).await? {
        return bridge::bridge(&server, args.subset.as_deref()).await;
    }
    let project = Project::read(&global.project)?;
    let mut node = Node::open(project, Purpose::Serve, output).await?;
    let client = McpStdio {
        pipeline: node.pipeline().clone(),
        shelf: node.mcp().clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        subset: args.subset,
    };
    let shutdown = node.shutdown().clone();
    let serving = task::spawn(serve(client, shutdown.clone()));
    reload(&mut node, &global.project, &shutdown, output).await;
    let stopped = node.stop().await;
    let served = serving.await.map_err(|error| Error::internal(error.to_string()))?;
    served.and(stopped)
}

/// Serves the client; the end of either is the end of both.
async fn serve(client: McpStdio, shutdown: Shutdown) -> Result<(), Error> {
    let served = client.serve_standard(&shutdown).await;
    shutdown.begin();
    served
}

/// Reads the project again whenever its files change, until the end.
async fn reload(node: &mut Node, root: &Path, shutdown: &Shutdown, output: Output) {
    let mut watch = Watch::new(root, node.clock().clone());
    watch.follow(node.inputs());
    loop {
        tokio::select! {
            () = shutdown.begun() => return,
            () = crate::cli::up::asked_to_stop() => return shutdown.begin(),
            () = watch.changed() => {
                if let Err(error) = node.reload(output).await {
                    output.error(&error);
                    output.note("serving what was served before");
                }
                watch.follow(node.inputs());
            }
        }
    }
}
