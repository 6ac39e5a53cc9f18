//! What holds for every environment and for the batch simulator.

use super::lanes::LaneState;
use super::*;
use evolvent_core::{Interface, Output, Purpose, RunKey, Stream, stream};
use evolvent_math::NumericLevel;

fn rng(index: u64) -> Stream {
    stream(RunKey::from_seed(5), 0, index, 0, Purpose::Episode)
}

/// Actions for `lanes` lanes, drawn lane by lane so that lane `l` gets the same in any batch.
fn draw(output: &Output, streams: &mut [Stream]) -> (Vec<u32>, Vec<f32>) {
    let lanes = streams.len();
    let mut continuous = vec![0.0; lanes * output.len()];
    let mut discrete = vec![0; lanes];
    for (lane, stream) in streams.iter_mut().enumerate() {
        match output {
            Output::Continuous { low, high } => {
                for d in 0..low.len() {
                    continuous[d * lanes + lane] =
                        stream.uniform_in(f64::from(low[d]), f64::from(high[d])) as f32;
                }
            }
            _ => discrete[lane] = stream.below(output.len()) as u32,
        }
    }
    (discrete, continuous)
}

fn actions<'a>(output: &Output, drawn: &'a (Vec<u32>, Vec<f32>), lanes: usize) -> Actions<'a> {
    match output {
        Output::Continuous { .. } => Actions::Continuous { values: &drawn.1, stride: lanes },
        _ => Actions::Discrete(&drawn.0),
    }
}

/// Everything that the lanes from `first` on show in `steps` steps, with auto-reset.
fn trace(environment: &AnyEnvironment, first: usize, lanes: usize, steps: usize) -> Vec<Vec<u64>> {
    let mut simulator = environment.simulator(lanes, Some(40));
    let spec = simulator.spec().clone();
    let mut streams: Vec<Stream> = (first..first + lanes).map(|lane| rng(lane as u64)).collect();
    (0..lanes).for_each(|lane| simulator.reset(lane, &mut streams[lane]));
    let mut seen = vec![Vec::new(); lanes];
    let inputs = spec.interface.inputs();
    let (mut rewards, mut ends) = (vec![0.0; lanes], vec![End::NONE; lanes]);
    let mut observations = vec![0.0; inputs * lanes];
    for _ in 0..steps {
        let drawn = draw(&spec.interface.output, &mut streams);
        simulator.step(actions(&spec.interface.output, &drawn, lanes), &mut rewards, &mut ends);
        simulator.observe(0..lanes, &mut observations);
        for lane in 0..lanes {
            let (low, high) = spec.reward_range;
            assert!((low..=high).contains(&rewards[lane]), "{}: {}", environment.name(), rewards[lane]);
            seen[lane].extend([rewards[lane].to_bits(), u64::from(ends[lane].terminated())]);
            seen[lane].extend(simulator.state(lane).unwrap().iter().map(|x| x.to_bits()));
            seen[lane].extend((0..inputs).map(|i| u64::from(observations[i * lanes + lane].to_bits())));
        }
        for lane in End::over(&ends) {
            simulator.reset(lane, &mut streams[lane]);
        }
    }
    seen
}

#[test]
fn a_lane_has_the_same_bits_in_any_batch() {
    for name in AnyEnvironment::NAMES {
        let environment = AnyEnvironment::find(name).unwrap();
        let whole = trace(&environment, 0, 21, 120);
        for (first, lanes) in [(0, 1), (3, 7), (8, 8), (5, 16)] {
            let part = trace(&environment, first, lanes, 120);
            assert!(part == whole[first..first + lanes], "{name}, {lanes} lanes from {first} on");
        }
    }
}

#[test]
fn a_lane_has_the_same_bits_at_every_level() {
    struct Levels;
    impl Visitor for Levels {
        type Output = ();
        fn visit<E: Registered>(self, environment: &E) {
            let output = environment.spec().interface.output;
            let mut streams: Vec<Stream> = (0..11).map(rng).collect();
            let mut lanes = Lanes::new(environment.clone(), 11);
            (0..11).for_each(|lane| lanes.reset(lane, &mut streams[lane]));
            for _ in 0..50 {
                let drawn = draw(&output, &mut streams);
                let mut results = Vec::new();
                for level in NumericLevel::available() {
                    let mut copy = lanes.clone();
                    let (mut rewards, mut ends) = ([0.0; 11], [End::NONE; 11]);
                    let mut observations = vec![0.0; environment.spec().interface.inputs() * 11];
                    level
                        .run(
                            #[inline(always)]
                            || {
                                copy.step_lanes(actions(&output, &drawn, 11), &mut rewards, &mut ends);
                                copy.observe_lanes(0..11, &mut observations);
                            },
                        )
                        .unwrap();
                    let states: Vec<_> = (0..11).map(|lane| copy.state(lane).unwrap()).collect();
                    results.push((copy, rewards, ends, states, observations));
                }
                for other in &results[1..] {
                    assert_eq!(other.1.map(f64::to_bits), results[0].1.map(f64::to_bits), "{}", E::NAME);
                    assert!(other.2 == results[0].2 && other.3 == results[0].3 && other.4 == results[0].4);
                }
                lanes = results.swap_remove(0).0;
            }
        }
    }
    for name in AnyEnvironment::NAMES {
        AnyEnvironment::find(name).unwrap().visit(Levels);
    }
}

#[test]
fn copied_lanes_go_on_alike() {
    for name in AnyEnvironment::NAMES {
        let environment = AnyEnvironment::find(name).unwrap();
        let output = environment.spec().interface.output;
        let mut simulator = environment.simulator(10, None);
        let mut streams: Vec<Stream> = (0..10).map(rng).collect();
        (0..10).for_each(|lane| simulator.reset(lane, &mut streams[lane]));
        let (mut rewards, mut ends) = ([0.0; 10], [End::NONE; 10]);
        for _ in 0..5 {
            let drawn = draw(&output, &mut streams);
            simulator.step(actions(&output, &drawn, 10), &mut rewards, &mut ends);
        }
        simulator.copy_lane(9, 2);
        assert_eq!(simulator.steps(2), 5);
        let same = (vec![1; 10], vec![0.3; 10 * output.len()]);
        simulator.step(actions(&output, &same, 10), &mut rewards, &mut ends);
        assert_eq!(simulator.state(2), simulator.state(9), "{name}");
        assert_eq!((rewards[2], ends[2]), (rewards[9], ends[9]));
        assert_eq!(simulator.fitness(2, 1.5), simulator.fitness(9, 1.5));
    }
}

#[test]
fn only_the_first_lanes_are_stepped() {
    let mut lanes = Lanes::new(CartPole::default(), 20);
    (0..20).for_each(|lane| lanes.reset(lane, &mut rng(lane as u64)));
    let before: Vec<_> = (0..20).map(|lane| lanes.state(lane)).collect();
    lanes.step(Actions::Discrete(&[1; 20]), &mut [0.0; 11], &mut [End::NONE; 11]);
    for lane in 0..20 {
        assert_eq!(lanes.state(lane) != before[lane], lane < 11);
        assert_eq!(lanes.steps(lane), u32::from(lane < 11));
    }
}

#[test]
fn observations_of_a_range_are_columns_of_the_whole() {
    let mut lanes = Lanes::new(CartPole::default(), 30);
    (0..30).for_each(|lane| lanes.reset(lane, &mut rng(lane as u64)));
    let mut whole = vec![0.0; 4 * 30];
    lanes.observe(0..30, &mut whole);
    for range in [0..30, 3..4, 5..21, 8..16, 29..30, 7..7] {
        let mut part = vec![0.0; 4 * range.len()];
        lanes.observe(range.clone(), &mut part);
        for i in 0..4 {
            for (l, lane) in range.clone().enumerate() {
                assert_eq!(part[i * range.len() + l], whole[i * 30 + lane]);
            }
        }
    }
}

#[test]
fn truncation_and_termination_may_coincide() {
    let mut lanes = Lanes::with_limit(CartPole::default(), 2, 7);
    lanes.reset_to(0, &[0.0; 4], 6).unwrap();
    lanes.reset_to(1, &[2.4, 3.0, 0.0, 0.0], 6).unwrap();
    let mut ends = [End::NONE; 2];
    lanes.step(Actions::Discrete(&[0, 0]), &mut [0.0; 2], &mut ends);
    assert_eq!(ends, [End::new(false, true), End::new(true, true)]);
    assert_eq!(End::over(&ends).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn ended_lanes_are_found_in_order() {
    let mut ends = [End::NONE; 37];
    for lane in [0, 7, 8, 31, 36] {
        ends[lane] = End::new(lane % 2 == 0, true);
    }
    assert_eq!(End::over(&ends).collect::<Vec<_>>(), [0, 7, 8, 31, 36]);
}

#[test]
fn starts_lie_where_gymnasium_puts_them() {
    for (name, low, high) in [
        ("CartPole-v1", vec![-0.05; 4], vec![0.05; 4]),
        ("MountainCar-v0", vec![-0.6, 0.0], vec![-0.4, 0.0]),
        ("MountainCarContinuous-v0", vec![-0.6, 0.0], vec![-0.4, 0.0]),
        ("Pendulum-v1", vec![-std::f64::consts::PI, -1.0], vec![std::f64::consts::PI, 1.0]),
        ("Acrobot-v1", vec![-0.1; 4], vec![0.1; 4]),
    ] {
        let mut simulator = AnyEnvironment::find(name).unwrap().simulator(1, None);
        let (mut least, mut most) = (vec![f64::INFINITY; low.len()], vec![f64::NEG_INFINITY; low.len()]);
        for index in 0..500 {
            simulator.reset(0, &mut rng(index));
            for (i, x) in simulator.state(0).unwrap().into_iter().enumerate() {
                (least[i], most[i]) = (least[i].min(x), most[i].max(x));
            }
        }
        for i in 0..low.len() {
            let slack = 0.03 * (high[i] - low[i]);
            assert!(least[i] >= low[i] && least[i] <= low[i] + slack, "{name} {least:?}");
            assert!(most[i] <= high[i] && most[i] >= high[i] - slack, "{name} {most:?}");
        }
    }
}

#[test]
fn parameters_are_tables() {
    let json = serde_json::json!({ "double_pole": { "velocities": false, "fitness": "gruau" } });
    let environment: AnyEnvironment = serde_json::from_value(json).unwrap();
    assert_eq!((environment.name(), environment.spec().max_episode_steps), ("double_pole", 1000));
    assert_eq!(environment.spec().interface.inputs(), 3);
    for name in AnyEnvironment::NAMES {
        let environment = AnyEnvironment::find(name).unwrap();
        assert_eq!(environment.name(), *name);
        assert!(environment.check().is_ok());
        let table = serde_json::to_value(&environment).unwrap();
        assert!(table.get(name).is_some(), "{table}");
        assert_eq!(serde_json::from_value::<AnyEnvironment>(table).unwrap(), environment);
        if let Some(id) = environment.id() {
            assert_eq!(AnyEnvironment::find(id).unwrap(), environment);
        }
        let spec = environment.spec();
        assert_eq!(spec.observation_low.len(), spec.interface.inputs());
        assert_eq!(spec.observation_high.len(), spec.interface.inputs());
    }
    assert!(
        serde_json::from_value::<AnyEnvironment>(serde_json::json!({ "pendulum": { "gee": 1 } })).is_err()
    );
    assert!(AnyEnvironment::find("Cartpole").is_none());
    assert!(AnyEnvironment::Pendulum(Pendulum { g: f64::NAN }).check().is_err());
}

/// A state that is no array of numbers, an action in two dimensions, a policy-free random walk.
#[derive(Clone)]
struct Walk;

impl Environment for Walk {
    type State = Own<(Vec<f64>, Option<Stream>)>;
    type Action = [f32; 2];
    type Observation = [f32; 2];
    type Record = u32;

    fn spec(&self) -> Spec {
        let output = Output::Continuous { low: vec![-1.0; 2], high: vec![1.0; 2] };
        Spec::new(Interface { input: vec![2], output }, 10)
    }
    fn reset(&self, rng: &mut Stream) -> Self::State {
        Own((vec![0.0, 0.0], Some(rng.split(0).stream())))
    }
    fn step(&self, state: &mut Self::State, action: [f32; 2]) -> Step {
        let (at, rng) = &mut state.0;
        let noise = rng.as_mut().map_or(0.0, Stream::normal);
        at[0] += f64::from(action[0]) + 0.1 * noise;
        at[1] += f64::from(action[1]);
        Step { reward: at[1], terminated: at[1] > 5.0 }
    }
    fn observe(&self, state: &Self::State) -> [f32; 2] {
        [state.0.0[0] as f32, state.0.0[1] as f32]
    }
    fn record(&self, _: &Self::State, step: Step, record: &mut u32) {
        *record += u32::from(step.reward > 1.0);
    }
    fn fitness(&self, _: &Self::State, record: &u32, _: f64) -> f64 {
        f64::from(*record)
    }
}

#[test]
fn states_of_any_type_work() {
    let mut lanes = Lanes::new(Walk, 3);
    (0..3).for_each(|lane| lanes.reset(lane, &mut rng(lane as u64)));
    assert!(lanes.state(0).is_none());
    let error = lanes.reset_to(0, &[1.0], 0).unwrap_err();
    assert!(error.to_string().contains("use `reset`"), "{error}");
    let values = [0.0, 0.5, 1.0, 1.0, 2.0, 3.0];
    let (mut rewards, mut ends) = ([0.0; 3], [End::NONE; 3]);
    for _ in 0..2 {
        lanes.step(Actions::Continuous { values: &values, stride: 3 }, &mut rewards, &mut ends);
    }
    assert_eq!(rewards, [2.0, 4.0, 6.0]);
    assert_eq!(ends, [End::NONE, End::NONE, End::new(true, false)]);
    assert_eq!([0, 1, 2].map(|lane| lanes.fitness(lane, 0.0)), [1.0, 2.0, 2.0]);
    lanes.copy_lane(0, 2);
    lanes.reset(0, &mut rng(7));
    assert_eq!([0, 2].map(|lane| lanes.fitness(lane, 0.0)), [0.0, 1.0]);
    assert_eq!([0, 2].map(|lane| lanes.steps(lane)), [0, 2]);
    let boxed: Box<dyn Simulator> = Box::new(lanes.clone());
    let mut twin = boxed.clone();
    twin.step(Actions::Continuous { values: &values, stride: 3 }, &mut rewards, &mut ends);
    assert_eq!(lanes.steps(2), 2);
}

#[test]
fn wrong_state_lengths_are_told() {
    let error = <[f64; 4]>::from_numbers(&[1.0]).unwrap_err();
    assert_eq!(error.to_string(), "expected a state of 4 numbers, found 1");
}
