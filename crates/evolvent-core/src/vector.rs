//! Flat parameter vectors: the genome of most algorithms, dense or virtual, and the layout that a decoder gives them.

use crate::{Genome, Members, Stream, StreamKey, Violations};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An owned parameter vector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vector(pub Vec<f64>);

impl Genome for Vector {
    const KIND: &'static str = "vector";
    type Genes = VectorGenes;
    type Members = Vectors;
    type View = [f32];

    fn fits(&self, genes: &VectorGenes) -> Result<(), Violations> {
        let mut v = Violations::new();
        let dimension = genes.dimension();
        let length = format!("{dimension} numbers, one per gene");
        v.require(self.0.len() == dimension, "vector", self.0.len(), &length);
        if let Some(i) = self.0.iter().position(|x| !x.is_finite()) {
            v.add(&format!("vector.{i}"), self.0[i], "a finite number");
        }
        v.into_result()
    }

    fn bounded(genes: &VectorGenes) -> bool {
        genes.bounds.is_some()
    }

    fn bytes(genes: &VectorGenes) -> f64 {
        8.0 * genes.dimension() as f64
    }
}

/// The genes of a vector: how many, where they may lie, and what they are for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorGenes {
    /// Named blocks that tile `0..dimension` in order.
    pub layout: Arc<Layout>,
    /// The box that solutions must stay in, if there is one.
    pub bounds: Option<Bounds>,
}

impl VectorGenes {
    /// One anonymous block: `dimension` coordinates drawn by `init`, perhaps bounded.
    pub fn flat(dimension: usize, init: Init, bounds: Option<Bounds>) -> Self {
        let block = Block {
            name: "x".into(),
            offset: 0,
            shape: vec![dimension],
            role: Role::Coordinate,
            init,
            neurons: vec![None],
        };
        VectorGenes { layout: Arc::new(Layout { blocks: vec![block] }), bounds }
    }

    /// The number of genes.
    pub fn dimension(&self) -> usize {
        self.layout.dimension()
    }

    /// A fresh vector drawn from the blocks' initialisers, inside the bounds.
    pub fn sample(&self, rng: &mut Stream) -> Vec<f64> {
        let mut x = vec![0.0; self.dimension()];
        for block in &self.layout.blocks {
            block.init.fill(&block.shape, rng, &mut x[block.range()]);
        }
        if let Some(bounds) = &self.bounds {
            bounds.clamp(&mut x);
        }
        x
    }

    /// The spread of the initialisers: root mean square over coordinates of their standard deviations.
    /// Algorithms with an `"auto"` step size take it from here. Zero if everything starts constant.
    pub fn spread(&self) -> f64 {
        let variance: f64 = self
            .layout
            .blocks
            .iter()
            .map(|b| b.init.standard_deviation(&b.shape).powi(2) * b.len() as f64)
            .sum();
        (variance / self.dimension().max(1) as f64).sqrt()
    }
}

/// A box, one interval per coordinate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Lower ends.
    pub low: Vec<f64>,
    /// Upper ends, none below its lower end.
    pub high: Vec<f64>,
}

impl Bounds {
    /// The same interval for each coordinate.
    pub fn uniform(dimension: usize, low: f64, high: f64) -> Self {
        Bounds { low: vec![low; dimension], high: vec![high; dimension] }
    }

    /// Moves each coordinate to the nearest point of its interval.
    pub fn clamp(&self, x: &mut [f64]) {
        for ((x, &low), &high) in x.iter_mut().zip(&self.low).zip(&self.high) {
            *x = x.clamp(low, high);
        }
    }
}

/// The blocks of a vector, in order and without gaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The blocks; each begins where the one before ends.
    pub blocks: Vec<Block>,
}

impl Layout {
    /// The total length.
    pub fn dimension(&self) -> usize {
        self.blocks.last().map_or(0, |b| b.offset + b.len())
    }

    /// Adds a block at the end and returns its offset.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        shape: Vec<usize>,
        role: Role,
        init: Init,
        neurons: Vec<Option<u32>>,
    ) -> usize {
        debug_assert_eq!(shape.len(), neurons.len());
        let offset = self.dimension();
        self.blocks.push(Block { name: name.into(), offset, shape, role, init, neurons });
        offset
    }
}

/// One named array inside a vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// `layer0.weight`; used in exports and records.
    pub name: String,
    /// First coordinate.
    pub offset: usize,
    /// Row-major shape. Weight matrices are `[inputs, outputs]`, outputs contiguous.
    pub shape: Vec<usize>,
    /// What the numbers are.
    pub role: Role,
    /// How they are drawn at the start.
    pub init: Init,
    /// For each axis the id of the neuron group that it runs over, if it runs over interchangeable neurons:
    /// axes with one id are permuted together by neuron-aligned crossover.
    pub neurons: Vec<Option<u32>>,
}

impl Block {
    /// Number of coordinates.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// Whether the block is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The coordinates of the block.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
    /// Rows and columns if the block is a weight matrix (for a convolution: everything but the last axis, the last axis):
    /// what low-rank perturbations factor.
    pub fn matrix(&self) -> Option<(usize, usize)> {
        if self.role != Role::Weight || self.shape.len() < 2 {
            return None;
        }
        let columns = *self.shape.last()?;
        Some((self.len() / columns.max(1), columns))
    }
}

/// What the numbers of a block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Connection weights.
    Weight,
    /// Biases.
    Bias,
    /// Gains, time constants and other per-neuron parameters.
    Gain,
    /// Parameters of a plasticity rule.
    Plasticity,
    /// A coordinate of a function.
    Coordinate,
}

/// How a block is drawn. Fans follow the `[inputs…, outputs]` shape: fan-out is the last axis, fan-in the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// All zero.
    #[default]
    Zeros,
    /// All the same.
    Constant(f64),
    /// Uniform in [low, high).
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation, at least 0.
        std: f64,
    },
    /// Normal, variance 1 / fan-in (LeCun et al. 1998).
    LecunNormal,
    /// Normal, variance 2 / fan-in (He et al. 2015).
    HeNormal,
    /// Uniform, variance 2 / fan-in.
    HeUniform,
    /// Normal, variance 2 / (fan-in + fan-out) (Glorot & Bengio 2010).
    XavierNormal,
    /// Uniform, variance 2 / (fan-in + fan-out).
    XavierUniform,
    /// Orthonormal rows or columns, whichever are fewer, times the gain (Saxe et al. 2014).
    Orthogonal {
        /// Factor on the orthonormal matrix.
        gain: f64,
    },
    /// Each output's incoming weights are normal, scaled to this norm (the `normc` of OpenAI-ES).
    NormalizedColumns {
        /// Norm of each column.
        norm: f64,
    },
}

fn fans(shape: &[usize]) -> (f64, f64) {
    let fan_out = shape.last().copied().unwrap_or(1).max(1);
    let fan_in = shape.iter().product::<usize>() / fan_out;
    (fan_in.max(1) as f64, fan_out as f64)
}

impl Init {
    /// Standard deviation of one coordinate.
    pub fn standard_deviation(&self, shape: &[usize]) -> f64 {
        let (fan_in, fan_out) = fans(shape);
        match *self {
            Init::Zeros | Init::Constant(_) => 0.0,
            Init::Uniform { low, high } => (high - low) / 12f64.sqrt(),
            Init::Normal { std } => std,
            Init::LecunNormal => (1.0 / fan_in).sqrt(),
            Init::HeNormal | Init::HeUniform => (2.0 / fan_in).sqrt(),
            Init::XavierNormal | Init::XavierUniform => (2.0 / (fan_in + fan_out)).sqrt(),
            Init::Orthogonal { gain } => gain / fan_in.max(fan_out).sqrt(),
            Init::NormalizedColumns { norm } => norm / fan_in.sqrt(),
        }
    }

    /// Fills `out`, row-major of `shape`.
    pub fn fill(&self, shape: &[usize], rng: &mut Stream, out: &mut [f64]) {
        let std = self.standard_deviation(shape);
        match *self {
            Init::Zeros => out.fill(0.0),
            Init::Constant(value) => out.fill(value),
            Init::Uniform { low, high } => out.fill_with(|| rng.uniform_in(low, high)),
            Init::Normal { .. } | Init::LecunNormal | Init::HeNormal | Init::XavierNormal => {
                out.fill_with(|| std * rng.normal());
            }
            Init::HeUniform | Init::XavierUniform => {
                let half = std * 3f64.sqrt();
                out.fill_with(|| rng.uniform_in(-half, half));
            }
            Init::Orthogonal { gain } => orthogonal(shape, gain, rng, out),
            Init::NormalizedColumns { norm } => {
                out.fill_with(|| rng.normal());
                let columns = shape.last().copied().unwrap_or(1).max(1);
                for c in 0..columns {
                    let length = out.iter().skip(c).step_by(columns).map(|x| x * x).sum::<f64>().sqrt();
                    let factor = if length > 0.0 { norm / length } else { 0.0 };
                    out.iter_mut().skip(c).step_by(columns).for_each(|x| *x *= factor);
                }
            }
        }
    }
}

/// Modified Gram–Schmidt on the shorter side of a Gaussian matrix.
fn orthogonal(shape: &[usize], gain: f64, rng: &mut Stream, out: &mut [f64]) {
    let columns = shape.last().copied().unwrap_or(1).max(1);
    let rows = out.len() / columns;
    out.fill_with(|| rng.normal());
    let (count, length, across, along) =
        if rows <= columns { (rows, columns, columns, 1) } else { (columns, rows, 1, columns) };
    for i in 0..count {
        for j in 0..i {
            let dot: f64 =
                (0..length).map(|k| out[i * across + k * along] * out[j * across + k * along]).sum();
            for k in 0..length {
                out[i * across + k * along] -= dot * out[j * across + k * along];
            }
        }
        let norm = (0..length).map(|k| out[i * across + k * along].powi(2)).sum::<f64>().sqrt();
        (0..length).for_each(|k| out[i * across + k * along] /= norm);
    }
    out.iter_mut().for_each(|x| *x *= gain);
}

/// The vectors of a batch: written out, or described by seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Vectors {
    /// One row-major matrix, `members × dimension`.
    Dense {
        /// Columns.
        dimension: usize,
        /// Rows one after the other.
        data: Vec<f64>,
    },
    /// One by one, as algorithms that select them hold them; all of one length.
    Owned(Vec<Vector>),
    /// Rows that are functions of seeds.
    Virtual(VirtualVectors),
}

impl Members<Vector> for Vectors {
    fn len(&self) -> usize {
        match self {
            Vectors::Dense { dimension, data } => data.len() / (*dimension).max(1),
            Vectors::Owned(rows) => rows.len(),
            Vectors::Virtual(v) => v.members.len(),
        }
    }
    fn from_owned(genomes: Vec<Vector>) -> Self {
        Vectors::Owned(genomes)
    }
    fn owned(&self, i: usize) -> Option<Vector> {
        match self {
            Vectors::Dense { dimension, data } => {
                data.get(i * dimension..(i + 1) * dimension).map(|row| Vector(row.to_vec()))
            }
            Vectors::Owned(rows) => rows.get(i).cloned(),
            Vectors::Virtual(_) => None,
        }
    }
    fn replace(&mut self, i: usize, genome: Vector) -> bool {
        match self {
            Vectors::Dense { dimension, data } => {
                data[i * *dimension..(i + 1) * *dimension].copy_from_slice(&genome.0);
                true
            }
            Vectors::Owned(rows) => {
                rows[i] = genome;
                true
            }
            Vectors::Virtual(_) => false,
        }
    }
}

/// Rows that are functions of seeds: member = base + sign · scale ⊙ noise. Memory is the tables' alone;
/// `evolvent_math::rows` writes a row out when an evaluating thread needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualVectors {
    /// Which coordinates form weight matrices (low-rank noise reads it).
    pub layout: Arc<Layout>,
    /// Shared vectors, each of the layout's dimension.
    pub bases: Vec<Arc<Vec<f64>>>,
    /// Shared scales.
    pub scales: Vec<Scale>,
    /// The members.
    pub members: Vec<VirtualMember>,
    /// Their noise, where it is small enough to be kept from the evaluation to `tell`.
    #[serde(skip)]
    pub drawn: Drawn,
}

/// The full-rank noise of a batch's members, drawn in advance. It holds nothing that the members do not say, so it is neither
/// compared nor stored; whoever finds none draws again.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// One row after the other, each of the layout's dimension.
    pub rows: Arc<Vec<f32>>,
    /// Whose noise each row is.
    pub keys: Vec<StreamKey>,
    /// How many members in succession have one row: 2 for antithetic pairs.
    pub share: usize,
}

impl Drawn {
    /// The noise of member `i`, which reads the stream `key`, if it was drawn.
    pub fn row(&self, i: usize, key: StreamKey) -> Option<&[f32]> {
        let k = i.checked_div(self.share)?;
        let dimension = self.rows.len() / self.keys.len().max(1);
        let found = self.keys.get(k) == Some(&key);
        found.then(|| &self.rows[k * dimension..(k + 1) * dimension])
    }
}

impl PartialEq for Drawn {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The factor on the noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scale {
    /// One factor.
    Scalar(f64),
    /// One factor per block of the layout.
    PerBlock(Vec<f64>),
    /// One factor per coordinate.
    PerCoordinate(Arc<Vec<f64>>),
}

/// One row as a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualMember {
    /// Index into `bases`.
    pub base: u32,
    /// Index into `scales`.
    pub scale: u32,
    /// Where the noise is read.
    pub noise: StreamKey,
    /// +1, −1 (antithetic), or 0 (the base itself).
    pub sign: f32,
    /// The kind of noise.
    pub rank: Rank,
}

/// Full-rank or low-rank noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rank {
    /// Independent standard normals.
    #[default]
    Full,
    /// A·Bᵀ/√r for each weight matrix, independent standard normals elsewhere.
    Low(u16),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Purpose, RunKey, stream};

    fn rng() -> Stream {
        stream(RunKey::from_seed(3), 0, 0, 0, Purpose::Init)
    }

    #[test]
    fn orthogonal_blocks_are_orthonormal_on_their_shorter_side() {
        for (rows, columns) in [(3, 5), (6, 2), (4, 4)] {
            let mut w = vec![0.0; rows * columns];
            Init::Orthogonal { gain: 2.0 }.fill(&[rows, columns], &mut rng(), &mut w);
            let (count, length) = (rows.min(columns), rows.max(columns));
            let at =
                |i: usize, k: usize| if rows <= columns { w[i * columns + k] } else { w[k * columns + i] };
            for i in 0..count {
                for j in 0..count {
                    let dot: f64 = (0..length).map(|k| at(i, k) * at(j, k)).sum();
                    assert!((dot - if i == j { 4.0 } else { 0.0 }).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn initialisers_have_the_variance_that_they_state() {
        let shape = [40, 60];
        for init in [
            Init::Uniform { low: -2.0, high: 1.0 },
            Init::Normal { std: 0.3 },
            Init::LecunNormal,
            Init::HeNormal,
            Init::HeUniform,
            Init::XavierNormal,
            Init::XavierUniform,
            Init::Orthogonal { gain: 1.0 },
            Init::NormalizedColumns { norm: 0.5 },
        ] {
            let mut w = vec![0.0; 2400];
            init.fill(&shape, &mut rng(), &mut w);
            let mean = w.iter().sum::<f64>() / 2400.0;
            let std = (w.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2400.0).sqrt();
            let stated = init.standard_deviation(&shape);
            assert!((std / stated - 1.0).abs() < 0.06, "{init:?}: {std} against {stated}");
        }
    }

    #[test]
    fn samples_respect_bounds() {
        let genes = VectorGenes::flat(50, Init::Normal { std: 5.0 }, Some(Bounds::uniform(50, -1.0, 1.0)));
        let x = genes.sample(&mut rng());
        assert!(x.iter().all(|x| (-1.0..=1.0).contains(x)) && x.contains(&1.0));
    }
}
