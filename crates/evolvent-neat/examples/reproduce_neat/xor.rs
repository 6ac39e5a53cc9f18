//! XOR, sections 4.2 of the paper: fitness (4 − Σ |error|)², solved when every output is on the right side of one half.

use crate::{
    Settings,
    report::{Found, HEADER, row},
    search::{Judged, Task, run},
};
use evolvent_core::{Auto, Interface, Network, Output, Start};
use evolvent_math::par;
use evolvent_neat::{Bias, GraphDecoder, GraphNetwork, Neat, presets::Preset};
use evolvent_nets::Activation;

/// The four cases, a structure of arrays: first inputs, second inputs.
const INPUTS: [f32; 8] = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0];
const TARGETS: [f32; 4] = [0.0, 1.0, 1.0, 0.0];

/// Runs are given up after as many evaluations; the longest published one took 13,459.
const LIMIT: u64 = 150_000;

#[derive(Default)]
struct Xor {
    scratch: Vec<f32>,
}

impl Task for Xor {
    fn judge(&mut self, network: &GraphNetwork) -> Judged {
        self.scratch.resize(network.scratch_len(4), 0.0);
        let mut y = [0.0; 4];
        network.forward(4, &INPUTS, &mut [], &mut y, &mut self.scratch);
        if y.iter().zip(TARGETS).all(|(&y, t)| (y > 0.5) == (t > 0.5)) {
            return Judged::Solved;
        }
        let error: f64 = y.iter().zip(TARGETS).map(|(&y, t)| f64::from((t - y).abs())).sum();
        Judged::Fitness((4.0 - error) * (4.0 - error))
    }
}

fn runs(preset: Preset, settings: &Settings) -> Vec<Found> {
    let neat = settings.adapt(Neat { preset, ..Neat::default() });
    let mut decoder =
        GraphDecoder { uniform: true, output_activation: Activation::Sigmoid, ..GraphDecoder::default() };
    if preset == Preset::NeatPython {
        decoder = GraphDecoder {
            bias: Bias::Gene,
            response: Auto::Value(5.0),
            output_activation: Activation::Sigmoid,
            ..GraphDecoder::default()
        };
    }
    let interface = Interface { input: vec![2], output: Output::Values(1) };
    let seeds = settings.seeds(200);
    par::map((seeds.end - seeds.start) as usize, |i| {
        let seed = seeds.start + i as u64;
        run(&neat, &decoder, &interface, &Start::Default, &mut Xor::default(), seed, LIMIT)
    })
}

pub(crate) fn report(settings: &Settings) -> String {
    let mut text = format!("## XOR\n\n{HEADER}");
    text += "| published (100 runs) | 100 of 100 | 4,755 | 2,553 | | 13,459 | 2.35 |\n";
    text +=
        "| neat-python 2.0.0, its own settings (42 runs) | 42 of 42 | 12,742 | 7,342 | 11,826 | 36,557 | |\n";
    for (name, preset) in [
        ("`canonical`", Preset::Canonical),
        ("`modern`", Preset::Modern),
        ("`neat_python`", Preset::NeatPython),
    ] {
        let runs = runs(preset, settings);
        text += &row(name, &runs);
        let extinctions: f64 = runs.iter().map(|r| r.extinctions).sum();
        if extinctions > 0.0 {
            text += &format!("\nThe population died out {extinctions:.0} times and began anew.\n\n");
        }
    }
    text
}
