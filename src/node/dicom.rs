//! DICOM results of one measured series.
//!
//! Input: the instances of the series, what the pipeline made of them, which results are wanted ([`DicomResults`]).
//! Output: [`DicomFile`]s, a function of the input alone: Content Date and Time are those of a source image.
//! A result that cannot be made is logged and left out: the documents do not wait for it.

use crate::identity::Uid;
use crate::instance::SeriesInstance;
use crate::instance::SourceIdentity;
use crate::node::pipeline::Measured;
use crate::node::settings;
use crate::node::settings::DicomResults;
use crate::write::objects::Making;
use crate::write::seg;
use crate::write::sr;

/// Pairs of date and time attributes that Content Date and Time are taken from, best first.
const DATES_AND_TIMES: [(u32, u32); 4] =
    [(0x0008_0023, 0x0008_0033), (0x0008_0022, 0x0008_0032), (0x0008_0021, 0x0008_0031), (0x0008_0020, 0x0008_0030)];
/// Content Date and Time where no source image states a date.
const UNDATED: (&str, &str) = ("19000101", "000000");
/// Digits of a time without fraction: HH, HHMM or HHMMSS.
const TIME_DIGITS: [usize; 3] = [2, 4, 6];

/// One DICOM result.
#[derive(Debug)]
pub(super) struct DicomFile {
    /// `dicom_sr`, `dicom_seg`.
    pub(super) kind: &'static str,
    /// File relative to the revision folder.
    pub(super) file: &'static str,
    /// Part 10 file.
    pub(super) bytes: Vec<u8>,
}

/// The wanted results of one series.
pub(super) fn results(instances: &[SeriesInstance], measured: &Measured, wanted: DicomResults) -> Vec<DicomFile> {
    if !wanted.report && !wanted.segmentation {
        return Vec::new();
    }
    let record = &measured.record;
    let Some(instance) = representative(instances, measured) else { return Vec::new() };
    let identity = match SourceIdentity::read(&instance.location) {
        Ok(identity) => identity,
        Err(error) => {
            tracing::warn!(%error, "the source of the DICOM results could not be read");
            return Vec::new();
        }
    };
    let making = making(&identity);
    let mut files = Vec::new();
    let mut reference = None;
    if wanted.segmentation {
        match seg::segmentation(record, &identity, &seg::Options { making: making.clone() }) {
            Ok(Some(made)) => {
                files.push(DicomFile { kind: "dicom_seg", file: "dicom/seg.dcm", bytes: made.file });
                reference = Some(made.reference);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "segmentation was not written"),
        }
    }
    if wanted.report {
        let options = sr::Options {
            storage: sr::Storage::default(),
            refusals: sr::Refusals::default(),
            operands: sr::Operands::default(),
            making,
        };
        match sr::report(record, &identity, reference.as_ref(), &options) {
            Ok(bytes) => files.push(DicomFile { kind: "dicom_sr", file: "dicom/sr.dcm", bytes }),
            Err(error) => tracing::warn!(%error, "structured report was not written"),
        }
    }
    files
}

/// The instance whose patient and study are copied: of the measured ones that with the smallest UID, so that the order
/// of arrival does not matter.
fn representative<'a>(instances: &'a [SeriesInstance], measured: &Measured) -> Option<&'a SeriesInstance> {
    let smallest: Option<&Uid> = measured.record.slices.iter().map(|slice| &slice.sop_instance_uid).min();
    let of = |uid: &Uid| instances.iter().find(|one| one.instance.sop_instance_uid == *uid);
    let any = || instances.iter().min_by(|a, b| a.instance.sop_instance_uid.cmp(&b.instance.sop_instance_uid));
    smallest.and_then(of).or_else(any)
}

fn making(identity: &SourceIdentity) -> Making {
    let software = settings::software();
    let dated = DATES_AND_TIMES.iter().find_map(|&(date, time)| {
        let date = identity.ascii(date).filter(|text| is_date(text))?;
        Some((date, identity.ascii(time).filter(|text| is_time(text)).unwrap_or(UNDATED.1)))
    });
    let (date, time) = dated.unwrap_or(UNDATED);
    Making {
        content_date: date.to_owned(),
        content_time: time.to_owned(),
        software: software.name,
        device_serial_number: software.version.clone(),
        version: software.version,
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    TIME_DIGITS.contains(&whole.len()) && (1..=6).contains(&fraction.len()) && digits(whole) && digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dates_and_times_of_the_standard_are_copied() {
        assert!(is_date("20260102") && !is_date("2026.01.02") && !is_date("0"));
        assert!(is_time("101112.000001") && is_time("10") && !is_time("10:11:12") && !is_time("101112."));
    }
}
