//! MCP over standard input and output: one client, for as long as it keeps the input open.

use std::sync::Arc;

use nexus_kernel::call::Caller;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::task::Shutdown;
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::channel::mcp::McpServer;
use crate::channel::mcp::content::McpShelf;
use crate::channel::mcp::transport::Pipes;
use crate::pipeline::Pipeline;

/// What a client over standard input and output is served.
pub struct McpStdio {
    /// The way to the operations.
    pub pipeline: Pipeline,
    /// Prompts and subsets.
    pub shelf: McpShelf,
    /// The version of this server.
    pub version: String,
    /// The subset of the tools, if not all.
    pub subset: Option<String>,
}

impl McpStdio {
    /// Serves the client at standard input and output.
    ///
    /// # Errors
    ///
    /// Those of [`McpStdio::serve`].
    pub async fn serve_standard(self, shutdown: &Shutdown) -> Result<(), Error> {
        let (input, output) = rmcp::transport::stdio_pipes();
        self.serve(input, output, shutdown).await
    }

    /// Serves one client until it closes the input, or the shutdown begins.
    ///
    /// # Errors
    ///
    /// `NX-2505` when there is no such subset; `NX-2004` when the client does not speak MCP.
    pub async fn serve(
        self,
        input: impl AsyncRead + Send + Sync + Unpin + 'static,
        output: impl AsyncWrite + Send + Sync + Unpin + 'static,
        shutdown: &Shutdown,
    ) -> Result<(), Error> {
        let server = McpServer::new(self.pipeline, self.shelf, &self.version);
        if let Some(subset) = &self.subset {
            server.check_subset(subset)?;
        }
        let server = server.of_subset(self.subset.map(Arc::from)).of_caller(Caller::local());
        let running = tokio::select! {
            biased;
            () = shutdown.begun() => return Ok(()),
            running = server.serve(Pipes::new(input, output)) => match running {
                Ok(running) => running,
                // A client that leaves before it has said anything has not done anything wrong.
                Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
                Err(error) => return Err(no_client(&error)),
            },
        };
        let stop = running.cancellation_token();
        let ended = tokio::select! {
            biased;
            ended = running.waiting() => ended,
            () = shutdown.begun() => {
                stop.cancel();
                return Ok(());
            }
        };
        ended.map(|_| ()).map_err(|error| Error::internal(error.to_string()))
    }
}

fn no_client(error: &ServerInitializeError) -> Error {
    Error::new(&code::BAD_REQUEST, format!("what comes in is not an MCP client: {error}"))
        .help("this command is started by an MCP client; `nexus mcp install` sets one up")
}
