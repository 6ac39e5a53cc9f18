//! Named sets of rules.

use crate::{
    innovation::Memory,
    neat::{Complexity, Reproduction, Rules, Sharing},
    species::{Method, Speciation},
    variation::{Crossover, Distance, Mutation},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where settings come from that are left at `"auto"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Stanley & Miikkulainen 2002, section 4.1.
    Canonical,
    /// The defaults of neat-python's XOR example.
    NeatPython,
    /// `canonical` with a moving threshold that aims at ten species, and structural changes that keep their numbers for the
    /// whole run. Not yet tuned by measurement.
    #[default]
    Modern,
}

impl Preset {
    /// The rules.
    pub fn rules(self) -> Rules {
        match self {
            Preset::Canonical => canonical(),
            Preset::NeatPython => neat_python(),
            Preset::Modern => modern(),
        }
    }
}

fn canonical() -> Rules {
    Rules {
        mutation: Mutation::default(),
        crossover: Crossover::default(),
        distance: Distance::default(),
        speciation: Speciation { method: Method::Threshold, threshold: 3.0, target: 0, step: 0.3 },
        reproduction: Reproduction {
            sharing: Sharing::Adaptive,
            survival: 0.2,
            champion_above: 5,
            elites: 1,
            mutate_only: 0.25,
            mate_only: 0.2,
            interspecies: 0.001,
            stagnation: 15,
            stagnation_factor: 0.01,
            exempt: 0,
            refocus: 20,
            young_boost: 1.0,
            young_age: 0,
            old_penalty: 1.0,
            old_age: 0,
        },
        complexity: Complexity { ceiling: 0.0, pruning: 10, prune_connection: 0.4, prune_node: 0.05 },
        innovations: Memory::Generation,
    }
}

fn neat_python() -> Rules {
    let canonical = canonical();
    Rules {
        mutation: Mutation {
            add_node: 0.2,
            add_connection: 0.5,
            delete_node: 0.2,
            delete_connection: 0.5,
            exclusive: false,
            weights: 1.0,
            replace: 0.1,
            spare: 0.1 / 0.9, // 10 % replaced, 80 % perturbed, 10 % left
            power: 0.5,
            redraw: 1.0,
            gaussian: true,
            toggle: 0.01,
            enable: 0.0,
            activation: 0.0,
            aggregation: 0.0,
        },
        crossover: Crossover { average: 0.0, keep_disabled: 0.75 },
        distance: Distance { excess: 1.0, disjoint: 1.0, weights: 0.5, small: 0 },
        reproduction: Reproduction {
            sharing: Sharing::Normalised,
            survival: 0.2,
            champion_above: 0,
            elites: 2,
            mutate_only: 0.0,
            mate_only: 0.0,
            interspecies: 0.0,
            stagnation: 20,
            stagnation_factor: 0.0,
            exempt: 2,
            refocus: 0,
            ..canonical.reproduction
        },
        innovations: Memory::Run,
        ..canonical
    }
}

fn modern() -> Rules {
    let canonical = canonical();
    Rules {
        speciation: Speciation { target: 10, ..canonical.speciation },
        innovations: Memory::Run,
        ..canonical
    }
}
