//! The `nexus` binary: parse, run, print, exit.

use std::process::ExitCode;

use clap::Parser;
use nexus::cli::{Cli, Command, exit_code};
use nexus::output::Output;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(&cli);
    let format = cli.global.format;
    let output = Output::new(format);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.note(&format!("the system gives no threads: {error}"));
            return ExitCode::from(5);
        }
    };
    match runtime.block_on(cli.execute(output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(exit_code(format, &error))
        }
    }
}

/// A server tells of each request; other commands only of trouble. `NEXUS_LOG` and `--verbose` say otherwise.
fn log_to_stderr(cli: &Cli) {
    let level = match (&cli.command, cli.global.verbose) {
        (_, true) => {
            "nexus=debug,nexus_engine=debug,nexus_gateway=debug,nexus_sandbox=debug,nexus_store=debug,info"
        }
        (Command::Up(_), false) => "info",
        // Attempts that fail are what many scenarios are about.
        (Command::Test(_), false) => "error",
        _ => "warn",
    };
    let filter = EnvFilter::try_from_env("NEXUS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let color = Output::new(cli.global.format).has_color();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(color).init();
}
