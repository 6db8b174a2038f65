//! Pages for people in browsers: whoever is not logged in gets a way to log in instead of a problem for programs.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use ring::digest::{SHA256, digest};

use crate::identity::login::encoded;
use crate::problem::Problem;

/// The media type of pages.
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Where this server's own pages find out that there is a login (RFC 8288).
const LINK: HeaderValue = HeaderValue::from_static("</login>; rel=\"login\"");

/// How pages look. It is in them: whoever is not let in is let in to no file.
const STYLE: &str = include_str!("page.css");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// Somebody who looks at answers in a browser.
pub(crate) enum Reader {
    /// They go to a page; this is its path.
    Person(String),
    /// A page of this server asks for them.
    Page,
}

/// What they see instead of a problem.
pub(crate) enum Shown {
    Page(String),
    Link,
}

impl Reader {
    /// Whether a request is of one.
    pub(crate) fn of(request: &Request<impl Sized>) -> Option<Reader> {
        let headers = request.headers();
        let says = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
        if request.method() == Method::GET && takes_pages(headers) {
            let path = request.uri().path_and_query().map_or("/", |whole| whole.as_str());
            return Some(Reader::Person(path.to_owned()));
        }
        says("sec-fetch-site", "same-origin").then_some(Reader::Page)
    }

    /// What they see instead of an answer, when that is one that a login helps with.
    pub(crate) fn page(self, response: &Response) -> Option<Shown> {
        let error = response.extensions().get::<Problem>().map(Problem::error)?;
        let is_closed = error.code() == &code::UNAUTHENTICATED || error.code() == &code::CREDENTIAL_INVALID;
        match self {
            Reader::Person(path) if is_closed => Some(Shown::Page(problem(error, &path))),
            Reader::Person(_) if is_of_login(error) => Some(Shown::Page(problem(error, ""))),
            Reader::Page if is_closed => Some(Shown::Link),
            Reader::Person(_) | Reader::Page => None,
        }
    }
}

impl Shown {
    /// Puts it into an answer. Its status and its headers stay.
    pub(crate) fn instead_of(self, mut response: Response) -> Response {
        match self {
            Shown::Page(html) => {
                response.headers_mut().insert(header::CONTENT_TYPE, HTML);
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy());
                *response.body_mut() = Body::from(html);
            }
            Shown::Link => {
                response.headers_mut().append(header::LINK, LINK);
            }
        }
        response
    }
}

fn is_of_login(error: &Error) -> bool {
    [&code::BROWSER_LOGIN_FAILED, &code::ISSUER_UNAVAILABLE, &code::CROSS_SITE].contains(&error.code())
}

/// Whether whoever asks wants pages before anything else.
fn takes_pages(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split([',', ';']).next().is_some_and(|first| first.trim().eq_ignore_ascii_case("text/html"))
}

/// The page of a problem, with a link to log in.
fn problem(error: &Error, path: &str) -> String {
    let back = if path.is_empty() { String::new() } else { format!("?return={}", encoded(path)) };
    let (code, title) = (error.code().id, error.code().title);
    let body = format!(
        "<h1>{}</h1>\n<p class=\"told\">{}</p>\n<a class=\"go\" href=\"/login{back}\">Log in</a>\n<p class=\"code\">{code}</p>",
        text(title),
        text(error.message()),
    );
    page(title, &body)
}

/// The list of places to log in at.
pub(super) fn choice(names: &[String], destination: &str) -> Response {
    let line = |name: &String| {
        let (issuer, back) = (encoded(name), encoded(destination));
        format!(
            "<li><a class=\"go\" href=\"/login?issuer={issuer}&amp;return={back}\">{}</a></li>",
            text(name)
        )
    };
    let lines: Vec<String> = names.iter().map(line).collect();
    let html = page("Log in", &format!("<h1>Log in</h1>\n<ul>\n{}\n</ul>", lines.join("\n")));
    let headers = [(header::CONTENT_TYPE, HTML), (header::CONTENT_SECURITY_POLICY, policy())];
    (StatusCode::OK, headers, html).into_response()
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{} - Nexus</title>\n<style>{STYLE}</style>\n\
         <main>\n<p class=\"name\">Nexus</p>\n{body}\n</main>\n</html>\n",
        text(title)
    )
}

/// Nothing but the style that is in the page.
fn policy() -> HeaderValue {
    POLICY.clone()
}

/// A text in which nothing means anything to browsers.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(accept: &str, path: &str, code: &'static nexus_kernel::error::Code) -> Option<String> {
        let request = Request::builder().uri(path).header("accept", accept).body(()).unwrap();
        let response = Problem::from(Error::new(code, "<script>")).into_response();
        match Reader::of(&request)?.page(&response)? {
            Shown::Page(html) => Some(html),
            Shown::Link => None,
        }
    }

    #[test]
    fn people_get_a_link_where_programs_get_a_problem() {
        let browser = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
        let html = shown(browser, "/v1/runs?a=1&b=%22x", &code::UNAUTHENTICATED).unwrap();
        assert!(html.contains("href=\"/login?return=%2Fv1%2Fruns%3Fa%3D1%26b%3D"), "{html}");
        assert!(!html.contains("<script>"), "{html}");
        for accept in ["application/json", "*/*", "application/json, text/html", ""] {
            assert!(shown(accept, "/v1/runs", &code::UNAUTHENTICATED).is_none(), "{accept}");
        }
        assert!(shown(browser, "/v1/runs", &code::FORBIDDEN).is_none(), "they are logged in");
        let failed = shown(browser, "/login/callback?code=c&state=s", &code::BROWSER_LOGIN_FAILED).unwrap();
        assert!(failed.contains("href=\"/login\">") && !failed.contains("state"), "{failed}");
    }
}
