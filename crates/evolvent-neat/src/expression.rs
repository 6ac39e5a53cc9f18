//! What the outputs of a CPPN mean for a connection or a neuron: weight, expression, plasticity, bias.

use crate::{
    cppn::{Cppn, CppnInput},
    seed::Seed,
};
use evolvent_core::Violations;
use evolvent_nets::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The link expression output (LEO): a second output that says whether a connection exists, so that the weight need not.
///
/// P. Verbancsics and K. O. Stanley, "Constraining connectivity to encourage modularity in HyperNEAT", GECCO 2011.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinkExpression {
    /// A connection is expressed where the output is above this.
    pub threshold: f32,
    /// Axes along which first genomes prefer short connections: their CPPNs carry a Gauss node of the difference of both
    /// ends' coordinates on each of these axes, from which the output is fed. `[]` for no preference.
    pub locality: Vec<usize>,
    /// Steepness of these Gauss nodes, above 0: with one axis, connections over less than 0.83 / steepness are expressed.
    pub steepness: f32,
}

impl Default for LinkExpression {
    fn default() -> Self {
        LinkExpression { threshold: 0.0, locality: Vec::new(), steepness: 2.0 }
    }
}

/// Connections that learn while the network runs (adaptive HyperNEAT): four more outputs give each connection a learning rate η
/// and the coefficients of Δw = η (A x y + B x + C y). Weights are the state of an episode and begin at what the CPPN says.
///
/// S. Risi and K. O. Stanley, "Indirectly encoding neural plasticity as a pattern of local rules", SAB 2010 (the ABC model).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveRules {
    /// η lies in ± this. Above 0.
    pub rate_range: f32,
    /// A, B and C lie in ± this. Above 0.
    pub coefficient_range: f32,
}

impl Default for AdaptiveRules {
    fn default() -> Self {
        AdaptiveRules { rate_range: 0.1, coefficient_range: 1.0 }
    }
}

/// How CPPN outputs become connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expression<'a> {
    /// Outputs at or below this in absolute value are no connection.
    pub(crate) weight_threshold: f32,
    /// Weights lie in ± this.
    pub(crate) weight_range: f32,
    /// Biases lie in ± this.
    pub(crate) bias_range: f32,
    pub(crate) bias: bool,
    pub(crate) leo: Option<&'a LinkExpression>,
    pub(crate) plasticity: Option<&'a AdaptiveRules>,
}

/// η, A, B, C of a connection.
pub(crate) type RuleNumbers = [f32; 4];

impl Expression<'_> {
    /// Outputs that each group of connections has.
    pub(crate) fn per_group(&self) -> usize {
        1 + usize::from(self.leo.is_some()) + if self.plasticity.is_some() { 4 } else { 0 }
    }

    /// What each of them means.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let rules: &[_] = if self.plasticity.is_some() { &["rate η", "A", "B", "C"] } else { &[] };
        let link = self.leo.is_some().then_some("link");
        std::iter::once("weight").chain(link).chain(rules.iter().copied()).collect()
    }

    /// All outputs, for so many groups of connections and of neurons with biases.
    pub(crate) fn outputs(&self, groups: usize, biased: usize) -> usize {
        groups * self.per_group() + if self.bias { biased } else { 0 }
    }

    /// Whether a connection of a group is expressed, by the link expression output alone.
    pub(crate) fn linked(&self, outputs: &[f32], group: usize) -> bool {
        self.leo.is_none_or(|leo| outputs[group * self.per_group() + 1] > leo.threshold)
    }

    /// What the CPPN says of a connection's strength, before threshold and range.
    pub(crate) fn raw(&self, outputs: &[f32], group: usize) -> f32 {
        outputs[group * self.per_group()].clamp(-1.0, 1.0)
    }

    /// The weight of a connection; 0 if it is not expressed. The threshold is taken off, so that weights begin at 0
    /// (Stanley et al. 2009, section 3).
    pub(crate) fn weight(&self, outputs: &[f32], group: usize) -> f32 {
        let raw = self.raw(outputs, group);
        let t = self.weight_threshold;
        if !self.linked(outputs, group) || raw.abs() <= t {
            return 0.0;
        }
        (self.weight_range * (raw.abs() - t) / (1.0 - t)).copysign(raw)
    }

    /// η, A, B and C of a connection, if connections learn.
    pub(crate) fn rule(&self, outputs: &[f32], group: usize) -> RuleNumbers {
        let Some(plasticity) = self.plasticity else { return [0.0; 4] };
        let first = group * self.per_group() + 1 + usize::from(self.leo.is_some());
        let (rate, coefficient) = (plasticity.rate_range, plasticity.coefficient_range);
        std::array::from_fn(|i| outputs[first + i].clamp(-1.0, 1.0) * if i == 0 { rate } else { coefficient })
    }

    /// The bias of a neuron.
    pub(crate) fn bias(&self, outputs: &[f32], groups: usize, group: usize) -> f32 {
        if self.bias {
            outputs[groups * self.per_group() + group].clamp(-1.0, 1.0) * self.bias_range
        } else {
            0.0
        }
    }

    /// Adds what is out of range, paths relative to the decoder's table.
    pub(crate) fn check(&self, v: &mut Violations, cppn: &Cppn, dimensions: Option<usize>) {
        let t = self.weight_threshold;
        v.require((0.0..1.0).contains(&t), "weight_threshold", t, "a number from 0 to below 1");
        v.positive("weight_range", f64::from(self.weight_range));
        v.non_negative("bias_range", f64::from(self.bias_range));
        if let Some(leo) = self.leo {
            v.require(leo.threshold.is_finite(), "leo.threshold", leo.threshold, "a finite number");
            v.positive("leo.steepness", f64::from(leo.steepness));
            for (i, &axis) in leo.locality.iter().enumerate() {
                let fits = dimensions.is_none_or(|d| axis < d) && !leo.locality[..i].contains(&axis);
                let expected = match dimensions {
                    Some(d) => format!("an axis in 0 to {}, each at most once", d.saturating_sub(1)),
                    None => "each axis at most once".into(),
                };
                v.require(fits, &format!("leo.locality.{i}"), axis, &expected);
            }
            let ends = [CppnInput::Source, CppnInput::Target];
            let shown = |input| cppn.inputs.contains(&input);
            if !leo.locality.is_empty() && !shown(CppnInput::Delta) && !ends.into_iter().all(shown) {
                v.add_with_hint(
                    "leo.locality",
                    format!("{:?} where the CPPN is shown {:?}", leo.locality, cppn.inputs),
                    "a CPPN that sees both ends or their difference",
                    "cppn.inputs = [\"source\", \"target\", \"delta\"]",
                );
            }
        }
        if let Some(plasticity) = self.plasticity {
            v.positive("plasticity.rate_range", f64::from(plasticity.rate_range));
            v.positive("plasticity.coefficient_range", f64::from(plasticity.coefficient_range));
        }
    }

    /// The seed of first genomes: for each axis of locality a node Gauss(steepness · (source − target)), and their sum less
    /// their number plus one half into each link expression output.
    pub(crate) fn seed(&self, cppn: &Cppn, dimensions: usize, groups: usize, biased: usize) -> Seed {
        let mut seed = Seed::default();
        let Some(leo) = self.leo.filter(|leo| !leo.locality.is_empty()) else { return seed };
        let bias = cppn.input_len(dimensions);
        let sources = bias + 1;
        let fixed = sources + self.outputs(groups, biased);
        let output = |group: usize| (sources + group * self.per_group() + 1) as u32;
        for (k, &axis) in leo.locality.iter().enumerate() {
            seed.hidden.push(Activation::Gauss);
            let place = |input| cppn.place(input, dimensions).map(|at| (at + axis) as u32);
            let ends = match place(CppnInput::Delta) {
                Some(delta) => vec![(delta, leo.steepness)],
                None => {
                    let both = [(CppnInput::Source, leo.steepness), (CppnInput::Target, -leo.steepness)];
                    both.into_iter().filter_map(|(input, w)| place(input).map(|at| (at, w))).collect()
                }
            };
            let node = (fixed + k) as u32;
            seed.connections.extend(ends.into_iter().map(|(from, weight)| (from, node, weight)));
            seed.connections.extend((0..groups).map(|g| (node, output(g), 1.0)));
        }
        let cut = 0.5 - leo.locality.len() as f32;
        seed.connections.extend((0..groups).map(|g| (bias as u32, output(g), cut)));
        seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression<'a>(
        leo: Option<&'a LinkExpression>,
        plasticity: Option<&'a AdaptiveRules>,
    ) -> Expression<'a> {
        Expression { weight_threshold: 0.2, weight_range: 3.0, bias_range: 2.0, bias: true, leo, plasticity }
    }

    #[test]
    fn weights_by_hand() {
        let plain = expression(None, None);
        // Two groups and one bias.
        assert_eq!(plain.outputs(2, 1), 3);
        let weight = |raw: f32| plain.weight(&[0.0, raw, 0.5], 1);
        assert_eq!((weight(0.2), weight(-0.2), weight(0.0)), (0.0, 0.0, 0.0));
        assert!((weight(0.6) - 1.5).abs() < 1e-6 && (weight(-0.6) + 1.5).abs() < 1e-6);
        assert_eq!((weight(7.0), weight(-1.0)), (3.0, -3.0));
        assert_eq!(plain.bias(&[0.0, 0.0, 0.5], 2, 0), 1.0);
    }

    #[test]
    fn links_and_rules_by_hand() {
        let (leo, rules) =
            (LinkExpression::default(), AdaptiveRules { rate_range: 0.1, coefficient_range: 2.0 });
        let both = expression(Some(&leo), Some(&rules));
        assert_eq!((both.per_group(), both.outputs(1, 1)), (6, 7));
        let outputs = [1.0, 0.01, 0.5, 1.0, -9.0, 0.25, 0.0];
        assert_eq!(both.weight(&outputs, 0), 3.0);
        assert_eq!(both.rule(&outputs, 0), [0.05, 2.0, -2.0, 0.5]);
        assert_eq!(both.weight(&[1.0, 0.0, 0.5, 1.0, -9.0, 0.25, 0.0], 0), 0.0);
    }

    #[test]
    fn mistakes_are_listed_together() {
        let leo = LinkExpression { threshold: f32::NAN, locality: vec![0, 2, 0], steepness: 0.0 };
        let rules = AdaptiveRules { rate_range: -1.0, coefficient_range: 1.0 };
        let bad =
            Expression { weight_threshold: 1.0, weight_range: 0.0, ..expression(Some(&leo), Some(&rules)) };
        let cppn = Cppn { inputs: vec![CppnInput::Source], ..Cppn::default() };
        let mut v = Violations::new();
        bad.check(&mut v, &cppn, Some(2));
        let paths: Vec<&str> = v.0.iter().map(|v| v.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "weight_threshold",
                "weight_range",
                "leo.threshold",
                "leo.steepness",
                "leo.locality.1",
                "leo.locality.2",
                "leo.locality",
                "plasticity.rate_range"
            ]
        );
    }
}
