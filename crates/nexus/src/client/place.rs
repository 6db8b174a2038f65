//! Where a command is carried out: flag, then environment, then profile, then the project.

use std::path::PathBuf;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use rustls::pki_types::CertificateDer;

use crate::cli::Global;
use crate::login::Login;
use crate::outbound::tls;
use crate::profile::{LOCAL, Profiles, Secret};

/// Where a command goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// To a server that was named, and must answer.
    Server(Box<Server>),
    /// To the server that serves the project, or else to this very process.
    Project,
}

/// A server that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its URL.
    pub url: String,
    /// What it is shown as a credential.
    pub token: Option<Secret>,
    /// Whom to trust beside the system's authorities.
    pub ca: Option<Ca>,
    /// What named it, for people.
    pub because: String,
    /// The profile whose token it is and how that was got, when somebody logged in for it.
    pub login: Option<(String, Login)>,
}

impl Server {
    /// The server that serves the project.
    pub fn own(url: String) -> Server {
        Server { url, token: None, ca: None, because: "the project's own server".to_owned(), login: None }
    }
}

/// A PEM file of authorities to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    /// The file.
    pub file: PathBuf,
    /// What named it, for people.
    pub because: String,
}

impl Ca {
    /// The authorities that were named for this command, if any were: by flag, else by the environment.
    pub fn named(global: &Global, env: &dyn Fn(&str) -> Option<String>) -> Option<Ca> {
        let of = |file: PathBuf, because: &str| Ca { file, because: because.to_owned() };
        let by_env = || env("NEXUS_CA").map(|file| of(file.into(), "NEXUS_CA"));
        global.ca.clone().map(|file| of(file, "--ca")).or_else(by_env)
    }

    /// The certificates in the file. One that cannot be used is an error whether they are needed or not.
    pub(crate) fn read(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        tls::authorities(&self.file).map_err(|why| {
            let message =
                format!("{}, which {} names, cannot be used: {why}", self.file.display(), self.because);
            Error::new(&code::CA_INVALID, message)
                .help("name a PEM file with the certificates of authorities")
        })
    }
}

/// Reads an environment variable; one that is empty is not there.
pub fn env(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty())
}

/// Decides. Profiles are read only when they matter.
///
/// A credential of the environment goes to a server that was named by flag or environment, one of a profile to the
/// server of that profile: a credential must never reach a server that it was not meant for.
pub fn place(
    global: &Global,
    env: &dyn Fn(&str) -> Option<String>,
    profiles: impl FnOnce() -> Result<Profiles, Error>,
) -> Result<Place, Error> {
    let named = |url: String, because: &str| {
        let token = env("NEXUS_TOKEN").map(|token| Secret::new(&token));
        let ca = Ca::named(global, env);
        Ok(Place::Server(Box::new(Server { url, token, ca, because: because.to_owned(), login: None })))
    };
    if let Some(url) = &global.server {
        return named(url.clone(), "--server");
    }
    let flag = Ca::named(global, &|_| None);
    if let Some(name) = &global.profile {
        return of_profile((name, "--profile"), env, flag, profiles);
    }
    if let Some(url) = env("NEXUS_SERVER") {
        return named(url, "NEXUS_SERVER");
    }
    if let Some(name) = env("NEXUS_PROFILE") {
        return of_profile((&name, "NEXUS_PROFILE"), env, flag, profiles);
    }
    let profiles = profiles()?;
    match profiles.current.clone() {
        Some(name) => of_profile((&name, "`nexus profile use`"), env, flag, || Ok(profiles)),
        None => Ok(Place::Project),
    }
}

fn of_profile(
    (name, because): (&str, &str),
    env: &dyn Fn(&str) -> Option<String>,
    flag: Option<Ca>,
    profiles: impl FnOnce() -> Result<Profiles, Error>,
) -> Result<Place, Error> {
    if name == LOCAL {
        return Ok(Place::Project);
    }
    let profiles = profiles()?;
    let profile = profiles.named(name)?;
    let token = match (&profile.token, &profile.token_env) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(variable)) => Some(Secret::new(&env(variable).ok_or_else(|| {
            Error::new(
                &code::PROFILES_INVALID,
                format!("profile {name:?} takes its token from {variable}, which is not set"),
            )
            .help(format!("set {variable}, or change the profile with `nexus profile add {name}`"))
        })?)),
        (None, None) => None,
    };
    let own = |file: PathBuf| Ca { file, because: format!("profile {name}") };
    let ca = flag.or_else(|| profile.ca.clone().map(own));
    let because = format!("profile {name} of {because}");
    let login = profile.login.clone().map(|login| (name.to_owned(), login));
    Ok(Place::Server(Box::new(Server { url: profile.url.clone(), token, ca, because, login })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Format;
    use crate::profile::Profile;

    fn global(server: Option<&str>, profile: Option<&str>) -> Global {
        let text = |it: Option<&str>| it.map(ToOwned::to_owned);
        Global {
            server: text(server),
            profile: text(profile),
            ca: None,
            session: None,
            project: ".".into(),
            format: Format::Table,
            verbose: false,
        }
    }

    fn profiles(current: Option<&str>) -> Profiles {
        let of = |url: &str, token: Option<&str>, token_env: Option<&str>| Profile {
            url: url.to_owned(),
            token: token.map(Secret::new),
            token_env: token_env.map(ToOwned::to_owned),
            ca: token.map(|_| "prod.pem".into()),
            login: None,
        };
        let all = [
            ("prod".to_owned(), of("https://prod", Some("prod-token"), None)),
            ("test".to_owned(), of("https://test", None, Some("TEST_TOKEN"))),
        ];
        Profiles { current: current.map(ToOwned::to_owned), profiles: all.into() }
    }

    /// The URL and the token of the place that is chosen.
    fn chosen(
        global: &Global,
        vars: &[(&str, &str)],
        current: Option<&str>,
    ) -> Result<(String, String), String> {
        let env = |name: &str| vars.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        match place(global, &env, || Ok(profiles(current))).map_err(|error| error.message().to_owned())? {
            Place::Project => Ok(("project".to_owned(), String::new())),
            Place::Server(server) => {
                Ok((server.url, server.token.map(|token| token.reveal().to_owned()).unwrap_or_default()))
            }
        }
    }

    #[test]
    fn flag_before_environment_before_profile_before_project() {
        let all = [
            ("NEXUS_SERVER", "http://env"),
            ("NEXUS_PROFILE", "test"),
            ("NEXUS_TOKEN", "env-token"),
            ("TEST_TOKEN", "t"),
        ];
        let of = |url: &str, token: &str| Ok((url.to_owned(), token.to_owned()));
        let (flag, profile, none) =
            (global(Some("http://flag"), Some("prod")), global(None, Some("prod")), global(None, None));
        assert_eq!(chosen(&flag, &all, Some("prod")), of("http://flag", "env-token"));
        assert_eq!(chosen(&profile, &all, None), of("https://prod", "prod-token"));
        assert_eq!(chosen(&none, &all, Some("prod")), of("http://env", "env-token"));
        assert_eq!(chosen(&none, &all[1..], Some("prod")), of("https://test", "t"));
        assert_eq!(chosen(&none, &[], Some("prod")), of("https://prod", "prod-token"));
        assert_eq!(chosen(&none, &[("NEXUS_TOKEN", "env-token")], None), of("project", ""));
        assert_eq!(chosen(&global(None, Some("local")), &all, Some("prod")), of("project", ""));
        assert!(chosen(&none, &[("NEXUS_PROFILE", "prd")], None).is_err());
    }

    #[test]
    fn a_credential_goes_to_the_server_it_was_meant_for() {
        let token = [("NEXUS_TOKEN", "env-token")];
        let other = chosen(&global(None, Some("prod")), &token, None).unwrap();
        assert_eq!(other.1, "prod-token");
        let flag = chosen(&global(Some("http://elsewhere"), None), &[], Some("prod")).unwrap();
        assert_eq!(flag.1, "", "the token of a profile is not shown to a server that was named otherwise");
        let missing = chosen(&global(None, Some("test")), &token, None).unwrap_err();
        assert!(missing.contains("TEST_TOKEN, which is not set"), "{missing}");
    }

    #[test]
    fn authorities_are_those_of_the_server_that_is_asked() {
        let env =
            |name: &str| Some("env.pem".to_owned()).filter(|_| matches!(name, "NEXUS_CA" | "TEST_TOKEN"));
        let ca = |global: &Global| match place(global, &env, || Ok(profiles(None))).unwrap() {
            Place::Server(server) => server.ca.map(|ca| (ca.file.display().to_string(), ca.because)),
            Place::Project => None,
        };
        let pair = |file: &str, because: &str| Some((file.to_owned(), because.to_owned()));
        assert_eq!(ca(&global(Some("https://h"), None)), pair("env.pem", "NEXUS_CA"));
        assert_eq!(ca(&global(None, Some("prod"))), pair("prod.pem", "profile prod"));
        assert_eq!(ca(&global(None, Some("test"))), None, "the environment says nothing of profiles");
        for named in [global(Some("https://h"), None), global(None, Some("prod"))] {
            let named = Global { ca: Some("flag.pem".into()), ..named };
            assert_eq!(ca(&named), pair("flag.pem", "--ca"));
        }
    }
}
