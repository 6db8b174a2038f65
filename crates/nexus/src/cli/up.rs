//! `nexus up`: serve a project until told to stop.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use nexus_gateway::{Gateway, Options};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::task;

use crate::address;
use crate::cli::Global;
use crate::node::{Node, Purpose};
use crate::output::{Output, plural};
use crate::pages;
use crate::project::Project;
use crate::watch::Watch;

/// Flags.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// The project's folder
    dir: Option<PathBuf>,
    /// Port to listen on; 0 takes a free one
    #[arg(long, short)]
    port: Option<u16>,
    /// Address to listen on
    #[arg(long)]
    host: Option<String>,
    /// Allow an address beyond this machine although nothing is protected
    #[arg(long)]
    insecure: bool,
}

/// Serves until the process is asked to stop, or the store fails.
pub async fn up(global: &Global, args: UpArgs, output: Output) -> Result<(), Error> {
    let root = args.dir.clone().unwrap_or_else(|| global.project.clone());
    let project = Project::read(&root)?;
    let listen = listen_address(&args, &project)?;
    let listener = nexus_gateway::bind(listen, args.insecure).await?;
    let server = project.config.server.clone();
    let mut node = Node::open(project, Purpose::Serve, output).await?;
    let gateway = Gateway::new(
        Options::new(listener, node.pipeline().clone())
            .version(env!("CARGO_PKG_VERSION"))
            .allowed_hosts(server.allowed_hosts)
            .allowed_origins(server.allowed_origins)
            .check(node.store_check())
            .pages(pages::page),
    )?;
    let url = format!("http://{}", gateway.address());
    let serving = task::spawn(gateway.run(node.shutdown().clone()));
    address::write(&root, &url)?;
    announce(&node, &url, output);
    let ended = serve(&mut node, output).await;
    address::remove(&root);
    let stopped = node.stop().await;
    let served = serving.await.map_err(|error| Error::internal(error.to_string()))?;
    ended.and(stopped).and(served)
}

/// Waits for the end, reloading the project whenever its files change.
async fn serve(node: &mut Node, output: Output) -> Result<(), Error> {
    let mut watch = Watch::new(&node.project.root, node.clock().clone());
    watch.follow(node.inputs());
    let shutdown = node.shutdown().clone();
    loop {
        tokio::select! {
            () = asked_to_stop() => {
                output.note("stopping");
                return Ok(());
            }
            () = shutdown.begun() => return Ok(()), // the engine has stopped by itself and will say why
            () = watch.changed() => {
                match node.reload(output).await {
                    Ok(()) => output.note("reloaded"),
                    Err(error) => {
                        output.error(&error);
                        output.note("serving what was served before");
                    }
                }
                watch.follow(node.inputs());
            }
        }
    }
}

fn listen_address(args: &UpArgs, project: &Project) -> Result<SocketAddr, Error> {
    let server = &project.config.server;
    let host = args.host.as_deref().unwrap_or(&server.host);
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    let ip: IpAddr = host.parse().map_err(|_| {
        Error::new(&code::CONFIG_INVALID, format!("{host:?} is not an IP address"))
            .help("use 127.0.0.1 for this machine only")
    })?;
    Ok(SocketAddr::new(ip, args.port.unwrap_or(server.port)))
}

/// The address is data, for scripts that wait for it; the rest is for people.
fn announce(node: &Node, url: &str, output: Output) {
    output.text(url);
    let workflows = node.pipeline().catalogue().snapshot();
    let count = workflows.iter().filter(|operation| operation.is_workflow()).count();
    output.note(&format!("serving {} with {}", node.project.name(), plural(count, "workflow")));
    output.note(&format!("  HTTP  {url}/workflows"));
    output.note(&format!("  MCP   {url}/mcp"));
}

/// Control-C, or the signal that service managers send.
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await, // without this signal there is still control-C
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
