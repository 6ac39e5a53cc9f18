use super::*;

#[test]
fn every_source_can_be_written() {
    for (text, source) in [
        ("source = \"iris\"", Source::Iris),
        ("source = \"fashion_mnist\"", Source::FashionMnist),
        ("source = { parity = { bits = 5 } }", Source::Parity(ParitySpec { bits: 5 })),
        ("source.spirals.noise = 0.1", Source::Spirals(SpiralsSpec { noise: 0.1, ..Default::default() })),
        ("source = { sine = {} }", Source::Sine(SineSpec::default())),
        (
            "source.csv = { path = \"a.csv\", target = [\"y\", -1], delimiter = \";\" }",
            Source::Csv(CsvSpec {
                path: "a.csv".into(),
                target: Columns(vec![Column::Name("y".into()), Column::Index(-1)]),
                delimiter: Auto::Value(';'),
                ..Default::default()
            }),
        ),
        (
            "source.idx = { inputs = \"i\", targets = \"t\" }",
            Source::Idx(IdxSpec { inputs: "i".into(), targets: "t".into(), ..Default::default() }),
        ),
        (
            "source.npz = { path = \"a.npz\", inputs = \"x_train\", channels = \"last\" }",
            Source::Npz(NpzSpec {
                path: "a.npz".into(),
                inputs: "x_train".into(),
                channels: ChannelAxis::Last,
                ..Default::default()
            }),
        ),
        (
            "source.png_folder = { path = \"d\", colour = \"grey\" }",
            Source::PngFolder(PngFolderSpec { path: "d".into(), colour: Colour::Grey, test_path: None }),
        ),
    ] {
        let spec: DatasetSpec = toml::from_str(text).unwrap();
        assert_eq!(spec.source, source, "{text}");
        let again: DatasetSpec = toml::from_str(&toml::to_string(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }
}

#[test]
fn mistakes_carry_their_line_and_column() {
    for (text, place, message) in [
        ("source = \"iris\"\nminibatch_size = true", "line 2, column 18", "invalid type: boolean `true`"),
        ("source = \"iris\"\nloss = \"crossentropy\"", "line 2, column 8", "unknown variant `crossentropy`"),
        ("source = \"irs\"", "line 1, column 10", "unknown variant `irs`"),
        ("source = \"iris\"\ntest = -3", "line 2, column 8", "cannot be negative"),
        ("source = \"iris\"\nsplit = 0.1", "line 2, column 1", "unknown field `split`"),
        ("source.csv = { path = \"a\", taget = 3 }", "line 1, column 28", "unknown field `taget`"),
        (
            "source.csv = { path = \"a\", ignore = [[1]] }",
            "line 1, column 38",
            "the name or the number of a column",
        ),
        ("test = 0.1", "line 1, column 1", "missing field `source`"),
    ] {
        let error = toml::from_str::<DatasetSpec>(text).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains(message), "{text}\n{error}");
    }
}

#[test]
fn all_violations_at_once() {
    let spec = DatasetSpec {
        source: Source::Spirals(SpiralsSpec { density: 0, radius: -1.0, noise: f64::NAN }),
        validation: Auto::Value(Amount::Fraction(0.6)),
        test: Auto::Value(Amount::Fraction(0.5)),
        minibatch_size: Auto::Value(0),
        ..Default::default()
    };
    let Violations(violations) = spec.check().unwrap_err();
    assert_eq!(violations.len(), 5, "{violations:?}");
    assert_eq!(violations[1].to_string(), "minibatch_size: expected an integer of at least 1, found 0");
    assert!(DatasetSpec::default().check().is_ok());
}

#[test]
fn the_schema_names_every_source() {
    let schema = serde_json::to_string(&schemars::schema_for!(DatasetSpec)).unwrap();
    for word in ["two_spirals", "png_folder", "minibatch_size", "\"auto\"", "categorical", "cross_entropy"] {
        assert!(schema.contains(word), "{word}");
    }
}
