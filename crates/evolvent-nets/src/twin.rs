//! What the tests of every network check.

use crate::{Describe, NetworkConfig, Normalizer, program::Interpreter};
use evolvent_core::{Interface, Network, Output, Purpose, RunKey, Vector, VectorGenes, stream};
use std::sync::Arc;

pub(crate) fn interface(input: &[usize], output: Output) -> Interface {
    Interface { input: input.to_vec(), output }
}

pub(crate) fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Problem);
    (0..n).map(|_| rng.normal() as f32).collect()
}

/// A network with random parameters, biases included.
pub(crate) fn network<C: NetworkConfig<Genome = Vector>>(
    config: &C,
    interface: &Interface,
    seed: u64,
) -> C::Network {
    config.check(interface).unwrap();
    let genes = config.genes(interface);
    let mut rng = stream(RunKey::from_seed(seed), 1, 0, 0, Purpose::Init);
    let mut genome: Vec<f32> = genes.sample(&mut rng).iter().map(|&x| x as f32).collect();
    genome.iter_mut().for_each(|x| *x += 0.1 * rng.normal() as f32);
    let mut network = config.blank(interface);
    config.decode(&genome, &mut network).unwrap();
    network
}

/// Blocks tile the vector, and each axis has a neuron group or none.
pub(crate) fn check_layout(genes: &VectorGenes) {
    let mut next = 0;
    for block in &genes.layout.blocks {
        assert_eq!((block.offset, block.shape.len()), (next, block.neurons.len()), "{}", block.name);
        next += block.len();
    }
    assert_eq!(next, genes.dimension());
    // Axes of one group have one length.
    for a in &genes.layout.blocks {
        for b in &genes.layout.blocks {
            for (i, j) in (0..a.shape.len()).flat_map(|i| (0..b.shape.len()).map(move |j| (i, j))) {
                let same = a.neurons[i].is_some() && a.neurons[i] == b.neurons[j];
                assert!(!same || a.shape[i] == b.shape[j], "{} and {}", a.name, b.name);
            }
        }
    }
}

/// A network equals the interpretation of its program, with and without a normaliser, and the program's initializers are
/// the layout's blocks.
pub(crate) fn check_program<C: NetworkConfig<Genome = Vector>>(
    config: &C,
    interface: &Interface,
    steps: usize,
) {
    let mut net = network(config, interface, 7);
    let inputs = interface.inputs();
    // The rounding error of a sum grows like the root of its length.
    let per_output = config.genes(interface).dimension() / net.outputs();
    let tolerance = 1e-6 * (per_output as f32 / 100.0).sqrt().max(1.0);
    for normalized in [false, true] {
        if normalized {
            let inv_std = numbers(inputs, 2).iter().map(|x| x.abs()).collect();
            let normalizer = Normalizer { mean: numbers(inputs, 1), inv_std, clip: 1.5 };
            net.set_normalizer(Some(Arc::new(normalizer)));
        }
        let program = net.program();
        for block in &config.genes(interface).layout.blocks {
            let found = program.initializers.iter().filter(|i| i.name == block.name);
            assert_eq!(found.map(|i| i.data.len()).collect::<Vec<_>>(), [block.len()], "{}", block.name);
        }
        let memory: usize = program.states.iter().map(|s| s.initial.len()).sum();
        assert_eq!(memory, net.state_len());
        let mut interpreter = Interpreter::new(program).unwrap();
        let mut state = vec![0.0; net.state_len()];
        net.reset_state(&mut state, 1, 0);
        let mut scratch = vec![f32::NAN; net.scratch_len(1)];
        for step in 0..steps {
            let x = numbers(inputs, 100 + step as u64);
            let mut y = vec![0.0; net.outputs()];
            net.forward(1, &x, &mut state, &mut y, &mut scratch);
            let twin = &interpreter.step(&x).unwrap()[0];
            for (y, t) in y.iter().zip(twin) {
                assert!(
                    (y - t).abs() <= tolerance * t.abs().max(1.0),
                    "step {step}: {y} against {t}, {config:?}"
                );
            }
            assert_eq!(y.len(), twin.len());
        }
    }
}

/// One lane alone, many lanes, and lanes of a group of networks all give the same bits, over several steps.
pub(crate) fn check_lanes<C: NetworkConfig<Genome = Vector>>(config: &C, interface: &Interface) {
    let inputs = interface.inputs();
    let nets: Vec<C::Network> = (0..15).map(|seed| network(config, interface, seed)).collect();
    let (outputs, states) = (nets[0].outputs(), nets[0].state_len());
    for (group, episodes) in [(1, 1), (1, 3), (1, 8), (1, 21), (1, 130), (2, 1), (15, 1), (3, 5), (2, 66)] {
        let lanes = group * episodes;
        let len = C::Network::group_scratch_len(&nets[..group], episodes);
        let mut scratch = vec![f32::NAN; if group == 1 { nets[0].scratch_len(lanes) } else { len }];
        let mut state = vec![0.0; states * lanes];
        let mut alone_states = vec![vec![0.0; states]; lanes];
        let mut alone_scratch = vec![f32::NAN; nets[0].scratch_len(1)];
        for step in 0..3 {
            let x = numbers(inputs * lanes, step);
            let mut y = vec![f32::NAN; outputs * lanes];
            if group == 1 {
                nets[0].forward(lanes, &x, &mut state, &mut y, &mut scratch);
            } else {
                C::Network::forward_group(&nets[..group], episodes, &x, &mut state, &mut y, &mut scratch);
            }
            for lane in 0..lanes {
                let own: Vec<f32> = x.iter().skip(lane).step_by(lanes).copied().collect();
                let mut alone = vec![0.0; outputs];
                nets[lane / episodes].forward(
                    1,
                    &own,
                    &mut alone_states[lane],
                    &mut alone,
                    &mut alone_scratch,
                );
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                let here: Vec<f32> = y.iter().skip(lane).step_by(lanes).copied().collect();
                assert_eq!(bits(&here), bits(&alone), "lane {lane} of {group} x {episodes}, step {step}");
                let here: Vec<f32> = state.iter().skip(lane).step_by(lanes).copied().collect();
                assert_eq!(bits(&here), bits(&alone_states[lane]));
            }
        }
    }
}

/// What holds for every network of the registry with its default settings.
pub(crate) fn check_listed<C: NetworkConfig<Genome = Vector>>(key: &str) {
    assert_eq!(C::NAME, key);
    let config = C::default();
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<C>(&text).unwrap(), config);
    assert!(serde_json::from_str::<C>(r#"{"no such setting": 1}"#).is_err());
    assert!(serde_json::to_string(&schemars::schema_for!(C)).unwrap().contains("description"));
    let low = vec![-1.0, 0.0];
    let outputs = [
        Output::Discrete(3),
        Output::Continuous { low, high: vec![1.0, 0.5] },
        Output::Classes(4),
        Output::Values(1),
    ];
    for output in outputs {
        let problem = interface(&[1, 8, 8], output);
        let genes = config.genes(&problem);
        check_layout(&genes);
        check_program(&config, &problem, 2);
        let net = network(&config, &problem, 3);
        assert_eq!((net.inputs(), net.outputs()), (64, problem.output.len()));
        net.program_with_head(&config.head(&problem)).check().unwrap();
        // A genome of another length is refused, and the next decoding leaves nothing of the one before.
        let mut reused = net.clone();
        assert!(config.decode(&vec![0.0; genes.dimension() + 1], &mut reused).is_err());
        config.decode(&vec![0.5; genes.dimension()], &mut reused).unwrap();
        let mut fresh = config.blank(&problem);
        config.decode(&vec![0.5; genes.dimension()], &mut fresh).unwrap();
        assert_eq!(reused.program(), fresh.program());
    }
    assert!(config.check(&interface(&[], Output::Values(0))).is_err());
    check_lanes(&config, &interface(&[1, 8, 8], Output::Discrete(2)));
}
