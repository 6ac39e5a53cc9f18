//! Trees as two files: a JSON structure for people, and a safetensors file for the numbers.
//!
//! In the structure a struct is an object, a sequence an array, a number a number. Whatever JSON cannot say is an object
//! whose keys begin with `$`:
//!
//! | JSON | tree |
//! |---|---|
//! | `{"$array": "name"}` | numbers, held under this name in the arrays; a matrix is a sequence of rows |
//! | `{"$f64": "7ff8000000000000"}`, `{"$f32": "7fc00000"}` | a float that is not finite, by its bits |
//! | `{"$wide": "-170141183460469231731687303715884105728"}` | a 128-bit integer |
//! | `{"$map": [[key, value], …]}` | a map |
//! | `{"$variant": "Name", "$value": …}` | a variant with content; one without is a string |
//! | `{"$some": …}` | `Some` of something that is itself nothing or optional |

use evolvent_core::{Numbers, Tree, each_number_type};
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};
use serde_json::{Map, Value, json};
use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::Path,
};

/// Numbers in a row that are lifted into the arrays; shorter ones stay in the structure, where they can be read.
const LIFT: usize = 16;
/// JSON readers stop at 128 levels; a state that could not be read back must not be written.
const DEEPEST: usize = 120;

/// A lifted array: rows of one type and length, which are not copied before they are written.
#[derive(Debug)]
struct Tensor<'t> {
    shape: Vec<usize>,
    rows: Vec<&'t Numbers>,
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        dtype(self.rows[0])
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        self.rows.iter().for_each(|row| row.put_le_bytes(&mut bytes));
        Cow::Owned(bytes)
    }
    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * width(self.dtype())
    }
}

fn dtype(numbers: &Numbers) -> Dtype {
    fn of<T: Bytes>(_: &[T]) -> Dtype {
        T::DTYPE
    }
    each_number_type!(numbers, v => of(v))
}

/// Bytes of a number.
fn width(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

/// Little-endian bytes of a number.
trait Bytes: Sized {
    const DTYPE: Dtype;
    fn get(bytes: &[u8]) -> Option<Self>;
}

macro_rules! bytes {
    ($($t:ty = $dtype:ident),+) => { $(
        impl Bytes for $t {
            const DTYPE: Dtype = Dtype::$dtype;
            fn get(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(<$t>::from_le_bytes)
            }
        }
    )+ };
}
bytes!(
    u8 = U8,
    u16 = U16,
    u32 = U32,
    u64 = U64,
    i8 = I8,
    i16 = I16,
    i32 = I32,
    i64 = I64,
    f32 = F32,
    f64 = F64
);

impl Bytes for bool {
    const DTYPE: Dtype = Dtype::BOOL;
    fn get(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

impl<'t> Tensor<'t> {
    fn vector(numbers: &'t Numbers) -> Tensor<'t> {
        Tensor { shape: vec![numbers.len()], rows: vec![numbers] }
    }

    /// A matrix if all nodes are numbers of one type and length.
    fn matrix(nodes: &'t [Tree]) -> Option<Tensor<'t>> {
        let Some(Tree::Numbers(first)) = nodes.first() else { return None };
        let columns = first.len();
        if nodes.len().checked_mul(columns)? < LIFT {
            return None;
        }
        let alike = |node: &'t Tree| match node {
            Tree::Numbers(row) if row.len() == columns && dtype(row) == dtype(first) => Some(row),
            _ => None,
        };
        let rows = nodes.iter().map(alike).collect::<Option<_>>()?;
        Some(Tensor { shape: vec![nodes.len(), columns], rows })
    }
}

/// The arrays lifted out of trees, named by their places in them.
#[derive(Debug, Default)]
pub struct Lifted<'t> {
    tensors: Vec<(String, Tensor<'t>)>,
    names: BTreeSet<String>,
}

/// What was written to a file.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its length in bytes.
    pub bytes: u64,
    /// The CRC-32 of all of them, as eight hexadecimal digits.
    pub checksum: String,
}

impl<'t> Lifted<'t> {
    fn add(&mut self, path: &str, tensor: Tensor<'t>) -> Value {
        let mut name = path.to_owned();
        while !self.names.insert(name.clone()) {
            name.push('\'');
        }
        self.tensors.push((name.clone(), tensor));
        json!({ "$array": name })
    }

    /// Writes the safetensors file and lets it reach the disk. Of all arrays one is held in memory at a time.
    ///
    /// # Errors
    /// If the system refuses, or there are too many arrays for the format's header.
    pub fn write(&self, path: &Path) -> io::Result<Written> {
        // The library's file is for its owner's eyes only; ours is as readable as the others of the run.
        let permissions = fs::File::create(path)?.metadata()?.permissions();
        let views = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        safetensors::serialize_to_file(views, None, path).map_err(|e| match e {
            SafeTensorError::IoError(e) => e,
            other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
        })?;
        fs::set_permissions(path, permissions)?;
        let mut file = fs::File::open(path)?;
        let (mut hasher, mut buffer, mut bytes) = (crc32fast::Hasher::new(), vec![0; 1 << 20], 0);
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => {
                    hasher.update(&buffer[..n]);
                    bytes += n as u64;
                }
            }
        }
        file.sync_all()?;
        Ok(Written { bytes, checksum: format!("{:08x}", hasher.finalize()) })
    }
}

/// The structure of a tree; its long arrays go to `lifted` under names that begin with `path`.
///
/// # Errors
/// If the tree is nested too deep to be read back.
pub fn encode<'t>(tree: &'t Tree, path: &str, lifted: &mut Lifted<'t>) -> Result<Value, String> {
    node(tree, path, 1, lifted)
}

fn node<'t>(tree: &'t Tree, path: &str, depth: usize, lifted: &mut Lifted<'t>) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err(format!("`{path}` is nested deeper than {DEEPEST} levels"));
    }
    Ok(match tree {
        Tree::Some(inner) => json!({ "$some": node(inner, path, depth + 1, lifted)? }),
        Tree::Numbers(numbers) if numbers.len() >= LIFT => lifted.add(path, Tensor::vector(numbers)),
        Tree::Numbers(numbers) => numbers.clone().into_nodes().iter().map(leaf).collect(),
        Tree::Sequence(nodes) => match Tensor::matrix(nodes) {
            Some(matrix) => lifted.add(path, matrix),
            None => sequence(nodes, path, depth, lifted)?,
        },
        Tree::Map(pairs) => {
            let mut list = Vec::with_capacity(pairs.len());
            for (i, (key, value)) in pairs.iter().enumerate() {
                let at = format!("{path}[{i}]");
                let key = node(key, &format!("{at}.key"), depth + 3, lifted)?;
                list.push(Value::Array(vec![key, node(value, &at, depth + 3, lifted)?]));
            }
            json!({ "$map": list })
        }
        Tree::Struct(fields) => {
            let mut object = Map::with_capacity(fields.len());
            for (name, value) in fields {
                object.insert(name.clone(), node(value, &format!("{path}.{name}"), depth + 1, lifted)?);
            }
            Value::Object(object)
        }
        Tree::Variant(name, content) => {
            json!({ "$variant": name, "$value": node(content, path, depth + 1, lifted)? })
        }
        _ => leaf(tree),
    })
}

/// What holds nothing else.
fn leaf(tree: &Tree) -> Value {
    match tree {
        Tree::Bool(v) => (*v).into(),
        Tree::Unsigned(v) => (*v).into(),
        Tree::Signed(v) => (*v).into(),
        Tree::Wide(text) => json!({ "$wide": text }),
        Tree::F64(v) if v.is_finite() => (*v).into(),
        Tree::F64(v) => json!({ "$f64": format!("{:016x}", v.to_bits()) }),
        Tree::F32(v) if v.is_finite() => f64::from(*v).into(),
        Tree::F32(v) => json!({ "$f32": format!("{:08x}", v.to_bits()) }),
        Tree::Text(text) => text.as_str().into(),
        _ => Value::Null,
    }
}

fn sequence<'t>(
    nodes: &'t [Tree],
    path: &str,
    depth: usize,
    lifted: &mut Lifted<'t>,
) -> Result<Value, String> {
    let encoded =
        nodes.iter().enumerate().map(|(i, tree)| node(tree, &format!("{path}.{i}"), depth + 1, lifted));
    encoded.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// The tree of a structure with its arrays.
///
/// # Errors
/// If the structure says something that [`encode`] does not write, or names an array that is not there; the message
/// begins with the place.
pub fn decode(value: &Value, arrays: &SafeTensors<'_>, path: &str) -> Result<Tree, String> {
    Ok(match value {
        Value::Null => Tree::Null,
        Value::Bool(v) => Tree::Bool(*v),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(v), _, _) => Tree::Unsigned(v),
            (_, Some(v), _) => Tree::Signed(v),
            (_, _, Some(v)) => Tree::F64(v),
            _ => return Err(format!("{path}: {number} is out of range")),
        },
        Value::String(text) => Tree::Text(text.clone()),
        Value::Array(nodes) => {
            let trees = nodes.iter().enumerate().map(|(i, v)| decode(v, arrays, &format!("{path}.{i}")));
            Tree::Sequence(trees.collect::<Result<_, _>>()?)
        }
        Value::Object(object) => match object.iter().next() {
            Some((key, first)) if key.starts_with('$') => marked(key, first, object, arrays, path)?,
            _ => {
                let fields = object
                    .iter()
                    .map(|(name, v)| Ok((name.clone(), decode(v, arrays, &format!("{path}.{name}"))?)));
                Tree::Struct(fields.collect::<Result<_, String>>()?)
            }
        },
    })
}

fn marked(
    key: &str,
    first: &Value,
    object: &Map<String, Value>,
    arrays: &SafeTensors<'_>,
    path: &str,
) -> Result<Tree, String> {
    let wrong = || format!("{path}: not a valid `{key}`");
    let text = || first.as_str().ok_or_else(wrong);
    let bits = |digits: usize| {
        let text = text()?;
        let valid = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        if valid { u64::from_str_radix(text, 16).map_err(|_| wrong()) } else { Err(wrong()) }
    };
    if object.len() != if key == "$variant" { 2 } else { 1 } {
        return Err(wrong());
    }
    Ok(match key {
        "$some" => Tree::Some(Box::new(decode(first, arrays, path)?)),
        "$wide" => {
            let text = text()?;
            if text.parse::<u128>().is_err() && text.parse::<i128>().is_err() {
                return Err(wrong());
            }
            Tree::Wide(text.into())
        }
        "$f64" => Tree::F64(f64::from_bits(bits(16)?)),
        "$f32" => Tree::F32(f32::from_bits(bits(8)? as u32)),
        "$map" => {
            let mut pairs = Vec::new();
            for (i, pair) in first.as_array().ok_or_else(wrong)?.iter().enumerate() {
                let at = format!("{path}[{i}]");
                let Some([key, value]) = pair.as_array().map(Vec::as_slice) else { return Err(wrong()) };
                pairs.push((decode(key, arrays, &format!("{at}.key"))?, decode(value, arrays, &at)?));
            }
            Tree::Map(pairs)
        }
        "$variant" => {
            let content = object.get("$value").ok_or_else(wrong)?;
            Tree::Variant(text()?.into(), Box::new(decode(content, arrays, path)?))
        }
        "$array" => {
            let name = text()?;
            lowered(name, arrays).map_err(|why| format!("{path}: array `{name}` {why}"))?
        }
        _ => return Err(format!("{path}: unknown mark `{key}`")),
    })
}

fn lowered(name: &str, arrays: &SafeTensors<'_>) -> Result<Tree, &'static str> {
    let tensor = arrays.tensor(name).map_err(|_| "is not there")?;
    macro_rules! numbers {
        ($kind:ident, $t:ty, $bytes:expr) => {
            $bytes
                .chunks_exact(width(tensor.dtype()))
                .map(<$t>::get)
                .collect::<Option<_>>()
                .map(Numbers::$kind)
        };
    }
    let read = |bytes: &[u8]| match tensor.dtype() {
        Dtype::BOOL => numbers!(Bool, bool, bytes),
        Dtype::U8 => numbers!(U8, u8, bytes),
        Dtype::U16 => numbers!(U16, u16, bytes),
        Dtype::U32 => numbers!(U32, u32, bytes),
        Dtype::U64 => numbers!(U64, u64, bytes),
        Dtype::I8 => numbers!(I8, i8, bytes),
        Dtype::I16 => numbers!(I16, i16, bytes),
        Dtype::I32 => numbers!(I32, i32, bytes),
        Dtype::I64 => numbers!(I64, i64, bytes),
        Dtype::F32 => numbers!(F32, f32, bytes),
        Dtype::F64 => numbers!(F64, f64, bytes),
        _ => None,
    };
    match tensor.shape() {
        [_] => read(tensor.data()).map(Tree::Numbers).ok_or("has a type or values that are not written here"),
        [rows, columns] if *rows > 0 && *columns > 0 => {
            let row = tensor.data().len() / rows;
            let rows: Option<Vec<_>> =
                tensor.data().chunks_exact(row).map(|bytes| read(bytes).map(Tree::Numbers)).collect();
            rows.map(Tree::Sequence).ok_or("has a type or values that are not written here")
        }
        _ => Err("is neither a vector nor a matrix"),
    }
}
