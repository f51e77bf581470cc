//! Arguments of the verbs that explain, carry and keep runs, and of those about the store as a whole.

use std::path::PathBuf;

use clap::Args;

/// `flowvm why`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm why RUN deliver\n  flowvm why RUN deliver --json | jq .ways")]
pub struct Why {
    /// The run
    pub run: String,
    /// The node
    pub node: String,
}

/// `flowvm export`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm export RUN -o run.jsonl\n  flowvm export RUN | gzip > run.jsonl.gz"
)]
pub struct Export {
    /// The run
    pub run: String,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `flowvm import`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm import run.jsonl\n  zcat run.jsonl.gz | flowvm import - --store other.db"
)]
pub struct Import {
    /// What `export` wrote, or - for standard input
    pub file: PathBuf,
}

/// `flowvm test-from`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm test-from RUN >> main.flow\n  flowvm test-from RUN --name 'a refund is paid'"
)]
pub struct TestFrom {
    /// The run
    pub run: String,
    /// What the test is called [default: after the run]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// `flowvm migrate`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm migrate RUN --to changed.flow --check\n  flowvm migrate RUN --to changed.flow"
)]
pub struct Migrate {
    /// The run
    pub run: String,
    /// The program: source (.flow) or bytecode (.flowb)
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Only say whether it can: safe, needs migration, or stuck
    #[arg(long)]
    pub check: bool,
}

/// `flowvm work`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm work                 until Ctrl-C\n  flowvm work --until-idle    until nothing runs or sleeps any more"
)]
pub struct Work {
    /// End when no run can move by itself any more
    #[arg(long)]
    pub until_idle: bool,
    /// Runs that are driven at once
    #[arg(long, value_name = "N")]
    pub parallel: Option<usize>,
}

/// `flowvm doctor`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm doctor\n  flowvm doctor --offline --json | jq '.findings[] | select(.wrong)'"
)]
pub struct Doctor {
    /// Do not try to reach workers
    #[arg(long)]
    pub offline: bool,
}

/// `flowvm gc`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm gc --older-than 30d --dry-run\n  flowvm gc --older-than 30d")]
pub struct Gc {
    /// Runs that ended longer ago than this go: 30d, 12h
    #[arg(long, value_name = "AGE")]
    pub older_than: String,
    /// Only say which
    #[arg(long)]
    pub dry_run: bool,
}

/// `flowvm backup`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm backup flow-2026-01-31.db")]
pub struct Backup {
    /// The new file
    pub path: PathBuf,
}
