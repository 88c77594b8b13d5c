//! Record to document, field by field.

use super::Identifiers;
use super::PreviewEntry;
use super::Processing;
use super::RsifError;
use super::Software;
use super::checks::Listed;
use super::explanations::explanation;
use super::model;
use super::model::Number;
use super::model::Ordered;
use super::regions;
use super::words;
use crate::anatomy::Certainty;
use crate::anatomy::NumberingBasis;
use crate::codes::Analysis;
use crate::codes::DEFINITION_SET;
use crate::codes::Phase;
use crate::codes::Reason;
use crate::codes::Term;
use crate::identity::KeyKind;
use crate::identity::SiteSecret;
use crate::identity::Uid;
use crate::measure::Outcome;
use crate::measure::TargetMeasurement;
use crate::record::Record;
use crate::units;
use crate::volume::AcquisitionEntry;
use crate::volume::AcquisitionValue;
use crate::write::validate::diagnostic_word;

/// Decimals of acquisition attributes and direction cosines.
const ATTRIBUTE_DECIMALS: u32 = 6;
/// Longest text copied from an attribute (characters).
const ATTRIBUTE_TEXT_MAX: usize = 256;
/// Numbering convention: the last rib-bearing vertebra is T12.
const NUMBERING_CONVENTION: &str = "verse20_rib_rule";

/// Tags that may be copied into documents: none of them is listed for removal in PS3.15 table E.1-1.
const TAGS_ALLOWED: [&str; 24] = [
    "0008,0008",
    "0008,0070",
    "0008,1090",
    "0018,0010",
    "0018,0015",
    "0018,0050",
    "0018,0060",
    "0018,0088",
    "0018,1020",
    "0018,1100",
    "0018,1120",
    "0018,1150",
    "0018,1151",
    "0018,1152",
    "0018,1160",
    "0018,1210",
    "0018,5100",
    "0018,9345",
    "0028,1052",
    "0028,1053",
    "0028,1054",
    "0028,2110",
    "0018,9361",
    "0028,0030",
];

/// Everything that one document is made from.
pub(super) struct Context<'a> {
    /// The record.
    pub(super) record: &'a Record,
    /// Previews of the revision.
    pub(super) previews: &'a [PreviewEntry],
    /// Key of the pseudonyms.
    pub(super) secret: &'a SiteSecret,
    /// The program.
    pub(super) software: &'a Software,
    /// Circumstances.
    pub(super) processing: &'a Processing,
    /// Choices.
    pub(super) options: &'a super::Options,
    /// Analyses of this document.
    pub(super) analyses: Vec<Analysis>,
    /// Name of this document.
    pub(super) name: &'static str,
}

impl<'a> Context<'a> {
    /// Terms of this document in output order.
    pub(super) fn terms(&self) -> impl Iterator<Item = Term> + use<'_, 'a> {
        Term::ALL.into_iter().filter(|term| self.analyses.contains(&term.analysis()))
    }

    /// Targets of this document in output order.
    pub(super) fn targets(&self) -> impl Iterator<Item = &'a TargetMeasurement> + use<'_, 'a> {
        let targets = &self.record.targets;
        self.terms().filter_map(|term| targets.iter().find(|target| target.term == term))
    }
}

/// The document; digest and identity are still empty.
pub(super) fn document(context: &Context<'_>) -> Result<model::RsifDocument, RsifError> {
    let Context { record, options, .. } = context;
    let listed = Listed::of(context);
    let analysis_type = context.analyses.first().map_or("vertebral_attenuation", |analysis| analysis.name());
    let vertebral = context.analyses.contains(&Analysis::VertebralAttenuation);
    let outcomes = outcomes(context, &listed)?;
    let previews = previews(context)?;
    Ok(model::RsifDocument {
        schema: model::SCHEMA_IRI,
        context: model::CONTEXT_IRI,
        id: String::new(),
        kind: "RSIF",
        rsif_version: model::RSIF_VERSION,
        format_name: model::FORMAT_NAME,
        format_abbreviation: "RSIF",
        document_type: model::DOCUMENT_TYPE,
        profile: model::Profile { name: model::PROFILE_NAME, version: model::PROFILE_VERSION },
        example_type: options.example_type.clone(),
        language: options.language.code(),
        label_languages: words::label_languages(options.labels),
        study_type: "CT",
        modality: "CT",
        analysis_type,
        analysis_types: context.analyses.iter().map(|analysis| analysis.name()).collect(),
        scope: scope(),
        reading_notes: words::reading_notes(options.language),
        deidentification: deidentification(options.identifiers),
        data_origin: data_origin(context),
        source: source(context),
        acquisition: acquisition(record),
        geometry: geometry(record)?,
        level_identification: if vertebral { level_identification(record)? } else { None },
        measurements: outcomes.measured,
        not_measured: outcomes.not_measured,
        technical_measurements: outcomes.regions,
        checks: listed.fields(context)?,
        quality_flags: listed.flags(context),
        technical_preview: model::TechnicalPreview { available: !previews.is_empty(), format: "PNG" },
        previews: (!previews.is_empty()).then_some(previews),
        software: model::SoftwareFields {
            name: context.software.name.clone(),
            version: context.software.version.clone(),
            source_revision: context.software.source_revision.clone(),
        },
        configuration: model::Configuration {
            digest: format!("sha256:{}", record.configuration_digest),
            policy: options.policy.clone().unwrap_or_else(|| "default".to_owned()),
            definition_set: DEFINITION_SET,
        },
        content_digest: String::new(),
        processing: Some(processing(context)),
    })
}

fn scope() -> model::Scope {
    model::Scope {
        technical_analysis_only: true,
        medical_diagnosis: false,
        clinical_decision_support: false,
        technical_only: true,
        not_a_medical_report: true,
        not_a_diagnosis: true,
        not_clinical_decision_support: true,
        service_type: model::SERVICE_TYPE,
    }
}

fn deidentification(identifiers: Identifiers) -> model::Deidentification {
    let (metadata_status, uid_strategy) = match identifiers {
        Identifiers::None => ("anonymized", "replacement_or_removal"),
        Identifiers::Pseudonym => ("pseudonymized", "replacement_or_removal"),
        Identifiers::Source => ("identified", "retained"),
    };
    model::Deidentification {
        metadata_status,
        uid_strategy,
        key_scheme: (identifiers != Identifiers::None).then_some("k1"),
        dates_included: false,
        patient_attributes_included: Vec::new(),
    }
}

fn data_origin(context: &Context<'_>) -> model::DataOrigin {
    model::DataOrigin {
        modality: "CT",
        source_format: "DICOM",
        study_region: match context.analyses.first() {
            Some(Analysis::LiverAttenuation) => "liver",
            _ => "lumbar_spine",
        },
        contrast_status: match context.record.phase {
            Phase::Native => "unenhanced",
            Phase::Arterial | Phase::Portal | Phase::Delayed | Phase::EnhancedUnknown => "enhanced",
            Phase::Unknown => "unknown",
        },
    }
}

fn source(context: &Context<'_>) -> model::Source {
    let source = &context.record.source;
    let identifiers = context.options.identifiers;
    let keyed = identifiers != Identifiers::None;
    let identified = identifiers == Identifiers::Source;
    let key = |kind, text: &str| keyed.then(|| context.secret.key(kind, text));
    let uid = |uid: &Option<Uid>, kind| uid.as_ref().and_then(|uid| key(kind, uid.as_str()));
    let study = source.study_instance_uid.as_ref().map(|uid| uid.as_str().to_owned());
    model::Source {
        study_key: uid(&source.study_instance_uid, KeyKind::Study),
        series_key: key(KeyKind::Series, source.series_instance_uid.as_str()),
        frame_of_reference_key: uid(&source.frame_of_reference_uid, KeyKind::Frame),
        subject_key: context.options.subject_identifier.as_ref().and_then(|text| key(KeyKind::Subject, text)),
        study_instance_uid: study.filter(|_| identified),
        series_instance_uid: identified.then(|| source.series_instance_uid.as_str().to_owned()),
        instance_count: source.instance_count,
        sop_class: sop_class_name(&source.sop_class_uid),
        instances_digest: keyed.then(|| format!("sha256:{}", source.instances_digest)),
        volume_digest: context.record.volume_digest.as_ref().filter(|_| keyed).map(|hex| format!("sha256:{hex}")),
    }
}

/// The name of the standard, or the UID where the dictionary does not know it.
fn sop_class_name(uid: &Uid) -> String {
    use dicom_core::dictionary::UidDictionary as _;
    let known = dicom_dictionary_std::StandardSopClassDictionary.by_uid(uid.as_str());
    known.map_or_else(|| uid.as_str().to_owned(), |entry| entry.name.to_owned())
}

/// Attributes with a number that cannot be written (a damaged header) or with a word that no output may carry are
/// left out.
fn acquisition(record: &Record) -> Ordered<model::Acquisition> {
    let phase = model::Acquisition::Phase { value: record.phase.name(), basis: record.phase_basis };
    let mut fields = Vec::new();
    // Without a volume nothing was looked at that could tell the phase.
    let mut phase = record.volume_digest.is_some().then(|| ("phase".to_owned(), phase));
    let combined = rescale(record);
    let allowed = |entry: &&AcquisitionEntry| {
        let text = if let AcquisitionValue::Text(text) = &entry.value { text.as_str() } else { "" };
        TAGS_ALLOWED.contains(&entry.tag) && diagnostic_word(text).is_none()
    };
    for entry in record.acquisition.iter().filter(allowed) {
        if entry.tag.starts_with("0028,") {
            fields.extend(phase.take());
        }
        match (entry.name, &combined) {
            ("rescale_slope", Some(combined)) => fields.push(("rescale".to_owned(), combined.clone())),
            ("rescale_intercept" | "rescale_type", Some(_)) => {}
            _ => fields.extend(attribute(entry).ok().map(|field| (entry.name.to_owned(), field))),
        }
    }
    fields.extend(phase);
    Ordered(fields)
}

/// Slope, intercept and type as one entry, where both numbers are the same in every slice.
fn rescale(record: &Record) -> Option<model::Acquisition> {
    let find = |name| record.acquisition.iter().find(|entry| entry.name == name);
    let number = |entry: &AcquisitionEntry| match entry.value {
        AcquisitionValue::Number(value) => Number::rounded(value, ATTRIBUTE_DECIMALS, "acquisition").ok(),
        _ => None,
    };
    let kind = find("rescale_type").and_then(|entry| match &entry.value {
        AcquisitionValue::Text(text) => Some(clip(text)),
        _ => None,
    });
    let slope = find("rescale_slope")?;
    Some(model::Acquisition::Rescale {
        slope: number(slope)?,
        intercept: number(find("rescale_intercept")?)?,
        kind,
        tag: slope.tag,
    })
}

fn attribute(entry: &AcquisitionEntry) -> Result<model::Acquisition, RsifError> {
    let AcquisitionEntry { unit, tag, .. } = *entry;
    let number = |value| Number::rounded(value, ATTRIBUTE_DECIMALS, "acquisition");
    let value = match &entry.value {
        AcquisitionValue::Range(low, high) => {
            return Ok(model::Acquisition::Range { minimum: number(*low)?, maximum: number(*high)?, unit, tag });
        }
        AcquisitionValue::Text(text) => model::Scalar::Text(clip(text)),
        AcquisitionValue::Number(value) => model::Scalar::Number(number(*value)?),
        AcquisitionValue::Bool(value) => model::Scalar::Bool(*value),
    };
    Ok(model::Acquisition::Single { value, unit, tag })
}

fn clip(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(ATTRIBUTE_TEXT_MAX).collect()
}

fn geometry(record: &Record) -> Result<model::Geometry, RsifError> {
    let frame = model::Geometry { coordinate_system: "DICOM_PATIENT_LPS", unit: "mm", ..model::Geometry::default() };
    let Some(seen) = &record.geometry else { return Ok(frame) };
    let length = |value| Number::rounded(value, units::LENGTH_DECIMALS, "geometry");
    let position =
        |origin: Option<&[f64; 3]>| origin.map(|&origin_mm| Number::lengths(origin_mm, "geometry")).transpose();
    let [a, b, c] = seen.row_direction;
    let [d, e, f] = seen.column_direction;
    Ok(model::Geometry {
        rows: Some(seen.shape[1]),
        columns: Some(seen.shape[2]),
        slices: Some(seen.shape[0]),
        pixel_spacing: Some(Number::vector(
            [seen.row_spacing_mm, seen.column_spacing_mm],
            ATTRIBUTE_DECIMALS,
            "geometry",
        )?),
        slice_spacing: Some(length(seen.slice_spacing_mm)?),
        orientation: Some(Number::vector([a, b, c, d, e, f], regions::DIRECTION_DECIMALS, "geometry")?),
        first_position: position(seen.origins_mm.first())?,
        last_position: position(seen.origins_mm.last())?,
        ..frame
    })
}

fn level_identification(record: &Record) -> Result<Option<model::LevelIdentification>, RsifError> {
    let Some(seen) = &record.levels else { return Ok(None) };
    let mut levels = Vec::new();
    for (level, center_mm) in &seen.levels {
        let Some(name) = level.name() else { continue };
        levels.push(model::LevelFields {
            level: name,
            term: level.term().map(Term::name),
            center: Number::lengths(*center_mm, "level_identification")?,
        });
    }
    Ok(Some(model::LevelIdentification {
        verdict: match seen.certainty {
            Certainty::Certain => "certain",
            Certainty::Probable => "probable",
            Certainty::Ambiguous => "ambiguous",
        },
        basis: match seen.basis {
            NumberingBasis::Ribs => "ribs",
            NumberingBasis::SacrumCount => "sacrum_count",
            NumberingBasis::None => "none",
        },
        convention: NUMBERING_CONVENTION,
        evidence: seen.evidence.iter().copied().filter(|word| diagnostic_word(word).is_none()).collect(),
        levels,
    }))
}

/// The three maps of results.
struct Outcomes {
    measured: Ordered<model::Measurement>,
    not_measured: Ordered<model::NotMeasured>,
    regions: Ordered<model::TechnicalMeasurement>,
}

fn outcomes(context: &Context<'_>, listed: &Listed<'_>) -> Result<Outcomes, RsifError> {
    let mut measured = Vec::new();
    let mut not_measured = Vec::new();
    let mut regions = Vec::new();
    for term in context.terms() {
        let target =
            context.record.targets.iter().find(|target| target.term == term).ok_or(RsifError::Inconsistent {
                term: term.name(),
                problem: "the record has no entry for a requested term",
            })?;
        match &target.outcome {
            Outcome::Measured { value, flags } => {
                measured.push((term.name().to_owned(), measurement(context, target, *value, flags)?));
                for region in &target.regions {
                    match regions::entry(context, region) {
                        Ok(entry) => regions.extend(entry),
                        // The value does not rest on a supplementary region; one that cannot be written is left out.
                        Err(_) if !region.public => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Outcome::NotMeasured { reason, detail, blocked_by } => {
                let reason = (*reason, *detail, blocked_by.as_slice());
                not_measured.push((term.name().to_owned(), refusal(context, listed, term, reason)));
            }
        }
    }
    Ok(Outcomes { measured: Ordered(measured), not_measured: Ordered(not_measured), regions: Ordered(regions) })
}

fn measurement(
    context: &Context<'_>,
    target: &TargetMeasurement,
    value: f64,
    flags: &[&'static str],
) -> Result<model::Measurement, RsifError> {
    let term = target.term;
    let inconsistent = |problem| RsifError::Inconsistent { term: term.name(), problem };
    let formula = words::formula(term);
    let decimals = if term == Term::LiverSpleenRatio { units::RATIO_DECIMALS } else { units::MEAN_DECIMALS };
    let value = Number::rounded(value, decimals, "measurements.value")?;
    let public = target.regions.iter().find(|region| region.public);
    if formula.is_none() {
        let region = public.ok_or(inconsistent("a measured parameter has no public region"))?;
        let mean = Number::rounded(region.statistics.mean_hu, units::MEAN_DECIMALS, "statistics.mean")?;
        if mean != value {
            return Err(inconsistent("the value differs from the mean of its region"));
        }
    }
    let mut unique: Vec<&'static str> = Vec::new();
    flags.iter().for_each(|flag| {
        if !unique.contains(flag) {
            unique.push(flag)
        }
    });
    let direct = formula.is_none();
    Ok(model::Measurement {
        value,
        unit: term.unit(),
        method: words::method(term),
        status: if unique.is_empty() { "measured" } else { "measured_with_flags" },
        flags: unique,
        label: words::label(term, context.options.labels),
        derived_from: formula.map(|_| vec![Term::LiverHu.name(), Term::SpleenHu.name()]),
        formula,
        region: public.filter(|_| direct).and_then(regions::key),
        definition: public.filter(|_| direct).map(|region| region.definition),
        definition_set: direct.then_some(DEFINITION_SET),
        phase: direct.then_some(context.record.phase.name()),
    })
}

fn refusal(
    context: &Context<'_>,
    listed: &Listed<'_>,
    term: Term,
    (reason, detail, blocked_by): (Reason, &str, &[Term]),
) -> model::NotMeasured {
    let (ids, names): (Vec<String>, Vec<&'static str>) = listed.refusing(term).into_iter().unzip();
    model::NotMeasured {
        reason: reason.name(),
        label: words::label(term, context.options.labels),
        explanation: explanation(reason, detail, &names, context.options.language),
        failed_checks: ids,
        blocked_by: (!blocked_by.is_empty()).then(|| blocked_by.iter().map(|term| term.name()).collect()),
    }
}

/// Previews that show something of this document, or the whole series.
fn previews(context: &Context<'_>) -> Result<Vec<model::Preview>, RsifError> {
    let concerns =
        |entry: &&PreviewEntry| entry.shows.is_empty() || context.terms().any(|term| entry.shows.contains(&term));
    let fields = |entry: &PreviewEntry| {
        Ok(model::Preview {
            file: entry.file.clone(),
            digest: format!("sha256:{}", entry.digest),
            format: "PNG",
            width: entry.width,
            height: entry.height,
            role: entry.role.clone(),
            shows: context.terms().filter(|term| entry.shows.contains(term)).map(Term::name).collect(),
            window: model::Window {
                center: Number::rounded(entry.window_center_hu, units::LENGTH_DECIMALS, "previews.window")?,
                width: Number::rounded(entry.window_width_hu, units::LENGTH_DECIMALS, "previews.window")?,
                unit: "HU",
            },
        })
    };
    context.previews.iter().filter(concerns).map(fields).collect()
}

fn processing(context: &Context<'_>) -> model::ProcessingFields {
    let processing = context.processing;
    let supersedes = processing.supersedes.iter().find(|(name, _)| name == context.name);
    model::ProcessingFields {
        generated_at: (!context.options.omit_timestamps).then(|| format!("{:.3}", processing.generated_at)),
        revision: processing.revision,
        supersedes: supersedes.map(|(_, id)| id.clone()),
        supersede_reason: processing.supersede_reason.filter(|_| supersedes.is_some()).map(|reason| reason.name()),
        trigger: processing.trigger.name(),
        job: processing.job.clone(),
        node: processing.node.clone(),
        durations_ms: Ordered(processing.durations_ms.clone()),
        outputs: processing
            .outputs
            .iter()
            .map(|output| model::OutputFields {
                kind: output.kind.clone(),
                file: output.file.clone(),
                destination: output.destination.clone(),
                digest: format!("sha256:{}", output.digest),
            })
            .collect(),
    }
}
