//! Messages over standard input and output, in the place of rmcp's own way: that one gives no answer to what it cannot read,
//! and lets the last of two members of one name count.

use std::borrow::Cow;
use std::io;

use nexus_kernel::Json;
use nexus_kernel::task;
use rmcp::RoleServer;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::channel::mcp::line::{Line, Lines};
use crate::channel::mcp::message::{self, Unreadable, method_of};

/// Messages that wait to be written. Further ones wait before they are made.
const QUEUE: usize = 16;

/// One client at the other end of two pipes.
pub(super) struct Pipes<R> {
    lines: Lines<R>,
    out: Option<mpsc::Sender<Vec<u8>>>,
    writing: Option<JoinHandle<()>>,
    /// An answer to something unreadable that is still to be sent: waiting for its turn may be given up.
    refusal: Option<Vec<u8>>,
}

/// What a line was.
enum Taken {
    Message(Box<RxJsonRpcMessage<RoleServer>>),
    Nothing,
    End,
}

impl<R: AsyncRead + Unpin> Pipes<R> {
    /// Speaks over these.
    pub(super) fn new(input: R, output: impl AsyncWrite + Send + Unpin + 'static) -> Pipes<R> {
        let (out, messages) = mpsc::channel(QUEUE);
        let writing = task::spawn(write(output, messages));
        Pipes { lines: Lines::new(input), out: Some(out), writing: Some(writing), refusal: None }
    }

    /// Takes the next line. The answer to one that cannot be read is put by.
    async fn take(&mut self) -> Taken {
        let refused = match self.lines.next().await {
            Ok(Some(Line::Whole(bytes))) => match message::read(&bytes).and_then(understood) {
                Ok(Some(message)) => return Taken::Message(Box::new(message)),
                Ok(None) => return Taken::Nothing,
                Err(refused) => refused,
            },
            Ok(Some(Line::TooLong)) => Unreadable::too_large(),
            Ok(None) => return Taken::End,
            Err(error) => {
                tracing::warn!(%error, "the input cannot be read");
                return Taken::End;
            }
        };
        self.refusal = Some(line_of(&refused.answer).unwrap_or_default());
        Taken::Nothing
    }
}

/// Writes messages until there will be no more, or the client has gone away.
async fn write(mut output: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = messages.recv().await {
        if output.write_all(&line).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

fn line_of(message: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// A message of the protocol; nothing for news of some other one, which need no answer.
fn understood(message: Json) -> Result<Option<RxJsonRpcMessage<RoleServer>>, Unreadable> {
    let is_news = !method_of(&message).is_empty() && message.get("id").is_none();
    let refused = Unreadable::no_message(&message);
    match serde_json::from_value(message) {
        Ok(message) => Ok(Some(message)),
        Err(_) if is_news => Ok(None),
        Err(_) => Err(refused),
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Pipes<R> {
    type Error = io::Error;

    fn name() -> Cow<'static, str> {
        "standard input and output".into()
    }

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let out = self.out.clone();
        async move {
            let line = line_of(&message)?;
            let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
            out.ok_or_else(gone)?.send(line).await.map_err(|_| gone())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if self.refusal.is_some() {
                let place = self.out.as_ref()?.reserve().await.ok()?;
                if let Some(line) = self.refusal.take() {
                    place.send(line);
                }
            }
            match self.take().await {
                Taken::Message(message) => return Some(*message),
                Taken::Nothing => {}
                Taken::End => return None,
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.out = None;
        match self.writing.take() {
            // It ends once the last message has been written.
            Some(writing) => writing.await.map_err(io::Error::other),
            None => Ok(()),
        }
    }
}
