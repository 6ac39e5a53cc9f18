//! Pictures of indirect encodings as SVG: the pattern that a CPPN paints, and the network on its substrate.

use crate::{
    cppn::{Cppn, Query},
    graph::Graph,
    substrate_network::SubstrateNetwork,
};
use std::fmt::Write;

/// Pixels along a side of the picture.
const SIDE: f32 = 480.0;
/// Room around the drawing, in pixels.
const MARGIN: f32 = 24.0;
/// Connections drawn at most, the strongest.
const MOST_CONNECTIONS: usize = 3000;

/// What of a CPPN is shown: one output over a plane of target coordinates, asked about from a fixed source.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternView {
    /// Which output; [`hyperneat`](crate::hyperneat) tells their order.
    pub output: usize,
    /// Coordinates of the source, one per dimension.
    pub source: Vec<f32>,
    /// Coordinates of the target on the axes that are not shown; the entries of those that are do not matter.
    pub target: Vec<f32>,
    /// The axes to the right and upwards; equal ones show a line.
    pub axes: [usize; 2],
    /// Cells along a side, 1 to 512.
    pub resolution: usize,
}

impl PatternView {
    /// The first output around the origin, over the first two axes.
    pub fn centred(dimensions: usize) -> Self {
        PatternView {
            output: 0,
            source: vec![0.0; dimensions],
            target: vec![0.0; dimensions],
            axes: [0, 1.min(dimensions.saturating_sub(1))],
            resolution: 64,
        }
    }
}

/// The pattern as coloured cells over [−1, 1]²: red below 0, blue above, white at 0; full at ±1.
///
/// # Errors
/// A view that does not fit the CPPN, or a genome that is not one of these CPPNs.
pub fn pattern_svg(cppn: &Cppn, genome: &Graph, view: &PatternView) -> Result<String, String> {
    let dimensions = view.source.len();
    let outputs = genome.structure.outputs as usize;
    if view.target.len() != dimensions || view.axes.iter().any(|&axis| axis >= dimensions) {
        return Err(format!(
            "a view with source and target of one length and axes below it is needed, found {view:?}"
        ));
    }
    if view.output >= outputs || !(1..=512).contains(&view.resolution) {
        return Err(format!(
            "an output below {outputs} and a resolution of 1 to 512 are needed, found {view:?}"
        ));
    }
    let mut query = Query::new(cppn, dimensions, outputs);
    query.express(genome).map_err(|e| e.0)?;
    let n = view.resolution;
    let at = |i: usize| (2 * i + 1) as f32 / n as f32 - 1.0;
    let mut points = Vec::with_capacity(n * n * dimensions);
    for cell in 0..n * n {
        let first = points.len();
        points.extend_from_slice(&view.target);
        points[first + view.axes[0]] = at(cell % n);
        // Upwards.
        points[first + view.axes[1]] = at(n - 1 - cell / n);
    }
    let mut svg = begin(SIDE, SIDE);
    let size = SIDE / n as f32;
    let target = |k: usize| &points[k * dimensions..(k + 1) * dimensions];
    query.ask(
        n * n,
        |k| (&view.source[..], target(k)),
        |k, values| {
            let (x, y) = ((k % n) as f32 * size, (k / n) as f32 * size);
            let fill = colour(values[view.output]);
            // A hair wider, so that no seams show.
            let wide = size + 0.5;
            let _ = writeln!(
                svg,
                r#"<rect x="{x:.2}" y="{y:.2}" width="{wide:.2}" height="{wide:.2}" fill="{fill}"/>"#
            );
        },
    );
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// The network where its neurons stand: connections blue (positive) or red (negative), the stronger the more visible; inputs
/// black, hidden neurons grey, outputs orange. Third and further coordinates move a point up and to the right. Of very
/// many connections the strongest are drawn, and the picture says so.
pub fn substrate_svg(network: &SubstrateNetwork) -> String {
    let places: Vec<(f32, f32)> = network.positions().iter().map(|p| project(p)).collect();
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
    let mut list = network.connection_list();
    let all = list.len();
    list.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()).then((a.0, a.1).cmp(&(b.0, b.1))));
    let strongest = list.first().map_or(1.0, |c| c.2.abs());
    list.truncate(MOST_CONNECTIONS);
    let mut svg = begin(wide, tall);
    for &(from, to, weight) in list.iter().rev() {
        let ((x1, y1), (x2, y2)) = (on_page(from), on_page(to));
        let share = weight.abs() / strongest;
        let stroke = if weight > 0.0 { "#2166ac" } else { "#b2182b" };
        let (opacity, width) = (0.1 + 0.8 * share, 0.4 + 1.6 * share);
        let _ = writeln!(
            svg,
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{stroke}" stroke-opacity="{opacity:.2}" stroke-width="{width:.2}"/>"#
        );
    }
    let (inputs, outputs) =
        (evolvent_core::Network::inputs(network), evolvent_core::Network::outputs(network));
    let radius = (0.3 * scale * extent / (places.len() as f32).sqrt()).clamp(1.5, 6.0);
    for k in 0..places.len() {
        let fill = match k {
            k if k < inputs => "#222222",
            k if k >= places.len() - outputs => "#e08214",
            _ => "#888888",
        };
        let (x, y) = on_page(k);
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
        HyperNeat,
        hyperneat::tests::{decoded, grown, problem},
    };
    use evolvent_core::Decoder;

    #[test]
    fn colours_by_hand() {
        assert_eq!(
            (colour(0.0), colour(5.0), colour(-1.0)),
            ("#ffffff".into(), "#2166ac".into(), "#b2182b".into())
        );
    }

    #[test]
    fn pictures_show_every_cell_neuron_and_connection() {
        let (config, interface) = (HyperNeat::default(), problem(&[1, 4, 4], 16));
        let genome = grown(&config.genes(&interface), 2, 10);
        let view = PatternView { resolution: 8, ..PatternView::centred(2) };
        let svg = pattern_svg(&config.cppn, &genome, &view).unwrap();
        assert_eq!(svg.matches("<rect").count(), 1 + 64);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        let network = decoded(&config, &interface, &genome);
        let svg = substrate_svg(&network);
        assert_eq!(svg.matches("<circle").count(), 32);
        assert_eq!(svg.matches("<line").count(), network.connections());
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        for wrong in [
            PatternView { output: 9, ..view.clone() },
            PatternView { axes: [0, 2], ..view.clone() },
            PatternView { resolution: 0, ..view.clone() },
            PatternView::centred(3),
        ] {
            assert!(pattern_svg(&config.cppn, &genome, &wrong).is_err());
        }
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
        let svg = substrate_svg(&decoded(&config, &lone, &grown(&config.genes(&lone), 1, 3)));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
