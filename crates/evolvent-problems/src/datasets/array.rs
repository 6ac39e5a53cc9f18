//! An array as a file holds it: element type, byte order and axis order untouched until a table is made of it.

use std::borrow::Cow;

use super::error::{DataError, DataErrorKind, Place};
use super::spec::{ChannelAxis, TargetKind};
use super::table::{Table, Targets};

/// Type of one element of a [`RawArray`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// One byte, 0 or not 0.
    Bool,
    /// Unsigned integer of 1, 2, 4 or 8 bytes.
    Unsigned(usize),
    /// Signed integer of 1, 2, 4 or 8 bytes, two's complement.
    Signed(usize),
    /// IEEE float of 4 or 8 bytes.
    Float(usize),
    /// So many UTF-32 characters, padded with NUL.
    Text(usize),
    /// So many bytes of text, padded with NUL.
    Bytes(usize),
}

impl Element {
    /// Size in bytes; never 0.
    pub fn size(self) -> usize {
        match self {
            Element::Bool => 1,
            Element::Unsigned(size) | Element::Signed(size) | Element::Float(size) | Element::Bytes(size) => {
                size
            }
            Element::Text(characters) => 4 * characters,
        }
    }

    fn is_integer(self) -> bool {
        matches!(self, Element::Bool | Element::Unsigned(_) | Element::Signed(_))
    }

    fn is_text(self) -> bool {
        matches!(self, Element::Text(_) | Element::Bytes(_))
    }
}

/// An array inside the bytes of a file. The number of bytes always equals the product of the shape times the element
/// size: the readers check it before they build one.
#[derive(Clone, Debug, PartialEq)]
pub struct RawArray<'a> {
    /// Name for messages: the file, or `archive.npz[member.npy]`.
    pub(crate) file: Box<str>,
    /// Lengths of the axes; samples first.
    pub(crate) shape: Vec<usize>,
    pub(crate) element: Element,
    pub(crate) big_endian: bool,
    /// The first axis runs fastest.
    pub(crate) fortran_order: bool,
    pub(crate) bytes: Cow<'a, [u8]>,
}

/// The product of the axes, if it and its size in bytes can be counted at all.
pub(crate) fn byte_length(shape: &[usize], element: Element) -> Option<usize> {
    shape.iter().try_fold(element.size(), |product, &axis| product.checked_mul(axis))
}

/// The first `N` bytes as a number, zero-extended.
#[inline(always)]
fn word<const N: usize>(bytes: &[u8], big_endian: bool) -> u64 {
    let mut whole = [0; 8];
    if big_endian {
        whole[8 - N..].copy_from_slice(&bytes[..N]);
        u64::from_be_bytes(whole)
    } else {
        whole[..N].copy_from_slice(&bytes[..N]);
        u64::from_le_bytes(whole)
    }
}

impl RawArray<'_> {
    /// The same array with bytes of its own.
    pub fn into_owned(self) -> RawArray<'static> {
        RawArray { bytes: Cow::Owned(self.bytes.into_owned()), ..self }
    }

    /// Lengths of the axes; samples first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of the elements.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Decodes every element, last axis fastest.
    fn map<T>(&self, decode: impl Fn(&[u8]) -> T) -> Vec<T> {
        let size = self.element.size();
        if !self.fortran_order || self.shape.len() < 2 {
            return self.bytes.chunks_exact(size).map(decode).collect();
        }
        let mut strides = vec![1; self.shape.len()];
        for axis in 1..strides.len() {
            strides[axis] = strides[axis - 1] * self.shape[axis - 1];
        }
        let count = self.bytes.len() / size;
        let mut index = vec![0; self.shape.len()];
        let mut offset = 0;
        let mut out = Vec::with_capacity(count);
        for _ in 0..count {
            out.push(decode(&self.bytes[offset * size..(offset + 1) * size]));
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                offset += strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                offset -= strides[axis] * self.shape[axis];
                index[axis] = 0;
            }
        }
        out
    }

    fn refuse(&self, expected: &str, found: impl Into<Box<str>>) -> DataError {
        DataError::new(DataErrorKind::Unsupported, &self.file, Place::Whole, expected, found)
    }

    /// All elements as `f32`, last axis fastest; integers beyond 2^24 are rounded.
    ///
    /// # Errors
    /// When the elements are texts.
    pub fn to_f32(&self) -> Result<Vec<f32>, DataError> {
        let big = self.big_endian;
        Ok(match self.element {
            Element::Bool => self.map(|b| f32::from(u8::from(b[0] != 0))),
            Element::Unsigned(1) => self.map(|b| f32::from(b[0])),
            Element::Unsigned(2) => self.map(|b| word::<2>(b, big) as f32),
            Element::Unsigned(4) => self.map(|b| word::<4>(b, big) as f32),
            Element::Unsigned(_) => self.map(|b| word::<8>(b, big) as f32),
            Element::Signed(1) => self.map(|b| f32::from(b[0] as i8)),
            Element::Signed(2) => self.map(|b| f32::from(word::<2>(b, big) as i16)),
            Element::Signed(4) => self.map(|b| word::<4>(b, big) as i32 as f32),
            Element::Signed(_) => self.map(|b| word::<8>(b, big) as i64 as f32),
            Element::Float(4) => self.map(|b| f32::from_bits(word::<4>(b, big) as u32)),
            Element::Float(_) => self.map(|b| f64::from_bits(word::<8>(b, big)) as f32),
            Element::Text(_) | Element::Bytes(_) => return Err(self.refuse("numbers", "texts")),
        })
    }

    /// All elements as integers, last axis fastest.
    ///
    /// # Errors
    /// When an element is no integer that `i64` can hold.
    pub fn to_integers(&self) -> Result<Vec<i64>, DataError> {
        let big = self.big_endian;
        match self.element {
            Element::Bool => Ok(self.map(|b| i64::from(b[0] != 0))),
            Element::Unsigned(1) => Ok(self.map(|b| i64::from(b[0]))),
            Element::Unsigned(2) => Ok(self.map(|b| word::<2>(b, big) as i64)),
            Element::Unsigned(4) => Ok(self.map(|b| word::<4>(b, big) as i64)),
            Element::Unsigned(_) => {
                let words = self.map(|b| i64::try_from(word::<8>(b, big)));
                words
                    .into_iter()
                    .collect::<Result<_, _>>()
                    .map_err(|_| self.refuse("class numbers below 2^63", "a larger one"))
            }
            Element::Signed(1) => Ok(self.map(|b| i64::from(b[0] as i8))),
            Element::Signed(2) => Ok(self.map(|b| i64::from(word::<2>(b, big) as i16))),
            Element::Signed(4) => Ok(self.map(|b| i64::from(word::<4>(b, big) as i32))),
            Element::Signed(_) => Ok(self.map(|b| word::<8>(b, big) as i64)),
            Element::Float(size) => {
                let numbers = self.map(|b| match size {
                    4 => f64::from(f32::from_bits(word::<4>(b, big) as u32)),
                    _ => f64::from_bits(word::<8>(b, big)),
                });
                // 2^53: beyond it floats skip integers, so equal classes could not be told.
                match numbers.iter().position(|x| x.fract() != 0.0 || x.abs() > 9_007_199_254_740_992.0) {
                    None => Ok(numbers.iter().map(|&x| x as i64).collect()),
                    Some(at) => Err(DataError::new(
                        DataErrorKind::BadValue,
                        &self.file,
                        Place::Entry(format!("element {at}").into()),
                        "an integer, the number of a class",
                        numbers[at].to_string(),
                    )),
                }
            }
            Element::Text(_) | Element::Bytes(_) => Err(self.refuse("integers", "texts")),
        }
    }

    /// All elements as texts, last axis fastest, without their padding.
    fn to_texts(&self) -> Result<Vec<String>, DataError> {
        let big = self.big_endian;
        let texts: Vec<Option<String>> = self.map(|bytes| match self.element {
            Element::Text(_) => {
                let mut text = String::new();
                for character in bytes.chunks_exact(4) {
                    text.push(char::from_u32(word::<4>(character, big) as u32)?);
                }
                text.truncate(text.trim_end_matches('\0').len());
                Some(text)
            }
            _ => {
                let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
                String::from_utf8(bytes[..end].to_vec()).ok()
            }
        });
        match texts.iter().position(Option::is_none) {
            None => Ok(texts.into_iter().flatten().collect()),
            Some(at) => Err(DataError::new(
                DataErrorKind::BadValue,
                &self.file,
                Place::Entry(format!("element {at}").into()),
                "text in Unicode",
                "bytes that are not",
            )),
        }
    }

    fn shape_error(&self, expected: &str) -> DataError {
        DataError::new(
            DataErrorKind::Mismatch,
            &self.file,
            Place::Whole,
            expected,
            format!("shape {:?}", self.shape),
        )
    }

    /// Shape of one sample and all inputs. Two axes after the samples are a grey image; bytes in images become 0..1.
    fn to_inputs(&self, channels: ChannelAxis) -> Result<(Vec<usize>, Vec<f32>), DataError> {
        let mut inputs = self.to_f32()?;
        let shape = match *self.shape.as_slice() {
            [_] => vec![1],
            [_, features] => vec![features],
            [_, height, width] => vec![1, height, width],
            [_, a, b, c] => match channels {
                ChannelAxis::First => vec![a, b, c],
                ChannelAxis::Last => {
                    channels_first(&mut inputs, a * b, c);
                    vec![c, a, b]
                }
            },
            _ => {
                return Err(self.shape_error(
                    "inputs of shape [samples], [samples, features], [samples, height, width] or [samples, channels, height, width]",
                ));
            }
        };
        if shape.len() == 3 && self.element == Element::Unsigned(1) {
            inputs.iter_mut().for_each(|x| *x /= 255.0);
        }
        Ok((shape, inputs))
    }

    /// Targets of shape `[samples]` or `[samples, values]`.
    fn to_targets(&self, kind: TargetKind) -> Result<Targets, DataError> {
        let dimension = match *self.shape.as_slice() {
            [_] => 1,
            [_, dimension] if dimension > 0 => dimension,
            _ => return Err(self.shape_error("targets of shape [samples] or [samples, values]")),
        };
        let classes = match kind {
            TargetKind::Classes => true,
            TargetKind::Values => false,
            TargetKind::Auto => dimension == 1 && (self.element.is_integer() || self.element.is_text()),
        };
        if !classes {
            return Ok(Targets::Values { values: self.to_f32()?, dimension, names: Vec::new() });
        }
        if dimension != 1 {
            return Err(self.shape_error("one class number per sample, shape [samples]"));
        }
        if self.element.is_text() {
            Targets::from_texts(&self.to_texts()?, &self.file)
        } else {
            Targets::from_integers(&self.to_integers()?, &self.file)
        }
    }
}

/// `[pixels][channels]` to `[channels][pixels]` in every sample.
fn channels_first(inputs: &mut [f32], pixels: usize, channels: usize) {
    let mut sample = vec![0.0; pixels * channels];
    if sample.is_empty() {
        return;
    }
    for image in inputs.chunks_exact_mut(sample.len()) {
        for pixel in 0..pixels {
            for channel in 0..channels {
                sample[channel * pixels + pixel] = image[pixel * channels + channel];
            }
        }
        image.copy_from_slice(&sample);
    }
}

/// A table of an array of inputs and an array of targets; the first axis of both counts the samples.
///
/// # Errors
/// Shapes that do not fit, different numbers of samples, texts as inputs, numbers that are not finite.
pub fn table(
    inputs: &RawArray<'_>,
    targets: &RawArray<'_>,
    channels: ChannelAxis,
    kind: TargetKind,
) -> Result<Table, DataError> {
    let samples = |array: &RawArray<'_>| array.shape.first().copied().unwrap_or(0);
    if samples(inputs) != samples(targets) {
        return Err(DataError::new(
            DataErrorKind::Mismatch,
            &targets.file,
            Place::Whole,
            format!("{} targets, one for each sample of {}", samples(inputs), inputs.file),
            samples(targets).to_string(),
        ));
    }
    let targets = targets.to_targets(kind)?;
    let (shape, inputs_f32) = inputs.to_inputs(channels)?;
    Table { inputs: inputs_f32, shape, targets, features: Vec::new() }.checked(&inputs.file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize], element: Element, bytes: Vec<u8>) -> RawArray<'static> {
        assert_eq!(byte_length(shape, element), Some(bytes.len()));
        RawArray {
            file: "a".into(),
            shape: shape.to_vec(),
            element,
            big_endian: false,
            fortran_order: false,
            bytes: Cow::Owned(bytes),
        }
    }

    #[test]
    fn fortran_order_is_turned() {
        // [[1, 2, 3], [4, 5, 6]] stored by columns
        let mut a = array(&[2, 3], Element::Unsigned(1), vec![1, 4, 2, 5, 3, 6]);
        a.fortran_order = true;
        assert_eq!(a.to_f32().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn every_width_and_both_byte_orders() {
        let mut a = array(&[2], Element::Signed(2), vec![0xfe, 0xff, 1, 0]);
        assert_eq!(a.to_integers().unwrap(), [-2, 1]);
        a.big_endian = true;
        assert_eq!(a.to_integers().unwrap(), [-257, 256]);
        let b = array(&[1], Element::Float(8), 1.5f64.to_le_bytes().to_vec());
        assert_eq!(b.to_f32().unwrap(), [1.5]);
        assert!(b.to_integers().is_err());
        let c = array(&[1], Element::Unsigned(8), u64::MAX.to_le_bytes().to_vec());
        assert!(c.to_integers().is_err());
        assert_eq!(array(&[2], Element::Bool, vec![0, 7]).to_f32().unwrap(), [0.0, 1.0]);
    }

    #[test]
    fn texts_become_classes() {
        let text: Vec<u8> = "b\0abb\0".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        let targets = array(&[3], Element::Text(2), text).to_targets(TargetKind::Auto).unwrap();
        let names = vec!["ab".into(), "b".into()];
        assert_eq!(targets, Targets::Classes { labels: vec![1, 0, 1], names });
        let bad = array(&[1], Element::Text(1), 0xffff_ffffu32.to_le_bytes().to_vec());
        assert!(bad.to_targets(TargetKind::Auto).is_err());
        assert!(array(&[1], Element::Bytes(2), vec![b'a', 0]).to_texts().unwrap() == ["a"]);
    }

    #[test]
    fn images_get_a_channel_axis_and_unit_range() {
        let labels = array(&[1], Element::Unsigned(1), vec![3]);
        let grey = array(&[1, 1, 2], Element::Unsigned(1), vec![0, 255]);
        let t = table(&grey, &labels, ChannelAxis::First, TargetKind::Auto).unwrap();
        assert_eq!((t.shape, t.inputs), (vec![1, 1, 2], vec![0.0, 1.0]));
        let colour = array(&[1, 2, 1, 3], Element::Signed(1), vec![1, 2, 3, 4, 5, 6]);
        let t = table(&colour, &labels, ChannelAxis::Last, TargetKind::Auto).unwrap();
        assert_eq!((t.shape, t.inputs), (vec![3, 2, 1], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    }

    #[test]
    fn counts_and_shapes_must_agree() {
        let two = array(&[2], Element::Unsigned(1), vec![0, 1]);
        let three = array(&[3], Element::Unsigned(1), vec![0, 1, 2]);
        let error = table(&two, &three, ChannelAxis::First, TargetKind::Auto).unwrap_err();
        assert_eq!(error.kind, DataErrorKind::Mismatch);
        let none = array(&[0, 4], Element::Unsigned(1), vec![]);
        let no_targets = array(&[0], Element::Unsigned(1), vec![]);
        assert!(table(&none, &no_targets, ChannelAxis::First, TargetKind::Auto).is_err());
        let scalar = array(&[], Element::Unsigned(1), vec![1]);
        assert!(table(&scalar, &scalar, ChannelAxis::First, TargetKind::Auto).is_err());
    }
}
