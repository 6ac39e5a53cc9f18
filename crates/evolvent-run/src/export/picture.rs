//! Graph genomes and their networks as pictures: DOT for Graphviz, SVG for everything else.
//!
//! Signals run from left to right. Positive weights are blue, negative ones red, and the thicker a line the larger its
//! weight; a loop or a line that runs back is a recurrent connection. The *network* is what an output can see; the *genome*
//! has everything, with disabled genes dashed.

use crate::figures::significant;
use evolvent_core::Tree;
use evolvent_neat::{Aggregation, Graph};
use std::fmt::Write;

/// What of a genome is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nodes and connections that an output can see.
    Network,
    /// All genes.
    Genome,
}

struct Drawn {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

struct Node {
    name: String,
    /// What it computes; empty for sources.
    function: String,
    role: Role,
    /// Column from the left.
    column: usize,
    /// Place in its column, from the top.
    row: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Source,
    Hidden,
    Output,
}

struct Edge {
    from: usize,
    to: usize,
    weight: f32,
    enabled: bool,
}

fn drawn(graph: &Graph, inputs: &[String], detail: Detail) -> Drawn {
    let s = &graph.structure;
    let (sources, outputs) = (s.sources as usize, s.outputs as usize);
    let index = |id: u32| s.node(id);
    let all: Vec<(usize, usize, usize)> = (0..s.connections())
        .filter(|&c| detail == Detail::Genome || s.enabled[c])
        .filter_map(|c| Some((index(s.from[c])?, index(s.to[c])?, c)))
        .collect();
    // What an output can see, backwards from the outputs.
    let mut seen = vec![detail == Detail::Genome; s.nodes.len()];
    seen[..sources + outputs].fill(true);
    let mut stack: Vec<usize> = (sources..sources + outputs).collect();
    let mut reached = vec![false; s.nodes.len()];
    stack.iter().for_each(|&n| reached[n] = true);
    while let Some(node) = stack.pop() {
        for &(from, _, _) in all.iter().filter(|e| e.1 == node && s.enabled[e.2]) {
            seen[from] = true;
            if !std::mem::replace(&mut reached[from], true) {
                stack.push(from);
            }
        }
    }
    let kept: Vec<usize> = (0..s.nodes.len()).filter(|&n| seen[n]).collect();
    let place = |node: usize| kept.binary_search(&node).ok();
    let biases = graph.biases();
    let mut nodes: Vec<Node> = kept
        .iter()
        .map(|&n| {
            let gene = s.nodes[n];
            let (role, name) = match n {
                n if n < inputs.len() => (Role::Source, inputs[n].clone()),
                n if n < sources => (Role::Source, "1".into()),
                n if n < sources + outputs => (Role::Output, format!("y{}", n - sources + 1)),
                _ => (Role::Hidden, gene.id.to_string()),
            };
            let mut function = String::new();
            if role != Role::Source {
                function = Tree::name_of(&gene.activation);
                if gene.aggregation != Aggregation::Sum {
                    let _ = write!(function, " {}", Tree::name_of(&gene.aggregation));
                }
                let bias = biases[n - sources];
                if bias != 0.0 {
                    let _ = write!(
                        function,
                        " {}{}",
                        if bias > 0.0 { "+" } else { "" },
                        significant(bias.into(), 3)
                    );
                }
            }
            Node { name, function, role, column: 0, row: 0 }
        })
        .collect();
    let edges: Vec<Edge> = all
        .iter()
        .filter_map(|&(from, to, c)| {
            let (from, to) = (place(from)?, place(to)?);
            Some(Edge { from, to, weight: graph.weights()[c], enabled: s.enabled[c] })
        })
        .collect();
    arrange(&mut nodes, &edges);
    Drawn { nodes, edges }
}

/// Puts nodes into columns by their distance from the sources (cycles cut where they close) and orders each column by the
/// mean place of what feeds it.
fn arrange(nodes: &mut [Node], edges: &[Edge]) {
    // Longest paths by relaxation, as many rounds as there are hidden nodes at most; connections that enter a node from
    // one that it leads to stop counting once a path is longer than any without a cycle.
    let hidden = nodes.iter().filter(|n| n.role == Role::Hidden).count();
    let forward: Vec<&Edge> = {
        let mut state = vec![0u8; nodes.len()];
        let mut back = vec![false; edges.len()];
        for begin in 0..nodes.len() {
            depth_first(begin, edges, &mut state, &mut back);
        }
        edges.iter().zip(back).filter(|(_, back)| !back).map(|(e, _)| e).collect()
    };
    for _ in 0..=hidden + 1 {
        let mut changed = false;
        for e in &forward {
            let column = nodes[e.from].column + 1;
            if nodes[e.to].role == Role::Hidden && nodes[e.to].column < column {
                nodes[e.to].column = column;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    nodes.iter_mut().filter(|n| n.role == Role::Hidden).for_each(|n| n.column = n.column.max(1));
    let last = 1 + nodes.iter().map(|n| n.column).max().unwrap_or(0);
    nodes.iter_mut().filter(|n| n.role == Role::Output).for_each(|n| n.column = last);
    for column in 0..=last {
        let mut members: Vec<usize> = (0..nodes.len()).filter(|&n| nodes[n].column == column).collect();
        let mean = |n: usize| {
            let rows = forward.iter().filter(|e| e.to == n).map(|e| nodes[e.from].row as f64);
            let (count, sum) = rows.fold((0.0, 0.0), |(c, s), row| (c + 1.0, s + row));
            if count > 0.0 { sum / count } else { n as f64 }
        };
        if members.iter().all(|&n| nodes[n].role == Role::Hidden) {
            let keys: Vec<(usize, f64)> = members.iter().map(|&n| (n, mean(n))).collect();
            let mut keys = keys;
            keys.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            members = keys.into_iter().map(|k| k.0).collect();
        }
        members.iter().enumerate().for_each(|(row, &n)| nodes[n].row = row);
    }
}

/// Marks connections that close a cycle. `state`: 0 not seen, 1 on the path, 2 done.
fn depth_first(begin: usize, edges: &[Edge], state: &mut [u8], back: &mut [bool]) {
    if state[begin] != 0 {
        return;
    }
    let leaving = |node: usize, from: usize| (from..edges.len()).find(|&e| edges[e].from == node);
    let mut path = vec![(begin, 0)];
    state[begin] = 1;
    while let Some((node, next)) = path.last_mut() {
        match leaving(*node, *next) {
            None => {
                state[*node] = 2;
                path.pop();
            }
            Some(e) => {
                *next = e + 1;
                let to = edges[e].to;
                match state[to] {
                    0 => {
                        state[to] = 1;
                        path.push((to, 0));
                    }
                    1 => back[e] = true,
                    _ => {}
                }
            }
        }
    }
}

fn colour(edge: &Edge) -> &'static str {
    match (edge.enabled, edge.weight < 0.0) {
        (false, _) => "#a0a0a0",
        (true, true) => "#c03030",
        (true, false) => "#2060c0",
    }
}

fn width(weight: f32) -> f64 {
    0.6 + 2.4 * f64::from(weight.abs()) / (1.0 + f64::from(weight.abs()))
}

/// How the numbers of a picture make the values of its nodes, a line each.
const CAPTION: [&str; 3] = [
    "node = function(response × (Σ weight × value + bias))",
    "response: a setting of the network; unless given 4.9 in sigmoids, else 1; where responses evolve, times a factor of the node",
    "formulas (--format latex) have it and the scaling of inputs multiplied in",
];

/// Names of so many inputs.
pub fn numbered(inputs: usize) -> Vec<String> {
    (1..=inputs).map(|i| format!("x{i}")).collect()
}

/// A graph in Graphviz's language; `inputs` are the names of its first sources, the others are the bias.
pub fn write_dot(graph: &Graph, inputs: &[String], detail: Detail) -> Vec<u8> {
    let Drawn { nodes, edges } = drawn(graph, inputs, detail);
    let mut out = format!(
        "digraph network {{\n  rankdir=LR;\n  label=\"{}\";\n  fontsize=8;\n  node [shape=circle, fontsize=10];\n",
        CAPTION.join("\\n")
    );
    for (i, node) in nodes.iter().enumerate() {
        let shape = match node.role {
            Role::Source => "box",
            Role::Hidden => "circle",
            Role::Output => "doublecircle",
        };
        let label = if node.function.is_empty() {
            node.name.clone()
        } else {
            format!("{}\\n{}", node.name, node.function)
        };
        let _ = writeln!(out, "  n{i} [label=\"{label}\", shape={shape}];");
    }
    for (role, rank) in [(Role::Source, "source"), (Role::Output, "sink")] {
        let members: Vec<String> =
            (0..nodes.len()).filter(|&i| nodes[i].role == role).map(|i| format!("n{i};")).collect();
        let _ = writeln!(out, "  {{ rank={rank}; {} }}", members.join(" "));
    }
    for edge in &edges {
        let style = if edge.enabled { "solid" } else { "dashed" };
        let _ = writeln!(
            out,
            "  n{} -> n{} [label=\"{}\", color=\"{}\", penwidth={:.2}, style={style}, fontsize=8];",
            edge.from,
            edge.to,
            significant(edge.weight.into(), 3),
            colour(edge),
            width(edge.weight)
        );
    }
    out.push_str("}\n");
    out.into_bytes()
}

const COLUMN: f64 = 130.0;
const ROW: f64 = 62.0;
const MARGIN: f64 = 50.0;
const RADIUS: f64 = 13.0;

/// A graph as an SVG picture; `inputs` as for [`write_dot`].
pub fn write_svg(graph: &Graph, inputs: &[String], detail: Detail) -> Vec<u8> {
    let Drawn { nodes, edges } = drawn(graph, inputs, detail);
    let columns = 1 + nodes.iter().map(|n| n.column).max().unwrap_or(0);
    let count = |column: usize| nodes.iter().filter(|n| n.column == column).count();
    let rows = (0..columns).map(count).max().unwrap_or(1);
    let (wide, high) = (2.0 * MARGIN + COLUMN * (columns - 1) as f64, 2.0 * MARGIN + ROW * (rows - 1) as f64);
    let at = |n: &Node| {
        // Columns are centred; every second one stands a little lower, so that straight lines miss its nodes.
        let free = (rows - count(n.column)) as f64 * ROW / 2.0;
        let shift = if n.role == Role::Hidden && n.column % 2 == 1 { ROW / 5.0 } else { 0.0 };
        (MARGIN + COLUMN * n.column as f64, MARGIN + ROW * n.row as f64 + free + shift)
    };
    let high = high + ROW / 5.0 + 20.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide:.0} {high:.0}\" width=\"{wide:.0}\" height=\"{high:.0}\" font-family=\"sans-serif\" font-size=\"10\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<desc>{}</desc>\n<text x=\"4\" y=\"{:.0}\" font-size=\"7\" fill=\"#606060\">{}</text>\n",
        CAPTION.join("; "),
        high - 4.0,
        CAPTION[0]
    );
    for edge in &edges {
        let ((x0, y0), (x1, y1)) = (at(&nodes[edge.from]), at(&nodes[edge.to]));
        let path = if edge.from == edge.to {
            let r = RADIUS;
            format!(
                "M{:.1} {:.1} C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                x0 - r * 0.6,
                y0 - r * 0.8,
                x0 - 2.2 * r,
                y0 - 3.0 * r,
                x0 + 2.2 * r,
                y0 - 3.0 * r,
                x0 + r * 0.6,
                y0 - r * 0.8
            )
        } else if x1 > x0 {
            let middle = (x0 + x1) / 2.0;
            format!(
                "M{:.1} {y0:.1} C{middle:.1} {y0:.1} {middle:.1} {y1:.1} {:.1} {y1:.1}",
                x0 + RADIUS,
                x1 - RADIUS
            )
        } else {
            // Back, below both.
            let low = y0.max(y1) + ROW * 0.7;
            format!(
                "M{x0:.1} {:.1} C{x0:.1} {low:.1} {x1:.1} {low:.1} {x1:.1} {:.1}",
                y0 + RADIUS,
                y1 + RADIUS
            )
        };
        let dashes = if edge.enabled { "" } else { " stroke-dasharray=\"4 3\"" };
        let _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:.2}\"{dashes}><title>{}</title></path>",
            colour(edge),
            width(edge.weight),
            significant(edge.weight.into(), 4)
        );
    }
    for node in &nodes {
        let (x, y) = at(node);
        let fill = match node.role {
            Role::Source => "#e8e8e8",
            Role::Hidden => "#ffffff",
            Role::Output => "#fff2cc",
        };
        let _ = match node.role {
            Role::Source => writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\" stroke=\"black\"/>",
                x - RADIUS,
                y - RADIUS,
                2.0 * RADIUS,
                2.0 * RADIUS
            ),
            _ => writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{RADIUS}\" fill=\"{fill}\" stroke=\"black\"/>"
            ),
        };
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            y + 3.5,
            node.name
        );
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"8\" fill=\"#606060\">{}</text>",
            y + RADIUS + 9.0,
            node.function
        );
    }
    out.push_str("</svg>\n");
    out.into_bytes()
}
