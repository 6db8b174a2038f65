//! `[workflows.NAME]`: what callers are told of a workflow beside its types, and paths of its own.

use std::collections::BTreeMap;

use nexus_gateway::policy;
use nexus_kernel::Json;
use nexus_kernel::call::OnDisconnect;
use nexus_kernel::code;
use nexus_kernel::contract::{Contract, Example};
use nexus_kernel::error::Error;
use nexus_kernel::route::Route;
use nexus_kernel::suggest;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::breaker::BreakerConfig;
use super::cache::WorkflowCacheConfig;

/// Keywords of JSON Schema that may be added to an input field. Each of them narrows or describes; none can allow what the
/// workflow's own type refuses.
pub const KEYWORDS: &[&str] = &[
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
    "title",
    "uniqueItems",
    "x-sensitive",
];

/// One workflow, named `Name` or `namespace/Name`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkflowConfig {
    /// A short title for people.
    pub title: Option<String>,
    /// What it does, in place of the comment above the workflow.
    pub doc: Option<String>,
    /// Why it should not be used any more, and what to use instead.
    pub deprecated: Option<String>,
    /// What becomes of a run when the caller who waits for it goes away: `detach`, unless this says `cancel`.
    pub on_disconnect: Option<String>,
    /// When it may be called at all, for everybody and beside what they are allowed: an expression of CEL.
    pub when: Option<String>,
    /// How long calls may be answered as equal ones were before.
    pub cache: Option<WorkflowCacheConfig>,
    /// Words that group workflows for people.
    pub tags: Vec<String>,
    /// Paths under which HTTP callers reach it.
    pub http: Vec<RouteConfig>,
    /// Inputs worth trying.
    pub examples: Vec<ExampleConfig>,
    /// Places of the input that nobody but the workflow is to see: `/card/number`, `*` for every item.
    pub sensitive: Vec<String>,
    /// When it is left alone for a while because it fails.
    pub breaker: Option<BreakerConfig>,
    /// Keywords of JSON Schema by input field.
    pub fields: BTreeMap<String, Map<String, Json>>,
}

/// A path: `"GET /orders/{id}"`, or a table when fields come from elsewhere than their names say.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum RouteConfig {
    /// Every field is where its name says.
    Plain(String),
    /// With fields by query parameter and header.
    Mapped(MappedRoute),
}

/// A path whose fields have other names in the request.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MappedRoute {
    /// Method and path.
    pub route: String,
    /// Input fields by query parameter.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Input fields by header.
    #[serde(default)]
    pub header: BTreeMap<String, String>,
}

/// `[[workflows.NAME.examples]]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExampleConfig {
    /// What it shows.
    #[serde(default)]
    pub title: String,
    /// The input.
    pub input: Map<String, Json>,
    /// What comes back.
    pub output: Option<Json>,
}

impl RouteConfig {
    fn route(&self) -> Result<Route, Error> {
        match self {
            RouteConfig::Plain(text) => Route::parse(text),
            RouteConfig::Mapped(mapped) => {
                let lower = |(name, field): (&String, &String)| (name.to_ascii_lowercase(), field.clone());
                let headers = mapped.header.iter().map(lower).collect();
                Ok(Route { query: mapped.query.clone(), headers, ..Route::parse(&mapped.route)? })
            }
        }
    }
}

impl WorkflowConfig {
    /// Whether it makes sense by itself. Whether it fits the workflow is seen when that is known.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        self.contract().map_err(|error| at(name, &error))?;
        for (field, keywords) in &self.fields {
            if let Some(unknown) = keywords.keys().find(|key| !KEYWORDS.contains(&key.as_str())) {
                let message = format!("fields.{field}: there is no keyword {unknown:?}");
                let help = match suggest::nearest(unknown, KEYWORDS.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("the keywords are {}", KEYWORDS.join(", ")),
                };
                return Err(at(name, &Error::new(&code::CONFIG_INVALID, message).help(help)));
            }
        }
        Ok(())
    }

    /// The contract that the section declares.
    pub fn contract(&self) -> Result<Contract, Error> {
        let routes = self.http.iter().map(RouteConfig::route).collect::<Result<_, _>>()?;
        let examples = self.examples.iter().map(|example| Example {
            title: example.title.clone(),
            input: Json::Object(example.input.clone()),
            output: example.output.clone(),
        });
        let on_disconnect = match self.on_disconnect.as_deref() {
            None => OnDisconnect::default(),
            Some(text) => OnDisconnect::parse(text).ok_or_else(|| {
                let message = format!("on_disconnect: {text:?} is nothing to do");
                Error::new(&code::CONFIG_INVALID, message).help("say \"detach\" or \"cancel\"")
            })?,
        };
        let cache = self.cache.as_ref().map(WorkflowCacheConfig::rule).transpose()?;
        let (deprecated, tags) = (self.deprecated.clone(), self.tags.clone());
        let when = self.when.as_deref().map(policy::condition).transpose()?;
        Ok(Contract { examples: examples.collect(), deprecated, routes, on_disconnect, cache, tags, when })
    }
}

/// The same error, with the section it is about.
pub fn at(name: &str, error: &Error) -> Error {
    let section = format!("[workflows.{}]", quoted(name));
    let is_about_cache = error.code() == &code::CACHE_INVALID;
    let code = if is_about_cache { &code::CACHE_INVALID } else { &code::CONFIG_INVALID };
    let told = Error::new(code, format!("{section}: {}", error.message()));
    let told = told.fault(format!("{}: {section}", super::FILE), error.message());
    let told = error.faults().iter().fold(told, |told, fault| told.fault(&fault.at, &fault.message));
    told.help(error.help_text().unwrap_or("`nexus explain NX-1003` shows a complete file"))
}

/// A key as TOML writes it.
fn quoted(name: &str) -> String {
    let is_bare = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { name.to_owned() } else { format!("{name:?}") }
}
