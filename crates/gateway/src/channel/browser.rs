//! Logins of people in browsers, as browsers see them: where they begin, where they come back to, and where they end.

mod page;

use std::net::IpAddr;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use nexus_kernel::call::{Caller, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;

pub(crate) use page::Reader;

use crate::audit::{AuditLog, CallLine, What};
use crate::channel::rest::query::Query;
use crate::identity::login::{Brought, Cookie, LoggedIn, Logins, Site, is_short};
use crate::problem::Problem;
use crate::request_id::RequestId;
use crate::stage::audit::login_line;

/// Where somebody gets who wanted to go nowhere.
const HOME: &str = "/docs";

/// A request with the cookie of a login that may only look: nothing says that it is of a page of this server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit;

/// The login that a caller came with.
pub(crate) fn login_of(caller: &Caller) -> Option<&str> {
    match &caller.proof {
        Proof::Token { login, .. } => login.as_deref(),
        _ => None,
    }
}

/// What is told of a request that another page may have made.
pub(crate) fn cross_site() -> Error {
    Error::new(&code::CROSS_SITE, "nothing says that this request is of a page of this server").help(
        "with the cookie of a login only this server's own pages may do more than look; programs show an API key or a token",
    )
}

/// Who asks for something about a login.
pub(crate) struct Visitor<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) sender: Option<IpAddr>,
    pub(crate) request_id: &'a RequestId,
}

/// Answers what belongs to logins; nothing for other requests.
pub(crate) async fn answer(
    (logins, log): (&Logins, Option<&AuditLog>),
    site: &Site,
    request: &Request<impl Sized>,
    visitor: &Visitor<'_>,
) -> Option<Result<Response, Error>> {
    let (path, method) = (request.uri().path(), request.method());
    Some(match (path, method) {
        ("/login", &Method::GET) => begin(logins, site, request).await,
        ("/login/callback", &Method::GET) => finish((logins, log), site, request, visitor).await,
        ("/logout", &Method::POST) => end((logins, log), site, visitor).await,
        ("/login" | "/login/callback", _) => Ok(only("GET", method, path)),
        ("/logout", _) => Ok(only("POST", method, path)),
        _ => return None,
    })
}

/// `GET /login`: on to the provider, or to the list of them.
async fn begin(logins: &Logins, site: &Site, request: &Request<impl Sized>) -> Result<Response, Error> {
    let mut query = Query::of(request.uri())?;
    let destination = destination(query.take("return"))?;
    let chosen = query.take("issuer");
    query.finish()?;
    let names = logins.names();
    let name = match (chosen, names.as_slice()) {
        (Some(name), _) => name,
        (None, [name]) => name.clone(),
        (None, _) => return Ok(page::choice(&names, &destination)),
    };
    let (url, browser) = logins.begin(&name, site, &destination).await?;
    redirect(StatusCode::FOUND, &url, &[site.set(Cookie::Begun, &browser)])
}

/// `GET /login/callback`: the answer of the provider.
async fn finish(
    (logins, log): (&Logins, Option<&AuditLog>),
    site: &Site,
    request: &Request<impl Sized>,
    visitor: &Visitor<'_>,
) -> Result<Response, Error> {
    // Providers add what they like; what is not known is not looked at.
    let mut query = Query::of(request.uri())?;
    let brought = Brought {
        state: query.take("state"),
        code: query.take("code"),
        error: query.take("error"),
        issuer: query.take("iss"),
    };
    let browser = site.cookie(request.headers(), Cookie::Begun);
    let LoggedIn { secret, who, destination } = logins.finish(brought, browser.as_deref(), site).await?;
    if let Some(log) = log
        && let Err(error) = visitor.tell(log, &who).await
    {
        logins.end_of(&secret).await?;
        return Err(error);
    }
    // The login before ends: a browser has one.
    if let Some(before) = site.cookie(request.headers(), Cookie::Login) {
        logins.end_of(&before).await?;
    }
    let cookies = [site.set(Cookie::Login, &secret), site.clear(Cookie::Begun)];
    redirect(StatusCode::SEE_OTHER, &destination, &cookies)
}

/// `POST /logout`: the end of the login that the request came with.
async fn end(
    (logins, log): (&Logins, Option<&AuditLog>),
    site: &Site,
    visitor: &Visitor<'_>,
) -> Result<Response, Error> {
    let Some(login) = login_of(visitor.caller) else {
        return Err(Error::new(&code::BAD_REQUEST, "the request came with no login in a browser")
            .help("`nexus logout` ends one of the command line"));
    };
    logins.end(login).await?;
    if let Some(log) = log {
        // Nobody stays logged in because a disk is full.
        log.note(What::LoggedOut(visitor.line(&visitor.caller.identity)));
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    give(&mut response, &[site.clear(Cookie::Login)])?;
    Ok(response)
}

impl Visitor<'_> {
    fn line(&self, who: &str) -> CallLine {
        login_line(who, self.sender, self.request_id.as_str())
    }

    /// Has it written down that somebody has logged in. Errors: it is not, and whoever is strict about that lets nobody
    /// in then.
    async fn tell(&self, log: &AuditLog, who: &str) -> Result<(), Error> {
        let what = What::LoggedIn(self.line(who));
        if log.rules().is_strict() {
            return log.durably(what).await;
        }
        log.note(what);
        Ok(())
    }
}

/// Where somebody wants to go after the login: a path of this server, and nothing that a browser could take for more.
fn destination(wanted: Option<String>) -> Result<String, Error> {
    let Some(wanted) = wanted else { return Ok(HOME.to_owned()) };
    let path = wanted.split(['?', '#']).next().unwrap_or_default();
    let is_plain = wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_plain && path.starts_with('/') && !path.contains("//") && is_short(&wanted) {
        return Ok(wanted);
    }
    Err(Error::new(&code::BAD_REQUEST, "`return` is no path of this server")
        .help("give a path such as /docs, encoded as in an address"))
}

fn redirect(status: StatusCode, to: &str, cookies: &[String]) -> Result<Response, Error> {
    let location = HeaderValue::from_str(to).map_err(|error| Error::internal(error.to_string()))?;
    let mut response = status.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    give(&mut response, cookies)?;
    Ok(response)
}

/// Gives an answer cookies. It is for this browser, and for no memory between.
fn give(response: &mut Response, cookies: &[String]) -> Result<(), Error> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in cookies {
        let value = HeaderValue::from_str(cookie).map_err(|error| Error::internal(error.to_string()))?;
        headers.append(header::SET_COOKIE, value);
    }
    Ok(())
}

fn only(allowed: &'static str, method: &Method, path: &str) -> Response {
    let error = Error::new(&code::METHOD_UNKNOWN, format!("{method} is not allowed on {path}"));
    let error = error.help("the Allow header lists the methods that are");
    let mut response: Response<Body> = Problem::from(error).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_away_by_a_login() {
        let to = |wanted: &str| destination(Some(wanted.to_owned())).ok();
        assert_eq!(destination(None).unwrap(), "/docs");
        for path in ["/", "/docs#shop/Double", "/v1/runs?after=1&u=https://a//b", "/a%20b"] {
            assert_eq!(to(path).as_deref(), Some(path));
        }
        for other in [
            "",
            "docs",
            "https://evil.example",
            "//evil.example",
            "///evil.example",
            "/..//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/a\r\nset-cookie: a=b",
            "/a b",
            "/ä",
            "javascript:alert(1)",
            "?return=/",
            " /docs",
        ] {
            assert_eq!(to(other), None, "{other:?}");
        }
        assert_eq!(to(&format!("/{}", "a".repeat(4096))), None);
    }

    proptest::proptest! {
        /// Whatever is asked for: a browser that takes it as a link on a page of this server stays on this server.
        #[test]
        fn a_destination_never_leaves_the_server(wanted in "[/\\\\.a-z:@?#%\t\r\n ]{0,12}") {
            if let Ok(path) = destination(Some(wanted)) {
                proptest::prop_assert!(path.starts_with('/') && !path.starts_with("//"));
                proptest::prop_assert!(!path.contains('\\') && path.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
