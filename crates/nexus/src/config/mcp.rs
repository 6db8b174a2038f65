//! `[mcp]`: what MCP clients see.

use std::collections::BTreeMap;

use nexus_gateway::{McpContent, McpPrompt, McpSubset};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};

/// Longest name of a subset, in characters.
const NAME_CHARS_MAX: usize = 64;

/// `[mcp]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpConfig {
    /// With more tools than this, clients get three that find and call the others.
    pub tools_max: Option<usize>,
    /// Subsets of the tools, served at `/mcp/NAME`.
    pub servers: BTreeMap<String, McpServerConfig>,
}

/// `[mcp.servers.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpServerConfig {
    /// Names of operations, in which `*` stands for anything.
    pub tools: Vec<String>,
    /// Names of prompts; every prompt when absent.
    pub prompts: Option<Vec<String>>,
    /// What clients are told that it is for.
    pub instructions: Option<String>,
}

impl McpConfig {
    /// Refuses names that no path can hold, and subsets of nothing.
    pub fn check(&self) -> Result<(), Error> {
        for (name, server) in &self.servers {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(fits) {
                return Err(refused(name, "has a name that no path can hold")
                    .help("a name is made of letters, digits, `-` and `_`"));
            }
            if server.tools.is_empty() {
                return Err(
                    refused(name, "has no tools").help("name some: tools = [\"Checkout\", \"run.*\"]")
                );
            }
        }
        Ok(())
    }

    /// What MCP clients see, together with the prompts.
    pub fn content(&self, prompts: Vec<McpPrompt>) -> McpContent {
        let subset = |server: &McpServerConfig| McpSubset {
            tools: server.tools.clone(),
            prompts: server.prompts.clone(),
            instructions: server.instructions.clone(),
        };
        let subsets = self.servers.iter().map(|(name, server)| (name.clone(), subset(server))).collect();
        let default = McpContent::default();
        McpContent { prompts, subsets, tools_max: self.tools_max.unwrap_or(default.tools_max) }
    }
}

fn refused(name: &str, why: &str) -> Error {
    Error::new(&code::CONFIG_INVALID, format!("[mcp.servers.{name}] {why}"))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn subsets_have_names_and_tools() {
        let config =
            Config::parse("[mcp]\ntools_max = 9\n[mcp.servers.shop]\ntools = [\"Checkout\"]\n").unwrap();
        let content = config.mcp.content(Vec::new());
        assert_eq!((content.tools_max, content.subsets["shop"].tools.len()), (9, 1));
        for (text, why) in [
            ("[mcp.servers.\"a/b\"]\ntools = [\"x\"]", "has a name that no path can hold"),
            ("[mcp.servers.a]\n", "has no tools"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.message().ends_with(why), "{}", error.message());
        }
        let error = Config::parse("[mcp.servers.a]\ntool = []").unwrap_err();
        assert_eq!(error.help_text(), Some("did you mean `tools`?"));
    }
}
