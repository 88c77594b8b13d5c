//! Attenuation of liver and spleen, their difference and ratio.
//!
//! Input: the volume, both organs with the contrast phase and reference tissues, the checks of the series.
//! Output: one [`TargetMeasurement`] for each of the four terms, and the checks that belong to the whole series.
//! Definitions: `core` (public) and `discs3` of the definition set, sections 2.4 to 2.6; statistics on native voxels.
//! A parameter is refused by the first refusing check in the order series, structure, region, value.

mod core;
mod derived;
mod discs;
mod native;
#[cfg(test)]
mod tests;

use crate::anatomy::Absence;
use crate::anatomy::Organ;
use crate::anatomy::PhaseFinding;
use crate::anatomy::ReferenceTissues;
use crate::checks::Check;
use crate::checks::Observed;
use crate::checks::Scope;
use crate::checks::Verdict;
use crate::codes::Phase;
use crate::codes::Reason;
use crate::codes::Term;
use crate::measure::NativeMask;
use crate::measure::Outcome;
use crate::measure::Part;
use crate::measure::Region;
use crate::measure::RegionType;
use crate::measure::TargetMeasurement;
use crate::measure::statistics;
use crate::units;
use crate::volume::Volume;

use self::core::Core;
use self::core::CoreRule;
use self::discs::Disc;
use self::discs::DiscRule;
use self::discs::Places;
use self::native::NativeOrgan;

/// Checks of the whole series that anatomy makes possible: phase, reference tissues, noise.
pub fn series_checks(phase: &PhaseFinding, reference: &ReferenceTissues) -> Vec<Check> {
    let number = |key, value: Option<f64>| Check::against(key, Scope::Series, value.map(Observed::Number));
    let missing = Some(Observed::Bool(reference.air_hu.is_none()));
    vec![
        number("hu_air", reference.air_hu),
        number("hu_fat", reference.fat_hu),
        number("hu_soft", reference.soft_hu),
        Check::against("hu_reference_missing", Scope::Series, missing),
        Check::against("phase", Scope::Series, Some(Observed::Text(phase.phase.name().to_owned()))),
        number("noise_sd", reference.noise_sd_hu),
    ]
}

/// Measures liver, spleen, difference and ratio, in this order; also gives the checks of [`series_checks`].
pub fn measure_organs(
    volume: &Volume,
    liver: &Result<Organ, Absence>,
    spleen: &Result<Organ, Absence>,
    phase: &PhaseFinding,
    reference: &ReferenceTissues,
    series_checks: &[Check],
) -> (Vec<TargetMeasurement>, Vec<Check>) {
    let own_checks = self::series_checks(phase, reference);
    let series = Series { checks: series_checks.iter().chain(&own_checks).collect(), phase };
    let mut liver_target = Target::new(Term::LiverHu, liver);
    let mut spleen_target = Target::new(Term::SpleenHu, spleen);
    for target in [&mut liver_target, &mut spleen_target] {
        target.refuse_by_series(&series, reference);
        target.measure(volume, phase.phase);
    }
    contradict(&mut liver_target, &mut spleen_target);
    let targets = [liver_target.finish(&series), spleen_target.finish(&series)];
    let [difference, ratio] = derived::difference_and_ratio(&targets, &series);
    let [liver, spleen] = targets;
    (vec![liver, spleen, difference, ratio], own_checks)
}

/// What holds for the whole series.
struct Series<'a> {
    checks: Vec<&'a Check>,
    phase: &'a PhaseFinding,
}

impl Series<'_> {
    /// The first refusal of a term.
    fn refusal(&self, term: Term) -> Option<(Reason, &'static str)> {
        let refusing = |check: &&&Check| check.verdict == Verdict::Refuse && check.applies_to(term);
        self.checks.iter().find(refusing).map(|check| (check.reason, check.name))
    }

    /// The flags of a term, in the order of the checks.
    fn flags(&self, term: Term) -> Vec<&'static str> {
        let flagging = |check: &&&Check| check.verdict == Verdict::Flag && check.applies_to(term);
        let mut flags = Vec::new();
        for check in self.checks.iter().filter(flagging) {
            add_flag(&mut flags, super::flag_name(check, self.phase.phase));
        }
        self.phase.flags.iter().for_each(|flag| add_flag(&mut flags, flag));
        flags
    }
}

fn add_flag(flags: &mut Vec<&'static str>, flag: &'static str) {
    if !flags.contains(&flag) {
        flags.push(flag);
    }
}

/// One organ on its way to an outcome.
struct Target<'a> {
    term: Term,
    organ: &'a Result<Organ, Absence>,
    checks: Vec<Check>,
    refusal: Option<(Reason, &'static str)>,
    value_hu: Option<f64>,
    regions: Vec<Region>,
}

impl<'a> Target<'a> {
    fn new(term: Term, organ: &'a Result<Organ, Absence>) -> Target<'a> {
        Target { term, organ, checks: Vec::new(), refusal: None, value_hu: None, regions: Vec::new() }
    }

    /// A named number of the finding.
    fn evidence(&self, name: &str) -> Option<f64> {
        let organ = self.organ.as_ref().ok()?;
        organ.evidence.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    /// Evaluates a check of this target; the first refusal stays.
    fn check(&mut self, key: &'static str, observed: Option<Observed>) {
        let check = Check::against(key, Scope::Terms(vec![self.term]), observed);
        if check.verdict == Verdict::Refuse {
            self.refusal.get_or_insert((check.reason, check.name));
        }
        self.checks.push(check);
    }

    fn check_number(&mut self, key: &'static str, value: f64) {
        self.check(key, Some(Observed::Number(value)));
    }

    fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// Takes over a refusal of the series, then that of the finding.
    fn refuse_by_series(&mut self, series: &Series, reference: &ReferenceTissues) {
        self.refusal = series.refusal(self.term);
        if let (Term::SpleenHu, Ok(_) | Err(Absence { detail: "spleen_absent", .. })) = (self.term, self.organ) {
            self.check("spleen_absent", Some(Observed::Bool(self.organ.is_err())));
        }
        if let Err(absence) = self.organ {
            self.refusal.get_or_insert((absence.reason, absence.detail));
        }
        self.check("noise_sd@organ", reference.noise_sd_hu.map(Observed::Number));
    }

    /// Cuts out core and discs and holds them against the limits.
    fn measure(&mut self, volume: &Volume, phase: Phase) {
        let Ok(organ) = self.organ else { return };
        if self.is_refused() {
            return;
        }
        let rules = if self.term == Term::LiverHu { LIVER } else { SPLEEN };
        let least_window_hu = if phase == Phase::Native { NATIVE_WINDOW_HU } else { ENHANCED_WINDOW_HU };
        let rule = CoreRule { least_window_hu, ..rules.core };
        let native = NativeOrgan::new(volume, &organ.mask, organ.core_allowed.as_ref());
        let cut = native.and_then(|native| core::cut(volume, &native, &rule).map(|core| (native, core)));
        let Some((native, core)) = cut else {
            self.check_number(rules.core_check, 0.0);
            return;
        };
        let places = Places { volume, organ: &native, core: &core, rule: rules.discs };
        let discs = if self.term == Term::LiverHu {
            places.liver(&|k| midline_x(volume, organ, native.first[0] + k) - LEFT_PART_RIGHT_OF_MIDLINE_MM)
        } else {
            places.spleen()
        };
        let disc_mean = (discs.len() >= rules.least_discs).then(|| mean(discs.iter().map(Disc::mean_hu)));
        self.check_core(organ, &core, rules.core_check);
        match self.term {
            Term::LiverHu => self.check_liver(&core, disc_mean, phase),
            _ => self.check_spleen(&core, phase),
        }
        self.value_hu = Some(core.statistics.mean_hu);
        if let Some(disc_mean) = disc_mean {
            self.regions.extend(disc_region(self.term, &discs, disc_mean));
        }
        self.regions.insert(0, core_region(self.term, volume, native, core));
    }

    fn check_core(&mut self, organ: &Organ, core: &Core, key: &'static str) {
        let core_ml = core.statistics.volume_mm3 / 1000.0;
        self.check_number(key, core_ml);
        let top_missing = organ.cut_cranial || self.evidence("dome_cut").is_some_and(|cut| cut > 0.0);
        if self.term == Term::LiverHu && top_missing {
            self.check_number("liver_core@cut", core_ml);
        }
        self.check("roi_saturated@organ", Some(Observed::Bool(core.saturated)));
        self.check_number("fov_truncation", core.edge_distance_mm);
    }

    fn check_liver(&mut self, core: &Core, disc_mean: Option<f64>, phase: Phase) {
        self.check_number("liver_heterogeneous", core.excluded_fraction);
        let (other, neck) = (self.evidence("other_tissue"), self.evidence("neck_rest"));
        self.check("liver_heterogeneous@other", other.map(Observed::Number));
        self.check("liver_heterogeneous@neck", neck.map(Observed::Number));
        self.check_number("liver_heterogeneous@lateral", core.lateral_range_hu);
        self.check_number("liver_heterogeneous@deviation", core.smoothed_deviation_hu);
        let apart = disc_mean.map(|mean| Observed::Number((mean - core.statistics.mean_hu).abs()));
        self.check("liver_discs", apart);
        let range = if phase == Phase::Native { "liver_range" } else { "liver_range@enhanced" };
        self.check_number(range, published(core.statistics.mean_hu));
    }

    fn check_spleen(&mut self, core: &Core, phase: Phase) {
        match phase {
            Phase::Native => self.check_number("spleen_range", published(core.statistics.mean_hu)),
            Phase::Arterial => self.check_number("spleen_mottled", core.smoothed_deviation_hu),
            _ => {}
        }
    }

    fn finish(self, series: &Series) -> TargetMeasurement {
        let outcome = match (self.refusal, self.value_hu) {
            (None, Some(value)) => {
                let mut flags = series.flags(self.term);
                for check in self.checks.iter().filter(|check| check.verdict == Verdict::Flag) {
                    add_flag(&mut flags, super::flag_name(check, series.phase.phase));
                }
                if let Ok(organ) = self.organ {
                    organ.flags.iter().for_each(|flag| add_flag(&mut flags, flag));
                }
                Outcome::Measured { value, flags }
            }
            (refusal, _) => {
                let (reason, detail) = refusal.unwrap_or((Reason::InternalError, "no_region"));
                Outcome::NotMeasured { reason, detail, blocked_by: Vec::new() }
            }
        };
        let regions = if matches!(outcome, Outcome::Measured { .. }) { self.regions } else { Vec::new() };
        TargetMeasurement { term: self.term, outcome, regions, checks: self.checks }
    }
}

/// Checks that see both organs: each may speak against the other.
fn contradict<'a>(liver: &mut Target<'a>, spleen: &mut Target<'a>) {
    if !spleen.is_refused() && liver.is_refused() {
        let no_lung_base = spleen.evidence("left_lung_base").is_none_or(|seen| seen == 0.0);
        spleen.check("spleen_without_landmarks", Some(Observed::Bool(no_lung_base)));
        spleen.check("spleen_without_liver", Some(Observed::Bool(true)));
    }
    if !spleen.is_refused() && !liver.is_refused() {
        let larger = spleen.evidence("mask_ml") > liver.evidence("mask_ml");
        for target in [liver, spleen] {
            target.check("laterality_doubt", Some(Observed::Bool(larger)));
        }
    }
}

/// Patient x of the spine's midline at the height of a slice (mm).
fn midline_x(volume: &Volume, organ: &Organ, slice: usize) -> f64 {
    let middle = volume.geometry.shape;
    let centre = volume.geometry.patient_mm(slice, middle[1] as f64 / 2.0, middle[2] as f64 / 2.0);
    let [k, _, _] = organ.mask.index_of(centre);
    crate::grid::sample::linear_nearest(&organ.midline_x_mm, k).unwrap_or(centre[0])
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

/// A mean as it will be written.
fn published(mean_hu: f64) -> f64 {
    units::round(mean_hu, units::MEAN_DECIMALS)
}

fn core_region(term: Term, volume: &Volume, organ: NativeOrgan, core: Core) -> Region {
    let [_, rows, columns] = core.voxels.shape;
    let [k0, j0, i0] = organ.first;
    let (mut minimum_mm, mut maximum_mm) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for at in (0..core.voxels.data.len()).filter(|&at| core.voxels.data[at]) {
        let (k, j, i) = (k0 + at / (rows * columns), j0 + at / columns % rows, i0 + at % columns);
        let place = volume.geometry.patient_mm(k, j as f64, i as f64);
        minimum_mm = std::array::from_fn(|axis| minimum_mm[axis].min(place[axis]));
        maximum_mm = std::array::from_fn(|axis| maximum_mm[axis].max(place[axis]));
    }
    let voxels = NativeMask { first: organ.first, inside: core.voxels };
    Region {
        term,
        definition: "core",
        public: true,
        region_type: RegionType::Mask,
        parts: vec![Part::Mask { minimum_mm, maximum_mm, voxels }],
        statistics: core.statistics,
    }
}

/// The discs as one region; its mean is the unweighted mean of theirs.
fn disc_region(term: Term, discs: &[Disc], mean_hu: f64) -> Option<Region> {
    let values: Vec<f32> = discs.iter().flat_map(|disc| disc.values_hu.iter().copied()).collect();
    let mut statistics = statistics::of(&values, discs.iter().map(|disc| disc.volume_mm3).sum())?;
    statistics.mean_hu = mean_hu;
    Some(Region {
        term,
        definition: "discs3",
        public: false,
        region_type: RegionType::DiscSet,
        parts: discs.iter().flat_map(|disc| disc.parts.iter().cloned()).collect(),
        statistics,
    })
}

/// What differs between the organs.
struct Rules {
    core: CoreRule,
    discs: DiscRule,
    least_discs: usize,
    core_check: &'static str,
}

/// 10 mm keep out respiratory and dome partial volume, capsule and fossae; discs of 200 mm2.
const LIVER: Rules = Rules {
    core: CoreRule {
        depth_mm: 10.0,
        shallow_depth_mm: 6.0,
        shallow_below_ml: 100.0,
        least_window_hu: NATIVE_WINDOW_HU,
    },
    discs: DiscRule { radius_mm: 7.978_845_608, margin_mm: 5.0 },
    least_discs: 2,
    core_check: "liver_core",
};
/// The spleen is thinner; discs of 100 mm2.
const SPLEEN: Rules = Rules {
    core: CoreRule { depth_mm: 6.0, shallow_depth_mm: 4.0, shallow_below_ml: 30.0, least_window_hu: NATIVE_WINDOW_HU },
    discs: DiscRule { radius_mm: 5.641_895_835, margin_mm: 3.0 },
    least_discs: 1,
    core_check: "spleen_core",
};
/// Least window without contrast agent: vessels are near parenchyma.
const NATIVE_WINDOW_HU: f64 = 15.0;
/// Least window with contrast agent: parenchyma itself is less even.
const ENHANCED_WINDOW_HU: f64 = 20.0;
/// The left part of the liver begins this far right of the midline.
const LEFT_PART_RIGHT_OF_MIDLINE_MM: f64 = 20.0;
