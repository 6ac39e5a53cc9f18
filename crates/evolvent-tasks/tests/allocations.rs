//! The evaluation loop allocates nothing: what an evaluation takes from the allocator does not grow with the steps of its episodes nor with
//! the samples that it looks at.

use allocation_counter::measure;
use evolvent_core::{Batch, Evaluator, Genome, Purpose, Round, RunKey, Vector, stream};
use evolvent_math::par::Pool;
use evolvent_nets::{Cell, Dense, NetworkConfig, Recurrent};
use evolvent_problems::{
    datasets::{Dataset, DatasetSpec, Folders, Limits, ParitySpec, Source},
    environments::AnyEnvironment,
};
use evolvent_tasks::{Rollout, RolloutSettings, Simulation, Supervised};
use std::sync::Arc;

const MEMBERS: u64 = 40;

fn key() -> RunKey {
    RunKey::from_seed(5)
}

fn batch<E: Evaluator<Vector>>(task: &E) -> Batch<Vector> {
    let genes = task.space().genes;
    let draw = |i| Vector(genes.sample(&mut stream(key(), 0, i, 0, Purpose::Init)));
    Batch::of((0..MEMBERS).map(draw).collect())
}

/// Allocations of an evaluation, once its memory has been made.
fn allocations<G: Genome, E: Evaluator<G> + Sync>(task: &E, batch: &Batch<G>) -> u64
where
    E::State: Sync,
{
    // Counters belong to threads, so there is one.
    Pool::new(1).unwrap().install(|| {
        let state = task.initial_state();
        let evaluate = |round| {
            let results = task.evaluate(&state, batch, 0..MEMBERS as usize, &Round::train(key(), round));
            assert!(results.iter().all(|r| r.evaluation.result.is_ok()));
        };
        // Episodes differ in length, and with them how lanes are gathered.
        (0..3).for_each(evaluate);
        measure(|| evaluate(0)).count_total
    })
}

#[test]
fn steps_allocate_nothing() {
    fn of<C: NetworkConfig<Genome = Vector>>(network: C, environment: &str) -> [u64; 2] {
        [20, 2000].map(|steps| {
            let environment = AnyEnvironment::find(environment).expect("a listed environment");
            let interface = environment.spec().interface;
            let settings = RolloutSettings { episodes: 2, steps: Some(steps), ..RolloutSettings::default() };
            let simulation = Simulation::listed(environment).expect("default parameters");
            let head = network.head(&interface);
            let task = Rollout::new(network.clone(), head, simulation, settings).expect("valid settings");
            allocations(&task, &batch(&task))
        })
    }
    let dense = || Dense { hidden: vec![16, 16], ..Dense::default() };
    let recurrent = |cell| Recurrent { cell, ..Recurrent::default() };
    for (name, [few, many]) in [
        ("dense on cart-pole", of(dense(), "cart_pole")),
        ("dense on pendulum", of(dense(), "pendulum")),
        ("elman on acrobot", of(recurrent(Cell::Elman), "acrobot")),
        ("gru on cart-pole", of(recurrent(Cell::Gru), "cart_pole")),
        ("lstm on cart-pole", of(recurrent(Cell::Lstm), "cart_pole")),
    ] {
        assert!(few > 0, "{name}: results are allocated, and counted");
        assert_eq!(few, many, "{name}: allocations for 20 steps and for 2000");
    }
}

#[test]
fn samples_allocate_nothing() {
    fn of<C: NetworkConfig<Genome = Vector>>(network: C, bits: usize) -> u64 {
        let source = Source::Parity(ParitySpec { bits });
        let spec = DatasetSpec { source, ..DatasetSpec::default() };
        let data = Dataset::load(&spec, &Folders::default(), &Limits::default(), key()).unwrap();
        let task = Supervised::new(network, Arc::new(data));
        allocations(&task, &batch(&task))
    }
    let dense = || Dense { hidden: vec![16], ..Dense::default() };
    // 64 samples and 4096.
    assert_eq!(of(dense(), 6), of(dense(), 12));
}
