//! When a run of CMA-ES has nothing more to gain: the stop conditions of pycma 4.5, under its names.

use evolvent_core::{Auto, StopReason, Violations};
use evolvent_math::statistics::median;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Generations between entries of the long histories.
const EVERY: u64 = 5;
/// Most entries of the long histories.
const LONGEST: usize = 20_000;

/// Tolerances of the stop conditions. Those on values are tested only where values of different rounds can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerances {
    /// `tolx`: all standard deviations and the whole path are below this, at least 0.
    pub x: f64,
    /// `tolfun`: the range of values in this generation and in the recent ones is below this, at least 0.
    pub value: f64,
    /// `tolfunhist`: the range of the recent best values is below this, at least 0.
    pub value_history: f64,
    /// `tolfacupx`: a standard deviation has grown by this factor, at least 1; the initial one was far too small.
    pub growth: f64,
    /// `tolconditioncov`: the condition number of the covariance matrix is above this, at least 1.
    pub condition: f64,
    /// `tolflatfitness`: so many generations in a row had three quarters of equal values.
    pub flat_generations: u64,
    /// `tolstagnation`: generations without a better median or best value. `"auto"` is ⌊100 + 100·n^1.5/λ⌋.
    pub stagnation: Auto<u64>,
    /// `tolxstagnation`: the mean moved less than this for more than 20 generations and a tenth of the run, at least 0.
    pub mean: f64,
    /// `maxiter`: the most generations. `"auto"` is 100 + 150·(n + 3)²/√λ where values of different rounds can be compared,
    /// else endless.
    pub generations: Auto<u64>,
}

impl Default for Tolerances {
    fn default() -> Self {
        Tolerances {
            x: 1e-11,
            value: 1e-11,
            value_history: 1e-12,
            growth: 1e3,
            condition: 1e14,
            flat_generations: 1,
            stagnation: Auto::Auto,
            mean: 1e-9,
            generations: Auto::Auto,
        }
    }
}

impl Tolerances {
    pub(crate) fn check(&self, path: &str, v: &mut Violations) {
        let at = |field: &str| format!("{path}.{field}");
        v.non_negative(&at("x"), self.x);
        v.non_negative(&at("value"), self.value);
        v.non_negative(&at("value_history"), self.value_history);
        v.non_negative(&at("mean"), self.mean);
        for (field, value) in [("growth", self.growth), ("condition", self.condition)] {
            v.require(value.is_finite() && value >= 1.0, &at(field), value, "a finite number of at least 1");
        }
        for (field, value) in [("stagnation", self.stagnation), ("generations", self.generations)] {
            if let Auto::Value(0) = value {
                v.add(&at(field), 0, "at least 1");
            }
        }
    }
}

/// The search distribution as the stop conditions see it.
pub(crate) struct Distribution<'a> {
    pub(crate) mean: &'a [f64],
    /// Standard deviation of each coordinate.
    pub(crate) deviations: &'a [f64],
    /// σ · scale ⊙ path of the rank-one update.
    pub(crate) path: &'a [f64],
    /// Largest ratio of a standard deviation to its initial value.
    pub(crate) growth: f64,
    /// Square roots of the eigenvalues, ascending.
    pub(crate) axes: &'a [f64],
    /// A tenth of the axis whose turn it is, as a step in coordinates.
    pub(crate) axis_step: &'a [f64],
}

/// What the stop conditions remember.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    generation: u64,
    /// Best values, the latest in front.
    recent: VecDeque<f64>,
    best: VecDeque<f64>,
    medians: VecDeque<f64>,
    /// The least value ever and its generation.
    record: (f64, u64),
    flat: u64,
    /// Where the mean was last seen to move, and when.
    anchor: (Vec<f64>, u64),
}

impl History {
    pub(crate) fn new(mean: &[f64]) -> Self {
        History {
            generation: 0,
            recent: VecDeque::new(),
            best: VecDeque::new(),
            medians: VecDeque::new(),
            record: (f64::INFINITY, 0),
            flat: 0,
            anchor: (mean.to_vec(), 0),
        }
    }

    /// Takes in a generation; `sorted` are its values from best to worst if they can be compared with others. Says why it was the
    /// last one, if it was.
    pub(crate) fn update(
        &mut self,
        tolerances: &Tolerances,
        population_size: usize,
        sorted: Option<&[f64]>,
        d: &Distribution<'_>,
    ) -> Option<StopReason> {
        self.generation += 1;
        let n = d.mean.len() as f64;
        let lambda = population_size as f64;
        let by_distribution = self.distribution(tolerances, d);
        let by_values = sorted.and_then(|sorted| self.values(tolerances, n, lambda, sorted));
        let most = tolerances.generations.or(|| match sorted {
            Some(_) => (100.0 + (150.0 * (n + 3.0).powi(2) / lambda.sqrt()).floor()) as u64,
            None => u64::MAX,
        });
        let by_time = (self.generation >= most).then(|| {
            StopReason::Finished(format!("{most} generations, the most that are useful here (maxiter)"))
        });
        by_values.or(by_distribution).or(by_time)
    }

    fn values(&mut self, tolerances: &Tolerances, n: f64, lambda: f64, sorted: &[f64]) -> Option<StopReason> {
        let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
        self.recent.push_front(least);
        if self.recent.len() as f64 > 10.0 + 30.0 * n / lambda {
            self.recent.pop_back();
        }
        if least < self.record.0 {
            self.record = (least, self.generation);
        }
        if self.generation.is_multiple_of(EVERY) {
            self.best.push_front(least);
            self.medians.push_front(median(sorted));
            self.best.truncate(LONGEST);
            self.medians.truncate(LONGEST);
        }
        let three_quarters = sorted[(0.75 * sorted.len() as f64) as usize];
        self.flat = if least < three_quarters { 0 } else { self.flat + 1 };

        let recent = self.recent.iter().copied();
        let range = recent.clone().fold(f64::NEG_INFINITY, f64::max) - recent.fold(f64::INFINITY, f64::min);
        if most - least < tolerances.value && range < tolerances.value {
            return Some(StopReason::Converged(format!(
                "values differ by less than {:e} (tolfun)",
                tolerances.value
            )));
        }
        if self.recent.len() > 9 && range < tolerances.value_history {
            let tolerance = tolerances.value_history;
            return Some(StopReason::Converged(format!(
                "best values differ by less than {tolerance:e} (tolfunhist)"
            )));
        }
        if self.flat > tolerances.flat_generations {
            return Some(StopReason::Stagnated("most members have one value (tolflatfitness)".into()));
        }
        self.stagnated(tolerances, n, lambda)
    }

    /// Neither medians nor best values of the later half of a long window are better than those of the earlier half.
    fn stagnated(&self, tolerances: &Tolerances, n: f64, lambda: f64) -> Option<StopReason> {
        let patience = tolerances.stagnation.or(|| (100.0 + 100.0 * n * n.sqrt() / lambda) as u64) as f64;
        let window = (patience / EVERY as f64 / 2.0).max(self.best.len() as f64 / 10.0) as usize;
        let old = self.generation as f64 > n * (5.0 + 100.0 / lambda);
        let since = (self.generation - self.record.1) as f64;
        if !old || since <= patience / 2.0 || self.best.len() <= 100 || 2 * window >= self.best.len() {
            return None;
        }
        let middle = |history: &VecDeque<f64>, from: usize| {
            median(&history.iter().skip(from).take(window).copied().collect::<Vec<_>>())
        };
        let worse = |history: &VecDeque<f64>| middle(history, 0) >= middle(history, window);
        (worse(&self.medians) && worse(&self.best)).then(|| {
            StopReason::Stagnated(format!(
                "no better values for {} generations (tolstagnation)",
                since as u64
            ))
        })
    }

    fn distribution(&mut self, tolerances: &Tolerances, d: &Distribution<'_>) -> Option<StopReason> {
        let x = tolerances.x;
        if d.deviations.iter().all(|&s| s < x) && d.path.iter().all(|&p| p < x) {
            return Some(StopReason::Converged(format!("all standard deviations are below {x:e} (tolx)")));
        }
        if d.growth > tolerances.growth {
            let why = format!(
                "a standard deviation grew by more than {:e} (tolfacupx): sigma was too small",
                tolerances.growth
            );
            return Some(StopReason::IllConditioned(why));
        }
        if d.mean.iter().zip(d.deviations).any(|(m, s)| *m == m + 0.2 * s) {
            let why = "steps in a coordinate no longer change the mean (noeffectcoord)";
            return Some(StopReason::IllConditioned(why.into()));
        }
        if d.mean.iter().zip(d.axis_step).all(|(m, s)| *m == m + s) {
            return Some(StopReason::IllConditioned(
                "steps along an axis no longer change the mean (noeffectaxis)".into(),
            ));
        }
        let (shortest, longest) = (d.axes[0], d.axes[d.axes.len() - 1]);
        if longest > tolerances.condition.sqrt() * shortest {
            let why = format!("condition number above {:e} (tolconditioncov)", tolerances.condition);
            return Some(StopReason::IllConditioned(why));
        }
        self.moved(tolerances.mean, d.mean)
    }

    /// The mean stays within a distance, which grows with the square root of the time, for long.
    fn moved(&mut self, tolerance: f64, mean: &[f64]) -> Option<StopReason> {
        let threshold = 20.0 + 0.1 * self.generation as f64;
        let waited = (self.generation - self.anchor.1) as f64;
        let allowed = tolerance * (waited / threshold).max(1.0).sqrt();
        let square: f64 = self.anchor.0.iter().zip(mean).map(|(a, b)| (a - b).powi(2)).sum();
        if square.sqrt() > allowed {
            self.anchor.0.copy_from_slice(mean);
            self.anchor.1 = self.generation;
        }
        ((self.generation - self.anchor.1) as f64 > threshold).then(|| {
            StopReason::Stagnated(format!("the mean moves less than {tolerance:e} (tolxstagnation)"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        mean: Vec<f64>,
        deviations: Vec<f64>,
        path: Vec<f64>,
        growth: f64,
        axes: Vec<f64>,
        axis_step: Vec<f64>,
    }

    fn healthy() -> Case {
        Case {
            mean: vec![1.0, 2.0],
            deviations: vec![0.1, 0.2],
            path: vec![0.1, -0.1],
            growth: 1.0,
            axes: vec![0.1, 0.2],
            axis_step: vec![0.01, 0.0],
        }
    }

    /// The name in the reason after `generations` generations that `values` makes, or nothing.
    fn reason(case: &Case, generations: u64, values: impl Fn(u64) -> Option<Vec<f64>>) -> Option<String> {
        let mut history = History::new(&[0.0, 0.0]);
        let d = Distribution {
            mean: &case.mean,
            deviations: &case.deviations,
            path: &case.path,
            growth: case.growth,
            axes: &case.axes,
            axis_step: &case.axis_step,
        };
        for g in 1..=generations {
            if let Some(stop) = history.update(&Tolerances::default(), 6, values(g).as_deref(), &d) {
                let text = stop.to_string();
                let name = text.rsplit('(').next().unwrap_or_default().split(')').next().unwrap_or_default();
                return Some(format!("{name} {g}"));
            }
        }
        None
    }

    fn good(g: u64) -> Option<Vec<f64>> {
        Some((0..6).map(|i| 1.0 / g as f64 + f64::from(i)).collect())
    }

    #[test]
    fn each_condition_has_its_reason() {
        let expect = |case: Case, name: &str| assert_eq!(reason(&case, 30, good).as_deref(), Some(name));
        assert_eq!(reason(&healthy(), 20, good), None);
        expect(healthy(), "tolxstagnation 24");
        expect(
            Case { deviations: vec![1e-12; 2], path: vec![0.0; 2], mean: vec![0.0; 2], ..healthy() },
            "tolx 1",
        );
        expect(Case { growth: 2e3, ..healthy() }, "tolfacupx 1");
        expect(Case { mean: vec![1e20, 0.0], ..healthy() }, "noeffectcoord 1");
        expect(Case { mean: vec![0.1, 0.2], axis_step: vec![1e-18, 0.0], ..healthy() }, "noeffectaxis 1");
        expect(Case { axes: vec![1e-8, 1.0], ..healthy() }, "tolconditioncov 1");
    }

    #[test]
    fn values_stop_where_they_can_be_compared() {
        let of = |f: fn(u64) -> Option<Vec<f64>>, most| reason(&healthy(), most, f);
        assert_eq!(of(|_| Some(vec![1.0; 6]), 5).as_deref(), Some("tolfun 1"));
        assert_eq!(of(|g| Some(vec![g as f64; 6]), 5).as_deref(), Some("tolfun 1"));
        assert_eq!(of(|_| Some(vec![1.0, 1.0, 1.0, 1.0, 1.0, 2.0]), 5).as_deref(), Some("tolflatfitness 2"));
        assert_eq!(of(|_| Some(vec![1.0, 1.5, 2.0, 2.0, 2.0, 2.0]), 15).as_deref(), Some("tolfunhist 10"));
        assert_eq!(of(|_| None, 20), None);
    }

    #[test]
    fn stagnation_needs_a_long_time_without_progress() {
        let mut history = History::new(&[0.0]);
        let tolerances =
            Tolerances { mean: 0.0, generations: Auto::Value(u64::MAX), ..Tolerances::default() };
        let mut stopped = None;
        for g in 1..3000u64 {
            // Noise without a trend.
            let least = 1.0 + 0.5 * libm::sin(g as f64);
            let mean = [g as f64];
            let d = Distribution {
                mean: &mean,
                deviations: &[1.0],
                path: &[1.0],
                growth: 1.0,
                axes: &[1.0],
                axis_step: &[1.0],
            };
            stopped = history.update(&tolerances, 6, Some(&[least, 2.0, 3.0]), &d);
            if stopped.is_some() {
                break;
            }
        }
        assert!(matches!(stopped, Some(StopReason::Stagnated(_))), "{stopped:?}");
        assert!(history.generation > 500, "{}", history.generation);
    }
}
