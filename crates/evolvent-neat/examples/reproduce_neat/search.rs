//! One run of NEAT on a function of networks.

use crate::report::Found;
use evolvent_core::{
    Algorithm, Decoder, Diagnostics, Evaluation, Interface, Purpose, RunKey, Scores, Sense, Space, Start,
    stream,
};
use evolvent_neat::{Graph, GraphDecoder, GraphNetwork, Neat, NeatState};
use std::collections::BTreeSet;

/// What an evaluation says.
pub(crate) enum Judged {
    /// Fitness; larger is better.
    Fitness(f64),
    /// The task is solved.
    Solved,
}

/// A task, as a run of NEAT sees it.
pub(crate) trait Task {
    /// Judges a network.
    fn judge(&mut self, network: &GraphNetwork) -> Judged;
    /// Looks at one champion of each generation; generalisation starts passed if that solves the task.
    fn examine(&mut self, _champion: &GraphNetwork) -> Option<f64> {
        None
    }
}

/// The champion to examine, as in the code published with the paper: that of the best species which has not been examined
/// since its best fitness last rose.
fn unexamined<'a>(examined: &mut BTreeSet<u32>, state: &'a NeatState) -> Option<&'a Graph> {
    let champions = state.champions();
    for champion in champions.iter().filter(|c| c.improved) {
        examined.remove(&champion.species);
    }
    let next = champions.iter().find(|c| !examined.contains(&c.species)).or(champions.first())?;
    examined.insert(next.species);
    Some(next.genome)
}

/// A run with a seed, given up after `limit` evaluations.
pub(crate) fn run(
    neat: &Neat,
    decoder: &GraphDecoder,
    interface: &Interface,
    start: &Start<Graph>,
    task: &mut impl Task,
    seed: u64,
    limit: u64,
) -> Found {
    let mut space = Space::new(decoder.genes(interface));
    space.senses = vec![Sense::Maximize];
    let key = RunKey::from_seed(seed);
    let mut state =
        neat.init(&space, start, &mut stream(key, 0, 0, 0, Purpose::Init)).expect("sound settings");
    let mut network = decoder.blank(interface);
    let (mut evaluations, mut round) = (0u64, 0);
    let found = |solved, evaluations: u64, genome: Option<&Graph>, generalisation| Found {
        solved,
        evaluations: evaluations as f64,
        hidden: genome.map_or(0.0, |g| g.structure.hidden() as f64),
        generalisation,
        extinctions: 0.0,
    };
    let mut examined = BTreeSet::new();
    let mut result = loop {
        let batch = neat.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
        let mut results = Vec::with_capacity(batch.members.len());
        let mut solved = None;
        for graph in &batch.members {
            decoder.decode(graph, &mut network).expect("own genomes decode");
            evaluations += 1;
            match task.judge(&network) {
                Judged::Fitness(fitness) => results.push(Evaluation::of(fitness)),
                Judged::Solved => {
                    solved = Some(graph);
                    break;
                }
            }
        }
        if let Some(graph) = solved {
            break found(true, evaluations, Some(graph), 0.0);
        }
        let scores = Scores::settle(&mut results, &space.senses, 0);
        neat.tell(&mut state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
        round += 1;
        if let Some(champion) = unexamined(&mut examined, &state) {
            decoder.decode(champion, &mut network).expect("own genomes decode");
            if let Some(passed) = task.examine(&network) {
                break found(true, evaluations, Some(champion), passed);
            }
        }
        if evaluations >= limit {
            break found(false, evaluations, None, 0.0);
        }
    };
    let mut diagnostics = Diagnostics::default();
    neat.diagnose(&state, &mut diagnostics);
    let extinctions = diagnostics.0.iter().find(|(name, _)| name == "extinctions");
    result.extinctions = extinctions.map_or(0.0, |(_, count)| *count);
    result
}
