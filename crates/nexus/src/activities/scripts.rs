//! From the scripts of a project to functions: which file carries out which activity.
//!
//! A file of `activities/` carries out the activities whose names it exports. Whatever else it exports is its own matter:
//! helpers may share names. A file that hands on what another one defines steps back behind that one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use nexus_kernel::code;
use nexus_kernel::suggest::nearest;
use nexus_lang::twf::program::Program;
use nexus_sandbox::source::{self, Bundle};
use nexus_sandbox::{JsError, Module, Sandbox, Wishes};

use super::grants::Grants;
use super::secrets::ProjectSecrets;
use super::{Bindings, Function, configured};
use crate::project::Project;

/// A file that cannot be read, or an activity that two files export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// Path relative to the project.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl From<JsError> for ScriptError {
    fn from(error: JsError) -> ScriptError {
        let JsError { file, line, column, mut message, help, code } = error;
        // What is no plain fault of the text has a page of its own.
        if code != &code::SCRIPT_INVALID {
            message = format!("{message} [{}]", code.id);
        }
        ScriptError { file, line, column, message, help }
    }
}

/// What came of the scripts of a project.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The functions.
    pub bindings: Bindings,
    /// What is wrong.
    pub errors: Vec<ScriptError>,
    /// What the functions look like, by name.
    pub functions: BTreeMap<String, source::Function>,
    /// Every file that was read or looked for.
    pub inputs: Vec<PathBuf>,
}

/// The names of the activities that a program declares.
pub fn declared(program: &Program) -> HashSet<String> {
    program.activities().map(|activity| activity.name.clone()).collect()
}

impl Bindings {
    /// Reads and compiles the scripts of a project. All exports become functions, because open runs may be of a version
    /// that declares more than the files do now; that two files define the same one is an error when it is declared.
    /// Nothing of a script is executed.
    pub async fn compile(
        project: &Project,
        sandbox: &Sandbox,
        declared: Option<&HashSet<String>>,
    ) -> Compiled {
        let (functions, grants) = (HashMap::new(), Grants::new(project));
        let limits = project.config.sandbox.clone();
        let secrets = Arc::new(ProjectSecrets::new(project));
        let bindings = Bindings { functions, limits, grants, secrets, others: configured(project) };
        let mut compiled = Compiled { bindings, ..Compiled::default() };
        let mut bundles = Vec::new();
        for file in &project.activities {
            let read = source::read(&project.root, &file.path).await;
            compiled.inputs.extend(read.inputs);
            match read.result {
                Ok(bundle) => match wishes(&file.text, &bundle) {
                    Ok(wishes) => bundles.push((bundle, wishes)),
                    Err(error) => compiled.tell(error),
                },
                Err(errors) => errors.into_iter().for_each(|error| compiled.tell(error.into())),
            }
        }
        let named = &project.config.sandbox.functions;
        let is_meant = |name: &str| declared.is_some_and(|it| it.contains(name) || named.contains_key(name));
        let (bundles, wishes): (Vec<Bundle>, Vec<Option<Wishes>>) = bundles.into_iter().unzip();
        let owners = owners(&bundles);
        for (name, owners) in &owners {
            if let (true, [first, second, ..]) = (is_meant(name), owners.as_slice()) {
                compiled.tell(exported_twice(&bundles, name, (*first, *second)));
            }
        }
        compiled.add(sandbox, bundles.into_iter().zip(wishes), &owners).await;
        for error in compiled.bindings.add_components(project, sandbox).await {
            compiled.tell(error);
        }
        if compiled.errors.is_empty() {
            compiled.errors = misnamed(project, &compiled.bindings);
        }
        compiled
    }
}

impl Bindings {
    /// All exports of a module become functions.
    pub(super) fn add(&mut self, module: &Module) -> Option<ScriptError> {
        let mut twice = None;
        for name in module.exports() {
            let function = Function { module: module.clone(), wish: None, parameters: Vec::new() };
            if let Some(other) = self.functions.insert(name.clone(), function) {
                twice = Some(twice_in(module.file(), name, other.module.file()));
            }
        }
        twice
    }
}

impl Compiled {
    /// A file that several others import is wrong once.
    fn tell(&mut self, error: ScriptError) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// Compiles the files that carry something out.
    async fn add(
        &mut self,
        sandbox: &Sandbox,
        bundles: impl Iterator<Item = (Bundle, Option<Wishes>)>,
        owners: &BTreeMap<String, Vec<usize>>,
    ) {
        for (index, (bundle, wishes)) in bundles.enumerate() {
            let names: Vec<&String> = owners
                .iter()
                .filter(|(_, owners)| owners.first() == Some(&index))
                .map(|(name, _)| name)
                // What a file says of its limits is no function of it.
                .filter(|name| wishes.is_none() || *name != "limits")
                .collect();
            if names.is_empty() {
                continue;
            }
            let facts = bundle.functions().iter().filter(|facts| names.contains(&&facts.name));
            self.functions.extend(facts.map(|facts| (facts.name.clone(), facts.clone())));
            match sandbox.compile_bundle(bundle).await {
                Ok(module) => {
                    self.bindings.functions.extend(names.into_iter().map(|name| {
                        let wish = wishes.as_ref().and_then(|wishes| wishes.of(name)).cloned();
                        let (module, parameters) = (module.clone(), Vec::new());
                        (name.clone(), Function { module, wish, parameters })
                    }));
                }
                Err(error) => self.tell(error.into()),
            }
        }
    }
}

/// What a file asks for itself.
fn wishes(text: &str, bundle: &Bundle) -> Result<Option<Wishes>, ScriptError> {
    let wishes = Wishes::read(bundle.file(), text)?;
    let exports = || bundle.exports().iter().map(|export| export.name.as_str());
    let unknown = wishes.iter().flat_map(Wishes::functions).find(|name| !exports().any(|it| it == *name));
    match unknown {
        None => Ok(wishes),
        Some(unknown) => Err(ScriptError {
            file: bundle.file().to_owned(),
            line: 1,
            column: 1,
            message: format!("limits are for {unknown}, which the file does not export"),
            help: nearest(unknown, exports()).map(|near| format!("did you mean {near}?")),
        }),
    }
}

/// Who exports which name, in order of the files. Those that define it come before those that hand it on; when
/// there are any, the others step back.
fn owners(bundles: &[Bundle]) -> BTreeMap<String, Vec<usize>> {
    let mut owners: BTreeMap<String, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (index, bundle) in bundles.iter().enumerate() {
        for export in bundle.exports().iter().filter(|export| export.name != "default") {
            let (own, others) = owners.entry(export.name.clone()).or_default();
            if export.is_own { own.push(index) } else { others.push(index) }
        }
    }
    let first = |(own, others): (Vec<usize>, Vec<usize>)| {
        if own.is_empty() { others.into_iter().take(1).collect() } else { own }
    };
    owners.into_iter().map(|(name, found)| (name, first(found))).collect()
}

fn exported_twice(bundles: &[Bundle], name: &str, (first, second): (usize, usize)) -> ScriptError {
    let file = |index: usize| bundles.get(index).map(Bundle::file).unwrap_or_default();
    twice_in(file(second), name, file(first))
}

fn twice_in(file: &str, name: &str, other: &str) -> ScriptError {
    ScriptError {
        file: file.to_owned(),
        line: 1,
        column: 1,
        message: format!("{name} is exported by {other} too"),
        help: Some("an activity has one function; rename or remove one of them".to_owned()),
    }
}

/// Functions that the configuration speaks of and that nobody exports: a grant is not ignored.
fn misnamed(project: &Project, bindings: &Bindings) -> Vec<ScriptError> {
    let named = project.config.sandbox.functions.keys();
    let unknown = named.filter(|name| !bindings.functions.contains_key(*name));
    let told = unknown.map(|name| ScriptError {
        file: "nexus.toml".to_owned(),
        line: 1,
        column: 1,
        message: format!("[sandbox.functions.{name}]: no file in activities/ exports {name}"),
        help: nearest(name, bindings.functions.keys().map(String::as_str))
            .map(|near| format!("did you mean {near}?")),
    });
    told.collect()
}
