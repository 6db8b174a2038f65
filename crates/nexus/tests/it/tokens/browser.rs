//! Logins in a browser: the whole way through the real server and a provider, and every attack on it that has a name.
//!
//! The browser is a client that sends exactly the headers it is told to: what browsers add by themselves is written down.

mod attacks;
mod renewal;
mod ways;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value as Json, json};

use super::provider::{Provider, Signer, fields};
use super::{at, claims, with};
use crate::support::{Project, Server};

/// What a page of the server itself says with its requests.
const OWN_PAGE: [(&str, &str); 2] = [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")];

/// The beginning of the cookie.
const COOKIE: &str = "nexus=";

/// An answer.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The cookies that it sets, each with its name and its value in front of what else is said of it.
    fn cookies(&self) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The cookie whose line begins so, as a browser sends it back.
    fn cookie(&self, prefix: &str) -> String {
        let cookies = self.cookies();
        let line =
            cookies.iter().find(|line| line.starts_with(prefix)).unwrap_or_else(|| panic!("{cookies:?}"));
        line.split(';').next().unwrap().to_owned()
    }

    fn json(&self) -> Json {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// The code of a problem, or the status.
    fn code(&self) -> String {
        let json: Json = serde_json::from_str(&self.body).unwrap_or_default();
        json["code"].as_str().map_or_else(|| self.status.to_string(), ToOwned::to_owned)
    }
}

/// Sends a request with these headers and no others but what HTTP needs.
fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let host = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n"); // writing to a string cannot fail
    }
    if method != "GET" {
        let _ = write!(head, "content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole).unwrap();
    let whole = String::from_utf8_lossy(&whole).into_owned();
    let (head, body) = whole.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{whole:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(server, "GET", path, headers, "")
}

/// The configuration of a server where people log in with a browser.
fn config(provider: &Provider) -> String {
    super::config(&provider.url) + "browser = true\n"
}

fn project(provider: &Provider) -> Project {
    Project::with(&[("workflows/a.twf", super::WORKFLOWS), ("nexus.toml", &config(provider))])
}

/// What the token endpoint gives.
fn granted(token: &str, refresh_token: Option<&str>) -> Json {
    json!({ "access_token": token, "token_type": "Bearer", "refresh_token": refresh_token })
}

/// A login that has begun: what the provider is asked, and the cookie of the browser.
struct Begun {
    asked: std::collections::BTreeMap<String, String>,
    cookie: String,
}

fn begin(server: &Server, query: &str) -> Begun {
    let answer = get(server, &format!("/login{query}"), &[("sec-fetch-site", "none")]);
    assert_eq!(answer.status, 302, "{}", answer.body);
    let location = answer.header("location").unwrap();
    let asked = fields(location.split_once('?').unwrap().1);
    Begun { asked, cookie: answer.cookie("nexus-login=") }
}

/// Where a browser is sent back to with a code.
fn back(begun: &Begun, extra: &str) -> String {
    format!("/login/callback?code=c-1&state={}{extra}", begun.asked["state"])
}

/// Logs somebody in with this answer of the provider; gives their cookie.
fn log_in(server: &Server, provider: &Provider, answer: Json) -> String {
    let begun = begin(server, "?return=%2Fv1%2Fruns");
    provider.desk.lock().unwrap().answers.push_back((200, answer));
    let answer =
        get(server, &back(&begun, ""), &[("cookie", &begun.cookie), ("sec-fetch-site", "cross-site")]);
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.cookie(COOKIE)
}

/// Who the server takes a browser for, when a page of its own asks.
fn whoami(server: &Server, cookie: &str) -> String {
    let headers = [&[("cookie", cookie)][..], &OWN_PAGE].concat();
    let answer = send(server, "POST", "/v1/operations/auth.whoami", &headers, "{}");
    if answer.status == 200 {
        answer.json()["output"]["caller"].as_str().unwrap_or_default().to_owned()
    } else {
        answer.code()
    }
}

/// A provider that publishes a key, and a server where people log in there.
fn world() -> (Signer, Provider, Project, Server) {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]);
    let project = project(&provider);
    let server = project.serve();
    (signer, provider, project, server)
}
