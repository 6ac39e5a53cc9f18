//! Pictures of indirect encodings: the network on its substrate, and the patterns that its CPPN paints.

use crate::{
    expression::Expression,
    substrate::{Points, Substrate},
    substrate_network::SubstrateNetwork,
};
use evolvent_core::Network;
use evolvent_nets::Depiction;
use std::fmt::Write;

/// Pixels along a side of a network's picture.
const SIDE: f32 = 480.0;
/// Room around the drawing, in pixels.
const MARGIN: f32 = 24.0;
/// Connections drawn at most, the strongest.
const MOST_CONNECTIONS: usize = 3000;
/// Cells along a side of a pattern.
const CELLS: usize = 64;
/// Pixels along a side of a pattern, and between two.
const PANEL: f32 = 192.0;
const GAP: f32 = 28.0;
/// Patterns side by side.
const COLUMNS: usize = 5;
/// Neurons marked in a pattern at most; more would hide it.
const MOST_MARKS: usize = 400;
/// Shades between white and a full colour.
const SHADES: f32 = 24.0;

/// One output of a CPPN over a plane: what it says of the connections from one point to all points of the plane.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    /// What the output means.
    title: String,
    /// Which output.
    output: usize,
    /// The point that connections leave.
    source: Vec<f32>,
    /// Coordinates on the axes that are not shown; the entries of those that are do not matter.
    target: Vec<f32>,
    /// The axes to the right and upwards; equal ones show stripes.
    axes: [usize; 2],
    /// Neurons of the plane.
    marks: Marks,
}

#[derive(Clone, Debug, PartialEq)]
enum Marks {
    /// These, by their coordinates to the right and upwards.
    At(Vec<[f32; 2]>),
    /// Those that decoding finds.
    Found,
}

/// Neurons that connections may leave or enter, as a pattern shows them.
pub(crate) struct Plane<'a> {
    /// What it is called.
    pub(crate) name: String,
    /// Its neurons; `None` if decoding finds them.
    pub(crate) points: Option<&'a Points>,
    /// The axes along which its neurons may be.
    pub(crate) axes: Vec<usize>,
    /// A point of it.
    pub(crate) middle: Vec<f32>,
}

impl<'a> Plane<'a> {
    /// A layer of a substrate, over the axes along which its points differ.
    pub(crate) fn of_layer(substrate: &'a Substrate, layer: usize) -> Self {
        let points = &substrate.layers[layer];
        let count = points.len().max(1) as f32;
        let along = |axis: usize| (0..points.len()).map(move |i| points.at(i)[axis]);
        let axes =
            (0..points.dimensions).filter(|&axis| along(axis).any(|x| x != points.at(0)[axis])).collect();
        let middle = (0..points.dimensions).map(|axis| along(axis).sum::<f32>() / count).collect();
        let name = match layer {
            0 => "inputs".into(),
            l if l + 1 == substrate.layers.len() => "outputs".into(),
            l => format!("layer {l}"),
        };
        Plane { name, points: Some(points), axes, middle }
    }
}

impl Panel {
    fn new(title: String, output: usize, source: Vec<f32>, plane: &Plane<'_>) -> Self {
        let right = plane.axes.first().copied().unwrap_or(0);
        let up = plane.axes.get(1).copied().unwrap_or(right);
        let axes = [right, up];
        let marks = match plane.points {
            None => Marks::Found,
            Some(points) if points.len() > MOST_MARKS => Marks::At(Vec::new()),
            Some(points) => Marks::At((0..points.len()).map(|i| shown(axes, points.at(i))).collect()),
        };
        Panel { title, output, source, target: plane.middle.clone(), axes, marks }
    }

    /// All outputs of a group of connections.
    pub(crate) fn of_connections(
        expression: &Expression<'_>,
        group: usize,
        from: &Plane<'_>,
        to: &Plane<'_>,
    ) -> Vec<Panel> {
        let first = group * expression.per_group();
        let title = |what: &str| format!("{what}, {} to {}", from.name, to.name);
        let names = expression.names().into_iter().enumerate();
        names.map(|(i, name)| Panel::new(title(name), first + i, from.middle.clone(), to)).collect()
    }

    /// The biases of a layer.
    pub(crate) fn of_biases(output: usize, to: &Plane<'_>) -> Panel {
        Panel::new(format!("bias, {}", to.name), output, vec![0.0; to.middle.len()], to)
    }

    /// Whether the point that connections leave may be another.
    fn leaves_a_point(&self) -> bool {
        !self.title.starts_with("bias")
    }
}

/// A point's coordinates to the right and upwards.
fn shown([right, up]: [usize; 2], point: &[f32]) -> [f32; 2] {
    [point[right], if up == right { 0.0 } else { point[up] }]
}

pub(crate) fn depict(network: &SubstrateNetwork, what: &Depiction) -> Result<String, String> {
    match what {
        Depiction::Svg => Ok(substrate_svg(network)),
        Depiction::Dot => Ok(substrate_dot(network)),
        Depiction::Pattern { from } => pattern_svg(network, from.as_deref()),
        Depiction::Sources => Ok(network.query.names().join("\n")),
    }
}

/// Every output of the CPPN over the plane of the neurons that it is about, as coloured cells over [−1, 1]²: red below 0, blue
/// above, white at 0; full at ±1. Dots are neurons. `from` is the point that connections leave, in the coordinates of the
/// substrate; the middle of the source layer unless given.
fn pattern_svg(network: &SubstrateNetwork, from: Option<&[f32]>) -> Result<String, String> {
    let dimensions = network.substrate().dimensions;
    if let Some(from) = from.filter(|from| from.len() != dimensions || from.iter().any(|x| !x.is_finite())) {
        return Err(format!(
            "{dimensions} finite coordinates of a point of the substrate are needed, found {from:?}"
        ));
    }
    let panels = network.panels();
    let columns = panels.len().clamp(1, COLUMNS);
    let rows = panels.len().div_ceil(columns).max(1);
    let (step, tall) = (PANEL + GAP, PANEL + GAP + 12.0);
    let mut svg = begin(columns as f32 * step + GAP, rows as f32 * tall + 14.0);
    let _ = writeln!(svg, "<g font-family=\"sans-serif\" font-size=\"10\" fill=\"#333333\">");
    for (k, panel) in panels.iter().enumerate() {
        let (x, y) = (GAP + (k % columns) as f32 * step, 24.0 + (k / columns) as f32 * tall);
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        draw(&mut svg, network, panel, from);
        svg.push_str("</g>\n");
    }
    svg.push_str("</g>\n</svg>\n");
    Ok(svg)
}

fn draw(svg: &mut String, network: &SubstrateNetwork, panel: &Panel, from: Option<&[f32]>) {
    let given = from.filter(|_| panel.leaves_a_point());
    let source = given.unwrap_or(&panel.source);
    let dimensions = source.len();
    let at = |i: usize| (2 * i + 1) as f32 / CELLS as f32 - 1.0;
    let mut points = Vec::with_capacity(CELLS * CELLS * dimensions);
    for cell in 0..CELLS * CELLS {
        let first = points.len();
        points.extend_from_slice(&panel.target);
        points[first + panel.axes[1]] = at(CELLS - 1 - cell / CELLS); // upwards
        points[first + panel.axes[0]] = at(cell % CELLS);
    }
    let mut shades = vec![0i32; CELLS * CELLS];
    network.query.clone().ask(
        CELLS * CELLS,
        |k| (source, &points[k * dimensions..(k + 1) * dimensions]),
        |k, values| shades[k] = (values[panel.output].clamp(-1.0, 1.0) * SHADES).round() as i32,
    );
    // One path per shade, a stroke of cells at a time.
    let size = PANEL / CELLS as f32;
    let mut present = shades.clone();
    present.sort_unstable();
    present.dedup();
    let _ = writeln!(
        svg,
        "<g transform=\"scale({size})\" shape-rendering=\"crispEdges\"><rect width=\"{CELLS}\" height=\"{CELLS}\" fill=\"white\"/>"
    );
    for shade in present.into_iter().filter(|&s| s != 0) {
        let mut path = String::new();
        for (y, row) in shades.chunks_exact(CELLS).enumerate() {
            let mut x = 0;
            while x < CELLS {
                let run = row[x..].iter().take_while(|&&s| s == shade).count();
                if run > 0 {
                    let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run.max(1);
            }
        }
        let _ = writeln!(svg, "<path fill=\"{}\" d=\"{path}\"/>", colour(shade as f32 / SHADES));
    }
    svg.push_str("</g>\n");
    let _ = writeln!(svg, "<rect width=\"{PANEL}\" height=\"{PANEL}\" fill=\"none\" stroke=\"#333333\"/>");
    let place = |[x, y]: [f32; 2]| ((x + 1.0) / 2.0 * PANEL, (1.0 - y) / 2.0 * PANEL);
    let found = || network.found().iter().map(|point| shown(panel.axes, point)).collect();
    let marks: Vec<[f32; 2]> = match &panel.marks {
        Marks::At(marks) => marks.clone(),
        Marks::Found => found(),
    };
    for mark in marks {
        let (x, y) = place(mark);
        let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"#222222\"/>");
    }
    let [right, up] = panel.axes;
    let axes = if right == up { format!("axis {right}") } else { format!("axes {right}, {up}") };
    let coordinates: Vec<String> =
        source.iter().map(|x| format!("{}", (x * 1000.0).round() / 1000.0 + 0.0)).collect();
    let _ = writeln!(svg, "<text y=\"-6\" font-weight=\"bold\">{}</text>", panel.title);
    let _ = writeln!(
        svg,
        "<text y=\"{}\" font-size=\"8\">from ({}) · {axes}, −1 to 1</text>",
        PANEL + 10.0,
        coordinates.join(", ")
    );
}

/// Positive and negative connections.
fn stroke(weight: f32) -> &'static str {
    if weight > 0.0 { "#2166ac" } else { "#b2182b" }
}

/// The fill of value `k` of a network.
fn fill(network: &SubstrateNetwork, k: usize, values: usize) -> &'static str {
    match k {
        k if k < network.inputs() => "#222222",
        k if k >= values - network.outputs() => "#e08214",
        _ => "#888888",
    }
}

/// The network where its neurons stand: connections blue (positive) or red (negative), the stronger the more visible; inputs
/// black, hidden neurons grey, outputs orange. Third and further coordinates move a point up and to the right, and so do
/// layers where they would hide each other. Of very many connections the strongest are drawn, and the picture says so.
fn substrate_svg(network: &SubstrateNetwork) -> String {
    let places = places(network);
    let ends = |f: fn(f32, f32) -> f32, pick: fn(&(f32, f32)) -> f32, from: f32| {
        places.iter().map(pick).fold(from, f)
    };
    let (left, right) = (ends(f32::min, |p| p.0, f32::INFINITY), ends(f32::max, |p| p.0, f32::NEG_INFINITY));
    let (low, high) = (ends(f32::min, |p| p.1, f32::INFINITY), ends(f32::max, |p| p.1, f32::NEG_INFINITY));
    let extent = (right - left).max(high - low).max(1e-6);
    let scale = (SIDE - 2.0 * MARGIN) / extent;
    let (wide, tall) = ((right - left) * scale + 2.0 * MARGIN, (high - low) * scale + 2.0 * MARGIN);
    let on_page = |k: usize| {
        let (x, y) = places[k];
        ((x - left) * scale + MARGIN, (high - y) * scale + MARGIN)
    };
    let (list, all) = strongest(network);
    let most = list.first().map_or(1.0, |c| c.2.abs());
    let faint = (40.0 / list.len() as f32).sqrt().min(1.0); // of many, none hides the others
    let mut svg = begin(wide, tall);
    for &(from, to, weight) in list.iter().rev() {
        let ((x1, y1), (x2, y2)) = (on_page(from), on_page(to));
        let share = weight.abs() / most;
        let (opacity, width) = (faint * (0.1 + 0.8 * share), 0.4 + 1.6 * share);
        let stroke = stroke(weight);
        let _ = writeln!(
            svg,
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{stroke}" stroke-opacity="{opacity:.2}" stroke-width="{width:.2}"/>"#
        );
    }
    let radius = (0.18 * scale * extent / (places.len() as f32).sqrt()).clamp(1.5, 6.0);
    for k in 0..places.len() {
        let (x, y) = on_page(k);
        let fill = fill(network, k, places.len());
        let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius:.1}" fill="{fill}"/>"#);
    }
    if all > list.len() {
        let _ = writeln!(
            svg,
            r#"<text x="4" y="12" font-family="sans-serif" font-size="10">the {} strongest of {all} connections</text>"#,
            list.len()
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The strongest connections, strongest first, and how many there are.
fn strongest(network: &SubstrateNetwork) -> (Vec<(usize, usize, f32)>, usize) {
    let mut list = network.connection_list();
    let all = list.len();
    list.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()).then((a.0, a.1).cmp(&(b.0, b.1))));
    list.truncate(MOST_CONNECTIONS);
    (list, all)
}

/// All neurons at their places (in inches, for `neato -n`) and all connections with their weights.
fn substrate_dot(network: &SubstrateNetwork) -> String {
    let (positions, places) = (network.positions(), places(network));
    let mut out = String::from(
        "digraph substrate {\n  layout=neato;\n  node [shape=circle, style=filled, label=\"\", width=0.12];\n  edge [arrowsize=0.3];\n",
    );
    for (k, position) in positions.iter().enumerate() {
        let (x, y) = places[k];
        let fill = fill(network, k, positions.len());
        let _ = writeln!(
            out,
            "  n{k} [pos=\"{:.3},{:.3}!\", fillcolor=\"{fill}\", tooltip=\"{position:?}\"];",
            3.0 * x,
            3.0 * y
        );
    }
    for (from, to, weight) in network.connection_list() {
        let _ = writeln!(out, "  n{from} -> n{to} [weight={weight}, color=\"{}\"];", stroke(weight));
    }
    out.push_str("}\n");
    out
}

/// Where every value of a network is drawn.
fn places(network: &SubstrateNetwork) -> Vec<(f32, f32)> {
    let (positions, sheets) = (network.positions(), network.sheets());
    let flat: Vec<(f32, f32)> = positions.iter().map(|p| project(p)).collect();
    let mut order: Vec<usize> = (0..flat.len()).collect();
    order.sort_by(|&a, &b| flat[a].0.total_cmp(&flat[b].0).then(flat[a].1.total_cmp(&flat[b].1)));
    let hidden = order.windows(2).any(|w| flat[w[0]] == flat[w[1]] && sheets[w[0]] != sheets[w[1]]);
    let in_line = flat.iter().all(|p| p.1 == flat[0].1);
    let deeper = match (hidden, in_line) {
        (_, true) => 0.5,
        (true, false) => 2.0,
        (false, false) => 0.0,
    };
    let shifted = |(&(x, y), &sheet): (&(f32, f32), &usize)| {
        let (right, up) = project(&[0.0, 0.0, deeper * sheet as f32]);
        (x + right, y + up)
    };
    flat.iter().zip(&sheets).map(shifted).collect()
}

/// The first coordinate to the right, the second up; each further one obliquely.
fn project(point: &[f32]) -> (f32, f32) {
    let deeper: f32 = point.iter().skip(2).sum();
    (point.first().unwrap_or(&0.0) + 0.45 * deeper, point.get(1).unwrap_or(&0.0) + 1.3 * deeper)
}

fn begin(wide: f32, tall: f32) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide:.0}\" height=\"{tall:.0}\" viewBox=\"0 0 {wide:.1} {tall:.1}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    )
}

/// White at 0, blue at 1, red at −1.
fn colour(value: f32) -> String {
    let v = value.clamp(-1.0, 1.0);
    let end = if v > 0.0 { [0x21, 0x66, 0xac] } else { [0xb2, 0x18, 0x2b] };
    let [r, g, b] = end.map(|c| (255.0 + (c as f32 - 255.0) * v.abs()).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EsHyperNeat, HyperNeat,
        hyperneat::tests::{decoded, grown, problem},
        twin,
    };
    use evolvent_core::Decoder;
    use evolvent_nets::Describe;

    #[test]
    fn colours_by_hand() {
        assert_eq!(
            (colour(0.0), colour(5.0), colour(-1.0)),
            ("#ffffff".into(), "#2166ac".into(), "#b2182b".into())
        );
    }

    /// Cells that are not white, and panels.
    fn cells(svg: &str) -> (usize, usize) {
        let runs = svg.split('h').filter_map(|s| s.strip_suffix("v1"));
        let covered = runs.filter_map(|run| run.parse::<usize>().ok()).sum();
        (covered, svg.matches("font-weight").count())
    }

    #[test]
    fn patterns_show_every_output_over_the_neurons_that_it_is_about() {
        let (config, interface) = (HyperNeat::default(), problem(&[1, 4, 4], 16));
        let genome = grown(&config.genes(&interface), 2, 10);
        let network = decoded(&config, &interface, &genome);
        let svg = depict(&network, &Depiction::Pattern { from: None }).unwrap();
        let (covered, panels) = cells(&svg);
        assert_eq!(panels, 2); // weights and biases
        assert!(svg.contains("weight, inputs to outputs") && svg.contains("bias, outputs"));
        assert!((1..=2 * CELLS * CELLS).contains(&covered));
        assert_eq!(svg.matches("<circle").count(), 2 * 16);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"));
        let other = depict(&network, &Depiction::Pattern { from: Some(vec![0.5, -0.5]) }).unwrap();
        assert_ne!(svg, other);
        for wrong in [vec![0.0], vec![0.0; 3], vec![f32::NAN, 0.0]] {
            let error = depict(&network, &Depiction::Pattern { from: Some(wrong) }).unwrap_err();
            assert!(error.contains("2 finite coordinates"), "{error}");
        }
    }

    #[test]
    fn patterns_of_plastic_networks_with_links_show_their_rules() {
        let config = EsHyperNeat {
            leo: Some(crate::LinkExpression::default()),
            plasticity: Some(crate::AdaptiveRules::default()),
            ..EsHyperNeat::default()
        };
        let interface = problem(&[3], 2);
        let genome =
            twin::grown(&config.genes(&interface), 1, 10, &mut crate::innovation::Innovations::default());
        let mut network = config.blank(&interface);
        config.decode(&genome, &mut network).unwrap();
        let svg = network.depict(&Depiction::Pattern { from: None }).unwrap().unwrap();
        for title in [
            "weight, inputs to hidden",
            "link, inputs",
            "rate η",
            "A, ",
            "B, ",
            "C, ",
            "hidden to outputs",
            "bias",
        ] {
            assert!(svg.contains(title), "{title}");
        }
    }

    #[test]
    fn networks_are_shown_with_every_neuron_and_connection() {
        let (config, interface) = (HyperNeat::default(), problem(&[1, 4, 4], 16));
        let network = decoded(&config, &interface, &grown(&config.genes(&interface), 2, 10));
        let svg = depict(&network, &Depiction::Svg).unwrap();
        assert_eq!(svg.matches("<circle").count(), 32);
        assert_eq!(svg.matches("<line").count(), network.connections());
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        // Both sheets have the same coordinates and are drawn apart.
        let mut drawn: Vec<&str> = svg.lines().filter(|l| l.starts_with("<circle")).collect();
        drawn.sort_unstable();
        drawn.dedup_by_key(|line| line.split(" r=").next().unwrap().to_owned());
        assert_eq!(drawn.len(), 32);
        let dot = depict(&network, &Depiction::Dot).unwrap();
        assert_eq!(dot.matches("pos=").count(), 32);
        assert_eq!(dot.matches(" -> ").count(), network.connections());
    }

    #[test]
    fn many_connections_are_cut_and_one_point_is_drawn() {
        let config = HyperNeat::default();
        let interface = problem(&[1, 9, 9], 81);
        let svg = (0..10)
            .map(|seed| decoded(&config, &interface, &grown(&config.genes(&interface), seed, 10)))
            .find(|n| n.connections() > MOST_CONNECTIONS)
            .map(|n| substrate_svg(&n))
            .unwrap();
        assert_eq!(svg.matches("<line").count(), MOST_CONNECTIONS);
        assert!(svg.contains("3000 strongest"));
        let lone = problem(&[1], 1);
        let network = decoded(&config, &lone, &grown(&config.genes(&lone), 1, 3));
        for what in [Depiction::Svg, Depiction::Dot, Depiction::Pattern { from: None }] {
            let text = depict(&network, &what).unwrap();
            assert!(!text.contains("NaN") && !text.contains("inf"));
        }
    }
}
