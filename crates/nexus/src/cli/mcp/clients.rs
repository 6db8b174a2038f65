//! The programs that agents run in, and how their configuration names an MCP server.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::json;

/// A program that agents run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    /// Claude Code
    ClaudeCode,
    /// Claude Desktop
    ClaudeDesktop,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    Vscode,
    /// Windsurf
    Windsurf,
    /// Zed
    Zed,
    /// Gemini CLI
    GeminiCli,
}

/// Where a user's files are.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// The user's folder.
    pub(super) home: PathBuf,
    /// Where programs keep their configuration.
    pub(super) config: PathBuf,
}

impl Places {
    /// As the environment says.
    pub(super) fn of_user() -> Result<Places, Error> {
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = path("HOME").or_else(|| path("USERPROFILE")).ok_or_else(|| {
            Error::new(&code::MCP_CLIENT_CONFIG, "it is not known where your files are: HOME is not set")
                .help("set HOME, or use --print and copy what it shows")
        })?;
        let config = match std::env::consts::OS {
            "macos" => home.join("Library/Application Support"),
            "windows" => path("APPDATA").unwrap_or_else(|| home.join("AppData/Roaming")),
            _ => path("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
        };
        Ok(Places { home, config })
    }
}

impl Client {
    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Client::ClaudeCode => "Claude Code",
            Client::ClaudeDesktop => "Claude Desktop",
            Client::Cursor => "Cursor",
            Client::Vscode => "VS Code",
            Client::Windsurf => "Windsurf",
            Client::Zed => "Zed",
            Client::GeminiCli => "Gemini CLI",
        }
    }

    /// The file to change: the user's, or that of a project.
    pub(super) fn file(self, places: &Places, project: Option<&Path>) -> Result<PathBuf, Error> {
        if let Some(project) = project {
            let name = match self {
                Client::ClaudeCode => ".mcp.json",
                Client::Cursor => ".cursor/mcp.json",
                Client::Vscode => ".vscode/mcp.json",
                Client::Zed => ".zed/settings.json",
                Client::GeminiCli => ".gemini/settings.json",
                Client::ClaudeDesktop | Client::Windsurf => return Err(self.has_no_projects()),
            };
            return Ok(project.join(name));
        }
        let Places { home, config } = places;
        Ok(match self {
            Client::ClaudeCode => home.join(".claude.json"),
            Client::ClaudeDesktop => config.join("Claude/claude_desktop_config.json"),
            Client::Cursor => home.join(".cursor/mcp.json"),
            Client::Vscode => config.join("Code/User/mcp.json"),
            Client::Windsurf => home.join(".codeium/windsurf/mcp_config.json"),
            // Zed keeps to the convention of Linux on macOS as well.
            Client::Zed if cfg!(target_os = "macos") => home.join(".config/zed/settings.json"),
            Client::Zed => config.join("zed/settings.json"),
            Client::GeminiCli => home.join(".gemini/settings.json"),
        })
    }

    fn has_no_projects(self) -> Error {
        Error::new(
            &code::MCP_CLIENT_CONFIG,
            format!("{} has no configuration for single projects", self.name()),
        )
        .help("leave --local out")
    }

    /// The key that holds the servers.
    pub(super) fn section(self) -> &'static str {
        match self {
            Client::Vscode => "servers",
            Client::Zed => "context_servers",
            _ => "mcpServers",
        }
    }

    /// What stands under the server's name.
    pub(super) fn entry(self, command: &str, args: &[String]) -> Json {
        match self {
            Client::ClaudeCode | Client::Vscode => {
                json!({ "type": "stdio", "command": command, "args": args })
            }
            Client::Zed => json!({ "source": "custom", "command": command, "args": args, "env": {} }),
            _ => json!({ "command": command, "args": args }),
        }
    }

    /// What to do for the change to be seen.
    pub(super) fn afterwards(self) -> &'static str {
        match self {
            Client::ClaudeCode => {
                "`/mcp` in Claude Code shows it; a session that is open has to be started anew"
            }
            Client::ClaudeDesktop => "quit Claude Desktop and start it again",
            Client::Cursor => "Settings, MCP in Cursor shows it",
            Client::Vscode => "`MCP: List Servers` in VS Code shows it",
            Client::Windsurf => "refresh the MCP servers in Windsurf's settings",
            Client::Zed => "the agent panel's settings in Zed show it",
            Client::GeminiCli => "`/mcp` in Gemini CLI shows it",
        }
    }
}
