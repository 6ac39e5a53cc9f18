//! IDX files, the format of MNIST: two zero bytes, a type byte, the number of axes, the big-endian lengths of the axes,
//! then the elements, last axis fastest (Y. LeCun, "The MNIST database of handwritten digits", section on the format).

use std::borrow::Cow;
use std::path::Path;

use super::array::{Element, RawArray, byte_length};
use super::error::{DataError, quoted};
use super::files::{Limits, read_unpacked, unpack};

/// Reads the bytes of an IDX file, packed by gzip or not.
///
/// # Errors
/// A wrong magic number or type, or a length that does not equal what the header promises.
pub fn parse<'a>(bytes: &'a [u8], file: &str, limits: &Limits) -> Result<RawArray<'a>, DataError> {
    parse_unpacked(unpack(bytes, file, limits)?, file)
}

fn parse_unpacked<'a>(bytes: Cow<'a, [u8]>, file: &str) -> Result<RawArray<'a>, DataError> {
    let header = match *bytes {
        [0, 0, kind, axes, ..] => Some((kind, usize::from(axes))),
        _ => None,
    };
    let Some((kind, axes)) = header else {
        let hint = match bytes.first() {
            Some(b'<') => "this is a web page: the download did not deliver the data file",
            _ => "is this an IDX file?",
        };
        let found = quoted(&bytes[..bytes.len().min(4)]);
        return Err(DataError::malformed(
            file,
            0,
            "an IDX header (two zero bytes, type, number of axes)",
            found,
        )
        .hint(hint));
    };
    let element = match kind {
        0x08 => Element::Unsigned(1),
        0x09 => Element::Signed(1),
        0x0b => Element::Signed(2),
        0x0c => Element::Signed(4),
        0x0d => Element::Float(4),
        0x0e => Element::Float(8),
        _ => {
            let expected = "an element type: 0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e";
            return Err(DataError::malformed(file, 2, expected, format!("{kind:#04x}")));
        }
    };
    let start = 4 + 4 * axes;
    let Some(lengths) = bytes.get(4..start) else {
        let found = format!("{} bytes in all", bytes.len());
        return Err(DataError::malformed(file, 4, format!("the lengths of {axes} axes"), found));
    };
    let shape: Vec<usize> =
        lengths.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let there = bytes.len() - start;
    if byte_length(&shape, element) != Some(there) {
        let expected = match byte_length(&shape, element) {
            Some(length) => format!("{length} bytes of elements for shape {shape:?}"),
            None => format!("a shape that fits into memory instead of {shape:?}"),
        };
        return Err(DataError::malformed(file, start, expected, there.to_string())
            .hint("the file may be cut off, or its header damaged"));
    }
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..]),
        Cow::Owned(mut bytes) => {
            bytes.drain(..start);
            Cow::Owned(bytes)
        }
    };
    Ok(RawArray { file: file.into(), shape, element, big_endian: true, fortran_order: false, bytes })
}

/// Reads an IDX file, packed by gzip or not.
///
/// # Errors
/// Those of [`parse`], and a file that cannot be read.
pub fn open(path: &Path, limits: &Limits) -> Result<RawArray<'static>, DataError> {
    parse_unpacked(Cow::Owned(read_unpacked(path, limits)?), &path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::super::error::{DataErrorKind, Place};
    use super::*;

    const SHORTS: &[u8] = &[0, 0, 0x0b, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0xff, 0xfe];

    fn fails(bytes: &[u8]) -> DataError {
        parse(bytes, "x.idx", &Limits::default()).unwrap_err()
    }

    #[test]
    fn reads_big_endian_shorts() {
        let array = parse(SHORTS, "x.idx", &Limits::default()).unwrap();
        assert_eq!((array.shape(), array.to_integers().unwrap()), (&[1, 2][..], vec![5, -2]));
    }

    #[test]
    fn names_the_byte_that_is_wrong() {
        assert_eq!(fails(b"").place, Place::Byte(0));
        assert!(fails(b"<!DOCTYPE html>").hint.contains("web page"));
        assert_eq!(fails(&[0, 0, 7, 1, 0, 0, 0, 0]).place, Place::Byte(2));
        assert_eq!(fails(&SHORTS[..10]).place, Place::Byte(4));
        let error = fails(&SHORTS[..15]);
        assert_eq!((error.place, &*error.found), (Place::Byte(12), "3"));
    }

    #[test]
    fn a_lying_header_allocates_nothing() {
        let mut huge = vec![0, 0, 0x0e, 4];
        huge.extend([0xff; 16]);
        assert!(fails(&huge).expected.contains("fits into memory"));
        let mut large = vec![0, 0, 0x08, 2];
        large.extend([0x7f, 0xff, 0xff, 0xff, 0, 0, 0x10, 0]);
        assert_eq!(fails(&large).kind, DataErrorKind::Malformed);
    }
}
