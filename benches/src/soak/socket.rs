//! A client of `/ws`: just enough of RFC 6455 to call, subscribe, and leave without a word.

use anyhow::{Result, bail, ensure};
use nexus_kernel::Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::http::{Head, Http, PATIENCE, head};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The bit of a frame that is a whole message, and that of one with a mask.
const WHOLE: u8 = 0x80;
const MASKED: u8 = 0x80;

const HANDSHAKE: &str = "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: c29haydzIG93biBrZXkuLg==\r\n";

/// An open connection.
pub(super) struct Socket(BufReader<TcpStream>);

impl Socket {
    /// Connects.
    pub(super) async fn open(address: &str) -> Result<Socket> {
        let mut stream = Http::new(address).begin(head("GET", "/ws", HANDSHAKE, None).as_bytes()).await?;
        let answer = Head::read(&mut stream).await?;
        ensure!(answer.status == 101, "the handshake is answered with {}", answer.status);
        Ok(Socket(stream))
    }

    /// Sends a text.
    pub(super) async fn send(&mut self, text: &str) -> Result<()> {
        self.write(TEXT, text.as_bytes()).await
    }

    async fn write(&mut self, kind: u8, bytes: &[u8]) -> Result<()> {
        // A mask of zeros is a mask; whoever looks at these bytes has sent them.
        let mut frame = vec![WHOLE | kind];
        match u16::try_from(bytes.len()) {
            Ok(length) if length < 126 => frame.push(MASKED | u8::try_from(length)?),
            Ok(length) => {
                frame.push(MASKED | 0x7e);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => {
                frame.push(MASKED | 0x7f);
                frame.extend(u64::try_from(bytes.len())?.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(bytes);
        Ok(self.0.write_all(&frame).await?)
    }

    /// The next message.
    async fn read(&mut self) -> Result<Json> {
        loop {
            let [first, second] = [self.0.read_u8().await?, self.0.read_u8().await?];
            let length = match second & 0x7f {
                126 => u64::from(self.0.read_u16().await?),
                127 => self.0.read_u64().await?,
                short => u64::from(short),
            };
            let mut bytes = vec![0; usize::try_from(length)?];
            self.0.read_exact(&mut bytes).await?;
            match first & 0x0f {
                TEXT => return Ok(serde_json::from_slice(&bytes)?),
                PING => self.write(PONG, &bytes).await?,
                CLOSE => bail!("closed with {:?}", bytes.get(..2)),
                _ => {}
            }
        }
    }

    /// The next message that this is true of.
    pub(super) async fn until(&mut self, is_meant: impl Fn(&Json) -> bool) -> Result<Json> {
        let reading = async {
            loop {
                let message = self.read().await?;
                if is_meant(&message) {
                    return Ok(message);
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| bail!("a message does not come"))
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn ask(&mut self, id: u64, method: &str, params: &Json) -> Result<Json> {
        self.send(&serde_json::json!({ "id": id, "method": method, "params": params }).to_string()).await?;
        self.until(|message| message.get("id").and_then(Json::as_u64) == Some(id)).await
    }
}
