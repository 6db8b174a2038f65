//! Services of `nexus.toml` as a file of the language.
//!
//! Each becomes a service whose operations call one activity and return its result. The file is compiled, kept and replayed
//! like those of the project, and so the function is called durably: it is tried again, and a run that had called it before a
//! restart does not call it twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::text::diagnostic::Diagnostic;
use nexus_lang::text::source::{SourceId, Sources, Span};
use nexus_lang::twf::ast::{Activity, Definition, Unit};
use nexus_lang::twf::parser::parse;

use crate::config::service::{ServiceConfig, ServiceOperationConfig, place};
use crate::config::{Config, FILE};
use crate::project::{Project, SourceFile};

/// The name of the file, which is nowhere on the disk.
pub(crate) const PATH: &str = "nexus.toml/services.twf";

/// A name that hardly any input has as its only key: an object with that key alone would be taken for the parameter by name.
const INPUT: &str = "operation_input";

/// What the operations return.
const RESULT: &str = "operation_result";

/// Services as a file.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The file's text; empty when there is nothing to write.
    pub text: String,
    /// What the workflow files do not allow.
    pub errors: Vec<Error>,
}

/// What the workflow files define that services must fit.
#[derive(Debug, Default)]
pub(crate) struct Defined {
    /// Where each service is, by name.
    services: BTreeMap<String, String>,
    /// How many parameters each activity takes, by name.
    activities: BTreeMap<String, usize>,
}

/// Writes the services of a project.
pub(crate) fn of_project(project: &Project) -> Written {
    if project.config.services.is_empty() {
        return Written::default();
    }
    let mut defined = Defined::default();
    for file in &project.workflows {
        defined.add(&parse(SourceId(0), &file.text).unit, &file.path, &file.text);
    }
    write(&project.config, &defined)
}

/// Writes the services of a configuration for a project whose files define this.
pub(crate) fn write(config: &Config, defined: &Defined) -> Written {
    if config.services.is_empty() {
        return Written::default();
    }
    let mut written = Written { text: "# twf: services=everywhere\n".to_owned(), errors: Vec::new() };
    let mut functions = BTreeSet::new();
    for (name, service) in &config.services {
        if let Some(taken) = defined.services.get(name) {
            let why = format!("a service of this name is defined at {taken}");
            written.errors.push(wrong(&place(name, None), &why, "give one of them another name"));
            continue;
        }
        written.service(name, service, defined);
        functions.extend(service.operations.values().map(|operation| operation.function.as_str()));
    }
    for function in functions.into_iter().filter(|name| !defined.activities.contains_key(*name)) {
        // Writing to a string cannot fail.
        let _ = write!(written.text, "\nactivity {function}({INPUT}: any) -> (any):\n    ...\n");
    }
    written
}

/// The services of a project as a file of it; nothing when there are none.
pub(crate) fn file(project: &Project) -> Option<SourceFile> {
    let text = of_project(project).text;
    (!text.is_empty()).then(|| SourceFile { path: PATH.to_owned(), text })
}

/// Takes out findings that point into that file. Nobody can mend a text that is nowhere: an error in it is one of the
/// configuration that it was made of.
pub(crate) fn hide(found: &mut Vec<Diagnostic>, sources: &Sources) -> Option<Error> {
    let is_seen = |span: Span| sources.get(span.source).is_none_or(|source| &*source.path != PATH);
    let hidden = found.extract_if(.., |it| !it.span.is_none_or(is_seen));
    let error = hidden.filter(Diagnostic::is_error).fold(None, |first, it| first.or(Some(it.message)));
    for it in found {
        it.labels.retain(|(span, _)| is_seen(*span));
    }
    let help = "services and operations have names that a workflow file could give them";
    error.map(|why| wrong("services", &why, help))
}

/// The function of an operation that nobody implements.
pub(crate) fn unbound(config: &Config, has: impl Fn(&str) -> bool) -> Vec<Error> {
    let mut errors = Vec::new();
    for (service, operation, config) in operations(config).filter(|(.., it)| !has(&it.function)) {
        let at = format!("{}.function", place(service, Some(operation)));
        let why = format!("nobody implements {}", config.function);
        let help = format!("export a function {} from a file in activities/", config.function);
        errors.push(wrong(&at, &why, &help));
    }
    errors
}

fn operations(config: &Config) -> impl Iterator<Item = (&str, &str, &ServiceOperationConfig)> {
    config.services.iter().flat_map(|(service, it)| {
        it.operations.iter().map(move |(name, operation)| (service.as_str(), name.as_str(), operation))
    })
}

impl Written {
    fn service(&mut self, name: &str, service: &ServiceConfig, defined: &Defined) {
        self.text.push('\n');
        self.comment("", service.description.as_deref());
        let _ = writeln!(self.text, "nexus service {name}:");
        for (operation, config) in &service.operations {
            let function = &config.function;
            if let Some(count) = defined.activities.get(function).filter(|count| **count != 1) {
                let at = format!("{}.function", place(name, Some(operation)));
                let why =
                    format!("activity {function} takes {count} parameters, and an operation has one input");
                self.errors.push(wrong(
                    &at,
                    &why,
                    "declare it with one parameter, or call it from a workflow",
                ));
                continue;
            }
            self.comment("    ", config.description.as_deref());
            let _ = writeln!(self.text, "    sync {operation}({INPUT}: any = null) -> (any):");
            let _ = writeln!(self.text, "        activity {function}({INPUT}) -> {RESULT}");
            if let Some(timeout) = config.timeout {
                let _ = writeln!(self.text, "            options:");
                let timeout = String::from(timeout);
                let _ = writeln!(self.text, "                start_to_close_timeout: {timeout}");
            }
            let _ = writeln!(self.text, "        return {RESULT}");
        }
    }

    fn comment(&mut self, indent: &str, text: Option<&str>) {
        for line in text.into_iter().flat_map(str::lines) {
            let _ = writeln!(self.text, "{indent}# {line}");
        }
    }
}

impl Defined {
    /// Notes what a file defines.
    pub(crate) fn add(&mut self, unit: &Unit, path: &str, text: &str) {
        // What is in a package is known by another name.
        if unit.package.is_some() {
            return;
        }
        for definition in &unit.definitions {
            match definition {
                Definition::Service(it) => {
                    let before = text.get(..it.span.start as usize).unwrap_or_default();
                    let line = before.matches('\n').count() + 1;
                    self.services.insert(it.name.name.to_string(), format!("{path}:{line}"));
                }
                Definition::Activity(Activity { name, params, .. }) => {
                    self.activities.insert(name.name.to_string(), params.len());
                }
                _ => {}
            }
        }
    }
}

fn wrong(at: &str, why: &str, help: &str) -> Error {
    Error::new(&code::CONFIG_INVALID, format!("{at}: {why}")).fault(format!("{FILE}: {at}"), why).help(help)
}

#[cfg(test)]
mod tests {
    use nexus_lang::twf::compile_sources;

    use super::*;

    const TOML: &str = "[services.Cards]\ndescription = \"Money.\\nAnd more.\"\n\
        [services.Cards.operations.Charge]\nfunction = \"charge\"\ntimeout = \"1m30s\"\ndescription = \"Takes it.\"\n\
        [services.Cards.operations.Refund]\nfunction = \"refund\"\n";

    fn written(text: &str) -> Written {
        let mut defined = Defined::default();
        defined.add(&parse(SourceId(0), text).unit, "workflows/a.twf", text);
        write(&Config::parse(TOML).unwrap(), &defined)
    }

    #[test]
    fn services_are_programs_with_one_activity_for_each_operation() {
        let own = "activity refund(order: string) -> (string):\n    ...\n";
        let written = written(own);
        assert_eq!(written.errors, []);
        let mut sources = Sources::new();
        sources.add("workflows/a.twf", own);
        sources.add(PATH, &written.text);
        let program = compile_sources(&sources, false).program.unwrap_or_else(|| panic!("{}", written.text));
        let service = program.services().next().unwrap();
        assert_eq!((service.name.as_str(), service.doc.as_str()), ("Cards", "Money.\nAnd more."));
        let names: Vec<_> = service.operations.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["Charge", "Refund"]);
        let activities: Vec<_> = program.activities().map(|it| it.name.as_str()).collect();
        assert_eq!(activities, ["refund", "charge"], "what a file declares is not declared again");
        assert!(program.workflow("Cards.Charge").is_some());
    }

    #[test]
    fn what_is_wrong_with_the_text_is_told_of_the_configuration() {
        let config = Config::parse("[services.A.operations.if]\nfunction = \"f\"\n").unwrap();
        let mut sources = Sources::new();
        sources.add(PATH, &write(&config, &Defined::default()).text);
        let mut found = compile_sources(&sources, false).diagnostics;
        assert!(found.iter().any(Diagnostic::is_error), "`if` is no name");
        let error = hide(&mut found, &sources).unwrap();
        assert_eq!((error.faults()[0].at.as_str(), found.len()), ("nexus.toml: services", 0));
    }

    #[test]
    fn what_the_files_do_not_allow_is_told_with_its_key() {
        let told = written("\nnexus service Cards:\n    sync A():\n        return 1\n").errors;
        assert_eq!(
            told[0].message(),
            "services.Cards: a service of this name is defined at workflows/a.twf:2"
        );
        let told = written("activity refund(a: string, b: int):\n    ...\n").errors;
        assert_eq!(told[0].faults()[0].at, "nexus.toml: services.Cards.operations.Refund.function");
        let told = unbound(&Config::parse(TOML).unwrap(), |name| name == "refund");
        assert_eq!(told[0].faults()[0].at, "nexus.toml: services.Cards.operations.Charge.function");
    }
}
