//! Where algorithms begin: checked starting points, and the populations and centres made of them.

use evolvent_core::{Genome, Start, Stream, Variation, Vector, VectorGenes, Violations};

/// Step size where nothing tells one: every initialiser is constant and there are no bounds.
const DEFAULT_SPREAD: f64 = 0.5;

/// Whether a start fits the genes; paths begin with `start`.
pub(crate) fn check<G: Genome>(start: &Start<G>, genes: &G::Genes) -> Result<(), Violations> {
    let mut v = Violations::new();
    match start {
        Start::Default => {}
        Start::Point(point) => v.absorb("start.point", point.fits(genes)),
        Start::Population(all) => {
            v.require(!all.is_empty(), "start.population", "none", "at least one genome");
            for (i, genome) in all.iter().enumerate() {
                v.absorb(&format!("start.population.{i}"), genome.fits(genes));
            }
        }
    }
    v.into_result()
}

/// A first population: sampled; or a point and mutants of it; or given genomes, cut or filled up with mutants of them.
pub(crate) fn population<V: Variation>(
    variation: &V,
    genes: &<V::Genome as Genome>::Genes,
    start: &Start<V::Genome>,
    size: usize,
    ledger: &mut V::Ledger,
    rng: &mut Stream,
) -> Vec<V::Genome> {
    let given = match start {
        Start::Default => return (0..size).map(|_| variation.sample(genes, ledger, rng)).collect(),
        Start::Point(point) => std::slice::from_ref(point),
        Start::Population(all) => all.as_slice(),
    };
    let mut population: Vec<_> = given.iter().take(size).cloned().collect();
    for i in population.len()..size {
        let mut mutant = given[i % given.len()].clone();
        variation.mutate(genes, &mut mutant, 1.0, ledger, rng);
        population.push(mutant);
    }
    population
}

/// The centre of a search distribution: drawn from the initialisers; the point; or the average of the population.
pub(crate) fn centre(genes: &VectorGenes, start: &Start<Vector>, rng: &mut Stream) -> Vec<f64> {
    let mut centre = match start {
        Start::Default => genes.sample(rng),
        Start::Point(point) => point.0.clone(),
        Start::Population(all) => {
            let share = 1.0 / all.len() as f64;
            (0..genes.dimension()).map(|i| all.iter().map(|x| share * x.0[i]).sum()).collect()
        }
    };
    if let Some(bounds) = &genes.bounds {
        bounds.clamp(&mut centre);
    }
    centre
}

/// A first population of vectors as a row-major matrix: sampled; or a point and normal deviates from it with the genes'
/// own spread; or given vectors, cut or filled up in the same way.
pub(crate) fn vectors(genes: &VectorGenes, start: &Start<Vector>, size: usize, rng: &mut Stream) -> Vec<f64> {
    let given = match start {
        Start::Default => return (0..size).flat_map(|_| genes.sample(rng)).collect(),
        Start::Point(point) => std::slice::from_ref(point),
        Start::Population(all) => all.as_slice(),
    };
    let spread = spread(genes);
    let mut rows = Vec::with_capacity(size * genes.dimension());
    for i in 0..size {
        let from = rows.len();
        rows.extend_from_slice(&given[i % given.len()].0);
        if i >= given.len() {
            rows[from..].iter_mut().for_each(|x| *x += spread * rng.normal());
        }
        if let Some(bounds) = &genes.bounds {
            bounds.clamp(&mut rows[from..]);
        }
    }
    rows
}

/// The scale of the search space: the initialisers' standard deviation, else that of a uniform distribution over the
/// bounds, else one half. Never 0.
pub(crate) fn spread(genes: &VectorGenes) -> f64 {
    let initial = genes.spread();
    if initial > 0.0 && initial.is_finite() {
        return initial;
    }
    let Some(bounds) = &genes.bounds else { return DEFAULT_SPREAD };
    let width = bounds.high.iter().zip(&bounds.low).map(|(h, l)| h - l).sum::<f64>()
        / genes.dimension().max(1) as f64;
    let uniform = width / 12f64.sqrt();
    if uniform > 0.0 && uniform.is_finite() { uniform } else { DEFAULT_SPREAD }
}

/// The standard deviation of each block's initialiser.
pub(crate) fn block_deviations(genes: &VectorGenes) -> Vec<f64> {
    genes.layout.blocks.iter().map(|b| b.init.standard_deviation(&b.shape)).collect()
}

/// The scale of each block: its initialiser's standard deviation, or that of the whole space for blocks that begin
/// constant.
pub(crate) fn block_spreads(genes: &VectorGenes) -> Vec<f64> {
    let whole = spread(genes);
    let own = block_deviations(genes).into_iter();
    own.map(|s| if s > 0.0 && s.is_finite() { s } else { whole }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Bounds, Init, Purpose, RunKey, stream};

    fn rng() -> Stream {
        stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init)
    }

    #[test]
    fn spreads() {
        let of = |init, bounds| spread(&VectorGenes::flat(4, init, bounds));
        assert!((of(Init::Uniform { low: -6.0, high: 6.0 }, None) - 12f64.sqrt()).abs() < 1e-15);
        assert!((of(Init::Zeros, Some(Bounds::uniform(4, -6.0, 6.0))) - 12f64.sqrt()).abs() < 1e-15);
        assert_eq!(of(Init::Zeros, None), 0.5);
    }

    #[test]
    fn populations_keep_what_is_given() {
        let genes = VectorGenes::flat(2, Init::Normal { std: 1.0 }, Some(Bounds::uniform(2, -1.0, 1.0)));
        let start = Start::Population(vec![Vector(vec![0.5, 0.25]), Vector(vec![7.0, 0.0])]);
        let rows = vectors(&genes, &start, 4, &mut rng());
        assert_eq!(rows[..4], [0.5, 0.25, 1.0, 0.0]);
        assert!(rows.iter().all(|x| (-1.0..=1.0).contains(x)) && rows[4..6] != rows[..2]);
        assert_eq!(centre(&genes, &start, &mut rng()), [1.0, 0.125]);
        assert!(check(&start, &genes).is_ok());
        let wrong = check(&Start::Population(vec![Vector(vec![0.5])]), &genes).unwrap_err();
        assert_eq!(wrong.0[0].path, "start.population.0.vector");
    }
}
