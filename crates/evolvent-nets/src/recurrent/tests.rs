use super::*;
use crate::twin::{check_lanes, check_layout, check_program, interface};
use evolvent_core::Output;

const CELLS: [Cell; 3] = [Cell::Elman, Cell::Gru, Cell::Lstm];

fn run(config: &Recurrent, genome: &[f32], inputs: &[f32]) -> Vec<f32> {
    let problem = interface(&[1], Output::Values(1));
    let mut net = config.blank(&problem);
    config.decode(genome, &mut net).unwrap();
    let (mut state, mut scratch) = (vec![0.0; net.state_len()], vec![0.0; net.scratch_len(1)]);
    let mut outputs = Vec::new();
    for &x in inputs {
        let mut y = [0.0];
        net.forward(1, &[x], &mut state, &mut y, &mut scratch);
        outputs.push(y[0]);
    }
    outputs
}

fn close(found: &[f32], expected: &[f64]) {
    assert!(
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(f, e)| (f64::from(*f) - e).abs() < 1e-6),
        "{found:?} against {expected:?}"
    );
}

#[test]
fn an_elman_cell_by_hand() {
    // h' = 2 x + 0.5 h + 1, output 3 h' − 1.
    let config = Recurrent {
        cell: Cell::Elman,
        hidden: vec![1],
        activation: Activation::Linear,
        ..Recurrent::default()
    };
    // h: 3, 4.5, 1.25
    close(&run(&config, &[2.0, 0.5, 1.0, 3.0, -1.0], &[1.0, 1.0, -1.0]), &[8.0, 12.5, 2.75]);
}

#[test]
fn gated_cells_by_their_equations() {
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let inputs = [0.3f32, -1.2, 0.8];
    let config = Recurrent { hidden: vec![1], ..Recurrent::default() };
    // reset: W U b; update: W U b; candidate: W b U c; output: W b
    let genome = [0.5f32, -0.4, 0.1, 0.9, 0.7, -0.2, 1.5, 0.3, -0.8, 0.25, 2.0, 0.05];
    let p = genome.map(f64::from);
    let (mut h, mut expected) = (0.0, Vec::new());
    for x in inputs.map(f64::from) {
        let r = sigmoid(p[0] * x + p[1] * h + p[2]);
        let z = sigmoid(p[3] * x + p[4] * h + p[5]);
        let n = libm::tanh(p[6] * x + p[7] + r * (p[8] * h + p[9]));
        h = (1.0 - z) * n + z * h;
        expected.push(p[10] * h + p[11]);
    }
    close(&run(&config, &genome, &inputs), &expected);

    let config = Recurrent { cell: Cell::Lstm, ..config };
    // input, forget, cell, output gate: W U b; output: W b
    let genome = [0.5f32, -0.4, 0.1, 0.9, 0.7, 1.2, 1.5, 0.3, -0.8, 0.25, 2.0, 0.05, 1.1, -0.6];
    let p = genome.map(f64::from);
    let (mut h, mut c, mut expected) = (0.0, 0.0, Vec::new());
    for x in inputs.map(f64::from) {
        let sum = |k: usize| p[k] * x + p[k + 1] * h + p[k + 2];
        let (i, f, g, o) = (sigmoid(sum(0)), sigmoid(sum(3)), libm::tanh(sum(6)), sigmoid(sum(9)));
        c = f * c + i * g;
        h = o * libm::tanh(c);
        expected.push(p[12] * h + p[13]);
    }
    close(&run(&config, &genome, &inputs), &expected);
}

#[test]
fn the_layout_groups_each_layers_cells() {
    let problem = interface(&[3], Output::Values(2));
    for (cell, per_cell) in [(Cell::Elman, 1), (Cell::Gru, 3), (Cell::Lstm, 4)] {
        let config = Recurrent { cell, hidden: vec![4, 5], dense: vec![6], ..Recurrent::default() };
        let genes = config.genes(&problem);
        check_layout(&genes);
        let extra = if cell == Cell::Gru { 4 + 5 } else { 0 };
        let cells = per_cell * ((3 + 4 + 1) * 4 + (4 + 5 + 1) * 5) + extra;
        assert_eq!(genes.dimension(), cells + 6 * 6 + 7 * 2);
        let recurrent = genes.layout.blocks.iter().filter(|b| b.name.ends_with(".recurrent"));
        assert!(recurrent.clone().count() == 2 * per_cell);
        for block in recurrent {
            assert!(block.neurons[0] == block.neurons[1] && block.neurons[0].is_some());
        }
    }
    let genes = Recurrent { cell: Cell::Lstm, ..Recurrent::default() }.genes(&problem);
    let forget = genes.layout.blocks.iter().find(|b| b.name == "layer0.forget.bias").unwrap();
    assert_eq!(forget.init, Init::Constant(1.0));
}

#[test]
fn equal_to_its_program_over_several_steps() {
    for cell in CELLS {
        for (hidden, dense, bias) in
            [(vec![1], vec![], true), (vec![9, 4], vec![5], true), (vec![17], vec![], false)]
        {
            let config = Recurrent { cell, hidden, dense, bias, ..Recurrent::default() };
            check_program(&config, &interface(&[3], Output::Values(2)), 8);
        }
    }
    for activation in Activation::ALL {
        let config = Recurrent { cell: Cell::Elman, activation, dense: vec![3], ..Recurrent::default() };
        // A step function turns the last bit of its argument into a whole step.
        let steps = if activation.is_smooth() { 4 } else { 1 };
        check_program(&config, &interface(&[2], Output::Values(2)), steps);
    }
}

#[test]
fn no_split_of_the_lanes_shows() {
    for cell in CELLS {
        let config =
            Recurrent { cell, hidden: vec![9, 16], dense: vec![5], bias: false, ..Recurrent::default() };
        check_lanes(&config, &interface(&[4], Output::Discrete(2)));
    }
}

#[test]
fn a_network_without_memory_is_refused() {
    let config = Recurrent { hidden: vec![], dense: vec![0], ..Recurrent::default() };
    let violations = config.check(&interface(&[4], Output::Values(1))).unwrap_err();
    assert!(violations.to_string().contains("[network.dense]"), "{violations}");
    assert_eq!(violations.0.len(), 2);
}
