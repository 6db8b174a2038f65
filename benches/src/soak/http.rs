//! A client of HTTP/1.1 that keeps its connection, and can misuse it.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nexus_kernel::Json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// How long any answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The session that an MCP server has opened.
    pub(super) session: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null when it is something else.
    pub(super) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A connection, opened when it is needed.
pub(super) struct Http {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Http {
    pub(super) fn new(address: &str) -> Http {
        Http { address: address.to_owned(), stream: None }
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Result<Reply> {
        let head = head(method, path, headers, Some(body.len()));
        let asked = tokio::time::timeout(PATIENCE, self.ask(&[head.as_bytes(), body].concat())).await;
        let reply = asked.unwrap_or_else(|_| bail!("no answer in {} s", PATIENCE.as_secs()));
        if reply.is_err() {
            self.stream = None;
        }
        reply.with_context(|| format!("{method} {path}"))
    }

    /// Posts JSON.
    pub(super) async fn post(&mut self, path: &str, body: &Json) -> Result<Reply> {
        self.send("POST", path, "", body.to_string().as_bytes()).await
    }

    async fn ask(&mut self, request: &[u8]) -> Result<Reply> {
        // A connection that was kept may have been closed meanwhile; nothing has come of the request then.
        let kept = self.stream.take();
        if let Some(mut stream) = kept
            && stream.write_all(request).await.is_ok()
            && let Ok([_, ..]) = stream.fill_buf().await
        {
            return self.read(stream).await;
        }
        let mut stream = BufReader::new(TcpStream::connect(&self.address).await?);
        stream.get_ref().set_nodelay(true)?;
        // Who refuses a body early may close before all of it is sent; the answer is read all the same.
        let _ = stream.write_all(request).await;
        self.read(stream).await
    }

    async fn read(&mut self, mut stream: BufReader<TcpStream>) -> Result<Reply> {
        let head = Head::read(&mut stream).await?;
        let body = match head.length {
            Some(length) => {
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await?;
                body
            }
            None => chunks(&mut stream).await?,
        };
        if !head.is_last {
            self.stream = Some(stream);
        }
        Ok(Reply { status: head.status, session: head.session, body })
    }

    /// A connection that has sent this much, of which the answer is not waited for.
    pub(super) async fn begin(&self, bytes: &[u8]) -> Result<BufReader<TcpStream>> {
        let mut stream = BufReader::new(TcpStream::connect(&self.address).await?);
        stream.write_all(bytes).await?;
        Ok(stream)
    }

    /// A stream of events of which the head has come.
    pub(super) async fn stream(&self, path: &str) -> Result<BufReader<TcpStream>> {
        let mut stream =
            self.begin(head("GET", path, "accept: text/event-stream\r\n", None).as_bytes()).await?;
        let head = Head::read(&mut stream).await?;
        ensure!(head.status == 200, "the stream of {path} is answered with {}", head.status);
        Ok(stream)
    }
}

/// The head of a request.
pub(super) fn head(method: &str, path: &str, headers: &str, length: Option<usize>) -> String {
    let kind = if headers.contains("content-type") { "" } else { "content-type: application/json\r\n" };
    let length = length.map(|length| format!("content-length: {length}\r\n")).unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{kind}{length}{headers}\r\n")
}

/// Reads a stream of events until a line holds this text.
pub(super) async fn until(stream: &mut BufReader<TcpStream>, wanted: &str) -> Result<String> {
    let reading = async {
        let mut line = String::new();
        loop {
            line.clear();
            ensure!(stream.read_line(&mut line).await? > 0, "the stream has ended before {wanted:?}");
            if line.contains(wanted) {
                return Ok(line);
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| bail!("{wanted:?} does not come"))
}

/// What matters of the head of an answer.
pub(super) struct Head {
    pub(super) status: u16,
    session: Option<String>,
    length: Option<usize>,
    is_last: bool,
}

impl Head {
    pub(super) async fn read(stream: &mut BufReader<TcpStream>) -> Result<Head> {
        let mut line = String::new();
        ensure!(stream.read_line(&mut line).await? > 0, "the connection was closed without an answer");
        let status = line.split(' ').nth(1).context("an answer has a status")?.parse()?;
        let mut head = Head { status, session: None, length: None, is_last: false };
        loop {
            line.clear();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = Some(value.parse()?),
                "connection" => head.is_last = value.eq_ignore_ascii_case("close"),
                "mcp-session-id" => head.session = Some(value.to_owned()),
                "transfer-encoding" => head.length = None,
                _ => {}
            }
        }
        if matches!(status, 101 | 202 | 204 | 304) && head.length.is_none() {
            head.length = Some(0);
        }
        Ok(head)
    }
}

/// A body in chunks.
async fn chunks(stream: &mut BufReader<TcpStream>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let length = usize::from_str_radix(line.trim(), 16).context("a chunk has a length")?;
        let from = body.len();
        body.resize(from + length, 0);
        stream.read_exact(body.get_mut(from..).unwrap_or_default()).await?;
        stream.read_line(&mut line).await?;
        if length == 0 {
            return Ok(body);
        }
    }
}
