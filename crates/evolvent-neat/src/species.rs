//! Speciation (Stanley & Miikkulainen 2002, section 3.3): by compatibility threshold, fixed or moving towards a number of
//! species, or by k-means in gene space (Green 2004, SharpNEAT).

use crate::{
    distance::{Comparable, Distance, near},
    graph::Graph,
    settings::settings,
};
use evolvent_core::{Stream, Violations};
use evolvent_math::par;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many times as many species as asked for make the threshold move faster, in proportion: every genome is compared with
/// every species, and a large population would spend its first generations on nothing else.
const FAR: f64 = 10.0;

/// How a population is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Into the first species whose representative is nearer than the threshold.
    #[default]
    Threshold,
    /// Into `target` clusters around mean genomes.
    KMeans,
}

/// Whom newcomers to a species are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Representative {
    /// A random member of the generation before, as published.
    #[default]
    Random,
    /// Its champion of the generation before, as in the code published with the paper.
    Champion,
}

settings! {
    /// How a population is divided into species.
    pub struct Speciation / SpeciationSettings {
        /// The method.
        method: Method,
        /// δ_t: genomes nearer than this are compatible. Above 0.
        threshold: f64,
        /// Number of species to aim at: the threshold moves by `step` each generation, by more while there are more than ten
        /// times as many; 0 leaves it where it is.
        /// The number of clusters for `k_means`.
        target: usize,
        /// How far the threshold moves each generation. Above 0.
        step: f64,
        /// Whom newcomers are compared with.
        representative: Representative,
    }
}

impl Speciation {
    /// What is out of range.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.positive("threshold", self.threshold);
        v.positive("step", self.step);
        if self.method == Method::KMeans {
            v.at_least("target", self.target, 1);
        }
        v.into_result()
    }
}

/// Genomes that compete among themselves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Species {
    /// Its number, given once.
    pub id: u32,
    /// Generation in which it arose.
    pub born: u64,
    /// Generation in which its best merit last rose.
    pub improved: u64,
    /// Its best merit ever; comparable only where fitness is exact.
    pub best: f64,
    /// Whom newcomers are compared with.
    pub representative: Graph,
    /// Indices into the population, best first once ranked.
    pub members: Vec<u32>,
    /// Offspring in the next generation.
    pub quota: u32,
}

/// The species of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SpeciesSet {
    /// In order of age; none is empty after [`SpeciesSet::assign`].
    pub species: Vec<Species>,
    /// The threshold in force.
    pub threshold: f64,
    next: u32,
}

impl SpeciesSet {
    /// No species yet.
    pub fn new(settings: &Speciation) -> Self {
        SpeciesSet { threshold: settings.threshold, ..SpeciesSet::default() }
    }

    /// Divides a population; species left empty die out.
    pub fn assign(
        &mut self,
        settings: &Speciation,
        c: &Distance,
        population: &[Graph],
        generation: u64,
        rng: &mut Stream,
    ) {
        for species in &mut self.species {
            species.members.clear();
        }
        match settings.method {
            Method::Threshold => self.by_threshold(c, population, generation),
            Method::KMeans => self.by_k_means(settings.target, population, generation, rng),
        }
        self.species.retain(|s| !s.members.is_empty());
        if settings.method == Method::Threshold && settings.target > 0 {
            let count = self.species.len();
            let excess = count as f64 / settings.target as f64;
            if excess > FAR {
                self.threshold += settings.step * excess / (0.5 * FAR);
            } else if count > settings.target {
                self.threshold += settings.step;
            } else if count < settings.target {
                self.threshold = (self.threshold - settings.step).max(settings.step);
            }
        }
    }

    /// Chooses whom newcomers of the next generation are compared with; members must be ranked.
    pub(crate) fn represent(&mut self, settings: &Speciation, population: &[Graph], rng: &mut Stream) {
        for species in &mut self.species {
            let pick = match settings.representative {
                Representative::Random => rng.below(species.members.len()),
                Representative::Champion => 0,
            };
            species.representative = population[species.members[pick] as usize].clone();
        }
    }

    fn found(&mut self, representative: Graph, generation: u64) -> usize {
        self.species.push(Species {
            id: self.next,
            born: generation,
            improved: generation,
            best: f64::NEG_INFINITY,
            representative,
            members: Vec::new(),
            quota: 0,
        });
        self.next += 1;
        self.species.len() - 1
    }

    fn by_threshold(&mut self, c: &Distance, population: &[Graph], generation: u64) {
        // Existing species first, in parallel; those who fit none are taken in order. The result is that of one pass.
        let threshold = self.threshold;
        let old: Vec<Comparable<'_>> =
            self.species.iter().map(|s| Comparable::new(&s.representative)).collect();
        let fit: Vec<Option<usize>> = par::map(population.len(), |i| {
            let genome = Comparable::new(&population[i]);
            old.iter().position(|representative| near(c, threshold, &genome, representative))
        });
        let mut founders: Vec<Comparable<'_>> = Vec::new();
        let begin = self.species.len();
        for (i, fit) in fit.into_iter().enumerate() {
            let s = fit.unwrap_or_else(|| {
                let genome = Comparable::new(&population[i]);
                let new = founders.iter().position(|founder| near(c, threshold, &genome, founder));
                begin
                    + new.unwrap_or_else(|| {
                        founders.push(genome);
                        self.found(population[i].clone(), generation);
                        founders.len() - 1
                    })
            });
            self.species[s].members.push(i as u32);
        }
    }

    fn by_k_means(&mut self, k: usize, population: &[Graph], generation: u64, rng: &mut Stream) {
        let k = k.min(population.len());
        self.species.truncate(k);
        while self.species.len() < k {
            let seed = population[rng.below(population.len())].clone();
            self.found(seed, generation);
        }
        let mut centroids: Vec<Centroid> =
            self.species.iter().map(|s| Centroid::of(std::iter::once(&s.representative))).collect();
        let mut nearest = Vec::new();
        for _ in 0..5 {
            let now: Vec<usize> = par::map(population.len(), |i| {
                let d = |s: usize| centroids[s].square_distance(&population[i]);
                (0..k).min_by(|&a, &b| d(a).total_cmp(&d(b)).then(a.cmp(&b))).unwrap_or(0)
            });
            if now == nearest {
                break;
            }
            nearest = now;
            for (s, centroid) in centroids.iter_mut().enumerate() {
                let members = || nearest.iter().zip(population).filter(|(n, _)| **n == s).map(|(_, g)| g);
                if members().next().is_some() {
                    *centroid = Centroid::of(members());
                }
            }
        }
        for (i, s) in nearest.into_iter().enumerate() {
            self.species[s].members.push(i as u32);
        }
    }
}

/// A mean genome: the mean weight of every gene, a missing gene counting as 0.
struct Centroid(Vec<(u32, f64)>);

impl Centroid {
    fn of<'a>(graphs: impl Iterator<Item = &'a Graph>) -> Self {
        let mut genes: Vec<(u32, f64)> = Vec::new();
        let mut count = 0.0;
        for graph in graphs {
            count += 1.0;
            let weights = graph.weights().iter().map(|&w| f64::from(w));
            genes.extend(graph.structure.innovations.iter().copied().zip(weights));
        }
        genes.sort_by_key(|g| g.0); // stable: sums run in member order
        let mut means: Vec<(u32, f64)> = Vec::new();
        for (innovation, weight) in genes {
            match means.last_mut() {
                Some(last) if last.0 == innovation => last.1 += weight / count,
                _ => means.push((innovation, weight / count)),
            }
        }
        Centroid(means)
    }

    fn square_distance(&self, graph: &Graph) -> f64 {
        let (mut i, mut sum) = (0, 0.0);
        for (&innovation, &w) in graph.structure.innovations.iter().zip(graph.weights()) {
            while i < self.0.len() && self.0[i].0 < innovation {
                sum += self.0[i].1 * self.0[i].1;
                i += 1;
            }
            let mean = if i < self.0.len() && self.0[i].0 == innovation { self.0[i].1 } else { 0.0 };
            i += usize::from(i < self.0.len() && self.0[i].0 == innovation);
            sum += (f64::from(w) - mean) * (f64::from(w) - mean);
        }
        sum + self.0[i..].iter().map(|g| g.1 * g.1).sum::<f64>()
    }
}
