//! What a project gives to MCP clients beside its operations: prompts, and subsets of its tools.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::suggest;
use ring::hmac;
use tokio::sync::watch;

use crate::limits::MCP_TOOLS_MAX;

/// What a project gives to MCP clients.
#[derive(Debug, Clone, PartialEq)]
pub struct McpContent {
    /// Its prompts, in order of their names.
    pub prompts: Vec<McpPrompt>,
    /// Subsets of its tools, by the name under `/mcp/`.
    pub subsets: BTreeMap<String, McpSubset>,
    /// With more tools than this, clients get three that find and call the others.
    pub tools_max: usize,
}

impl Default for McpContent {
    fn default() -> McpContent {
        McpContent { prompts: Vec::new(), subsets: BTreeMap::new(), tools_max: MCP_TOOLS_MAX }
    }
}

/// A text that people give to an agent, with places to fill.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct McpPrompt {
    /// Its name: that of its file.
    pub name: String,
    /// A title for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What can be filled in.
    pub arguments: Vec<McpArgument>,
    /// The text, with `{{argument}}` where arguments go.
    pub body: String,
}

/// A place of a prompt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct McpArgument {
    /// Its name.
    pub name: String,
    /// What goes there.
    pub description: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// What to propose.
    pub values: Values,
}

/// What is proposed for an argument of a prompt.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Values {
    /// Nothing.
    #[default]
    None,
    /// These.
    These(Vec<String>),
    /// The workflows there are.
    Workflows,
    /// The newest runs.
    Runs,
}

/// A subset of the tools.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct McpSubset {
    /// Names of operations, in which `*` stands for anything: `Checkout`, `orders/*`, `run.*`.
    pub tools: Vec<String>,
    /// Names of prompts; every prompt when absent.
    pub prompts: Option<Vec<String>>,
    /// What clients are told that it is for.
    pub instructions: Option<String>,
}

impl McpSubset {
    /// Whether an operation belongs to it.
    pub(super) fn has(&self, operation: &Operation) -> bool {
        self.tools.iter().any(|pattern| names(pattern, operation))
    }

    /// Whether a prompt belongs to it.
    pub(super) fn has_prompt(&self, name: &str) -> bool {
        self.prompts.as_ref().is_none_or(|all| all.iter().any(|pattern| fits(pattern, name)))
    }
}

impl McpContent {
    /// Finds names in subsets that stand for nothing.
    ///
    /// # Errors
    ///
    /// `NX-1003` with the nearest name that there is.
    pub fn check(&self, operations: &[Operation]) -> Result<(), Error> {
        for (name, subset) in &self.subsets {
            let place = format!("mcp.servers.{name}");
            for pattern in &subset.tools {
                if !operations.iter().any(|operation| self::names(pattern, operation)) {
                    return Err(unknown(&place, "tools", pattern, operation_names(operations)));
                }
            }
            for pattern in subset.prompts.iter().flatten() {
                if !self.prompts.iter().any(|prompt| fits(pattern, &prompt.name)) {
                    let known = self.prompts.iter().map(|prompt| prompt.name.clone()).collect();
                    return Err(unknown(&place, "prompts", pattern, known));
                }
            }
        }
        Ok(())
    }
}

fn operation_names(operations: &[Operation]) -> Vec<String> {
    let ids = operations.iter().map(Operation::id);
    ids.chain(operations.iter().map(|operation| operation.name.clone())).collect()
}

fn unknown(place: &str, key: &str, pattern: &str, known: Vec<String>) -> Error {
    let error =
        Error::new(&code::CONFIG_INVALID, format!("[{place}]: {key} names {pattern:?}, which is nothing"));
    match suggest::nearest(pattern, known.iter().map(String::as_str)) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help("`nexus mcp list` shows the tools; `orders/*` and `run.*` name several"),
    }
}

/// Whether a pattern names an operation, by its id or by its bare name.
fn names(pattern: &str, operation: &Operation) -> bool {
    fits(pattern, &operation.id()) || (operation.is_workflow() && fits(pattern, &operation.name))
}

/// Whether a text is what a pattern says, in which `*` stands for any letters.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or("");
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(tail)
}

/// Where the gateway finds the content as it is now. Clones share it.
#[derive(Debug, Clone)]
pub struct McpShelf {
    content: Arc<watch::Sender<Arc<McpContent>>>,
    key: Arc<hmac::Key>,
}

impl McpShelf {
    /// A shelf without content. What clients carry back to us is signed with the secret, so it must be the same after
    /// a restart, and known to nobody.
    pub fn new(secret: &[u8]) -> McpShelf {
        let content = Arc::new(watch::Sender::new(Arc::new(McpContent::default())));
        McpShelf { content, key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)) }
    }

    /// Puts new content up, and tells every client that lists may have changed.
    pub fn put(&self, content: McpContent) {
        self.content.send_replace(Arc::new(content));
    }

    /// Tells every client that lists may have changed, because the catalogue has.
    pub fn ring(&self) {
        self.content.send_modify(|_| {});
    }

    /// The content as it is now.
    pub fn content(&self) -> Arc<McpContent> {
        Arc::clone(&self.content.borrow())
    }

    /// Hears of changes from now on.
    pub(super) fn changes(&self) -> watch::Receiver<Arc<McpContent>> {
        self.content.subscribe()
    }

    /// What signs.
    pub(super) fn key(&self) -> &hmac::Key {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, text, expected) in [
            ("Checkout", "Checkout", true),
            ("Checkout", "Checkouts", false),
            ("*", "", true),
            ("run.*", "run.list", true),
            ("run.*", "rerun.list", false),
            ("*.list", "run.list", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("orders/*", "orders/Pay", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
