//! Supervised evaluation against a slow twin: one network, one sample at a time.

use super::*;
use evolvent_core::{Auto, Purpose, RunKey, Sensitivity, Vector, stream};
use evolvent_nets::{Dense, NetworkConfig, program::Interpreter};
use evolvent_problems::datasets::{
    DatasetSpec, Folders, Friedman1Spec, Limits, Loss, Metric, Source, Targets, TargetsView,
};

fn key() -> RunKey {
    RunKey::from_seed(11)
}

fn task(spec: DatasetSpec) -> Supervised<Dense> {
    let data = Dataset::load(&spec, &Folders::default(), &Limits::default(), key()).unwrap();
    Supervised::new(Dense { hidden: vec![6], ..Dense::default() }, Arc::new(data))
}

fn of(source: Source) -> DatasetSpec {
    DatasetSpec { source, ..DatasetSpec::default() }
}

fn members(task: &Supervised<Dense>, count: u64) -> Batch<Vector> {
    let genes = task.space().genes;
    let draw = |i| Vector(genes.sample(&mut stream(key(), 0, i, 0, Purpose::Init)));
    Batch::of((0..count).map(draw).collect())
}

/// Answers of a genome's network to raw rows, one at a time.
fn answers(network: &impl Network, inputs: &[f32]) -> Vec<Vec<f32>> {
    let mut scratch = vec![0.0; network.scratch_len(1)];
    let one = |row: &[f32]| {
        let mut output = vec![0.0; network.outputs()];
        network.forward(1, row, &mut [], &mut output, &mut scratch);
        output
    };
    inputs.chunks_exact(network.inputs()).map(one).collect()
}

fn decoded(task: &Supervised<Dense>, genome: &Vector) -> <Dense as Decoder>::Network {
    let mut network = task.decoder.blank(&task.interface);
    let genome: Vec<f32> = genome.0.iter().map(|&x| x as f32).collect();
    task.decoder.decode(&genome, &mut network).unwrap();
    network
}

/// The mean loss over some samples of a table.
fn twin(task: &Supervised<Dense>, genome: &Vector, table: &Table, samples: &[u32]) -> f64 {
    let network = decoded(task, genome);
    let mut total = 0.0;
    for &sample in samples {
        let output = answers(&network, table.input(sample as usize)).remove(0);
        match &table.targets {
            Targets::Classes { labels, names } => {
                let labels = &labels[sample as usize..][..1];
                task.data.loss.add(
                    &output,
                    TargetsView::Classes { labels, classes: names.len() },
                    &mut total,
                );
            }
            Targets::Values { values, dimension, .. } => {
                let values = &values[sample as usize * dimension..][..*dimension];
                let targets = TargetsView::Values { values, dimension: *dimension };
                task.data.loss.add(&output, targets, &mut total);
            }
        }
    }
    total / task.data.loss.terms(samples.len(), network.outputs())
}

fn losses(task: &Supervised<Dense>, batch: &Batch<Vector>, round: &Round) -> Vec<f64> {
    let results = task.evaluate(&(), batch, 0..batch.len(), round);
    results.into_iter().map(|r| r.evaluation.result.unwrap().objectives[0]).collect()
}

#[test]
fn the_loss_is_the_mean_over_the_part_that_the_phase_names() {
    let friedman = Source::Friedman1(Friedman1Spec { points: 900, noise: 1.0 });
    for (source, loss) in [
        (Source::Iris, Auto::Auto),
        (Source::Wine, Auto::Value(Loss::MeanSquaredError)),
        (Source::Xor, Auto::Value(Loss::BinaryCrossEntropy)),
        (friedman, Auto::Value(Loss::MeanAbsoluteError)),
    ] {
        let task = task(DatasetSpec { loss, ..of(source) });
        let batch = members(&task, 3);
        let data = task.data.clone();
        let train = Round::train(key(), 3);
        for (phase, table) in [
            (Phase::Train, &data.training),
            (Phase::Validate, data.choosing()),
            (Phase::Test, data.reporting()),
        ] {
            let found = losses(&task, &batch, &Round { phase, ..train });
            let all: Vec<u32> = (0..table.len() as u32).collect();
            for i in 0..3 {
                let Batch { members, .. } = &batch;
                let expected = twin(&task, &crate::member::owned_vector(members, i), table, &all);
                assert!((found[i] - expected).abs() < 1e-6 * expected, "{phase:?}: {} {expected}", found[i]);
            }
        }
        assert_eq!(task.space().fitness, Fitness::Exact);
    }
}

#[test]
fn minibatches_are_shared_by_the_population_and_change_with_the_round() {
    let task = task(DatasetSpec { minibatch_size: Auto::Value(100), ..of(Source::Digits) });
    assert_eq!(task.space().fitness, Fitness::Changing);
    let mut batch = members(&task, 2);
    let genome = crate::member::owned_vector(&batch.members, 0);
    batch = Batch::of(vec![genome.clone(), genome.clone()]);
    let mut indices = Vec::new();
    for number in [0, 5] {
        let round = Round::train(key(), number);
        let found = losses(&task, &batch, &round);
        assert_eq!(found[0], found[1]);
        Minibatches::new(key(), task.data.training.len(), 100).indices(number, &mut indices);
        let expected = twin(&task, &genome, &task.data.training, &indices);
        assert!((found[0] - expected).abs() < 1e-6 * expected);
        let cost = task.evaluate(&(), &batch, 1..2, &round)[0].evaluation.cost;
        assert_eq!(cost, Cost { episodes: 0, steps: 100 });
        assert_eq!(task.context(&round), number + 1);
    }
}

#[test]
fn neither_splits_nor_threads_show() {
    for count in [3, 40] {
        let task = task(of(Source::Digits));
        let batch = members(&task, count);
        let round = Round::train(key(), 0);
        let run = |threads| par::Pool::new(threads).unwrap().install(|| losses(&task, &batch, &round));
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(8));
        let part = task.evaluate(&(), &batch, 2..3, &round);
        assert_eq!(part[0].evaluation.result.as_ref().unwrap().objectives[0], one[2]);
    }
}

#[test]
fn a_share_of_the_effort_sees_the_first_tiles() {
    let task = task(of(Source::Digits));
    let mut batch = members(&task, 2);
    batch.requests = vec![evolvent_core::Request::default(); 2];
    batch.requests[1].fidelity = Some(0.1);
    let costs: Vec<u64> = task
        .evaluate(&(), &batch, 0..2, &Round::train(key(), 0))
        .iter()
        .map(|r| r.evaluation.cost.steps)
        .collect();
    assert_eq!(costs[0] as usize, task.data.training.len());
    assert_eq!(costs[1] as usize, task.data.training.len().div_ceil(LANES).div_ceil(10) * LANES);
}

#[test]
fn assessments_tell_the_metric() {
    let task = task(of(Source::Iris));
    let genome = crate::member::owned_vector(&members(&task, 1).members, 0);
    let round = Round { phase: Phase::Test, ..Round::train(key(), 0) };
    let assessment = task.assess(&(), &genome, &round);
    let table = task.data.reporting();
    let Targets::Classes { labels, .. } = &table.targets else { panic!("iris has classes") };
    let right = answers(&decoded(&task, &genome), &table.inputs)
        .iter()
        .zip(labels)
        .filter(|(output, label)| {
            let best = output.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            best == **label as usize
        })
        .count();
    assert_eq!(assessment.metrics, [("accuracy".to_string(), right as f64 / table.len() as f64)]);
    assert_eq!(assessment.evaluation.result.unwrap().objectives[0], assessment.values[0]);
    assert_eq!(task.data.metric, Metric::Accuracy);
}

#[test]
fn champions_take_and_give_the_units_of_the_data() {
    let task = task(of(Source::Friedman1(Friedman1Spec { points: 60, noise: 0.0 })));
    let genome = crate::member::owned_vector(&members(&task, 1).members, 0);
    let row = task.data.training.input(0);
    let expected = answers(&decoded(&task, &genome), row).remove(0);
    let (offset, scale) = task.data.input_scaling.expanded(row.len());
    let raw: Vec<f32> = row.iter().zip(offset.iter().zip(&scale)).map(|(z, (o, s))| z * s + o).collect();
    let champion = task.champion(&genome).unwrap();
    let mut output = [0.0];
    champion.forward(1, &raw, &mut [], &mut output, &mut vec![0.0; champion.scratch_len(1)]);
    assert!((output[0] - expected[0]).abs() < 1e-5);
    let program = task.program(&(), &genome).unwrap().unwrap();
    assert_eq!(program.outputs.last().unwrap().name, "value");
    let value = Interpreter::new(program).unwrap().step(&raw).unwrap().pop().unwrap();
    let (offset, scale) = task.data.target_scaling.expanded(1);
    assert!((value[0] - (expected[0] * scale[0] + offset[0])).abs() < 1e-4);
    let iris = super::tests::task(of(Source::Iris));
    let genome = crate::member::owned_vector(&members(&iris, 1).members, 0);
    let program = iris.program(&(), &genome).unwrap().unwrap();
    assert_eq!(program.outputs.last().unwrap().name, "class");
}

#[test]
fn networks_that_overflow_fail() {
    let task = task(DatasetSpec { loss: Auto::Value(Loss::MeanSquaredError), ..of(Source::Iris) });
    let n = task.space().genes.dimension();
    let batch = Batch::of(vec![Vector(vec![1e38; n]), Vector(vec![0.0; n])]);
    let mut evaluations: Vec<Evaluation> =
        task.evaluate(&(), &batch, 0..2, &Round::train(key(), 0)).into_iter().map(|r| r.evaluation).collect();
    let scores = evolvent_core::Scores::settle(&mut evaluations, &task.space().senses, 0);
    assert_eq!(scores.failed, [true, false]);
}

#[test]
fn what_the_centre_is_wrong_about_comes_more_often() {
    use evolvent_core::{Members, Rank, Scale, Vectors, VirtualMember, VirtualVectors};
    use std::sync::Arc;
    let spec = |candidates, importance_correction| DatasetSpec {
        minibatch_size: Auto::Value(20),
        candidates,
        importance_correction,
        ..of(Source::Iris)
    };
    let plain = task(spec(Auto::Auto, 1.0));
    let layout = plain.space().genes.layout;
    // Members that are their centre themselves: sign 0.
    let population = |round| {
        let mut rng = stream(key(), round, 3, 0, Purpose::Init);
        let base = plain.space().genes.sample(&mut rng).iter().map(|x| 3.0 * x).collect();
        let member = VirtualMember { base: 0, scale: 0, noise: rng.key(), sign: 0.0, rank: Rank::default() };
        let members = VirtualVectors {
            layout: layout.clone(),
            bases: vec![Arc::new(base)],
            scales: vec![Scale::Scalar(1.0)],
            members: vec![member; 3],
            drawn: Default::default(),
        };
        Batch::<Vector>::new(Vectors::Virtual(members))
    };
    let (unbiased, hard) = (task(spec(Auto::Value(60), 1.0)), task(spec(Auto::Value(60), 0.0)));
    let candidates = task(DatasetSpec { minibatch_size: Auto::Value(60), ..of(Source::Iris) });
    let (mut sums, rounds) = ([0.0; 3], 60);
    for number in 0..rounds {
        let (batch, round) = (population(number), Round::train(key(), number));
        for (sum, task) in sums.iter_mut().zip([&candidates, &unbiased, &hard]) {
            let found = losses(task, &batch, &round);
            assert_eq!(found[0], found[2]);
            *sum += found[0] / rounds as f64;
        }
        let costs: Vec<u64> =
            unbiased.evaluate(&(), &batch, 0..3, &round).iter().map(|e| e.evaluation.cost.steps).collect();
        assert_eq!(costs, [80, 20, 20]);
        assert_eq!(losses(&unbiased, &batch, &round)[1], {
            let part = unbiased.evaluate(&(), &batch, 1..2, &round);
            part[0].evaluation.result.as_ref().unwrap().objectives[0]
        });
    }
    assert!((sums[1] / sums[0] - 1.0).abs() < 0.05 && sums[2] > 1.1 * sums[0], "{sums:?}");
    // Without a centre all samples count the same.
    let dense = Batch::of(vec![crate::member::owned_vector(&population(0).members, 0)]);
    assert_eq!(dense.members.len(), 1);
    let round = Round::train(key(), 4);
    assert_eq!(losses(&unbiased, &dense, &round), losses(&plain, &dense, &round));
}

/// From the request to the score: what is delivered is √Σₖ (meanᵢ |∂yₖ(xᵢ)/∂w|)², by central differences of the evaluated network over
/// the evenly spaced training samples.
#[test]
fn sensitivities_are_delivered_to_those_who_ask() {
    let plain = task(of(Source::Iris));
    assert!(!plain.offers().sensitivities);
    let probe = plain.decoder.sensitivity_probe(&plain.interface);
    let task = plain.with_sensitivities(probe);
    assert!(task.offers().sensitivities);
    let mut batch = members(&task, 3);
    batch.requests = vec![Default::default(); 3];
    batch.requests[1].sensitivities = Some(Sensitivity::Absolute);
    let evaluate = || {
        let results = task.evaluate(&(), &batch, 0..3, &Round::train(key(), 0));
        results.into_iter().map(|r| r.evaluation.result.unwrap().sensitivities).collect::<Vec<_>>()
    };
    let found = evaluate();
    assert!(found[0].is_empty() && found[2].is_empty());
    assert_eq!(found[1].len(), task.space().genes.dimension());

    let genome = crate::member::owned_vector(&batch.members, 1);
    let table = &task.data.training;
    let samples: Vec<f32> =
        (0..EXPERIENCES).flat_map(|i| table.input(i * table.len() / EXPERIENCES)).copied().collect();
    let h = 1.0 / 256.0;
    for gene in (0..genome.0.len()).step_by(5) {
        let at = |delta: f64| {
            let mut moved = genome.clone();
            moved.0[gene] += delta;
            answers(&decoded(&task, &moved), &samples)
        };
        let (up, down) = (at(h), at(-h));
        let mut sums = [0.0; 3];
        for (up, down) in up.iter().zip(&down) {
            for k in 0..3 {
                sums[k] += f64::from(up[k] - down[k]).abs() / (2.0 * h);
            }
        }
        let expected = sums.iter().map(|s| (s / EXPERIENCES as f64).powi(2)).sum::<f64>().sqrt();
        let found = f64::from(found[1][gene]);
        assert!((found - expected).abs() < 2e-3 * (1.0 + expected), "gene {gene}: {found} {expected}");
    }
    let threads = |n| par::Pool::new(n).unwrap().install(evaluate);
    assert_eq!(threads(1), threads(5));
}
