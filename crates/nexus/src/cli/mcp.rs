//! `nexus mcp`: serving AI agents, and what goes with it.

mod bridge;
mod clients;
mod install;
mod list;
mod stdio;

use clap::{Args, Subcommand};
use nexus_kernel::error::Error;

use crate::cli::Global;
use crate::output::Output;
use clients::Client;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum McpVerb {
    /// Speak MCP over standard input and output, as an agent's program expects it
    ///
    /// With a server that serves the project, or one that --server names, this is a bridge to it. Otherwise the
    /// project is served by this very process until the agent's program closes the input.
    Stdio(StdioArgs),
    /// Write the configuration of an agent's program, so that it starts `nexus mcp stdio` for this project
    Install(InstallArgs),
    /// List the tools that agents see
    List(ListArgs),
}

/// Flags of `nexus mcp stdio`.
#[derive(Debug, Args)]
pub struct StdioArgs {
    /// Only the tools of [mcp.servers.NAME] in nexus.toml
    #[arg(long, value_name = "NAME")]
    subset: Option<String>,
}

/// Flags of `nexus mcp install`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Which program
    #[arg(value_enum)]
    client: Client,
    /// Show what the file would say, and write nothing
    #[arg(long)]
    print: bool,
    /// Only the tools of [mcp.servers.NAME] in nexus.toml
    #[arg(long, value_name = "NAME")]
    subset: Option<String>,
    /// What the server is called in the program; nexus-PROJECT when absent
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// For this project only, where the program knows that, instead of everywhere on this machine
    #[arg(long)]
    local: bool,
}

/// Flags of `nexus mcp list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only the tools of [mcp.servers.NAME] in nexus.toml
    #[arg(long, value_name = "NAME")]
    subset: Option<String>,
}

/// Carries it out.
pub async fn mcp(global: &Global, verb: McpVerb, output: Output) -> Result<(), Error> {
    match verb {
        McpVerb::Stdio(args) => Box::pin(stdio::stdio(global, args, output)).await,
        McpVerb::Install(args) => install::install(global, &args, output),
        McpVerb::List(args) => Box::pin(list::list(global, args, output)).await,
    }
}
