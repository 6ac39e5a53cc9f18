//! Who has offspring, how many, and by which operators (Stanley & Miikkulainen 2002, sections 3.3 and 4.1).

use crate::{
    graph::Graph,
    neat::{NeatState, Rules, operator},
    settings::settings,
    species::Species,
    variation::{Proposal, cross, mutate},
};
use evolvent_core::{Lineage, Scores, Stream, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How fitness is shared inside a species.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// `raw` where fitness is exact, else `ranks`.
    #[default]
    Adaptive,
    /// The fitness itself, moved up if some of it is negative (equation 2).
    Raw,
    /// Fitness scaled to [0, 1] over the population (neat-python).
    Normalised,
    /// The rank in the population, in (0, 1]: the same for every monotone change of fitness.
    Ranks,
}

settings! {
    /// Who has offspring, and how many.
    pub struct Reproduction / ReproductionSettings {
        /// How fitness is shared.
        sharing: Sharing,
        /// Share of each species that may be parents, in (0, 1]: the best ⌊survival · size⌋ + 1.
        survival: f64,
        /// The champion of a species is copied unchanged if the species gets more offspring than this.
        champion_above: usize,
        /// How many champions are copied then; at least 1 where `champion_above` is to have an effect.
        elites: usize,
        /// Children made by mutation alone, in [0, 1].
        mutate_only: f64,
        /// Children of two parents that are not mutated afterwards, in [0, 1].
        mate_only: f64,
        /// Matings with a partner of another species, in [0, 1].
        interspecies: f64,
        /// Generations without progress after which a species counts as stagnant; 0 for never. None does where fitness of
        /// different generations cannot be compared, because it is noisy or novelty.
        stagnation: u64,
        /// Factor on the shared fitness of such species, in [0, 1]. It cancels out where all species stand still; at 0 the
        /// population then dies out (`reset_on_extinction`).
        stagnation_factor: f64,
        /// How many of the best species are exempt from it.
        exempt: usize,
        /// Generations without progress of the whole population, where it can be seen as for `stagnation`, after which only the
        /// two best species have offspring, or more if their champions equal the second's; 0 for never.
        refocus: u64,
        /// Factor on the shared fitness of species younger than `young_age`. Above 0.
        young_boost: f64,
        /// In generations.
        young_age: u64,
        /// Factor on the shared fitness of species of at least `old_age`. Above 0.
        old_penalty: f64,
        /// In generations; 0 for never.
        old_age: u64,
    }
}

impl Reproduction {
    /// What is out of range.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.require(
            self.survival > 0.0 && self.survival <= 1.0,
            "survival",
            self.survival,
            "a share in (0, 1]",
        );
        v.probability("stagnation_factor", self.stagnation_factor);
        v.probability("mutate_only", self.mutate_only);
        v.probability("mate_only", self.mate_only);
        v.probability("interspecies", self.interspecies);
        v.positive("young_boost", self.young_boost);
        v.positive("old_penalty", self.old_penalty);
        v.into_result()
    }

    /// How many of a species may be parents.
    fn parents(&self, species: &Species) -> usize {
        let size = species.members.len();
        ((size as f64 * self.survival) as usize + 1).min(size)
    }
}

/// What is shared: larger is better, never negative.
pub(crate) fn merits(sharing: Sharing, exact: bool, scores: &Scores) -> Vec<f64> {
    let n = scores.len();
    let sharing = match sharing {
        Sharing::Adaptive if exact => Sharing::Raw,
        Sharing::Adaptive => Sharing::Ranks,
        other => other,
    };
    if sharing == Sharing::Ranks {
        let order = scores.order();
        let mut merit = vec![0.0; n];
        let mut begin = 0;
        while begin < n {
            // equals share the mean of their ranks
            let equal = |&k: &usize| scores.compare(order[begin], order[k]).is_eq();
            let end = (begin..n).take_while(equal).last().unwrap_or(begin) + 1;
            let rank = (begin + end - 1) as f64 / 2.0;
            order[begin..end].iter().for_each(|&i| merit[i] = (n as f64 - rank) / n as f64);
            begin = end;
        }
        return merit;
    }
    let losses = scores.finite().unwrap_or_else(|| vec![0.0; n]);
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let worst = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match sharing {
        Sharing::Normalised => {
            let range = (worst - best).max(1.0);
            losses.iter().map(|l| (worst - l) / range).collect()
        }
        _ => {
            let lift = worst.max(0.0);
            losses.iter().map(|l| lift - l).collect()
        }
    }
}

/// Sorts each species, best first, and notes progress.
///
/// Equals are put in random order. By size or age, a plateau of fitness (on XOR three right answers of four) would keep
/// the first topology that reached it, and no new structure would ever be a parent.
pub(crate) fn rank_species(s: &mut NeatState, scores: &Scores, rng: &mut Stream) {
    let (generation, exact) = (s.generation, s.exact);
    let mut order: Vec<(u32, u32)> = (0..scores.len() as u32).map(|i| (i, rng.next_u32())).collect();
    order.sort_unstable_by(|&(a, x), &(b, y)| {
        scores.compare(a as usize, b as usize).then(x.cmp(&y)).then(a.cmp(&b))
    });
    let mut place = vec![0; order.len()];
    order.iter().zip(0u32..).for_each(|(&(i, _), rank)| place[i as usize] = rank);
    let mut top = f64::NEG_INFINITY;
    for species in &mut s.set.species {
        species.members.sort_unstable_by_key(|&i| place[i as usize]);
        let champion = species.members[0] as usize;
        let value = if scores.failed[champion] { f64::MIN } else { -scores.value(champion) };
        top = top.max(value);
        // Of values that cannot be compared nobody can be seen to stand still.
        if !exact || value > species.best {
            (species.best, species.improved) = (value, generation);
        }
    }
    if !exact || top > s.progress.1 {
        s.progress = (generation, top);
    }
}

fn mean(species: &Species, merit: &[f64]) -> f64 {
    species.members.iter().map(|&i| merit[i as usize]).sum::<f64>() / species.members.len() as f64
}

/// Explicit fitness sharing: a species' offspring are in proportion to the sum of its adjusted fitnesses, which is its
/// mean fitness (equation 2). `total` of them, or none where every share is 0.
pub(crate) fn share_offspring(s: &mut NeatState, r: &Reproduction, merit: &[f64], total: usize) {
    let generation = s.generation;
    let species = &mut s.set.species;
    let champion = |species: &Species| merit[species.members[0] as usize];
    let mut by_best: Vec<usize> = (0..species.len()).collect();
    by_best.sort_by(|&a, &b| champion(&species[b]).total_cmp(&champion(&species[a])).then(a.cmp(&b)));
    let refocus = r.refocus > 0 && generation - s.progress.0 > r.refocus;
    // A tie says nothing of which species is the more promising, so all that equal the second are among the best.
    let second = by_best.get(1).or(by_best.first()).map_or(0.0, |&k| champion(&species[k]));
    let mut shares = vec![0.0; species.len()];
    for (rank, &k) in by_best.iter().enumerate() {
        let species = &mut species[k];
        let stagnant = r.stagnation > 0 && generation - species.improved > r.stagnation;
        let age = generation - species.born;
        let mut factor = 1.0;
        if refocus && champion(species) < second {
            factor = 0.0;
        } else if refocus {
            species.improved = generation; // those that are left begin anew
        } else if stagnant && rank >= r.exempt {
            factor *= r.stagnation_factor;
        }
        if age < r.young_age {
            factor *= r.young_boost;
        }
        if r.old_age > 0 && age >= r.old_age {
            factor *= r.old_penalty;
        }
        // While everyone is equally bad the shares are equal, not nothing.
        shares[k] = factor * mean(species, merit).max(f64::MIN_POSITIVE);
    }
    if refocus {
        s.progress.0 = generation;
    }
    let quotas = apportion(&shares, total);
    species.iter_mut().zip(quotas).for_each(|(species, quota)| species.quota = quota);
}

/// Largest remainders: whole numbers in proportion to the shares that sum to `total`; all 0 if the shares are.
fn apportion(shares: &[f64], total: usize) -> Vec<u32> {
    let sum: f64 = shares.iter().sum();
    if sum <= 0.0 || sum.is_nan() {
        return vec![0; shares.len()];
    }
    let exact: Vec<f64> = shares.iter().map(|s| s / sum * total as f64).collect();
    let mut quotas: Vec<u32> = exact.iter().map(|e| e.floor() as u32).collect();
    let mut order: Vec<usize> = (0..shares.len()).filter(|&k| shares[k] > 0.0).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    let missing = total - quotas.iter().sum::<u32>() as usize;
    order.iter().cycle().take(missing).for_each(|&k| quotas[k] += 1);
    quotas
}

/// A child whose new structure has no numbers yet.
pub(crate) struct Child {
    pub(crate) graph: Graph,
    pub(crate) proposals: [Option<Proposal>; 2],
    pub(crate) lineage: Lineage,
}

/// The child at a place of a species (sections 3.2 and 4.1).
pub(crate) fn child(rules: &Rules, s: &NeatState, species: usize, place: usize, rng: &mut Stream) -> Child {
    let (r, growing) = (&rules.reproduction, s.phases.growing());
    let own = &s.set.species[species];
    let id = |parent: u32| Some(s.ids[parent as usize]);
    let genome = |parent: u32| &s.population[parent as usize];
    if own.quota as usize > r.champion_above && place < r.elites.min(own.members.len()) {
        let champion = own.members[place];
        let lineage = Lineage { operator: operator::ELITE, parents: [id(champion), None], id: 0 };
        return Child { graph: genome(champion).clone(), proposals: [None; 2], lineage };
    }
    let a = own.members[rng.below(r.parents(own))];
    // While pruning there is no mating, which would put genes back (Green 2004).
    let alone = !growing || own.members.len() < 2 && r.interspecies == 0.0;
    if alone || rng.chance(r.mutate_only) {
        let mut graph = genome(a).clone();
        let proposals = mutate(&s.genes, &rules.mutation, growing, &mut graph, rng);
        let operator = operator::MUTATION + added(&proposals);
        return Child { graph, proposals, lineage: Lineage { operator, parents: [id(a), None], id: 0 } };
    }
    // Another species is represented by its champion.
    let b = if s.set.species.len() > 1 && rng.chance(r.interspecies) {
        let k = rng.below(s.set.species.len() - 1);
        s.set.species[k + usize::from(k >= species)].members[0]
    } else {
        own.members[rng.below(r.parents(own))]
    };
    let (fitter, weaker) = if passes_on(s, a, b) { (a, b) } else { (b, a) };
    let mut graph = cross(&rules.crossover, genome(fitter), genome(weaker), rng);
    let mut proposals = [None; 2];
    let mut operator = operator::CROSSOVER;
    if a == b || !rng.chance(r.mate_only) {
        proposals = mutate(&s.genes, &rules.mutation, growing, &mut graph, rng);
        operator = operator::CROSSOVER_MUTATION + added(&proposals);
    }
    Child { graph, proposals, lineage: Lineage { operator, parents: [id(fitter), id(weaker)], id: 0 } }
}

fn added(proposals: &[Option<Proposal>; 2]) -> u8 {
    u8::from(proposals[0].is_some()) * operator::ADDED_NODE
        + u8::from(proposals[1].is_some()) * operator::ADDED_CONNECTION
}

/// Whether `a` passes on its structure: the fitter, of equals the one with fewer genes.
fn passes_on(s: &NeatState, a: u32, b: u32) -> bool {
    let genes = |i: u32| s.population[i as usize].structure.connections();
    let merit = |i: u32| s.merit[i as usize];
    merit(b).total_cmp(&merit(a)).then(genes(a).cmp(&genes(b))).then(a.cmp(&b)).is_le()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offspring_are_apportioned_by_largest_remainder() {
        assert_eq!(apportion(&[9.0, 9.0, 2.0], 10), [5, 4, 1]); // 4.5, 4.5, 1.0: the older of equals
        assert_eq!(apportion(&[1.0, 0.0, 3.0], 7), [2, 0, 5]);
        assert_eq!(apportion(&[f64::MIN_POSITIVE; 3], 10).iter().sum::<u32>(), 10);
        assert_eq!(apportion(&[0.0, 0.0], 10), [0, 0]);
        assert_eq!(apportion(&[], 10), [0u32; 0]);
    }
}
