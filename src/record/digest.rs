//! Digests of the input: of the received instances, and of geometry and HU of the volume.

use sha2::Digest;
use sha2::Sha256;

use crate::identity::Uid;
use crate::identity::hex;
use crate::units;
use crate::volume::Volume;
use crate::volume::Voxels;

/// Decimals of direction cosines and pixel spacings in the geometry header.
const DIRECTION_DECIMALS: u32 = 6;

/// SHA-256 (hexadecimal) over the sorted lines "SOPInstanceUID SP sha256(data set) LF"; the digests of the data sets
/// are hexadecimal. The order of arrival does not matter.
pub fn instances_digest<'a>(instances: impl IntoIterator<Item = (&'a Uid, &'a str)>) -> String {
    let mut lines: Vec<String> =
        instances.into_iter().map(|(uid, data_set_sha256)| format!("{uid} {data_set_sha256}\n")).collect();
    lines.sort_unstable();
    let mut digest = Sha256::new();
    lines.iter().for_each(|line| digest.update(line.as_bytes()));
    hex(&digest.finalize())
}

/// SHA-256 (hexadecimal) over a geometry header and the HU in slice order; independent of transfer syntax, of
/// identifiers and of the order of arrival.
///
/// Header: one text line each for `slices rows columns`, row and column spacing, direction cosines, and the origin of
/// every slice. Then the voxels, little-endian: `int16`, or `float32` where the rescale is not integer.
pub fn volume_digest(volume: &Volume) -> String {
    let geometry = &volume.geometry;
    let mut digest = Sha256::new();
    let [slices, rows, columns] = geometry.shape;
    digest.update(format!("{slices} {rows} {columns}\n"));
    digest.update(line(&[geometry.row_spacing_mm, geometry.column_spacing_mm], DIRECTION_DECIMALS));
    digest.update(line(&geometry.row_direction, DIRECTION_DECIMALS));
    digest.update(line(&geometry.column_direction, DIRECTION_DECIMALS));
    for origin_mm in &geometry.origins_mm {
        digest.update(line(origin_mm, units::LENGTH_DECIMALS));
    }
    let mut bytes = Vec::new();
    for k in 0..slices {
        bytes.clear();
        match &volume.voxels {
            Voxels::Int16(grid) => bytes.extend(grid.slice(k).iter().flat_map(|hu| hu.to_le_bytes())),
            Voxels::Float32(grid) => bytes.extend(grid.slice(k).iter().flat_map(|hu| hu.to_le_bytes())),
        }
        digest.update(&bytes);
    }
    hex(&digest.finalize())
}

fn line(values: &[f64], decimals: u32) -> String {
    let words: Vec<String> = values.iter().map(|&value| units::round(value, decimals).to_string()).collect();
    format!("{}\n", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrival_order_does_not_reach_the_instances_digest() {
        let (a, b) = (Uid::parse("1.2.3").unwrap(), Uid::parse("1.2.4").unwrap());
        let forwards = instances_digest([(&a, "aa"), (&b, "bb")]);
        assert_eq!(forwards, instances_digest([(&b, "bb"), (&a, "aa")]));
        assert_ne!(forwards, instances_digest([(&a, "bb"), (&b, "aa")]));
        assert_eq!(forwards, hex(&Sha256::digest(b"1.2.3 aa\n1.2.4 bb\n")));
    }
}
