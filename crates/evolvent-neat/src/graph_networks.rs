//! The list of all networks over graphs: decoders that turn a [`Graph`] into something that runs.

use crate::{decoder::GraphDecoder, es_hyperneat::EsHyperNeat, graph::Graph, hyperneat::HyperNeat};

evolvent_nets::networks! {
    for Graph;
    GraphDecoder as graph,
    HyperNeat as hyperneat,
    EsHyperNeat as es_hyperneat,
}
