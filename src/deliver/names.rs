//! Names in the results folder: series folders, revisions, files of a publication.

use std::path::Path;
use std::path::PathBuf;

use super::DeliverError;
use super::SERIES;
use super::TEMPORARY;
use super::disk;
use super::publish::Latest;

/// Largest revision number: names of four digits sort by revision.
pub const REVISION_MAX: u32 = 9999;
/// Longest name of a published file (characters).
const FILE_NAME_MAX: usize = 120;
/// Hexadecimal digits of a series folder.
const SERIES_DIGITS: usize = 32;
/// Ending of the marker of a publication in progress.
const MARKER_SUFFIX: &str = ".pending";
/// Names that publishing itself makes.
const RESERVED: [&str; 3] = ["manifest.json", "receipt.json", "latest.json"];

/// Name of a series folder: 32 hexadecimal digits of its pseudonymous key, or a random series id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesFolder(String);

impl SeriesFolder {
    /// Checks the digits; a leading `k1:` is cut.
    pub fn parse(text: &str) -> Result<SeriesFolder, DeliverError> {
        let digits = text.strip_prefix("k1:").unwrap_or(text);
        let valid = digits.len() == SERIES_DIGITS
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if valid {
            Ok(SeriesFolder(digits.to_owned()))
        } else {
            let name = text.chars().take(FILE_NAME_MAX).collect();
            Err(DeliverError::Name { name, expected: "32 lower-case hexadecimal digits" })
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of all revisions of the series.
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        root.join(SERIES).join(&self.0)
    }
}

/// One revision of one series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Revision {
    /// The series.
    pub(super) series: SeriesFolder,
    /// Its number, from 1.
    pub(super) number: u32,
}

impl Revision {
    /// `r0001`.
    pub(super) fn folder_name(&self) -> String {
        format!("r{:04}", self.number)
    }

    /// The folder of the revision.
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        self.series.path(root).join(self.folder_name())
    }

    /// The path that events and the index give, relative to the root.
    pub(super) fn relative_path(&self) -> String {
        format!("{SERIES}/{}/{}", self.series.as_str(), self.folder_name())
    }

    /// The flat copy of a document.
    pub(super) fn flat_path(&self, root: &Path, document: &str) -> PathBuf {
        root.join(format!("{}.{}.{document}", self.series.as_str(), self.folder_name()))
    }

    /// The marker that stands in `.tmp` from before the folder becomes visible until it is announced.
    pub(super) fn marker(&self, root: &Path) -> PathBuf {
        root.join(TEMPORARY).join(format!("{}.{}{MARKER_SUFFIX}", self.series.as_str(), self.folder_name()))
    }

    /// The revision that a marker stands for.
    pub(super) fn from_marker(name: &str) -> Option<Revision> {
        let (series, folder) = name.strip_suffix(MARKER_SUFFIX)?.split_once('.')?;
        Some(Revision { series: SeriesFolder::parse(series).ok()?, number: revision_number(folder)? })
    }
}

/// The number behind `r0001`.
fn revision_number(folder: &str) -> Option<u32> {
    let digits = folder.strip_prefix('r').filter(|digits| digits.len() == 4)?;
    digits.parse().ok().filter(|number| (1..=REVISION_MAX).contains(number))
}

/// One more than the largest revision of a series, pruned ones included: a number is never used again.
pub(super) fn next_revision(root: &Path, series: &SeriesFolder) -> Result<u32, DeliverError> {
    let names = disk::entries(&series.path(root))?.unwrap_or_default();
    let newest = Latest::read_if_whole(root, series)?.map(|latest| latest.revision);
    let largest = names.iter().filter_map(|name| revision_number(name)).chain(newest).max().unwrap_or(0);
    if largest >= REVISION_MAX {
        return Err(DeliverError::RevisionsExhausted { series: series.as_str().to_owned() });
    }
    Ok(largest + 1)
}

/// Checks a relative file name: at most one folder, plain characters, no leading dot, nothing reserved.
pub(super) fn check_file_name(name: &str) -> Result<(), DeliverError> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    let parts: Vec<&str> = name.split('/').collect();
    let valid = name.len() <= FILE_NAME_MAX && parts.len() <= 2 && parts.iter().all(|part| plain(part));
    if valid && !RESERVED.contains(&name) {
        return Ok(());
    }
    let name = name.chars().take(FILE_NAME_MAX).collect();
    Err(DeliverError::Name { name, expected: "letters, digits, '.', '_', '-', at most one folder, not reserved" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        for name in ["../x", "/etc/passwd", "a/b/c", ".hidden", "dicom/.x", "", "a//b", "latest.json", "x\0y"] {
            assert!(check_file_name(name).is_err(), "{name:?}");
        }
        for name in ["preview_levels.png", "dicom/sr.dcm"] {
            assert!(check_file_name(name).is_ok(), "{name:?}");
        }
        assert!(SeriesFolder::parse("../../../../../../../../../../etc").is_err());
    }

    #[test]
    fn a_marker_names_its_revision() {
        let revision = Revision { series: SeriesFolder::parse(&"0a".repeat(16)).unwrap(), number: 12 };
        let marker = revision.marker(Path::new("/out"));
        let name = marker.file_name().and_then(|name| name.to_str()).unwrap();
        assert_eq!(Revision::from_marker(name), Some(revision));
        assert_eq!(Revision::from_marker("x.r0001.pending"), None);
    }
}
