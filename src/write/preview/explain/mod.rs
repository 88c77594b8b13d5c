//! Pictures and numbers of intermediate findings, for `--explain`.
//!
//! Input: a [`Volume`] and its [`Findings`]. Output: [`ExplainFile`]s: PNG pictures and one JSON text.
//! Units: mm (LPS) and HU, rounded as in every output. Errors: none; what was not found is told by its reason.

mod drawing;
mod numbers;

use crate::anatomy::Findings;
use crate::volume::Volume;

/// One file for the explanation folder.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainFile {
    /// File name, e.g. `explain_spine.png`.
    pub file: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All explanation files of a volume: spine, ribs, vertebrae, organs, aorta, and the numbers.
pub fn explain(volume: &Volume, findings: &Findings) -> Vec<ExplainFile> {
    let mut files = vec![ExplainFile { file: "explain_findings.json", bytes: numbers::text(findings) }];
    if volume.geometry.shape.contains(&0) {
        return files;
    }
    let mut add = |file, canvas: super::canvas::Canvas| files.push(ExplainFile { file, bytes: canvas.png() });
    if let Ok(spine) = &findings.spine {
        add("explain_spine.png", drawing::spine(volume, spine));
        add("explain_ribs.png", drawing::ribs(volume, spine));
        add("explain_vertebrae.png", drawing::vertebrae(volume, spine));
    }
    if let Ok(liver) = &findings.liver {
        add("explain_liver.png", drawing::organ(volume, liver, findings, "Liver"));
    }
    if let Ok(spleen) = &findings.spleen {
        add("explain_spleen.png", drawing::organ(volume, spleen, findings, "Spleen"));
    }
    if !findings.phase.aorta_mm.is_empty() {
        add("explain_aorta.png", drawing::aorta(volume, findings));
    }
    files
}
