//! The constants of the organ chain, in one table.
//!
//! Input: none. Output: [`Parameters`]; its `Default` holds the values of the definition set.
//! Units stand in the names. The values were found on fifteen real scans of four contrast phases.

/// Constants of body, lungs, hull, liver, spleen, vessels and phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Body against air: half way between fat and air, so that the skin lies where it is seen.
    pub body_threshold_hu: f32,
    /// Opening that cuts the couch, its pads and tubes off the skin.
    pub body_opening_mm: f64,
    /// In-plane erosion that parts arms from the trunk.
    pub arm_erosion_mm: f64,
    /// Growth back after the arms fell off; a little more than the erosion, clipped to the body.
    pub arm_growth_mm: f64,
    /// Share of the largest part in a slice from which on a part belongs to the trunk.
    pub trunk_part_share: f64,
    /// Air inside the trunk.
    pub lung_threshold_hu: f32,
    /// Interior median of lung: bowel gas lies below (-980), lung above (-960).
    pub lung_median_hu: [f32; 2],
    /// Volume from which on air is lung wherever it lies.
    pub lung_volume_ml: f64,
    /// Volume of lung bases that touch the cranial end of the scan.
    pub lung_base_volume_ml: f64,
    /// Share of the largest part that a part of one lung must have; less is gas or a bulla.
    pub lung_part_share: f64,
    /// Rim of the lung shadow left out for the dome: it ends on heart and chest wall, 18 to 40 mm too high.
    pub dome_rim_mm: f64,
    /// Percentile of the floor heights that is the right dome.
    pub dome_percentile_right: f64,
    /// Percentile of the floor heights that is the left dome; the heart's floor spoils the upper ones.
    pub dome_percentile_left: f64,
    /// Bone in the posterior middle of the trunk, for the midline of the spine.
    pub spine_bone_hu: f32,
    /// Slices over which the midline is median-filtered.
    pub midline_median_slices: usize,
    /// Bone for the inner wall of the trunk.
    pub hull_bone_hu: f32,
    /// Half height over which bone is projected for the hull: more than one rib interval.
    pub hull_projection_mm: f64,
    /// Distance inside the convex hull of bone: rib and intercostal muscle.
    pub hull_inset_mm: f64,
    /// Least depth below the skin.
    pub hull_skin_mm: f64,
    /// Depth below the skin that replaces the hull where no bone is seen.
    pub hull_fallback_mm: f64,
    /// Depth below the fascia in the front half, where the hull cuts the abdomen under the costal arch.
    pub hull_fascia_mm: f64,

    /// Least right lung for the dome to be known.
    pub right_lung_ml: f64,
    /// Share of the right trunk under lung below which the dome lies above the scan.
    pub lung_shadow_share: f64,
    /// Least volume of the search box of the liver.
    pub liver_box_ml: f64,
    /// Attenuations that the window sweep for the liver visits: first, last, step (HU).
    pub liver_sweep_hu: [i32; 3],
    /// Half width of a sweep window: at least, at most (HU).
    pub window_hu: [f64; 2],
    /// Half width of a grown window at most (HU).
    pub grown_window_hu: f64,
    /// Percentile of the local deviation in the box that stands for noise in parenchyma.
    pub liver_noise_percentile: f64,
    /// Erosion that parts the liver from its neighbours in the sweep.
    pub liver_erosion_mm: f64,
    /// Growth back after the erosion.
    pub liver_growth_mm: f64,
    /// Closing over vessels.
    pub liver_closing_mm: f64,
    /// Least eroded volume of a mode.
    pub liver_mode_ml: f64,
    /// Erosions of the neck test, tried in this order: what hangs on a thinner neck leaves the core.
    pub neck_erosions_mm: [f64; 3],
    /// Volume of the main part that ends the search for an erosion.
    pub neck_main_ml: f64,
    /// How far left of the midline the core of the liver may reach: beyond lie stomach and heart.
    pub liver_core_left_mm: f64,
    /// Least share of the liver mask right of the midline.
    pub liver_right_share: f64,
    /// Largest gap between dome and liver top; more is another organ.
    pub liver_dome_gap_mm: f64,
    /// Largest liver mask.
    pub liver_largest_ml: f64,

    /// Least left lung for the left dome to be known.
    pub left_lung_ml: f64,
    /// Least volume of the search region of the spleen.
    pub spleen_box_ml: f64,
    /// Attenuations that the window sweep for the spleen visits: first, last, step (HU).
    pub spleen_sweep_hu: [i32; 3],
    /// Percentile of the local deviation in the spleen's region.
    pub spleen_noise_percentile: f64,
    /// Erosion that parts the spleen from its neighbours.
    pub spleen_erosion_mm: f64,
    /// Growth back after the erosion.
    pub spleen_growth_mm: f64,
    /// Closing over vessels.
    pub spleen_closing_mm: f64,
    /// Least eroded volume of a candidate.
    pub spleen_candidate_ml: f64,
    /// Distance of the shell in which contact with the chest wall is counted.
    pub spleen_shell_mm: [f64; 2],
    /// Least score of a spleen: true ones 11.8 to 140, the best false one 2.4.
    pub spleen_least_score: f64,
    /// Least contact with the posterior-left chest wall or lung.
    pub spleen_least_contact: f64,
    /// Attenuation from which on an arterial, mottled spleen is expected, and its window as a share of it.
    pub spleen_mottled: [f64; 2],
    /// Score of a second candidate, relative to the first, and HU difference, from which on the choice is open.
    pub spleen_ambiguous: [f64; 2],

    /// Stretch searched for the aorta below and above the right dome (mm).
    pub aorta_stretch_mm: [f64; 2],
    /// Radii of the aorta tried: first, last, step (mm).
    pub aorta_radii_mm: [f64; 3],
    /// Least length of the accepted path.
    pub aorta_length_mm: f64,
    /// Least median edge score of the accepted path.
    pub aorta_edge: f64,
    /// Least share of slices that fit the path.
    pub aorta_share: f64,
    /// Largest median deviation in the discs; more is a vertebral body.
    pub aorta_deviation_hu: f64,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            body_threshold_hu: -300.0,
            body_opening_mm: 6.0,
            arm_erosion_mm: 18.0,
            arm_growth_mm: 19.0,
            trunk_part_share: 0.35,
            lung_threshold_hu: -500.0,
            lung_median_hu: [-965.0, -550.0],
            lung_volume_ml: 300.0,
            lung_base_volume_ml: 15.0,
            lung_part_share: 0.2,
            dome_rim_mm: 15.0,
            dome_percentile_right: 75.0,
            dome_percentile_left: 50.0,
            spine_bone_hu: 160.0,
            midline_median_slices: 31,
            hull_bone_hu: 180.0,
            hull_projection_mm: 18.0,
            hull_inset_mm: 7.0,
            hull_skin_mm: 12.0,
            hull_fallback_mm: 24.0,
            hull_fascia_mm: 14.0,
            right_lung_ml: 60.0,
            lung_shadow_share: 0.20,
            liver_box_ml: 60.0,
            liver_sweep_hu: [-30, 196, 4],
            window_hu: [12.0, 25.0],
            grown_window_hu: 30.0,
            liver_noise_percentile: 30.0,
            liver_erosion_mm: 7.0,
            liver_growth_mm: 7.5,
            liver_closing_mm: 8.0,
            liver_mode_ml: 8.0,
            neck_erosions_mm: [12.0, 10.0, 8.0],
            neck_main_ml: 60.0,
            liver_core_left_mm: 40.0,
            liver_right_share: 0.6,
            liver_dome_gap_mm: 60.0,
            liver_largest_ml: 3500.0,
            left_lung_ml: 40.0,
            spleen_box_ml: 20.0,
            spleen_sweep_hu: [-10, 234, 6],
            spleen_noise_percentile: 25.0,
            spleen_erosion_mm: 6.5,
            spleen_growth_mm: 7.0,
            spleen_closing_mm: 6.0,
            spleen_candidate_ml: 4.0,
            spleen_shell_mm: [12.0, 19.0],
            spleen_least_score: 4.0,
            spleen_least_contact: 0.10,
            spleen_mottled: [110.0, 0.22],
            spleen_ambiguous: [0.5, 10.0],
            aorta_stretch_mm: [150.0, 36.0],
            aorta_radii_mm: [7.5, 16.5, 1.5],
            aorta_length_mm: 50.0,
            aorta_edge: 0.4,
            aorta_share: 0.5,
            aorta_deviation_hu: 18.0,
        }
    }
}
