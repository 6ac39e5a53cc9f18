//! Where neurons are found, what joins them, and what is removed.

use super::*;
use crate::{
    graph::Initial,
    hyperneat::tests::{check_network, decoded, grown, problem, rng},
    seed::Seed,
    substrate::Placement,
    variation::first,
};
use evolvent_core::Network;
use proptest::prelude::*;

/// Two inputs below, two outputs above, one tree level unless said otherwise.
fn small() -> EsHyperNeat {
    EsHyperNeat {
        division: Division {
            initial_depth: 1,
            maximum_depth: 1,
            division_threshold: 0.03,
            variance_threshold: 0.03,
            band_threshold: 0.1,
        },
        iterations: 0,
        bias: false,
        cppn: Cppn {
            initial: Initial::Unconnected,
            output_activation: Activation::Linear,
            ..Cppn::default()
        },
        ..EsHyperNeat::default()
    }
}

/// A CPPN of these connections; inputs x₁ y₁ x₂ y₂, bias 4, weight 5, hidden nodes from 6 (or 7 with leo) on.
fn cppn(
    config: &EsHyperNeat,
    interface: &Interface,
    hidden: Vec<Activation>,
    connections: Vec<(u32, u32, f32)>,
) -> Graph {
    let genes = GraphGenes { seed: Seed { hidden, connections }, ..config.genes(interface) };
    first(&genes, &mut rng(1))
}

#[test]
fn neurons_stand_where_the_pattern_holds_information() {
    let (config, interface) = (small(), problem(&[2], 2));
    // Weight x₂ of whatever is entered: inputs find the four cells of depth 1; from a hidden neuron to an output it is the
    // output's x, the same for all cells, so no output has an incoming connection and all neurons are removed.
    let genome = cppn(&config, &interface, vec![], vec![(2, 5, 0.5)]);
    let network = decoded(&config, &interface, &genome);
    assert_eq!((network.neurons(), network.connections()), (2, 0));
    check_network(&network);
    // Weight x₁ + x₂: hidden neurons at (±0.5, ±0.5), all joined, except where the sum is 0.
    let genome = cppn(&config, &interface, vec![], vec![(0, 5, 0.5), (2, 5, 0.5)]);
    let network = decoded(&config, &interface, &genome);
    assert_eq!(network.neurons(), 4 + 2);
    let positions = network.positions();
    assert_eq!(positions[0], [-0.5, -1.0]);
    assert_eq!(
        positions[2..6],
        [[-0.5f32, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]].each_ref().map(|p| &p[..])
    );
    assert_eq!(positions[7], [0.5, 1.0]);
    // Inputs and outputs at ±0.5 join the hidden neurons of their own side alone: the others' sum is 0.
    let mut expected = Vec::new();
    for (hidden, x) in [(2, -0.5f32), (3, 0.5), (4, -0.5), (5, 0.5)] {
        let side = usize::from(x > 0.0);
        expected.extend([(side, hidden, 5.0 * x), (hidden, 6 + side, 5.0 * x)]);
    }
    let mut found = network.connection_list();
    found.sort_by_key(|c| (c.0, c.1));
    expected.sort_by_key(|c| (c.0, c.1));
    assert_eq!(found, expected);
    check_network(&network);
}

#[test]
fn neurons_without_a_path_are_removed() {
    let (config, interface) = (small(), problem(&[2], 2));
    // Weight max(0, x₁ + x₂): the left side has no connections at all.
    let config =
        EsHyperNeat { cppn: Cppn { activations: vec![Activation::Relu], ..config.cppn.clone() }, ..config };
    let genome =
        cppn(&config, &interface, vec![Activation::Relu], vec![(0, 6, 0.5), (2, 6, 0.5), (6, 5, 1.0)]);
    let network = decoded(&config, &interface, &genome);
    assert_eq!(network.neurons(), 2 + 2);
    assert!(network.positions()[2..4].iter().all(|p| p[0] == 0.5));
    assert_eq!(network.connections(), 4);
    // The left output has none, and answers nothing.
    let mut y = [9.0; 2];
    network.forward(1, &[1.0, 1.0], &mut [], &mut y, &mut vec![0.0; network.scratch_len(1)]);
    assert!(y[0] == 0.0 && y[1] > 0.0);
}

#[test]
fn iterations_find_further_neurons() {
    let interface = problem(&[2], 2);
    // Weight of x₁ x₂ sign alone does not tell; use x₂ − x₁ + y terms: grown CPPNs will do.
    let base = EsHyperNeat {
        division: Division {
            initial_depth: 2,
            maximum_depth: 3,
            band_threshold: 0.05,
            ..Division::default()
        },
        ..EsHyperNeat::default()
    };
    let count = |iterations: u32, recurrent: bool| {
        let config = EsHyperNeat { iterations, recurrent, ..base.clone() };
        let networks = (0..10).map(|seed| {
            let network = decoded(&config, &interface, &grown(&config.genes(&interface), seed, 15));
            check_network(&network);
            let acyclic = network.connection_list().iter().all(|c| c.0 < c.1);
            assert!(recurrent || acyclic);
            (network.neurons(), usize::from(!acyclic))
        });
        networks.fold((0, 0), |sum, n| (sum.0 + n.0, sum.1 + n.1))
    };
    let (none, one, back) = (count(0, false), count(1, false), count(1, true));
    assert!(none.0 < one.0, "{none:?} {one:?}");
    assert!(back.1 > 0, "{back:?}");
}

#[test]
fn sections_and_axes_choose_where_neurons_may_be() {
    let config = EsHyperNeat {
        inputs: SubstrateLayer {
            nodes: Auto::Value(Placement::Grid(vec![2, 4])),
            ..SubstrateLayer::sheet(&[-1.0])
        },
        outputs: SubstrateLayer {
            nodes: Auto::Value(Placement::Points(vec![vec![0.0, -0.5], vec![0.0, 0.5]])),
            ..SubstrateLayer::sheet(&[1.0])
        },
        axes: Auto::Value(vec![0, 1]),
        section: vec![0.0, 0.0, 0.25],
        ..EsHyperNeat::default()
    };
    let interface = problem(&[1, 2, 4], 2);
    let network = (0..20)
        .map(|seed| decoded(&config, &interface, &grown(&config.genes(&interface), seed, 20)))
        .find(|n| n.neurons() > 2)
        .unwrap();
    let positions = network.positions();
    assert_eq!(positions[0].len(), 3);
    assert!(positions[8..positions.len() - 2].iter().all(|p| p[2] == 0.25 && p[0].abs() < 1.0));
    check_network(&network);
}

#[test]
fn leo_and_limits() {
    let interface = problem(&[2], 2);
    let config =
        EsHyperNeat { leo: Some(LinkExpression { threshold: 0.5, ..LinkExpression::default() }), ..small() };
    // Link expression constant 0.4: nothing; 0.6: as without.
    let with = |leo: f32| {
        let genome = cppn(&config, &interface, vec![], vec![(0, 5, 0.5), (2, 5, 0.5), (4, 6, leo)]);
        decoded(&config, &interface, &genome).connections()
    };
    assert_eq!((with(0.4), with(0.6)), (0, 8));
    let genome = cppn(&small(), &interface, vec![], vec![(0, 5, 0.5), (2, 5, 0.5)]);
    for limited in
        [EsHyperNeat { most_neurons: 3, ..small() }, EsHyperNeat { most_connections: 3, ..small() }]
    {
        let error = limited.decode(&genome, &mut limited.blank(&interface)).unwrap_err();
        assert!(error.0.contains("most_neurons"), "{error}");
    }
}

#[test]
fn plastic_networks_equal_their_programs() {
    let interface = problem(&[3], 2);
    let config = EsHyperNeat { plasticity: Some(AdaptiveRules::default()), ..EsHyperNeat::default() };
    for seed in 0..4 {
        check_network(&decoded(&config, &interface, &grown(&config.genes(&interface), seed, 20)));
    }
}

#[test]
fn mistakes_are_listed_together() {
    let interface = problem(&[4], 2);
    let paths = |config: EsHyperNeat| {
        config.check(&interface).unwrap_err().0.into_iter().map(|v| v.path).collect::<Vec<_>>().join(" ")
    };
    let config = EsHyperNeat {
        axes: Auto::Value(vec![0, 2]),
        section: vec![0.0; 3],
        division: Division { initial_depth: 4, maximum_depth: 3, ..Division::default() },
        most_neurons: 0,
        weight_threshold: 1.0,
        ..EsHyperNeat::default()
    };
    assert_eq!(paths(config), "most_neurons weight_threshold axes section division.maximum_depth");
    let config =
        EsHyperNeat { inputs: SubstrateLayer::of(Placement::Grid(vec![5])), ..EsHyperNeat::default() };
    assert_eq!(paths(config), "inputs.nodes");
    let text = serde_json::to_string(&EsHyperNeat::default()).unwrap();
    assert_eq!(serde_json::from_str::<EsHyperNeat>(&text).unwrap(), EsHyperNeat::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_cppn_has_a_sound_phenotype(seed in 0u64..10_000, generations in 0usize..40, leo: bool, recurrent: bool) {
        let config = EsHyperNeat {
            leo: leo.then(LinkExpression::default),
            recurrent,
            division: Division { initial_depth: 2, maximum_depth: 3, ..Division::default() },
            ..EsHyperNeat::default()
        };
        let interface = problem(&[4], 3);
        let genes = config.genes(&interface);
        let network = decoded(&config, &interface, &grown(&genes, seed, generations));
        let list = network.connection_list();
        let outputs = 4 + network.neurons() - 3;
        for &(from, to, weight) in &list {
            prop_assert!(to >= 4 && to < 4 + network.neurons() && weight.abs() <= 5.0);
            prop_assert!(from < outputs && (recurrent || from < to));
        }
        // Every hidden neuron is on a way from an input to an output.
        for neuron in 4..outputs {
            prop_assert!(list.iter().any(|c| c.1 == neuron) && list.iter().any(|c| c.0 == neuron));
        }
        prop_assert!(network.positions().len() == 4 + network.neurons());
    }
}
