//! npz files: a zip archive of npy files (PKWARE's APPNOTE 6.3: end record 4.3.16, central directory 4.3.12, local
//! header 4.3.7, Zip64 4.3.14 and 4.5.3). Members may be stored or deflated; only those that are asked for are unpacked.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use super::array::RawArray;
use super::error::{DataError, DataErrorKind, Place, listed, quoted};
use super::files::{Limits, deflate_bound, read, too_large};
use super::npy;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64_LOCATOR: u32 = 0x0706_4b50;
const END_64: u32 = 0x0606_4b50;
/// Bytes of the end record without its comment; the comment has at most 65,535.
const END_LENGTH: usize = 22;

/// The directory of an npz file.
#[derive(Clone, Debug)]
pub struct Archive<'a> {
    file: &'a str,
    bytes: &'a [u8],
    limits: Limits,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    /// Name without `.npy`.
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    unpacked: u64,
    header: u64,
}

/// Little-endian number of `N` bytes at `at`, if it is there.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(N)?)?;
    Some(field.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

fn signature(bytes: &[u8], at: usize) -> Option<u32> {
    number::<4>(bytes, at).map(|n| n as u32)
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive.
    ///
    /// # Errors
    /// Bytes that are no zip archive, or whose directory is damaged.
    pub fn parse(bytes: &'a [u8], file: &'a str, limits: &Limits) -> Result<Self, DataError> {
        let (mut at, count) = Self::directory(bytes, file)?;
        let mut members = Vec::new();
        for _ in 0..count {
            let damaged =
                || DataError::malformed(file, at, "an entry of the archive's directory", "other bytes");
            let (member, next) = Self::entry(bytes, at).ok_or_else(damaged)?;
            members.push(member);
            at = next;
        }
        Ok(Archive { file, bytes, limits: *limits, members })
    }

    /// Offset of the central directory and number of its entries.
    fn directory(bytes: &[u8], file: &str) -> Result<(usize, u64), DataError> {
        let missing = || {
            let found =
                format!("{} bytes that begin with {}", bytes.len(), quoted(&bytes[..bytes.len().min(6)]));
            DataError::malformed(file, bytes.len(), "the end record of a zip archive", found)
                .hint("the file may be cut off, or be no npz file")
        };
        let last = bytes.len().checked_sub(END_LENGTH).ok_or_else(missing)?;
        let first = last.saturating_sub(usize::from(u16::MAX));
        let end = (first..=last).rev().find(|&at| signature(bytes, at) == Some(END)).ok_or_else(missing)?;
        let (mut count, mut offset) = (number::<2>(bytes, end + 10), number::<4>(bytes, end + 16));
        if count == Some(0xffff) || offset == Some(0xffff_ffff) {
            let locator = end.checked_sub(20).filter(|&at| signature(bytes, at) == Some(END_64_LOCATOR));
            let end_64 = locator
                .and_then(|at| number::<8>(bytes, at + 8))
                .and_then(|at| usize::try_from(at).ok())
                .filter(|&at| signature(bytes, at) == Some(END_64));
            if let Some(end_64) = end_64 {
                (count, offset) = (number::<8>(bytes, end_64 + 32), number::<8>(bytes, end_64 + 48));
            }
        }
        let offset = offset.and_then(|at| usize::try_from(at).ok());
        count.and_then(|count| Some((offset?, count))).ok_or_else(missing)
    }

    /// One entry of the central directory and the offset of the next.
    fn entry(bytes: &[u8], at: usize) -> Option<(Member, usize)> {
        if signature(bytes, at)? != CENTRAL {
            return None;
        }
        let short = |offset: usize| number::<2>(bytes, at + offset).map(|n| n as usize);
        let (name_length, extra_length, comment_length) = (short(28)?, short(30)?, short(32)?);
        let name_at = at + 46;
        let extra_at = name_at + name_length;
        let next = extra_at + extra_length + comment_length;
        let name = String::from_utf8_lossy(bytes.get(name_at..extra_at)?).into_owned();
        let extra = bytes.get(extra_at..extra_at + extra_length)?;
        bytes.get(at..next)?;
        let mut sizes =
            [number::<4>(bytes, at + 24)?, number::<4>(bytes, at + 20)?, number::<4>(bytes, at + 42)?];
        zip_64(extra, &mut sizes);
        let [unpacked, packed, header] = sizes;
        let member = Member {
            name: name.strip_suffix(".npy").map_or(name.clone(), str::to_owned),
            flags: short(8)? as u16,
            method: short(10)? as u16,
            crc: signature(bytes, at + 16)?,
            packed,
            unpacked,
            header,
        };
        Some((member, next))
    }

    /// Names of the arrays, in the order of the archive.
    pub fn names(&self) -> Vec<&str> {
        self.members.iter().map(|member| member.name.as_str()).collect()
    }

    /// True when the archive holds an array of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// Reads one array; its name may be written with or without `.npy`.
    ///
    /// # Errors
    /// No such array, a method other than stored and deflated, encryption, a checksum that does not fit, and the errors
    /// of an npy file.
    pub fn array(&self, name: &str) -> Result<RawArray<'a>, DataError> {
        let name = name.strip_suffix(".npy").unwrap_or(name);
        // As in Python's zipfile, the last of several members with one name counts.
        let Some(member) = self.members.iter().rfind(|member| member.name == name) else {
            return Err(DataError::new(
                DataErrorKind::NotFound,
                self.file,
                Place::Whole,
                format!("an array {}", quoted(name.as_bytes())),
                format!("the arrays {}", listed(&self.names())),
            ));
        };
        let inner = format!("{}[{}.npy]", self.file, member.name);
        npy::parse_unpacked(self.unpack(member, &inner)?, &inner)
    }

    fn unpack(&self, member: &Member, inner: &str) -> Result<Cow<'a, [u8]>, DataError> {
        let at = usize::try_from(member.header).unwrap_or(usize::MAX);
        let damaged =
            |expected: String, found: String| Err(DataError::malformed(self.file, at, expected, found));
        if member.flags & 1 != 0 {
            return damaged("an archive without encryption".into(), format!("{inner}, encrypted"));
        }
        let data = || {
            (signature(self.bytes, at)? == LOCAL).then_some(())?;
            let start =
                at + 30 + (number::<2>(self.bytes, at + 26)? + number::<2>(self.bytes, at + 28)?) as usize;
            self.bytes.get(start..start.checked_add(usize::try_from(member.packed).ok()?)?)
        };
        let Some(packed) = data() else {
            return damaged(
                format!("{} bytes of {inner}", member.packed),
                "a damaged header or the end of the file".into(),
            );
        };
        if member.unpacked > self.limits.bytes {
            return Err(too_large(inner, &self.limits));
        }
        let content = match member.method {
            0 => Cow::Borrowed(packed),
            8 if member.unpacked <= deflate_bound(packed.len()) => {
                let mut content = Vec::new();
                let decoder = flate2::read::DeflateDecoder::new(packed);
                match decoder.take(member.unpacked + 1).read_to_end(&mut content) {
                    Ok(_) => Cow::Owned(content),
                    Err(error) => return damaged(format!("deflated bytes of {inner}"), error.to_string()),
                }
            }
            8 => {
                return damaged(
                    format!("what {} packed bytes can hold", packed.len()),
                    format!("a claim of {} bytes", member.unpacked),
                );
            }
            method => {
                let hint = "save it with numpy.savez or numpy.savez_compressed";
                let found = format!("compression method {method}");
                return Err(DataError::new(
                    DataErrorKind::Unsupported,
                    inner,
                    Place::Whole,
                    "a stored or deflated member",
                    found,
                )
                .hint(hint));
            }
        };
        if content.len() as u64 != member.unpacked {
            return damaged(format!("{} bytes in {inner}", member.unpacked), content.len().to_string());
        }
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        if crc.sum() != member.crc {
            return damaged(
                format!("the checksum {:08x} of {inner}", member.crc),
                format!("{:08x}: the content is damaged", crc.sum()),
            );
        }
        Ok(content)
    }
}

/// Replaces the sizes that do not fit into 32 bits by those of the Zip64 field; they stand there in this order.
fn zip_64(extra: &[u8], sizes: &mut [u64; 3]) {
    let mut at = 0;
    while let (Some(tag), Some(length)) = (number::<2>(extra, at), number::<2>(extra, at + 2)) {
        let (start, end) = (at + 4, at + 4 + length as usize);
        if tag == 1 {
            let fields = extra.get(start..end).unwrap_or(&[]);
            for (place, size) in sizes.iter_mut().filter(|size| **size == 0xffff_ffff).enumerate() {
                *size = number::<8>(fields, 8 * place).unwrap_or(*size);
            }
            return;
        }
        at = end;
    }
}

/// Reads named arrays of an npz file.
///
/// # Errors
/// Those of [`Archive::parse`] and [`Archive::array`], and a file that cannot be read.
pub fn open(path: &Path, names: &[&str], limits: &Limits) -> Result<Vec<RawArray<'static>>, DataError> {
    let bytes = read(path, limits)?;
    let file = path.display().to_string();
    let archive = Archive::parse(&bytes, &file, limits)?;
    names.iter().map(|name| Ok(archive.array(name)?.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by `numpy.savez_compressed(inputs=…, targets=…)`; numpy 2.4.
    const DEFLATED: &[u8] = include_bytes!("../../tests/fixtures/npz/deflated.npz");
    /// Written by `numpy.savez(…)`.
    const STORED: &[u8] = include_bytes!("../../tests/fixtures/npz/stored.npz");

    fn archive(bytes: &[u8]) -> Result<Archive<'_>, DataError> {
        Archive::parse(bytes, "x.npz", &Limits::default())
    }

    #[test]
    fn reads_both_methods() {
        for bytes in [STORED, DEFLATED] {
            let archive = archive(bytes).unwrap();
            assert_eq!(archive.names(), ["inputs", "targets"]);
            assert!(archive.contains("inputs") && !archive.contains("x"));
            let inputs = archive.array("inputs").unwrap();
            assert_eq!(inputs.shape(), [6, 2]);
            assert_eq!(inputs.to_f32().unwrap(), (0..12).map(|i| i as f32 / 2.0).collect::<Vec<_>>());
            assert_eq!(archive.array("targets.npy").unwrap().to_integers().unwrap(), [0, 1, 2, 0, 1, 2]);
        }
    }

    #[test]
    fn names_what_is_missing() {
        let archive = archive(STORED).unwrap();
        let error = archive.array("labels").unwrap_err();
        assert_eq!(error.kind, DataErrorKind::NotFound);
        assert_eq!(&*error.found, "the arrays \"inputs\", \"targets\"");
    }

    #[test]
    fn damage_is_found_by_the_checksum() {
        let mut bytes = STORED.to_vec();
        let data = bytes.windows(6).position(|w| w == b"\x93NUMPY").unwrap();
        bytes[data + 128] ^= 1;
        let error = archive(&bytes).unwrap().array("inputs").unwrap_err();
        assert!(error.expected.contains("checksum"), "{error}");
    }

    #[test]
    fn a_claim_beyond_deflates_ratio_is_refused() {
        let mut bytes = DEFLATED.to_vec();
        let central = bytes.windows(4).position(|w| w == CENTRAL.to_le_bytes()).unwrap();
        bytes[central + 24..central + 28].copy_from_slice(&0x7000_0000u32.to_le_bytes());
        let error = archive(&bytes).unwrap().array("inputs").unwrap_err();
        assert!(error.found.contains("claim"), "{error}");
        let small = Limits { bytes: 64 };
        let error = Archive::parse(DEFLATED, "x", &small).unwrap().array("inputs").unwrap_err();
        assert_eq!(error.kind, DataErrorKind::TooLarge);
    }

    #[test]
    fn zip_64_sizes_replace_only_the_full_fields() {
        let mut extra = vec![9, 0, 1, 0, 0xaa, 1, 0, 16, 0];
        extra.extend(5u64.to_le_bytes());
        extra.extend(6u64.to_le_bytes());
        let mut sizes = [0xffff_ffff, 3, 0xffff_ffff];
        zip_64(&extra, &mut sizes);
        assert_eq!(sizes, [5, 3, 6]);
    }

    #[test]
    fn no_archive() {
        assert!(archive(b"").is_err());
        assert!(archive(&STORED[..STORED.len() - 30]).is_err());
        assert!(archive(&[0; 100]).unwrap_err().hint.contains("cut off"));
    }
}
