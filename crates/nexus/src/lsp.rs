//! The language server: the language's own answers, spoken as the Language Server Protocol over standard input and
//! output.
//!
//! One thread reads messages, one answers requests, and the main loop between them owns everything that changes: it
//! takes one event after another, so edits and requests have one order. A request is answered from an immutable
//! picture of the files, taken when it arrived; types of the protocol are made at the edge, in `convert`.

mod action;
mod calling;
mod capabilities;
mod colour;
mod convert;
mod discover;
mod dispatch;
mod document;
mod handler;
mod main_loop;
mod position;
mod shape;
mod snapshot;
mod state;
mod transport;
mod uri;
mod worker;

use std::io::{BufReader, Write};
use std::sync::mpsc;

pub use main_loop::Ending;

/// Stack of the threads that parse and answer, in bytes: trees nest as deep as the parser allows.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Serves one editor until it leaves, over any two streams.
pub fn serve(
    input: impl std::io::Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> std::io::Result<Ending> {
    let (events, inbox) = mpsc::channel();
    let reader = events.clone();
    std::thread::Builder::new()
        .name("lsp-reader".to_owned())
        .spawn(move || transport::read_all(BufReader::new(input), &reader))?;
    let main = move || main_loop::MainLoop::new(events, inbox, output).map(main_loop::MainLoop::run);
    let main = std::thread::Builder::new().name("lsp-main".to_owned()).stack_size(STACK_BYTES).spawn(main)?;
    match main.join() {
        Ok(ending) => ending,
        Err(_) => Err(std::io::Error::other("the language server stopped by a fault of its own")),
    }
}
