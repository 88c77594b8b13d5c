//! Attenuation by tissue, contrast phase and tube voltage (HU).
//!
//! Input: [`Options`](super::Options). Output: one [`Tissues`] table.
//! Source: literature means at 120 kVp; bone scales with tube voltage by `(value - 25) * factor`, iodine enhancement by its
//! own factor.

use super::Options;
use crate::codes::Phase;

/// Attenuation of everything that the torso consists of (HU).
#[derive(Debug, Clone, Copy)]
pub(super) struct Tissues {
    pub(super) lung: f64,
    pub(super) fat: f64,
    pub(super) skin: f64,
    pub(super) muscle: f64,
    pub(super) liver: f64,
    pub(super) spleen: f64,
    pub(super) arterial_blood: f64,
    pub(super) caval_blood: f64,
    pub(super) portal_blood: f64,
    pub(super) hepatic_blood: f64,
    pub(super) kidney_cortex: f64,
    pub(super) kidney_medulla: f64,
    pub(super) kidney_pelvis: f64,
    pub(super) bile: f64,
    pub(super) gastric_fluid: f64,
    pub(super) bowel_wall: f64,
    pub(super) stool: f64,
    pub(super) gas: f64,
    pub(super) disc: f64,
    pub(super) canal: f64,
    pub(super) cartilage: f64,
    pub(super) cortex: f64,
    pub(super) rib_cortex: f64,
    pub(super) rib_marrow: f64,
    pub(super) arch_marrow: f64,
    pub(super) pelvic_marrow: f64,
    pub(super) cement: f64,
}

/// Values that change with contrast agent, at 120 kVp.
struct Enhanced {
    muscle: f64,
    liver: f64,
    spleen: f64,
    arterial: f64,
    caval: f64,
    portal: f64,
    hepatic: f64,
    cortex: f64,
    medulla: f64,
    pelvis: f64,
    marrow: f64,
}

const NATIVE: Enhanced = Enhanced {
    muscle: 52.0,
    liver: 58.0,
    spleen: 49.0,
    arterial: 42.0,
    caval: 40.0,
    portal: 40.0,
    hepatic: 40.0,
    cortex: 32.0,
    medulla: 30.0,
    pelvis: 5.0,
    marrow: 0.0,
};

const ARTERIAL: Enhanced = Enhanced {
    muscle: 56.0,
    liver: 75.0,
    spleen: 120.0,
    arterial: 320.0,
    caval: 90.0,
    portal: 145.0,
    hepatic: 60.0,
    cortex: 170.0,
    medulla: 60.0,
    pelvis: 5.0,
    marrow: 13.5,
};

const PORTAL: Enhanced = Enhanced {
    muscle: 62.0,
    liver: 105.0,
    spleen: 120.0,
    arterial: 150.0,
    caval: 140.0,
    portal: 165.0,
    hepatic: 150.0,
    cortex: 190.0,
    medulla: 170.0,
    pelvis: 10.0,
    marrow: 18.0,
};

const DELAYED: Enhanced = Enhanced {
    muscle: 65.0,
    liver: 88.0,
    spleen: 85.0,
    arterial: 95.0,
    caval: 95.0,
    portal: 95.0,
    hepatic: 95.0,
    cortex: 140.0,
    medulla: 140.0,
    pelvis: 600.0,
    marrow: 12.0,
};

/// Tube voltage (kV), bone factor, iodine factor, fat (HU).
const ENERGIES: [(f64, f64, f64, f64); 4] =
    [(80.0, 1.30, 1.70, -116.0), (100.0, 1.12, 1.25, -110.0), (120.0, 1.0, 1.0, -106.0), (140.0, 0.93, 0.85, -101.0)];

/// Attenuation that bone scaling leaves unchanged (HU).
const BONE_PIVOT_HU: f64 = 25.0;

fn enhanced(phase: Phase) -> &'static Enhanced {
    match phase {
        Phase::Arterial => &ARTERIAL,
        Phase::Portal => &PORTAL,
        Phase::Delayed => &DELAYED,
        Phase::Native | Phase::EnhancedUnknown | Phase::Unknown => &NATIVE,
    }
}

fn energy(tube_kv: f64) -> (f64, f64, f64, f64) {
    let far = |row: &(f64, f64, f64, f64)| (row.0 - tube_kv).abs();
    ENERGIES.into_iter().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(ENERGIES[2])
}

/// Bone of `hu` at 120 kVp as it reads at the series' tube voltage.
fn bone(options: &Options, hu: f64) -> f64 {
    (hu - BONE_PIVOT_HU) * energy(options.tube_kv).1 + BONE_PIVOT_HU
}

/// Trabecular bone of `native_hu` (native, 120 kVp) as it reads in the series' phase and tube voltage.
pub(super) fn trabecular(options: &Options, native_hu: f64) -> f64 {
    bone(options, native_hu) + enhanced(options.phase).marrow * energy(options.tube_kv).2
}

/// The table of one series.
pub(super) fn tissues(options: &Options) -> Tissues {
    let phase = enhanced(options.phase);
    let (_, _, iodine, fat) = energy(options.tube_kv);
    let mixed = |base: f64, native: f64, with_agent: f64| base + (with_agent - native) * iodine;
    let plain = |native: f64, with_agent: f64| mixed(native, native, with_agent);
    Tissues {
        lung: -840.0,
        fat,
        skin: 30.0,
        muscle: plain(NATIVE.muscle, phase.muscle),
        liver: mixed(options.liver_hu, NATIVE.liver, phase.liver),
        spleen: mixed(options.spleen_hu, NATIVE.spleen, phase.spleen),
        arterial_blood: plain(NATIVE.arterial, phase.arterial),
        caval_blood: plain(NATIVE.caval, phase.caval),
        portal_blood: plain(NATIVE.portal, phase.portal),
        hepatic_blood: plain(NATIVE.hepatic, phase.hepatic),
        kidney_cortex: plain(NATIVE.cortex, phase.cortex),
        kidney_medulla: plain(NATIVE.medulla, phase.medulla),
        kidney_pelvis: plain(NATIVE.pelvis, phase.pelvis),
        bile: 8.0,
        gastric_fluid: 15.0,
        bowel_wall: plain(NATIVE.muscle, phase.muscle) - 12.0,
        stool: 20.0,
        gas: -1000.0,
        disc: 85.0,
        canal: 22.0,
        cartilage: 110.0,
        cortex: bone(options, 1000.0),
        rib_cortex: bone(options, 900.0),
        rib_marrow: bone(options, 150.0),
        arch_marrow: bone(options, 220.0),
        pelvic_marrow: bone(options, 130.0),
        cement: 1500.0,
    }
}
