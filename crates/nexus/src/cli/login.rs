//! `nexus login` and `nexus logout`: people, at the identity provider of a server.

use clap::Args;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use reqwest::Url;

use crate::cli::Global;
use crate::client::place::{Ca, Server, env};
use crate::client::{Remote, check_url};
use crate::login::{self, Provider, Way};
use crate::output::Output;
use crate::profile::{self, LOCAL, Profile, Profiles};

/// Flags of `nexus login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The profile of the server; the one in use without it
    profile: Option<String>,
    /// Where the server is, for a profile that is not there yet
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Log in on another device, by a code that is typed there
    #[arg(long)]
    device: bool,
    /// The identity provider, when the server has several
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// What the command line is known as there; what the server says without it
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// What is asked for there
    #[arg(long, value_name = "SCOPES", default_value = "openid profile offline_access")]
    scope: String,
}

/// Flags of `nexus logout`.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The profile of the server; the one in use without it
    profile: Option<String>,
}

/// Logs in.
pub async fn login(global: &Global, args: LoginArgs, output: Output) -> Result<(), Error> {
    let file = profile::file()?;
    let mut profiles = Profiles::read(&file)?;
    let name = named(args.profile.clone().or_else(|| global.profile.clone()), &profiles)?;
    let profile = match &args.url {
        Some(url) => Profile { url: url.clone(), token: None, token_env: None, ca: None, login: None },
        None => profiles.named(&name)?.clone(),
    };
    check_url(&profile.url, true)?;
    let ca = global.ca.clone().or_else(|| profile.ca.clone());
    let ca =
        ca.map(|file| Ca { file, because: format!("profile {name}") }).or_else(|| Ca::named(global, &env));
    let server = Server { ca: ca.clone(), ..Server::own(profile.url.clone()) };
    let metadata = Remote::connect(&server, None).await?.metadata().await?;
    let (issuer, client_id) = chosen(&metadata, &args)?;
    let resource = resource(&metadata, &profile.url)?;
    let provider = Provider::discover(&issuer, &client_id, ca.as_ref()).await?;
    let way = if args.device { Way::Device } else { Way::Browser };
    let granted = login::login(&provider, &resource, &args.scope, way, &|text| output.note(text)).await?;
    let kept = Profile {
        token: Some(granted.token),
        token_env: None,
        login: Some(granted.login),
        ca: ca.map(|ca| ca.file),
        ..profile
    };
    profiles.profiles.insert(name.clone(), kept);
    profiles.current.get_or_insert_with(|| name.clone());
    profiles.write(&file)?;
    output.note(&format!("logged in; `--profile {name}` shows the token to {}", server.url));
    Ok(())
}

/// Logs out: the token is forgotten here. Until it ends it stays good for whoever has copied it.
pub fn logout(global: &Global, args: LogoutArgs, output: Output) -> Result<(), Error> {
    let file = profile::file()?;
    let mut profiles = Profiles::read(&file)?;
    let name = named(args.profile.or_else(|| global.profile.clone()), &profiles)?;
    let mut profile = profiles.named(&name)?.clone();
    if profile.login.take().is_none() {
        return Err(Error::new(
            &code::LOGIN_FAILED,
            format!("nobody is logged in with the profile {name:?}"),
        )
        .help("`nexus profile list` shows what each profile has"));
    }
    profile.token = None;
    profiles.profiles.insert(name.clone(), profile);
    profiles.write(&file)?;
    output.note(&format!("the token of {name} is forgotten"));
    Ok(())
}

fn named(given: Option<String>, profiles: &Profiles) -> Result<String, Error> {
    given.or_else(|| profiles.current.clone()).filter(|name| name != LOCAL).ok_or_else(|| {
        Error::new(&code::PROFILE_UNKNOWN, "which server to log in to is not said")
            .help("for example `nexus login prod --url https://nexus.example.com`")
    })
}

/// What the token is to be for. A server that names another would get a token which lets it in there (RFC 9728, 3.3).
fn resource(metadata: &Json, url: &str) -> Result<String, Error> {
    let named = metadata.get("resource").and_then(Json::as_str).unwrap_or_default();
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    if origin(named).is_none() || origin(named) != origin(url) {
        return Err(Error::new(&code::LOGIN_FAILED, format!("{url} says that it is {named:?}"))
            .help("name it as it names itself, or set `url` under `[server]` there"));
    }
    Ok(named.to_owned())
}

/// The provider to go to, and what we are known as there.
fn chosen(metadata: &Json, args: &LoginArgs) -> Result<(String, String), Error> {
    let failed = |why: String, help: &str| Err(Error::new(&code::LOGIN_FAILED, why).help(help));
    let offered = metadata.get("authorization_servers").and_then(Json::as_array);
    let offered: Vec<&str> = offered.into_iter().flatten().filter_map(Json::as_str).collect();
    let issuer = match (&args.issuer, offered.as_slice()) {
        (Some(issuer), all) if all.contains(&issuer.as_str()) => issuer.clone(),
        (None, [one]) => (*one).to_owned(),
        (_, []) => {
            return failed(
                "the server names no identity provider".to_owned(),
                "use an API key: `nexus profile add NAME --url URL --token -`",
            );
        }
        (Some(issuer), all) => {
            return failed(
                format!("the server does not accept tokens of {issuer}"),
                &format!("it accepts those of {}", all.join(", ")),
            );
        }
        (None, all) => {
            return failed(
                "the server has several identity providers".to_owned(),
                &format!("choose with --issuer: {}", all.join(", ")),
            );
        }
    };
    let told = metadata.get("nexus_client_ids").and_then(|ids| ids.get(&issuer)).and_then(Json::as_str);
    match args.client_id.clone().or_else(|| told.map(ToOwned::to_owned)) {
        Some(client_id) => Ok((issuer, client_id)),
        None => failed(
            format!("what we are known as at {issuer} is not said"),
            "give --client-id, or set `client_id` under `[auth.issuers]` of the server",
        ),
    }
}
