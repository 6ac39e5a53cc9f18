//! The list of all networks over graphs: decoders that turn a [`Graph`] into something that runs.

use crate::{decoder::GraphDecoder, graph::Graph};

evolvent_nets::networks! {
    for Graph;
    GraphDecoder as graph,
}
