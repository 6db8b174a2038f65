//! `[auth.issuers.NAME] browser = true`: logins of people in browsers.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use reqwest::Url;

use super::auth::AuthConfig;
use super::issuer::{IssuerConfig, is_private};
use super::server::ServerConfig;

/// What is asked for when nothing is said.
const SCOPE: &str = "openid profile offline_access";

impl IssuerConfig {
    /// What is asked for when somebody logs in with a browser.
    pub fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or(SCOPE)
    }
}

/// Whether logins in browsers can be what is meant.
pub(super) fn check(auth: &AuthConfig, server: &ServerConfig, secrets: &[&str]) -> Result<(), Error> {
    for (name, issuer) in &auth.issuers {
        let wrong = |(why, help): (String, &str)| {
            let at = format!("auth.issuers.{name}");
            Error::new(&code::BROWSER_INVALID, format!("[{at}]: {why}"))
                .fault(format!("nexus.toml: {at}"), why)
                .help(help)
        };
        fault(issuer, secrets).map_or(Ok(()), |found| Err(wrong(found)))?;
        if issuer.browser {
            place(auth, server).map_or(Ok(()), |found| Err(wrong(found)))?;
        }
    }
    Ok(())
}

/// What is wrong with an issuer.
fn fault<'a>(issuer: &IssuerConfig, secrets: &[&str]) -> Option<(String, &'a str)> {
    let told = |why: &str, help| Some((why.to_owned(), help));
    if !issuer.browser {
        let said = [("client_secret", &issuer.client_secret), ("scope", &issuer.scope)];
        let said = said.into_iter().find(|(_, given)| given.is_some()).map(|(name, _)| name)?;
        return told(
            &format!("`{said}` is for logins in browsers"),
            "say `browser = true` as well; `nexus login` has no secret",
        );
    }
    if issuer.client_id.as_deref().is_none_or(str::is_empty) {
        return told("`browser` needs a `client_id`", "it is what the provider knows this server as");
    }
    if !is_private(&issuer.issuer) {
        return told(
            &format!("{:?} is no address to log in at", issuer.issuer),
            "an issuer begins with https://; http:// is for this machine only",
        );
    }
    if let Some(secret) = issuer.client_secret.as_deref().filter(|secret| !secrets.contains(secret)) {
        return told(&format!("there is no secret {secret:?}"), "`[secrets.NAME]` says where a secret lies");
    }
    let scope = issuer.scope();
    let is_scope = scope.split(' ').all(|part| !part.is_empty() && part.bytes().all(is_scope_letter));
    (!is_scope)
        .then(|| (format!("`scope` is {scope:?}"), "give names with a space between, as `openid profile`"))
}

/// RFC 6749, 3.3.
fn is_scope_letter(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')
}

/// What is wrong with where browsers would reach the server.
fn place<'a>(auth: &AuthConfig, server: &ServerConfig) -> Option<(String, &'a str)> {
    if !auth.enabled {
        return Some((
            "`browser` does nothing without `[auth] enabled = true`".to_owned(),
            "enable it, or leave `browser` out",
        ));
    }
    let Some(url) = &server.url else {
        let is_here = is_private(&format!("http://{}", bracketed(&server.host)));
        return (!is_here).then(|| {
            (
                "`browser` needs `[server] url`: the provider sends browsers back there".to_owned(),
                "say `url = \"https://...\"` under [server], as people call it",
            )
        });
    };
    let is_whole = Url::parse(url).is_ok_and(|url| url.path() == "/" && url.query().is_none());
    (!is_private(url) || !is_whole).then(|| {
        (
            format!("nobody can log in at {url:?}"),
            "[server] url is an address that begins with https:// and has no path; http:// is for this machine only",
        )
    })
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn told(server: &str, lines: &str) -> String {
        let text = format!(
            "[server]\n{server}\n[secrets.s]\nenv = \"S\"\n[auth]\nenabled = true\n[auth.issuers.acme]\n\
             issuer = \"https://id.example.com\"\naudiences = [\"nexus\"]\n{lines}\n"
        );
        match Config::parse(&text) {
            Ok(_) => "fine".to_owned(),
            Err(error) => format!("{} {}", error.code().id, error.message()),
        }
    }

    #[test]
    fn a_login_that_could_not_be_finished_or_read_along_is_refused() {
        let login = "browser = true\nclient_id = \"web\"";
        let confidential = "client_secret = \"s\"\nscope = \"openid shop:read\"";
        for (server, lines) in [
            ("", login),
            ("host = \"::1\"", login),
            ("host = \"0.0.0.0\"\nurl = \"https://nexus.example.com\"", login),
            ("url = \"http://localhost:8000/\"", login),
            ("", &format!("{login}\n{confidential}")),
            ("", "browser = false"),
        ] {
            assert_eq!(told(server, lines), "fine", "{server} {lines}");
        }
        for (server, lines, words) in [
            ("", "browser = true", "needs a `client_id`"),
            ("", "browser = true\nclient_id = \"\"", "needs a `client_id`"),
            ("host = \"0.0.0.0\"", login, "needs `[server] url`"),
            ("url = \"http://nexus.example.com\"", login, "nobody can log in"),
            ("url = \"https://example.com/nexus\"", login, "nobody can log in"),
            ("url = \"nexus.example.com\"", login, "nobody can log in"),
            ("", "scope = \"openid\"", "`scope` is for logins"),
            ("", "client_id = \"c\"\nclient_secret = \"s\"", "`client_secret` is for logins"),
            ("", &format!("{login}\nclient_secret = \"t\""), "no secret \"t\""),
            ("", &format!("{login}\nscope = \"\""), "`scope` is \"\""),
            ("", &format!("{login}\nscope = \"a  b\""), "`scope` is"),
        ] {
            let found = told(server, lines);
            assert!(found.starts_with("NX-1211") && found.contains(words), "{server} {lines}: {found}");
        }
        let off = "[auth.issuers.acme]\nissuer = \"https://id.example.com\"\naudiences = [\"a\"]\nbrowser = true\nclient_id = \"c\"";
        assert_eq!(Config::parse(off).unwrap_err().code().id, "NX-1211");
    }
}
