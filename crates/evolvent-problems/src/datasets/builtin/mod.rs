//! Small tables inside the program; origin and licences are in the README beside them.

use super::array;
use super::csv;
use super::error::DataError;
use super::files::{Limits, unpack};
use super::idx;
use super::spec::{ChannelAxis, CsvSpec, TargetKind};
use super::table::Table;

/// Fisher's iris flowers: 150 samples, 4 features, 3 classes of 50.
///
/// # Errors
/// Never, unless the program itself is damaged.
pub fn iris() -> Result<Table, DataError> {
    table(include_bytes!("iris.csv.gz"), "iris")
}

/// Chemical analysis of wines: 178 samples, 13 features, 3 cultivars of 59, 71 and 48.
///
/// # Errors
/// Never, unless the program itself is damaged.
pub fn wine() -> Result<Table, DataError> {
    table(include_bytes!("wine.csv.gz"), "wine")
}

/// Handwritten digits: 1,797 grey images of 8x8 pixels, scaled from 0..16 to 0..1, 10 classes.
///
/// # Errors
/// Never, unless the program itself is damaged.
pub fn digits() -> Result<Table, DataError> {
    let limits = Limits::default();
    let images = idx::parse(include_bytes!("digits-images-idx3-ubyte.gz"), "digits", &limits)?;
    let labels = idx::parse(include_bytes!("digits-labels-idx1-ubyte.gz"), "digits", &limits)?;
    let mut table = array::table(&images, &labels, ChannelAxis::First, TargetKind::Auto)?;
    // The grey of this set goes to 16, not 255; the quotient is exact in f32.
    table.inputs = images.to_f32()?.into_iter().map(|grey| grey / 16.0).collect();
    Ok(table)
}

fn table(packed: &[u8], name: &str) -> Result<Table, DataError> {
    csv::parse(&unpack(packed, name, &Limits::default())?, name, &CsvSpec::default())
}

#[cfg(test)]
mod tests {
    use super::super::table::Targets;
    use super::*;

    fn class_counts(table: &Table) -> Vec<usize> {
        let Targets::Classes { labels, names } = &table.targets else { panic!() };
        (0..names.len() as u32).map(|class| labels.iter().filter(|&&label| label == class).count()).collect()
    }

    /// Means as scikit-learn's documentation of the sets gives them.
    #[test]
    fn the_tables_are_those_of_the_field() {
        let mean = |table: &Table, feature: usize| {
            (0..table.len()).map(|i| f64::from(table.input(i)[feature])).sum::<f64>() / table.len() as f64
        };
        let iris = iris().unwrap();
        assert_eq!((iris.len(), &iris.shape[..], class_counts(&iris)), (150, &[4][..], vec![50, 50, 50]));
        for (feature, expected) in [5.84, 3.05, 3.76, 1.20].into_iter().enumerate() {
            assert!((mean(&iris, feature) - expected).abs() < 0.0101, "{feature}");
        }
        let wine = wine().unwrap();
        assert_eq!((wine.len(), &wine.shape[..], class_counts(&wine)), (178, &[13][..], vec![59, 71, 48]));
        assert!((mean(&wine, 0) - 13.0).abs() < 0.05 && (mean(&wine, 12) - 746.0).abs() < 1.0);
        assert_eq!(wine.features[12], "proline");
        let digits = digits().unwrap();
        assert_eq!((digits.len(), &digits.shape[..]), (1797, &[1, 8, 8][..]));
        assert_eq!(class_counts(&digits), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let sum: f64 = digits.inputs.iter().map(|&x| f64::from(x)).sum();
        assert!((sum * 16.0 / digits.inputs.len() as f64 - 4.884_164_579_855_314).abs() < 1e-9);
    }
}
