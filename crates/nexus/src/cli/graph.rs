//! `nexus graph`: the design as a graph, and questions to it.

use std::path::PathBuf;

use clap::Args;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::text::suggest::did_you_mean;
use nexus_lang::twf::envelope::Payload;
use nexus_lang::twf::graph::{self, Focus, Graph, Part, Query, Reading};

use crate::cli::{Format, Global};
use crate::design::Design;
use crate::output::Output;

/// Flags.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// Project folders, other folders, or .twf files; the project in this folder when none is given
    paths: Vec<PathBuf>,
    /// Only what is near this definition: a name, kind:name, or the id of a node
    #[arg(long, value_name = "NAME")]
    focus: Option<String>,
    /// How many calls around the focus, in both directions
    #[arg(long, value_name = "N", default_value_t = 1, requires = "focus")]
    depth: usize,
    /// Only definitions and calls
    #[arg(long)]
    calls_only: bool,
    /// Only namespaces, workers, endpoints, and the traffic between them
    #[arg(long, conflicts_with = "calls_only")]
    deployment: bool,
    #[command(flatten)]
    question: Question,
}

/// Questions: at most one.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Question {
    /// List what uses this definition
    #[arg(long, value_name = "NAME", conflicts_with_all = ["focus", "calls_only", "deployment"])]
    callers: Option<String>,
    /// List what this definition uses
    #[arg(long, value_name = "NAME", conflicts_with_all = ["focus", "calls_only", "deployment"])]
    calls: Option<String>,
    /// List what nothing uses
    #[arg(long, conflicts_with_all = ["focus", "calls_only", "deployment"])]
    unused: bool,
    /// List what no run can get to
    #[arg(long, conflicts_with_all = ["focus", "calls_only", "deployment"])]
    unreachable: bool,
}

/// Shows the graph of all paths together. Files with errors give what could be read.
pub fn graph(global: &Global, args: &GraphArgs, output: Output) -> Result<(), Error> {
    let design = Design::of_paths(global, &args.paths)?;
    if global.format == Format::TwfJson {
        output.json(&design.envelope(Payload::Graph));
        return Ok(());
    }
    let graph = graph::graph(&design.units(), Reading::Engine);
    match question(&graph, &args.question)? {
        Some(query) => answer(global, &design, (&graph, &query), output)?,
        None => show(global, &design, (&graph, args), output)?,
    }
    if design.errors() > 0 {
        let plural = if design.errors() == 1 { "" } else { "s" };
        output.note(&format!("{} error{plural}; `nexus check` shows more", design.errors()));
    }
    Ok(())
}

fn show(
    global: &Global,
    design: &Design,
    (graph, args): (&Graph, &GraphArgs),
    output: Output,
) -> Result<(), Error> {
    let focus = match &args.focus {
        Some(name) => Some(Focus { definitions: find(graph, name)?, depth: args.depth }),
        None => None,
    };
    let part = match (args.calls_only, args.deployment) {
        (true, _) => Part::Calls,
        (_, true) => Part::Deployment,
        _ => Part::All,
    };
    let view = graph.view(focus.as_ref(), part);
    match global.format {
        Format::Json | Format::Yaml | Format::Raw => output.json(&graph::json(&view, &design.sources)),
        Format::Dot => output.text(&graph::dot(&view)),
        Format::Mermaid => output.text(&graph::mermaid(&view)),
        Format::Table | Format::TwfJson | Format::Github => output.text(&graph::text(&view, &design.sources)),
    }
    Ok(())
}

fn question(graph: &Graph, asked: &Question) -> Result<Option<Query>, Error> {
    Ok(match asked {
        Question { callers: Some(name), .. } => Some(Query::Callers(find(graph, name)?)),
        Question { calls: Some(name), .. } => Some(Query::Calls(find(graph, name)?)),
        Question { unused: true, .. } => Some(Query::Unused),
        Question { unreachable: true, .. } => Some(Query::Unreachable),
        _ => None,
    })
}

fn answer(
    global: &Global,
    design: &Design,
    (graph, query): (&Graph, &Query),
    output: Output,
) -> Result<(), Error> {
    let found = query.ask(graph);
    match global.format {
        Format::Json | Format::Yaml | Format::Raw => {
            output.json(&graph::answer_json(graph, query, &found, &design.sources));
        }
        Format::Table => output.text(&graph::answer_text(graph, query, &found, &design.sources)),
        _ => {
            return Err(Error::new(&code::BAD_REQUEST, "an answer to a question is no graph")
                .help("ask with --format table or --format json"));
        }
    }
    Ok(())
}

fn find(graph: &Graph, name: &str) -> Result<Vec<usize>, Error> {
    let found = graph.find(name);
    if !found.is_empty() {
        return Ok(found);
    }
    let known = graph.definitions.iter().map(|it| it.name.as_str());
    let problem = Error::new(&code::WORKFLOW_UNKNOWN, format!("the design defines no \"{name}\""));
    Err(match did_you_mean(name, known) {
        Some(help) => problem.help(help),
        None => problem.help("`nexus graph` shows what there is"),
    })
}
