use super::*;
use evolvent_core::{Purpose, RunKey, Stream, stream};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    mean: Vec<f64>,
    covariance: Vec<f64>,
    rows: Vec<Vec<f32>>,
    ragged: Vec<Vec<u32>>,
    short: Vec<f64>,
    ids: Vec<u64>,
    alive: Vec<bool>,
    best: Option<Option<f64>>,
    weights: std::collections::BTreeMap<String, f64>,
    kind: Kind,
    key: RunKey,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Plain,
    Adam { m: Vec<f64>, t: u64 },
}

fn state() -> State {
    State {
        mean: (0..30).map(|i| f64::from(i) / 7.0).collect(),
        covariance: vec![f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 8.0, f64::MAX, 1.0 / 3.0]
            .into_iter()
            .cycle()
            .take(25)
            .collect(),
        rows: (0..9).map(|r| (0..5).map(|c| (r * c) as f32 / 3.0).collect()).collect(),
        ragged: vec![vec![1; 17], vec![2; 3], vec![]],
        short: vec![f64::INFINITY, -0.0, 0.1],
        ids: vec![u64::MAX; 16],
        alive: vec![true; 20],
        best: Some(None),
        weights: [("a".to_owned(), 0.5), ("$b".to_owned(), f64::NEG_INFINITY)].into(),
        kind: Kind::Adam { m: vec![0.25; 16], t: 3 },
        key: RunKey::from_seed(1),
    }
}

fn header(generation: u64) -> Header {
    Header {
        evolvent: env!("CARGO_PKG_VERSION").into(),
        experiment: fingerprint("x"),
        data: None,
        generation,
        records: vec![RecordFile { path: "events.jsonl".into(), bytes: 12 }],
    }
}

fn saved(dir: &Path, generation: u64) -> PathBuf {
    save(dir, &header(generation), &Tree::of(&state()).unwrap()).unwrap()
}

#[test]
fn a_state_comes_back_from_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = saved(dir.path(), 7);
    assert!(path.ends_with("000007"));
    let checkpoint = latest(dir.path()).unwrap().unwrap();
    assert_eq!(checkpoint.header, header(7));
    assert_eq!(checkpoint.state.read::<State>().unwrap(), state());
    assert_eq!(checkpoint.part::<Kind>("kind").unwrap(), state().kind);
    assert_eq!(checkpoint.part::<Kind>("kinds").unwrap_err().exit_code(), 2);
    assert_eq!(checkpoint.part::<Kind>("mean").unwrap_err().exit_code(), 2);
}

#[test]
fn arrays_are_named_and_shaped_for_other_readers() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fs::read(saved(dir.path(), 1).join("arrays.safetensors")).unwrap();
    let arrays = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(arrays.tensor("state.rows").unwrap().shape(), [9, 5]);
    assert_eq!(arrays.tensor("state.covariance").unwrap().dtype(), safetensors::Dtype::F64);
    assert_eq!(arrays.tensor("state.ids").unwrap().dtype(), safetensors::Dtype::U64);
    assert_eq!(arrays.tensor("state.kind.m").unwrap().shape(), [16]);
    assert_eq!(arrays.tensor("state.ragged.0").unwrap().shape(), [17]);
}

#[test]
fn the_last_two_are_kept_and_the_same_number_replaces() {
    let dir = tempfile::tempdir().unwrap();
    assert!(latest(&dir.path().join("none")).unwrap().is_none());
    for generation in [1, 5, 20, 20] {
        saved(dir.path(), generation);
    }
    let names: Vec<_> = list(dir.path()).unwrap();
    assert_eq!(names, [dir.path().join("000005"), dir.path().join("000020")]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing hidden is left");
    fs::create_dir(dir.path().join(".000030.new-17")).unwrap();
    sweep(dir.path()).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn versions_of_the_same_minor_line() {
    assert!(readable("0.1.0", "0.1.0") && readable("0.1.0", "0.1.9") && readable("1.2.3", "1.2.3"));
    for (writer, own) in
        [("0.1.1", "0.1.0"), ("0.2.0", "0.1.9"), ("0.1.0", "0.2.0"), ("1.0.0", "0.1.0"), ("x", "0.1.0")]
    {
        assert!(!readable(writer, own), "{writer} by {own}");
    }
    let dir = tempfile::tempdir().unwrap();
    let foreign = Header { evolvent: "9.4.2".into(), ..header(3) };
    save(dir.path(), &foreign, &Tree::Null).unwrap();
    let error = latest(dir.path()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("9.4.2"), "{error}");
}

#[test]
fn a_damaged_checkpoint_names_itself_and_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    saved(dir.path(), 1);
    let path = saved(dir.path(), 2);
    for file in ["structure.json", "arrays.safetensors"] {
        let whole = fs::read(path.join(file)).unwrap();
        for cut in [0, 1, 13, 21, whole.len() / 2, whole.len() - 1] {
            fs::write(path.join(file), &whole[..cut]).unwrap();
            let error = latest(dir.path()).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(file) && error.to_string().contains("000001"), "{error}");
        }
        fs::remove_file(path.join(file)).unwrap();
        assert_eq!(latest(dir.path()).unwrap_err().exit_code(), 2);
        fs::write(path.join(file), &whole).unwrap();
    }
    assert!(latest(dir.path()).is_ok());
}

/// A structure with its checksum put right, so that what lies behind it is read.
fn resigned(mut structure: Vec<u8>) -> Vec<u8> {
    let rest = hex(structure.get(PREFIX.len() + 8..).unwrap_or_default());
    if structure.len() >= PREFIX.len() + 8 {
        structure[PREFIX.len()..PREFIX.len() + 8].copy_from_slice(rest.as_bytes());
    }
    structure
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut Stream) {
    const INTERESTING: &[u8] = b"{}[],:\"$-.eE0919 \\\x00\xff";
    for _ in 0..1 + rng.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len());
        match rng.below(5) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = INTERESTING[rng.below(INTERESTING.len())],
            2 => {
                bytes.remove(at);
            }
            3 => bytes.insert(at, INTERESTING[rng.below(INTERESTING.len())]),
            _ => bytes.truncate(at),
        }
    }
}

/// Bounded mutation fuzzing behind the checksums: whatever the files hold, reading ends with a value or an error.
#[test]
fn mutated_checkpoints_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = saved(dir.path(), 1);
    let structure = fs::read(path.join("structure.json")).unwrap();
    let arrays = fs::read(path.join("arrays.safetensors")).unwrap();
    let mut rng = stream(RunKey::from_seed(77), 0, 0, 0, Purpose::Bootstrap);
    let mut read = 0;
    for _ in 0..3000 {
        let (mut s, mut a) = (structure.clone(), arrays.clone());
        if rng.chance(0.7) {
            mutate(&mut s, &mut rng);
            s = resigned(s);
        } else {
            mutate(&mut a, &mut rng);
        }
        // Past the checksum of the arrays: the same decoding, directly.
        if let (Ok(tensors), Ok(value)) = (SafeTensors::deserialize(&a), serde_json::from_slice::<Value>(&s))
            && let Ok(tree) = decode(&value["state"], &tensors, "state")
        {
            read += usize::from(tree.read::<State>().is_ok());
        }
        fs::write(path.join("structure.json"), &s).unwrap();
        if let Err(error) = latest(dir.path()) {
            assert_eq!(error.exit_code(), 2, "{error}");
        }
    }
    assert!(read > 0, "some mutations are harmless");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_floats_survive(bits in prop::collection::vec(any::<u64>(), 0..60), single in any::<u32>()) {
        let doubles: Vec<f64> = bits.iter().map(|&b| f64::from_bits(b)).collect();
        let value = (doubles.clone(), doubles.first().copied(), f32::from_bits(single));
        let mut lifted = Lifted::default();
        let whole = Tree::of(&value).unwrap();
        let json = encode(&whole, "state", &mut lifted).unwrap();
        let text = serde_json::to_string(&json).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = lifted.write(file.path()).unwrap();
        let bytes = fs::read(file.path()).unwrap();
        prop_assert_eq!((written.bytes, written.checksum), (bytes.len() as u64, hex(&bytes)));
        let arrays = SafeTensors::deserialize(&bytes).unwrap();
        let tree = decode(&serde_json::from_str(&text).unwrap(), &arrays, "state").unwrap();
        let back: (Vec<f64>, Option<f64>, f32) = tree.read().unwrap();
        prop_assert!(back.0.iter().zip(&doubles).all(|(a, b)| a.to_bits() == b.to_bits()));
        prop_assert_eq!(back.0.len(), doubles.len());
        prop_assert_eq!(back.1.map(f64::to_bits), value.1.map(f64::to_bits));
        prop_assert_eq!(back.2.to_bits(), single);
    }
}

#[test]
fn too_deep_is_refused_before_it_is_written() {
    let mut tree = Tree::Null;
    for _ in 0..200 {
        tree = Tree::Sequence(vec![tree]);
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(save(dir.path(), &header(1), &tree).is_err());
    assert!(list(dir.path()).unwrap().is_empty());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
