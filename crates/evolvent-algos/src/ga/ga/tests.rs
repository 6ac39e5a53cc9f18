use super::*;
use crate::{
    bits::{Bits, BitsGenes, BitsVariation},
    ga::{Crossover, Mutation, RealVariation},
};
use evolvent_core::{
    Auto, Bounds, Evaluation, Fitness, Init, Measured, Purpose, RunKey, Sense, Vector, VectorGenes, stream,
};
use evolvent_test::{Reference, Specimen, assert_close};

type BitsGa = Ga<BitsVariation>;

/// DEAP was given the numbers that are drawn here.
#[test]
fn children_are_those_of_deap() {
    let file = Reference::parse(include_str!("../../../tests/reference/deap_ga.json"));
    for run in file.get("runs").entries() {
        let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
        let (gene_rate, eta, bound) = (run.number("gene_rate"), run.numbers("eta"), run.number("bound"));
        let bounded = run.text("kind") == "sbx and polynomial";
        let (crossover, mutation) = if bounded {
            let rate = Auto::Value(gene_rate);
            (Crossover::Sbx { eta: eta[0], rate: 0.5 }, Mutation::Polynomial { eta: eta[1], rate })
        } else {
            let sigma = Auto::Value(run.number("sigma"));
            (Crossover::Uniform { rate: gene_rate }, Mutation::Gaussian { sigma, rate: gene_rate })
        };
        let ga = Ga {
            population_size: steps[0].numbers("values").len(),
            selection: Selection::Tournament { size: run.number("tournament") as usize },
            elites: run.number("elites") as usize,
            crossover_rate: run.number("crossover_rate"),
            mutation_rate: run.number("mutation_rate"),
            variation: RealVariation { crossover, mutation, ..RealVariation::default() },
            ..Ga::default()
        };
        let first = steps[0].numbers("batch").chunks(n).map(|x| Vector(x.to_vec())).collect();
        let bounds = bounded.then(|| Bounds::uniform(n, -bound, bound));
        let space = Space::new(VectorGenes::flat(n, Init::Zeros, bounds));
        let key = RunKey::from_seed(run.number("seed") as u64);
        let at = |round: u64, purpose: Purpose| stream(key, round, 0, 0, purpose);
        let mut state = ga.init(&space, &Start::Population(first), &mut at(0, Purpose::Init)).unwrap();
        for (round, step) in (0..).zip(&steps) {
            let batch = ga.ask(&mut state, &mut at(round, Purpose::Ask));
            let members: Vec<f64> = Vector::written_out(&batch).iter().flat_map(|x| x.0.clone()).collect();
            assert_close("children", &members, &step.numbers("batch"), 0.0, 1e-12);
            let scores = Scores::of_losses(&step.numbers("values"));
            ga.tell(&mut state, &batch, &scores, &mut at(round, Purpose::Tell));
        }
    }
}

fn solve(ga: &BitsGa, length: usize, seed: u64) -> Option<u64> {
    let space = Space::new(BitsGenes { length });
    let key = RunKey::from_seed(seed);
    let mut state = ga.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
    for round in 0..200 {
        let batch = ga.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
        let losses: Vec<_> = batch.members.iter().map(|b| (length - b.count_ones()) as f64).collect();
        ga.tell(
            &mut state,
            &batch,
            &Scores::of_losses(&losses),
            &mut stream(key, round, 0, 0, Purpose::Tell),
        );
        if losses.contains(&0.0) {
            return Some(round);
        }
    }
    None
}

#[test]
fn every_selection_solves_one_max() {
    for selection in [
        Selection::Tournament { size: 2 },
        Selection::Roulette,
        Selection::Rank { pressure: 1.8 },
        Selection::Truncation { share: 0.3 },
        Selection::StochasticUniversal,
    ] {
        let ga = BitsGa { selection, ..BitsGa::default() };
        let solved = (0..10).filter(|&seed| solve(&ga, 50, seed).is_some()).count();
        evolvent_test::assert_success_rate(&format!("{selection:?}"), solved, 10, 0.95, 1e-4);
    }
}

#[test]
fn elites_survive_and_are_asked_again_only_where_values_cannot_be_compared() {
    for (fitness, again) in [(Fitness::Exact, 0), (Fitness::Noisy, 3), (Fitness::Changing, 3)] {
        let ga = BitsGa { population_size: 9, elites: 3, ..BitsGa::default() };
        let mut space = Space::new(BitsGenes { length: 30 });
        space.fitness = fitness;
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
        let mut state = ga.init(&space, &Start::Default, &mut rng).unwrap();
        for round in 0..4 {
            let elites: Vec<_> = state.population[..3].iter().map(|x| x.genome.clone()).collect();
            let batch = ga.ask(&mut state, &mut rng.split(round).stream());
            assert_eq!(batch.len(), if round == 0 { 9 } else { 6 + again });
            if round > 0 && again > 0 {
                assert_eq!(batch.members[..3], elites[..]);
            }
            let losses: Vec<_> = batch.members.iter().map(|b| (30 - b.count_ones()) as f64).collect();
            ga.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
            assert_eq!(state.population.len(), 9);
            if round > 0 && again == 0 {
                assert!(elites.iter().all(|e| state.population.iter().any(|x| x.genome == *e)));
            }
        }
    }
}

#[test]
fn strengths_adapt_to_the_problem() {
    // Near the optimum of OneMax fewer flips are better: strengths fall below 1.
    let strength = MutationStrength::SelfAdaptive { learning_rate: 0.3 };
    let ga = BitsGa { mutation_strength: strength, crossover_rate: 0.0, ..BitsGa::default() };
    let space = Space::new(BitsGenes { length: 60 });
    let mut rng = stream(RunKey::from_seed(2), 0, 0, 0, Purpose::Ask);
    let near: Bits = (0..60).map(|i| i != 7).collect();
    let mut state = ga.init(&space, &Start::Point(near), &mut rng).unwrap();
    for round in 0..60 {
        let batch = ga.ask(&mut state, &mut rng.split(round).stream());
        let losses: Vec<_> = batch.members.iter().map(|b| (60 - b.count_ones()) as f64).collect();
        ga.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
    }
    let mut diagnostics = Diagnostics::default();
    ga.diagnose(&state, &mut diagnostics);
    let found = diagnostics.0.iter().find(|(name, _)| name == "mutation_strength").unwrap().1;
    assert!(found < 0.5, "{found}");
}

#[test]
fn lineage_names_parents() {
    let ga = BitsGa { population_size: 4, elites: 0, crossover_rate: 1.0, ..BitsGa::default() };
    let mut rng = stream(RunKey::from_seed(3), 0, 0, 0, Purpose::Ask);
    let mut state = ga.init(&Space::new(BitsGenes { length: 8 }), &Start::Default, &mut rng).unwrap();
    let batch = ga.ask(&mut state, &mut rng);
    ga.tell(&mut state, &batch, &Scores::of_losses(&[3.0, 1.0, 2.0, 0.0]), &mut rng);
    let children = ga.ask(&mut state, &mut rng).lineage;
    assert_eq!(children.iter().map(|l| l.id).collect::<Vec<_>>(), [4, 5, 6, 7]);
    assert!(children.iter().all(|l| l.parents.iter().all(|p| p.is_some_and(|p| p < 4)) && l.operator == 2));
}

/// Two optima, all zeros and all ones: without niching one of them takes everything.
#[test]
fn niching_keeps_both_optima() {
    let both = |niching: Niching| {
        let ga = BitsGa { niching, population_size: 60, crossover_rate: 0.5, ..BitsGa::default() };
        let mut rng = stream(RunKey::from_seed(9), 0, 0, 0, Purpose::Ask);
        let mut state = ga.init(&Space::new(BitsGenes { length: 30 }), &Start::Default, &mut rng).unwrap();
        for round in 0..120 {
            let batch = ga.ask(&mut state, &mut rng.split(round).stream());
            let losses: Vec<_> =
                batch.members.iter().map(|b| b.count_ones().min(30 - b.count_ones()) as f64).collect();
            ga.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
        }
        let count = |ones: bool| {
            state
                .population
                .iter()
                .filter(|x| (x.genome.count_ones() > 15) == ones && x.merit.loss < 3.0)
                .count()
        };
        count(true).min(count(false))
    };
    assert_eq!(both(Niching::None), 0);
    assert!(both(Niching::DeterministicCrowding) >= 5);
}

/// Five equal peaks, sin⁶(5πx) on [0, 1] (Goldberg & Richardson 1987, figure 2): with sharing each keeps its part of the population, without it
/// chance leaves few of them. Selection is proportional: with tournaments niche counts of the last generation make whole niches come and go
/// (Oei, Goldberg & Chang 1991).
#[test]
fn sharing_keeps_every_peak() {
    let bounds = Some(Bounds::uniform(1, 0.0, 1.0));
    let space = Space::new(VectorGenes::flat(1, Init::Uniform { low: 0.0, high: 1.0 }, bounds));
    let peaks = |niching: Niching, seed: u64| {
        let ga = Ga {
            niching,
            selection: Selection::StochasticUniversal,
            elites: 0,
            variation: RealVariation {
                mutation: Mutation::Gaussian { sigma: Auto::Value(0.01), rate: 1.0 },
                ..RealVariation::default()
            },
            ..Ga::default()
        };
        let mut rng = stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Ask);
        let mut state = ga.init(&space, &Start::Default, &mut rng).unwrap();
        for round in 0..200 {
            let batch = ga.ask(&mut state, &mut rng.split(round).stream());
            let value = |x: &Vector| -libm::pow(libm::sin(5.0 * std::f64::consts::PI * x.0[0]), 6.0);
            let losses: Vec<f64> = Vector::written_out(&batch).iter().map(value).collect();
            ga.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
        }
        let near =
            |peak: f64| state.population.iter().filter(|x| (x.genome.0[0] - peak).abs() < 0.05).count();
        [0.1, 0.3, 0.5, 0.7, 0.9].map(near).iter().filter(|&&n| n >= 8).count()
    };
    for seed in 0..10 {
        assert_eq!(peaks(Niching::FitnessSharing { radius: 0.1, alpha: 1.0 }, seed), 5, "seed {seed}");
    }
    let left: usize = (0..10).map(|seed| peaks(Niching::None, seed)).sum();
    assert!(left < 35, "{left} of 50 peaks without sharing");
}

mod without_elites {
    use super::*;
    evolvent_test::conformance!(BitsGa, BitsGa { elites: 0, population_size: 21, ..BitsGa::default() });
}

mod crowding {
    use super::*;
    evolvent_test::conformance!(
        BitsGa,
        BitsGa { niching: Niching::DeterministicCrowding, population_size: 13, ..BitsGa::default() }
    );
}

mod sharing {
    use super::*;
    evolvent_test::conformance!(
        BitsGa,
        BitsGa { niching: Niching::FitnessSharing { radius: 0.3, alpha: 1.0 }, ..BitsGa::default() }
    );
}

mod self_adaptive {
    use super::*;
    evolvent_test::conformance!(
        BitsGa,
        BitsGa {
            mutation_strength: MutationStrength::SelfAdaptive { learning_rate: 0.2 },
            selection: Selection::StochasticUniversal,
            elites: 4,
            ..BitsGa::default()
        }
    );
}

type RealGa = Ga<RealVariation>;

fn safe(safe_mutation: SafeMutation) -> RealGa {
    let mutation = Mutation::Gaussian { sigma: Auto::Value(0.1), rate: 1.0 };
    let variation = RealVariation { mutation, ..RealVariation::default() };
    Ga { population_size: 40, crossover_rate: 0.0, safe_mutation, variation, ..Ga::default() }
}

/// y = 1000·w₀ + Σ wᵢ over twenty weights: mutations of σ = 0.1 change it by 100; divided by the sensitivities, by no more than what
/// twenty equal weights would.
#[test]
fn safe_mutation_spares_a_sensitive_weight() {
    let slopes: Vec<f32> = (0..20).map(|i| if i == 0 { 1000.0 } else { 1.0 }).collect();
    let output = |x: &[f64]| x.iter().zip(&slopes).map(|(x, &s)| x * f64::from(s)).sum::<f64>();
    let change = |ga: &RealGa| {
        let key = RunKey::from_seed(5);
        let space = Space::new(VectorGenes::flat(20, Init::Uniform { low: -1.0, high: 1.0 }, None));
        let mut state = ga.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        let batch = ga.ask(&mut state, &mut stream(key, 0, 0, 0, Purpose::Ask));
        assert_eq!(batch.request(0).sensitivities, ga.safe_mutation.sensitivity());
        let parents: Vec<(u64, Vec<f64>)> = batch
            .lineage
            .iter()
            .map(|l| l.id)
            .zip(Vector::written_out(&batch).into_iter().map(|x| x.0))
            .collect();
        let measure = |_| {
            let sensitivities = if batch.requests.is_empty() { Vec::new() } else { slopes.clone() };
            Evaluation::measured(Measured {
                objectives: [1.0].into_iter().collect(),
                sensitivities,
                ..Measured::default()
            })
        };
        let mut evaluations: Vec<_> = (0..batch.len()).map(measure).collect();
        let scores = Scores::settle(&mut evaluations, &[Sense::Minimize], 0);
        ga.tell(&mut state, &batch, &scores, &mut stream(key, 0, 0, 0, Purpose::Tell));
        let batch = ga.ask(&mut state, &mut stream(key, 1, 0, 0, Purpose::Ask));
        let (mut changes, mut steps) = (Vec::new(), Vec::new());
        for (child, lineage) in Vector::written_out(&batch).iter().zip(&batch.lineage) {
            let parent = &parents.iter().find(|(id, _)| Some(*id) == lineage.parents[0]).unwrap().1;
            changes.push((output(&child.0) - output(parent)).abs());
            steps.extend(child.0.iter().zip(parent).map(|(c, p)| (c - p).powi(2)));
        }
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        (mean(&changes), mean(&steps).sqrt())
    };
    let (plain, size) = change(&safe(SafeMutation::None));
    assert!(plain > 50.0 && (size - 0.1).abs() < 0.01, "{plain} {size}");
    for kind in [SafeMutation::Sum { floor: 0.001 }, SafeMutation::Absolute { floor: 0.001 }] {
        // The mean absolute value of a normal variable with a standard deviation of 0.1·√20 is 0.36.
        let (change, size) = change(&safe(kind));
        assert!(change < 1.0, "{change}");
        assert!((size - 0.1).abs() < 0.01, "mutations keep their size: {size}");
    }
}

#[test]
fn safe_mutation_refuses_crossover_and_senseless_floors() {
    let ga = RealGa { crossover_rate: 0.5, ..safe(SafeMutation::Sum { floor: 0.0 }) };
    let space = Space::new(VectorGenes::flat(2, Init::Zeros, None));
    let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
    let found = ga.init(&space, &Start::Default, &mut rng).unwrap_err();
    let paths: Vec<_> = found.0.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(paths, ["safe_mutation.sum.floor", "crossover_rate"]);
}

mod safe_mutation {
    use super::*;
    evolvent_test::conformance!(
        RealGa,
        RealGa { population_size: 11, elites: 2, ..safe(SafeMutation::Absolute { floor: 0.01 }) }
    );
}
