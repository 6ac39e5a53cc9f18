//! The bare loop: algorithm, evaluator, evaluation budget → outcome. The runner and nested runs go through it.

use crate::{
    Batch, Cost, Evaluation, Failure, Genome, Lineage, Measuring, Needs, Offers, Outcome, Phase, Purpose,
    Round, RunKey, Running, Scores, Space, Start, Startable, StopReason, Violations, stream,
};

/// Compares what an algorithm needs with what a problem and its evaluator have, before the first evaluation.
pub fn check_needs<G: Genome>(
    name: &str,
    needs: &Needs,
    space: &Space<G>,
    offers: &Offers,
) -> Result<(), Violations> {
    let mut v = Violations::new();
    let (least, most) = needs.objectives;
    let objectives = space.senses.len();
    if objectives < least || objectives > most {
        let expected = match (least, most) {
            (1, 1) => format!("a problem with one objective, which is what `{name}` optimises"),
            (_, usize::MAX) => format!("a problem with at least {least} objectives for `{name}`"),
            _ => format!("a problem with {least} to {most} objectives for `{name}`"),
        };
        let hint =
            if most == 1 { "nsga2 takes several objectives" } else { "take an algorithm for one objective" };
        v.add_with_hint("objectives", objectives, &expected, hint);
    }
    if space.constraints > 0 && !needs.constraints {
        let expected = format!("no constraints, which `{name}` cannot handle");
        v.add_with_hint(
            "constraints",
            space.constraints,
            &expected,
            "ga, de and nsga2 put feasible solutions first",
        );
    }
    let told = "networks `dense`, `recurrent` and `conv` have them; `safe_mutation = \"none\"` does without";
    let missing = [
        (needs.descriptors && space.descriptors.is_empty(), "descriptors", None),
        (needs.bounds && !G::bounded(&space.genes), "bounds", None),
        (needs.gradients && !offers.gradients, "gradients", None),
        (needs.sensitivities && !offers.sensitivities, "sensitivities", Some(told)),
    ];
    for (_, what, hint) in missing.into_iter().filter(|(missing, ..)| *missing) {
        let expected = format!("{what} from the problem, which `{name}` needs");
        match hint {
            Some(hint) => v.add_with_hint(what, "none", &expected, hint),
            None => v.add(what, "none", &expected),
        }
    }
    v.into_result()
}

/// What a round did.
#[derive(Clone, Debug)]
pub struct RoundReport {
    /// The round's number.
    pub round: u64,
    /// The scores, smaller better.
    pub scores: Scores,
    /// What the evaluations of this round used up.
    pub cost: Cost,
    /// Number of evaluations.
    pub evaluations: u64,
    /// The first failure and how many there were.
    pub failures: Option<(Failure, usize)>,
    /// Who the members descend from; empty if the algorithm keeps no lineage.
    pub lineage: Vec<Lineage>,
}

/// An algorithm and an evaluator in motion. Everything that a checkpoint must hold is reachable through its fields.
pub struct Engine<G: Genome> {
    /// The algorithm and its state.
    pub algorithm: Box<dyn Running<G>>,
    /// The evaluator and its state.
    pub evaluator: Box<dyn Measuring<G>>,
    /// The space between them.
    pub space: Space<G>,
    /// The root of all randomness.
    pub key: RunKey,
    /// The next round's number, from 0.
    pub round: u64,
    /// Training evaluations so far.
    pub evaluations: u64,
    /// What they used up.
    pub cost: Cost,
    /// Whether all members of a round are evaluated with the same random numbers.
    pub common_random_numbers: bool,
    rewrite: bool,
}

impl<G: Genome> Engine<G> {
    /// Checks that algorithm, space and evaluator fit, and begins.
    pub fn start(
        algorithm: &dyn Startable<G>,
        evaluator: Box<dyn Measuring<G>>,
        start: &Start<G>,
        key: RunKey,
    ) -> Result<Self, Violations> {
        let space = evaluator.space();
        let needs = algorithm.needs();
        check_needs(algorithm.name(), &needs, &space, &evaluator.offers())?;
        let running = algorithm.start(&space, start, &mut stream(key, 0, 0, 0, Purpose::Init))?;
        let rewrite = needs.foreign && evaluator.offers().rewrites;
        Ok(Engine {
            algorithm: running,
            evaluator,
            space,
            key,
            round: 0,
            evaluations: 0,
            cost: Cost::default(),
            common_random_numbers: false,
            rewrite,
        })
    }

    /// One round: ask, evaluate, settle, tell.
    pub fn step(&mut self) -> RoundReport {
        let number = self.round;
        let mut batch = self.algorithm.ask(&mut stream(self.key, number, 0, 0, Purpose::Ask));
        if self.common_random_numbers {
            batch.share_random_numbers();
        }
        let round = Round::train(self.key, number);
        let mut evaluations = self.evaluator.measure(&mut batch, &round, self.rewrite);
        let scores = Scores::settle(&mut evaluations, &self.space.senses, self.evaluator.context(&round));
        self.algorithm.tell(&batch, &scores, &mut stream(self.key, number, 0, 0, Purpose::Tell));
        let mut cost = Cost::default();
        evaluations.iter().for_each(|e| cost += e.cost);
        self.round += 1;
        self.evaluations += evaluations.len() as u64;
        self.cost += cost;
        let failures = scores.failed.iter().filter(|&&f| f).count();
        let first = evaluations.iter().find_map(|e| e.result.clone().err());
        RoundReport {
            round: number,
            cost,
            evaluations: evaluations.len() as u64,
            failures: first.map(|failure| (failure, failures)),
            lineage: batch.lineage,
            scores,
        }
    }

    /// Measures one genome on fresh episodes or held-out data; changes nothing.
    pub fn measure(&mut self, genome: &G, phase: Phase, number: u64, repetitions: Option<u32>) -> Evaluation {
        let round = Round { key: self.key, number, phase, repetitions };
        let mut batch = Batch::of(vec![genome.clone()]);
        self.evaluator.measure(&mut batch, &round, false).pop().expect("one result per member")
    }
}

/// What a driven run ended with.
#[derive(Clone, Debug)]
pub struct Driven<G> {
    /// What the algorithm found.
    pub outcome: Outcome<G>,
    /// Evaluations used.
    pub evaluations: u64,
    /// Rounds done.
    pub rounds: u64,
    /// Why the algorithm ended by itself, if it did.
    pub stopped: Option<StopReason>,
}

/// Runs until the budget of evaluations is used up (by whole rounds) or the algorithm stops.
pub fn drive<G: Genome>(
    algorithm: &dyn Startable<G>,
    evaluator: Box<dyn Measuring<G>>,
    evaluations: u64,
    key: RunKey,
) -> Result<Driven<G>, Violations> {
    let mut engine = Engine::start(algorithm, evaluator, &Start::Default, key)?;
    let mut stopped = None;
    while engine.evaluations < evaluations {
        engine.step();
        stopped = engine.algorithm.stopped();
        if stopped.is_some() {
            break;
        }
    }
    Ok(Driven {
        outcome: engine.algorithm.outcome(),
        evaluations: engine.evaluations,
        rounds: engine.round,
        stopped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bounds, Init, Vector, VectorGenes};

    #[test]
    fn bounds_that_are_needed_must_be_there() {
        let needs = Needs { bounds: true, ..Needs::default() };
        let check = |bounds: Option<Bounds>| {
            let genes = VectorGenes::flat(2, Init::Uniform { low: -1.0, high: 1.0 }, bounds);
            check_needs("x", &needs, &Space::<Vector>::new(genes), &Offers::default())
        };
        assert_eq!(check(None).unwrap_err().0[0].path, "bounds");
        assert!(check(Some(Bounds { low: vec![-1.0; 2], high: vec![1.0; 2] })).is_ok());
    }
}
