//! What every way outside promises, as tests over a [`Ground`]. [`crate::exchange_contract!`] turns them into test functions.
#![expect(clippy::unwrap_used, reason = "a test body fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use crate::memory::exchange::Server;
use crate::port::exchange::{Exchange, Unreached};

/// Longest wait of a request that is meant to be answered.
const LONG: Duration = Duration::from_secs(20);

/// A way outside, and servers that it leads to.
pub struct Ground {
    /// The way.
    pub exchange: Box<dyn Exchange>,
    /// Puts a server somewhere, and says where: `http://` and an authority.
    pub serve: Box<dyn Fn(Server) -> String>,
    /// Where nobody listens.
    pub nobody: String,
}

/// One asynchronous test per rule. `$fresh()` gives a [`Ground`].
#[macro_export]
macro_rules! exchange_contract {
    ($fresh:path) => {
        $crate::exchange_contract!($fresh;
            requests_and_answers_arrive_as_they_were_sent,
            answers_of_every_status_are_answers,
            whoever_is_not_there_is_away,
            whoever_hangs_up_is_away,
            whoever_says_nothing_in_time_is_silent,
        );
    };
    ($fresh:path; $($rule:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $rule() {
            let ground = $fresh();
            $crate::testing::exchange_contract::$rule(&ground).await;
        })*
    };
}

fn post(url: &str, body: &[u8]) -> Request<Vec<u8>> {
    Request::builder().method(Method::POST).uri(url).body(body.to_vec()).unwrap()
}

/// Headers of a name, in their order.
fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

/// Path, query, headers with bytes of any kind and any number of values, and bodies of any bytes: there and back.
pub async fn requests_and_answers_arrive_as_they_were_sent(ground: &Ground) {
    let seen: Arc<Mutex<Option<Request<Vec<u8>>>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let url = (ground.serve)(Arc::new(move |request| {
        *noted.lock().unwrap() = Some(request);
        let mut response = Response::new(vec![0, 255, 10]);
        response.headers_mut().append("nexus-link", HeaderValue::from_static("<a>; type=\"b\""));
        response.headers_mut().append("nexus-link", HeaderValue::from_static("<c>; type=\"d\""));
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/x-mine; a=b"));
        Box::pin(async { Some(response) })
    }));
    let mut request = post(&format!("{url}/a%2Fb/c%20d?callback=http%3A%2F%2Fe%2F"), &[1, 0, 200]);
    request.headers_mut().append("x-two", HeaderValue::from_static("one"));
    request.headers_mut().append("x-two", HeaderValue::from_bytes(b"tw\xf6 {\"a\": 1}").unwrap());
    let response = ground.exchange.exchange(request, LONG).await.unwrap();
    assert_eq!((response.status(), response.body()), (StatusCode::OK, &vec![0, 255, 10]));
    assert_eq!(all(response.headers(), "nexus-link"), [b"<a>; type=\"b\"", b"<c>; type=\"d\""]);
    assert_eq!(all(response.headers(), "content-type"), [b"application/x-mine; a=b"]);
    let request = seen.lock().unwrap().take().unwrap();
    assert_eq!((request.method(), request.body()), (&Method::POST, &vec![1, 0, 200]));
    let path = request.uri().path_and_query().unwrap().as_str();
    assert_eq!(path, "/a%2Fb/c%20d?callback=http%3A%2F%2Fe%2F");
    assert_eq!(all(request.headers(), "x-two"), [&b"one"[..], b"tw\xf6 {\"a\": 1}"]);
}

/// Errors are answers as well, and nobody follows where an answer points.
pub async fn answers_of_every_status_are_answers(ground: &Ground) {
    let url = (ground.serve)(Arc::new(|request| {
        let status: u16 = request.uri().path().trim_start_matches('/').parse().unwrap();
        let response = Response::builder().status(status).header("location", "/200").body(b"said".to_vec());
        Box::pin(async { response.ok() })
    }));
    for status in [201, 302, 307, 400, 424, 500, 503, 520] {
        let response = ground.exchange.exchange(post(&format!("{url}/{status}"), b""), LONG).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.body()[..]), (status, &b"said"[..]));
    }
}

/// It may be there another time.
pub async fn whoever_is_not_there_is_away(ground: &Ground) {
    let answer = ground.exchange.exchange(post(&ground.nobody, b""), LONG).await;
    assert!(matches!(answer, Err(Unreached::Away(_))), "{answer:?}");
}

/// A connection that ends before the answer does.
pub async fn whoever_hangs_up_is_away(ground: &Ground) {
    let url = (ground.serve)(Arc::new(|_| Box::pin(async { None })));
    let answer = ground.exchange.exchange(post(&url, b""), LONG).await;
    assert!(matches!(answer, Err(Unreached::Away(_))), "{answer:?}");
}

/// The limit is the caller's.
pub async fn whoever_says_nothing_in_time_is_silent(ground: &Ground) {
    let url = (ground.serve)(Arc::new(|_| Box::pin(std::future::pending())));
    let limit = Duration::from_millis(30);
    let answer = ground.exchange.exchange(post(&url, b""), limit).await;
    assert_eq!(answer.unwrap_err(), Unreached::Silent(limit));
}
