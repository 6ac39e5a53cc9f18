use super::*;
use crate::{CmaEs, De, OpenEs};
use evolvent_core::{Auto, Fitness, Init, Purpose, RunKey, VectorGenes, stream};
use evolvent_math::rows::Rows;

fn space(fitness: Fitness) -> Space<Vector> {
    let genes = VectorGenes::flat(3, Init::Uniform { low: -5.0, high: 5.0 }, None);
    Space { fitness, ..Space::new(genes) }
}

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x + 10.0 - 10.0 * libm::cos(std::f64::consts::TAU * x)).sum()
}

struct Log {
    state: RestartsState,
    sizes: Vec<usize>,
    best: f64,
    evaluations: usize,
}

fn run(
    restarts: &Restarts,
    space: &Space<Vector>,
    seed: u64,
    rounds: u64,
    f: impl Fn(&[f64], u64) -> f64,
) -> Log {
    let key = RunKey::from_seed(seed);
    let state = restarts.init(space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
    let mut log = Log { state, sizes: Vec::new(), best: f64::INFINITY, evaluations: 0 };
    for round in 0..rounds {
        let batch = restarts.ask(&mut log.state, &mut stream(key, round, 0, 0, Purpose::Ask));
        let mut x = vec![0.0; 3];
        let losses: Vec<f64> = (0..batch.len())
            .map(|i| {
                batch.row_f64(i, &mut x);
                f(&x, round)
            })
            .collect();
        log.evaluations += losses.len();
        log.best = losses.iter().copied().fold(log.best, f64::min);
        if log.sizes.last() != Some(&batch.len()) {
            log.sizes.push(batch.len());
        }
        let scores = Scores::of_losses(&losses);
        restarts.tell(&mut log.state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
        if restarts.stopped(&log.state).is_some() || log.best < 1e-8 {
            break;
        }
    }
    log
}

#[test]
fn ipop_doubles_and_solves_rastrigin() {
    let mut solved = 0;
    for seed in 0..10 {
        let log = run(&Restarts::default(), &space(Fitness::Exact), seed, 5000, |x, _| rastrigin(x));
        let doubling: Vec<usize> = (0..log.sizes.len()).map(|k| 7 << k).collect();
        assert_eq!(log.sizes, doubling);
        solved += usize::from(log.best < 1e-8);
    }
    evolvent_test::assert_success_rate("IPOP on Rastrigin", solved, 10, 0.95, 1e-4);
}

#[test]
fn bipop_alternates_and_shares_the_budget() {
    let bipop = Restarts { policy: Policy::Bipop { factor: 2.0 }, ..Restarts::default() };
    // Nowhere below 1, so that it goes on restarting.
    let log = run(&bipop, &space(Fitness::Exact), 3, 4000, |x, _| 1.0 + rastrigin(x));
    let [small, large] = log.state.used;
    assert!(
        log.state.large_runs >= 2 && log.state.restarts > u64::from(log.state.large_runs),
        "{:?}",
        log.sizes
    );
    assert_eq!(small + large, log.evaluations as u64);
    let unfinished = log.state.run.evaluations;
    assert!(large + unfinished >= small && 3 * small + unfinished >= large, "{small} {large} {unfinished}");
}

#[test]
fn populations_do_not_grow_without_end() {
    let restarts = Restarts::default();
    for dimension in [3, 1000, 100_000] {
        let genes = VectorGenes::flat(dimension, Init::Uniform { low: -5.0, high: 5.0 }, None);
        let space = Space::new(genes);
        let n = dimension as f64;
        let most = MOST_NUMBERS.max(2.0 * restarts.algorithm.holds(&space) * n);
        for population in [1.0, 64.0, 1e9, f64::INFINITY] {
            let plan = Plan { population, sigma: 1.0, regime: Regime::Large, allowance: 1 };
            let grown = restarts.grown(&space, &plan);
            assert!(grown.holds(&space) * n <= most, "{dimension} {population}");
        }
    }
    let wrong = Restarts { policy: Policy::Ipop { factor: 1e15 }, ..Restarts::default() };
    let key = RunKey::from_seed(1);
    let begun = wrong.init(&space(Fitness::Exact), &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init));
    assert_eq!(begun.err().unwrap().0[0].path, "policy.ipop.factor");
}

#[test]
fn the_best_outcome_is_kept() {
    let twice = Restarts { policy: Policy::SameSize, max_restarts: Some(4), ..Restarts::default() };
    let log = run(&twice, &space(Fitness::Exact), 5, 5000, |x, _| rastrigin(x));
    let outcome = twice.outcome(&log.state);
    assert_eq!(outcome.candidates()[0].losses, Some(vec![log.best]));
    assert!(log.best < 1e-8 || (log.state.restarts == 4 && twice.stopped(&log.state).is_some()));
}

#[test]
fn outcomes_that_were_never_measured_are_measured() {
    let inner = VectorAlgorithm::OpenEs(OpenEs { population_size: 8, ..OpenEs::default() });
    let restarts = Restarts {
        patience: Some(5),
        policy: Policy::SameSize,
        algorithm: Box::new(inner),
        ..Restarts::default()
    };
    let log = run(&restarts, &space(Fitness::Exact), 1, 300, |x, _| 1.0 + rastrigin(x));
    assert!(log.state.restarts > 1 && log.sizes.contains(&1));
    let kept = log.state.kept.unwrap();
    assert_eq!(kept.losses, Some(vec![1.0 + rastrigin(&kept.genome.0)]));
}

#[test]
fn changing_fitness_is_decided_side_by_side() {
    let restarts = Restarts { policy: Policy::SameSize, replicates: 3, ..Restarts::default() };
    let log = run(&restarts, &space(Fitness::Changing), 2, 4000, |x, round| {
        1.0 + rastrigin(x) + 1e3 * round as f64
    });
    assert!(log.state.restarts > 2 && log.sizes.contains(&6), "{:?}", log.sizes);
    // Much better than one run: local optima of Rastrigin's function lie 1 apart and up to 75 high.
    let kept = log.state.kept.unwrap();
    assert!(rastrigin(&kept.genome.0) < 6.0, "{}", rastrigin(&kept.genome.0));
}

#[test]
fn mistakes_inside_have_their_path() {
    let inner = VectorAlgorithm::CmaEs(CmaEs { sigma: Auto::Value(-1.0), ..CmaEs::default() });
    let wrong = Restarts { policy: Policy::Ipop { factor: 1.0 }, ..Restarts::default() };
    let init = |restarts: &Restarts| {
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
        restarts.init(&space(Fitness::Exact), &Start::Default, &mut rng).err().unwrap().0[0].path.clone()
    };
    assert_eq!(
        init(&Restarts { algorithm: Box::new(inner), ..Restarts::default() }),
        "algorithm.cma_es.sigma"
    );
    assert_eq!(init(&wrong), "policy.ipop.factor");
    let nested = Restarts {
        algorithm: Box::new(VectorAlgorithm::Restarts(wrong)),
        policy: Policy::SameSize,
        ..Restarts::default()
    };
    assert_eq!(init(&nested), "algorithm");
}

mod bipop_of_de {
    use super::*;
    evolvent_test::conformance!(
        Restarts,
        Restarts {
            policy: Policy::Bipop { factor: 2.0 },
            patience: Some(2),
            replicates: 2,
            algorithm: Box::new(VectorAlgorithm::De(De { population_size: Auto::Value(8), ..De::default() })),
            ..Restarts::default()
        }
    );
}

mod same_size_open_es {
    use super::*;
    evolvent_test::conformance!(
        Restarts,
        Restarts {
            policy: Policy::SameSize,
            patience: Some(3),
            replicates: 1,
            algorithm: Box::new(VectorAlgorithm::OpenEs(OpenEs { population_size: 6, ..OpenEs::default() })),
            ..Restarts::default()
        }
    );
}
