//! PNG images, and folders of them with one sub-folder per class.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use ::png::{BitDepth, ColorType, Decoder, Transformations};

use super::error::{DataError, DataErrorKind, Place};
use super::files::{Limits, deflate_bound, read, too_large};
use super::spec::Colour;
use super::table::{MAX_CLASSES, Table, Targets, check_class_count};

/// How many folders deep images are looked for.
const MAX_DEPTH: usize = 8;

/// A decoded image.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
    /// Channel after channel, each row by row; 0 (black, transparent) to 1.
    pub pixels: Vec<f32>,
}

/// Decodes the bytes of a PNG file of any colour type, 1 to 16 bits, interlaced or not. Of an animation the first image.
///
/// # Errors
/// Damaged files, and headers that claim more pixels than the bytes can hold or the limits allow.
pub fn decode(bytes: &[u8], file: &str, colour: Colour, limits: &Limits) -> Result<Image, DataError> {
    let refuse = |error: ::png::DecodingError| match error {
        ::png::DecodingError::LimitsExceeded => too_large(file, limits),
        error => {
            DataError::new(DataErrorKind::Malformed, file, Place::Whole, "a PNG image", error.to_string())
        }
    };
    let most = usize::try_from(limits.bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), ::png::Limits { bytes: most });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let info = decoder.read_header_info().map_err(refuse)?;
    let (width, height) = (u64::from(info.width), u64::from(info.height));
    // 8 bytes: the widest pixel, four channels of 16 bits.
    let bits = info.bits_per_pixel() as u64;
    let held = width.checked_mul(height).filter(|pixels| pixels.saturating_mul(8) <= limits.bytes);
    let Some(pixels) = held else {
        return Err(too_large(file, limits));
    };
    if pixels.saturating_mul(bits) / 8 > deflate_bound(bytes.len()) {
        let expected = format!("a size that {} bytes can hold", bytes.len());
        return Err(DataError::malformed(file, 16, expected, format!("{width} x {height} pixels")));
    }
    let mut reader = decoder.read_info().map_err(refuse)?;
    // The decoder takes the entries of a palette for whole ones.
    if let Some(palette) = &reader.info().palette
        && (palette.is_empty() || !palette.len().is_multiple_of(3) || palette.len() > 3 * 256)
    {
        let expected = "a palette of 1 to 256 colours of 3 bytes";
        let found = format!("{} bytes", palette.len());
        return Err(DataError::new(
            DataErrorKind::Malformed,
            file,
            Place::Entry("chunk PLTE".into()),
            expected,
            found,
        ));
    }
    let mut raw = vec![0; reader.output_buffer_size().ok_or_else(|| too_large(file, limits))?];
    let frame = reader.next_frame(&mut raw).map_err(refuse)?;
    let (width, height) = (frame.width as usize, frame.height as usize);
    let stored = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => {
            let expected = "a palette that can be expanded";
            return Err(DataError::new(
                DataErrorKind::Malformed,
                file,
                Place::Whole,
                expected,
                "indexed pixels",
            ));
        }
    };
    let (depth, scale) = match frame.bit_depth {
        BitDepth::Sixteen => (2, 1.0 / 65_535.0),
        _ => (1, 1.0 / 255.0),
    };
    let channels = match colour {
        Colour::Auto => stored,
        Colour::Grey => 1,
        Colour::Rgb => 3,
    };
    let area = width * height;
    let mut pixels = vec![0.0; channels * area];
    let sample = |raw: &[u8], channel: usize| -> f32 {
        let value = match depth {
            2 => f32::from(u16::from_be_bytes([raw[2 * channel], raw[2 * channel + 1]])),
            _ => f32::from(raw[channel]),
        };
        value * scale
    };
    for (at, pixel) in raw.chunks_exact(stored * depth).take(area).enumerate() {
        for channel in 0..channels {
            pixels[channel * area + at] = match (colour, stored) {
                (Colour::Grey, 3 | 4) => {
                    0.299 * sample(pixel, 0) + 0.587 * sample(pixel, 1) + 0.114 * sample(pixel, 2)
                }
                (Colour::Grey, _) | (Colour::Rgb, 1 | 2) => sample(pixel, 0),
                _ => sample(pixel, channel),
            };
        }
    }
    Ok(Image { shape: [channels, height, width], pixels })
}

/// Reads all `.png` files below a folder. Each folder that holds some is a class, named by its path from `root` with
/// `/` between folders; names that begin with a dot are passed over. Classes and images are in the order of their bytes.
///
/// # Errors
/// Folders that cannot be read or hold no image below a sub-folder, and images that are damaged or differ in size or
/// channels.
pub fn read_folder(root: &Path, colour: Colour, limits: &Limits) -> Result<Table, DataError> {
    let root_name = root.display().to_string();
    let mut classes = Vec::new();
    visit(root, "", 0, &mut classes)?;
    classes.sort_unstable();
    if classes.is_empty() {
        let expected = "sub-folders with .png files, one for each class";
        return Err(DataError::new(DataErrorKind::NotFound, &root_name, Place::Whole, expected, "none"));
    }
    check_class_count(classes.len(), &root_name)?;
    let (mut inputs, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut first: Option<([usize; 3], String)> = None;
    for (name, images) in classes {
        for path in images {
            let file = path.display().to_string();
            let image = decode(&read(&path, limits)?, &file, colour, limits)?;
            match &first {
                None => first = Some((image.shape, file)),
                Some((shape, _)) if *shape == image.shape => {}
                Some((shape, other)) => return Err(different(&file, image.shape, other, *shape)),
            }
            inputs.extend_from_slice(&image.pixels);
            labels.push(names.len() as u32);
        }
        names.push(name);
    }
    let shape = first.map_or(Vec::new(), |(shape, _)| shape.to_vec());
    Table { inputs, shape, targets: Targets::Classes { labels, names }, features: Vec::new() }
        .checked(&root_name)
}

fn different(file: &str, shape: [usize; 3], other: &str, wanted: [usize; 3]) -> DataError {
    let words =
        |[channels, height, width]: [usize; 3]| format!("{width} x {height} pixels of {channels} channels");
    let expected = format!("{} as in {other}", words(wanted));
    let hint = match shape[1..] == wanted[1..] {
        true => "set colour = \"grey\" or \"rgb\" to bring all images to the same channels",
        false => "bring all images to one size first",
    };
    DataError::new(DataErrorKind::Mismatch, file, Place::Whole, expected, words(shape)).hint(hint)
}

/// Collects `(class, images)` below `folder`; images directly in the root belong to no class and are passed over.
fn visit(
    folder: &Path,
    class: &str,
    depth: usize,
    classes: &mut Vec<(String, Vec<PathBuf>)>,
) -> Result<(), DataError> {
    let refuse = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => DataErrorKind::NotFound,
            _ => DataErrorKind::Unreadable,
        };
        let name = folder.display().to_string();
        DataError::new(kind, &name, Place::Whole, "a folder that can be read", error.to_string())
    };
    if depth > MAX_DEPTH {
        let name = folder.display().to_string();
        let expected = format!("at most {MAX_DEPTH} folders inside each other");
        return Err(DataError::new(DataErrorKind::Unsupported, &name, Place::Whole, expected, "more")
            .hint("a link may lead back to a folder above"));
    }
    let mut images = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        // Names that are not UTF-8 keep their order by way of the replacement character; paths stay exact.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            let inner = if class.is_empty() { name } else { format!("{class}/{name}") };
            visit(&path, &inner, depth + 1, classes)?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            images.push(path);
        }
        if classes.len() > MAX_CLASSES {
            break;
        }
    }
    if depth > 0 && !images.is_empty() {
        images.sort_unstable();
        classes.push((class.to_owned(), images));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: &[u8] = include_bytes!("../../tests/fixtures/png/grey8.png");
    const RGB: &[u8] = include_bytes!("../../tests/fixtures/png/rgb8.png");

    fn image(bytes: &[u8], colour: Colour) -> Image {
        decode(bytes, "i.png", colour, &Limits::default()).unwrap()
    }

    #[test]
    fn grey_of_eight_bits_and_one() {
        let grey = image(GREY, Colour::Auto);
        assert_eq!(grey.shape, [1, 2, 3]);
        let expected = [0.0, 128.0, 255.0, 16.0, 32.0, 48.0].map(|x: f32| x / 255.0);
        assert!(grey.pixels.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7), "{:?}", grey.pixels);
        let bits = image(include_bytes!("../../tests/fixtures/png/grey1.png"), Colour::Auto);
        assert_eq!(bits.pixels, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(image(GREY, Colour::Rgb).shape, [3, 2, 3]);
    }

    #[test]
    fn colour_alpha_palette_and_sixteen_bits() {
        assert_eq!(image(RGB, Colour::Auto).pixels, [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(image(RGB, Colour::Grey).pixels, [0.299, 0.587]);
        let deep = include_bytes!("../../tests/fixtures/png/rgba16.png");
        let auto = image(deep, Colour::Auto);
        assert_eq!(auto.shape, [4, 1, 1]);
        assert!((auto.pixels[1] - 32_768.0 / 65_535.0).abs() < 1e-7 && auto.pixels[3] == 1.0);
        assert_eq!(image(deep, Colour::Rgb).shape, [3, 1, 1]);
        let palette = image(include_bytes!("../../tests/fixtures/png/palette.png"), Colour::Auto);
        assert_eq!((palette.shape, palette.pixels[0]), ([3, 1, 2], 10.0 * (1.0 / 255.0)));
        let alpha = include_bytes!("../../tests/fixtures/png/grey_alpha8.png");
        assert_eq!(image(alpha, Colour::Auto).shape, [2, 2, 1]);
        assert_eq!(image(alpha, Colour::Grey).shape, [1, 2, 1]);
    }

    /// The header of an image of this size, with its checksum.
    fn header(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = GREY.to_vec();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        bytes
    }

    #[test]
    fn damage_and_lies() {
        let fails = |bytes: &[u8]| decode(bytes, "i.png", Colour::Auto, &Limits::default()).unwrap_err();
        assert_eq!(fails(b"no image").kind, DataErrorKind::Malformed);
        assert_eq!(fails(&GREY[..40]).kind, DataErrorKind::Malformed);
        assert_eq!(fails(&header(0x7fff_ffff, 0x7fff_ffff)).kind, DataErrorKind::TooLarge);
        assert_eq!(fails(&header(10_000, 10_000)).place, Place::Byte(16));
        assert_eq!(fails(&header(4, 2)).kind, DataErrorKind::Malformed);
        // Found by fuzzing: a palette with a part of a colour.
        let mut palette = include_bytes!("../../tests/fixtures/png/palette.png").to_vec();
        let at = palette.windows(4).position(|w| w == b"PLTE").unwrap();
        palette[at - 1] = 5;
        palette.remove(at + 9);
        let mut crc = flate2::Crc::new();
        crc.update(&palette[at..at + 9]);
        palette[at + 9..at + 13].copy_from_slice(&crc.sum().to_be_bytes());
        assert_eq!(fails(&palette).place, Place::Entry("chunk PLTE".into()));
        let small = Limits { bytes: 40 };
        assert_eq!(decode(GREY, "i", Colour::Auto, &small).unwrap_err().kind, DataErrorKind::TooLarge);
    }

    #[test]
    fn folders_are_classes_in_the_order_of_their_names() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let read = |colour| read_folder(root.path(), colour, &Limits::default());
        assert_eq!(read(Colour::Auto).unwrap_err().kind, DataErrorKind::NotFound);
        write("b/2.png", GREY);
        write("b/1.PNG", GREY);
        write("a/x/1.png", GREY);
        write("a/notes.txt", b"no image");
        write(".hidden/1.png", b"no image");
        write("loose.png", b"no image");
        let table = read(Colour::Auto).unwrap();
        assert_eq!(table.shape, [1, 2, 3]);
        let names = vec!["a/x".into(), "b".into()];
        assert_eq!(table.targets, Targets::Classes { labels: vec![0, 1, 1], names });
        write("c/1.png", RGB);
        let error = read(Colour::Grey).unwrap_err();
        assert!(error.kind == DataErrorKind::Mismatch && error.hint.contains("size"), "{error}");
        write("c/1.png", b"damaged");
        assert!(read(Colour::Auto).unwrap_err().file.ends_with("1.png"));
    }
}
