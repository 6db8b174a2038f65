//! Logins in a browser on this machine: authorisation code with PKCE (RFC 7636), sent back to the loopback (RFC 8252, 7.3).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::{Clock as _, SystemClock};
use nexus_kernel::port::rng::{Rng as _, SystemRng};
use reqwest::Url;
use ring::digest::{SHA256, digest};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Granted, Provider, failed, now};

/// How long somebody has for it.
const LIFETIME: Duration = Duration::from_mins(10);

/// The longest first line of a request that is read, in bytes.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// How long a browser may take to say what it wants.
const LINE_TIME_MAX: Duration = Duration::from_secs(10);

/// What comes back, when it is an answer to what was asked.
#[derive(Debug, PartialEq, Eq)]
enum Back {
    /// The code to get a token with.
    Code(String),
    /// It was refused, in the provider's word.
    Refused(String),
    /// It is something else: an icon that the browser asks for, or an answer to somebody else's question.
    Other,
}

pub(super) async fn login(
    provider: &Provider,
    resource: &str,
    scope: &str,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Granted, Error> {
    let local = |error: std::io::Error| failed(format!("cannot wait for the browser: {error}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(local)?;
    let here = format!("http://127.0.0.1:{}/callback", listener.local_addr().map_err(local)?.port());
    let (verifier, state) = (secret(), secret());
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let mut url = provider.endpoint("authorization_endpoint")?;
    url.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", &provider.client_id),
        ("redirect_uri", &here),
        ("scope", scope),
        ("state", &state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("resource", resource),
        ("audience", resource),
    ]);
    tell(&format!("open this page to log in:\n{url}"));
    let end = SystemClock.sleep_until(now().plus(LIFETIME));
    let code = tokio::select! {
        biased;
        code = wait(&listener, &state, provider.issuer()) => code?,
        () = end => return Err(failed("nobody logged in within 10 minutes").help("begin again with `nexus login`")),
    };
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &here),
        ("code_verifier", &verifier),
        ("resource", resource),
    ];
    let said = provider.token(&fields).await?;
    let said = said.map_err(|error| failed(format!("{} gave no token: {error}", provider.issuer())))?;
    provider.granted(&said, None)
}

/// Chance that nobody can guess, in the letters that verifiers have (RFC 7636, 4.1).
fn secret() -> String {
    let mut bytes = [0; 32];
    SystemRng.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Waits until a browser brings the answer to our question.
async fn wait(listener: &TcpListener, state: &str, issuer: &str) -> Result<String, Error> {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let limit = SystemClock.sleep_until(now().plus(LINE_TIME_MAX));
        let asked = tokio::select! {
            biased;
            asked = ask(stream, state, issuer) => asked,
            () = limit => Back::Other,
        };
        match asked {
            Back::Code(code) => return Ok(code),
            Back::Refused(error) => return Err(failed(format!("the login was refused: {error}"))),
            Back::Other => {}
        }
    }
}

/// Reads what a browser asks for and answers with a page for people.
async fn ask(stream: TcpStream, state: &str, issuer: &str) -> Back {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if (&mut reader).take(LINE_BYTES_MAX).read_line(&mut line).await.is_err() {
        return Back::Other;
    }
    let back = back(&line, state, issuer);
    let (status, text) = match &back {
        Back::Code(_) => ("200 OK", "You are logged in. You may close this page."),
        Back::Refused(_) => ("200 OK", "The login was refused. You may close this page."),
        Back::Other => ("404 Not Found", "There is nothing here."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         connection: close\r\n\r\n{text}",
        text.len()
    );
    // Whether the browser still listens does not matter: what it brought is here.
    let _ = reader.write_all(answer.as_bytes()).await;
    let _ = reader.shutdown().await;
    back
}

/// What the first line of a request brings.
fn back(line: &str, state: &str, issuer: &str) -> Back {
    let path = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let Ok(url) = Url::parse("http://127.0.0.1").and_then(|base| base.join(path)) else { return Back::Other };
    let value =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    // An answer that somebody else began, or that another provider gave (RFC 9207), is none of ours.
    let is_ours = value("state").as_deref() == Some(state) && value("iss").is_none_or(|from| from == issuer);
    if url.path() != "/callback" || !is_ours {
        return Back::Other;
    }
    match (value("code"), value("error")) {
        (_, Some(error)) => Back::Refused(error.chars().filter(|it| !it.is_control()).take(100).collect()),
        (Some(code), None) => Back::Code(code),
        (None, None) => Back::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_our_question_counts() {
        let of = |path: &str| back(&format!("GET {path} HTTP/1.1\r\n"), "s1", "https://id");
        assert_eq!(of("/callback?code=a%2Bb&state=s1"), Back::Code("a+b".into()));
        assert_eq!(of("/callback?code=a&state=s1&iss=https%3A%2F%2Fid"), Back::Code("a".into()));
        assert_eq!(of("/callback?error=access_denied&state=s1"), Back::Refused("access_denied".into()));
        for other in [
            "/callback?code=a",
            "/callback?code=a&state=s2",
            "/callback?code=a&state=s1&iss=https%3A%2F%2Fevil",
            "/callback?state=s1",
            "/favicon.ico",
            "/other?code=a&state=s1",
            "",
        ] {
            assert_eq!(of(other), Back::Other, "{other}");
        }
        assert_eq!(back("POST /callback?code=a&state=s1 HTTP/1.1", "s1", "https://id"), Back::Other);
    }
}
