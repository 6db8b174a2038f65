//! `nexus profile add|list|show|use|remove`: servers by name.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::json;

use crate::cli::Global;
use crate::client::check_url;
use crate::client::place::Ca;
use crate::output::Output;
use crate::profile::{self, LOCAL, Profile, Profiles, Secret};

use super::run::input;

/// What can be done with profiles.
#[derive(Debug, Subcommand)]
pub enum ProfileVerb {
    /// Add a server by name, or change it; `--ca FILE` is kept with it
    Add {
        /// A name of your choice
        name: String,
        /// Where it is: `https://host`, `http://127.0.0.1:8000`, or `unix:///path/of/a/socket`
        #[arg(long, value_name = "URL")]
        url: String,
        /// The credential: - reads it from standard input, @FILE from a file; on the command line others could see it
        #[arg(long, value_name = "-|@FILE", conflicts_with = "token_env")]
        token: Option<String>,
        /// The environment variable that holds the credential
        #[arg(long, value_name = "VARIABLE")]
        token_env: Option<String>,
        /// Use it from now on when no other is named
        #[arg(long = "use")]
        is_used: bool,
    },
    /// List the profiles
    List,
    /// Show one, without its credential
    Show {
        /// Its name; the one in use without it
        name: Option<String>,
    },
    /// Use a profile from now on when no other is named
    Use {
        /// Its name; `local` is the project's own server, or none at all
        name: String,
    },
    /// Remove a profile with its credential
    Remove {
        /// Its name
        name: String,
    },
}

/// Carries the command out.
pub fn profile(global: &Global, verb: ProfileVerb, output: Output) -> Result<(), Error> {
    let file = profile::file()?;
    let mut profiles = Profiles::read(&file)?;
    match verb {
        ProfileVerb::List => list(&profiles, output),
        ProfileVerb::Show { name } => show(&profiles, name, output)?,
        ProfileVerb::Add { name, url, token, token_env, is_used } => {
            let token = token.map(|token| secret(&token)).transpose()?;
            let ca = global.ca.as_deref().map(authorities).transpose()?;
            add(&mut profiles, &name, Profile { url, token, token_env, ca, login: None })?;
            if is_used {
                profiles.current = Some(name.clone());
            }
            profiles.write(&file)?;
            output.note(&format!("{name} is kept in {}", file.display()));
        }
        ProfileVerb::Use { name } => {
            if name != LOCAL {
                profiles.named(&name)?;
            }
            profiles.current = Some(name).filter(|name| name != LOCAL);
            profiles.write(&file)?;
            output.note(&match &profiles.current {
                Some(name) => format!("commands go to {name} when nothing else is said"),
                None => "commands go to the project's own server, or to none".to_owned(),
            });
        }
        ProfileVerb::Remove { name } => {
            profiles.named(&name)?;
            profiles.profiles.remove(&name);
            profiles.current = profiles.current.filter(|current| *current != name);
            profiles.write(&file)?;
        }
    }
    Ok(())
}

fn add(profiles: &mut Profiles, name: &str, profile: Profile) -> Result<(), Error> {
    let is_plain = !name.is_empty() && name.chars().all(|it| it.is_alphanumeric() || "-_.".contains(it));
    if !is_plain || name == LOCAL {
        return Err(Error::new(&code::PROFILES_INVALID, format!("{name:?} cannot be the name of a profile"))
            .help(format!("use letters, digits, `-`, `_` and `.`; {LOCAL:?} is taken")));
    }
    check_url(&profile.url, profile.token.is_some() || profile.token_env.is_some())?;
    profiles.profiles.insert(name.to_owned(), profile);
    Ok(())
}

/// A file of authorities as it is kept: its whole path, because commands are run in other folders. It is read first.
fn authorities(file: &Path) -> Result<PathBuf, Error> {
    let given = Ca { file: file.to_owned(), because: "--ca".to_owned() };
    given.read()?;
    std::path::absolute(file).map_err(|error| {
        Error::new(&code::CA_INVALID, format!("{} has no whole path: {error}", file.display()))
            .help("give the whole path")
    })
}

/// A credential, from anywhere but the command line, which other users of the machine can see.
fn secret(given: &str) -> Result<Secret, Error> {
    if given != "-" && !given.starts_with('@') {
        return Err(Error::new(
            &code::PROFILES_INVALID,
            "a credential on the command line can be seen by others",
        )
        .help("give --token - to type it or to pipe it in, --token @FILE, or --token-env VARIABLE"));
    }
    let secret = Secret::new(&input::secret(given)?);
    if secret.reveal().is_empty() || secret.reveal().chars().any(|it| it.is_control() || it == ' ') {
        return Err(Error::new(&code::PROFILES_INVALID, "that is no credential")
            .help("it is one line without spaces"));
    }
    Ok(secret)
}

/// Everything but the credential.
fn told(name: &str, profile: &Profile, profiles: &Profiles) -> Json {
    json!({
        "name": name,
        "url": profile.url,
        "credential": credential(profile),
        "ca": profile.ca,
        "current": profiles.current.as_deref() == Some(name),
    })
}

/// Where the credential is, never what it is.
fn credential(profile: &Profile) -> String {
    match (&profile.token, &profile.token_env) {
        (Some(_), _) if profile.login.is_some() => "logged in".to_owned(),
        (Some(_), _) => "kept here".to_owned(),
        (None, Some(variable)) => format!("in {variable}"),
        (None, None) => "none".to_owned(),
    }
}

fn list(profiles: &Profiles, output: Output) {
    let all = profiles.profiles.iter();
    if output.is_json() {
        let all: Vec<Json> = all.map(|(name, profile)| told(name, profile, profiles)).collect();
        return output.json(&json!({ "profiles": all }));
    }
    if profiles.profiles.is_empty() {
        return output.note("no profiles; `nexus profile add NAME --url URL` makes one");
    }
    let row = |(name, profile): (&String, &Profile)| {
        let mark = if profiles.current.as_ref() == Some(name) { "yes" } else { "-" };
        vec![name.clone(), profile.url.clone(), credential(profile), mark.to_owned()]
    };
    output.table(&["PROFILE", "URL", "CREDENTIAL", "IN USE"], all.map(row).collect());
}

fn show(profiles: &Profiles, name: Option<String>, output: Output) -> Result<(), Error> {
    let Some(name) = name.or_else(|| profiles.current.clone()) else {
        return Err(Error::new(&code::PROFILE_UNKNOWN, "no profile is in use")
            .help("`nexus profile list` shows them, `nexus profile use NAME` chooses one"));
    };
    output.value(&told(&name, profiles.named(&name)?, profiles));
    Ok(())
}
