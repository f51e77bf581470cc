//! Arguments of `flowvm worker`: workers that are registered in the store, and what is known of all of them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `flowvm worker`
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  flowvm worker list\n  flowvm worker add search --url http://127.0.0.1:8080 --rate 20/s\n  flowvm worker reset search"
)]
pub struct Worker {
    /// What to do.
    #[command(subcommand)]
    pub verb: WorkerVerb,
}

/// What can be done with workers.
#[derive(Debug, Subcommand)]
pub enum WorkerVerb {
    /// Show all workers, of flow.toml and of the store: where they are, their slots, their breakers
    List(WorkerList),
    /// Register a worker in the store
    Add(Box<WorkerAdd>),
    /// Forget a worker that was registered; calls under way end as they would
    Remove(WorkerName),
    /// Close the breaker of a worker
    Reset(WorkerName),
}

/// `flowvm worker list`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm worker list\n  flowvm worker list --json | jq -r '.[] | select(.breaker.state == \"open\").name'"
)]
pub struct WorkerList {}

/// `flowvm worker add`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    flowvm worker add search --url http://127.0.0.1:8080 --max-concurrent 8 --rate 20/s\n  \
    flowvm worker add rita --protocol webhook --tag reviewer --tag rust --url http://127.0.0.1:9001/run\n  \
    flowvm worker add score -- uvx score-server\n  \
    flowvm worker add complete --url https://api.example.com/v1 --model large --token API_KEY")]
pub struct WorkerAdd {
    /// The worker of the sources that it serves; with --tag, any name
    pub name: String,
    /// Where it is
    #[arg(long)]
    pub url: Option<String>,
    /// What it can do: it serves every worker of the sources whose tags it has
    #[arg(long = "tag", value_name = "TAG", requires = "protocol")]
    pub tags: Vec<String>,
    /// The protocol that it speaks, where it serves by its tags: webhook, http, mcp, …
    #[arg(long, requires = "tags")]
    pub protocol: Option<String>,
    /// Most calls at once
    #[arg(long, value_name = "N")]
    pub max_concurrent: Option<u32>,
    /// Most calls in a time: 20/s, 100/m
    #[arg(long)]
    pub rate: Option<String>,
    /// How many of them may go at once, after a rest [default: all of them]
    #[arg(long, value_name = "N", requires = "rate")]
    pub burst: Option<u32>,
    /// When it is left alone, or `off` [default: consecutive=3,total=20,cooldown=1m]
    #[arg(long, value_name = "NAME=N,…")]
    pub breaker: Option<String>,
    /// The secret of flow.toml that is sent as `Authorization: Bearer …`
    #[arg(long, value_name = "SECRET")]
    pub token: Option<String>,
    /// The secret of flow.toml that signs webhooks
    #[arg(long, value_name = "SECRET")]
    pub signing_key: Option<String>,
    /// The model that a chat asks for
    #[arg(long)]
    pub model: Option<String>,
    /// What a command finds in its environment: variables by secrets of flow.toml
    #[arg(long = "env", value_name = "VARIABLE=SECRET")]
    pub env: Vec<String>,
    /// Where a command runs, relative to the project
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<PathBuf>,
    /// Put it in place of one of this name
    #[arg(long)]
    pub replace: bool,
    /// A command that serves it
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `flowvm worker remove`, `flowvm worker reset`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm worker remove rita\n  flowvm worker reset http://127.0.0.1:9001/run"
)]
pub struct WorkerName {
    /// Its name, or its address
    pub name: String,
}
