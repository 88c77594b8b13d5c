//! What opening a results folder finds and puts right.

use std::fs;
use std::path::Path;

use super::DeliverError;
use super::SERIES;
use super::State;
use super::TEMPORARY;
use super::disk;
use super::disk::failed;
use super::names::Revision;

/// What was found in `.tmp`.
pub(super) struct Swept {
    /// Number of leftovers deleted.
    pub(super) deleted: usize,
    /// Revisions that are visible but perhaps not announced.
    pub(super) begun: Vec<Revision>,
}

/// Empties `.tmp`, except for the markers of visible revisions.
pub(super) fn sweep(root: &Path) -> Result<Swept, DeliverError> {
    let folder = root.join(TEMPORARY);
    let mut swept = Swept { deleted: 0, begun: Vec::new() };
    for name in disk::entries(&folder)?.unwrap_or_default() {
        if let Some(revision) = Revision::from_marker(&name)
            && revision.path(root).is_dir()
        {
            swept.begun.push(revision);
            continue;
        }
        let path = folder.join(&name);
        let is_folder = fs::symlink_metadata(&path).map_err(failed("reading", &path))?.is_dir();
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(failed("removing", &path))?;
        swept.deleted += 1;
    }
    Ok(swept)
}

/// Writes, flushes and renames across `.tmp` and `series/`, as publishing will.
pub(super) fn self_test(root: &Path) -> Result<(), DeliverError> {
    let written = root.join(TEMPORARY).join("self-test");
    let renamed = root.join(SERIES).join(".self-test");
    if fs::symlink_metadata(&renamed).is_ok() {
        fs::remove_file(&renamed).map_err(failed("removing", &renamed))?;
    }
    disk::write_new(&written, b"self-test\n")?;
    disk::rename_new(&written, &renamed)?;
    disk::sync_folder(&root.join(SERIES))?;
    fs::remove_file(&renamed).map_err(failed("removing", &renamed))
}

impl State {
    /// Completes publications that became visible but were not announced; gives the numbers of completed and of
    /// damaged ones.
    ///
    /// A flat copy whose event exists is not made again: its consumer may have taken it. A damaged revision keeps its
    /// marker for the next start and does not hold up the others.
    pub(super) fn complete_pending(&mut self, root: &Path) -> Result<(usize, usize), DeliverError> {
        if self.pending.is_empty() {
            return Ok((0, 0));
        }
        let published = self.log.published()?;
        let (mut completed, mut damaged) = (0, 0);
        for revision in self.pending.clone() {
            if published.contains(&revision) {
                self.finish(root, &revision)?;
                continue;
            }
            match self.complete(root, &revision) {
                Ok(()) => completed += 1,
                Err(DeliverError::Damaged { .. }) => {
                    self.pending.retain(|other| *other != revision);
                    damaged += 1;
                }
                Err(other) => return Err(other),
            }
        }
        Ok((completed, damaged))
    }
}
