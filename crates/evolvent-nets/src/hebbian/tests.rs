use super::*;
use crate::twin::{check_lanes, check_layout, check_program, interface, network, numbers};
use evolvent_core::Output;

fn one(rate: Auto<f32>, bound: WeightBound, first_weights: FirstWeights) -> Hebbian {
    let output_activation = Activation::Linear;
    Hebbian { hidden: vec![], output_activation, rate, bound, first_weights, ..Hebbian::default() }
}

#[test]
fn by_hand() {
    // Two inputs, one output: w = (1, −2) evolved, η = 0.5; A = (1, 0), B = (0, 2), C = (3, 0), D = (0, −1).
    let config = one(Auto::Value(0.5), WeightBound::None, FirstWeights::Evolved);
    let problem = interface(&[2], Output::Values(1));
    let mut net = config.blank(&problem);
    config.decode(&[1.0, 0.0, 0.0, 2.0, 3.0, 0.0, 0.0, -1.0, 1.0, -2.0], &mut net).unwrap();
    let (mut state, mut y, mut scratch) = ([0.0; 2], [0.0], vec![0.0; net.scratch_len(1)]);
    net.reset_state(&mut state, 1, 0);
    assert_eq!(state, [1.0, -2.0]);
    net.forward(1, &[3.0, 1.0], &mut state, &mut y, &mut scratch);
    // y = 3 − 2 = 1; Δ = ½ (3·1 + 3·1) = 3 and ½ (2·1 − 1) = ½.
    assert_eq!((y, state), ([1.0], [4.0, -1.5]));
    let clipped = Hebbian { bound: WeightBound::Clip(2.0), ..config.clone() };
    let mut net = clipped.blank(&problem);
    clipped.decode(&[1.0, 0.0, 0.0, 2.0, 3.0, 0.0, 0.0, -1.0, 1.0, -2.0], &mut net).unwrap();
    net.reset_state(&mut state, 1, 0);
    net.forward(1, &[3.0, 1.0], &mut state, &mut y, &mut scratch);
    assert_eq!(state, [2.0, -1.5]);
    let normalized = Hebbian { bound: WeightBound::Normalize, ..config };
    let mut net = normalized.blank(&problem);
    normalized.decode(&[1.0, 0.0, 0.0, 2.0, 3.0, 0.0, 0.0, -1.0, 1.0, -2.0], &mut net).unwrap();
    net.reset_state(&mut state, 1, 0);
    net.forward(1, &[3.0, 1.0], &mut state, &mut y, &mut scratch);
    assert_eq!(state, [1.0, -0.375]);
}

#[test]
fn episodes_begin_at_random_and_exports_at_one_draw() {
    let config = Hebbian::default();
    let net = network(&config, &interface(&[4], Output::Discrete(2)), 3);
    let n = net.state_len();
    assert_eq!(n, 4 * 32 + 32 * 2);
    let draw = |seed: u64| {
        let mut state = vec![9.0; 3 * n];
        let mut rng = stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Episode);
        net.begin_episode(&mut state, 3, 1, &mut rng);
        assert!(state.iter().step_by(3).all(|&w| w == 9.0));
        state.iter().skip(1).step_by(3).copied().collect::<Vec<f32>>()
    };
    let (a, b) = (draw(1), draw(2));
    assert!(a != b && a == draw(1));
    assert!(a.iter().all(|w| w.abs() <= 0.1) && a.iter().any(|w| w.abs() > 0.05));
    let mut state = vec![0.0; n];
    net.reset_state(&mut state, 1, 0);
    let initial: Vec<f32> = net.program().states.iter().flat_map(|s| s.initial.clone()).collect();
    assert_eq!(state, initial);
}

#[test]
fn equal_to_its_program_with_every_setting() {
    for bound in [WeightBound::None, WeightBound::Clip(0.3), WeightBound::Normalize] {
        for first in [FirstWeights::Random(0.2), FirstWeights::Evolved] {
            let config = Hebbian { hidden: vec![5, 3], bound, first_weights: first, ..Hebbian::default() };
            check_layout(&config.genes(&interface(&[3], Output::Values(2))));
            check_program(&config, &interface(&[3], Output::Values(2)), 4);
            check_lanes(&config, &interface(&[3], Output::Values(2)));
        }
        check_lanes(
            &one(Auto::Value(0.1), bound, FirstWeights::Random(0.1)),
            &interface(&[5], Output::Values(20)),
        );
    }
}

#[test]
fn weights_stay_bounded() {
    let config = Hebbian { initializer: Init::Normal { std: 3.0 }, ..Hebbian::default() };
    let net = network(&config, &interface(&[3], Output::Values(2)), 5);
    let mut state = vec![0.0; net.state_len()];
    net.reset_state(&mut state, 1, 0);
    let (mut y, mut scratch) = ([0.0; 2], vec![0.0; net.scratch_len(1)]);
    for step in 0..200 {
        net.forward(1, &numbers(3, step), &mut state, &mut y, &mut scratch);
    }
    assert!(state.iter().all(|w| w.abs() <= 1.0) && y.iter().all(|y| y.is_finite()));
}

#[test]
fn mistakes_are_listed_together() {
    let config = Hebbian {
        hidden: vec![0],
        rate: Auto::Value(f32::NAN),
        first_weights: FirstWeights::Random(-1.0),
        bound: WeightBound::Clip(0.0),
        ..Hebbian::default()
    };
    let violations = config.check(&interface(&[2], Output::Values(1))).unwrap_err();
    let paths: Vec<&str> = violations.0.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(paths, ["hidden.0", "rate", "first_weights.random", "bound.clip"]);
}
