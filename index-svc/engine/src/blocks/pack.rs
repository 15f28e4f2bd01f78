//! Leaves into bytes: centroid, codes in groups, and the rows themselves.

use super::bounds::{ROW_CODE_LIMIT, SCALE_FLOOR, SLACK, round_up};
use super::kernel::{CHUNK_BYTES, CHUNK_COLUMNS, CODE_BIAS, GROUP_ROWS};
use super::tree::Table;

/// One leaf's part of each section, to be filled.
#[derive(Debug)]
pub(super) struct LeafSlots<'a> {
    /// First position, rows, first group, radius bits: the first three are set already.
    pub(super) leaf: &'a mut [u32; 4],
    pub(super) centroid: &'a mut [f32],
    pub(super) scales: &'a mut [f32],
    pub(super) errors: &'a mut [f32],
    pub(super) norms: &'a mut [f32],
    pub(super) codes: &'a mut [u8],
    pub(super) rows: &'a mut [f32],
    pub(super) row_numbers: &'a mut [u32],
}

/// Fills a leaf's slots. Sorts `members` by largest residual, so that a group's rows share a scale that suits them all.
pub(super) fn pack_leaf(table: &Table<'_>, members: &mut [u32], slots: LeafSlots<'_>) {
    let dims = table.dims();
    let centroid = mean(table, members);
    slots.centroid[..dims].copy_from_slice(&centroid);
    let largest = |row: u32| {
        let residuals = table.row(row).iter().zip(&centroid);
        residuals.map(|(x, c)| (f64::from(*x) - f64::from(*c)).abs()).fold(0.0, f64::max)
    };
    let mut keyed: Vec<(f64, u32)> = members.iter().map(|&row| (largest(row), row)).collect();
    keyed.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));

    slots.norms.fill(f32::INFINITY);
    slots.codes.fill(CODE_BIAS as u8);
    let group_bytes = slots.codes.len() / slots.scales.len();
    let mut radius = 0.0f64;
    for (group, keyed) in keyed.chunks(GROUP_ROWS).enumerate() {
        let reach = keyed.last().map_or(0.0, |last| last.0);
        let scale = ((reach / ROW_CODE_LIMIT) as f32).max(SCALE_FLOOR);
        let codes = &mut slots.codes[group * group_bytes..][..group_bytes];
        let mut error = 0.0f64;
        for (lane, &(_, row)) in keyed.iter().enumerate() {
            let position = group * GROUP_ROWS + lane;
            let packed = pack_row(table.row(row), &centroid, scale, lane, codes);
            slots.norms[position] = packed.norm;
            // What f64 loses to cancellation in the error is relative to the distance.
            error = error.max(packed.error + packed.distance * SLACK);
            radius = radius.max(packed.distance);
            slots.rows[position * dims..][..dims].copy_from_slice(table.row(row));
            slots.row_numbers[position] = row;
            members[position] = row;
        }
        slots.scales[group] = scale;
        slots.errors[group] = round_up(error);
    }
    slots.leaf[3] = round_up(radius).to_bits();
}

fn mean(table: &Table<'_>, members: &[u32]) -> Vec<f32> {
    let mut sums = vec![0.0f64; table.dims()];
    for &row in members {
        for (sum, value) in sums.iter_mut().zip(table.row(row)) {
            *sum += f64::from(*value);
        }
    }
    sums.iter().map(|sum| (sum / members.len() as f64) as f32).collect()
}

struct PackedRow {
    norm: f32,
    /// Distance of the row from what its code stands for.
    error: f64,
    /// Distance of the row from the centroid.
    distance: f64,
}

fn pack_row(row: &[f32], centroid: &[f32], scale: f32, lane: usize, codes: &mut [u8]) -> PackedRow {
    let scale = f64::from(scale);
    let (mut norm, mut error, mut distance) = (0i32, 0.0f64, 0.0f64);
    for (column, (x, c)) in row.iter().zip(centroid).enumerate() {
        let residual = f64::from(*x) - f64::from(*c);
        let code = (residual / scale).round_ties_even().clamp(-ROW_CODE_LIMIT, ROW_CODE_LIMIT);
        let off = residual - scale * code;
        error += off * off;
        distance += residual * residual;
        let code = code as i32;
        norm += code * code;
        let (chunk, rest) = (column / CHUNK_COLUMNS, column % CHUNK_COLUMNS);
        codes[chunk * CHUNK_BYTES + lane * CHUNK_COLUMNS + rest] = (code + CODE_BIAS) as u8;
    }
    PackedRow { norm: norm as f32, error: error.sqrt(), distance: distance.sqrt() }
}
