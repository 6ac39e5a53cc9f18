//! The central trait.

use crate::{Batch, Fitness, Genome, Scores, Sense, Stream, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

/// What an algorithm may know of the problem: its genes, and facts about its values.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Space<G: Genome> {
    /// The genes.
    pub genes: G::Genes,
    /// One sense per objective. Algorithms never need it (scores are losses); messages and records do.
    pub senses: Vec<Sense>,
    /// Number of constraints.
    pub constraints: usize,
    /// Intervals of the descriptors; empty if the problem has none.
    pub descriptors: Vec<(f64, f64)>,
    /// How far two evaluations of one genome agree.
    pub fitness: Fitness,
}

impl<G: Genome> Space<G> {
    /// One exact objective to minimise, nothing else.
    pub fn new(genes: G::Genes) -> Self {
        Space {
            genes,
            senses: vec![Sense::Minimize],
            constraints: 0,
            descriptors: Vec::new(),
            fitness: Fitness::Exact,
        }
    }
}

/// Where an algorithm begins.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Start<G> {
    /// From the genes' own initialisers.
    #[default]
    Default,
    /// From one point.
    Point(G),
    /// From a population.
    Population(Vec<G>),
}

/// What an algorithm needs of a problem and its evaluator, compared with what they have before the first evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Fewest and most objectives that it can handle.
    pub objectives: (usize, usize),
    /// Whether it can handle constraints.
    pub constraints: bool,
    /// Whether it needs descriptors.
    pub descriptors: bool,
    /// Whether it needs gradients of the objective.
    pub gradients: bool,
    /// Whether it needs the sensitivity of outputs to genes.
    pub sensitivities: bool,
    /// Whether it needs every gene bounded.
    pub bounds: bool,
    /// Whether it takes solutions that it did not ask for, and genomes that the evaluator changed.
    pub foreign: bool,
}

impl Default for Needs {
    /// One objective and nothing else.
    fn default() -> Self {
        Needs {
            objectives: (1, 1),
            constraints: false,
            descriptors: false,
            gradients: false,
            sensitivities: false,
            bounds: false,
            foreign: false,
        }
    }
}

/// A genome and what is known of it. Objectives are losses: smaller is better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate<G> {
    /// The genome.
    pub genome: G,
    /// Its losses, if it was evaluated itself.
    pub losses: Option<Vec<f64>>,
    /// Sum of its constraint violations.
    pub violation: f64,
    /// Its descriptors.
    pub descriptors: Vec<f64>,
    /// Its id in the lineage, where the algorithm keeps one and the genome was a member of a batch.
    #[serde(default)]
    pub id: Option<u64>,
}

impl<G> Candidate<G> {
    /// A genome that was never evaluated itself, such as the mean of a search distribution.
    pub fn unmeasured(genome: G) -> Self {
        Candidate { genome, losses: None, violation: 0.0, descriptors: Vec::new(), id: None }
    }

    /// A genome with its single loss.
    pub fn measured(genome: G, loss: f64) -> Self {
        Candidate { losses: Some(vec![loss]), ..Candidate::unmeasured(genome) }
    }
}

/// What an algorithm has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome<G> {
    /// One recommended point: an evolution strategy's mean, a genetic algorithm's best.
    Point(Candidate<G>),
    /// Mutually non-dominated candidates.
    Front(Vec<Candidate<G>>),
    /// An archive of diverse candidates.
    Archive(Vec<Candidate<G>>),
}

impl<G> Outcome<G> {
    /// All candidates.
    pub fn candidates(&self) -> &[Candidate<G>] {
        match self {
            Outcome::Point(candidate) => std::slice::from_ref(candidate),
            Outcome::Front(all) | Outcome::Archive(all) => all,
        }
    }

    /// The one to show if only one can be shown: the point itself, else the least violation, then the least first loss.
    pub fn recommended(&self) -> Option<&Candidate<G>> {
        let key = |c: &Candidate<G>| c.losses.as_ref().map_or(f64::INFINITY, |l| l[0]);
        self.candidates()
            .iter()
            .min_by(|a, b| a.violation.total_cmp(&b.violation).then(key(a).total_cmp(&key(b))))
    }
}

/// Why an algorithm has nothing more to gain from going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The spread of solutions or values is below its tolerance; says which.
    Converged(String),
    /// No progress for long; says how long.
    Stagnated(String),
    /// Arithmetic can no longer represent the search distribution; says what.
    IllConditioned(String),
    /// No individual is left.
    Extinct,
    /// The algorithm has done all that it was set to do.
    Finished(String),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Converged(why) => write!(f, "converged: {why}"),
            StopReason::Stagnated(why) => write!(f, "stagnated: {why}"),
            StopReason::IllConditioned(why) => write!(f, "ill-conditioned: {why}"),
            StopReason::Extinct => f.write_str("extinct"),
            StopReason::Finished(why) => write!(f, "finished: {why}"),
        }
    }
}

/// Named numbers about an algorithm's inner state, one record per round (`sigma`, `condition_number`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Diagnostics(pub Vec<(String, f64)>);

impl Diagnostics {
    /// Adds a number; names are `snake_case` and stay the same for the whole run.
    pub fn add(&mut self, name: &str, value: f64) {
        self.0.push((name.into(), value));
    }
}

/// An evolutionary algorithm. Hyperparameters are `self`, immutable; all that changes is in `State`; randomness is an
/// argument. It knows no network, no problem, no thread, no file and no clock.
///
/// A round is one `ask` and one `tell` with the same batch. `ask` may be called again only after `tell`.
pub trait Algorithm:
    Clone + fmt::Debug + Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// `snake_case` name: the key in experiment files.
    const NAME: &'static str;
    /// What it evolves.
    type Genome: Genome;
    /// All that changes. It must survive a round trip through serde with every bit.
    type State: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// What it needs of the problem.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The only place where hyperparameters and space are checked.
    fn init(
        &self,
        space: &Space<Self::Genome>,
        start: &Start<Self::Genome>,
        rng: &mut Stream,
    ) -> Result<Self::State, Violations>;

    /// The members to evaluate next. Never empty.
    fn ask(&self, state: &mut Self::State, rng: &mut Stream) -> Batch<Self::Genome>;

    /// Takes the scores of the batch that `ask` returned last.
    fn tell(&self, state: &mut Self::State, batch: &Batch<Self::Genome>, scores: &Scores, rng: &mut Stream);

    /// What it has found so far. Callable at any time after `init`.
    fn outcome(&self, state: &Self::State) -> Outcome<Self::Genome>;

    /// How many genomes its state and a batch hold at once, estimated from below; a matrix over all pairs of genes
    /// counts as one genome per gene. It is compared with the memory of the machine before [`Algorithm::init`], so an
    /// algorithm that holds its population written out, or a matrix, overrides it.
    fn holds(&self, _space: &Space<Self::Genome>) -> f64 {
        1.0
    }

    /// Why going on is useless, if it is.
    fn stopped(&self, _state: &Self::State) -> Option<StopReason> {
        None
    }

    /// Itself with its population size times `population` and its initial step size times `sigma`, for restarts with
    /// growing populations in this space. `None` if it has no population size.
    fn rescaled(&self, _space: &Space<Self::Genome>, _population: f64, _sigma: f64) -> Option<Self> {
        None
    }

    /// Numbers about the inner state.
    fn diagnose(&self, _state: &Self::State, _out: &mut Diagnostics) {}

    /// The groups that the population is divided into (species, niches): the number of each, given once in a run, and how
    /// many members it has. In order of the numbers; empty if there are none.
    fn groups(&self, _state: &Self::State) -> Vec<(u64, u64)> {
        Vec::new()
    }

    /// What a code of [`Lineage::operator`](crate::Lineage::operator) means, in a few words.
    fn operator(&self, code: u8) -> String {
        format!("operator {code}")
    }
}

/// What a genome kind must be able to do for the algorithms that only select: `ga`, `nsga2`, `random_search`, aging
/// evolution. Evolution strategies, CMA-ES and differential evolution are bound to vectors instead.
pub trait Variation:
    Clone + fmt::Debug + Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// What it varies.
    type Genome: Genome;
    /// Counters that outlive a generation: innovation numbers, ids. In the algorithm's state. Children are made in
    /// parallel where the type holds nothing (`()`), else one after the other.
    type Ledger: Clone + fmt::Debug + Default + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Checks its settings against the genes.
    fn check(&self, genes: &<Self::Genome as Genome>::Genes) -> Result<(), Violations>;

    /// A fresh genome.
    fn sample(
        &self,
        genes: &<Self::Genome as Genome>::Genes,
        ledger: &mut Self::Ledger,
        rng: &mut Stream,
    ) -> Self::Genome;

    /// Changes a copy in place. `strength` scales the size or the probability of the changes: 1 is as set, and
    /// algorithms that adapt or anneal mutation pass other factors above 0.
    fn mutate(
        &self,
        genes: &<Self::Genome as Genome>::Genes,
        genome: &mut Self::Genome,
        strength: f64,
        ledger: &mut Self::Ledger,
        rng: &mut Stream,
    );

    /// Multiplies each gene's step from `parent` to `genome` by its factor, and repairs what leaves its bounds. Kinds of genome
    /// whose changes are no steps leave `genome` as it is; no evaluator tells how sensitive a network is to them.
    fn rescale(
        &self,
        _genes: &<Self::Genome as Genome>::Genes,
        _parent: &Self::Genome,
        _genome: &mut Self::Genome,
        _factors: &[f64],
        _rng: &mut Stream,
    ) {
    }

    /// Two children; the first takes after `a`. Callers that know which parent is fitter pass it as `a`.
    fn cross(
        &self,
        genes: &<Self::Genome as Genome>::Genes,
        a: &Self::Genome,
        b: &Self::Genome,
        ledger: &mut Self::Ledger,
        rng: &mut Stream,
    ) -> [Self::Genome; 2];

    /// How different two genomes are: 0 for equal ones, symmetric, finite.
    fn distance(&self, a: &Self::Genome, b: &Self::Genome) -> f64;

    /// A generation has ended: counters that live for one generation are cleared.
    fn next_generation(&self, _ledger: &mut Self::Ledger) {}
}
