//! The `nexus` binary: parse, run, print, exit.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::ValueEnum as _;
use nexus::cli::complete;
use nexus::cli::line::{self, Refused};
use nexus::cli::{Cli, Command, Format, exit_code};
use nexus::log;
use nexus::output::{self, Output};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if complete::answer(&words) {
        return ExitCode::SUCCESS;
    }
    let mut format = Format::Table;
    let read = line::read(&words, |aim| {
        format = aim.format.as_deref().and_then(|it| Format::from_str(it, false).ok()).unwrap_or(format);
        runtime()?.block_on(line::operation(aim))
    });
    match read {
        Ok(cli) => carry_out(cli),
        Err(Refused::Clap(said)) => said.exit(),
        Err(Refused::Error(error)) => failed(format, &error),
    }
}

fn carry_out(cli: Cli) -> ExitCode {
    let format = cli.global.format;
    if let Err(error) = log::begin(&cli) {
        return failed(format, &error);
    }
    let is_server = matches!(cli.command, Command::Up(_));
    let ended = runtime().and_then(|runtime| {
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = cli.execute(Output::new(format)) => ended,
                // A server is there for others than those who read what it prints.
                () = output::reader_gone(), if !is_server => Ok(()),
            }
        });
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(format, &error),
    }
}

fn failed(format: Format, error: &Error) -> ExitCode {
    Output::new(format).error(error);
    ExitCode::from(exit_code(format, error))
}

fn runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Error::new(&code::STOPPING, format!("the system gives no threads: {error}"))
            .help("end other programs, or raise the limit of processes")
    })
}
