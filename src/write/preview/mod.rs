//! Previews: pictures from which a person sees what was measured, where, and what came of it.
//!
//! Input: a [`Volume`], its [`Findings`], the targets with their outcomes; or the targets alone where there is no volume.
//! Output: [`Preview`]s: PNG files that are a pure function of the input, without time, text or patient data.
//! Errors: none; what is not there is not drawn, and a refused target is a picture with its reason.
//!
//! Pictures: one per vertebral target (axial beside sagittal), one per organ (axial, with a panel per disc), a coronal
//! overview and a sagittal picture of all levels. Burnt-in text is term, value, unit, flags or reason.

mod canvas;
mod contour;
pub mod explain;
mod font;
mod marks;
mod organ;
mod overview;
mod panel;
mod place;
mod sheet;
mod vector;
mod vertebra;
mod view;
mod wording;

use self::canvas::Canvas;
use self::view::Window;
use crate::anatomy::Findings;
use crate::codes::Reason;
use crate::codes::Term;
use crate::measure::Outcome;
use crate::measure::TargetMeasurement;
use crate::volume::Volume;

/// One preview picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// File name, e.g. `preview_l1.png`.
    pub file: String,
    /// What kind of picture it is: `vertebra_axial_sagittal`, `organ_axial`, `levels_sagittal`, `overview_coronal`,
    /// `text_card`.
    pub role: &'static str,
    /// The PNG file.
    pub png: Vec<u8>,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Parameters that the picture speaks of, in output order.
    pub shows: Vec<Term>,
    /// HU of middle gray.
    pub window_center_hu: f64,
    /// HU from black to white.
    pub window_width_hu: f64,
}

/// Pictures of every measured or refused target of a volume, then levels and overview.
pub fn previews(volume: &Volume, findings: &Findings, targets: &[TargetMeasurement]) -> Vec<Preview> {
    if volume.geometry.shape.contains(&0) || volume.geometry.positions_mm.is_empty() {
        return without_volume(targets);
    }
    let wanted: Vec<&TargetMeasurement> = targets.iter().filter(|target| requested(target)).collect();
    let mut pictures = Vec::new();
    for target in &wanted {
        match (wording::level(target.term), file_of(target.term)) {
            (Some(level), Some(file)) => {
                let canvas = vertebra::picture(volume, findings, target, level);
                pictures.push(preview(file, "vertebra_axial_sagittal", &canvas, vec![target.term], Window::BONE));
            }
            (None, Some(file)) => {
                let canvas = organ::picture(volume, findings, target);
                pictures.push(preview(file, "organ_axial", &canvas, vec![target.term], Window::SOFT_TISSUE));
            }
            _ => {}
        }
    }
    if let Ok(spine) = &findings.spine {
        let shows: Vec<Term> =
            wanted.iter().map(|target| target.term).filter(|&term| wording::level(term).is_some()).collect();
        let canvas = overview::levels(volume, spine, &wanted);
        pictures.push(preview("preview_levels.png", "levels_sagittal", &canvas, shows, Window::BONE));
    }
    let canvas = overview::overview(volume, findings, &wanted);
    let shows = wanted.iter().map(|target| target.term).collect();
    pictures.push(preview("preview_overview.png", "overview_coronal", &canvas, shows, Window::MEAN));
    pictures
}

/// The one plain card for a series without a volume: the targets and their reasons.
pub fn without_volume(targets: &[TargetMeasurement]) -> Vec<Preview> {
    let wanted: Vec<&TargetMeasurement> = targets.iter().filter(|target| requested(target)).collect();
    let canvas = overview::card(&wanted);
    let shows = wanted.iter().map(|target| target.term).collect();
    vec![preview("preview_overview.png", "text_card", &canvas, shows, Window::SOFT_TISSUE)]
}

fn requested(target: &TargetMeasurement) -> bool {
    !matches!(target.outcome, Outcome::NotMeasured { reason: Reason::NotRequested, .. })
}

fn file_of(term: Term) -> Option<&'static str> {
    match term {
        Term::Th12Hu => Some("preview_th12.png"),
        Term::L1Hu => Some("preview_l1.png"),
        Term::L2Hu => Some("preview_l2.png"),
        Term::LiverHu => Some("preview_liver.png"),
        Term::SpleenHu => Some("preview_spleen.png"),
        Term::LiverSpleenDiff | Term::LiverSpleenRatio => None,
    }
}

fn preview(file: &str, role: &'static str, canvas: &Canvas, shows: Vec<Term>, window: Window) -> Preview {
    Preview {
        file: file.to_owned(),
        role,
        png: canvas.png(),
        width: canvas.width as u32,
        height: canvas.height as u32,
        shows,
        window_center_hu: window.center_hu,
        window_width_hu: window.width_hu,
    }
}
