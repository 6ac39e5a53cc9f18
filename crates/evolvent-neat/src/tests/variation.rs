//! Every mutation does what it is called, and crossover keeps genes aligned.

use super::genes;
use crate::twin::{busy, grown, rng};
use crate::{
    distance::{Comparable, Distance, distance, near},
    graph::{Bias, Dynamics, Graph, GraphGenes},
    innovation::Innovations,
    variation::{Crossover, Mutation, Proposal, apply, cross, mutate},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Nothing happens.
fn calm() -> Mutation {
    Mutation { add_node: 0.0, add_connection: 0.0, weights: 0.0, ..Mutation::default() }
}

fn acyclic() -> GraphGenes {
    genes(Dynamics::FeedForward, Bias::Node)
}

/// A grown genome before and after one mutation.
fn mutated(rates: Mutation, seed: u64) -> (Graph, Graph) {
    let mut innovations = Innovations::default();
    let parent = grown(&acyclic(), seed, 15, &mut innovations);
    let mut child = parent.clone();
    let proposals = mutate(&acyclic(), &rates, true, &mut child, &mut rng(seed));
    (parent, apply(child, &proposals, &mut innovations))
}

fn flags_that_differ(a: &Graph, b: &Graph) -> usize {
    a.structure.enabled.iter().zip(&b.structure.enabled).filter(|(x, y)| x != y).count()
}

fn joined(graph: &Graph) -> Vec<(u32, u32)> {
    let s = &graph.structure;
    let mut pairs: Vec<(u32, u32)> = s.from.iter().copied().zip(s.to.iter().copied()).collect();
    pairs.sort_unstable();
    pairs
}

#[test]
fn without_rates_nothing_changes_and_nothing_is_copied() {
    let (parent, child) = mutated(calm(), 1);
    assert!(std::sync::Arc::ptr_eq(&parent.structure, &child.structure));
    assert!(std::sync::Arc::ptr_eq(&parent.values, &child.values));
}

#[test]
fn each_rate_changes_what_it_names() {
    for seed in 0..20 {
        let (parent, child) = mutated(Mutation { weights: 1.0, ..calm() }, seed);
        assert!(std::sync::Arc::ptr_eq(&parent.structure, &child.structure));
        let moved = |(a, b): (&f32, &f32)| a != b || a.abs() == 8.0; // or stays at the limit
        assert!(parent.weights().iter().zip(child.weights()).all(moved));
        assert_eq!(parent.biases(), child.biases()); // the bias is a node here

        let half = Mutation { weights: 1.0, replace: 0.0, spare: 1.0, ..calm() };
        let (parent, child) = mutated(half, seed);
        assert_eq!(parent.values, child.values);

        let (parent, child) = mutated(Mutation { add_node: 1.0, ..calm() }, seed);
        let before = (parent.structure.hidden(), parent.structure.connections(), parent.expressed());
        let after = (child.structure.hidden(), child.structure.connections(), child.expressed());
        assert_eq!(after, (before.0 + 1, before.1 + 2, before.2 + 1));

        let (parent, child) = mutated(Mutation { add_connection: 1.0, ..calm() }, seed);
        let more = child.structure.connections() - parent.structure.connections();
        assert!(more <= 1 && child.structure.hidden() == parent.structure.hidden());

        let (parent, child) = mutated(Mutation { delete_connection: 1.0, ..calm() }, seed);
        assert_eq!(child.structure.connections() + 1, parent.structure.connections());

        let (parent, child) = mutated(Mutation { delete_node: 1.0, ..calm() }, seed);
        assert_eq!(child.structure.hidden() + 1, parent.structure.hidden().max(1));
        child.check().unwrap();

        let (parent, child) = mutated(Mutation { toggle: 1.0, ..calm() }, seed);
        assert_eq!(flags_that_differ(&parent, &child), 1);

        let (parent, child) = mutated(Mutation { enable: 1.0, ..calm() }, seed);
        let disabled = parent.structure.enabled.iter().position(|e| !e);
        assert_eq!(flags_that_differ(&parent, &child), usize::from(disabled.is_some()));
        assert!(disabled.is_none_or(|c| child.structure.enabled[c]));

        let functions = |rates| {
            let (parent, child) = mutated(rates, seed);
            assert_eq!(parent.structure.innovations, child.structure.innovations);
            let pairs = parent.structure.nodes.iter().zip(&child.structure.nodes);
            let counts = pairs.map(|(a, b)| (a.activation != b.activation, a.aggregation != b.aggregation));
            counts.fold((0, 0), |sum, (x, y)| (sum.0 + usize::from(x), sum.1 + usize::from(y)))
        };
        let (activations, aggregations) = functions(Mutation { activation: 1.0, ..calm() });
        assert!(activations <= 1 && aggregations == 0);
        let (activations, aggregations) = functions(Mutation { aggregation: 1.0, ..calm() });
        assert!(activations == 0 && aggregations <= 1);
    }
}

#[test]
fn exclusive_mutations_change_structure_or_numbers() {
    let all = Mutation { add_node: 1.0, add_connection: 1.0, weights: 1.0, exclusive: true, ..calm() };
    let (parent, child) = mutated(all, 3);
    assert_eq!(child.structure.connections(), parent.structure.connections() + 2);
    let kept = |i: &u32| child.structure.innovations.binary_search(i).map(|c| child.values[c]);
    assert!(parent.structure.innovations.iter().zip(parent.weights()).all(|(i, w)| kept(i) == Ok(*w)));
    let (_, child) = mutated(Mutation { exclusive: false, ..all }, 3);
    let kept = |i: &u32| child.structure.innovations.binary_search(i).map(|c| child.values[c]);
    assert!(parent.structure.innovations.iter().zip(parent.weights()).any(|(i, w)| kept(i) != Ok(*w)));
}

#[test]
fn while_pruning_nothing_is_added() {
    let mut graph = grown(&acyclic(), 5, 15, &mut Innovations::default());
    let rates = Mutation { add_node: 1.0, add_connection: 1.0, ..busy() };
    for seed in 0..50 {
        let (nodes, genes) = (graph.structure.hidden(), graph.structure.connections());
        assert_eq!(mutate(&acyclic(), &rates, false, &mut graph, &mut rng(seed)), [None; 2]);
        assert!(graph.structure.hidden() <= nodes && graph.structure.connections() <= genes);
    }
}

/// Splits of a genome of four connections: 0.7, 0.21, 0.063, 0.0189 of those that find one.
#[test]
fn small_genomes_split_old_connections_first() {
    let mut genes = acyclic();
    (genes.initial, genes.inputs, genes.outputs) = (crate::Initial::Full, 3, 1);
    genes.bias = Bias::Gene;
    genes.inputs = 4;
    let graph = crate::variation::first(&genes, &mut rng(1));
    let count = |old_first: usize| {
        let rates = Mutation { add_node: 1.0, old_first, ..calm() };
        let mut counts = [0i32; 4];
        for seed in 0..2000 {
            if let Some(Proposal::Split { innovation, .. }) =
                mutate(&genes, &rates, true, &mut graph.clone(), &mut rng(seed))[0]
            {
                counts[innovation as usize] += 1;
            }
        }
        counts
    };
    // Expected 1400, 420, 126 and 38 (sd 20, 18, 11, 6); 500 each (sd 19). Beyond 4.5 sd: below 1e-4 in all.
    let old = count(15);
    for (found, (expected, sd)) in old.into_iter().zip([(1400, 20), (420, 18), (126, 11), (38, 6)]) {
        assert!((found - expected).abs() < 9 * sd / 2, "{old:?}");
    }
    assert!(count(0).iter().all(|c| (c - 500).abs() < 86));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn structure_stays_sound(seed in 0u64..1_000_000, cyclic: bool) {
        let genes = genes(if cyclic { Dynamics::Recurrent } else { Dynamics::FeedForward }, Bias::Node);
        let mut innovations = Innovations::default();
        let a = grown(&genes, seed, 30, &mut innovations);
        let b = grown(&genes, seed + 1, 10, &mut innovations);
        for graph in [&a, &cross(&Crossover::default(), &a, &b, &mut rng(seed))] {
            prop_assert_eq!(graph.check(), Ok(())); // sorted, nothing dangles
            let pairs = joined(graph);
            prop_assert!(pairs.windows(2).all(|w| w[0] != w[1]), "two genes join the same nodes");
            prop_assert!(cyclic || !graph.structure.is_cyclic());
        }
    }

    #[test]
    fn children_have_the_genes_of_the_fitter(seed in 0u64..1_000_000, average in 0usize..2) {
        let mut innovations = Innovations::default();
        let root = grown(&acyclic(), seed, 6, &mut innovations);
        let branch = |twig: u64, innovations: &mut Innovations| {
            let (mut graph, mut rng) = (root.clone(), rng(seed + twig));
            for _ in 0..8 {
                let proposals = mutate(&acyclic(), &busy(), true, &mut graph, &mut rng);
                graph = apply(graph, &proposals, innovations);
            }
            graph
        };
        let (a, b) = (branch(1, &mut innovations), branch(2, &mut innovations));
        let child = cross(&Crossover { average: average as f64, keep_disabled: 1.0 }, &a, &b, &mut rng(seed));
        prop_assert_eq!(&child.structure.innovations, &a.structure.innovations);
        for (c, innovation) in a.structure.innovations.iter().enumerate() {
            let (mine, other) = (a.values[c], b.structure.innovations.binary_search(innovation));
            let off = !a.structure.enabled[c] || other.is_ok_and(|j| !b.structure.enabled[j]);
            prop_assert_eq!(child.structure.enabled[c], !off);
            let expected = match other {
                Ok(j) if average == 1 => vec![0.5 * (mine + b.values[j])],
                Ok(j) => vec![mine, b.values[j]],
                Err(_) => vec![mine],
            };
            prop_assert!(expected.contains(&child.values[c]));
        }
    }

    #[test]
    fn near_is_a_distance_below_the_threshold(
        seed in 0u64..1_000_000, threshold in 0.1f64..20.0, small in 0usize..30, growth in 0usize..150,
    ) {
        let genes = genes(Dynamics::FeedForward, if seed % 2 == 0 { Bias::Node } else { Bias::Gene });
        let mut innovations = Innovations::default();
        let a = grown(&genes, seed, growth, &mut innovations);
        let b = grown(&genes, seed + 1, growth / 4, &mut innovations);
        let c = Distance { excess: 1.0, disjoint: 0.7, weights: 0.4, small };
        let [x, y] = [&a, &b].map(Comparable::new);
        prop_assert!((distance(&c, &a, &b) - by_definition(&c, &a, &b)).abs() < 1e-9);
        prop_assert_eq!(near(&c, threshold, &x, &y), distance(&c, &a, &b) < threshold);
        prop_assert!(near(&c, threshold, &x, &x));
    }
}

/// Equation 1 by sets of genes.
fn by_definition(c: &Distance, a: &Graph, b: &Graph) -> f64 {
    let genes = |g: &Graph| -> BTreeMap<u32, f32> {
        g.structure.innovations.iter().copied().zip(g.weights().iter().copied()).collect()
    };
    let (x, y) = (genes(a), genes(b));
    let last = |g: &BTreeMap<u32, f32>| g.keys().next_back().copied();
    let common = last(&x).min(last(&y));
    let alone = x.keys().filter(|i| !y.contains_key(i)).chain(y.keys().filter(|i| !x.contains_key(i)));
    let (excess, disjoint): (Vec<u32>, Vec<u32>) = alone.partition(|i| Some(**i) > common);
    let both: Vec<f64> = x.iter().filter_map(|(i, w)| y.get(i).map(|v| f64::from((w - v).abs()))).collect();
    let biases = |g: &Graph| -> BTreeMap<u32, f32> {
        g.structure.nodes[g.structure.sources as usize..]
            .iter()
            .map(|n| n.id)
            .zip(g.biases().to_vec())
            .collect()
    };
    let (p, q) = (biases(a), biases(b));
    let carried = p.values().chain(q.values()).any(|&v| v != 0.0);
    let nodes = p.iter().filter_map(|(i, v)| q.get(i).map(|w| f64::from((v - w).abs())));
    let all: Vec<f64> = both.into_iter().chain(nodes.filter(|_| carried)).collect();
    let larger = x.len().max(y.len());
    let n = if larger < c.small { 1.0 } else { larger as f64 };
    let mean = if all.is_empty() { 0.0 } else { all.iter().sum::<f64>() / all.len() as f64 };
    c.excess * excess.len() as f64 / n + c.disjoint * disjoint.len() as f64 / n + c.weights * mean
}
