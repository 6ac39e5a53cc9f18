use super::*;
use evolvent_core::{Init, Layout, Purpose, Role, RunKey, stream_key};
use std::sync::Arc;

fn layout() -> Arc<Layout> {
    let mut layout = Layout { blocks: Vec::new() };
    layout.push("w", vec![7, 5], Role::Weight, Init::Zeros, vec![None, None]);
    layout.push("b", vec![5], Role::Bias, Init::Zeros, vec![None]);
    layout.push("v", vec![5, 3], Role::Weight, Init::Zeros, vec![None, None]);
    Arc::new(layout)
}

fn batch(rank: Rank, scale: Scale) -> VirtualVectors {
    let d = layout().dimension();
    let key = |i| stream_key(RunKey::from_seed(5), 2, i, 0, Purpose::Ask);
    let member =
        |i: u64, sign| VirtualMember { base: (i % 2) as u32, scale: 0, noise: key(i / 2), sign, rank };
    VirtualVectors {
        layout: layout(),
        bases: vec![Arc::new(vec![0.5; d]), Arc::new((0..d).map(|i| i as f64).collect())],
        scales: vec![scale],
        members: (0..6).map(|i| member(i, if i % 2 == 0 { 1.0 } else { -1.0 })).collect(),
        drawn: Drawn::default(),
    }
}

/// Row − base, unscaled, is the noise whose weighted sum is asked for.
#[test]
fn weighted_noise_is_the_sum_over_rows() {
    for rank in [Rank::Full, Rank::Low(1), Rank::Low(3)] {
        let v = batch(rank, Scale::Scalar(1.0));
        let d = v.layout.dimension();
        let weights = [0.3, -0.2, 1.5, 0.0, -0.7, 0.25];
        let rows = Vectors::Virtual(v.clone());
        let mut expected = vec![0.0; d];
        for (i, w) in weights.iter().enumerate() {
            let mut row = vec![0.0; d];
            rows.row_f64(i, &mut row);
            let base = &v.bases[v.members[i].base as usize];
            (0..d).for_each(|c| expected[c] += w * (row[c] - base[c]));
        }
        let mut sum = vec![0.0; d];
        weighted_noise(&v, &weights, &mut sum);
        for c in 0..d {
            assert!((sum[c] - expected[c]).abs() < 1e-5, "{rank:?} at {c}: {} {}", sum[c], expected[c]);
        }
    }
}

#[test]
fn low_rank_noise_has_unit_variance_and_low_rank() {
    let v = batch(Rank::Low(1), Scale::Scalar(1.0));
    let rows = Vectors::Virtual(v);
    let mut row = vec![0.0; rows.dimension()];
    rows.row_f64(0, &mut row);
    let w: Vec<f64> = row[..35].iter().map(|x| x - 0.5).collect();
    // every 2 × 2 minor of a matrix of rank 1 vanishes
    for i in 0..6 {
        for j in 0..4 {
            let at = |i: usize, j: usize| w[i * 5 + j];
            assert!((at(i, j) * at(i + 1, j + 1) - at(i, j + 1) * at(i + 1, j)).abs() < 1e-4);
        }
    }
    let key = |i| stream_key(RunKey::from_seed(5), 2, i, 0, Purpose::Ask);
    let mut one = batch(Rank::Low(4), Scale::Scalar(1.0));
    one.bases[0] = Arc::new(vec![0.0; one.layout.dimension()]);
    let (mut sum, n) = (0.0, 2000);
    for i in 0..n {
        one.members[0].noise = key(i);
        let mut row = vec![0.0; one.layout.dimension()];
        write(&one, 0, [&mut row]);
        sum += row[..35].iter().map(|z: &f64| z * z).sum::<f64>();
    }
    assert!((sum / (35.0 * n as f64) - 1.0).abs() < 0.05, "{}", sum / (35.0 * n as f64));
}

#[test]
fn signs_mirror_scales_scale_and_precisions_agree() {
    let d = layout().dimension();
    for scale in [
        Scale::Scalar(0.5),
        Scale::PerBlock(vec![0.1, 1.0, 2.0]),
        Scale::PerCoordinate(Arc::new((0..d).map(|i| 0.1 * i as f64).collect())),
    ] {
        let mut v = batch(Rank::Full, scale);
        v.members.iter_mut().for_each(|m| m.base = 0);
        let rows = Vectors::Virtual(v);
        let (mut plus, mut minus, mut single) = (vec![0.0; d], vec![0.0; d], vec![0.0f32; d]);
        rows.row_f64(0, &mut plus);
        rows.row_f64(1, &mut minus);
        rows.row_f32(0, &mut single);
        for c in 0..d {
            assert!((plus[c] + minus[c] - 1.0).abs() < 1e-12);
            assert!((plus[c] - f64::from(single[c])).abs() < 1e-5);
        }
    }
}

#[test]
fn the_sum_does_not_depend_on_threads() {
    let v = batch(Rank::Low(2), Scale::Scalar(1.0));
    let sum = |threads| {
        let mut out = vec![0.0; v.layout.dimension()];
        let pool = par::Pool::new(threads).unwrap();
        pool.install(|| weighted_noise(&v, &[0.3, -0.2, 1.5, 0.0, -0.7, 0.25], &mut out));
        out
    };
    assert_eq!(sum(1), sum(8));
}

/// Low-rank noise from its definition, entry by entry.
#[test]
fn low_rank_rows_follow_their_definition() {
    let v = batch(Rank::Low(3), Scale::Scalar(0.5));
    let block = &v.layout.blocks[2];
    let (rows, columns) = block.matrix().unwrap();
    let factors = LowRank::new(block.offset, rows, columns, 3);
    let mut row = vec![0.0f32; v.layout.dimension()];
    Vectors::Virtual(v.clone()).row_f32(1, &mut row);
    let member = v.members[1];
    let mut entry = [[0.0f32; 3]; 2];
    for i in 0..rows {
        for j in 0..columns {
            noise::fill_normal(member.noise, factors.a(i), &mut entry[0]);
            noise::fill_normal(member.noise, factors.b(j), &mut entry[1]);
            let dot = (0..3).fold(0.0f32, |s, k| entry[0][k].mul_add(entry[1][k], s));
            let c = block.offset + i * columns + j;
            let expected = (-0.5f32).mul_add(dot * (1.0 / 3f32.sqrt()), v.bases[1][c] as f32);
            assert_eq!(row[c], expected);
        }
    }
}

/// Written in pairs, from kept noise or from streams: the same bits.
#[test]
fn pairs_and_kept_noise_change_no_bit() {
    let d = layout().dimension();
    for (rank, scale) in [
        (Rank::Full, Scale::Scalar(0.3)),
        (Rank::Full, Scale::PerBlock(vec![0.1, 0.2, 0.3])),
        (Rank::Full, Scale::PerCoordinate(Arc::new((0..d).map(|i| 0.01 * i as f64).collect()))),
        (Rank::Low(2), Scale::PerCoordinate(Arc::new((0..d).map(|i| 0.01 * i as f64).collect()))),
    ] {
        let mut plain = batch(rank, scale);
        plain.members.iter_mut().for_each(|m| m.base = 0);
        let mut kept = plain.clone();
        draw(&plain.members, 2, d, &mut kept.drawn);
        assert_eq!(kept.drawn.share, if rank == Rank::Full { 2 } else { 0 });
        let sums = |v: &VirtualVectors| {
            let (mut sum, mut moments) = (vec![0.0; d], vec![[0.0; 2]; d]);
            weighted_noise(v, &[0.3, -0.2, 1.5, 0.0, -0.7, 0.25], &mut sum);
            if rank == Rank::Full {
                weighted_moments(v, &[0.3, -0.2, 1.5, 0.0, -0.7, 0.25], &[1.0; 6], &mut moments);
            }
            (sum, moments)
        };
        assert_eq!(sums(&plain), sums(&kept));
        let (plain, kept) = (Vectors::Virtual(plain), Vectors::Virtual(kept));
        for i in [0, 2, 4] {
            assert!(plain.twins(i) && !plain.twins(i + 1));
            let mut rows = vec![vec![0.0; d]; 6];
            plain.row_f64(i, &mut rows[0]);
            plain.row_f64(i + 1, &mut rows[1]);
            kept.row_f64(i, &mut rows[2]);
            kept.row_f64(i + 1, &mut rows[3]);
            let (a, b) = rows[4..].split_at_mut(1);
            plain.twins_f64(i, [&mut a[0], &mut b[0]]);
            assert_eq!(rows[..2], rows[2..4]);
            assert_eq!(rows[..2], rows[4..]);
        }
    }
}

#[test]
fn moments_are_those_of_the_rows() {
    let mut layout = Layout { blocks: Vec::new() };
    layout.push("x", vec![2 * BLOCK + 17], Role::Coordinate, Init::Zeros, vec![None]);
    let d = layout.dimension();
    let v = VirtualVectors {
        layout: Arc::new(layout),
        bases: (0..2).map(|_| Arc::new(vec![0.0; d])).collect(),
        ..batch(Rank::Full, Scale::Scalar(1.0))
    };
    let (first, second) = ([0.5, -1.0, 2.0, 0.0, 0.25, 3.0], [1.0, 2.0, -0.5, 0.0, 0.0, -2.0]);
    let mut out = vec![[0.0; 2]; d];
    weighted_moments(&v, &first, &second, &mut out);
    let members = Vectors::Virtual(v);
    let mut rows = vec![0.0; 6 * d];
    rows.chunks_mut(d).enumerate().for_each(|(i, row)| members.row_f64(i, row));
    for c in 0..d {
        let (mut one, mut two) = (0.0, 0.0);
        for i in 0..6 {
            one += first[i] * rows[i * d + c];
            two += second[i] * rows[i * d + c].powi(2);
        }
        assert!((out[c][0] - one).abs() < 1e-12 && (out[c][1] - two).abs() < 1e-12);
    }
}
