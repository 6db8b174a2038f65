//! Which attributes there are, and of which type each is.

use std::collections::BTreeMap;

use crate::suggest;
use crate::visibility::value::{AttributeType, AttributeValue, Attributes};
use crate::{Json, port::runs::RunRow};

/// An attribute that every run has without anybody setting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemAttribute {
    /// The workflow id.
    WorkflowId,
    /// The run id.
    RunId,
    /// The workflow's name.
    WorkflowType,
    /// The namespace; Temporal has no such attribute because its lists are always of one namespace.
    Namespace,
    /// When the run was started.
    StartTime,
    /// When its first task was due: the start and its delay.
    ExecutionTime,
    /// When it was closed.
    CloseTime,
    /// What has become of it.
    ExecutionStatus,
    /// Its queue.
    TaskQueue,
    /// Events of its history, once closed.
    HistoryLength,
    /// Bytes of its history, once closed.
    HistorySizeBytes,
    /// From its execution time to its close.
    ExecutionDuration,
    /// Records it took part in, once closed.
    StateTransitionCount,
    /// The workflow id of the run that started it.
    ParentWorkflowId,
    /// The run that started it.
    ParentRunId,
    /// The workflow id at the top of its tree; its own when nobody started it.
    RootWorkflowId,
    /// The run at the top of its tree; itself when nobody started it.
    RootRunId,
    /// The version of the project that it runs on: the first twelve digits of the definition's hash.
    TemporalWorkerDeploymentVersion,
}

use SystemAttribute as S;

impl SystemAttribute {
    /// Every one.
    pub const ALL: [SystemAttribute; 18] = [
        S::WorkflowId,
        S::RunId,
        S::WorkflowType,
        S::Namespace,
        S::StartTime,
        S::ExecutionTime,
        S::CloseTime,
        S::ExecutionStatus,
        S::TaskQueue,
        S::HistoryLength,
        S::HistorySizeBytes,
        S::ExecutionDuration,
        S::StateTransitionCount,
        S::ParentWorkflowId,
        S::ParentRunId,
        S::RootWorkflowId,
        S::RootRunId,
        S::TemporalWorkerDeploymentVersion,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            S::WorkflowId => "WorkflowId",
            S::RunId => "RunId",
            S::WorkflowType => "WorkflowType",
            S::Namespace => "Namespace",
            S::StartTime => "StartTime",
            S::ExecutionTime => "ExecutionTime",
            S::CloseTime => "CloseTime",
            S::ExecutionStatus => "ExecutionStatus",
            S::TaskQueue => "TaskQueue",
            S::HistoryLength => "HistoryLength",
            S::HistorySizeBytes => "HistorySizeBytes",
            S::ExecutionDuration => "ExecutionDuration",
            S::StateTransitionCount => "StateTransitionCount",
            S::ParentWorkflowId => "ParentWorkflowId",
            S::ParentRunId => "ParentRunId",
            S::RootWorkflowId => "RootWorkflowId",
            S::RootRunId => "RootRunId",
            S::TemporalWorkerDeploymentVersion => "TemporalWorkerDeploymentVersion",
        }
    }

    /// Its type.
    pub fn kind(self) -> AttributeType {
        match self {
            S::StartTime | S::ExecutionTime | S::CloseTime => AttributeType::Datetime,
            S::HistoryLength | S::HistorySizeBytes | S::ExecutionDuration | S::StateTransitionCount => {
                AttributeType::Int
            }
            _ => AttributeType::Keyword,
        }
    }

    /// Whether a run may lack it.
    pub fn is_optional(self) -> bool {
        matches!(
            self,
            S::CloseTime
                | S::HistoryLength
                | S::HistorySizeBytes
                | S::ExecutionDuration
                | S::StateTransitionCount
                | S::ParentWorkflowId
                | S::ParentRunId
                | S::TemporalWorkerDeploymentVersion
        )
    }
}

/// Attributes that parts of Nexus, or people who come from Temporal, set under agreed names.
const PREDEFINED: [(&str, AttributeType); 10] = [
    ("TemporalChangeVersion", AttributeType::KeywordList),
    ("BinaryChecksums", AttributeType::KeywordList),
    ("BuildIds", AttributeType::KeywordList),
    ("BatcherUser", AttributeType::Keyword),
    ("TemporalScheduledStartTime", AttributeType::Datetime),
    ("TemporalScheduledById", AttributeType::Keyword),
    ("TemporalSchedulePaused", AttributeType::Bool),
    ("TemporalWorkerDeployment", AttributeType::Keyword),
    ("TemporalReportedProblems", AttributeType::KeywordList),
    ("TemporalPauseInfo", AttributeType::KeywordList),
];

/// An attribute as a filter or an order names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// One that every run has.
    System(SystemAttribute),
    /// One that somebody sets.
    Custom {
        /// Its name.
        name: String,
        /// Its type. Values of another type under the same name are not seen.
        kind: AttributeType,
    },
}

impl Attribute {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Attribute::System(system) => system.as_str(),
            Attribute::Custom { name, .. } => name,
        }
    }

    /// Its type.
    pub fn kind(&self) -> AttributeType {
        match self {
            Attribute::System(system) => system.kind(),
            Attribute::Custom { kind, .. } => *kind,
        }
    }

    /// The custom value of a run, when it has one of this type.
    pub fn custom_value<'a>(&self, row: &'a RunRow) -> Option<&'a AttributeValue> {
        match self {
            Attribute::System(_) => None,
            Attribute::Custom { name, kind } => {
                row.attributes.get(name).filter(|value| value.kind() == *kind)
            }
        }
    }
}

/// The attributes of a namespace: system ones, predefined ones, those that were declared and those that were used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    custom: BTreeMap<String, AttributeType>,
}

impl Schema {
    /// Only what every namespace has.
    pub fn new() -> Schema {
        Schema { custom: PREDEFINED.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect() }
    }

    /// Whether a name is taken by the system.
    pub fn is_system(name: &str) -> bool {
        S::ALL.iter().any(|system| system.as_str() == name)
    }

    /// Declares an attribute: what was known under its name before gives way.
    pub fn declare(&mut self, name: impl Into<String>, kind: AttributeType) {
        self.custom.insert(name.into(), kind);
    }

    /// Adds an attribute that was used, unless its name is known.
    pub fn learn(&mut self, name: impl Into<String>, kind: AttributeType) {
        self.custom.entry(name.into()).or_insert(kind);
    }

    /// The type of a custom attribute.
    pub fn custom(&self, name: &str) -> Option<AttributeType> {
        self.custom.get(name).copied()
    }

    /// The attribute of a name.
    pub fn find(&self, name: &str) -> Option<Attribute> {
        if let Some(system) = S::ALL.into_iter().find(|system| system.as_str() == name) {
            return Some(Attribute::System(system));
        }
        self.custom(name).map(|kind| Attribute::Custom { name: name.to_owned(), kind })
    }

    /// The known name that is nearest to an unknown one.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let system = S::ALL.iter().map(|system| system.as_str());
        suggest::nearest(name, system.chain(self.custom.keys().map(String::as_str)))
    }

    /// Custom names and types in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, AttributeType)> {
        self.custom.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// Values as this schema types them, and what does not fit. A value whose name is unknown has the type of its JSON form.
    pub fn read(&self, given: &Json) -> (Attributes, Vec<String>) {
        let mut attributes = Attributes::default();
        let mut misfits = Vec::new();
        for (name, value) in given.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            let typed = match self.custom(name) {
                _ if Schema::is_system(name) => {
                    misfits.push(format!("{name} is kept by the system and cannot be set"));
                    continue;
                }
                Some(kind) => AttributeValue::of_type(kind, value)
                    .ok_or_else(|| format!("{name} is of type {}, and {value} is not", kind.as_str())),
                None => AttributeValue::inferred(value)
                    .ok_or_else(|| format!("{name} cannot be searched by: {value} has no type")),
            };
            match typed {
                Ok(value) => attributes.set(name.clone(), value),
                // An emptied list is how a list is taken away.
                Err(_) if value.as_array().is_some_and(Vec::is_empty) => {}
                Err(misfit) => misfits.push(misfit),
            }
        }
        (attributes, misfits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_found_and_suggested() {
        let mut schema = Schema::new();
        schema.declare("CustomerTier", AttributeType::Keyword);
        assert_eq!(schema.find("StartTime"), Some(Attribute::System(S::StartTime)));
        assert_eq!(schema.nearest("StartTim"), Some("StartTime"));
        assert_eq!(schema.nearest("customertier"), Some("CustomerTier"));
        assert_eq!(schema.find("starttime"), None);
    }

    #[test]
    fn declared_types_are_held_to() {
        let mut schema = Schema::new();
        schema.declare("Amount", AttributeType::Int);
        let given = json!({ "Amount": "ten", "Other": "x", "Gone": null, "StartTime": "x", "Tags": [] });
        let (attributes, misfits) = schema.read(&given);
        assert_eq!(attributes.to_json(), json!({ "Other": "x" }));
        assert_eq!(misfits.len(), 2, "{misfits:?}");
    }
}
