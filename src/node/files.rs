//! Files and folders to instances.
//!
//! Input: paths of files and nested folders. Output: regular files, sorted; the instances among them, by series.
//! Errors: [`FilesError`] for a path that was named and cannot be read. A file that is no DICOM file is counted, not an error:
//! media hold DICOMDIR, text and pictures beside the images.
//! Limits: [`DEPTH_MAX`], [`FILES_MAX`].

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use crate::identity::Uid;
use crate::instance::Instance;
use crate::instance::InstanceError;
use crate::instance::SeriesInstance;
use crate::instance::part10;

/// Deepest nesting of folders that is followed.
pub const DEPTH_MAX: usize = 64;
/// Most files of one command.
pub const FILES_MAX: usize = 2_000_000;

/// Media Storage Directory Storage: the SOP class of a DICOMDIR.
const MEDIA_STORAGE_DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// Why paths could not be walked.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A path cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Folders are nested too deep.
    #[error("{} lies more than {DEPTH_MAX} folders deep", path.display())]
    TooDeep {
        /// The folder.
        path: PathBuf,
    },
    /// There are too many files.
    #[error("more than {FILES_MAX} files")]
    TooMany,
}

/// All regular files below the paths, sorted. Symbolic links inside folders are not followed: they may form rings.
pub fn walk(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FilesError> {
    let mut files = Vec::new();
    let mut pending: Vec<(PathBuf, usize)> = Vec::new();
    for path in paths {
        let unreadable = |source| FilesError::Unreadable { path: path.clone(), source };
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            pending.push((path.clone(), 0));
        } else {
            files.push(path.clone());
        }
    }
    while let Some((folder, depth)) = pending.pop() {
        if depth >= DEPTH_MAX {
            return Err(FilesError::TooDeep { path: folder });
        }
        let unreadable = |source| FilesError::Unreadable { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                pending.push((entry.path(), depth + 1));
            } else if kind.is_file() {
                files.push(entry.path());
            }
            if files.len() > FILES_MAX {
                return Err(FilesError::TooMany);
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Instances of the files, by series.
#[derive(Debug, Default)]
pub struct Found {
    /// Image series with their files, by Series Instance UID; one file per SOP Instance UID.
    pub series: BTreeMap<Uid, Vec<(Uid, PathBuf)>>,
    /// DICOM objects without pixel data, and DICOMDIR files.
    pub not_images: usize,
    /// Files that are no DICOM files.
    pub not_dicom: usize,
    /// DICOM files that could not be read, with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Further copies of an instance already found.
    pub copies: usize,
}

/// Sorts files into series; `progress` is called with the number of files read.
pub fn find_series(files: &[PathBuf], mut progress: impl FnMut(usize)) -> Found {
    let mut found = Found::default();
    let mut seen = std::collections::BTreeSet::new();
    for (number, path) in files.iter().enumerate() {
        progress(number);
        match read_header(path) {
            Header::Image(instance) => {
                if seen.insert(instance.sop_instance_uid.clone()) {
                    let series = found.series.entry(instance.series_instance_uid).or_default();
                    series.push((instance.sop_instance_uid, path.clone()));
                } else {
                    found.copies += 1;
                }
            }
            Header::NoImage => found.not_images += 1,
            Header::NotDicom => found.not_dicom += 1,
            Header::Unreadable(reason) => found.unreadable.push((path.clone(), reason)),
        }
    }
    found
}

enum Header {
    Image(Box<Instance>),
    NoImage,
    NotDicom,
    Unreadable(String),
}

fn read_header(path: &Path) -> Header {
    let Ok(location) = part10::open(path) else { return Header::NotDicom };
    match Instance::read(&location) {
        Ok(instance) if instance.sop_class_uid.as_str() == MEDIA_STORAGE_DIRECTORY => Header::NoImage,
        Ok(instance) if instance.pixel_data.is_none() => Header::NoImage,
        Ok(instance) => Header::Image(Box::new(instance)),
        Err(_) if path.file_name().is_some_and(|name| name == "DICOMDIR") => Header::NoImage,
        Err(error) => Header::Unreadable(error.to_string()),
    }
}

/// Reads the instances of one series with their digests, in the order of their SOP Instance UIDs.
pub fn read_series(files: &[(Uid, PathBuf)]) -> Result<Vec<SeriesInstance>, InstanceError> {
    use rayon::prelude::*;
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort();
    sorted
        .par_iter()
        .map(|(_, path)| {
            let location =
                part10::open(path).map_err(|_| InstanceError::from(std::io::Error::other("file changed")))?;
            SeriesInstance::read(location)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_folders_are_walked_and_other_files_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("note.txt"), "no image").unwrap();
        std::fs::write(folder.path().join("empty"), "").unwrap();
        let files = walk(&[folder.path().to_owned()]).unwrap();
        assert_eq!(files.len(), 2);
        let found = find_series(&files, |_| ());
        assert_eq!((found.not_dicom, found.series.len()), (2, 0));
    }

    #[test]
    fn a_missing_path_is_named() {
        let error = walk(&[PathBuf::from("does-not-exist")]).unwrap_err();
        assert!(error.to_string().contains("does-not-exist"));
    }
}
