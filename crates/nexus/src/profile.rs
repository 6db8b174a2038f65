//! Profiles: servers by name, with what they are shown as a credential, in one private file of the user's.
//!
//! A credential is never printed, not even in a debug output, and it is sent to the profile's own server only.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;
use serde::Deserialize;

use crate::login::Login;

/// The name that stands for no profile: the project's own server, or this process.
pub const LOCAL: &str = "local";

/// The file in the configuration folder.
const FILE: &str = "profiles.toml";

/// What only its owner may see.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret. What surrounds it (the newline of a file) is no part of it.
    pub fn new(text: &str) -> Secret {
        Secret(text.trim().to_owned())
    }

    /// The secret itself, for those it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Where it is: `https://host`, `http://127.0.0.1:8000`, or `unix:///path/of/a/socket`.
    pub url: String,
    /// What it is shown as a credential.
    pub token: Option<Secret>,
    /// The environment variable that holds the credential instead.
    pub token_env: Option<String>,
    /// A PEM file with the authorities that vouch for it, beside the system's.
    pub ca: Option<PathBuf>,
    /// How the token was got, when somebody logged in for it.
    pub login: Option<Login>,
}

/// All of a user's profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profiles {
    /// The one that is used when none is named.
    pub current: Option<String>,
    /// By name.
    pub profiles: BTreeMap<String, Profile>,
}

/// A folder that an environment variable names.
fn given(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Where the user's configuration is: where the system keeps such things, unless `NEXUS_CONFIG_DIR` says otherwise.
pub fn config_folder() -> Option<PathBuf> {
    let usual = || match std::env::consts::OS {
        "macos" => given("HOME").map(|home| home.join("Library/Application Support/nexus")),
        "windows" => given("APPDATA").map(|data| data.join("nexus")),
        _ => xdg("XDG_CONFIG_HOME", ".config"),
    };
    given("NEXUS_CONFIG_DIR").or_else(usual)
}

/// Where the user's history of lines is: where the system keeps such things, unless `NEXUS_STATE_DIR` says otherwise.
pub fn state_folder() -> Option<PathBuf> {
    let usual = || match std::env::consts::OS {
        "macos" => given("HOME").map(|home| home.join("Library/Application Support/nexus")),
        "windows" => given("LOCALAPPDATA").map(|data| data.join("nexus")),
        _ => xdg("XDG_STATE_HOME", ".local/state"),
    };
    given("NEXUS_STATE_DIR").or_else(usual)
}

/// A folder by the XDG base directory specification, which wants absolute paths and ignores others.
fn xdg(variable: &str, under_home: &str) -> Option<PathBuf> {
    let base = given(variable).filter(|base| base.is_absolute());
    base.or_else(|| given("HOME").map(|home| home.join(under_home))).map(|base| base.join("nexus"))
}

/// The file of profiles.
pub fn file() -> Result<PathBuf, Error> {
    config_folder().map(|folder| folder.join(FILE)).ok_or_else(|| {
        Error::new(&code::PROFILES_INVALID, "there is no place for profiles: HOME is not set")
            .help("set HOME, or NEXUS_CONFIG_DIR to a folder of your own")
    })
}

impl Profiles {
    /// Reads the file; no profiles when there is none.
    pub fn read(file: &Path) -> Result<Profiles, Error> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Profiles::default()),
            Err(error) => return Err(unusable(file, &error.to_string())),
        };
        // The message of the parser may quote the line, and with it a credential.
        toml::from_str(&text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| text.get(..span.start).unwrap_or("").matches('\n').count() + 1);
            let why = error.message().split('\n').next().unwrap_or_default().to_owned();
            Error::new(&code::PROFILES_INVALID, format!("{} cannot be understood", file.display()))
                .fault(
                    format!("{}:{line}", file.display()),
                    if why.contains('"') { "is no profile".into() } else { why },
                )
                .help("mend the line, or remove the file and add the profiles again with `nexus profile add`")
        })
    }

    /// Writes the file, whole or not at all. Only its owner can read it.
    pub fn write(&self, file: &Path) -> Result<(), Error> {
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        let written = private_folder(folder).and_then(|()| {
            // Made readable for its owner only, before anything is in it.
            let mut draft = tempfile::NamedTempFile::new_in(folder)?;
            draft.write_all(self.text().as_bytes())?;
            draft.as_file().sync_all()?;
            draft.persist(file).map(drop).map_err(|error| error.error)
        });
        written.map_err(|error| unusable(file, &error.to_string()))
    }

    /// The file's text.
    fn text(&self) -> String {
        let pair = |name: &str, value: &str| format!("{name} = {}\n", quoted(value));
        let mut text =
            "# Servers that `nexus` knows by name: `nexus profile --help`. Credentials are in here.\n"
                .to_owned();
        text.extend(self.current.iter().map(|current| pair("current", current)));
        for (name, profile) in &self.profiles {
            text.extend(["\n[profiles.", &quoted(name), "]\n"]);
            text += &pair("url", &profile.url);
            text.extend(profile.token.iter().map(|token| pair("token", token.reveal())));
            text.extend(profile.token_env.iter().map(|variable| pair("token_env", variable)));
            text.extend(profile.ca.iter().map(|file| pair("ca", &file.to_string_lossy())));
            let Some(login) = &profile.login else { continue };
            text.extend(["\n[profiles.", &quoted(name), ".login]\n"]);
            text += &pair("issuer", &login.issuer);
            text += &pair("client_id", &login.client_id);
            text.extend(login.refresh_token.iter().map(|token| pair("refresh_token", token.reveal())));
            text.extend(login.expires.map(|expires| format!("expires = {expires}\n")));
        }
        text
    }

    /// The profile of this name.
    pub fn named(&self, name: &str) -> Result<&Profile, Error> {
        self.profiles.get(name).ok_or_else(|| {
            let error = Error::new(&code::PROFILE_UNKNOWN, format!("there is no profile {name:?}"));
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            match suggest::nearest(name, names.iter().copied()) {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None if names.is_empty() => error.help("`nexus profile add NAME --url URL` makes one"),
                None => error.help(format!("there are {}", names.join(", "))),
            }
        })
    }
}

fn unusable(file: &Path, why: &str) -> Error {
    Error::new(&code::PROFILES_INVALID, format!("{} cannot be used: {why}", file.display()))
        .help("check the permissions of the file and its folder; NEXUS_CONFIG_DIR names another folder")
}

/// A folder that only its owner can look into; one that is there already is left as it is.
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A text as TOML writes it. JSON's escapes are TOML's, but for one control character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn one(name: &str, token: &str) -> Profiles {
        let token = Some(Secret::new(token));
        let profile = Profile {
            url: "https://nexus.example".into(),
            token,
            token_env: None,
            ca: Some("/etc/ca.pem".into()),
            login: Some(Login {
                issuer: "https://id.example".into(),
                client_id: "nexus".into(),
                refresh_token: Some(Secret::new("canary-refresh")),
                expires: Some(1_800_000_000_000),
            }),
        };
        Profiles { current: Some(name.to_owned()), profiles: [(name.to_owned(), profile)].into() }
    }

    #[test]
    fn the_file_is_private_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/nexus/profiles.toml");
        assert_eq!(Profiles::read(&file).unwrap(), Profiles::default());
        one("prod", "canary-1").write(&file).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        one("prod", "canary-2").write(&file).unwrap();
        assert_eq!(mode(&file), 0o600, "a file that was open to others is not any more");
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_credential_is_never_shown() {
        assert!(!format!("{:?}", one("prod", "canary")).contains("canary"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("profiles.toml");
        for broken in [
            "[profiles.a]\nurl = 7\ntoken = \"canary\"",
            "[profiles.a]\ntoken = \"canary",
            "tokn = \"canary\"",
            "token = canary",
        ] {
            std::fs::write(&file, broken).unwrap();
            let error = Profiles::read(&file).unwrap_err();
            assert_eq!(error.code().id, "NX-2705");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn a_mistyped_name_gets_a_suggestion() {
        let error = one("prod", "x").named("prd").unwrap_err();
        assert_eq!(error.help_text(), Some("did you mean \"prod\"?"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
        #[test]
        fn what_is_written_is_read_again(name in "[ -~äß\\x00-\\x1f\\x7f]{1,8}", token in "[!-~\\x7f\"\\\\]{1,12}") {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("profiles.toml");
            let profiles = one(&name, &token);
            profiles.write(&file).unwrap();
            prop_assert_eq!(Profiles::read(&file).unwrap(), profiles);
        }
    }
}
