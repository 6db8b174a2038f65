//! Which function is meant: a file of the project, a file anywhere, or a name alone.

use std::path::Path;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest::nearest;

use crate::activities::local::Local;
use crate::project::Project;

/// What was found.
pub(super) struct Found {
    /// The project, or the file as a project of its own.
    pub(super) project: Project,
    /// The file as the project calls it; any when absent.
    pub(super) file: Option<String>,
    /// The function; the only one there is when absent.
    pub(super) name: Option<String>,
}

/// Reads `FILE:NAME`, `FILE` or `NAME`. A file is looked for in the project first, then from this folder.
pub(super) fn find(folder: &Path, function: &str) -> Result<Found, Error> {
    let project = if Project::is_at(folder) { Some(Project::read(folder)?) } else { None };
    let (file, name) = match function.rsplit_once(':') {
        Some((file, name)) => (file, Some(name.to_owned())),
        None if is_file(function, project.as_ref()) => (function, None),
        None => {
            let project = project.ok_or_else(|| no_project(function))?;
            return Ok(Found { project, file: None, name: Some(function.to_owned()) });
        }
    };
    if let Some(project) = project {
        if let Some(file) = in_project(&project, file) {
            return Ok(Found { project, file: Some(file), name });
        }
        if !Path::new(file).is_file() {
            return Err(no_file(&project, file));
        }
    }
    let path = Path::new(file);
    if !path.is_file() {
        return Err(Error::new(&code::FUNCTION_UNKNOWN, format!("there is no file {file}"))
            .help("name the function as FILE:NAME, for example activities/orders.js:CountOrders"));
    }
    let project = Project::of_script(path)?;
    let file = paths(&project).next().map(str::to_owned);
    Ok(Found { project, file, name })
}

/// The only function of a file.
pub(super) fn only(local: &Local, file: Option<&str>) -> Result<String, Error> {
    let names = local.names();
    let here: Vec<&str> =
        names.iter().filter(|(of, _)| Some(of.as_str()) == file).map(|(_, name)| name.as_str()).collect();
    let file = file.unwrap_or_default();
    match here.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(local.unreadable_in(file).unwrap_or_else(|| {
            Error::new(&code::FUNCTION_UNKNOWN, format!("{file} exports no function"))
                .help("for example: export function Greet(input, ctx) { return input }")
        })),
        several => Err(Error::new(&code::FUNCTION_UNKNOWN, format!("{file} has several functions"))
            .help(format!("name one of them, such as {file}:{}", several.first().unwrap_or(&"NAME")))),
    }
}

fn is_file(text: &str, project: Option<&Project>) -> bool {
    Path::new(text).is_file() || project.is_some_and(|project| in_project(project, text).is_some())
}

/// All files that may have functions.
fn paths(project: &Project) -> impl Iterator<Item = &str> {
    let scripts = project.activities.iter().map(|it| it.path.as_str());
    scripts.chain(project.components.iter().map(|it| it.path.as_str()))
}

/// The file under the name that the project has for it.
fn in_project(project: &Project, file: &str) -> Option<String> {
    let paths = || paths(project);
    if let Some(found) = paths().find(|path| *path == file) {
        return Some(found.to_owned());
    }
    let real = Path::new(file).canonicalize().ok()?;
    let same = |path: &&str| project.root.join(path).canonicalize().is_ok_and(|it| it == real);
    paths().find(same).map(str::to_owned)
}

fn no_file(project: &Project, file: &str) -> Error {
    let error = Error::new(&code::FUNCTION_UNKNOWN, format!("the project has no file {file}"));
    match nearest(file, paths(project)) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None => error.help("`nexus fn list` shows the functions and their files"),
    }
}

fn no_project(function: &str) -> Error {
    Error::new(
        &code::FUNCTION_UNKNOWN,
        format!("there is no project here that could have a function {function}"),
    )
    .help("name its file, as in FILE:NAME, or the project with --project DIR")
}
