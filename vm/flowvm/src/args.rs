//! The command line: verbs, options, help. The only file that names clap. What a verb does stands in
//! `commands`, one file each. Verbs about histories and the store as a whole: `args/keeping`; about workers:
//! `args/worker`.

mod keeping;
mod worker;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use keeping::{Backup, Doctor, Export, Gc, Import, Migrate, TestFrom, Why, Work};
pub use worker::{Worker, WorkerAdd, WorkerList, WorkerName, WorkerVerb};

/// What the command is called.
const NAME: &str = "flowvm";

/// Runs Flow programs so that a crash loses nothing.
#[derive(Debug, Parser)]
#[command(
    name = NAME,
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "Exit codes:\n  0 done   1 failed   2 wrong usage   3 waits for an answer   4 a limit was met   130 cancelled\n\n\
                  Examples:\n  flowvm run triage.flow --input @ticket.json\n  flowvm answer RUN '{\"send\": true}'\n  \
                  flowvm list"
)]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The file with the runs [default: .flow/flow.db beside flow.toml, or here]
    #[arg(
        long,
        global = true,
        env = "FLOW_STORE",
        value_name = "PATH",
        hide_env_values = true
    )]
    pub store: Option<PathBuf>,
    /// JSON for programs, on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Start a run and follow it
    Run(Box<Run>),
    /// Go on after a crash, a breakpoint or a limit
    Resume(Resume),
    /// Answer an open interrupt
    Answer(Answer),
    /// Run failed activations again, and nothing else
    Retry(Retry),
    /// Stop a run
    Cancel(Cancel),
    /// Update a run's state from outside
    Inject(Inject),
    /// Send an event into a run's inbox
    Event(Event),
    /// Show all runs
    List(List),
    /// Show one run: its graph with the path taken, interrupts, attempts, time
    Show(Show),
    /// Show the checkpoints of a run
    History(History),
    /// Show the log of a run
    Events(Events),
    /// Show the state of a run
    State(State),
    /// Show what changed between two checkpoints, or where two runs part
    Diff(Diff),
    /// Play the tests of a program, in virtual time and without a worker
    Test(Test),
    /// Start a new run from any checkpoint of another one
    Fork(Fork),
    /// Let a run go on from an earlier checkpoint, or feed its replies to another program
    Replay(Replay),
    /// Say why a node ran, or did not, or waits
    Why(Why),
    /// Write a run with its whole history as lines of JSON
    Export(Export),
    /// Take in a run that was exported
    Import(Import),
    /// Make a `test` block of a recorded run
    TestFrom(TestFrom),
    /// Move a run to another version of its program
    Migrate(Migrate),
    /// Drive every run of the store that can move
    Work(Work),
    /// Show, register and remove workers
    Worker(Worker),
    /// Check the store, its runs, and what they need
    Doctor(Doctor),
    /// Drop runs that ended long ago
    Gc(Gc),
    /// Copy the store while runs go on
    Backup(Backup),
    /// Completions for a shell
    Completions(Completions),
    /// The man page
    Man,
}

/// `flowvm run`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    flowvm run hello.flow --set name=Ada\n  \
    flowvm run triage.flow --input @ticket.json --json\n  \
    flowvm run triage.flow --mode synthetic --seed 7\n  \
    flowvm run triage.flow --mock mocks.json --break-before deliver")]
pub struct Run {
    /// The program: source (.flow) or bytecode (.flowb); a folder stands for the entry of its flow.toml
    pub file: PathBuf,
    /// The flow, if the program has several
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,
    /// The input as JSON, from a file (@FILE) or from standard input (-)
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub input: Option<String>,
    /// One value of the input; text that is no JSON is taken as it is
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub sets: Vec<String>,
    /// One value of the flow's configuration
    #[arg(long = "config", value_name = "NAME=VALUE")]
    pub configs: Vec<String>,
    /// The run's id [default: a new one that sorts by time]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// If there is a run of this id, go on with it
    #[arg(long, requires = "id")]
    pub resume_if_exists: bool,
    /// Replies in place of workers, from a JSON file
    #[arg(long, value_name = "FILE")]
    pub mock: Option<PathBuf>,
    /// Where replies come from
    #[arg(long, value_enum, default_value_t)]
    pub mode: Mode,
    /// Seed of made-up replies and of jitter
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Pause before a node
    #[arg(long, value_name = "NODE")]
    pub break_before: Vec<String>,
    /// Pause behind a node
    #[arg(long, value_name = "NODE")]
    pub break_after: Vec<String>,
    /// A limit in place of the flow's own: steps=N, time=2h, age=7d, parallel=N, tokens=N
    #[arg(long = "limit", value_name = "NAME=N")]
    pub limits: Vec<String>,
    /// What to print while it runs
    #[arg(long, value_enum, value_delimiter = ',', value_name = "MODE")]
    pub stream: Vec<StreamMode>,
    /// Start it and leave it to a process in the background
    #[arg(long, conflicts_with = "stream")]
    pub detach: bool,
}

/// Where replies come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// From the workers.
    #[default]
    Live,
    /// Made from the reply types; no worker is needed.
    Synthetic,
}

/// What to print while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StreamMode {
    /// The whole state after each step.
    Values,
    /// Nodes and their updates.
    Updates,
    /// Attempts: sent, succeeded, failed.
    Tasks,
    /// What `emit` and workers send.
    Custom,
    /// Checkpoints.
    Checkpoints,
    /// Every event.
    Debug,
}

/// `flowvm resume`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm resume RUN\n  flowvm resume RUN --limit steps=200")]
pub struct Resume {
    /// The run: its id, or enough of its beginning
    pub run: String,
    /// A limit to raise: steps=N, time=2h, age=7d, parallel=N, tokens=N
    #[arg(long = "limit", value_name = "NAME=N")]
    pub limits: Vec<String>,
    /// What to print while it runs
    #[arg(long, value_enum, value_delimiter = ',', value_name = "MODE")]
    pub stream: Vec<StreamMode>,
}

/// `flowvm answer`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    flowvm answer RUN '{\"send\": true}'\n  \
    flowvm answer RUN approve#2 @answer.json\n  \
    flowvm answer RUN            asks on the terminal, from the answer's type\n  \
    flowvm answer RUN build --accept 'I looked at it'\n  \
    flowvm answer RUN build --give-up 'not worth it'")]
pub struct Answer {
    /// The run
    pub run: String,
    /// The interrupt, if several are open, and the answer: JSON, @FILE or - for standard input
    #[arg(num_args = 0..=2, value_names = ["INTERRUPT", "JSON"], allow_negative_numbers = true)]
    pub rest: Vec<String>,
    /// Of an attempt that needs input: its reply counts as it is
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "", group = "decision")]
    pub accept: Option<String>,
    /// Of an attempt that needs input: the call is made again
    #[arg(long, group = "decision")]
    pub again: bool,
    /// Of an attempt that needs input: it has failed
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "", group = "decision")]
    pub give_up: Option<String>,
}

/// `flowvm retry`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm retry RUN\n  flowvm retry RUN deliver")]
pub struct Retry {
    /// The run
    pub run: String,
    /// Only this node
    pub node: Option<String>,
}

/// `flowvm cancel`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm cancel RUN --reason 'not needed any more'")]
pub struct Cancel {
    /// The run
    pub run: String,
    /// Why, for people
    #[arg(long, default_value = "cancelled by hand")]
    pub reason: String,
}

/// `flowvm inject`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm inject RUN stop=true notes='[\"call back\"]'")]
pub struct Inject {
    /// The run
    pub run: String,
    /// Fields with the values that go through their reducers
    #[arg(required = true, value_name = "FIELD=VALUE")]
    pub updates: Vec<String>,
}

/// `flowvm event`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm event RUN paid '{\"order\": \"7\", \"amount\": 12}'")]
pub struct Event {
    /// The run
    pub run: String,
    /// The event's name
    pub name: String,
    /// What it carries: JSON, @FILE or - for standard input
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    pub data: Option<String>,
}

/// `flowvm list`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm list --status interrupted\n  flowvm list --json | jq -r '.[].run'"
)]
pub struct List {
    /// Only these: running, interrupted, done, failed, limit, cancelled
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// At most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub last: usize,
}

/// `flowvm show`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm show RUN\n  flowvm show RUN --json | jq .interrupts")]
pub struct Show {
    /// The run
    pub run: String,
}

/// `flowvm history`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm history RUN\n  flowvm history RUN --json")]
pub struct History {
    /// The run
    pub run: String,
}

/// `flowvm events`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm events RUN --follow\n  flowvm events RUN --after 120 --json")]
pub struct Events {
    /// The run
    pub run: String,
    /// Go on until the run ends or rests
    #[arg(long, short)]
    pub follow: bool,
    /// Only what comes behind this sequence number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub after: u64,
}

/// `flowvm state`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowvm state RUN\n  flowvm state RUN --at 3")]
pub struct State {
    /// The run
    pub run: String,
    /// The state as it was at this checkpoint
    #[arg(long, value_name = "CP")]
    pub at: Option<u64>,
}

/// `flowvm diff`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm diff RUN 2 5\n  flowvm diff RUN OTHER\n  flowvm diff RUN OTHER --json"
)]
pub struct Diff {
    /// The run
    pub run: String,
    /// The earlier checkpoint; or another run, to see where the two part
    #[arg(value_name = "CP|RUN")]
    pub from: String,
    /// The later checkpoint
    #[arg(value_name = "CP")]
    pub to: Option<u64>,
}

/// `flowvm fork`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    flowvm fork RUN --at 3\n  \
    flowvm fork RUN --at 3 --set score=0.9 --id second-try\n  \
    flowvm fork RUN --at 0 --detach")]
pub struct Fork {
    /// The run
    pub run: String,
    /// The checkpoint from which the new run goes on; `flowvm history RUN` shows them
    #[arg(long, value_name = "CP")]
    pub at: u64,
    /// A field that is replaced first; text that is no JSON is taken as it is
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    pub sets: Vec<String>,
    /// The new run's id [default: a new one that sorts by time]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// What to print while it runs
    #[arg(long, value_enum, value_delimiter = ',', value_name = "MODE")]
    pub stream: Vec<StreamMode>,
    /// Leave it to a process in the background
    #[arg(long, conflicts_with = "stream")]
    pub detach: bool,
}

/// `flowvm replay`
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("way").required(true),
    after_help = "Examples:\n  \
    flowvm replay RUN --at 3\n  \
    flowvm replay RUN --at 3 --set score=0.9\n  \
    flowvm replay RUN --against changed.flow   what would have been different?"
)]
pub struct Replay {
    /// The run
    pub run: String,
    /// The checkpoint from which it goes on, on a new branch of its history
    #[arg(long, value_name = "CP", group = "way")]
    pub at: Option<u64>,
    /// A field that is replaced first
    #[arg(long = "set", value_name = "FIELD=VALUE", requires = "at")]
    pub sets: Vec<String>,
    /// Another version of its program: gets the recorded replies, and nothing is called or written
    #[arg(long, value_name = "FILE", group = "way")]
    pub against: Option<PathBuf>,
    /// What to print while it runs
    #[arg(long, value_enum, value_delimiter = ',', value_name = "MODE", requires = "at")]
    pub stream: Vec<StreamMode>,
}

/// `flowvm test`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    flowvm test triage.flow\n  \
    flowvm test --filter spam\n  \
    flowvm test triage.flowb --crash-everywhere\n  \
    flowvm test --format junit > report.xml")]
pub struct Test {
    /// Source (.flow) or bytecode (.flowb) [default: the project of flow.toml]
    pub files: Vec<PathBuf>,
    /// Only tests whose name contains this, or whose flow it is
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Seed of the jitter of retries and of made-up replies
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Where replies come from that no mock gives; live: from nowhere, and the test fails
    #[arg(long, value_enum, default_value_t)]
    pub mode: Mode,
    /// How the results are written
    #[arg(long, value_enum, default_value_t)]
    pub format: TestFormat,
    /// Show the tests instead of playing them
    #[arg(long)]
    pub list: bool,
    /// Show what of the flows the tests have used: nodes, arrows, arms of routes
    #[arg(long)]
    pub coverage: bool,
    /// Repeat each test with a crash at every point at which a process can die
    #[arg(long)]
    pub crash_everywhere: bool,
}

/// How the results of tests are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people.
    #[default]
    Human,
    /// A JSON object a line.
    Json,
    /// XML for build servers.
    Junit,
}

/// `flowvm completions`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowvm completions bash > ~/.local/share/bash-completion/completions/flowvm"
)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

impl Cli {
    /// The completions for a shell.
    pub fn completions(shell: Shell) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Self::command(), NAME, &mut script);
        script
    }

    /// The man page: the command and all its verbs.
    pub fn man() -> std::io::Result<Vec<u8>> {
        let mut command = Self::command();
        command.build();
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut page)?;
        let verbs = command.get_subcommands();
        for verb in verbs.flat_map(|verb| std::iter::once(verb).chain(verb.get_subcommands())) {
            let title = verb.get_bin_name().unwrap_or(verb.get_name()).to_uppercase();
            page.extend_from_slice(format!(".SH \"{title}\"\n").as_bytes());
            let verb = clap_mangen::Man::new(verb.clone());
            verb.render_description_section(&mut page)?;
            verb.render_synopsis_section(&mut page)?;
            verb.render_options_section(&mut page)?;
            verb.render_extra_section(&mut page)?;
        }
        Ok(page)
    }

    /// Reads the command line. Prints help, versions and wrong usage itself; the error is the exit code then.
    pub fn read() -> Result<Self, u8> {
        Self::try_parse().map_err(|error| {
            // Nothing can be done about a closed pipe.
            let _ = error.print();
            error.exit_code() as u8
        })
    }
}
