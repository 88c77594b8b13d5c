//! One digest of what a measurement sees.
//!
//! Input: a [`Volume`]. Output: SHA-256 as hexadecimal digits.

use sha2::Digest;
use sha2::Sha256;

use super::Volume;
use super::Voxels;
use crate::identity::hex;
use crate::units;

/// Decimals of direction cosines and pixel spacings in the geometry header.
const DIRECTION_DECIMALS: u32 = 6;

/// SHA-256 (hexadecimal) over a geometry header and the HU in slice order; independent of transfer syntax, of
/// identifiers and of the order of arrival.
///
/// Header: one text line each for `slices rows columns`, row and column spacing, direction cosines, and the origin of
/// every slice. Then the voxels, little-endian: `int16`, or `float32` where the rescale is not integer.
pub fn digest(volume: &Volume) -> String {
    let geometry = &volume.geometry;
    let mut running = Sha256::new();
    let [slices, rows, columns] = geometry.shape;
    running.update(format!("{slices} {rows} {columns}\n"));
    running.update(line(&[geometry.row_spacing_mm, geometry.column_spacing_mm], DIRECTION_DECIMALS));
    running.update(line(&geometry.row_direction, DIRECTION_DECIMALS));
    running.update(line(&geometry.column_direction, DIRECTION_DECIMALS));
    for origin_mm in &geometry.origins_mm {
        running.update(line(origin_mm, units::LENGTH_DECIMALS));
    }
    let mut bytes = Vec::new();
    for k in 0..slices {
        match &volume.voxels {
            Voxels::Int16(grid) => little_endian(grid.slice(k), i16::to_le_bytes, &mut bytes),
            Voxels::Float32(grid) => little_endian(grid.slice(k), f32::to_le_bytes, &mut bytes),
        }
        running.update(&bytes);
    }
    hex(&running.finalize())
}

/// The bytes of one slice in place of `bytes`; fixed chunks let this run at the speed of a copy.
fn little_endian<T: Copy, const N: usize>(values: &[T], to_bytes: impl Fn(T) -> [u8; N], bytes: &mut Vec<u8>) {
    bytes.resize(values.len() * N, 0);
    for (chunk, &value) in bytes.chunks_exact_mut(N).zip(values) {
        chunk.copy_from_slice(&to_bytes(value));
    }
}

fn line(values: &[f64], decimals: u32) -> String {
    let words: Vec<String> = values.iter().map(|&value| units::round(value, decimals).to_string()).collect();
    format!("{}\n", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;
    use crate::volume::ContrastTags;
    use crate::volume::Geometry;

    fn volume() -> Volume {
        let positions_mm = vec![0.0, 2.5];
        let geometry = Geometry {
            shape: [2, 2, 2],
            origins_mm: positions_mm.iter().map(|&z| [-1.0, -2.0, z]).collect(),
            row_direction: [1.0, 0.0, 0.0],
            column_direction: [0.0, 1.0, 0.0],
            normal: [0.0, 0.0, 1.0],
            row_spacing_mm: 0.7,
            column_spacing_mm: 0.7,
            positions_mm,
            slice_spacing_mm: 2.5,
        };
        Volume {
            voxels: Voxels::Int16(Grid { shape: [2, 2, 2], data: (-4..4).collect() }),
            geometry,
            slices: Vec::new(),
            slice_thickness_mm: 2.5,
            largest_hu: 3071.0,
            tube_voltage_kv: None,
            acquisition: Vec::new(),
            contrast: ContrastTags::default(),
            checks: Vec::new(),
        }
    }

    #[test]
    fn the_volume_digest_sees_voxels_and_geometry_and_nothing_else() {
        let plain = digest(&volume());
        let header = "2 2 2\n0.7 0.7\n1 0 0\n0 1 0\n-1 -2 0\n-1 -2 2.5\n";
        let voxels: Vec<u8> = (-4i16..4).flat_map(i16::to_le_bytes).collect();
        assert_eq!(plain, hex(&Sha256::digest([header.as_bytes(), &voxels].concat())));
        let mut other = volume();
        other.tube_voltage_kv = Some(120.0);
        assert_eq!(plain, digest(&other));
        other.geometry.origins_mm[1][2] = 2.6;
        assert_ne!(plain, digest(&other));
        let mut other = volume();
        other.voxels = Voxels::Int16(Grid { shape: [2, 2, 2], data: (-3..5).collect() });
        assert_ne!(plain, digest(&other));
    }
}
