//! `nexus top`: what a server is doing, live.

mod frame;
mod sample;
mod screen;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::{Clock as _, SystemClock};
use nexus_kernel::time::{Timestamp, parse_duration};

use crate::cli::Global;
use crate::client::Client;
use crate::client::remote::Remote;
use crate::output::Output;
use frame::Frame;
use sample::Sample;
use screen::Screen;

/// The shortest time between two looks.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Flags.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Print what there is once, with averages since the server began, and end
    #[arg(long)]
    once: bool,
    /// Time between two looks
    #[arg(long, default_value = "1s", value_name = "TIME")]
    interval: String,
}

/// Shows what a server does until somebody presses `q`; once, where nobody watches.
pub async fn top(global: &Global, args: &TopArgs, output: Output) -> Result<(), Error> {
    let interval = parse_duration(&args.interval).filter(|interval| *interval >= INTERVAL_MIN);
    let interval = interval.ok_or_else(|| {
        Error::new(&code::INPUT_INVALID, format!("{:?} is no time between two looks", args.interval))
            .help("write it like 1s or 500ms; 100ms at least")
    })?;
    let remote = Client::server(global).await?.ok_or_else(|| {
        Error::new(&code::SERVER_UNREACHABLE, "no server serves this project")
            .help("start one with `nexus up`, or name one with --server")
    })?;
    let is_watched = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.once || output.is_json() || !is_watched {
        let (sample, _) = look(&remote).await?;
        let frame = Frame::since_start(&sample, SystemClock.now());
        if output.is_json() {
            output.json(&frame.to_json());
        } else {
            frame.lines(remote.shown()).iter().for_each(|line| output.text(line));
        }
        return Ok(());
    }
    watch(&remote, interval).await
}

async fn look(remote: &Remote) -> Result<(Sample, Timestamp), Error> {
    let text = remote.metrics().await?;
    Ok((Sample::read(&text), SystemClock.now()))
}

async fn watch(remote: &Remote, interval: Duration) -> Result<(), Error> {
    let (mut before, mut at) = look(remote).await?;
    let mut screen = Screen::open()?;
    Screen::show(&Frame::since_start(&before, at).lines(remote.shown()));
    loop {
        tokio::select! {
            biased;
            () = screen.left() => return Ok(()),
            () = SystemClock.sleep_until(at.plus(interval)) => {}
        }
        match look(remote).await {
            Ok((sample, now)) => {
                Screen::show(&Frame::between(&before, &sample, now.since(at)).lines(remote.shown()));
                (before, at) = (sample, now);
            }
            // A server that restarts is there again soon.
            Err(error) => {
                Screen::show(&[format!("{}: {}", remote.shown(), error.message()), "q quits".to_owned()]);
                at = SystemClock.now();
            }
        }
    }
}
