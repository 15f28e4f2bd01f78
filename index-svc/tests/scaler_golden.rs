//! The scaler against scikit-learn's `StandardScaler`: golden values made by
//! `testdata/make_scaler_golden.py` with scikit-learn 1.9.1.

mod catalogue;

use catalogue::lcg;
use index::scaler::{MeanPass, Scaler};
use serde_json::Value;

const ROWS: usize = 1000;

/// The columns of the script, in its order.
fn columns() -> Vec<Vec<f64>> {
    let u: Vec<Vec<f64>> = (1..7).map(|seed| lcg(seed, ROWS)).collect();
    let map = |column: &[f64], f: fn(f64) -> f64| column.iter().map(|value| f(*value)).collect();
    let mut spike = vec![0.0; ROWS];
    spike[0] = 1.0;
    let mut missing = u[3].clone();
    missing.iter_mut().step_by(7).for_each(|value| *value = f64::NAN);
    let mut means = MeanPass::new(1);
    missing.iter().for_each(|value| means.push(&[*value]));
    let mean = means.means()[0];
    let filled = |fill: f64| missing.iter().map(|v| if v.is_nan() { fill } else { *v }).collect();
    vec![
        u[0].clone(),
        map(&u[1], |v| v * 1000.0 - 300.0),
        vec![0.1; ROWS],
        vec![0.0; ROWS],
        vec![1e17; ROWS],
        map(&u[2], |v| 1e8 + v * 2.0_f64.powi(-26)),
        map(&u[2], |v| 1e8 + v * 2.0_f64.powi(-12)),
        map(&u[4], |v| 1e12 + v),
        map(&u[5], |v| v * 1e-150),
        map(&u[5], |v| v * 1e100),
        spike,
        missing.clone(),
        filled(0.0),
        filled(mean),
    ]
}

#[test]
fn scaler_is_scikit_learns() {
    let golden: Value =
        serde_json::from_str(include_str!("../testdata/scaler_golden.json")).expect("JSON");
    let columns = columns();
    let rows: Vec<Vec<f64>> =
        (0..ROWS).map(|row| columns.iter().map(|column| column[row]).collect()).collect();
    let scaler = Scaler::fit(columns.len(), rows.iter().map(Vec::as_slice)).expect("all finite");
    let expected = golden["columns"].as_array().expect("columns");
    assert_eq!(expected.len(), columns.len());
    for (column, expected) in expected.iter().enumerate() {
        let name = expected["name"].as_str().expect("a name");
        let check = |what: &str, got: f64, expected: &Value| {
            let expected = expected.as_f64().expect("a number");
            // The same operations in the same order: the same bits.
            assert_eq!(
                got.to_bits(),
                expected.to_bits(),
                "{name}: {what} {got:e}, not {expected:e}"
            );
        };
        check("mean", scaler.mean()[column], &expected["mean"]);
        check("scale", scaler.scale()[column], &expected["scale"]);
        for (row, expected) in
            expected["scaled_first"].as_array().expect("values").iter().enumerate()
        {
            let got = scaler.transform(&rows[row])[column];
            if expected.is_null() {
                assert!(got.is_nan(), "{name}: row {row}");
            } else {
                check("scaled value", got, expected);
            }
        }
    }
    // scikit-learn divides these by 1, whatever their computed variance.
    assert_eq!(scaler.constant_columns(), [2, 3, 4, 5]);
}
