//! Sensitivities that rollouts deliver.

use super::*;
use evolvent_core::Sensitivity;
use evolvent_nets::Recurrent;

/// A linear network's sensitivities are means of what it has seen, so they tell which observations those were.
#[test]
fn sensitivities_are_those_of_the_first_episode() {
    let settings = RolloutSettings { episodes: 3, ..Default::default() };
    let config = Dense { hidden: vec![], ..Dense::default() };
    let simulation = || Simulation::listed(environment("cart_pole")).unwrap();
    let interface = simulation().spec().interface.clone();
    let head = config.head(&interface);
    let plain = Rollout::new(config.clone(), head, simulation(), settings).unwrap();
    assert!(!plain.offers().sensitivities);
    let task = plain.with_sensitivities(config.sensitivity_probe(&interface));
    let mut batch = Batch::of(genomes(&task.space().genes, 40));
    batch.requests = vec![Request::default(); 40];
    for request in &mut batch.requests[1..] {
        request.sensitivities = Some(Sensitivity::Sum);
    }
    let evaluate = |batch: &Batch<Vector>| {
        let results = task.evaluate(&task.initial_state(), batch, 0..40, &round()).into_iter();
        results.map(|r| r.evaluation.result.unwrap()).collect::<Vec<_>>()
    };
    let found = evaluate(&batch);
    assert!(found[0].sensitivities.is_empty());
    let first = Round { repetitions: Some(1), ..round() };
    for (i, member) in found.iter().enumerate().skip(1) {
        // The whole first episode, step by step.
        let mut network = config.blank(&interface);
        let genome = crate::member::owned_vector(&batch.members, i);
        let genes: Vec<f32> = genome.0.iter().map(|&x| x as f32).collect();
        config.decode(&genes, &mut network).unwrap();
        let mut sim = task.simulation.simulator(1, task.spec().max_episode_steps);
        sim.reset(0, &mut first.stream(i as u64, 0, Purpose::Episode));
        let (mut seen, mut all, mut raw, mut index) = ([0.0; 4], Vec::new(), [0.0; 2], [0]);
        let mut scratch = vec![0.0; network.scratch_len(1)];
        let mut end = [End::NONE];
        while end[0] == End::NONE {
            sim.observe(0..1, &mut seen);
            all.push(seen);
            network.forward(1, &seen, &mut [], &mut raw, &mut scratch);
            task.head.indices(1, &raw, &mut index);
            sim.step(Actions::Discrete(&index), &mut [0.0], &mut end);
        }
        let mut every = 1;
        while all.len().div_ceil(every) > crate::experience::EXPERIENCES {
            every *= 2;
        }
        let kept: Vec<_> = all.iter().step_by(every).collect();
        for x in 0..4 {
            let mean = kept.iter().map(|o| f64::from(o[x])).sum::<f64>() / kept.len() as f64;
            let found = f64::from(member.sensitivities[2 * x]);
            assert!((found - mean.abs()).abs() < 1e-5, "member {i}, {} steps: {found} {mean}", all.len());
        }
    }
    // Nothing else changes by asking, and threads change nothing.
    let threads = |n| par::Pool::new(n).unwrap().install(|| evaluate(&batch));
    assert!(threads(1) == found && threads(7) == found);
    let asked: Vec<_> = found.iter().map(|m| m.objectives.clone()).collect();
    batch.requests.clear();
    assert_eq!(evaluate(&batch).into_iter().map(|m| m.objectives).collect::<Vec<_>>(), asked);
}

/// Networks with a memory are differentiated through the beginning of an episode.
#[test]
fn networks_with_a_memory_have_sensitivities() {
    let config = Recurrent { hidden: vec![3], ..Recurrent::default() };
    let simulation = Simulation::listed(environment("t_maze")).unwrap();
    let interface = simulation.spec().interface.clone();
    let rollout = Rollout::new(config.clone(), config.head(&interface), simulation, Default::default());
    let task = rollout.unwrap().with_sensitivities(config.sensitivity_probe(&interface));
    let mut batch = Batch::of(genomes(&task.space().genes, 5));
    batch.requests = vec![Request { sensitivities: Some(Sensitivity::Absolute), ..Request::default() }; 5];
    for result in task.evaluate(&task.initial_state(), &batch, 0..5, &round()) {
        let found = result.evaluation.result.unwrap().sensitivities;
        assert_eq!(found.len(), task.space().genes.dimension());
        assert!(found.iter().any(|&s| s > 0.0) && found.iter().all(|s| s.is_finite()));
    }
}
