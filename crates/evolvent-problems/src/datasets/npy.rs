//! npy files: `\x93NUMPY`, a version, the length of a header, the header (a Python dictionary literal) and the elements
//! (NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays"). Pickled objects are refused: nothing that is
//! read is ever executed.

use std::borrow::Cow;
use std::path::Path;

use super::array::{Element, RawArray, byte_length};
use super::error::{DataError, DataErrorKind, Place, quoted};
use super::files::{Limits, read_unpacked, unpack};

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy's own limit is 64.
const MAX_AXES: usize = 64;

/// Reads the bytes of an npy file, packed by gzip or not.
///
/// # Errors
/// A header that breaks the format, an element type without numbers or texts (objects, records, complex numbers,
/// dates, half floats), or a length that does not equal what the header promises.
pub fn parse<'a>(bytes: &'a [u8], file: &str, limits: &Limits) -> Result<RawArray<'a>, DataError> {
    parse_unpacked(unpack(bytes, file, limits)?, file)
}

/// Reads an npy file, packed by gzip or not.
///
/// # Errors
/// Those of [`parse`], and a file that cannot be read.
pub fn open(path: &Path, limits: &Limits) -> Result<RawArray<'static>, DataError> {
    parse_unpacked(Cow::Owned(read_unpacked(path, limits)?), &path.display().to_string())
}

/// [`parse`] on bytes that are unpacked already.
pub(crate) fn parse_unpacked<'a>(bytes: Cow<'a, [u8]>, file: &str) -> Result<RawArray<'a>, DataError> {
    if !bytes.starts_with(MAGIC) {
        let hint = match bytes.get(..2) {
            Some(b"PK") => "this is a zip archive: read it as npz",
            _ => "is this an npy file?",
        };
        let found = quoted(&bytes[..bytes.len().min(6)]);
        return Err(DataError::malformed(file, 0, "the bytes \\x93NUMPY", found).hint(hint));
    }
    let cut = || DataError::malformed(file, 6, "a version and a header length", "the end of the file");
    let (at, length): (usize, usize) = match bytes.get(6..8).ok_or_else(cut)? {
        [1, 0] => {
            let field = bytes.get(8..10).ok_or_else(cut)?;
            (10, usize::from(u16::from_le_bytes([field[0], field[1]])))
        }
        [2 | 3, 0] => {
            let field = bytes.get(8..12).ok_or_else(cut)?;
            (12, u32::from_le_bytes([field[0], field[1], field[2], field[3]]) as usize)
        }
        version => {
            let found = format!("{}.{}", version[0], version[1]);
            return Err(DataError::malformed(file, 6, "npy version 1.0, 2.0 or 3.0", found));
        }
    };
    let Some(text) = at.checked_add(length).and_then(|end| bytes.get(at..end)) else {
        let found = format!("{} bytes to the end of the file", bytes.len() - at);
        return Err(DataError::malformed(file, at, format!("a header of {length} bytes"), found));
    };
    let start = at + length;
    let header = Header::parse(text, at, file)?;
    let there = bytes.len() - start;
    if byte_length(&header.shape, header.element) != Some(there) {
        let expected = match byte_length(&header.shape, header.element) {
            Some(length) => format!("{length} bytes of elements for shape {:?}", header.shape),
            None => format!("a shape that fits into memory instead of {:?}", header.shape),
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
    let Header { shape, element, big_endian, fortran_order } = header;
    Ok(RawArray { file: file.into(), shape, element, big_endian, fortran_order, bytes })
}

struct Header {
    element: Element,
    big_endian: bool,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// Reads the dictionary `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, its keys in any order.
struct Literal<'a> {
    text: &'a [u8],
    position: usize,
    /// Offset of the text in the file.
    start: usize,
    file: &'a str,
}

impl Header {
    fn parse(text: &[u8], start: usize, file: &str) -> Result<Self, DataError> {
        let mut literal = Literal { text, position: 0, start, file };
        let (mut element, mut fortran_order, mut shape) = (None, None, None);
        literal.expect(b'{')?;
        while !literal.take(b'}') {
            let key_at = literal.here();
            let key = literal.string()?;
            literal.expect(b':')?;
            match key {
                b"descr" => {
                    let at = literal.here();
                    element = Some(descr(literal.descr()?, at, file)?);
                }
                b"fortran_order" => fortran_order = Some(literal.boolean()?),
                b"shape" => shape = Some(literal.tuple()?),
                _ => {
                    let expected = "one of the keys 'descr', 'fortran_order', 'shape'";
                    return Err(DataError::malformed(file, key_at, expected, quoted(key)));
                }
            }
            if !literal.take(b',') {
                literal.expect(b'}')?;
                break;
            }
        }
        let missing =
            |key| DataError::malformed(file, start, format!("the key '{key}'"), "a header without it");
        let (element, big_endian) = element.ok_or_else(|| missing("descr"))?;
        Ok(Header {
            element,
            big_endian,
            fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
        })
    }
}

impl<'a> Literal<'a> {
    /// Skips white space and gives the offset in the file.
    fn here(&mut self) -> usize {
        while self.text.get(self.position).is_some_and(u8::is_ascii_whitespace) {
            self.position += 1;
        }
        self.start + self.position
    }

    fn take(&mut self, wanted: u8) -> bool {
        self.here();
        let found = self.text.get(self.position) == Some(&wanted);
        self.position += usize::from(found);
        found
    }

    fn error(&mut self, expected: impl Into<Box<str>>) -> DataError {
        let at = self.here();
        let rest = &self.text[self.position..];
        let found = if rest.is_empty() {
            "the end of the header".to_owned()
        } else {
            quoted(&rest[..rest.len().min(12)])
        };
        DataError::malformed(self.file, at, expected, found)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), DataError> {
        if self.take(wanted) { Ok(()) } else { Err(self.error(format!("'{}'", char::from(wanted)))) }
    }

    fn string(&mut self) -> Result<&'a [u8], DataError> {
        let quote = if self.take(b'\'') {
            b'\''
        } else if self.take(b'"') {
            b'"'
        } else {
            return Err(self.error("a quoted text"));
        };
        let rest = &self.text[self.position..];
        let Some(end) = rest.iter().position(|&b| b == quote) else {
            return Err(self.error("a closing quote"));
        };
        self.position += end + 1;
        Ok(&rest[..end])
    }

    fn descr(&mut self) -> Result<&'a [u8], DataError> {
        self.here();
        if self.text.get(self.position) == Some(&b'[') {
            let error = self.error("one element type such as '<f4'");
            return Err(DataError { kind: DataErrorKind::Unsupported, ..error }
                .hint("records are not read: save each field as an array of its own"));
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool, DataError> {
        self.here();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.position..].starts_with(word) {
                self.position += word.len();
                return Ok(value);
            }
        }
        Err(self.error("True or False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, DataError> {
        let mut axes = Vec::new();
        self.expect(b'(')?;
        while !self.take(b')') {
            if axes.len() == MAX_AXES {
                return Err(self.error(format!("at most {MAX_AXES} axes")));
            }
            axes.push(self.length()?);
            if !self.take(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(axes)
    }

    /// A length; Python 2 wrote an `L` behind long integers.
    fn length(&mut self) -> Result<usize, DataError> {
        self.here();
        let rest = &self.text[self.position..];
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let number = std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse().ok());
        let Some(number) = number else {
            return Err(self.error("the length of an axis"));
        };
        self.position += digits;
        self.take(b'L');
        Ok(number)
    }
}

/// Element type and byte order of a description such as `<f4`.
fn descr(text: &[u8], at: usize, file: &str) -> Result<(Element, bool), DataError> {
    let refuse = |hint: &str| {
        let expected = "an element type: f4, f8, i1 to i8, u1 to u8, b1, U or S";
        Err(DataError::new(DataErrorKind::Unsupported, file, Place::Byte(at as u64), expected, quoted(text))
            .hint(hint.to_owned()))
    };
    // The machine's own order (`=`) never stands in a file; numpy writes `<` or `>`, and `|` where there is none.
    let (big_endian, kind, digits) = match text {
        [order @ (b'<' | b'>' | b'|' | b'='), kind, digits @ ..] => (*order == b'>', *kind, digits),
        [kind, digits @ ..] => (false, *kind, digits),
        [] => return refuse(""),
    };
    let size: Option<usize> = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    let element = match (kind, size) {
        (b'f', Some(size @ (4 | 8))) => Element::Float(size),
        (b'i', Some(size @ (1 | 2 | 4 | 8))) => Element::Signed(size),
        (b'u', Some(size @ (1 | 2 | 4 | 8))) => Element::Unsigned(size),
        (b'b', Some(1)) => Element::Bool,
        // 2^20 characters: no name of a class is longer, and the size in bytes cannot overflow.
        (b'U', Some(size @ 1..=0x10_0000)) => Element::Text(size),
        (b'S', Some(size @ 1..=0x10_0000)) => Element::Bytes(size),
        (b'O', _) => {
            return refuse(
                "pickled objects are not read, because unpickling executes code: save a plain numeric array",
            );
        }
        _ => return refuse("convert it first, for example with array.astype(numpy.float32)"),
    };
    Ok((element, big_endian))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn read(header: &str, data: &[u8]) -> Result<RawArray<'static>, DataError> {
        parse(&file(header, data), "x.npy", &Limits::default()).map(RawArray::into_owned)
    }

    #[test]
    fn header_in_any_order_and_spacing() {
        let array = read("{ \"shape\" :(2L,1) ,'fortran_order':True,'descr':'>i2'}  \n", &[0, 1, 0xff, 0xff])
            .unwrap();
        assert_eq!((array.shape(), array.to_integers().unwrap()), (&[2, 1][..], vec![1, -1]));
        let scalar = read("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", &[1]).unwrap();
        assert_eq!(scalar.to_f32().unwrap(), [1.0]);
    }

    #[test]
    fn version_two_has_a_long_length() {
        let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }";
        let mut bytes = MAGIC.to_vec();
        bytes.extend([2, 0]);
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend([7, 8, 9]);
        assert_eq!(parse(&bytes, "x", &Limits::default()).unwrap().to_integers().unwrap(), [7, 8, 9]);
        bytes[6] = 4;
        assert_eq!(parse(&bytes, "x", &Limits::default()).unwrap_err().place, Place::Byte(6));
    }

    #[test]
    fn mistakes_are_named_with_their_byte() {
        let at = |header: &str, data: &[u8]| read(header, data).unwrap_err();
        assert_eq!(
            at("{'descr': '|u1', 'shape': (3,)}", &[1, 2, 3]).expected,
            "the key 'fortran_order'".into()
        );
        assert_eq!(at("{'descr': 3}", &[]).place, Place::Byte(20));
        assert_eq!(at("{'descr': '|u1', 'fortran_order': Maybe", &[]).expected, "True or False".into());
        assert_eq!(at("{'shape': (-1,)}", &[]).expected, "the length of an axis".into());
        assert_eq!(at("{'shape': (99999999999999999999999,)}", &[]).expected, "the length of an axis".into());
        assert_eq!(at("{'other': 1}", &[]).place, Place::Byte(11));
        let pickled = at("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", &[1]);
        assert_eq!(pickled.kind, DataErrorKind::Unsupported);
        assert!(pickled.hint.contains("executes code"));
        assert_eq!(at("{'descr': [('a', '<f4')]}", &[]).kind, DataErrorKind::Unsupported);
        assert_eq!(at("{'descr': '<f2'}", &[]).kind, DataErrorKind::Unsupported);
        assert_eq!(at("{'descr': '<U0'}", &[]).kind, DataErrorKind::Unsupported);
        assert!(parse(b"PK\x03\x04", "x", &Limits::default()).unwrap_err().hint.contains("npz"));
        assert!(parse(&MAGIC[..4], "x", &Limits::default()).is_err());
        let long = [MAGIC, &[2, 0, 0xff, 0xff, 0xff, 0xff]].concat();
        assert_eq!(parse(&long, "x", &Limits::default()).unwrap_err().place, Place::Byte(12));
    }

    #[test]
    fn a_lying_shape_allocates_nothing() {
        let header =
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000000, 1000000000)}";
        assert!(read(header, &[0; 8]).unwrap_err().expected.contains("fits into memory"));
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000,)}";
        assert_eq!(read(header, &[0; 8]).unwrap_err().found, "8".into());
    }
}
