//! `nexus up`: serve a project until told to stop.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use nexus_gateway::tls::Tls;
use nexus_gateway::{Gateway, Listener, Options};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::task;

use crate::address;
use crate::changes::Changes;
use crate::cli::Global;
use crate::config::log::LogFormat;
use crate::config::reading::Reading;
use crate::node::{Node, Purpose};
use crate::output::{Output, plural};
use crate::owner;
use crate::pages;
use crate::preset;
use crate::project::Project;
use crate::socket::SocketFile;
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
    /// Listen at this path as well: a socket that only you can connect to
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Allow an address beyond this machine although nothing is protected
    #[arg(long)]
    insecure: bool,
    /// What a line of the log is (or `NEXUS_LOG_FORMAT`)
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
    /// How much is logged: error, warn, info, debug, trace, or levels of parts like `info,nexus_engine=debug` (or `NEXUS_LOG`)
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl UpArgs {
    /// The project's folder.
    pub(crate) fn root<'a>(&'a self, global: &'a Global) -> &'a Path {
        self.dir.as_deref().unwrap_or(&global.project)
    }

    /// What the flags say of the log.
    pub(crate) fn log(&self) -> (Option<LogFormat>, Option<String>) {
        (self.log_format, self.log_level.clone())
    }
}

/// Serves until the process is asked to stop, or the store fails.
pub async fn up(global: &Global, args: UpArgs, output: Output) -> Result<(), Error> {
    let root = args.root(global).to_owned();
    let mut project = Project::read(&root)?;
    if let Some(host) = &args.host {
        project.config.server.host.clone_from(host);
    }
    enforce(&project, args.insecure)?;
    let listen = listen_address(&args, &project)?;
    let listener = nexus_gateway::bind(listen, args.insecure || project.config.auth.enabled).await?;
    let server = project.config.server.clone();
    let proxies = server.proxies()?;
    let tls = server.tls.as_ref().map(|files| files.load(&root)).transpose()?;
    let at = listener.local_addr().map_err(|error| Error::internal(error.to_string()))?;
    let listener = match &tls {
        Some(tls) => Listener::tls(listener, tls),
        None => Listener::tcp(listener),
    };
    let path = args.socket.or_else(|| server.socket.map(|path| root.join(path)));
    let socket = path.as_deref().map(SocketFile::listen).transpose()?;
    let (_socket_file, socket) = socket.unzip();
    let url = format!("{}://{at}", if tls.is_some() { "https" } else { "http" });
    let reached_at = server.url.as_deref().unwrap_or(&url).trim_end_matches('/').to_owned();
    let project = Project { reached_at: Some(reached_at), ..project };
    let mut node = Node::open(project, Purpose::Serve, output).await?;
    let mut options = Options::new(listener, node.pipeline().clone())
        .version(env!("CARGO_PKG_VERSION"))
        .allowed_hosts(server.allowed_hosts)
        .allowed_origins(server.allowed_origins)
        .url(server.url)
        .proxies(proxies)
        .requests_max(server.requests_max)
        .sockets_max(server.sockets_max)
        .drain(server.drain.0)
        .head_time_max(server.head_timeout.0)
        .body_time_max(server.body_timeout.0)
        .check(node.store_check())
        .check(node.disk_check())
        .breakers(node.breakers().clone())
        .inbound(node.inbound().clone())
        .passports(node.passports())
        .pages(pages::page)
        .mcp(node.mcp().clone());
    for check in [node.audit_check(), node.redis_check()].into_iter().flatten() {
        options = options.check(check);
    }
    if let Some(socket) = socket {
        options = options.listener(Listener::unix(socket));
    }
    let gateway = Gateway::new(options)?;
    let serving = task::spawn(gateway.run(node.shutdown().clone()));
    address::write(&root, &url)?;
    announce(&node, &url, path.as_deref(), output);
    // The file was read a moment ago; without places everything would be said to be the preset's.
    let origins = Reading::of_project(&root).map(|read| read.origins).unwrap_or_default();
    for line in preset::told(&node.project.config, &origins) {
        output.note(&line);
    }
    let ended = serve(&mut node, tls.as_ref(), output).await;
    address::remove(&root);
    owner::remove(&root);
    let stopped = node.stop().await;
    let served = serving.await.map_err(|error| Error::internal(error.to_string()))?;
    ended.and(stopped).and(served)
}

/// Waits for the end, reloading the project whenever its files change.
async fn serve(node: &mut Node, tls: Option<&Tls>, output: Output) -> Result<(), Error> {
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
                    Ok(changes) => reloaded(node, tls, &changes, output),
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

/// A certificate that was renewed comes with the next reload; the old one goes on when the new one is wrong.
fn reloaded(node: &Node, tls: Option<&Tls>, changes: &Changes, output: Output) {
    let told = if changes.is_empty() { String::new() } else { format!(" ({})", changes.told()) };
    output.note(&format!("reloaded{told}"));
    if let (Some(tls), Some(files)) = (tls, &node.project.config.server.tls)
        && let Err(error) = files.renew(&node.project.root, tls)
    {
        output.error(&error);
        output.note("showing the certificate as it was before");
    }
}

/// Whether the preset has all that it demands, and no flag takes from it.
fn enforce(project: &Project, is_insecure: bool) -> Result<(), Error> {
    let Some(name) = project.config.server.preset else { return Ok(()) };
    if is_insecure {
        let why = "it would serve others although nothing is protected";
        return Err(preset::preset(name).contradiction("--insecure", why));
    }
    preset::enforce(project)
}

fn listen_address(args: &UpArgs, project: &Project) -> Result<SocketAddr, Error> {
    let server = &project.config.server;
    let host = server.host.as_str();
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    let ip: IpAddr = host.parse().map_err(|_| {
        Error::new(&code::CONFIG_INVALID, format!("{host:?} is not an IP address"))
            .help("use 127.0.0.1 for this machine only")
    })?;
    Ok(SocketAddr::new(ip, args.port.unwrap_or(server.port)))
}

/// The address is data, for scripts that wait for it; the rest is for people.
fn announce(node: &Node, url: &str, socket: Option<&Path>, output: Output) {
    output.text(url);
    let workflows = node.pipeline().catalogue().snapshot();
    let count = workflows.iter().filter(|operation| operation.is_workflow()).count();
    output.note(&format!("serving {} with {}", node.project.name(), plural(count, "workflow")));
    output.note(&format!("  HTTP  {url}/workflows"));
    output.note(&format!("  docs  {url}/docs"));
    output.note(&format!("  MCP   {url}/mcp"));
    if let Some(socket) = socket {
        output.note(&format!("  socket  {}", socket.display()));
    }
}

/// Control-C, or the signal that service managers send.
pub(super) async fn asked_to_stop() {
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
