//! What may be typed: the verbs and their flags.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Seeds stop where the integers of TOML do.
const SEEDS: u64 = i64::MAX as u64;

/// Evolve neural networks: weights, topologies, architectures and the rules by which they evolve.
#[derive(Debug, Parser)]
#[command(name = "evolvent", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
Begin with `evolvent init`, or run a shipped experiment: evolvent run experiments/cartpole.toml
Exit codes: 0 done, 2 the file or the arguments are wrong, 1 anything else, 130 interrupted and resumable.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run an experiment.
    Run(Run),
    /// Continue a run as if it had never been interrupted; budgets may be raised.
    Resume(Resume),
    /// Show a run: summary and curves in the terminal.
    Show(Show),
    /// Measure a run's champion on fresh episodes or held-out data.
    Replay(Replay),
    /// Write a run's champion for other programs.
    Export(Export),
    /// Run several experiments on the same problem with repeated seeds, and compare them.
    Compare(Compare),
    /// Check an experiment file without running it.
    Check(Check),
    /// List what there is.
    List(List),
    /// Describe an algorithm, problem or network with all its settings.
    Describe(Describe),
    /// What belongs to NEAT alone.
    #[command(subcommand)]
    Neat(Neat),
    /// Print the JSON schema of experiment files.
    Schema,
    /// Write a commented experiment file to start from.
    Init(Init),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// How much is said, and to whom.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Output {
    /// Print one JSON object per generation to standard output, and a last one when finished.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no progress, only the result.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The experiment file; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// Lay a setting over the file, such as algorithm.open_es.sigma=0.1; the value is TOML, or a bare word. A table in braces
    /// replaces what is there: 'algorithm={cma_es={}}'.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The root of all randomness; overrides the file.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=SEEDS))]
    pub(crate) seed: Option<u64>,
    /// Worker threads; results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) threads: Option<u64>,
    /// The run directory; runs/<file stem> unless given, with -2, -3 … if that is taken.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the run that lies in --out.
    #[arg(long, requires = "out")]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The run directory.
    pub(crate) run_dir: PathBuf,
    /// Change a budget, such as run.generations=200.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Worker threads; results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) threads: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run directory.
    pub(crate) run_dir: PathBuf,
    /// Print the records as JSON lines instead.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write report.html anew from the run's files.
    #[arg(long)]
    pub(crate) report: bool,
    /// Show the champion's descent and which operators paid.
    #[arg(long)]
    pub(crate) lineage: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The run directory.
    pub(crate) run_dir: PathBuf,
    /// Number of fresh episodes; the run's own number unless given. Data sets need one pass.
    #[arg(long, value_name = "N")]
    pub(crate) episodes: Option<u32>,
    /// Change a setting of the problem, such as problem.double_pole.start=every_generalisation, or of how the genome is decoded, such as
    /// the resolution of an indirectly encoded network.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Count the episodes that are worth this much or better.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) passing: Option<f64>,
    /// Which fresh episodes: 0 unless given, the same number gives the same episodes.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Worker threads.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) threads: Option<u64>,
    /// Print a JSON object instead.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The run directory.
    pub(crate) run_dir: PathBuf,
    /// The format: onnx for other programs; safetensors and json read back, too; latex, python, rust and c are the closed
    /// formula; dot and svg are pictures of evolved graphs and of what a CPPN painted.
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// What svg and dot show.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) picture: Picture,
    /// In a pattern, the point that connections leave, such as `0.5,-0.5`; else the middle of each layer.
    #[arg(long, value_name = "X,Y,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) from: Option<Vec<f32>>,
    /// The file to write; `-` is standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Lay a setting over the run's, such as another resolution for an indirectly encoded network.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Replace the file if it exists.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Picture {
    /// The network: an evolved graph, or a painted network where its neurons stand.
    #[default]
    #[value(alias = "substrate")]
    Network,
    /// All genes, those without effect too; of a painted network its CPPN, with s, t and d for coordinates of source and target
    /// and their difference.
    Genome,
    /// What each output of a CPPN says (svg).
    Pattern,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    Onnx,
    Safetensors,
    Json,
    Latex,
    Python,
    Rust,
    C,
    Dot,
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The experiment files: the same problem, one algorithm or setting each.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Runs per file, with seeds --seed, --seed + 1 …
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) repeats: u32,
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=SEEDS))]
    pub(crate) seed: u64,
    /// Lay a setting over every file.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Worker threads.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) threads: Option<u64>,
    /// The directory for tables, plots and runs; runs/compare-<stem> unless given.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the comparison that lies in --out.
    #[arg(long, requires = "out")]
    pub(crate) overwrite: bool,
    /// Print the results as JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no progress, only the result.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The experiment file; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// Lay a setting over the file.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print the experiment with everything filled in.
    #[arg(long)]
    pub(crate) resolved: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// What to list; everything unless given.
    #[arg(value_enum)]
    pub(crate) kind: Option<ListKind>,
    /// Print a JSON array.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a Markdown page with all settings.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListKind {
    Algorithms,
    Problems,
    Networks,
}

#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// The name as in an experiment file: open_es, cart_pole, dense …; with a key, what stands in it: neat.mutation,
    /// dataset.source.csv.
    pub(crate) name: String,
    /// Print the JSON schema of its table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Neat {
    /// Turn a configuration file of neat-python into an experiment file.
    Import(NeatImport),
}

#[derive(Debug, Args)]
pub(crate) struct NeatImport {
    /// The configuration file, with sections [NEAT], [DefaultGenome] and so on.
    pub(crate) file: PathBuf,
    /// The problem, which neat-python keeps in code; `evolvent list problems` shows all.
    #[arg(long, value_name = "NAME")]
    pub(crate) problem: String,
    /// The file to write; <file stem>.toml unless given, `-` is standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The problem; `evolvent list problems` shows them all.
    #[arg(default_value = "cart_pole")]
    pub(crate) problem: String,
    /// The algorithm; one that fits the problem unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) algorithm: Option<String>,
    /// The file to write; <problem>.toml unless given, `-` is standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }
}
