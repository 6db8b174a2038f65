//! Which file an import means: relative paths, JSON, packages of `node_modules` with their `exports`.

use std::path::{Path, PathBuf};

use oxc_resolver::{ResolveContext, ResolveError, ResolveOptions, Resolver};

use super::unit::Way;

/// What an import means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// A file of the project or its packages: its real path.
    File(PathBuf),
    /// A package replaces it by nothing where there is no Node.js.
    Nothing,
    /// A part of Node.js.
    Builtin,
    /// A file outside of the project.
    Outside(PathBuf),
    /// Nobody has it; why.
    Missing(String),
}

/// Follows imports.
pub(crate) struct Imports {
    root: PathBuf,
    import: Resolver,
    require: Resolver,
    builtin: Resolver,
}

impl Imports {
    /// For a project whose real path is `root`.
    pub(crate) fn new(root: PathBuf) -> Imports {
        let import = Resolver::new(options("import"));
        let require = import.clone_with_options(options("require"));
        let builtin =
            import.clone_with_options(ResolveOptions { builtin_modules: true, ..options("import") });
        Imports { root, import, require, builtin }
    }

    /// The file that `specifier` means in `importer`. Files that were looked at or looked for are added to `inputs`.
    pub(crate) fn resolve(
        &self,
        importer: &Path,
        specifier: &str,
        way: Way,
        inputs: &mut Vec<PathBuf>,
    ) -> Resolved {
        if specifier.starts_with("node:") {
            return Resolved::Builtin;
        }
        let resolver = if matches!(way, Way::Require { .. }) { &self.require } else { &self.import };
        let folder = importer.parent().unwrap_or(&self.root);
        let mut seen = ResolveContext::default();
        let found = resolver.resolve_with_context(folder, specifier, None, &mut seen);
        inputs.extend(seen.file_dependencies);
        inputs.extend(seen.missing_dependencies.into_iter().filter(|path| path.starts_with(&self.root)));
        match found {
            Ok(found) => {
                let path = found.into_path_buf();
                if path.starts_with(&self.root) { Resolved::File(path) } else { Resolved::Outside(path) }
            }
            Err(ResolveError::Ignored(_)) => Resolved::Nothing,
            Err(error) => match self.builtin.resolve(folder, specifier) {
                Err(ResolveError::Builtin { .. }) => Resolved::Builtin,
                _ => Resolved::Missing(self.why(specifier, &error)),
            },
        }
    }

    fn why(&self, specifier: &str, error: &ResolveError) -> String {
        match error {
            ResolveError::NotFound(_) if is_relative(specifier) => "there is no such file".to_owned(),
            ResolveError::NotFound(_) => "no package of that name is installed".to_owned(),
            // The paths of this machine are nobody's business.
            other => other.to_string().replace(&format!("{}/", self.root.display()), ""),
        }
    }
}

/// Whether it names a file and no package.
pub(crate) fn is_relative(specifier: &str) -> bool {
    specifier.starts_with('.') || specifier.starts_with('/')
}

fn options(condition: &str) -> ResolveOptions {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let instead = |name: &str, names: &[&str]| (name.to_owned(), list(names));
    ResolveOptions {
        extensions: list(&[".ts", ".mts", ".js", ".mjs", ".cjs", ".json"]),
        // TypeScript says `./a.js` and means `./a.ts`.
        extension_alias: vec![
            instead(".js", &[".ts", ".js"]),
            instead(".mjs", &[".mts", ".mjs"]),
            instead(".cjs", &[".cts", ".cjs"]),
        ],
        // Like a browser, a function has no Node.js: packages that have a version for one give it.
        condition_names: list(&["nexus", "browser", condition, "default"]),
        alias_fields: vec![list(&["browser"])],
        main_fields: list(&["browser", "module", "main"]),
        ..ResolveOptions::default()
    }
}
