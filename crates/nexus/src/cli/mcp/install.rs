//! `nexus mcp install`: one more server in the configuration of an agent's program.
//!
//! The file is somebody else's. It is changed where the server stands and nowhere else, so comments and layout stay;
//! it is written whole or not at all; and what it said before is kept beside it.

mod edit;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::json;

use super::InstallArgs;
use super::clients::Places;
use crate::cli::Global;
use crate::config::Config;
use crate::output::Output;
use crate::project::Project;

/// Writes it, or shows it.
pub(super) fn install(global: &Global, args: &InstallArgs, output: Output) -> Result<(), Error> {
    let root = project_root(&global.project)?;
    check_subset(&root, args.subset.as_deref())?;
    let file = args.client.file(&Places::of_user()?, args.local.then_some(root.as_path()))?;
    let name = args.name.clone().unwrap_or_else(|| server_name(&root));
    let (command, arguments) = command(global, &root, args.subset.as_deref())?;
    let entry = args.client.entry(&command, &arguments);
    let before = read(&file)?;
    let edited = edit::with_server(before.as_deref().unwrap_or(""), (args.client.section(), &name), &entry);
    let after = edited.map_err(|why| broken(&file, &why))?;
    if args.print {
        output.note(&format!("{}:", file.display()));
        output.raw(&after);
        return Ok(());
    }
    if before.as_deref() == Some(after.as_str()) {
        output.note(&format!("{} has {name} already", args.client.name()));
        return Ok(());
    }
    let backup = write(&file, before.as_deref(), &after)?;
    tell(args, &name, (&file, backup.as_deref()), output);
    Ok(())
}

fn tell(args: &InstallArgs, name: &str, (file, backup): (&Path, Option<&Path>), output: Output) {
    if output.is_json() {
        output.json(&json!({ "file": file, "backup": backup, "server": name }));
        return;
    }
    output.note(&format!("{} has the server {name} now: {}", args.client.name(), file.display()));
    if let Some(backup) = backup {
        output.note(&format!("  what it said before: {}", backup.display()));
    }
    output.note(&format!("  {}", args.client.afterwards()));
}

/// The project's folder, by the name that is good from everywhere.
fn project_root(path: &Path) -> Result<PathBuf, Error> {
    if !path.is_file() && !Project::is_at(path) {
        return Err(Error::new(&code::PROJECT_MISSING, format!("{} is not a project", path.display()))
            .help("go to a project's folder, or name it with --project; `nexus new DIR` makes one"));
    }
    path.canonicalize()
        .map_err(|error| Error::new(&code::PROJECT_MISSING, format!("{}: {error}", path.display())))
}

fn check_subset(root: &Path, subset: Option<&str>) -> Result<(), Error> {
    let Some(name) = subset else { return Ok(()) };
    let config = Config::read(root)?;
    if config.mcp.servers.contains_key(name) {
        return Ok(());
    }
    let error = Error::new(&code::MCP_SUBSET_UNKNOWN, format!("nexus.toml has no [mcp.servers.{name}]"));
    let known = config.mcp.servers.keys().map(String::as_str);
    Err(match nexus_kernel::suggest::nearest(name, known) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help("declare one: [mcp.servers.NAME] with tools = [\"Checkout\", \"run.*\"]"),
    })
}

/// `nexus-shop` for a project in a folder `shop`.
fn server_name(root: &Path) -> String {
    let folder = root.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let tidy: String = folder.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    format!("nexus-{tidy}")
}

/// This very program, with the project's full path: programs start servers in folders of their own.
fn command(global: &Global, root: &Path, subset: Option<&str>) -> Result<(String, Vec<String>), Error> {
    let program = std::env::current_exe()
        .map_err(|error| Error::internal(format!("this program does not know where it is: {error}")))?;
    let mut arguments = vec!["mcp".to_owned(), "stdio".to_owned(), "--project".to_owned()];
    arguments.push(root.display().to_string());
    if let Some(subset) = subset {
        arguments.extend(["--subset".to_owned(), subset.to_owned()]);
    }
    if let Some(server) = &global.server {
        arguments.extend(["--server".to_owned(), server.clone()]);
    }
    if let Some(ca) = global.ca.as_ref().and_then(|file| std::path::absolute(file).ok()) {
        arguments.extend(["--ca".to_owned(), ca.display().to_string()]);
    }
    Ok((program.display().to_string(), arguments))
}

fn read(file: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(broken(file, &error.to_string())),
    }
}

fn broken(file: &Path, why: &str) -> Error {
    Error::new(&code::MCP_CLIENT_CONFIG, format!("{} cannot be changed: {why}", file.display()))
        .help("mend the file, or use --print and copy what it shows; nothing was written")
}

/// Writes the file, whole or not at all, and keeps what it said before. A link stays a link.
fn write(file: &Path, before: Option<&str>, after: &str) -> Result<Option<PathBuf>, Error> {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let failed = |error: std::io::Error| {
        Error::new(&code::MCP_CLIENT_CONFIG, format!("{} cannot be written: {error}", file.display()))
            .help("check the permissions of the file and its folder")
    };
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let backup = before.map(|_| {
        let mut name = file.clone().into_os_string();
        name.push(".bak");
        PathBuf::from(name)
    });
    if let (Some(backup), Some(before)) = (&backup, before) {
        replace(backup, folder, before, &file).map_err(failed)?;
    }
    replace(&file, folder, after, &file).map_err(failed)?;
    Ok(backup)
}

fn replace(file: &Path, folder: &Path, text: &str, like: &Path) -> std::io::Result<()> {
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(text.as_bytes())?;
    if let Ok(meta) = fs::metadata(like) {
        fs::set_permissions(draft.path(), meta.permissions())?;
    }
    draft.as_file().sync_all()?;
    draft.persist(file).map_err(|error| error.error)?;
    Ok(())
}
