//! Every kernel against the scalar twin.

use proptest::prelude::*;

use super::*;

const ROUNDING_LIMIT: f32 = 32_512.0;

fn code_of(residual: &[f32], inverse_scale: f32) -> QueryCode {
    let mut code = QueryCode::new(residual.len());
    Kernel(Isa::Scalar).encode(residual, inverse_scale, &mut code);
    code
}

fn floats(len: usize, limit: f32) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-limit..limit, len)
}

#[derive(Debug, Clone)]
struct Scan {
    codes: Vec<u8>,
    norms: Vec<f32>,
    slopes: Vec<f32>,
    floors: Vec<f32>,
    query: Vec<f32>,
    limit: f32,
}

fn scans() -> impl Strategy<Value = Scan> {
    let limits = prop_oneof![Just(63.4f32), Just(127.0), Just(ROUNDING_LIMIT)];
    (0usize..12, 1usize..24, limits).prop_flat_map(|(groups, chunks, limit)| {
        let padded = (chunks * CHUNK_COLUMNS).next_multiple_of(LANES);
        let norm = prop_oneof![8 => 0.0f32..100_000.0, 1 => Just(f32::INFINITY)];
        let floor = prop_oneof![8 => -3.0e6f32..3.0e6, 1 => Just(f32::NEG_INFINITY)];
        (
            prop::collection::vec(any::<u8>(), groups * chunks * CHUNK_BYTES),
            prop::collection::vec(norm, groups * GROUP_ROWS),
            prop::collection::vec(prop_oneof![0.0f32..50.0, Just(0.0f32)], groups),
            prop::collection::vec(floor, groups),
            floats(padded, limit),
        )
            .prop_map(move |(codes, norms, slopes, floors, mut query)| {
                query[chunks * CHUNK_COLUMNS..].fill(0.0);
                Scan { codes, norms, slopes, floors, query, limit }
            })
    })
}

fn survivors_of(kernel: Kernel, scan: &Scan, code: &QueryCode, next: &[u8]) -> Vec<(u32, i32)> {
    let mut survivors = Survivors::default();
    let groups = Groups {
        codes: &scan.codes,
        norms: &scan.norms,
        slopes: &scan.slopes,
        floors: &scan.floors,
        next,
    };
    kernel.scan(groups, code, &mut survivors);
    survivors.iter().collect()
}

proptest! {
    #[test]
    fn every_kernel_scans_as_the_scalar_one(scan in scans()) {
        let code = code_of(&scan.query, 1.0);
        prop_assert!(scan.limit > 127.0 || code.narrow);
        let expected = survivors_of(Kernel(Isa::Scalar), &scan, &code, &[]);
        for kernel in Kernel::available() {
            prop_assert_eq!(&survivors_of(kernel, &scan, &code, &[]), &expected, "{}", kernel.name());
            // With its own encoding, and fetching ahead.
            let mut code = QueryCode::new(scan.query.len());
            kernel.encode(&scan.query, 1.0, &mut code);
            prop_assert_eq!(&survivors_of(kernel, &scan, &code, &scan.codes), &expected, "{}", kernel.name());
        }
    }

    #[test]
    fn every_kernel_computes_the_scalar_bits(
        (a, b) in (1usize..20).prop_flat_map(|n| (floats(n * LANES, 50.0), floats(n * LANES, 50.0))),
        cut in 0usize..LANES,
    ) {
        let scalar = Kernel(Isa::Scalar);
        let mut expected = vec![0.0; a.len()];
        let expected_residual = scalar.residual(&a, &b, &mut expected);
        let expected_code = code_of(&expected, ROUNDING_LIMIT / 100.0);
        let row = a.len() - cut;
        for kernel in Kernel::available() {
            let mut out = vec![0.0; a.len()];
            prop_assert_eq!(kernel.dot(&a, &b).to_bits(), scalar.dot(&a, &b).to_bits());
            prop_assert_eq!(kernel.residual(&a, &b, &mut out), expected_residual);
            prop_assert_eq!(&out, &expected);
            let mut code = QueryCode::new(out.len());
            kernel.encode(&out, ROUNDING_LIMIT / 100.0, &mut code);
            prop_assert_eq!((&code.high, &code.low), (&expected_code.high, &expected_code.low));
            prop_assert_eq!((code.sum, code.narrow), (expected_code.sum, expected_code.narrow));
            prop_assert_eq!(code.squares.to_bits(), expected_code.squares.to_bits());
            prop_assert_eq!(
                kernel.squared_distance(&a[..row], &b[..row]).to_bits(),
                scalar.squared_distance(&a[..row], &b[..row]).to_bits()
            );
        }
    }

    #[test]
    fn every_kernel_compares_rows_abreast_as_one_by_one(
        values in floats(ABREAST * 7, 3.0),
        point in floats(7, 3.0),
        limit in 0.0f32..60.0,
        far in prop::option::of(0..ABREAST),
    ) {
        let mut columns = values.as_chunks::<ABREAST>().0.to_vec();
        if let Some(far) = far {
            columns[3][far] = 1e30;
        }
        let mut expected = [0.0f32; ABREAST];
        for (row, expected) in expected.iter_mut().enumerate() {
            for (column, value) in columns.iter().zip(&point) {
                *expected += (column[row] - value) * (column[row] - value);
            }
            *expected = expected.min(f32::MAX);
        }
        let within = expected.iter().any(|squared| *squared <= limit);
        for kernel in Kernel::available() {
            let mut out = [0.0; ABREAST];
            prop_assert_eq!(kernel.abreast(&columns, &point, limit, &mut out), within);
            prop_assert_eq!(out.map(f32::to_bits), expected.map(f32::to_bits));
        }
    }

    #[test]
    fn every_kernel_decides_alike(
        groups in prop::collection::vec((1e-30f32..10.0, 0.0f32..10.0), 1..40),
        scale in prop_oneof![Just(1e-30f32), 1e-6f32..10.0],
        squares in 0.0f64..1e10,
        limit in prop_oneof![Just(f64::INFINITY), 0.0f64..100.0],
    ) {
        let terms = crate::blocks::bounds::QueryTerms::new(scale, squares, 3.0, 74);
        let decisions = Decisions::new(&terms, limit, 1e6);
        let (scales, errors): (Vec<f32>, Vec<f32>) = groups.iter().copied().unzip();
        let whole = groups.len() / 8 * 8;
        for kernel in Kernel::available() {
            let (mut slopes, mut floors) = (vec![0.0; groups.len()], vec![0.0; groups.len()]);
            kernel.decide(&decisions, &scales, &errors, &mut slopes, &mut floors);
            for i in 0..whole {
                let (slope, floor) = decisions.group(scales[i], errors[i]);
                prop_assert_eq!((slopes[i].to_bits(), floors[i].to_bits()), (slope.to_bits(), floor.to_bits()));
            }
        }
    }

    #[test]
    fn the_code_is_the_rounded_residual(residual in floats(3 * LANES, 100.0)) {
        let code = code_of(&residual, ROUNDING_LIMIT / 100.0);
        for (i, r) in residual.iter().enumerate() {
            let rounded = (r * (ROUNDING_LIMIT / 100.0)).round_ties_even();
            prop_assert_eq!(f32::from(code.wide[i]).to_bits(), (rounded + 0.0).to_bits());
            prop_assert_eq!(i32::from(code.wide[i]), 256 * i32::from(code.high[i]) + i32::from(code.low[i]));
        }
        let squares: i64 = code.wide.iter().map(|&w| i64::from(w) * i64::from(w)).sum();
        prop_assert_eq!(code.squares.to_bits(), (squares as f64).to_bits());
        prop_assert_eq!(code.sum, code.wide.iter().map(|&w| i32::from(w)).sum::<i32>());
    }

    #[test]
    fn the_distance_is_that_of_a_plain_sum(
        (a, b) in (1usize..100).prop_flat_map(|n| (floats(n, 50.0), floats(n, 50.0))),
    ) {
        let plain: f64 = a.iter().zip(&b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        let fast = Kernel::detect().squared_distance(&a, &b);
        // Both orders of at most 100 additions of non-negative terms err by at most 100 * 2^-53 relatively.
        prop_assert!((fast - plain).abs() <= 2.3e-14 * plain, "{fast} {plain}");
    }
}

#[test]
fn the_largest_products_of_narrow_codes_are_exact() {
    for (row, code) in [(255u8, -64i8), (255, 63), (0, -64), (255, -128), (255, 127)] {
        let chunks = 20;
        let scan = Scan {
            codes: vec![row; chunks * CHUNK_BYTES],
            norms: vec![0.0; GROUP_ROWS],
            slopes: vec![0.0],
            floors: vec![f32::NEG_INFINITY],
            query: vec![f32::from(code); chunks * CHUNK_COLUMNS],
            limit: 128.0,
        };
        let code = code_of(&scan.query, 1.0);
        let expected = survivors_of(Kernel(Isa::Scalar), &scan, &code, &[]);
        assert_eq!(expected.len(), GROUP_ROWS);
        for kernel in Kernel::available() {
            assert_eq!(survivors_of(kernel, &scan, &code, &[]), expected, "{}", kernel.name());
        }
    }
}

#[test]
fn the_scalar_kernel_is_always_there() {
    let kernels = Kernel::available();
    assert_eq!(kernels[0].name(), "scalar");
    assert_eq!(kernels.last(), Some(&Kernel::detect()));
    println!("kernels tested here: {:?}", kernels.iter().map(|k| k.name()).collect::<Vec<_>>());
}
