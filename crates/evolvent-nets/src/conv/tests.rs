use super::*;
use crate::twin::{check_lanes, check_layout, check_program, interface};
use evolvent_core::Output;

fn conv(filters: usize, kernel: usize, stride: usize, padding: usize) -> ConvLayer {
    ConvLayer::Conv(Filters { filters, kernel, stride, padding })
}

fn max_pool(size: usize) -> ConvLayer {
    ConvLayer::MaxPool(Pool { size, stride: Auto::Auto })
}

#[test]
fn by_hand() {
    // Two channels of 2 × 2, one filter of 2 × 2, then one output: 2 h + 1.
    let config = Conv { layers: vec![conv(1, 2, 1, 0)], ..Conv::default() };
    let problem = interface(&[2, 2, 2], Output::Values(1));
    let mut net = config.blank(&problem);
    // Filter in the order row, column, channel: 1 2 3 4 5 6 7 8, bias 0.5.
    let genome = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.5, 2.0, 1.0];
    config.decode(&genome, &mut net).unwrap();
    let mut y = [0.0];
    // Channel 0: 1 0 0 1; channel 1: 0 1 1 0. 1·1 + 1·4 + 1·6 + 1·7 = 18.
    let x = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
    net.forward(1, &x, &mut [], &mut y, &mut vec![0.0; net.scratch_len(1)]);
    assert_eq!(y, [2.0 * 18.5 + 1.0]);
}

#[test]
fn the_layout_follows_channels_through_the_flattening() {
    let layers =
        vec![conv(3, 3, 1, 1), max_pool(2), ConvLayer::Flatten, ConvLayer::Dense(Units { units: 5 })];
    let config = Conv { layers, ..Conv::default() };
    let genes = config.genes(&interface(&[2, 6, 8], Output::Classes(4)));
    check_layout(&genes);
    let blocks = &genes.layout.blocks;
    let shapes: Vec<&[usize]> = blocks.iter().map(|b| &b.shape[..]).collect();
    assert_eq!(shapes, [&[3, 3, 2, 3][..], &[3], &[3, 4, 3, 5], &[5], &[5, 4], &[4]]);
    assert_eq!(blocks[0].neurons, [None, None, None, Some(0)]);
    assert_eq!(blocks[2].neurons, [None, None, Some(0), Some(1)]);
    assert_eq!(blocks[4].neurons, [Some(1), None]);
    assert_eq!(blocks[2].matrix(), Some((36, 5)));
}

#[test]
fn equal_to_its_program() {
    let average = ConvLayer::AveragePool(Pool { size: 3, stride: Auto::Value(2) });
    let dense = ConvLayer::Dense(Units { units: 6 });
    let stacks = [
        vec![],
        vec![conv(4, 3, 1, 1)],
        vec![conv(5, 3, 2, 0), conv(3, 2, 1, 1)],
        vec![conv(3, 3, 1, 1), max_pool(2), conv(17, 3, 1, 0), average],
        vec![conv(2, 5, 1, 2), ConvLayer::Flatten, dense.clone(), dense],
    ];
    for layers in stacks {
        for bias in [true, false] {
            let config = Conv { layers: layers.clone(), bias, ..Conv::default() };
            for input in [&[12, 11][..], &[1, 12, 12], &[3, 11, 13]] {
                check_program(&config, &interface(input, Output::Classes(5)), 1);
            }
        }
    }
    for activation in Activation::ALL {
        let layers = vec![conv(3, 3, 1, 1), max_pool(2)];
        let config = Conv { layers, activation, output_activation: activation, ..Conv::default() };
        check_program(&config, &interface(&[6, 6], Output::Values(3)), 2);
    }
}

#[test]
fn no_split_of_the_lanes_shows() {
    let layers = vec![conv(5, 3, 1, 1), max_pool(2), conv(3, 2, 1, 0)];
    check_lanes(&Conv { layers, ..Conv::default() }, &interface(&[2, 7, 6], Output::Classes(3)));
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let paths = |layers: Vec<ConvLayer>, input: &[usize]| -> Vec<String> {
        let config = Conv { layers, ..Conv::default() };
        let violations = config.check(&interface(input, Output::Classes(3))).unwrap_err();
        violations.0.into_iter().map(|v| v.path).collect()
    };
    assert_eq!(paths(vec![], &[5]), ["inputs"]);
    let expected = ["layers.1.conv.stride", "layers.1.conv.kernel"];
    assert_eq!(paths(vec![max_pool(2), conv(2, 5, 0, 0)], &[8, 8]), expected);
    assert_eq!(paths(vec![conv(0, 5, 0, 0)], &[8, 8]), ["layers.0.conv.filters"]);
    assert_eq!(paths(vec![conv(2, 3, 1, 3)], &[8, 8]), ["layers.0.conv.padding"]);
    assert_eq!(paths(vec![max_pool(0)], &[8, 8])[0], "layers.0.max_pool.size");
    assert_eq!(paths(vec![ConvLayer::Flatten, conv(2, 3, 1, 1)], &[8, 8]), ["layers.1"]);
    let dense = |units| ConvLayer::Dense(Units { units });
    assert_eq!(paths(vec![dense(usize::MAX)], &[8, 8]), ["layers.0.dense.units"]);
    assert_eq!(paths(vec![dense(1_000_000), dense(1_000_000)], &[8, 8]), ["layers"]);
}

#[test]
fn the_table_reads_as_documented() {
    let text = r#"{ "layers": [
        { "conv": { "filters": 8 } }, { "max_pool": { "size": 2 } }, "flatten", { "dense": { "units": 9 } }
    ] }"#;
    let config: Conv = serde_json::from_str(text).unwrap();
    let dense = ConvLayer::Dense(Units { units: 9 });
    assert_eq!(config.layers, [conv(8, 3, 1, 0), max_pool(2), ConvLayer::Flatten, dense]);
    assert!(serde_json::from_str::<Conv>(r#"{"layers": [{"conv": {"filter": 8}}]}"#).is_err());
    let text = serde_json::to_string(&Conv::default()).unwrap();
    assert_eq!(serde_json::from_str::<Conv>(&text).unwrap(), Conv::default());
}
