//! Painted networks against slow twins, their own programs, and hand-made CPPNs.

use super::*;
use crate::{
    cppn::CppnInput,
    graph::Initial,
    innovation::Innovations,
    substrate::Placement,
    variation::{Mutation, apply, first, mutate},
};
use evolvent_core::{Network, Output, Purpose, RunKey, Stream, stream};
use evolvent_nets::{Describe, Normalizer, program::Interpreter};
use proptest::prelude::*;

pub(crate) fn rng(seed: u64) -> Stream {
    stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Problem)
}

pub(crate) fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = rng(seed);
    (0..n).map(|_| rng.normal() as f32).collect()
}

pub(crate) fn problem(input: &[usize], outputs: usize) -> Interface {
    Interface { input: input.to_vec(), output: Output::Values(outputs) }
}

/// A CPPN that has grown for some generations.
pub(crate) fn grown(genes: &GraphGenes, seed: u64, generations: usize) -> Graph {
    let mut rng = rng(seed);
    let rates = Mutation {
        add_node: 0.4,
        add_connection: 0.5,
        exclusive: false,
        activation: 0.3,
        power: 0.7,
        ..Mutation::default()
    };
    let mut ledger = Innovations::default();
    ledger.begin(genes);
    let mut graph = first(genes, &mut rng);
    for _ in 0..generations {
        let proposals = mutate(genes, &rates, true, &mut graph, &mut rng);
        graph = apply(graph, &proposals, &mut ledger);
    }
    graph
}

pub(crate) fn decoded<D>(decoder: &D, interface: &Interface, genome: &Graph) -> SubstrateNetwork
where
    D: Decoder<Genome = Graph, Network = SubstrateNetwork>,
{
    decoder.check(interface).unwrap();
    let mut network = decoder.blank(interface);
    decoder.decode(genome, &mut network).unwrap();
    network
}

/// A network equals its program over several steps, alone and among other lanes, with a normaliser and without.
pub(crate) fn check_network(network: &SubstrateNetwork) {
    let inputs = network.inputs();
    for normalized in [false, true] {
        let mut network = network.clone();
        if normalized {
            let inv_std = numbers(inputs, 2).iter().map(|x| x.abs()).collect();
            let normalizer = Normalizer { mean: numbers(inputs, 1), inv_std, clip: 1.5 };
            network.set_normalizer(Some(Arc::new(normalizer)));
        }
        let lanes = 5;
        let mut interpreter = Interpreter::new(network.program()).unwrap();
        let states = network.state_len();
        let (mut alone, mut all) = (vec![0.0; states], vec![0.0; states * lanes]);
        network.reset_state(&mut alone, 1, 0);
        (0..lanes).for_each(|lane| network.reset_state(&mut all, lanes, lane));
        let mut scratch = vec![f32::NAN; network.scratch_len(lanes)];
        for step in 0..4 {
            let x = numbers(inputs * lanes, 10 + step);
            let own: Vec<f32> = x.iter().skip(3).step_by(lanes).copied().collect();
            let (mut y, mut one) = (vec![0.0; network.outputs() * lanes], vec![0.0; network.outputs()]);
            network.forward(lanes, &x, &mut all, &mut y, &mut scratch);
            network.forward(1, &own, &mut alone, &mut one, &mut scratch);
            let twin = &interpreter.step(&own).unwrap()[0];
            for (o, (a, t)) in one.iter().zip(twin).enumerate() {
                assert!((a - t).abs() <= 2e-4 * t.abs().max(1.0), "step {step}, output {o}: {a} against {t}");
                assert_eq!(a.to_bits(), y[o * lanes + 3].to_bits());
            }
        }
    }
}

/// The answers of a feed-forward network without plasticity, from its list of connections.
fn slow(network: &SubstrateNetwork, biases: &[f32], activations: &[Activation], x: &[f32]) -> Vec<f64> {
    let mut values: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    for neuron in 0..network.neurons() {
        let to = network.inputs() + neuron;
        let sum = network
            .connection_list()
            .iter()
            .filter(|c| c.1 == to)
            .fold(f64::from(biases[neuron]), |sum, c| sum + f64::from(c.2) * values[c.0]);
        values.push(activations[neuron].exact(sum));
    }
    values[values.len() - network.outputs()..].to_vec()
}

fn layered() -> HyperNeat {
    HyperNeat {
        layers: vec![
            SubstrateLayer::default(),
            SubstrateLayer::of(Placement::Grid(vec![3, 4])),
            SubstrateLayer {
                activation: Auto::Value(Activation::Sin),
                ..SubstrateLayer::of(Placement::Points(vec![vec![0.0, 0.5], vec![0.3, 0.1]]))
            },
            SubstrateLayer::default(),
        ],
        connections: Auto::Value(vec![[0, 1], [1, 2], [2, 3], [0, 3]]),
        ..HyperNeat::default()
    }
}

#[test]
fn weights_are_what_the_cppn_says() {
    // Weight = tanh(2 x₁ − x₂): asked about by hand.
    let config = HyperNeat {
        cppn: Cppn { initial: Initial::Unconnected, ..Cppn::default() },
        bias: false,
        ..HyperNeat::default()
    };
    let interface = problem(&[4], 2);
    let mut genes = config.genes(&interface);
    assert_eq!((genes.inputs, genes.outputs), (2, 1));
    genes.seed.connections = vec![(0, 3, 2.0), (1, 3, -1.0)];
    let network = decoded(&config, &interface, &first(&genes, &mut rng(1)));
    let mut expected = Vec::new();
    for (o, x2) in [-0.5f64, 0.5].into_iter().enumerate() {
        for (i, x1) in [-0.75f64, -0.25, 0.25, 0.75].into_iter().enumerate() {
            let raw = libm::tanh(2.0 * x1 - x2);
            if raw.abs() > 0.2 {
                expected.push((i, 4 + o, 3.0 * (raw.abs() - 0.2) / 0.8 * raw.signum()));
            }
        }
    }
    let found = network.connection_list();
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert_eq!((a.0, a.1), (b.0, b.1));
        assert!((f64::from(a.2) - b.2).abs() < 1e-5, "{a:?} {b:?}");
    }
}

#[test]
fn layers_equal_a_slow_twin_and_their_program() {
    let interface = problem(&[2, 3], 3);
    for (config, kind) in [
        (layered(), "plain"),
        (HyperNeat { outputs_per_layer: false, ..layered() }, "shared"),
        (HyperNeat { weight_threshold: Auto::Value(0.8), ..layered() }, "sparse"),
        (HyperNeat { leo: Some(LinkExpression::default()), bias: false, ..layered() }, "leo"),
    ] {
        for seed in 0..4 {
            let genome = grown(&config.genes(&interface), seed, 20);
            let network = decoded(&config, &interface, &genome);
            let substrate = network.substrate().clone();
            let activations: Vec<Activation> =
                (1..4).flat_map(|l| vec![substrate.activations[l]; substrate.layers[l].len()]).collect();
            let biases = network.biases.clone();
            let x = numbers(6, 99);
            let mut y = vec![0.0; 3];
            network.forward(1, &x, &mut [], &mut y, &mut vec![0.0; network.scratch_len(1)]);
            for (y, t) in y.iter().zip(slow(&network, &biases, &activations, &x)) {
                assert!((f64::from(*y) - t).abs() < 1e-4 * t.abs().max(1.0), "{kind} {seed}: {y} {t}");
            }
            check_network(&network);
        }
    }
}

#[test]
fn recurrent_and_plastic_networks_equal_their_programs() {
    let interface = problem(&[3], 2);
    let back = Auto::Value(vec![[0, 1], [1, 1], [1, 2], [2, 1], [2, 3], [1, 3]]);
    let recurrent = HyperNeat { connections: back, recurrent: true, ..layered() };
    let plasticity = Some(AdaptiveRules::default());
    for config in [
        HyperNeat { plasticity: plasticity.clone(), ..layered() },
        HyperNeat { plasticity, leo: Some(LinkExpression::default()), ..recurrent.clone() },
        recurrent,
    ] {
        for seed in 0..3 {
            let network = decoded(&config, &interface, &grown(&config.genes(&interface), seed, 20));
            assert!(network.state_len() > 0);
            check_network(&network);
        }
    }
}

#[test]
fn plastic_weights_follow_the_rule() {
    // One input, one output, linear: w = 3, η = 0.05, A = 1, B = −0.5, C = 0.25, as the CPPN's biases say.
    let config = HyperNeat {
        cppn: Cppn {
            initial: Initial::Unconnected,
            output_activation: Activation::Linear,
            ..Cppn::default()
        },
        bias: false,
        weight_threshold: Auto::Value(0.0),
        plasticity: Some(AdaptiveRules { rate_range: 0.1, coefficient_range: 1.0 }),
        weight_range: 3.0,
        ..HyperNeat::default()
    };
    let interface = problem(&[1], 1);
    let mut genes = config.genes(&interface);
    assert_eq!((genes.inputs, genes.outputs), (2, 5));
    genes.seed.connections =
        [0.5, 0.5, 1.0, -0.5, 0.25].iter().enumerate().map(|(o, &w)| (2, 3 + o as u32, w)).collect();
    let network = decoded(&config, &interface, &first(&genes, &mut rng(1)));
    let mut state = vec![0.0; 1];
    network.reset_state(&mut state, 1, 0);
    assert_eq!(state, [1.5]);
    let (mut y, mut scratch) = ([0.0], vec![0.0; network.scratch_len(1)]);
    network.forward(1, &[2.0], &mut state, &mut y, &mut scratch);
    assert_eq!(y, [3.0]);
    // Δw = 0.05 (1 · 2 · 3 − 0.5 · 2 + 0.25 · 3) = 0.2875.
    assert!((state[0] - 1.7875).abs() < 1e-6);
    (0..50).for_each(|_| network.forward(1, &[2.0], &mut state, &mut y, &mut scratch));
    assert_eq!(state, [3.0]); // held at the range
}

#[test]
fn a_finer_grid_holds_the_same_pattern() {
    let config = HyperNeat {
        cppn: Cppn { inputs: vec![CppnInput::Source, CppnInput::Delta], ..Cppn::default() },
        ..HyperNeat::default()
    };
    let (coarse, fine) = (problem(&[1, 5, 5], 25), problem(&[1, 15, 15], 225));
    assert_eq!(config.genes(&coarse), config.genes(&fine));
    let genome = grown(&config.genes(&coarse), 3, 15);
    let weights = |interface: &Interface| {
        let network = decoded(&config, interface, &genome);
        let n = network.inputs();
        let mut all = vec![0.0; n * n];
        network.connection_list().iter().for_each(|&(i, o, w)| all[i * n + o - n] = w);
        all
    };
    let (a, b) = (weights(&coarse), weights(&fine));
    let centre = |k: usize| (3 * (k / 5) + 1) * 15 + 3 * (k % 5) + 1;
    for i in 0..25 {
        for o in 0..25 {
            assert!((a[i * 25 + o] - b[centre(i) * 225 + centre(o)]).abs() < 1e-4);
        }
    }
}

#[test]
fn locality_is_seeded() {
    for inputs in [vec![CppnInput::Source, CppnInput::Target], vec![CppnInput::Delta, CppnInput::Distance]] {
        let config = HyperNeat {
            cppn: Cppn { inputs, initial: Initial::Full, weight_scale: 0.01, ..Cppn::default() },
            leo: Some(LinkExpression { locality: vec![1], ..LinkExpression::default() }),
            ..HyperNeat::default()
        };
        let interface = problem(&[4, 4], 16);
        let network = decoded(&config, &interface, &first(&config.genes(&interface), &mut rng(5)));
        let list = network.connection_list();
        // Columns are 0.5 apart; only those within 0.41 are joined, over all four rows.
        assert!(list.iter().all(|&(i, o, _)| i % 4 == o % 4), "{list:?}");
        assert_eq!(list.len(), 4 * 16);
    }
}

#[test]
fn nothing_expressed_is_no_error() {
    let config = HyperNeat {
        cppn: Cppn { initial: Initial::Unconnected, ..Cppn::default() },
        output_activation: Activation::Sigmoid,
        ..layered()
    };
    let interface = problem(&[3], 2);
    let network = decoded(&config, &interface, &first(&config.genes(&interface), &mut rng(1)));
    assert_eq!(network.connections(), 0);
    let mut y = [0.0; 2];
    network.forward(1, &[1.0; 3], &mut [], &mut y, &mut vec![0.0; network.scratch_len(1)]);
    assert_eq!(y, [0.5; 2]);
    check_network(&network);
}

#[test]
fn foreign_genomes_are_refused() {
    let (config, interface) = (layered(), problem(&[3], 2));
    let other = HyperNeat { leo: Some(LinkExpression::default()), ..layered() };
    let genome = grown(&other.genes(&interface), 1, 3);
    let error = config.decode(&genome, &mut config.blank(&interface)).unwrap_err();
    assert!(error.0.contains("are needed"), "{error}");
}

#[test]
fn mistakes_are_listed_together() {
    let config = HyperNeat {
        layers: vec![SubstrateLayer::default()],
        cppn: Cppn { inputs: vec![], ..Cppn::default() },
        weight_range: 0.0,
        ..HyperNeat::default()
    };
    let paths = |interface: &Interface| {
        config.check(interface).unwrap_err().0.into_iter().map(|v| v.path).collect::<Vec<_>>()
    };
    assert_eq!(paths(&problem(&[4], 2)), ["cppn.inputs", "weight_range", "layers"]);
    assert_eq!(paths(&problem(&[0], 0)), ["inputs", "outputs"]);
    let text = serde_json::to_string(&layered()).unwrap();
    assert_eq!(serde_json::from_str::<HyperNeat>(&text).unwrap(), layered());
    assert!(serde_json::from_str::<HyperNeat>(r#"{"leyers": []}"#).is_err());
}

#[test]
fn decoding_does_not_depend_on_threads() {
    use evolvent_math::par::{self, Pool};
    let interface = problem(&[4, 4], 16);
    let config = HyperNeat { leo: Some(LinkExpression::default()), ..HyperNeat::default() };
    let genes = config.genes(&interface);
    let all = |threads: usize| {
        Pool::new(threads).unwrap().install(|| {
            par::map(12, |i| decoded(&config, &interface, &grown(&genes, i as u64, 10)).connection_list())
        })
    };
    assert_eq!(all(1), all(4));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_cppn_has_a_sound_phenotype(seed in 0u64..10_000, generations in 0usize..40, leo: bool, plastic: bool) {
        let config = HyperNeat {
            leo: leo.then(LinkExpression::default),
            plasticity: plastic.then(AdaptiveRules::default),
            ..layered()
        };
        let interface = problem(&[2, 2], 3);
        let genome = grown(&config.genes(&interface), seed, generations);
        let mut network = decoded(&config, &interface, &grown(&config.genes(&interface), seed + 1, 5));
        config.decode(&genome, &mut network).unwrap();
        let fresh = decoded(&config, &interface, &genome);
        prop_assert_eq!(network.connection_list(), fresh.connection_list());
        for (from, to, weight) in network.connection_list() {
            prop_assert!(from < to && to < 4 + network.neurons() && weight.abs() <= 3.0 && weight != 0.0);
        }
        prop_assert_eq!(network.positions().len(), 4 + network.neurons());
        prop_assert!(network.program().check().is_ok());
        let mut state = vec![0.0; network.state_len()];
        network.reset_state(&mut state, 1, 0);
        let mut y = vec![f32::NAN; 3];
        network.forward(1, &[0.5, -1.0, 2.0, 0.0], &mut state, &mut y, &mut vec![0.0; network.scratch_len(1)]);
        prop_assert!(y.iter().all(|y| y.is_finite()));
    }
}
