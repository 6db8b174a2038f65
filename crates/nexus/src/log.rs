//! The log: what a process tells of itself, one line each, on standard error.

mod line;

use std::io;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_store::Sealing;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::cli::{Cli, Command};
use crate::client::place::env;
use crate::config::Config;
use crate::config::log::{LogConfig, LogFormat};
use crate::output::Output;
use line::Lines;

/// What is logged of our own parts when somebody wants to know more.
const VERBOSE: &str = "nexus=debug,nexus_engine=debug,nexus_gateway=debug,nexus_sandbox=debug,nexus_store=debug,\
                       info,rmcp=error";

/// Begins to log. Flags come before the environment (`NEXUS_LOG`, `NEXUS_LOG_FORMAT`), and that before `nexus.toml`,
/// which counts for servers.
pub fn begin(cli: &Cli) -> Result<(), Error> {
    let (configured, is_sealed) = configured(cli);
    let (format, level) = match &cli.command {
        Command::Up(args) => args.log(),
        _ => (None, None),
    };
    let format = match format {
        Some(format) => format,
        None => named_format()?.unwrap_or(configured.format),
    };
    let filter = match level {
        Some(level) => filter(&level)?,
        None => EnvFilter::try_from_env("NEXUS_LOG").or_else(|_| filter(&usual(cli, &configured)))?,
    };
    // What is sealed on the disk is not told in the log. The library of MCP would tell all that clients send.
    let filter = if is_sealed { filter.add_directive(directive("nexus::payload=off")?) } else { filter };
    let filter = filter.add_directive(directive("rmcp=error")?);
    let color = Output::new(cli.global.format).has_color();
    let lines = Lines { format, has_color: color && format == LogFormat::Pretty };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).event_format(lines).init();
    Ok(())
}

/// What a project says of the log, and whether it seals what runs are given, when it is served. A file that cannot be read
/// is refused by the command itself.
fn configured(cli: &Cli) -> (LogConfig, bool) {
    let Command::Up(args) = &cli.command else { return Default::default() };
    let config = Config::read(args.root(&cli.global)).unwrap_or_default();
    let is_sealed = config.encryption.is_some_and(|encryption| encryption.sealing() != Sealing::Nothing);
    (config.log, is_sealed)
}

fn directive(text: &str) -> Result<Directive, Error> {
    text.parse().map_err(|_| Error::internal("a directive of the log cannot be read"))
}

fn named_format() -> Result<Option<LogFormat>, Error> {
    match env("NEXUS_LOG_FORMAT").as_deref() {
        None => Ok(None),
        Some("pretty") => Ok(Some(LogFormat::Pretty)),
        Some("json") => Ok(Some(LogFormat::Json)),
        Some(other) => {
            let message = format!("NEXUS_LOG_FORMAT: {other:?} is no format of a log");
            Err(Error::new(&code::TELEMETRY_INVALID, message).help("say pretty or json"))
        }
    }
}

/// A server tells of each request; other commands only of trouble.
fn usual(cli: &Cli, configured: &LogConfig) -> String {
    match (&cli.command, cli.global.verbose) {
        (_, true) => VERBOSE.to_owned(),
        // What clients get wrong is told to them; the library of the protocol would tell the log as well.
        (Command::Up(_), false) => match &configured.level {
            Some(level) => level.clone(),
            None => "info,rmcp=error".to_owned(),
        },
        // Attempts that fail are what many scenarios are about.
        (Command::Test(_), false) => "error".to_owned(),
        _ => "warn,rmcp=error".to_owned(),
    }
}

/// What a level lets through: one word, or words for single parts. A word alone leaves libraries as they are.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, Error> {
    let words = match level {
        "info" | "warn" | "error" | "off" => {
            format!("{level},rmcp={}", if level == "off" { "off" } else { "error" })
        }
        "debug" => VERBOSE.to_owned(),
        "trace" => VERBOSE.replace("debug", "trace"),
        other => other.to_owned(),
    };
    EnvFilter::try_new(&words).map_err(|error| {
        Error::new(&code::TELEMETRY_INVALID, format!("{level:?} is no level of a log: {error}")).help(
            "say error, warn, info, debug or trace, or levels of parts such as \"info,nexus_engine=debug\"",
        )
    })
}
