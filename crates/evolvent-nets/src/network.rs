//! What every network and every decoder of this crate can do beside the traits of the core.

use crate::{Head, Normalizer, Program, Squash, sensitivity::SensitivityProbe};
use evolvent_core::{Decoder, Interface, Network};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, sync::Arc};

/// A picture of a network whose neurons have places.
#[derive(Clone, Debug, PartialEq)]
pub enum Depiction {
    /// The neurons where they stand and what joins them, as SVG.
    Svg,
    /// The same in Graphviz's language, places given (`neato -n`).
    Dot,
    /// What the pattern that painted the network says of the connections from a point, as SVG.
    Pattern {
        /// Coordinates of the point; the middle of each layer that connections leave unless given.
        from: Option<Vec<f32>>,
    },
    /// No picture but short names of what the sources of the graph that painted it show, a line each, its bias left out.
    Sources,
}

/// A network that can carry a normaliser and describe itself.
pub trait Describe: Network {
    /// Sets or removes the stage that normalises observations. It is shared, and stays when another genome is decoded.
    ///
    /// # Panics
    /// If it has not as many means and scales as the network has inputs.
    fn set_normalizer(&mut self, normalizer: Option<Arc<Normalizer>>);

    /// The stage that normalises observations.
    fn normalizer(&self) -> Option<&Arc<Normalizer>>;

    /// The network as a program: input `observation`, output `output` (raw), and its states. Its interpretation equals
    /// [`Network::forward`].
    fn program(&self) -> Program;

    /// A picture; `None` if its neurons have no places.
    ///
    /// # Errors
    /// What does not fit the network.
    fn depict(&self, _what: &Depiction) -> Result<Option<String>, String> {
        Ok(None)
    }

    /// [`Describe::program`] followed by a head.
    fn program_with_head(&self, head: &Head) -> Program {
        let mut program = self.program();
        head.describe(&mut program);
        program
    }
}

/// A decoder that is a table of an experiment file, `[network.NAME]`.
pub trait NetworkConfig:
    Decoder<Network: Describe>
    + Clone
    + Debug
    + Default
    + PartialEq
    + Serialize
    + DeserializeOwned
    + JsonSchema
    + 'static
{
    /// `snake_case` name: the key in experiment files.
    const NAME: &'static str;

    /// How continuous actions are squashed.
    fn squash(&self) -> Squash;

    /// What tells the sensitivities of its networks to their genes; `None` if genes are not constants of the networks.
    fn sensitivity_probe(&self, _interface: &Interface) -> Option<SensitivityProbe<Self::Network>> {
        None
    }

    /// The head for a problem.
    fn head(&self, interface: &Interface) -> Head {
        Head::new(interface, self.squash())
    }
}

/// A normaliser must fit the network that takes it.
pub(crate) fn expect_fit(normalizer: Option<&Arc<Normalizer>>, inputs: usize) {
    if let Some(n) = normalizer {
        assert_eq!((n.mean.len(), n.inv_std.len()), (inputs, inputs), "a normaliser for {inputs} inputs");
    }
}
