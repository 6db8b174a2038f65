//! The options of calls, definitions, handlers, workers and endpoints: which keys there are, where, of what
//! type.
//!
//! The tables are those of the language page, section 7. Older spellings of keys are resolved here and
//! nowhere else.

mod keys;

use keys::{
    ACTIVITY, ACTIVITY_ALIASES, ENDPOINT, ENDPOINT_ALIASES, MESSAGE, NEXUS, NEXUS_ALIASES, PRIORITY, QUERY,
    RETRY_POLICY, RETRY_POLICY_ALIASES, WORKER, WORKFLOW, WORKFLOW_ALIASES,
};

/// Where options stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptionScope {
    /// Under a call of an activity.
    ActivityCall,
    /// `default_options` of an activity.
    ActivityDefaults,
    /// Under a call of a workflow.
    WorkflowCall,
    /// `default_options` of a workflow.
    WorkflowDefaults,
    /// Under a call of a Nexus operation.
    NexusCall,
    /// Signal and update handlers.
    Message,
    /// Query handlers.
    Query,
    /// A worker in a namespace.
    Worker,
    /// A Nexus endpoint.
    Endpoint,
    /// Nested: `retry_policy`.
    RetryPolicy,
    /// Nested: `priority`.
    Priority,
}

/// What the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionType {
    /// Text, also with `{..}` holes.
    Str,
    /// A duration.
    Duration,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A list of texts.
    StrList,
    /// One of these words.
    Enum(&'static [&'static str]),
    /// A nested block of another scope.
    Block(OptionScope),
    /// Any value, also a block.
    Any,
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionKey {
    /// Its newest name.
    pub name: &'static str,
    /// What its value is.
    pub ty: OptionType,
    /// Whether the published language lacks it.
    pub is_extension: bool,
}

/// Options that make sense for one call only.
const CALL_ONLY: &[&str] = &["parent_close_policy", "workflow_id"];

impl OptionScope {
    /// The options of this scope by their newest names.
    pub fn keys(self) -> impl Iterator<Item = &'static OptionKey> {
        let (table, is_definition) = match self {
            OptionScope::ActivityCall => (ACTIVITY, false),
            OptionScope::ActivityDefaults => (ACTIVITY, true),
            OptionScope::WorkflowCall => (WORKFLOW, false),
            OptionScope::WorkflowDefaults => (WORKFLOW, true),
            OptionScope::NexusCall => (NEXUS, false),
            OptionScope::Message => (MESSAGE, false),
            OptionScope::Query => (QUERY, false),
            OptionScope::Worker => (WORKER, false),
            OptionScope::Endpoint => (ENDPOINT, false),
            OptionScope::RetryPolicy => (RETRY_POLICY, false),
            OptionScope::Priority => (PRIORITY, false),
        };
        table.iter().filter(move |key| !is_definition || !CALL_ONLY.contains(&key.name))
    }

    /// The option of a key as written, older spellings included.
    pub fn key(self, written: &str) -> Option<&'static OptionKey> {
        let name = self.aliases().iter().find(|(old, _)| *old == written).map_or(written, |(_, new)| new);
        self.keys().find(|key| key.name == name)
    }

    /// Whether options of this scope are evaluated when a call is made; the nested ones may be.
    pub fn is_of_call(self) -> bool {
        matches!(
            self,
            OptionScope::ActivityCall
                | OptionScope::WorkflowCall
                | OptionScope::NexusCall
                | OptionScope::RetryPolicy
                | OptionScope::Priority
        )
    }

    /// Whether a key stands here at call sites only.
    pub fn is_call_only(self, written: &str) -> bool {
        matches!(self, OptionScope::ActivityDefaults | OptionScope::WorkflowDefaults)
            && CALL_ONLY.contains(&written)
    }

    fn aliases(self) -> &'static [(&'static str, &'static str)] {
        match self {
            OptionScope::ActivityCall | OptionScope::ActivityDefaults => ACTIVITY_ALIASES,
            OptionScope::WorkflowCall | OptionScope::WorkflowDefaults => WORKFLOW_ALIASES,
            OptionScope::NexusCall => NEXUS_ALIASES,
            OptionScope::RetryPolicy => RETRY_POLICY_ALIASES,
            OptionScope::Endpoint => ENDPOINT_ALIASES,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(scope: OptionScope, written: &str) -> Option<&'static str> {
        scope.key(written).map(|key| key.name)
    }

    #[test]
    fn a_bare_timeout_means_what_its_call_needs() {
        assert_eq!(name(OptionScope::NexusCall, "timeout"), Some("schedule_to_close_timeout"));
        assert_eq!(name(OptionScope::ActivityCall, "timeout"), Some("start_to_close_timeout"));
        assert_eq!(name(OptionScope::WorkflowCall, "timeout"), Some("workflow_execution_timeout"));
    }

    #[test]
    fn older_keys_are_resolved_where_they_were_used() {
        assert_eq!(name(OptionScope::ActivityDefaults, "retryPolicy"), Some("retry_policy"));
        assert_eq!(name(OptionScope::RetryPolicy, "max_attempts"), Some("maximum_attempts"));
        assert_eq!(name(OptionScope::Endpoint, "target_task_queue"), Some("task_queue"));
        assert_eq!(name(OptionScope::NexusCall, "scheduleToStartTimeout"), Some("schedule_to_start_timeout"));
        assert_eq!(name(OptionScope::NexusCall, "startToCloseTimeout"), Some("start_to_close_timeout"));
        assert_eq!(name(OptionScope::NexusCall, "task_queue"), None);
        assert_eq!(name(OptionScope::WorkflowDefaults, "parent_close_policy"), None);
    }

    #[test]
    fn every_alias_leads_to_a_key() {
        for scope in [
            OptionScope::ActivityCall,
            OptionScope::WorkflowCall,
            OptionScope::NexusCall,
            OptionScope::RetryPolicy,
            OptionScope::Endpoint,
        ] {
            assert!(scope.aliases().iter().all(|(old, _)| scope.key(old).is_some()), "{scope:?}");
        }
    }
}
