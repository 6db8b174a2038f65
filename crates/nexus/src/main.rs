//! The `nexus` binary: parse, run, print, exit.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::ValueEnum as _;
use nexus::cli::complete;
use nexus::cli::line::{self, Refused};
use nexus::cli::{Cli, Command, Format, exit_code};
use nexus::output::{self, Output};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

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
    log_to_stderr(&cli);
    let format = cli.global.format;
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

/// A server tells of each request; other commands only of trouble. `NEXUS_LOG` and `--verbose` say otherwise.
fn log_to_stderr(cli: &Cli) {
    let level = match (&cli.command, cli.global.verbose) {
        (_, true) => {
            "nexus=debug,nexus_engine=debug,nexus_gateway=debug,nexus_sandbox=debug,nexus_store=debug,info,rmcp=error"
        }
        // What clients get wrong is told to them; the library of the protocol would tell the log as well.
        (Command::Up(_), false) => "info,rmcp=error",
        // Attempts that fail are what many scenarios are about.
        (Command::Test(_), false) => "error",
        _ => "warn,rmcp=error",
    };
    let filter = EnvFilter::try_from_env("NEXUS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let color = Output::new(cli.global.format).has_color();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(color).init();
}
