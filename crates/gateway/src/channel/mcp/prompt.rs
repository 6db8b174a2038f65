//! Prompts: texts of a project, filled in for an agent, and what is proposed while somebody fills them in.

use std::collections::BTreeSet;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;
use rmcp::ErrorData;
use rmcp::model::{
    CompleteRequestParams, CompletionInfo, GetPromptResult, Prompt, PromptArgument, PromptMessage, Reference,
    Role,
};
use serde_json::{Map, json};

use crate::channel::mcp::content::{McpArgument, McpPrompt, Values};
use crate::channel::mcp::refused;
use crate::channel::mcp::resource::Reader;
use crate::channel::mcp::tools::ToolSet;
use crate::limits::{MCP_PROPOSALS_MAX, MCP_RUNS_LISTED};

/// How a prompt looks to a client.
pub(super) fn shown(prompt: &McpPrompt) -> Prompt {
    let argument = |argument: &McpArgument| {
        let shown = PromptArgument::new(argument.name.as_str()).with_required(argument.required);
        match &argument.description {
            Some(description) => shown.with_description(description.as_str()),
            None => shown,
        }
    };
    let arguments: Vec<PromptArgument> = prompt.arguments.iter().map(argument).collect();
    let arguments = Some(arguments).filter(|all| !all.is_empty());
    let shown = Prompt::new(prompt.name.as_str(), prompt.description.as_deref(), arguments);
    match &prompt.title {
        Some(title) => shown.with_title(title.as_str()),
        None => shown,
    }
}

/// A prompt with its places filled.
pub(super) fn filled(prompt: &McpPrompt, given: &Map<String, Json>) -> Result<GetPromptResult, ErrorData> {
    let text = fill(prompt, given).map_err(|error| refused(&error))?;
    let result = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]);
    Ok(match &prompt.description {
        Some(description) => result.with_description(description.as_str()),
        None => result,
    })
}

fn fill(prompt: &McpPrompt, given: &Map<String, Json>) -> Result<String, Error> {
    let known = || prompt.arguments.iter().map(|argument| argument.name.as_str());
    if let Some(unknown) = given.keys().find(|name| !known().any(|known| known == name.as_str())) {
        let message = format!("the prompt {} has no argument {unknown:?}", prompt.name);
        let error =
            Error::new(&code::MCP_PROMPT_INVALID, message).fault(format!("/{unknown}"), "is not known");
        return Err(match suggest::nearest(unknown, known()) {
            Some(near) => error.help(format!("did you mean {near:?}?")),
            None => error.help(format!("it has {}", known().collect::<Vec<_>>().join(", "))),
        });
    }
    let missing =
        prompt.arguments.iter().find(|argument| argument.required && !given.contains_key(&argument.name));
    if let Some(missing) = missing {
        let message = format!("the prompt {} needs the argument {:?}", prompt.name, missing.name);
        let what = missing.description.clone().unwrap_or_else(|| "is missing".to_owned());
        return Err(Error::new(&code::MCP_PROMPT_INVALID, message).fault(format!("/{}", missing.name), what));
    }
    Ok(pieces(&prompt.body)
        .map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Place(name) => given.get(name).map(text_of).unwrap_or_default(),
        })
        .collect())
}

/// Arguments of prompts are texts; whatever else a client sends is written as JSON.
fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// A part of a prompt's body.
enum Piece<'a> {
    Text(&'a str),
    Place(&'a str),
}

/// The body in order: texts, and the names of places between them.
fn pieces(body: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match place(rest) {
            Some((0, name, length)) => {
                rest = rest.get(length..).unwrap_or("");
                Some(Piece::Place(name))
            }
            found => {
                let (text, after) = rest.split_at(found.map_or(rest.len(), |(at, ..)| at));
                rest = after;
                Some(Piece::Text(text))
            }
        }
    })
}

/// The first `{{name}}` of a text: where it begins, its name, and its length.
fn place(text: &str) -> Option<(usize, &str, usize)> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find("{{").map(|at| at + from) {
        let inner = text.get(at + 2..)?;
        if let Some((name, _)) = inner.split_once("}}") {
            let tidy = name.trim();
            if !tidy.is_empty() && tidy.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Some((at, tidy, name.len() + 4));
            }
        }
        from = at + 2;
    }
    None
}

impl McpPrompt {
    /// The names in its body's places, each with the byte that it begins at.
    pub fn places(&self) -> Vec<(usize, &str)> {
        let mut at = 0;
        let mut found = Vec::new();
        while let Some((start, name, length)) = self.body.get(at..).and_then(place) {
            found.push((at + start, name));
            at += start + length;
        }
        found
    }
}

/// What is proposed for an argument of a prompt or a variable of a resource's address.
pub(super) async fn proposals(
    reader: &Reader<'_>,
    tools: &ToolSet,
    prompt: Option<&McpPrompt>,
    request: &CompleteRequestParams,
) -> Result<CompletionInfo, ErrorData> {
    let argument = &request.argument;
    let context = request.context.as_ref();
    let values = match (&request.r#ref, prompt) {
        (Reference::Prompt(_), Some(prompt)) => {
            let found = prompt.arguments.iter().find(|known| known.name == argument.name);
            match found.map(|found| &found.values) {
                Some(Values::These(values)) => values.clone(),
                Some(Values::Workflows) => workflows(tools),
                Some(Values::Runs) => runs(reader, tools).await,
                Some(Values::None) => Vec::new(),
                None => return Err(nothing(&format!("the prompt has no argument {:?}", argument.name))),
            }
        }
        (Reference::Resource(template), _) => {
            let namespace = context.and_then(|it| it.get_argument("namespace")).map(String::as_str);
            variables(reader, tools, (&template.uri, &argument.name), namespace).await
        }
        _ => return Err(nothing("there is no such prompt")),
    };
    Ok(fitting(values, &argument.value))
}

fn nothing(why: &str) -> ErrorData {
    ErrorData::invalid_params(why.to_owned(), Some(json!({ "code": code::MCP_PROMPT_INVALID.id })))
}

async fn variables(
    reader: &Reader<'_>,
    tools: &ToolSet,
    (template, variable): (&str, &str),
    namespace: Option<&str>,
) -> Vec<String> {
    let in_namespace = |it: &nexus_kernel::operation::Operation| {
        namespace.is_none_or(|wanted| it.namespace.as_ref().is_some_and(|own| own.as_str() == wanted))
    };
    match variable {
        "id" if template.starts_with("nexus://runs/") => runs(reader, tools).await,
        "namespace" => tools.workflows().filter_map(|it| Some(it.namespace.as_ref()?.to_string())).collect(),
        "name" => tools.workflows().filter(|it| in_namespace(it)).map(|it| it.name.clone()).collect(),
        _ => Vec::new(),
    }
}

fn workflows(tools: &ToolSet) -> Vec<String> {
    tools.workflows().map(|operation| operation.name.clone()).collect()
}

async fn runs(reader: &Reader<'_>, tools: &ToolSet) -> Vec<String> {
    if tools.of_operation("run.list").is_none() {
        return Vec::new();
    }
    let Ok(listed) = reader.verb("run.list", json!({ "limit": MCP_RUNS_LISTED })).await else {
        return Vec::new();
    };
    let rows = listed.get("runs").and_then(Json::as_array).into_iter().flatten();
    rows.filter_map(|row| Some(row.get("run_id")?.as_str()?.to_owned())).collect()
}

/// Those that begin like what was typed, then those that hold it; as many as a client takes.
fn fitting(values: Vec<String>, typed: &str) -> CompletionInfo {
    let typed = typed.to_lowercase();
    let mut seen = BTreeSet::new();
    let mut found: Vec<(bool, String)> = values
        .into_iter()
        .filter(|value| seen.insert(value.clone()))
        .map(|value| (!value.to_lowercase().starts_with(&typed), value))
        .filter(|(_, value)| value.to_lowercase().contains(&typed))
        .collect();
    found.sort_by_key(|(inside, _)| *inside);
    let total = found.len();
    let mut info = CompletionInfo::default();
    info.values = found.into_iter().take(MCP_PROPOSALS_MAX).map(|(_, value)| value).collect();
    info.total = u32::try_from(total).ok();
    info.has_more = Some(total > MCP_PROPOSALS_MAX);
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prompt(body: &str) -> McpPrompt {
        let argument =
            |name: &str, required| McpArgument { name: name.into(), required, ..McpArgument::default() };
        let arguments = vec![argument("order", true), argument("tone", false)];
        McpPrompt { name: "review".into(), arguments, body: body.into(), ..McpPrompt::default() }
    }

    fn given(value: &Json) -> Map<String, Json> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn places_are_filled_and_nothing_else() {
        let prompt = prompt("Look at {{order}} {{ tone }}: {{x y}} {{order {{order}} }}");
        let text = fill(&prompt, &given(&json!({ "order": "{{tone}}" }))).unwrap();
        assert_eq!(text, "Look at {{tone}} : {{x y}} {{order {{tone}} }}");
        assert_eq!(prompt.places(), [(8, "order"), (18, "tone"), (46, "order")]);
    }

    #[test]
    fn what_is_missing_or_unknown_is_told() {
        let prompt = prompt("{{order}}");
        let error = fill(&prompt, &given(&json!({}))).unwrap_err();
        assert_eq!(error.message(), "the prompt review needs the argument \"order\"");
        let error = fill(&prompt, &given(&json!({ "odrer": "1" }))).unwrap_err();
        assert_eq!(error.help_text(), Some("did you mean \"order\"?"));
    }

    #[test]
    fn proposals_that_begin_alike_come_first() {
        let info = fitting(vec!["Undo".into(), "Do".into(), "Pay".into(), "Do".into()], "do");
        assert_eq!(info.values, ["Do", "Undo"]);
        assert_eq!((info.total, info.has_more), (Some(2), Some(false)));
    }

    proptest! {
        #[test]
        fn any_body_can_be_filled(body in "[{}a ]{0,40}|.{0,60}") {
            let text = fill(&prompt(&body), &given(&json!({ "order": "" }))).unwrap();
            prop_assert!(text.len() <= body.len());
        }
    }
}
