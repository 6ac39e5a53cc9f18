//! What every algorithm must do, whatever it does: written once, generated per algorithm by [`crate::conformance!`].
//!
//! The checks work on erased algorithms ([`Subject`]), so that they are compiled once per genome kind and not once per
//! algorithm.

use crate::Specimen;
use evolvent_core::{
    Algorithm, Batch, Diagnostics, Evaluation, Fitness, Genome, Measured, Needs, Purpose, RunKey, Running,
    Scores, Sense, Space, Start, Startable, Tree, Violations, stream,
};
use evolvent_math::par;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

/// Writes the conformance tests of an algorithm type, or of one value of it: `conformance!(CmaEs)` tests the default,
/// `conformance!(Ga<Real>, Ga { elites: 0, ..Ga::default() })` a given one. Put each in a module of its own.
#[macro_export]
macro_rules! conformance {
    ($ty:ty) => {
        $crate::conformance!($ty, <$ty as Default>::default());
    };
    ($ty:ty, $value:expr) => {
        $crate::conformance!(@tests $ty, $value;
            same_seed_same_bits, other_seed_other_bits, threads_change_nothing, resumes_exactly, survives_nan,
            survives_infinities, survives_equal_fitness, survives_failure_of_all, mirrors, ignores_offsets,
            handles_small_and_odd_sizes, stays_in_bounds, takes_starting_points, refuses_misfits, improves,
            recommends_at_once, diagnoses_steadily, round_trips, describes_its_fields, refuses_bad_hyperparameters
        );
    };
    (@tests $ty:ty, $value:expr; $($test:ident),+) => {
        $(
            #[test]
            fn $test() {
                $crate::conformance::$test(&$crate::conformance::Subject::of::<$ty>($value));
            }
        )+
    };
}

/// An algorithm under test, erased.
pub struct Subject<G: Genome> {
    name: &'static str,
    algorithm: Box<dyn Startable<G>>,
    /// The hyperparameters, as they are, and as they come back from each format.
    json: Json,
    table: toml::Value,
    from_json: Json,
    from_toml: Json,
    /// Those of the default, and those of an empty table.
    default: Json,
    from_nothing: Result<Json, String>,
    accepts_unknown_keys: bool,
    schema: Json,
    parse: fn(toml::Value) -> Option<Box<dyn Startable<G>>>,
}

impl<G: Genome> Subject<G> {
    /// # Panics
    /// If the hyperparameters cannot be written and read back.
    pub fn of<A: Algorithm<Genome = G>>(algorithm: A) -> Self {
        let json = |a: &A| serde_json::to_value(a).expect("hyperparameters can be written as JSON");
        let text = toml::to_string(&algorithm).expect("hyperparameters can be written as TOML");
        let from_toml: A =
            toml::from_str(&text).unwrap_or_else(|e| panic!("cannot be read from TOML: {e}\n{text}"));
        let from_json: A =
            serde_json::from_value(json(&algorithm)).expect("hyperparameters can be read from JSON");
        Subject {
            name: A::NAME,
            json: json(&algorithm),
            table: toml::Value::try_from(&algorithm).expect("hyperparameters can be written as TOML"),
            from_json: json(&from_json),
            from_toml: json(&from_toml),
            default: json(&A::default()),
            from_nothing: toml::from_str::<A>("").map(|a| json(&a)).map_err(|e| e.to_string()),
            accepts_unknown_keys: toml::from_str::<A>("no_such_key = 1").is_ok(),
            schema: schemars::schema_for!(A).to_value(),
            parse: |table| Some(Box::new(table.try_into::<A>().ok()?)),
            algorithm: Box::new(algorithm),
        }
    }

    fn with(&self, table: toml::Value) -> Option<Box<dyn Startable<G>>> {
        (self.parse)(table)
    }
}

/// Size of the problems.
const SIZE: usize = 5;

/// Every bit of a value. The format keeps NaN and infinities and describes itself.
pub fn bits<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bits = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bits).with_struct_map();
    value.serialize(&mut serializer).expect("states and batches can be written");
    bits
}

/// The value of some bits.
pub fn from_bits<T: DeserializeOwned>(bits: &[u8]) -> T {
    rmp_serde::from_slice(bits).expect("what was written can be read")
}

/// A space of this size that has all that is needed.
pub fn space<G: Specimen>(needs: &Needs, size: usize, fitness: Fitness) -> Space<G> {
    let bounded = if needs.bounds { G::bounded_genes(size) } else { None };
    let mut space = Space::new(bounded.unwrap_or_else(|| G::genes(size)));
    space.senses = vec![Sense::Minimize; needs.objectives.0.max(1)];
    if needs.descriptors {
        space.descriptors = vec![(0.0, 16.0); 2];
    }
    space.fitness = fitness;
    space
}

fn start<G: Genome>(
    algorithm: &dyn Startable<G>,
    space: &Space<G>,
    start: &Start<G>,
    seed: u64,
) -> Result<Box<dyn Running<G>>, Violations> {
    algorithm.start(space, start, &mut stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Init))
}

/// An algorithm at work on a small problem.
pub struct Run<G: Genome> {
    algorithm: Box<dyn Running<G>>,
    space: Space<G>,
    key: RunKey,
    round: u64,
}

impl<G: Specimen> Run<G> {
    /// Begins from the genes' own initialisers.
    ///
    /// # Panics
    /// If the algorithm refuses.
    pub fn new(algorithm: &dyn Startable<G>, space: Space<G>, seed: u64) -> Self {
        Self::from(algorithm, space, &Start::Default, seed)
    }

    /// Begins from `begin`.
    ///
    /// # Panics
    /// If the algorithm refuses.
    pub fn from(algorithm: &dyn Startable<G>, space: Space<G>, begin: &Start<G>, seed: u64) -> Self {
        let running = start(algorithm, &space, begin, seed).unwrap_or_else(|v| panic!("init refuses: {v}"));
        Run { algorithm: running, space, key: RunKey::from_seed(seed), round: 0 }
    }

    /// Every bit of the state.
    pub fn state(&self) -> Vec<u8> {
        bits(&self.saved())
    }

    fn saved(&self) -> Tree {
        self.algorithm.state().expect("a state can be written")
    }

    fn restore(&mut self, state: &Tree) {
        self.algorithm.restore(state).expect("a state that was written can be read");
    }

    /// One round in which `evaluate` may change each member's evaluation. Returns the batch and its scores.
    pub fn step(
        &mut self,
        mut change: impl FnMut(u64, usize, &mut Evaluation),
    ) -> (Batch<G>, Vec<G>, Scores) {
        let batch = self.algorithm.ask(&mut stream(self.key, self.round, 0, 0, Purpose::Ask));
        assert!(!batch.is_empty(), "ask returned no members in round {}", self.round);
        assert_eq!(batch.streams.len(), batch.len(), "one stream index per member");
        assert!(
            batch.requests.is_empty() || batch.requests.len() == batch.len(),
            "one request per member or none"
        );
        assert!(
            batch.lineage.is_empty() || batch.lineage.len() == batch.len(),
            "one lineage per member or none"
        );
        let members = G::written_out(&batch);
        let mut evaluations: Vec<_> = members.iter().map(|genome| self.measure(genome)).collect();
        for (i, evaluation) in evaluations.iter_mut().enumerate() {
            if let (Some(_), Ok(measured)) = (batch.request(i).sensitivities, &mut evaluation.result) {
                // Of no network in particular; some genes matter to nobody. Genes that have sensitivities are numbers of 8 bytes.
                let genes = (G::bytes(&self.space.genes) / 8.0) as usize;
                measured.sensitivities = (0..genes).map(|gene| (gene % 7) as f32).collect();
            }
        }
        evaluations.iter_mut().enumerate().for_each(|(i, e)| change(self.round, i, e));
        let context = if self.space.fitness.comparable_across_rounds() { 0 } else { self.round + 1 };
        let scores = Scores::settle(&mut evaluations, &self.space.senses, context);
        self.algorithm.tell(&batch, &scores, &mut stream(self.key, self.round, 0, 0, Purpose::Tell));
        self.round += 1;
        (batch, members, scores)
    }

    fn measure(&self, genome: &G) -> Evaluation {
        let objectives =
            self.space.senses.iter().enumerate().map(|(k, sense)| sense.flip(genome.loss(k))).collect();
        let descriptors = (0..self.space.descriptors.len()).map(|k| genome.loss(k).min(16.0)).collect();
        Evaluation::measured(Measured { objectives, descriptors, ..Measured::default() })
    }

    /// Some rounds as they are. Returns the bits of every batch.
    pub fn rounds(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| bits(&self.step(|_, _, _| ()).0)).collect()
    }

    /// The best first objective among the recommended candidates.
    fn recommended_loss(&self) -> f64 {
        let outcome = self.algorithm.outcome();
        outcome.candidates().iter().map(|c| c.genome.loss(0)).fold(f64::INFINITY, f64::min)
    }

    #[track_caller]
    fn assert_outcome_is_sound(&self) {
        let outcome = self.algorithm.outcome();
        assert!(!outcome.candidates().is_empty(), "the outcome holds no candidate in round {}", self.round);
        for candidate in outcome.candidates() {
            assert!(candidate.genome.is_sound(), "not finite in the outcome: {:?}", candidate.genome);
            let fits = candidate.genome.fits(&self.space.genes);
            assert!(fits.is_ok(), "the outcome does not fit its space: {fits:?}");
        }
    }

    #[track_caller]
    fn assert_sound(&self, members: &[G]) {
        for genome in members {
            assert!(genome.is_sound(), "not finite in round {}: {genome:?}", self.round);
        }
        self.assert_outcome_is_sound();
    }
}

/// Two runs with one seed agree on every batch and on the final state.
pub fn same_seed_same_bits<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let mut a = Run::new(algorithm, space(&algorithm.needs(), SIZE, Fitness::Exact), 1);
    let mut b = Run::new(algorithm, space(&algorithm.needs(), SIZE, Fitness::Exact), 1);
    assert!(a.rounds(12) == b.rounds(12), "batches differ between two runs with one seed");
    assert!(a.state() == b.state(), "states differ between two runs with one seed");
}

/// Randomness comes from the stream.
pub fn other_seed_other_bits<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let mut a = Run::new(algorithm, space(&algorithm.needs(), SIZE, Fitness::Exact), 1);
    let mut b = Run::new(algorithm, space(&algorithm.needs(), SIZE, Fitness::Exact), 2);
    assert!(a.rounds(3) != b.rounds(3), "two seeds give one run");
}

/// One thread and eight threads agree on every bit; the problem is large enough to be split.
pub fn threads_change_nothing<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let run = |threads: usize| {
        par::Pool::new(threads).expect("threads").install(|| {
            let mut run = Run::new(algorithm, space(&algorithm.needs(), 300, Fitness::Exact), 3);
            (run.rounds(4), run.state())
        })
    };
    assert!(run(1) == run(8), "bits depend on the number of threads");
}

/// Twenty rounds are ten rounds, saved, loaded, and ten more.
pub fn resumes_exactly<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    for fitness in [Fitness::Exact, Fitness::Noisy, Fitness::Changing] {
        let mut whole = Run::new(algorithm, space(&algorithm.needs(), SIZE, fitness), 4);
        whole.rounds(10);
        let saved = whole.saved();
        let mut resumed = Run::new(algorithm, space(&algorithm.needs(), SIZE, fitness), 4);
        resumed.restore(&saved);
        resumed.round = 10;
        assert!(
            resumed.state() == bits(&saved),
            "the state changes when it is saved and loaded ({fitness:?})"
        );
        assert!(whole.rounds(10) == resumed.rounds(10), "batches differ after loading ({fitness:?})");
        assert!(whole.state() == resumed.state(), "states differ after loading ({fitness:?})");
    }
}

/// Runs with evaluations spoilt by `spoil` and checks that all that is asked and recommended stays finite.
fn survives<G: Specimen>(algorithm: &dyn Startable<G>, spoil: impl Fn(u64, usize) -> Option<f64>) {
    for fitness in [Fitness::Exact, Fitness::Noisy, Fitness::Changing] {
        let mut run = Run::new(algorithm, space(&algorithm.needs(), SIZE, fitness), 5);
        for _ in 0..20 {
            let (_, members, _) = run.step(|round, i, e| {
                if let (Some(value), Ok(measured)) = (spoil(round, i), &mut e.result) {
                    measured.objectives.fill(value);
                }
            });
            run.assert_sound(&members);
        }
        let state = run.saved();
        run.restore(&state);
    }
}

/// A third of all fitness values is NaN.
pub fn survives_nan<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    survives(algorithm, |round, i| (round as usize + i).is_multiple_of(3).then_some(f64::NAN));
}

/// Infinities, and values at the end of the range of numbers.
pub fn survives_infinities<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let spoilt = [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE];
    survives(algorithm, |round, i| spoilt.get((3 * round as usize + i) % 7).copied());
}

/// All values of a round, then of all rounds, are the same.
pub fn survives_equal_fitness<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    survives(algorithm, |round, _| Some(round as f64));
    survives(algorithm, |_, _| Some(1.0));
}

/// Every evaluation of the first round fails, later those of every other round, then those of all rounds.
pub fn survives_failure_of_all<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    survives(algorithm, |round, _| (round % 2 == 0 || round > 12).then_some(f64::NAN));
}

/// Maximising −f asks for the same bits as minimising f.
pub fn mirrors<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let space = space(&algorithm.needs(), SIZE, Fitness::Exact);
    let mut mirrored = space.clone();
    mirrored.senses.fill(Sense::Maximize);
    let mut a = Run::new(algorithm, space, 6);
    let mut b = Run::new(algorithm, mirrored, 6);
    assert!(a.rounds(12) == b.rounds(12), "maximising −f is not minimising f");
}

/// Where fitness changes from round to round, another offset on each round's values changes no choice.
pub fn ignores_offsets<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let mut plain = Run::new(algorithm, space(&algorithm.needs(), SIZE, Fitness::Changing), 7);
    let mut shifted = Run::new(algorithm, space(&algorithm.needs(), SIZE, Fitness::Changing), 7);
    for round in 0..15 {
        let a = plain.step(|_, _, _| ()).0;
        let b = shifted.step(|round, _, e| {
            if let Ok(measured) = &mut e.result {
                // Up and down, as large as the values themselves, and exact.
                let offset = if round % 2 == 0 { 512.0 } else { -1024.0 } * (round + 1) as f64;
                measured.objectives.iter_mut().for_each(|v| *v += offset);
            }
        });
        assert!(
            bits(&a) == bits(&b.0),
            "offsets of a changing fitness change what is asked in round {round}"
        );
    }
}

/// Dimension 1, odd dimensions and, where it can be set, odd and tiny populations.
pub fn handles_small_and_odd_sizes<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    for size in [1, 2, 3, 7] {
        let mut run = Run::new(algorithm, space(&algorithm.needs(), size, Fitness::Exact), 8);
        for _ in 0..12 {
            let members = run.step(|_, _, _| ()).1;
            run.assert_sound(&members);
        }
    }
    if subject.table.get("population_size").is_none() {
        return;
    }
    for size in [1, 2, 3, 5, 7, 33] {
        let mut table = subject.table.clone();
        table["population_size"] = toml::Value::Integer(size);
        let resized = subject.with(table).expect("an integer is a population size");
        let space = space(&resized.needs(), SIZE, Fitness::Exact);
        match start(&*resized, &space, &Start::Default, 8) {
            Err(violations) => assert!(
                violations.0.iter().any(|v| v.path == "population_size" || v.expected.contains("population")),
                "a population size of {size} is refused, but not for itself: {violations}"
            ),
            Ok(_) => {
                let mut run = Run::new(&*resized, space, 8);
                for _ in 0..12 {
                    let members = run.step(|_, _, _| ()).1;
                    run.assert_sound(&members);
                }
            }
        }
    }
}

/// Members and outcomes stay inside the box.
pub fn stays_in_bounds<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let Some(genes) = G::bounded_genes(SIZE) else { return };
    let mut space = space(&algorithm.needs(), SIZE, Fitness::Exact);
    space.genes = genes.clone();
    let mut run = Run::new(algorithm, space, 9);
    for _ in 0..25 {
        // The optimum lies outside, so that the search is pressed against the walls.
        let batch = run.step(|_, _, e| {
            if let Ok(measured) = &mut e.result {
                measured.objectives.iter_mut().for_each(|v| *v = 1.0 - *v);
            }
        });
        for genome in &batch.1 {
            assert!(genome.is_inside(&genes), "outside of the bounds: {genome:?}");
        }
        for candidate in run.algorithm.outcome().candidates() {
            assert!(
                candidate.genome.is_inside(&genes),
                "outcome outside of the bounds: {:?}",
                candidate.genome
            );
        }
    }
}

/// Starts from a point and from populations that are too small and too large.
pub fn takes_starting_points<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let space = space(&algorithm.needs(), SIZE, Fitness::Exact);
    let example = G::example(&space.genes);
    for begin in [
        Start::Point(example.clone()),
        Start::Population(vec![example.clone()]),
        Start::Population(vec![example.clone(); 3]),
        Start::Population(vec![example; 300]),
    ] {
        let mut run = Run::from(algorithm, space.clone(), &begin, 10);
        for _ in 0..5 {
            let members = run.step(|_, _, _| ()).1;
            run.assert_sound(&members);
        }
    }
}

/// A starting point of another space, and an empty starting population, are refused.
pub fn refuses_misfits<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let space = space(&algorithm.needs(), SIZE, Fitness::Exact);
    let init = |begin: &Start<G>| start(algorithm, &space, begin, 11).err();
    assert!(init(&Start::Population(Vec::new())).is_some(), "an empty starting population is accepted");
    if let Some(misfit) = G::misfit(SIZE) {
        for begin in [Start::Point(misfit.clone()), Start::Population(vec![misfit])] {
            let violations = init(&begin).expect("a starting point of another space is accepted");
            assert!(
                violations.0.iter().all(|v| v.path.starts_with("start")),
                "no path to the start: {violations}"
            );
        }
    }
}

/// After a while the recommended candidate is better than the average of the first round. What is driven by behaviour promises
/// so only where it can remember the best.
pub fn improves<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let all = [Fitness::Exact, Fitness::Noisy, Fitness::Changing];
    for &fitness in if algorithm.needs().descriptors { &all[..1] } else { &all[..] } {
        let mut run = Run::new(algorithm, space(&algorithm.needs(), SIZE, fitness), 12);
        let first = run.step(|_, _, _| ()).1;
        let average = first.iter().map(|g| g.loss(0)).sum::<f64>() / first.len() as f64;
        run.rounds(60);
        let reached = run.recommended_loss();
        assert!(
            reached < average,
            "{fitness:?}: {reached} after 60 rounds, {average} on average in the first"
        );
    }
}

/// There is an outcome before the first round, and it is sound.
pub fn recommends_at_once<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let run = Run::new(algorithm, space(&algorithm.needs(), SIZE, Fitness::Exact), 13);
    run.assert_outcome_is_sound();
    assert_eq!(run.algorithm.stopped(), None, "stopped before the first round");
}

/// Diagnostics have the same names in every round, none twice, and looking changes nothing.
pub fn diagnoses_steadily<G: Specimen>(subject: &Subject<G>) {
    let algorithm = &*subject.algorithm;
    let mut run = Run::new(algorithm, space(&algorithm.needs(), SIZE, Fitness::Exact), 14);
    let names = |run: &Run<G>| {
        let mut diagnostics = Diagnostics::default();
        run.algorithm.diagnose(&mut diagnostics);
        diagnostics.0.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let first = names(&run);
    for (i, name) in first.iter().enumerate() {
        assert!(!first[..i].contains(name), "two diagnostics are called {name}");
        let snake = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        assert!(snake, "{name} is not in snake_case");
    }
    for _ in 0..10 {
        run.rounds(1);
        assert_eq!(names(&run), first, "diagnostics change their names");
    }
}

/// Hyperparameters come back from TOML and from JSON; unknown keys are refused; an empty table is the default.
pub fn round_trips<G: Genome>(subject: &Subject<G>) {
    assert_eq!(subject.from_json, subject.json, "JSON changes hyperparameters");
    assert_eq!(subject.from_toml, subject.json, "TOML changes hyperparameters");
    assert_eq!(subject.from_nothing.as_ref(), Ok(&subject.default), "an empty table is not the default");
    assert!(!subject.accepts_unknown_keys, "an unknown key is accepted");
}

/// Every field has a description in the schema.
pub fn describes_its_fields<G: Genome>(subject: &Subject<G>) {
    let mut missing = Vec::new();
    undescribed(&subject.schema, &subject.schema, subject.name, false, &mut missing);
    assert!(missing.is_empty(), "fields without a description: {missing:?}");
}

/// Collects the paths of properties without a description. The single property of an enum variant may be described by the
/// variant itself or by the type that it holds.
fn undescribed(schema: &Json, root: &Json, path: &str, variant: bool, missing: &mut Vec<String>) {
    let described = |s: &Json| s.get("description").and_then(Json::as_str).is_some_and(|d| !d.is_empty());
    let referred = |s: &Json| {
        let pointer = s.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix('#'));
        pointer.and_then(|p| root.pointer(p)).is_some_and(described)
    };
    match schema {
        Json::Object(map) => {
            if let Some(Json::Object(properties)) = map.get("properties") {
                for (name, property) in properties {
                    let by_variant = variant && (described(schema) || referred(property));
                    if !described(property) && !by_variant {
                        missing.push(format!("{path}.{name}"));
                    }
                }
            }
            for (key, value) in map {
                let variants = matches!(key.as_str(), "oneOf" | "anyOf");
                let path = format!("{path}.{key}");
                match value {
                    Json::Array(entries) => {
                        entries.iter().for_each(|e| undescribed(e, root, &path, variants, missing))
                    }
                    _ if matches!(key.as_str(), "default" | "examples" | "const" | "enum") => {}
                    _ => undescribed(value, root, &path, false, missing),
                }
            }
        }
        Json::Array(entries) => entries.iter().for_each(|e| undescribed(e, root, path, false, missing)),
        _ => {}
    }
}

/// NaN and infinity in any number are refused with its path; 0 and −1 are refused with its path, or do no harm.
pub fn refuses_bad_hyperparameters<G: Specimen>(subject: &Subject<G>) {
    let mut leaves = Vec::new();
    numbers(&subject.table, &mut Vec::new(), &mut leaves);
    for path in leaves {
        for (bad, harmless) in [
            (toml::Value::Float(f64::NAN), false),
            (toml::Value::Float(f64::INFINITY), false),
            (toml::Value::Float(f64::NEG_INFINITY), false),
            (toml::Value::Float(0.0), true),
            (toml::Value::Float(-1.0), true),
            (toml::Value::Integer(0), true),
            (toml::Value::Integer(-1), true),
        ] {
            let mut changed = subject.table.clone();
            *path.iter().fold(&mut changed, |value, key| &mut value[key.as_str()]) = bad.clone();
            if let Some(changed) = subject.with(changed) {
                check_bad(&*changed, &path.join("."), &bad, harmless);
            }
        }
    }
}

fn check_bad<G: Specimen>(algorithm: &dyn Startable<G>, path: &str, bad: &toml::Value, harmless: bool) {
    let space = space(&algorithm.needs(), SIZE, Fitness::Exact);
    match start(algorithm, &space, &Start::Default, 15) {
        Err(violations) => {
            let named = violations.0.iter().any(|v| v.path == path);
            assert!(named, "{path} = {bad} is refused without its path: {violations}");
        }
        Ok(_) => {
            assert!(harmless, "{path} = {bad} is accepted");
            let mut run = Run::new(algorithm, space, 15);
            for _ in 0..6 {
                let members = run.step(|_, _, _| ()).1;
                run.assert_sound(&members);
            }
        }
    }
}

/// The paths of all numbers, and of all `"auto"`s, which stand for numbers.
fn numbers(value: &toml::Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    match value {
        toml::Value::Integer(_) | toml::Value::Float(_) => out.push(path.clone()),
        toml::Value::String(s) if s == "auto" => out.push(path.clone()),
        toml::Value::Table(table) => {
            for (key, entry) in table {
                path.push(key.clone());
                numbers(entry, path, out);
                path.pop();
            }
        }
        _ => {}
    }
}
