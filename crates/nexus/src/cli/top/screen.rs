//! The terminal, while it shows a picture that changes.

use std::io::{Read as _, Write as _};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::oneshot;

/// The other page of the terminal, without a cursor.
const OPEN: &str = "\x1b[?1049h\x1b[?25l";

/// The usual page, with its cursor.
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";

/// Control-C, where the terminal does not make a signal of it.
const INTERRUPT: u8 = 3;

/// The terminal; it is as it was when this is dropped.
pub(super) struct Screen {
    usual: Termios,
    left: oneshot::Receiver<()>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> Result<Screen, Error> {
        let failed = |error: rustix::io::Errno| {
            Error::new(&code::INPUT_INVALID, format!("the terminal cannot be used: {error}"))
                .help("`nexus top --once` needs none")
        };
        let terminal = std::io::stdin();
        let usual = tcgetattr(&terminal).map_err(failed)?;
        let (leave, left) = oneshot::channel();
        // It ends with the process: a read of a terminal cannot be called off.
        let wait = move || {
            wait_for_leaving();
            let _ = leave.send(()); // who shows nothing any more need not be told
        };
        // Without it `q` does nothing: better to show nothing.
        std::thread::Builder::new().name("keys".into()).spawn(wait).map_err(|error| {
            Error::new(&code::STOPPING, format!("the system gives no threads: {error}"))
                .help("`nexus top --once` needs none")
        })?;
        let mut silent = usual.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(failed)?;
        write(OPEN);
        Ok(Screen { usual, left })
    }

    /// Resolves when somebody wants to leave.
    pub(super) async fn left(&mut self) {
        let _ = (&mut self.left).await; // a reader that is gone can be told nothing: time to leave as well
    }

    /// Shows these lines, as far as there is room.
    pub(super) fn show(lines: &[String]) {
        let size = tcgetwinsize(std::io::stdout()).ok();
        let (rows, columns) =
            size.map_or((24, 80), |size| (usize::from(size.ws_row), usize::from(size.ws_col)));
        let (rows, columns) = (rows.max(2), columns.max(20));
        let mut text = "\x1b[H".to_owned();
        for line in lines.iter().take(rows - 1) {
            text.extend(line.chars().filter(|char| !char.is_control()).take(columns));
            text.push_str("\x1b[K\r\n");
        }
        text.push_str("\x1b[J\x1b[7mq quits\x1b[0m");
        write(&text);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        write(CLOSE);
        // There is nobody left to tell that it failed.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.usual);
    }
}

fn wait_for_leaving() {
    let mut key = [0];
    while std::io::stdin().read(&mut key).is_ok_and(|count| count == 1) {
        if matches!(key, [b'q' | b'Q' | INTERRUPT]) {
            return;
        }
    }
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    // A terminal that is gone takes its reader with it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
