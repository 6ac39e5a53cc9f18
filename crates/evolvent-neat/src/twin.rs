//! What the tests of every network over graphs check.

use crate::{
    graph::{Graph, GraphGenes},
    innovation::Innovations,
    variation::{Mutation, apply, first, mutate},
};
use evolvent_core::{Interface, Network, Output, Purpose, RunKey, Stream, stream};
use evolvent_nets::{Describe, NetworkConfig, Normalizer, program::Interpreter};
use std::sync::Arc;

pub(crate) fn rng(seed: u64) -> Stream {
    stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Problem)
}

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = rng(seed);
    (0..n).map(|_| rng.normal() as f32).collect()
}

/// Rates at which much happens.
pub(crate) fn busy() -> Mutation {
    Mutation {
        add_node: 0.4,
        add_connection: 0.6,
        delete_node: 0.1,
        delete_connection: 0.15,
        exclusive: false,
        toggle: 0.2,
        enable: 0.1,
        activation: 0.3,
        aggregation: 0.3,
        ..Mutation::default()
    }
}

/// A genome that so many busy mutations have passed over.
pub(crate) fn grown(genes: &GraphGenes, seed: u64, steps: usize, innovations: &mut Innovations) -> Graph {
    let mut rng = rng(seed);
    innovations.begin(genes);
    let mut graph = first(genes, &mut rng);
    for _ in 0..steps {
        let proposals = mutate(genes, &busy(), true, &mut graph, &mut rng);
        graph = apply(graph, &proposals, innovations);
    }
    graph
}

fn network<C: NetworkConfig<Genome = Graph>>(config: &C, graph: &Graph, interface: &Interface) -> C::Network {
    let mut network = config.blank(interface);
    config.decode(graph, &mut network).unwrap();
    network
}

/// A network equals the interpretation of its program, with and without a normaliser. Not for activations that jump.
pub(crate) fn check_program<C: NetworkConfig<Genome = Graph>>(
    config: &C,
    graph: &Graph,
    interface: &Interface,
    steps: u64,
) {
    let mut net = network(config, graph, interface);
    let inputs = interface.inputs();
    for normalized in [false, true] {
        if normalized {
            let inv_std = numbers(inputs, 2).iter().map(|x| x.abs()).collect();
            let normalizer = Normalizer { mean: numbers(inputs, 1), inv_std, clip: 1.5 };
            net.set_normalizer(Some(Arc::new(normalizer)));
        }
        let program = net.program();
        let memory: usize = program.states.iter().map(|s| s.initial.len()).sum();
        assert_eq!(memory, net.state_len());
        let mut interpreter = Interpreter::new(program).unwrap();
        let mut state = vec![0.0; net.state_len()];
        net.reset_state(&mut state, 1, 0);
        let mut scratch = vec![f32::NAN; net.scratch_len(1)];
        for step in 0..steps {
            let x = numbers(inputs, 100 + step);
            let mut y = vec![0.0; net.outputs()];
            net.forward(1, &x, &mut state, &mut y, &mut scratch);
            let twin = &interpreter.step(&x).unwrap()[0];
            assert_eq!(y.len(), twin.len());
            for (y, t) in y.iter().zip(twin) {
                let close = (y - t).abs() <= 2e-5 * t.abs().max(1.0);
                assert!(close, "step {step}: {y} against {t}, {config:?}\n{graph:?}");
            }
        }
    }
}

/// One lane alone, many lanes, and lanes of a group of networks all give the same bits, over several steps.
pub(crate) fn check_lanes<C: NetworkConfig<Genome = Graph>>(
    config: &C,
    graphs: &[Graph],
    interface: &Interface,
) {
    let inputs = interface.inputs();
    let nets: Vec<C::Network> = graphs.iter().map(|g| network(config, g, interface)).collect();
    let outputs = nets[0].outputs();
    let longest = nets.iter().map(C::Network::state_len).max().unwrap_or(0);
    for (group, episodes) in [(1, 1), (1, 3), (1, 4), (1, 7), (1, 21), (nets.len(), 1), (3, 5), (2, 66)] {
        let lanes = group * episodes;
        let nets = &nets[..group];
        let mut scratch = vec![f32::NAN; C::Network::group_scratch_len(nets, episodes)];
        let mut state = vec![0.0; longest * lanes];
        let mut alone_states = vec![vec![0.0; longest]; lanes];
        for step in 0..3 {
            let x = numbers(inputs * lanes, step);
            let mut y = vec![f32::NAN; outputs * lanes];
            C::Network::forward_group(nets, episodes, &x, &mut state, &mut y, &mut scratch);
            for lane in 0..lanes {
                let net = &nets[lane / episodes];
                let own: Vec<f32> = x.iter().skip(lane).step_by(lanes).copied().collect();
                let mut alone = vec![0.0; outputs];
                let mut alone_scratch = vec![f32::NAN; net.scratch_len(1)];
                net.forward(1, &own, &mut alone_states[lane], &mut alone, &mut alone_scratch);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                let here: Vec<f32> = y.iter().skip(lane).step_by(lanes).copied().collect();
                assert_eq!(bits(&here), bits(&alone), "lane {lane} of {group} x {episodes}, step {step}");
                let here: Vec<f32> = state.iter().skip(lane).step_by(lanes).copied().collect();
                assert_eq!(bits(&here), bits(&alone_states[lane]));
            }
        }
    }
}

/// What holds for every listed network with its default settings.
pub(crate) fn check_listed<C: NetworkConfig<Genome = Graph>>(key: &str) {
    assert_eq!(C::NAME, key);
    let config = C::default();
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<C>(&text).unwrap(), config);
    assert!(serde_json::from_str::<C>(r#"{"no such setting": 1}"#).is_err());
    assert!(serde_json::to_string(&schemars::schema_for!(C)).unwrap().contains("description"));
    let continuous = Output::Continuous { low: vec![-1.0, 0.0], high: vec![1.0, 0.5] };
    for output in [Output::Discrete(3), continuous, Output::Classes(4), Output::Values(1)] {
        let problem = Interface { input: vec![1, 2, 2], output };
        config.check(&problem).unwrap();
        let genes = config.genes(&problem);
        let mut innovations = Innovations::default();
        let graphs: Vec<Graph> = (0..9).map(|seed| grown(&genes, seed, 15, &mut innovations)).collect();
        graphs.iter().take(3).for_each(|graph| check_program(&config, graph, &problem, 2));
        let net = network(&config, &graphs[0], &problem);
        assert_eq!((net.inputs(), net.outputs()), (4, problem.output.len()));
        net.program_with_head(&config.head(&problem)).check().unwrap();
        // The next decoding leaves nothing of the one before.
        let mut reused = net.clone();
        config.decode(&graphs[1], &mut reused).unwrap();
        assert_eq!(reused.program(), network(&config, &graphs[1], &problem).program());
        check_lanes(&config, &graphs, &problem);
    }
    let other = Interface { input: vec![5], output: Output::Values(1) };
    let own = Interface { input: vec![4], output: Output::Values(1) };
    let genes = config.genes(&other);
    let graph = first(&genes, &mut rng(1));
    // Indirect encodings do not count inputs: the same genes serve both problems.
    let refused = config.decode(&graph, &mut config.blank(&own)).is_err();
    assert_eq!(refused, genes != config.genes(&own));
    let none = Interface { input: vec![], output: Output::Values(0) };
    assert!(config.check(&none).is_err());
}
