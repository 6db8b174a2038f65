//! Nexus operations over HTTP of a server that runs already, whichever it is: `benches/peers/calls/run` starts some.
//!
//! Callers are threads with a connection each. An async operation is over when its completion has been brought to the sink,
//! which is a server of this program.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::measure::{Stopwatch, micros, millis, quantile};
use crate::out;

/// Callers, and calls in all.
const LOADS: [(usize, usize); 2] = [(1, 400), (64, 6_400)];

/// Longest wait for a completion.
const PATIENCE: Duration = Duration::from_mins(1);

/// Prints the figures of a server: its name, where its service is, and the processes that it is made of.
pub(crate) fn run(given: &[String]) -> Result<()> {
    let [name, url, processes @ ..] = given else {
        bail!("say: operations NAME http://HOST:PORT/PATH/OF/SERVICE PID...");
    };
    let url = url.strip_prefix("http://").context("only http:// is measured")?;
    let (authority, path) = url.split_once('/').context("there is no path to a service")?;
    let place = Place { authority: authority.to_owned(), path: format!("/{path}"), sink: Sink::open()? };
    let place = Arc::new(place);
    for (operation, what) in [("Hello", "sync"), ("Greet", "async, start to completion")] {
        for (callers, calls) in LOADS {
            place.load(operation, callers, calls / 10)?;
            let (watch, before) = (Stopwatch::start(), cpu(processes)?);
            let mut latencies = place.load(operation, callers, calls)?;
            let (seconds, cpu) = (watch.seconds(), cpu(processes)?.saturating_sub(before));
            #[expect(clippy::cast_precision_loss, reason = "counts of a short measurement")]
            let rate = calls as f64 / seconds;
            out(&format!(
                "{name}, {what}, {callers} callers: {rate:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {} us CPU each",
                millis(quantile(&mut latencies, 0.5)),
                millis(quantile(&mut latencies, 0.99)),
                micros(cpu) / u128::try_from(calls)?,
            ));
        }
    }
    Ok(())
}

/// The processor time that processes have used.
fn cpu(processes: &[String]) -> Result<Duration> {
    let mut ticks = 0_u64;
    for process in processes {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let after = stat.rsplit_once(')').context("a line of /proc has a name in it")?.1;
        for field in after.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
    }
    Ok(Duration::from_millis(ticks * 10)) // Linux tells it in hundredths of a second
}

/// The service that is called.
struct Place {
    authority: String,
    path: String,
    sink: Sink,
}

impl Place {
    /// So many calls by so many callers, and how long each took.
    fn load(
        self: &Arc<Place>,
        operation: &'static str,
        callers: usize,
        calls: usize,
    ) -> Result<Vec<Duration>> {
        let threads: Vec<_> = (0..callers)
            .map(|_| {
                let place = Arc::clone(self);
                std::thread::spawn(move || {
                    let mut caller = Caller::connect(&place)?;
                    let calls = (0..calls.div_ceil(callers)).map(|_| caller.call(operation));
                    calls.collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow::anyhow!("a caller has died"))??);
        }
        Ok(all)
    }
}

/// A caller with a connection.
struct Caller<'a> {
    place: &'a Place,
    connection: BufReader<TcpStream>,
}

impl<'a> Caller<'a> {
    fn connect(place: &'a Place) -> Result<Caller<'a>> {
        let connection = TcpStream::connect(&place.authority)?;
        connection.set_nodelay(true)?;
        Ok(Caller { place, connection: BufReader::new(connection) })
    }

    /// One call, from its request to its end.
    fn call(&mut self, operation: &str) -> Result<Duration> {
        let (id, done) = self.place.sink.expect();
        let Place { authority, path, sink } = self.place;
        let callback = format!("http%3A%2F%2F{}%2F{id}", sink.address.to_string().replace(':', "%3A"));
        let request = format!(
            "POST {path}/{operation}?callback={callback} HTTP/1.1\r\nhost: {authority}\r\n\
             content-type: application/json\r\nnexus-request-id: {}-{id}\r\ncontent-length: 5\r\n\r\n\"Ada\"",
            sink.run,
        );
        let watch = Stopwatch::start();
        self.connection.get_mut().write_all(request.as_bytes())?;
        let (head, body) = read(&mut self.connection)?.context("the connection was closed")?;
        if head.starts_with("HTTP/1.1 201") {
            ensure!(done.recv_timeout(PATIENCE)?, "the operation has failed");
        } else {
            ensure!(head.starts_with("HTTP/1.1 200"), "{head}\n{}", String::from_utf8_lossy(&body));
            sink.forget(id);
        }
        Ok(watch.elapsed())
    }
}

/// A message of HTTP: its head and its body; nothing at the end of the connection.
fn read(connection: &mut BufReader<TcpStream>) -> Result<Option<(String, Vec<u8>)>> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if connection.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if head.get(before..) == Some("\r\n") {
            break;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(Ok(0), |length| length.trim().parse())?];
    connection.read_exact(&mut body)?;
    Ok(Some((head, body)))
}

/// Where completions are brought to.
struct Sink {
    address: SocketAddr,
    /// Tells the calls of this process from those of others.
    run: u32,
    next: AtomicU64,
    awaited: Arc<Mutex<HashMap<u64, mpsc::Sender<bool>>>>,
}

impl Sink {
    fn open() -> Result<Sink> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let awaited: Arc<Mutex<HashMap<u64, mpsc::Sender<bool>>>> = Arc::default();
        let waiting = Arc::clone(&awaited);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let waiting = Arc::clone(&waiting);
                std::thread::spawn(move || hear(connection, &waiting));
            }
        });
        Ok(Sink { address, run: std::process::id(), next: AtomicU64::new(0), awaited })
    }

    /// A number for a call, and what tells of its end.
    fn expect(&self) -> (u64, mpsc::Receiver<bool>) {
        let (sender, receiver) = mpsc::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        (id, receiver)
    }

    fn forget(&self, id: u64) {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Takes the completions of a connection.
fn hear(connection: TcpStream, awaited: &Mutex<HashMap<u64, mpsc::Sender<bool>>>) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufReader::new(connection);
    while let Some((head, _)) = read(&mut connection)? {
        connection.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        let id = head.split(' ').nth(1).and_then(|path| path.trim_start_matches('/').parse().ok());
        let waiting = id.and_then(|id| awaited.lock().unwrap_or_else(PoisonError::into_inner).remove(&id));
        if let Some(waiting) = waiting {
            let is_done = head.to_ascii_lowercase().contains("nexus-operation-state: succeeded");
            let _ = waiting.send(is_done); // a caller who has given up hears nothing
        }
    }
    Ok(())
}
