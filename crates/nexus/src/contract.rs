//! The contracts of workflows: what `nexus.toml` says of them, put into the operations that they became.

use std::collections::BTreeSet;

use nexus_gateway::schema;
use nexus_kernel::Json;
use nexus_kernel::cache::{CacheRule, TagPattern};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::redact;
use nexus_kernel::route::Route;
use nexus_kernel::suggest;

use crate::config::Config;
use crate::config::cache::wrong;
use crate::config::workflow::{WorkflowConfig, at};

/// Completes operations by what the configuration says. What fits no workflow, or not the workflow it names, is an error.
pub fn apply(config: &Config, operations: &mut [Operation]) -> Result<(), Error> {
    for (name, section) in &config.workflows {
        let indices: Vec<usize> = (0..operations.len())
            .filter(|index| operations.get(*index).is_some_and(|operation| is_named(operation, name)))
            .collect();
        if indices.is_empty() {
            return Err(at(name, &unknown(name, operations)));
        }
        for index in indices {
            if let Some(operation) = operations.get_mut(index) {
                complete(operation, section).map_err(|error| at(name, &error))?;
            }
        }
    }
    refuse_collisions(operations)
}

/// The same for operations of another version than that of the files: what does not fit them is left out.
pub fn apply_where_it_fits(config: &Config, operations: &mut [Operation]) {
    for (name, section) in &config.workflows {
        for operation in operations.iter_mut().filter(|operation| is_named(operation, name)) {
            let mut completed = operation.clone();
            match complete(&mut completed, section) {
                Ok(()) => *operation = completed,
                Err(error) => {
                    tracing::warn!(workflow = %name, %error, "its contract does not fit this version");
                }
            }
        }
    }
}

fn is_named(operation: &Operation, name: &str) -> bool {
    operation.is_workflow() && (operation.name == name || operation.id() == name)
}

fn unknown(name: &str, operations: &[Operation]) -> Error {
    let bare = name.rsplit('/').next().unwrap_or(name);
    let workflows = operations.iter().filter(|operation| operation.is_workflow());
    let error = Error::new(&code::CONFIG_INVALID, format!("there is no workflow {name:?}"));
    match suggest::nearest(bare, workflows.map(|workflow| workflow.name.as_str())) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help("name a workflow of this project, or take the section out"),
    }
}

fn complete(operation: &mut Operation, section: &WorkflowConfig) -> Result<(), Error> {
    if let Some(doc) = &section.doc {
        operation.doc.clone_from(doc);
        doc.lines().next().unwrap_or_default().clone_into(&mut operation.title);
    }
    if let Some(title) = &section.title {
        operation.title.clone_from(title);
    }
    for (field, keywords) in &section.fields {
        let properties = operation.input.get_mut("properties").and_then(Json::as_object_mut);
        let Some(own) = properties.and_then(|fields| fields.get_mut(field)).and_then(Json::as_object_mut)
        else {
            return Err(no_field(field, &operation.input));
        };
        // The type's own keywords stay: what is narrower there cannot be widened here.
        let both = keywords.iter().find(|(key, value)| {
            *key != "description" && *key != "title" && own.get(*key).is_some_and(|it| it != *value)
        });
        if let Some((key, _)) = both {
            return Err(Error::new(
                &code::CONFIG_INVALID,
                format!("fields.{field}: its type says {key:?} already"),
            )
            .help("take the keyword out, or change the type in the workflow"));
        }
        own.extend(keywords.clone());
    }
    for place in &section.sensitive {
        redact::mark(&mut operation.input, place).map_err(|step| no_place(place, step))?;
    }
    schema::check(&operation.input)?;
    operation.contract = section.contract()?;
    if let Some(rule) = &operation.contract.cache {
        check_cache(rule, &operation.input)?;
    }
    for route in &operation.contract.routes {
        check_route(route, &operation.input)?;
    }
    for (index, example) in operation.contract.examples.iter().enumerate() {
        schema::fits(&operation.input, &example.input, &format!("the input of example {}", index + 1))?;
        if let Some(output) = &example.output {
            schema::fits(&operation.output, output, &format!("the output of example {}", index + 1))?;
        }
    }
    Ok(())
}

/// Every place of a route that holds a field holds one that the workflow has, and each field has one place.
fn check_route(route: &Route, input: &Json) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    let mapped = route.query.values().chain(route.headers.values()).map(String::as_str);
    for field in route.fields().chain(mapped) {
        let known = input.get("properties").and_then(|fields| fields.get(field)).is_some();
        if !known {
            return Err(no_field(field, input));
        }
        if !seen.insert(field) {
            return Err(Error::new(&code::CONFIG_INVALID, format!("{route}: {field:?} has two places"))
                .help("take a field from the path, the query or a header"));
        }
    }
    Ok(())
}

/// Every part of the input that a key or a tag takes is one that the workflow has: one that is never there would be the same
/// for all calls, and they would get each other's answers.
fn check_cache(rule: &CacheRule, input: &Json) -> Result<(), Error> {
    let keys = rule.key.iter().flatten().map(|place| ("key", place.as_str()));
    let tags = rule.tags.iter().flat_map(TagPattern::places).map(|place| ("tags", place));
    for (key, place) in keys.chain(tags) {
        let found = redact::place_of(input, place)
            .and_then(|at| if place.split('/').any(|step| step == "*") { Err("*") } else { Ok(at) });
        if let Err(step) = found {
            let why = format!("the input has no place {place:?}: there is no {step:?}");
            return Err(wrong(
                key,
                &why,
                "write a place like \"/customer/id\", of a field that the workflow declares",
            ));
        }
    }
    Ok(())
}

fn no_place(place: &str, step: &str) -> Error {
    Error::new(
        &code::CONFIG_INVALID,
        format!("sensitive: the input has no place {place:?}: there is no {step:?}"),
    )
    .help("write a place like \"/card/number\", with \"*\" for every item of a list")
}

fn no_field(field: &str, input: &Json) -> Error {
    let known = input.get("properties").and_then(Json::as_object);
    let known: Vec<&str> =
        known.map(|fields| fields.keys().map(String::as_str).collect()).unwrap_or_default();
    let error = Error::new(&code::CONFIG_INVALID, format!("the workflow has no input field {field:?}"));
    match suggest::nearest(field, known.iter().copied()) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None if known.is_empty() => error.help("the workflow takes no input"),
        None => error.help(format!("its fields are {}", known.join(", "))),
    }
}

fn refuse_collisions(operations: &[Operation]) -> Result<(), Error> {
    let all: Vec<(&Operation, &Route)> = operations
        .iter()
        .flat_map(|operation| operation.contract.routes.iter().map(move |route| (operation, route)))
        .collect();
    for (index, (operation, route)) in all.iter().enumerate() {
        if let Some((other, _)) = all.iter().skip(index + 1).find(|(_, other)| route.collides(other)) {
            let message = format!("{route} would call both {} and {}", operation.id(), other.id());
            return Err(Error::new(&code::CONFIG_INVALID, message).help(
                "give each workflow a path of its own; where two namespaces have it, name it namespace/Name",
            ));
        }
    }
    Ok(())
}
