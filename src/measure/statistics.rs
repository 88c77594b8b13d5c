//! Statistics of the voxels of one region (definition set, section 2.0).
//!
//! Input: raw HU of the included voxels, sum of their volumes (mm3). Output: [`Statistics`]; `None` below two voxels.

use crate::measure::Statistics;

/// Statistics of `values_hu`; the standard deviation is that of a sample (n - 1).
pub fn of(values_hu: &[f32], volume_mm3: f64) -> Option<Statistics> {
    let count = values_hu.len();
    if count < 2 {
        return None;
    }
    let mean_hu = values_hu.iter().map(|&value| f64::from(value)).sum::<f64>() / count as f64;
    let squares: f64 = values_hu.iter().map(|&value| (f64::from(value) - mean_hu).powi(2)).sum();
    let mut sorted = values_hu.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let middle = |at: usize| f64::from(sorted[at]);
    Some(Statistics {
        mean_hu,
        standard_deviation_hu: (squares / (count as f64 - 1.0)).sqrt(),
        median_hu: (middle((count - 1) / 2) + middle(count / 2)) / 2.0,
        minimum_hu: middle(0),
        maximum_hu: middle(count - 1),
        voxel_count: count,
        volume_mm3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_number_of_voxels_has_the_mean_of_the_middle_two_as_median() {
        let found = of(&[4.0, 1.0, 2.0, 9.0], 8.0).unwrap();
        assert_eq!((found.mean_hu, found.median_hu, found.voxel_count), (4.0, 3.0, 4));
        assert!((found.standard_deviation_hu - (38.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!(of(&[1.0], 1.0).is_none());
    }
}
