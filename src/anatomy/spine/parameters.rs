//! The constants of the spine chain, in one table.

/// Constants of the chain, with why they stand where they stand. Lengths in mm, attenuation in HU.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Skin, fat and organs lie above, air and lung below.
    pub body_threshold_hu: f32,
    /// Opening of the body mask in voxels: cuts couch and tubes off.
    pub body_opening_steps: usize,
    /// Half width of the search window for the canal: the spine never lies farther from the body's middle.
    pub window_half_width_mm: f64,
    /// Anterior share of the body that the search window leaves out.
    pub window_anterior_share: f64,
    /// Bone of the canal ring; calcium of cortical and dense trabecular bone lies above in every phase.
    pub ring_threshold_hu: f32,
    /// Radius of the disc that must be free of bone inside the canal.
    pub canal_radius_mm: f64,
    /// End of the rays that look for the ring: the widest canal's far wall.
    pub ray_reach_mm: f64,
    /// Rays per voxel.
    pub ray_count: usize,
    /// Distance from the canal to the middle of the body (or disc) that must lie in front.
    pub body_box_distance_mm: f64,
    /// Extent of that box `[anterior, lateral]`.
    pub body_box_mm: [f64; 2],
    /// Smoothing of the score along z: bridges the open ring between laminae.
    pub score_smoothing_mm: f64,
    /// Cost of a squared pixel step of the path per slice.
    pub path_step_cost: f32,
    /// Longest step per slice along each axis in pixels: 45 degrees and more.
    pub path_step_limit: isize,
    /// Running mean of the score below which the path has left the canal.
    pub run_score: f64,
    /// Length of that running mean.
    pub run_window_mm: f64,
    /// A shorter run is not a spine worth naming.
    pub shortest_run_mm: f64,
    /// A run whose median score is lower is refused; good scans measured 0.80 to 0.97, porous bone lies lower.
    pub lowest_median_score: f64,
    /// Radius of the centroid that refines the canal's centre.
    pub centroid_radius_mm: f64,
    /// Smoothing of the centre line.
    pub line_smoothing_mm: f64,
    /// Smoothing of the line whose tangent is the canal axis.
    pub tangent_smoothing_mm: f64,
    /// Largest axial rotation looked for, in degrees.
    pub rotation_limit_degrees: f64,
    /// Smoothing of the mirror symmetry along the canal.
    pub rotation_smoothing_mm: f64,
    /// Smoothing along the canal that melts bodies and discs into one tube.
    pub tube_smoothing_mm: f64,
    /// Distance between levels at which the tube is fitted.
    pub tube_step_mm: usize,
    /// Candidates per level that the tube's path may use.
    pub tube_candidates: usize,
    /// Shortest and longest distance from disc to disc.
    pub period_limits_mm: [usize; 2],
    /// Relative height at which pedicles are brightest, 0 at the lower disc.
    pub pedicle_phase: f64,
    /// Weights of pedicles, waist and endplates: the endplates are the weakest signal.
    pub signal_weights: [f64; 3],
    /// Cost of the squared logarithm of the ratio of neighbouring periods.
    pub period_change_cost: f64,
    /// Usual logarithmic growth of the period per level towards the sacrum.
    pub period_growth: f64,
    /// Bone of ribs; 110 to 200 give the same names.
    pub rib_threshold_hu: f32,
    /// Second, lower threshold that must give the same names (thin or osteoporotic ribs).
    pub rib_low_threshold_hu: f32,
    /// Lateral distance of the shell in which ribs start.
    pub rib_root_distance_mm: f64,
    /// Farthest distance along a rib that is measured.
    pub rib_reach_mm: f64,
    /// Smallest root volume (mm3).
    pub rib_root_volume_mm3: f64,
    /// Length of a rib inside the shell, added to what is measured outside.
    pub rib_inner_length_mm: f64,
    /// A rib at least this long makes a vertebra thoracic (VerSe rule).
    pub rib_length_mm: f64,
    /// Shorter ribs of the last thoracic vertebra at least this long leave no doubt.
    pub rib_certain_mm: f64,
    /// Longest transverse process below T12 that still leaves no doubt.
    pub process_certain_mm: f64,
    /// Longest transverse process below T12 that still allows a name.
    pub process_probable_mm: f64,
    /// Coronal tilt of the canal (degrees) beyond which rib roots are assigned to wrong levels.
    pub coronal_tilt_limit_degrees: f64,
    /// Bone beside the body (share) from which a segment counts as sacral.
    pub ala_share: f64,
    /// Share of the usual ellipse support below which a segment counts as sacral.
    pub sacral_support_share: f64,
    /// Agreement with the pattern of pedicles and waist below which a segment above a sacral one is sacral too; free
    /// lumbar bodies measured 0.12 to 1.1.
    pub sacral_agreement: f64,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            body_threshold_hu: -300.0,
            body_opening_steps: 2,
            window_half_width_mm: 95.0,
            window_anterior_share: 0.25,
            ring_threshold_hu: 170.0,
            canal_radius_mm: 4.5,
            ray_reach_mm: 19.0,
            ray_count: 16,
            body_box_distance_mm: 23.0,
            body_box_mm: [18.0, 22.0],
            score_smoothing_mm: 5.0,
            path_step_cost: 0.02,
            path_step_limit: 2,
            run_score: 0.40,
            run_window_mm: 15.0,
            shortest_run_mm: 60.0,
            lowest_median_score: 0.45,
            centroid_radius_mm: 6.0,
            line_smoothing_mm: 7.0,
            tangent_smoothing_mm: 12.0,
            rotation_limit_degrees: 36.0,
            rotation_smoothing_mm: 24.0,
            tube_smoothing_mm: 9.0,
            tube_step_mm: 5,
            tube_candidates: 60,
            period_limits_mm: [15, 46],
            pedicle_phase: 0.68,
            signal_weights: [1.0, 0.8, 0.5],
            period_change_cost: 40.0,
            period_growth: 0.015,
            rib_threshold_hu: 160.0,
            rib_low_threshold_hu: 115.0,
            rib_root_distance_mm: 30.0,
            rib_reach_mm: 150.0,
            rib_root_volume_mm3: 40.0,
            rib_inner_length_mm: 18.0,
            rib_length_mm: 40.0,
            rib_certain_mm: 50.0,
            process_certain_mm: 32.0,
            process_probable_mm: 36.0,
            coronal_tilt_limit_degrees: 25.0,
            ala_share: 0.30,
            sacral_support_share: 0.88,
            sacral_agreement: 0.0,
        }
    }
}
