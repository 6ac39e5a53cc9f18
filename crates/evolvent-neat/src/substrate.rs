//! Substrates: where the neurons of an indirectly encoded network are.
//!
//! K. O. Stanley, D. B. D'Ambrosio and J. Gauci, "A hypercube-based encoding for evolving large-scale neural networks",
//! Artificial Life 15(2), 2009. A substrate is a list of layers, each a grid or a list of points in a space of any number of
//! dimensions; a connection between two neurons is a point in a space of twice as many.

use evolvent_core::{Auto, Interface, Violations};
use evolvent_nets::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most neurons of one layer, and most coordinates of a point.
const MOST_NEURONS: usize = 1 << 20;
const MOST_DIMENSIONS: usize = 16;

/// How the neurons of a layer are given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// A grid with so many neurons along each axis, the last axis fastest: `[5]` is a line, `[11, 11]` a sheet.
    Grid(Vec<usize>),
    /// The coordinates of each neuron, all of one length.
    Points(Vec<Vec<f32>>),
}

/// Where the neurons of a grid stand on an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// In the middle of as many equal cells: a grid of three times the resolution puts three neurons where there was one.
    #[default]
    Cells,
    /// From end to end of the range; a single neuron stands in the middle.
    Ends,
}

/// One layer of a substrate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubstrateLayer {
    /// `{ grid = [11, 11] }` or `{ points = [[-1.0, 0.5], …] }`. `"auto"`, for inputs: a grid of the shape of what the
    /// problem shows (axes of length 1 left out); for outputs: the same grid if there are as many outputs as inputs, else a
    /// line. So the problem's resolution is that of the substrate.
    pub nodes: Auto<Placement>,
    /// How grids are spaced.
    pub spacing: Spacing,
    /// Lower and upper end of each axis of a grid; `"auto"`: −1 and 1.
    pub range: Auto<Vec<[f32; 2]>>,
    /// Coordinates behind those of each node: which sheet of the substrate the layer is. Where layers have different numbers
    /// of coordinates, missing ones are 0.
    pub offset: Vec<f32>,
    /// Activation of these neurons; `"auto"`: `activation`, or `output_activation` for the last layer. Without effect on inputs.
    pub activation: Auto<Activation>,
}

impl SubstrateLayer {
    /// A layer with these nodes.
    pub fn of(nodes: Placement) -> Self {
        SubstrateLayer { nodes: Auto::Value(nodes), ..Self::default() }
    }

    /// A sheet of auto-placed nodes behind these coordinates.
    pub fn sheet(offset: &[f32]) -> Self {
        SubstrateLayer { offset: offset.to_vec(), ..Self::default() }
    }
}

/// Points in one space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Coordinates of each.
    pub dimensions: usize,
    /// One row of coordinates per point.
    pub coordinates: Vec<f32>,
}

impl Points {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.coordinates.len() / self.dimensions.max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.coordinates.is_empty()
    }

    /// The coordinates of one.
    pub fn at(&self, i: usize) -> &[f32] {
        &self.coordinates[i * self.dimensions..(i + 1) * self.dimensions]
    }

    /// The same points with zeros for missing coordinates.
    pub(crate) fn padded(self, dimensions: usize) -> Points {
        if self.dimensions == dimensions {
            return self;
        }
        let own = self.dimensions.max(1);
        let mut coordinates = Vec::with_capacity(self.len() * dimensions);
        for row in self.coordinates.chunks_exact(own) {
            coordinates.extend_from_slice(row);
            coordinates.resize(coordinates.len() + dimensions - own, 0.0);
        }
        Points { dimensions, coordinates }
    }
}

/// What a layer is for; inputs and outputs are counted by the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Input,
    Hidden,
    Output,
}

/// Axes of a grid of inputs that is placed by itself.
fn input_axes(interface: &Interface) -> Vec<usize> {
    let axes: Vec<usize> = interface.input.iter().copied().filter(|&n| n != 1).collect();
    if axes.is_empty() { vec![1] } else { axes }
}

impl SubstrateLayer {
    /// The nodes, those of `"auto"` as the problem has them.
    fn placement(&self, part: Part, interface: &Interface) -> Option<Placement> {
        let outputs = interface.output.len();
        match (&self.nodes, part) {
            (Auto::Value(given), _) => Some(given.clone()),
            (Auto::Auto, Part::Hidden) => None,
            (Auto::Auto, Part::Input) => Some(Placement::Grid(input_axes(interface))),
            (Auto::Auto, Part::Output) if outputs == interface.inputs() => {
                Some(Placement::Grid(input_axes(interface)))
            }
            (Auto::Auto, Part::Output) => Some(Placement::Grid(vec![outputs])),
        }
    }

    /// The points of the layer, or what is wrong with it; paths are relative to the layer.
    pub(crate) fn points(&self, part: Part, interface: &Interface) -> Result<Points, Violations> {
        let mut v = Violations::new();
        let finite = |xs: &[f32]| xs.iter().all(|x| x.is_finite());
        v.require(finite(&self.offset), "offset", format!("{:?}", self.offset), "finite coordinates");
        let Some(placement) = self.placement(part, interface) else {
            v.add_with_hint(
                "nodes",
                "\"auto\"",
                "nodes: only inputs and outputs are placed by themselves",
                "nodes = { grid = [5, 5] }, or { points = [[0.0, 0.5], …] }",
            );
            return Err(v);
        };
        let points = match &placement {
            Placement::Grid(sizes) => self.grid(sizes, &mut v),
            Placement::Points(points) => {
                let dimensions = points.first().map_or(0, Vec::len);
                if points.is_empty() || dimensions == 0 {
                    v.add("nodes.points", format!("{points:?}"), "at least one point with a coordinate");
                }
                for (i, point) in points.iter().enumerate() {
                    let place = format!("nodes.points.{i}");
                    let found = format!("{point:?}");
                    let expected = format!("{dimensions} finite coordinates, as the first point has");
                    v.require(point.len() == dimensions && finite(point), &place, found, &expected);
                }
                Points { dimensions, coordinates: points.concat() }
            }
        };
        if !v.0.is_empty() {
            return Err(v);
        }
        let count = points.len();
        let wanted = match part {
            Part::Input => Some((interface.inputs(), "numbers that the problem shows")),
            Part::Output => Some((interface.output.len(), "outputs that the problem reads")),
            Part::Hidden => None,
        };
        if let Some((wanted, what)) = wanted.filter(|w| w.0 != count) {
            v.add_with_hint(
                "nodes",
                format!("{count} nodes"),
                &format!("{wanted} nodes, one for each of the {what}"),
                "nodes = \"auto\" follows the problem",
            );
        }
        let dimensions = points.dimensions + self.offset.len();
        v.require(
            dimensions <= MOST_DIMENSIONS,
            "offset",
            format!("{dimensions} coordinates"),
            "at most 16 coordinates",
        );
        v.into_result()?;
        let mut placed = Points { dimensions, coordinates: Vec::with_capacity(count * dimensions) };
        for row in points.coordinates.chunks_exact(points.dimensions) {
            placed.coordinates.extend_from_slice(row);
            placed.coordinates.extend_from_slice(&self.offset);
        }
        Ok(placed)
    }

    fn grid(&self, sizes: &[usize], v: &mut Violations) -> Points {
        let neurons = sizes.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        let ok = !sizes.is_empty() && neurons.is_some_and(|n| (1..=MOST_NEURONS).contains(&n));
        v.require(
            ok,
            "nodes.grid",
            format!("{sizes:?}"),
            "one axis or more, each with at least one node, 1048576 nodes in all at most",
        );
        if let Some(range) = self.range.given() {
            let fits = range.len() == sizes.len()
                && range.iter().all(|[low, high]| low.is_finite() && high.is_finite() && low <= high);
            let expected = format!("{} pairs of finite ends, low not above high", sizes.len());
            v.require(fits, "range", format!("{range:?}"), &expected);
        }
        if !v.0.is_empty() {
            return Points::default();
        }
        let axes: Vec<Vec<f32>> = sizes
            .iter()
            .enumerate()
            .map(|(axis, &n)| {
                let [low, high] = self.range.given().map_or([-1.0, 1.0], |range| range[axis]);
                (0..n).map(|i| along(self.spacing, i, n, low, high)).collect()
            })
            .collect();
        let mut coordinates = Vec::with_capacity(neurons.unwrap_or(0) * sizes.len());
        for index in 0..neurons.unwrap_or(0) {
            let mut rest = index;
            let start = coordinates.len();
            coordinates.resize(start + sizes.len(), 0.0);
            for axis in (0..sizes.len()).rev() {
                coordinates[start + axis] = axes[axis][rest % sizes[axis]];
                rest /= sizes[axis];
            }
        }
        Points { dimensions: sizes.len(), coordinates }
    }
}

/// The `i`-th of `n` places between two ends.
fn along(spacing: Spacing, i: usize, n: usize, low: f32, high: f32) -> f32 {
    let share = match spacing {
        Spacing::Cells => (i as f64 + 0.5) / n as f64,
        Spacing::Ends if n == 1 => 0.5,
        Spacing::Ends => i as f64 / (n - 1) as f64,
    };
    (f64::from(low) + (f64::from(high) - f64::from(low)) * share) as f32
}

/// Which pairs of layers are joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Substrate {
    /// Coordinates of a neuron.
    pub dimensions: usize,
    /// Inputs first, outputs last.
    pub layers: Vec<Points>,
    /// Activation of each layer; that of the inputs is `linear` and not used.
    pub activations: Vec<Activation>,
    /// Joined layers, sorted by the layer that is entered, then by the one that is left.
    pub pairs: Vec<[usize; 2]>,
}

/// Most connections that all pairs of layers together may have.
const MOST_CONNECTIONS: f64 = 2e8;

impl Substrate {
    /// The substrate of these layers for a problem. `connections` are pairs of layer numbers, or else each layer is joined to
    /// the next; those that do not lead forward need `recurrent`.
    ///
    /// # Errors
    /// All violations, paths relative to the decoder's table.
    pub fn new(
        layers: &[SubstrateLayer],
        connections: &Auto<Vec<[usize; 2]>>,
        recurrent: bool,
        (activation, output_activation): (Activation, Activation),
        interface: &Interface,
    ) -> Result<Substrate, Violations> {
        let mut v = Violations::new();
        let last = layers.len().saturating_sub(1);
        if last == 0 {
            v.add_with_hint(
                "layers",
                format!("{} layers", layers.len()),
                "at least two layers, inputs first and outputs last",
                "layers = [{}, {}] joins what the problem shows to what it reads",
            );
            return Err(v);
        }
        let mut placed = Vec::with_capacity(layers.len());
        for (l, layer) in layers.iter().enumerate() {
            let part = match l {
                0 => Part::Input,
                l if l == last => Part::Output,
                _ => Part::Hidden,
            };
            match layer.points(part, interface) {
                Ok(points) => placed.push(points),
                Err(inner) => v.absorb(&format!("layers.{l}"), Err(inner)),
            }
        }
        let mut pairs = match connections {
            Auto::Auto => (1..layers.len()).map(|l| [l - 1, l]).collect(),
            Auto::Value(pairs) => pairs.clone(),
        };
        for (i, &[from, to]) in pairs.iter().enumerate() {
            let place = format!("connections.{i}");
            let found = format!("[{from}, {to}]");
            if from > last || to > last || to == 0 {
                let expected = format!("[from, to] with from in 0 to {last} and to in 1 to {last}");
                v.add(&place, found, &expected);
            } else if !recurrent && from >= to {
                let hint = "recurrent = true allows connections back and within a layer";
                v.add_with_hint(&place, found, "a connection to a later layer", hint);
            } else if pairs[..i].contains(&[from, to]) {
                v.add(&place, format!("{found} again"), "each pair once");
            }
        }
        if v.0.is_empty() && !reaches(&pairs, last) {
            v.add_with_hint(
                "connections",
                format!("{pairs:?}"),
                &format!("a way from layer 0 (inputs) to layer {last} (outputs)"),
                "\"auto\" joins each layer to the next",
            );
        }
        v.into_result()?;
        pairs.sort_by_key(|&[from, to]| (to, from));
        let count: f64 = pairs.iter().map(|&[a, b]| placed[a].len() as f64 * placed[b].len() as f64).sum();
        if count > MOST_CONNECTIONS {
            return Err(Violations::one(
                "layers",
                format!("{count:.2e} connections"),
                "at most 2e8 connections",
            ));
        }
        let dimensions = placed.iter().map(|p| p.dimensions).max().unwrap_or(1);
        let activations = layers
            .iter()
            .enumerate()
            .map(|(l, layer)| match l {
                0 => Activation::Linear,
                l => layer.activation.or(|| if l == last { output_activation } else { activation }),
            })
            .collect();
        let layers = placed.into_iter().map(|points| points.padded(dimensions)).collect();
        Ok(Substrate { dimensions, layers, activations, pairs })
    }
}

/// Whether the last layer can be reached from the first.
fn reaches(pairs: &[[usize; 2]], last: usize) -> bool {
    let mut reached = vec![false; last + 1];
    reached[0] = true;
    for _ in 0..=last {
        for &[from, to] in pairs {
            reached[to] |= reached[from];
        }
    }
    reached[last]
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::Output;

    fn interface(input: &[usize], outputs: usize) -> Interface {
        Interface { input: input.to_vec(), output: Output::Values(outputs) }
    }

    fn substrate(
        layers: &[SubstrateLayer],
        connections: Auto<Vec<[usize; 2]>>,
        interface: &Interface,
    ) -> Result<Substrate, Violations> {
        let activations = (Activation::Tanh, Activation::Sigmoid);
        Substrate::new(layers, &connections, false, activations, interface)
    }

    #[test]
    fn grids_by_hand() {
        let line = SubstrateLayer::of(Placement::Grid(vec![4]));
        let points = line.points(Part::Hidden, &interface(&[1], 1)).unwrap();
        assert_eq!(points.coordinates, [-0.75, -0.25, 0.25, 0.75]);
        let sheet = SubstrateLayer {
            spacing: Spacing::Ends,
            range: Auto::Value(vec![[0.0, 2.0], [-1.0, 1.0]]),
            offset: vec![9.0],
            ..SubstrateLayer::of(Placement::Grid(vec![2, 3]))
        };
        let points = sheet.points(Part::Hidden, &interface(&[1], 1)).unwrap();
        assert_eq!((points.dimensions, points.len()), (3, 6));
        assert_eq!(points.at(0), [0.0, -1.0, 9.0]);
        assert_eq!(points.at(1), [0.0, 0.0, 9.0]);
        assert_eq!(points.at(5), [2.0, 1.0, 9.0]);
        let one = SubstrateLayer { spacing: Spacing::Ends, ..SubstrateLayer::of(Placement::Grid(vec![1])) };
        assert_eq!(one.points(Part::Hidden, &interface(&[1], 1)).unwrap().coordinates, [0.0]);
    }

    #[test]
    fn three_times_the_resolution_holds_the_coarse_centres() {
        let grid = |n| SubstrateLayer::of(Placement::Grid(vec![n])).points(Part::Hidden, &interface(&[1], 1));
        let (coarse, fine) = (grid(11).unwrap(), grid(33).unwrap());
        for i in 0..11 {
            assert!((coarse.at(i)[0] - fine.at(3 * i + 1)[0]).abs() < 1e-6);
        }
    }

    #[test]
    fn the_problem_places_inputs_and_outputs() {
        let layers = [SubstrateLayer::default(), SubstrateLayer::sheet(&[1.0])];
        let s = substrate(&layers, Auto::Auto, &interface(&[1, 11, 11], 121)).unwrap();
        assert_eq!((s.dimensions, s.layers[0].len(), s.layers[1].len()), (3, 121, 121));
        assert_eq!((s.layers[0].at(0)[2], s.layers[1].at(0)[2]), (0.0, 1.0));
        assert_eq!((&s.pairs[..], s.activations[1]), (&[[0, 1]][..], Activation::Sigmoid));
        let s = substrate(&layers, Auto::Auto, &interface(&[4], 2)).unwrap();
        assert_eq!((s.dimensions, s.layers[1].coordinates.clone()), (2, vec![-0.5, 1.0, 0.5, 1.0]));
    }

    #[test]
    fn impossible_substrates_are_explained() {
        let two = |a, b| [SubstrateLayer::of(a), SubstrateLayer::of(b)];
        let grid = |n: &[usize]| Placement::Grid(n.to_vec());
        let problem = interface(&[4], 2);
        let path = |r: Result<Substrate, Violations>| {
            r.unwrap_err().0.into_iter().map(|v| v.path).collect::<Vec<_>>().join(" ")
        };
        let try_with = |layers: &[SubstrateLayer]| path(substrate(layers, Auto::Auto, &problem));
        assert_eq!(try_with(&[]), "layers");
        assert_eq!(try_with(&[SubstrateLayer::default()]), "layers");
        assert_eq!(try_with(&two(grid(&[2, 2]), grid(&[3]))), "layers.1.nodes");
        assert_eq!(try_with(&two(grid(&[0]), grid(&[]))), "layers.0.nodes.grid layers.1.nodes.grid");
        let overflow = [1 << 40, 1 << 40];
        assert_eq!(try_with(&two(grid(&overflow), grid(&[2]))), "layers.0.nodes.grid");
        let ragged = Placement::Points(vec![vec![0.0], vec![1.0, f32::NAN]]);
        assert_eq!(try_with(&two(grid(&[4]), ragged)), "layers.1.nodes.points.1");
        assert_eq!(try_with(&two(grid(&[4]), Placement::Points(vec![]))), "layers.1.nodes.points");
        let hidden = [SubstrateLayer::default(), SubstrateLayer::default(), SubstrateLayer::default()];
        assert_eq!(try_with(&hidden), "layers.1.nodes");
        let large = SubstrateLayer::of(grid(&[1000, 1000]));
        let huge = [SubstrateLayer::default(), large.clone(), large, SubstrateLayer::default()];
        assert_eq!(try_with(&huge), "layers");
        let three = [SubstrateLayer::default(), SubstrateLayer::of(grid(&[3])), SubstrateLayer::default()];
        let join = |pairs: &[[usize; 2]]| path(substrate(&three, Auto::Value(pairs.to_vec()), &problem));
        assert_eq!(
            join(&[[0, 3], [1, 0], [1, 1], [0, 1], [0, 1]]),
            "connections.0 connections.1 connections.2 connections.4"
        );
        assert_eq!(join(&[[0, 1]]), "connections");
        let range = SubstrateLayer { range: Auto::Value(vec![[1.0, 0.0]]), ..SubstrateLayer::default() };
        assert_eq!(try_with(&[range, SubstrateLayer::default()]), "layers.0.range");
    }
}
