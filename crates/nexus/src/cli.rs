//! The command line: nouns, then verbs, and the short forms that people type most.

pub mod activity;
pub mod audit;
pub mod auth;
pub mod batch;
pub mod bench;
pub mod cache;
pub mod call;
mod cells;
pub mod check;
pub mod complete;
pub mod config;
pub mod data;
pub mod encryption;
pub mod endpoint;
pub mod event;
pub mod explain;
pub mod fmt;
pub mod function;
pub mod graph;
pub mod key;
pub mod line;
pub mod login;
pub mod lsp;
pub mod man;
pub mod mcp;
pub mod migrate;
pub mod new;
pub mod operation;
pub mod parse;
pub mod profile;
pub mod queue;
pub mod rewrite;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod service;
pub mod session;
pub mod shell;
pub mod short;
pub mod symbols;
pub mod test;
pub mod top;
pub mod types;
pub mod up;
pub mod workflow;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::output::Output;

/// Write a workflow once: it is durable, and it can be called over HTTP, from a shell, and by an AI agent.
#[derive(Debug, Parser)]
#[command(name = "nexus", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Above the flags of every command.
pub const GLOBAL_HEADING: &str = "Options of every command";

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = GLOBAL_HEADING)]
pub struct Global {
    /// Talk to this server; without it, to the one that serves the project, or to none at all (or `NEXUS_SERVER`)
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// Talk to the server of this profile; `local` is the project's own, or none at all (or `NEXUS_PROFILE`)
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "server")]
    pub profile: Option<String>,
    /// Trust the authorities of this PEM file too, for https; a profile keeps one of its own (or `NEXUS_CA`)
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The session that calls belong to (or `NEXUS_SESSION`)
    #[arg(long, global = true, value_name = "ID")]
    pub session: Option<String>,
    /// The project's folder
    #[arg(long, global = true, default_value = ".", value_name = "DIR")]
    pub project: PathBuf,
    /// How to print what is found: table for people; json, yaml or raw for programs; some commands have more
    #[arg(long, global = true, value_enum, default_value_t = Format::Table, hide_possible_values = true)]
    pub format: Format,
    /// Print what happens inside, to standard error
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// How to print data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[value(aliases = ["text", "dump"])]
    Table,
    /// For programs.
    Json,
    /// For programs and people: YAML.
    Yaml,
    /// For shells: texts without quotes, everything else as JSON on one line.
    Raw,
    /// For tools that read the JSON of the public TWF tool: check, graph, parse, symbols.
    TwfJson,
    /// For Graphviz: graph.
    Dot,
    /// For Mermaid, in Markdown: graph.
    Mermaid,
    /// For GitHub, which shows findings beside the code: check.
    Github,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a project over HTTP and MCP
    Up(up::UpArgs),
    /// Start a run of a workflow and wait for its end; list and show runs
    Run(Box<run::RunArgs>),
    /// Call any operation of Nexus itself, with flags for its input; list them
    Call(call::CallArgs),
    /// List the workflows that can be run
    List(short::ListArgs),
    /// Describe a workflow or an operation: what it does, and its flags
    Describe(short::DescribeArgs),
    /// Print the JSON Schemas of a workflow or an operation
    Schema(short::SchemaArgs),
    /// Check an input as a run would, without starting one
    Validate(Box<short::ValidateArgs>),
    /// Start many runs and measure: runs a second, latencies, failures
    Bench(Box<bench::BenchArgs>),
    /// Watch what a server is doing: requests, errors, times, runs, queues, memory
    Top(top::TopArgs),
    /// Take one line after the other, with history and completion; from a pipe, a script
    Shell(shell::ShellArgs),
    /// Check a project, or a single .twf file, without running anything
    Check(check::CheckArgs),
    /// Play the scenarios of tests/*.test.yaml on virtual time, killing and replaying every run
    Test(test::TestArgs),
    /// Show what calls what and where it runs, or ask who uses a definition
    Graph(graph::GraphArgs),
    /// Lay out .twf files in the one canonical way
    Fmt(fmt::FmtArgs),
    /// Replace older spellings in .twf files by the newest ones
    Migrate(migrate::MigrateArgs),
    /// Show how files are read: their syntax trees
    Parse(parse::ParseArgs),
    /// List what files define, with signatures
    Symbols(symbols::SymbolsArgs),
    /// Write nexus.d.ts: the host API and the types of the project, for editors and tsc
    Types(types::TypesArgs),
    /// Make a new project
    New(new::NewArgs),
    /// List and show workflows
    Workflow {
        /// What to do.
        #[command(subcommand)]
        verb: workflow::WorkflowVerb,
    },
    /// Start runs when their time comes
    Schedule {
        /// What to do.
        #[command(subcommand)]
        verb: Box<schedule::ScheduleVerb>,
    },
    /// Cancel, terminate, signal, pause or delete many runs in the background
    Batch {
        /// What to do.
        #[command(subcommand)]
        verb: batch::BatchVerb,
    },
    /// Show task queues; pause and limit them
    Queue {
        /// What to do.
        #[command(subcommand)]
        verb: queue::QueueVerb,
    },
    /// Nexus endpoints: make, list, show, change and delete them
    Endpoint {
        /// What to do.
        #[command(subcommand)]
        verb: endpoint::EndpointVerb,
    },
    /// Nexus services and their operations
    Service {
        /// What to do.
        #[command(subcommand)]
        verb: service::ServiceVerb,
    },
    /// Nexus operations: call one, list those that runs wait for, end them
    Operation {
        /// What to do.
        #[command(subcommand)]
        verb: Box<operation::OperationVerb>,
    },
    /// Publish events, list them, follow them
    Event {
        /// What to do.
        #[command(subcommand)]
        verb: Box<event::EventVerb>,
    },
    /// nexus.toml: check it, print what is in force; the limits that this binary holds to
    Config {
        /// What to do.
        #[command(subcommand)]
        verb: config::ConfigVerb,
    },
    /// Copy the data folder's store while a server works on it; the copy is read back
    Backup(data::BackupArgs),
    /// Put a backup into a project that has no data yet
    Restore(data::RestoreArgs),
    /// Examine a project: who could reach it, and whether its data is sound
    Doctor(data::DoctorArgs),
    /// Complete, pause or reset a pending activity of a run
    Activity {
        /// What to do.
        #[command(subcommand)]
        verb: activity::ActivityVerb,
    },
    /// Run, measure and list functions of the project, without a server or a workflow
    #[command(name = "fn")]
    Function {
        /// What to do.
        #[command(subcommand)]
        verb: Box<function::FunctionVerb>,
    },
    /// Who may do what, and why
    Auth {
        /// What to ask.
        #[command(subcommand)]
        verb: auth::AuthVerb,
    },
    /// Log in to a server at its identity provider
    Login(login::LoginArgs),
    /// Forget the token of a login
    Logout(login::LogoutArgs),
    /// API keys: make, list, rotate and revoke them
    Key {
        /// What to do.
        #[command(subcommand)]
        verb: key::KeyVerb,
    },
    /// The audit log: who called what; list, verify and export it
    Audit {
        /// What to do.
        #[command(subcommand)]
        verb: audit::AuditVerb,
    },
    /// Answers that are given again: show how many there are, forget them
    Cache {
        /// What to do.
        #[command(subcommand)]
        verb: cache::CacheVerb,
    },
    /// Secrets in the server's store: set, list and delete them
    Secret {
        /// What to do.
        #[command(subcommand)]
        verb: secret::SecretVerb,
    },
    /// Encryption at rest: make a master key, show and rotate data keys
    Encryption {
        /// What to do.
        #[command(subcommand)]
        verb: encryption::EncryptionVerb,
    },
    /// Sessions: make, show, change, list and end them
    Session {
        /// What to do.
        #[command(subcommand)]
        verb: session::SessionVerb,
    },
    /// Print what a shell needs to complete lines: `source <(nexus completion bash)`
    Completion(complete::CompletionArgs),
    /// Write a manual page for every command
    Man(man::ManArgs),
    /// Servers by name: add, list, show, use and remove them
    Profile {
        /// What to do.
        #[command(subcommand)]
        verb: profile::ProfileVerb,
    },
    /// Explain an error code
    Explain(explain::ExplainArgs),
    /// Serve AI agents over standard input and output, set up their programs, list the tools
    Mcp {
        /// What to do.
        #[command(subcommand)]
        verb: mcp::McpVerb,
    },
    /// Serve an editor: the language server, over standard input and output
    Lsp(lsp::LspArgs),
}

impl Cli {
    /// Carries the command out.
    pub async fn execute(self, output: Output) -> Result<(), Error> {
        let Cli { command, global } = self;
        command.accept(global.format)?;
        noun(&global, command, output).await
    }
}

/// Nouns with verbs of their own.
async fn noun(global: &Global, command: Command, output: Output) -> Result<(), Error> {
    match command {
        Command::Workflow { verb } => workflow::workflow(global, verb, output).await,
        Command::Schedule { verb } => schedule::schedule(global, *verb, output).await,
        Command::Batch { verb } => batch::batch(global, verb, output).await,
        Command::Queue { verb } => queue::queue(global, verb, output).await,
        Command::Event { verb } => event::event(global, *verb, output).await,
        Command::Cache { verb } => cache::cache(global, verb, output).await,
        Command::Session { verb } => session::session(global, verb, output).await,
        Command::Activity { verb } => activity::activity(global, verb, output).await,
        Command::Function { verb } => function::function(global, *verb, output).await,
        Command::Profile { verb } => profile::profile(global, verb, output),
        Command::Mcp { verb } => mcp::mcp(global, verb, output).await,
        Command::Config { verb } => config::config(global, verb, output).await,
        command => across(global, command, output).await,
    }
}

/// What is about calls from one namespace into another.
async fn across(global: &Global, command: Command, output: Output) -> Result<(), Error> {
    match command {
        Command::Endpoint { verb } => endpoint::endpoint(global, verb, output).await,
        Command::Service { verb } => service::service(global, verb, output).await,
        Command::Operation { verb } => operation::operation(global, *verb, output).await,
        command => access(global, command, output).await,
    }
}

/// What is about callers: who they are, what they may do and what they did.
async fn access(global: &Global, command: Command, output: Output) -> Result<(), Error> {
    match command {
        Command::Auth { verb } => auth::auth(global, verb, output).await,
        Command::Audit { verb } => audit::audit(global, verb, output).await,
        Command::Key { verb } => key::key(global, verb, output).await,
        Command::Secret { verb } => secret::secret(global, verb, output).await,
        Command::Encryption { verb } => encryption::encryption(global, verb, output).await,
        Command::Login(args) => login::login(global, args, output).await,
        Command::Logout(args) => login::logout(global, args, output),
        command => Box::pin(whole(global, command, output)).await,
    }
}

/// What is about operations as a whole, or one of them.
async fn whole(global: &Global, command: Command, output: Output) -> Result<(), Error> {
    match command {
        Command::Up(args) => Box::pin(up::up(global, args, output)).await,
        Command::Run(args) => Box::pin(run::run(global, *args, output)).await,
        Command::Call(args) => call::call(global, &args, output).await,
        Command::List(args) => short::list(global, &args, output).await,
        Command::Describe(args) => short::describe(global, &args, output).await,
        Command::Schema(args) => short::schema(global, &args, output).await,
        Command::Validate(args) => short::validate(global, &args, output).await,
        Command::Bench(args) => bench::bench(global, &args, output).await,
        Command::Top(args) => top::top(global, &args, output).await,
        Command::Shell(args) => shell::shell(global, &args, output).await,
        command => files(global, command, output).await,
    }
}

/// What is about files: of a project, of its data, and those that are written for other programs.
async fn files(global: &Global, command: Command, output: Output) -> Result<(), Error> {
    match command {
        Command::Check(args) => check::check(global, &args, output).await,
        Command::Test(args) => test::test(global, &args, output).await,
        Command::Types(args) => types::types(global, &args, output).await,
        Command::Graph(args) => graph::graph(global, &args, output),
        Command::Fmt(args) => fmt::fmt(global, &args, output),
        Command::Migrate(args) => migrate::migrate(global, &args, output),
        Command::Parse(args) => parse::parse(global, &args, output),
        Command::Symbols(args) => symbols::symbols(global, &args, output),
        Command::New(args) => new::new(&args, output),
        Command::Backup(args) => data::backup(global, &args, output),
        Command::Restore(args) => data::restore(global, &args, output),
        Command::Doctor(args) => data::doctor(global, &args, output),
        Command::Completion(args) => complete::completion(&args, output),
        Command::Man(args) => man::man(&args, output),
        Command::Explain(args) => explain::explain(&args, output),
        Command::Lsp(args) => lsp::lsp(&args),
        _ => Ok(()),
    }
}

impl Command {
    /// The formats of every command are `table`, `json`, `yaml` and `raw`; some have more.
    fn accept(&self, format: Format) -> Result<(), Error> {
        let more: &[Format] = match self {
            Command::Check(_) => &[Format::TwfJson, Format::Github],
            Command::Parse(_) | Command::Symbols(_) => &[Format::TwfJson],
            Command::Graph(_) => &[Format::TwfJson, Format::Dot, Format::Mermaid],
            _ => &[],
        };
        if matches!(format, Format::Table | Format::Json | Format::Yaml | Format::Raw)
            || more.contains(&format)
        {
            return Ok(());
        }
        let words = more.iter().filter_map(|it| Some(it.to_possible_value()?.get_name().to_owned()));
        let words: Vec<String> =
            ["table", "json", "yaml", "raw"].map(ToOwned::to_owned).into_iter().chain(words).collect();
        Err(Error::new(&code::BAD_REQUEST, "this command has no such format")
            .help(format!("it has {}", words.join(", "))))
    }
}

/// What the process exits with after an error. Tools that ask for the public envelope expect 1 for files with errors.
pub fn exit_code(format: Format, error: &Error) -> u8 {
    match (format, error.code().id == code::PROJECT_INVALID.id) {
        (Format::TwfJson, true) => 1,
        _ => error.code().exit.number(),
    }
}
