//! Rollouts against a slow twin: one network, one lane, one episode at a time.

mod sensitivities;

use super::*;
use evolvent_core::{Auto, Init, Network, RunKey, Vector, VectorGenes, stream};
use evolvent_nets::{Dense, NetworkConfig, Squash, program::Interpreter};
use evolvent_problems::environments::{Actions, AnyEnvironment, End, Environment, Own, Spec, Step};

/// A network with memory and an optional refusal, small enough to be its own specification: its state decays towards
/// the weighted input, its outputs are weighted states.
#[derive(Clone, Debug, PartialEq)]
struct Leaky {
    interface: Interface,
}

#[derive(Clone)]
struct LeakyNetwork {
    inputs: usize,
    outputs: usize,
    genome: Vec<f32>,
}

impl Decoder for Leaky {
    type Genome = Vector;
    type Network = LeakyNetwork;

    fn genes(&self, interface: &Interface) -> VectorGenes {
        let dimension = interface.inputs() + 2 * interface.output.len();
        VectorGenes::flat(dimension, Init::Normal { std: 1.0 }, None)
    }
    fn blank(&self, interface: &Interface) -> LeakyNetwork {
        let (inputs, outputs) = (interface.inputs(), interface.output.len());
        LeakyNetwork { inputs, outputs, genome: vec![0.0; inputs + 2 * outputs] }
    }
    fn decode(&self, genome: &[f32], into: &mut LeakyNetwork) -> Result<(), DecodeError> {
        if genome[0] > 100.0 {
            return Err(DecodeError("the first gene is above 100".into()));
        }
        into.genome.copy_from_slice(genome);
        Ok(())
    }
}

impl Network for LeakyNetwork {
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.outputs
    }
    fn state_len(&self) -> usize {
        2
    }
    fn scratch_len(&self, _: usize) -> usize {
        0
    }
    fn reset_state(&self, state: &mut [f32], lanes: usize, lane: usize) {
        (state[lane], state[lanes + lane]) = (0.25, -0.25);
    }
    fn forward(&self, lanes: usize, input: &[f32], state: &mut [f32], output: &mut [f32], _: &mut [f32]) {
        let (weights, readout) = self.genome.split_at(self.inputs);
        for l in 0..lanes {
            let drive: f32 = weights.iter().enumerate().map(|(i, w)| w * input[i * lanes + l]).sum();
            let (a, b) = (0.5 * state[l] + drive, 0.9 * state[lanes + l] + state[l]);
            (state[l], state[lanes + l]) = (a, b);
            for o in 0..self.outputs {
                output[o * lanes + l] = readout[2 * o] * a + readout[2 * o + 1] * b;
            }
        }
    }
}

fn environment(name: &str) -> AnyEnvironment {
    AnyEnvironment::find(name).unwrap()
}

fn key() -> RunKey {
    RunKey::from_seed(7)
}

fn round() -> Round {
    Round::train(key(), 4)
}

fn genomes(genes: &VectorGenes, count: u64) -> Vec<Vector> {
    let rng = |i| stream(RunKey::from_seed(3), 0, i, 0, Purpose::Init);
    (0..count).map(|i| Vector(genes.sample(&mut rng(i)))).collect()
}

/// What the twin finds for one episode place.
#[derive(Debug, Default, PartialEq)]
struct Twin {
    value: f64,
    steps: u64,
    begun: u64,
    /// Sums of observations and of their squares, relative to the center.
    sums: Vec<f64>,
}

/// One episode place, without lanes, tiles or groups.
fn twin<N: Network>(
    network: &N,
    task: &Rollout<impl Decoder<Genome: Materialize>>,
    normalizer: Option<&Normalizer>,
    center: &[f64],
    mut episode: impl FnMut(u64) -> Stream,
    mut noise: Option<Stream>,
) -> Twin {
    let settings = task.settings();
    let mut sim = task.simulation.simulator(1, settings.max_steps.or(|| task.spec().max_episode_steps));
    let (inputs, outputs) = (network.inputs(), network.outputs());
    let (mut seen, mut raw) = (vec![0.0; inputs], vec![0.0; outputs]);
    let mut state = vec![0.0; network.state_len()];
    let mut scratch = vec![0.0; network.scratch_len(1)];
    let mut found = Twin { begun: 1, sums: vec![0.0; 2 * inputs], ..Twin::default() };
    let mut total = 0.0;
    sim.reset(0, &mut episode(0));
    network.reset_state(&mut state, 1, 0);
    loop {
        sim.observe(0..1, &mut seen);
        for i in 0..inputs {
            let d = f64::from(seen[i]) - center[i];
            found.sums[i] += d;
            found.sums[inputs + i] += d * d;
        }
        if let Some(normalizer) = normalizer {
            normalizer.apply(1, &mut seen);
        }
        network.forward(1, &seen, &mut state, &mut raw, &mut scratch);
        let (mut reward, mut end, mut index) = ([0.0], [End::NONE], [0]);
        match &task.interface().output {
            Output::Discrete(_) => {
                task.head.indices(1, &raw, &mut index);
                sim.step(Actions::Discrete(&index), &mut reward, &mut end);
            }
            _ => {
                task.head.squash(1, &mut raw);
                for (x, std) in raw.iter_mut().zip(&task.noise) {
                    if let Some(noise) = &mut noise {
                        *x += std * noise.normal() as f32;
                    }
                }
                sim.step(Actions::Continuous { values: &raw, stride: 1 }, &mut reward, &mut end);
            }
        }
        total += reward[0];
        found.steps += 1;
        let worth = if settings.value == Value::Return { total } else { sim.fitness(0, total) };
        match settings.steps {
            None if end[0].is_over() => return Twin { value: worth, ..found },
            None => {}
            Some(steps) if found.steps == u64::from(steps) => {
                found.value = (found.value + worth) / found.begun as f64;
                return found;
            }
            Some(_) if end[0].is_over() => {
                found.value += worth;
                sim.reset(0, &mut episode(found.begun));
                network.reset_state(&mut state, 1, 0);
                (found.begun, total) = (found.begun + 1, 0.0);
            }
            Some(_) => {}
        }
    }
}

/// Compares a whole evaluation with the twin, to the bit.
fn compare<D: Decoder<Genome = Vector>>(
    task: &Rollout<D>,
    state: &RolloutState,
    members: &[Vector],
    round: &Round,
) {
    let batch = Batch::of(members.to_vec());
    let results = task.evaluate(state, &batch, 0..members.len(), round);
    let normalizer = task.normalizer(state);
    let center = state.observations.center(task.interface().inputs());
    let training = round.phase == Phase::Train;
    let episodes = round.repetitions.unwrap_or(task.settings.episodes) as u64;
    for (i, member) in members.iter().enumerate() {
        let mut network = task.decoder.blank(task.interface());
        let genome: Vec<f32> = member.0.iter().map(|&x| x as f32).collect();
        task.decoder.decode(&genome, &mut network).unwrap();
        let (mut values, mut cost, mut sums) = (Vec::new(), Cost::default(), ObservationSums::default());
        for e in 0..episodes {
            let episode = |k: u64| round.stream(i as u64, e + k * episodes, Purpose::Episode);
            let noise = training.then(|| round.stream(i as u64, e, Purpose::ActionNoise));
            let found = twin(&network, task, normalizer.as_ref(), &center, episode, noise);
            let (sum, square) = found.sums.split_at(center.len());
            sums.add(found.steps, sum, square);
            values.push(found.value);
            cost += Cost { episodes: found.begun, steps: found.steps };
        }
        let evaluation = &results[i].evaluation;
        let value = evaluation.result.as_ref().unwrap().objectives[0];
        let expected = task.settings.aggregate.of(&values);
        assert_eq!(value.to_bits(), expected.to_bits(), "member {i}: {value} and {expected}");
        assert_eq!(evaluation.cost, cost, "member {i}");
        let gathers = training && task.settings.observation_normalization;
        assert_eq!(results[i].observed, if gathers { sums } else { Default::default() }, "member {i}");
    }
}

fn dense_task(name: &str, settings: RolloutSettings) -> Rollout<Dense> {
    let simulation = Simulation::listed(environment(name)).unwrap();
    let dense = Dense { hidden: vec![5, 4], ..Dense::default() };
    let head = dense.head(&simulation.spec().interface);
    Rollout::new(dense, head, simulation, settings).unwrap()
}

fn leaky_task(simulation: Simulation, settings: RolloutSettings) -> Rollout<Leaky> {
    let interface = simulation.spec().interface.clone();
    let head = Head::new(&interface, Squash::Tanh);
    Rollout::new(Leaky { interface }, head, simulation, settings).unwrap()
}

fn some_statistics(inputs: usize) -> RolloutState {
    let observations = ObservationStatistics {
        count: 100,
        mean: (0..inputs).map(|i| 0.1 * i as f64 - 0.05).collect(),
        squares: (0..inputs).map(|i| 3.0 + i as f64).collect(),
    };
    RolloutState { observations }
}

#[test]
fn lockstep_gives_what_one_by_one_gives() {
    for (name, max_steps) in
        [("cart_pole", Auto::Auto), ("pendulum", Auto::Auto), ("acrobot", Auto::Value(150))]
    {
        for episodes in [1, 3, 10] {
            let task = dense_task(name, RolloutSettings { episodes, max_steps, ..Default::default() });
            let members = genomes(&task.space().genes, 19);
            compare(&task, &task.initial_state(), &members, &round());
        }
    }
}

#[test]
fn memory_is_reset_with_each_episode_and_moves_with_its_lane() {
    for name in ["cart_pole", "t_maze", "mountain_car_continuous"] {
        for steps in [None, Some(73)] {
            let simulation = Simulation::listed(environment(name)).unwrap();
            let settings =
                RolloutSettings { episodes: 7, max_steps: Auto::Value(120), steps, ..Default::default() };
            let task = leaky_task(simulation, settings);
            compare(&task, &task.initial_state(), &genomes(&task.space().genes, 11), &round());
        }
    }
}

#[test]
fn normalisation_noise_and_fixed_steps_against_the_twin() {
    for (name, steps) in [("pendulum", None), ("cart_pole", Some(90)), ("cart_pole", None)] {
        let settings = RolloutSettings {
            episodes: 3,
            max_steps: Auto::Value(60),
            steps,
            observation_normalization: true,
            action_noise: if name == "pendulum" { 0.3 } else { 0.0 },
            aggregate: Aggregate::Min,
            ..Default::default()
        };
        let task = dense_task(name, settings);
        let members = genomes(&task.space().genes, 9);
        compare(&task, &task.initial_state(), &members, &round());
        let state = some_statistics(task.interface().inputs());
        compare(&task, &state, &members, &round());
        compare(&task, &state, &members, &Round { phase: Phase::Validate, ..round() });
    }
}

#[test]
fn validation_runs_as_many_episodes_as_it_is_told() {
    let task = dense_task("cart_pole", RolloutSettings::default());
    let members = genomes(&task.space().genes, 2);
    for repetitions in [1, 64, 65, 200] {
        let round = Round { phase: Phase::Test, repetitions: Some(repetitions), ..round() };
        compare(&task, &task.initial_state(), &members, &round);
    }
}

#[test]
fn environments_with_measures_of_their_own() {
    for (name, value) in [("double_pole", Value::Environment), ("double_pole", Value::Return)] {
        let settings =
            RolloutSettings { episodes: 2, max_steps: Auto::Value(150), value, ..Default::default() };
        let task = dense_task(name, settings);
        compare(&task, &task.initial_state(), &genomes(&task.space().genes, 10), &round());
    }
}

#[test]
fn neither_splits_nor_threads_show() {
    let settings = RolloutSettings { observation_normalization: true, ..Default::default() };
    let task = dense_task("cart_pole", settings);
    let batch = Batch::of(genomes(&task.space().genes, 50));
    let state = some_statistics(4);
    let whole = |threads| {
        par::Pool::new(threads).unwrap().install(|| {
            let results = task.evaluate(&state, &batch, 0..50, &round());
            results.into_iter().map(|r| (r.evaluation, r.observed)).collect::<Vec<_>>()
        })
    };
    let one = whole(1);
    assert_eq!(one, whole(2));
    assert_eq!(one, whole(8));
    let mut pieces = Vec::new();
    for range in [0..1, 1..2, 2..20, 20..50] {
        pieces.extend(
            task.evaluate(&state, &batch, range, &round()).into_iter().map(|r| (r.evaluation, r.observed)),
        );
    }
    assert_eq!(one, pieces);
    let parallel = par::Parallel { evaluator: task, grain: 7 };
    let split = parallel.evaluate(&state, &batch, 0..50, &round());
    assert_eq!(one, split.into_iter().map(|r| (r.evaluation, r.observed)).collect::<Vec<_>>());
}

#[test]
fn what_is_observed_becomes_the_statistics_of_all_observations() {
    let settings = RolloutSettings { observation_normalization: true, episodes: 2, ..Default::default() };
    let task = dense_task("cart_pole", settings);
    let batch = Batch::of(genomes(&task.space().genes, 12));
    let mut state = task.initial_state();
    let mut steps = 0;
    for number in 0..3 {
        let results = task.evaluate(&state, &batch, 0..12, &Round::train(key(), number));
        steps += results.iter().map(|r| r.evaluation.cost.steps).sum::<u64>();
        task.absorb(&mut state, results.into_iter().map(|r| r.observed).collect());
    }
    assert_eq!(state.observations.count, steps);
    let normalizer = task.normalizer(&state).unwrap();
    // Carts begin within 0.05 of the middle and seldom get far; poles fall at speed.
    assert!(normalizer.mean.iter().all(|m| m.abs() < 0.5) && normalizer.inv_std[3] < normalizer.inv_std[0]);
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<RolloutState>(&text).unwrap(), state);
}

#[test]
fn champions_carry_the_normaliser() {
    for name in ["cart_pole", "pendulum"] {
        let settings = RolloutSettings { observation_normalization: true, episodes: 3, ..Default::default() };
        let task = dense_task(name, settings);
        let state = some_statistics(task.interface().inputs());
        let genome = &genomes(&task.space().genes, 1)[0];
        let round = Round { phase: Phase::Validate, ..round() };
        let assessment = task.assess(&state, genome, &round);
        let champion = task.champion(&state, genome).unwrap();
        let center = vec![0.0; champion.inputs()];
        for (e, &value) in assessment.values.iter().enumerate() {
            let episode = |_| round.stream(0, e as u64, Purpose::Episode);
            assert_eq!(twin(&champion, &task, None, &center, episode, None).value, value);
        }
        // The exported program acts as the network does.
        let program = task.program(&state, genome).unwrap().unwrap();
        let mut interpreter = Interpreter::new(program).unwrap();
        let observation: Vec<f32> = (0..champion.inputs()).map(|i| 0.3 - 0.2 * i as f32).collect();
        let action = interpreter.step(&observation).unwrap().pop().unwrap();
        let mut raw = vec![0.0; champion.outputs()];
        champion.forward(1, &observation, &mut [], &mut raw, &mut vec![0.0; champion.scratch_len(1)]);
        let mut index = [0];
        match task.interface().output {
            Output::Discrete(_) => task.head.indices(1, &raw, &mut index),
            _ => task.head.squash(1, &mut raw),
        }
        let expected =
            if matches!(task.interface().output, Output::Discrete(_)) { index[0] as f32 } else { raw[0] };
        assert!((action[0] - expected).abs() < 1e-5);
    }
}

#[test]
fn assessments_agree_with_evaluations() {
    let task = dense_task("cart_pole", RolloutSettings::default());
    let genome = genomes(&task.space().genes, 1).remove(0);
    let round = Round { phase: Phase::Test, repetitions: Some(20), ..round() };
    let assessment = task.assess(&task.initial_state(), &genome, &round);
    let evaluated = task.evaluate(&task.initial_state(), &Batch::of(vec![genome]), 0..1, &round);
    assert_eq!(assessment.evaluation, evaluated[0].evaluation);
    assert_eq!(assessment.values.len(), 20);
    assert_eq!(assessment.mean(), assessment.evaluation.result.as_ref().unwrap().objectives[0]);
    let length = assessment.metrics.iter().find(|m| m.0 == "episode_length").unwrap().1;
    assert_eq!(length, assessment.mean(), "a cart pole earns 1 per step");
}

#[test]
fn requests_and_shared_streams() {
    let task = dense_task("cart_pole", RolloutSettings { episodes: 4, ..Default::default() });
    let genome = genomes(&task.space().genes, 1).remove(0);
    let evaluate = |batch: &Batch<Vector>| {
        task.evaluate(&task.initial_state(), batch, 0..batch.len(), &round())
            .into_iter()
            .map(|r| r.evaluation)
            .collect::<Vec<_>>()
    };
    let mut batch = Batch::of(vec![genome; 4]);
    let own = evaluate(&batch);
    assert!(own.iter().any(|e| e.result != own[0].result), "members have episodes of their own");
    batch.requests = vec![Request::default(); 4];
    batch.requests[1].fidelity = Some(0.5);
    batch.requests[3].replicate = 1;
    let asked = evaluate(&batch);
    assert_eq!(asked[0], own[0]);
    assert_eq!(asked.iter().map(|e| e.cost.episodes).collect::<Vec<_>>(), [4, 2, 4, 4]);
    assert!(asked[3].result != own[3].result && asked[2] == own[2]);
    batch.requests.clear();
    batch.share_random_numbers();
    let shared = evaluate(&batch);
    assert!(shared.iter().all(|e| *e == shared[0]));
    assert_eq!(shared[0], own[0]);
}

#[test]
fn fixed_episodes_are_the_same_in_every_round() {
    let settings = RolloutSettings { fixed_episodes: true, ..Default::default() };
    let task = dense_task("cart_pole", settings);
    assert_eq!(task.space().fitness, Fitness::Exact);
    let batch = Batch::of(vec![genomes(&task.space().genes, 1).remove(0); 2]);
    let value = |round: Round| {
        let results = task.evaluate(&task.initial_state(), &batch, 0..2, &round);
        [0, 1].map(|i| results[i].evaluation.clone())
    };
    let [a, b] = value(Round::train(key(), 0));
    assert_eq!(a, b);
    assert_eq!(a, value(Round::train(key(), 9))[0]);
    let fresh = |number| value(Round { phase: Phase::Validate, ..Round::train(key(), number) });
    assert_ne!(fresh(0), fresh(1), "champions are judged on fresh episodes");
    let kind = |settings| dense_task("cart_pole", settings).space().fitness;
    assert_eq!(kind(RolloutSettings::default()), Fitness::Noisy);
    let normalised = RolloutSettings { observation_normalization: true, ..Default::default() };
    assert_eq!(kind(normalised), Fitness::Changing);
}

/// An environment of one's own whose state is a type of its own: a walk that breaks where it is told to.
#[derive(Clone)]
struct Bridge {
    breaks_at: Option<f64>,
    breaks_to: f32,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Walk {
    path: Vec<f64>,
}

impl Environment for Bridge {
    type State = Own<Walk>;
    type Action = u32;
    type Observation = [f32; 2];
    type Record = u32;

    fn spec(&self) -> Spec {
        Spec::new(Interface { input: vec![2], output: Output::Discrete(3) }, 40)
    }
    fn reset(&self, rng: &mut Stream) -> Own<Walk> {
        Own(Walk { path: vec![rng.uniform_in(-1.0, 1.0)] })
    }
    fn step(&self, state: &mut Own<Walk>, action: u32) -> Step {
        let at = state.0.path[state.0.path.len() - 1] + f64::from(action) - 1.0;
        state.0.path.push(at);
        Step { reward: at, terminated: at.abs() > 9.0 }
    }
    fn observe(&self, state: &Own<Walk>) -> [f32; 2] {
        let at = state.0.path[state.0.path.len() - 1];
        let broken = self.breaks_at.is_some_and(|limit| at > limit);
        [at as f32, if broken { self.breaks_to } else { 1.0 }]
    }
    fn record(&self, _: &Own<Walk>, step: Step, record: &mut u32) {
        *record += u32::from(step.reward > 0.0);
    }
    fn fitness(&self, state: &Own<Walk>, record: &u32, _: f64) -> f64 {
        f64::from(*record) - 0.5 * state.0.path.len() as f64
    }
    fn metrics(&self) -> &'static [&'static str] {
        &["furthest"]
    }
    fn measure(&self, state: &Own<Walk>, _: &u32, out: &mut [f64]) {
        out[0] = state.0.path.iter().fold(0.0, |a, b| a.max(b.abs()));
    }
}

#[test]
fn an_environment_of_ones_own() {
    let simulation = Simulation::of(Bridge { breaks_at: None, breaks_to: 0.0 }).unwrap();
    let task = leaky_task(simulation, RolloutSettings { episodes: 5, ..Default::default() });
    compare(&task, &task.initial_state(), &genomes(&task.space().genes, 30), &round());
    let batch = Batch::of(genomes(&task.space().genes, 1));
    let mut furthest = Vec::new();
    task.evaluate_each(&task.initial_state(), &batch, 0..1, &round(), 1, |member| {
        furthest.extend_from_slice(member.pieces[0].measures(0));
    });
    assert!(furthest.len() == 5 && furthest.iter().all(|f| (0.0..=10.0).contains(f)));
}

#[test]
fn what_is_not_a_number_fails_its_member_and_no_other() {
    let settings = RolloutSettings { episodes: 5, observation_normalization: true, ..Default::default() };
    let evaluate = |breaks_at, breaks_to| {
        let task = leaky_task(Simulation::of(Bridge { breaks_at, breaks_to }).unwrap(), settings.clone());
        let mut members = genomes(&task.space().genes, 30);
        members[7].0[2] = f64::NAN;
        members[8].0[0] = 1000.0;
        let results = task.evaluate(&task.initial_state(), &Batch::of(members), 0..30, &round());
        results.into_iter().map(|r| (r.evaluation, r.observed)).collect::<Vec<_>>()
    };
    let sound = evaluate(None, 0.0);
    let reason = |(e, _): &(Evaluation, ObservationSums)| e.result.clone().unwrap_err();
    assert_eq!(reason(&sound[7]), Failure::Reported("output 0 is NaN in episode 0 after 0 steps".into()));
    assert_eq!(reason(&sound[8]), Failure::Undecodable("the first gene is above 100".into()));
    assert_eq!(sound[8].0.cost, Cost::default());
    for (breaks_to, how) in [(f32::NAN, "NaN"), (f32::INFINITY, "infinite"), (f32::NEG_INFINITY, "infinite")]
    {
        let broken = evaluate(Some(3.0), breaks_to);
        let mut kinds = (0, 0);
        for (i, (s, b)) in sound.iter().zip(&broken).enumerate() {
            if i == 7 || i == 8 {
                continue;
            }
            match &b.0.result {
                Ok(_) => {
                    kinds.0 += 1;
                    assert_eq!(s, b);
                }
                Err(failure) => {
                    kinds.1 += 1;
                    assert!(failure.to_string().starts_with(&format!("observation 1 is {how}")), "{failure}");
                    assert_eq!(b.1, ObservationSums::default(), "failed members teach nothing");
                }
            }
        }
        assert!(kinds.0 > 3 && kinds.1 > 3, "{kinds:?}");
    }
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let simulation = Simulation::listed(environment("cart_pole")).unwrap();
    let head = Head::new(&simulation.spec().interface, Squash::Tanh);
    let settings = RolloutSettings { action_noise: 0.1, ..Default::default() };
    let error = Rollout::new(Dense::default(), head, simulation, settings).err().unwrap();
    assert!(error.to_string().contains("action_noise"), "{error}");
}
