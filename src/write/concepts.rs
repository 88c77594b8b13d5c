//! Coded concepts of DICOM results: the one table of code values.
//!
//! Input: terms, definitions, reasons. Output: [`Code`]s.
//! Source: PS3.16 (DCM, and the SNOMED CT and UCUM subsets of its context groups); `99RSIF` is the node's own scheme,
//! for what no context group has.

use crate::codes::Reason;
use crate::codes::Term;

/// Designator of the node's own coding scheme.
pub const PRIVATE_SCHEME: &str = "99RSIF";
/// Name of the node's own coding scheme.
pub(crate) const PRIVATE_SCHEME_NAME: &str = "ResetRay measurement definitions";
/// Who is responsible for it.
pub(crate) const PRIVATE_SCHEME_ORGANIZATION: &str = "resetray";

/// A coded concept (PS3.3 section 8): value, scheme designator, meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Code Value, at most 16 characters.
    pub value: &'static str,
    /// Coding Scheme Designator.
    pub scheme: &'static str,
    /// Code Meaning, at most 64 characters.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($name:ident = $scheme:literal $value:literal $meaning:literal;)*) => {
        $(pub(crate) const $name: Code = Code { value: $value, scheme: $scheme, meaning: $meaning };)*
        /// Every code of the table.
        #[cfg(test)]
        const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    IMAGING_MEASUREMENT_REPORT = "DCM" "126000" "Imaging Measurement Report";
    LANGUAGE = "DCM" "121049" "Language of Content Item and Descendants";
    ENGLISH = "RFC5646" "en" "English";
    OBSERVER_TYPE = "DCM" "121005" "Observer Type";
    DEVICE = "DCM" "121007" "Device";
    DEVICE_OBSERVER_UID = "DCM" "121012" "Device Observer UID";
    DEVICE_OBSERVER_NAME = "DCM" "121013" "Device Observer Name";
    DEVICE_OBSERVER_MANUFACTURER = "DCM" "121014" "Device Observer Manufacturer";
    DEVICE_OBSERVER_MODEL_NAME = "DCM" "121015" "Device Observer Model Name";
    DEVICE_OBSERVER_SERIAL_NUMBER = "DCM" "121016" "Device Observer Serial Number";
    PROCEDURE_REPORTED = "DCM" "121058" "Procedure reported";
    CT_PROCEDURE = "LN" "25045-6" "CT unspecified body region";
    IMAGE_LIBRARY = "DCM" "111028" "Image Library";
    IMAGE_LIBRARY_GROUP = "DCM" "126200" "Image Library Group";
    MODALITY = "DCM" "121139" "Modality";
    COMPUTED_TOMOGRAPHY = "DCM" "CT" "Computed Tomography";
    FRAME_OF_REFERENCE_UID = "DCM" "112227" "Frame of Reference UID";
    PIXEL_DATA_ROWS = "DCM" "110910" "Pixel Data Rows";
    PIXEL_DATA_COLUMNS = "DCM" "110911" "Pixel Data Columns";
    HORIZONTAL_PIXEL_SPACING = "DCM" "111026" "Horizontal Pixel Spacing";
    VERTICAL_PIXEL_SPACING = "DCM" "111066" "Vertical Pixel Spacing";
    SLICE_THICKNESS = "DCM" "112225" "Slice Thickness";
    SPACING_BETWEEN_SLICES = "DCM" "112226" "Spacing between slices";
    IMAGING_MEASUREMENTS = "DCM" "126010" "Imaging Measurements";
    DERIVED_IMAGING_MEASUREMENTS = "DCM" "126011" "Derived Imaging Measurements";
    QUALITATIVE_EVALUATIONS = "UMLS" "C0034375" "Qualitative Evaluations";
    MEASUREMENT_GROUP = "DCM" "125007" "Measurement Group";
    ALGORITHM_NAME = "DCM" "111001" "Algorithm Name";
    ALGORITHM_VERSION = "DCM" "111003" "Algorithm Version";
    ALGORITHM_PARAMETERS = "DCM" "111002" "Algorithm Parameters";
    TRACKING_IDENTIFIER = "DCM" "112039" "Tracking Identifier";
    TRACKING_UNIQUE_IDENTIFIER = "DCM" "112040" "Tracking Unique Identifier";
    FINDING = "DCM" "121071" "Finding";
    FINDING_SITE = "SCT" "363698007" "Finding Site";
    TOPOGRAPHICAL_MODIFIER = "SCT" "106233006" "Topographical modifier";
    ANTERIOR = "SCT" "255549009" "Anterior";
    MEASUREMENT_METHOD = "SCT" "370129005" "Measurement Method";
    EQUIVALENT_MEANING = "DCM" "121050" "Equivalent Meaning of Concept Name";
    COMMENT = "DCM" "121106" "Comment";
    ATTENUATION_COEFFICIENT = "DCM" "112031" "Attenuation Coefficient";
    DERIVATION = "DCM" "121401" "Derivation";
    MEAN = "SCT" "373098007" "Mean";
    MEDIAN = "SCT" "373099004" "Median";
    STANDARD_DEVIATION = "SCT" "386136009" "Standard Deviation";
    MINIMUM = "SCT" "255605001" "Minimum";
    MAXIMUM = "SCT" "56851009" "Maximum";
    AREA = "SCT" "42798000" "Area";
    VOLUME = "SCT" "118565006" "Volume";
    IMAGE_REGION = "DCM" "111030" "Image Region";
    REFERENCED_SEGMENT = "DCM" "121191" "Referenced Segment";
    SOURCE_SERIES = "DCM" "121232" "Source series for segmentation";
    SOURCE_OF_MEASUREMENT = "DCM" "121112" "Source of Measurement";
    HOUNSFIELD_UNIT = "UCUM" "[hnsf'U]" "Hounsfield unit";
    RATIO = "UCUM" "{ratio}" "ratio";
    PIXELS = "UCUM" "{pixels}" "pixels";
    MILLIMETER = "UCUM" "mm" "millimeter";
    SQUARE_MILLIMETER = "UCUM" "mm2" "square millimeter";
    CUBIC_CENTIMETER = "UCUM" "cm3" "cubic centimeter";
    T12_VERTEBRA = "SCT" "23215003" "T12 vertebra";
    L1_VERTEBRA = "SCT" "66794005" "L1 vertebra";
    L2_VERTEBRA = "SCT" "14293000" "L2 vertebra";
    LIVER = "SCT" "10200004" "Liver";
    SPLEEN = "SCT" "78961009" "Spleen";
    LIVER_SPLEEN_DIFFERENCE = "99RSIF" "LS_DIFF" "Liver minus spleen attenuation";
    LIVER_SPLEEN_RATIO = "99RSIF" "LS_RATIO" "Liver to spleen attenuation ratio";
    V1_AXIAL200 = "99RSIF" "V1_AXIAL200" "Axial ellipse 200 mm2, anterior trabecular bone";
    V2_CORE3D = "99RSIF" "V2_CORE3D" "Volumetric trabecular core of the vertebral body";
    H1_DISCS3 = "99RSIF" "H1_DISCS3" "Three discs in liver parenchyma";
    H2_LIVERCORE = "99RSIF" "H2_LIVERCORE" "Volumetric core of liver parenchyma";
    P1_DISCS3 = "99RSIF" "P1_DISCS3" "Three discs in spleen parenchyma";
    P2_SPLEENCORE = "99RSIF" "P2_SPLEENCORE" "Volumetric core of spleen parenchyma";
    NOT_ATTEMPTED = "DCM" "114007" "Measurement not attempted";
    MEASUREMENT_FAILURE = "DCM" "114006" "Measurement failure";
    CALCULATION_FAILURE = "DCM" "114008" "Calculation failure";
    VALUE_OUT_OF_RANGE = "DCM" "114009" "Value out of range";
    ANATOMICAL_STRUCTURE = "SCT" "91723000" "Anatomical Structure";
    MORPHOLOGICAL_OPERATIONS = "DCM" "123104" "Morphological Operations";
    SEGMENTATION = "DCM" "113076" "Segmentation";
    SOURCE_IMAGE = "DCM" "121322" "Source image for image processing operation";
    ACQUISITION_EQUIPMENT = "DCM" "109101" "Acquisition Equipment";
}

/// The structure that a term is measured in; `None` for derived terms.
pub(crate) fn anatomy(term: Term) -> Option<Code> {
    match term {
        Term::Th12Hu => Some(T12_VERTEBRA),
        Term::L1Hu => Some(L1_VERTEBRA),
        Term::L2Hu => Some(L2_VERTEBRA),
        Term::LiverHu => Some(LIVER),
        Term::SpleenHu => Some(SPLEEN),
        Term::LiverSpleenDiff | Term::LiverSpleenRatio => None,
    }
}

/// What a NUM of the term is called.
pub(crate) fn quantity(term: Term) -> Code {
    match term {
        Term::LiverSpleenDiff => LIVER_SPLEEN_DIFFERENCE,
        Term::LiverSpleenRatio => LIVER_SPLEEN_RATIO,
        _ => ATTENUATION_COEFFICIENT,
    }
}

/// The measurement method of a region; `None` for a definition that the table does not know.
pub(crate) fn method(term: Term, definition: &str) -> Option<Code> {
    match (term, definition) {
        (Term::Th12Hu | Term::L1Hu | Term::L2Hu, "axial200") => Some(V1_AXIAL200),
        (Term::Th12Hu | Term::L1Hu | Term::L2Hu, "core3d") => Some(V2_CORE3D),
        (Term::LiverHu, "discs3") => Some(H1_DISCS3),
        (Term::LiverHu, "core") => Some(H2_LIVERCORE),
        (Term::SpleenHu, "discs3") => Some(P1_DISCS3),
        (Term::SpleenHu, "core") => Some(P2_SPLEENCORE),
        _ => None,
    }
}

/// Numeric Value Qualifier (CID 42) of a value that is not there.
pub(crate) fn qualifier(reason: Reason) -> Code {
    match reason {
        Reason::PixelDataUnreadable
        | Reason::StructureNotFound
        | Reason::RegionNotPossible
        | Reason::ResourceLimit
        | Reason::InternalError => MEASUREMENT_FAILURE,
        Reason::ValueImplausible => VALUE_OUT_OF_RANGE,
        Reason::DependencyNotMeasured | Reason::CalculationFailure => CALCULATION_FAILURE,
        _ => NOT_ATTEMPTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fit_their_attributes_and_none_stands_twice() {
        for (position, code) in ALL.iter().enumerate() {
            assert!(code.value.len() <= 16 && code.meaning.len() <= 64 && code.scheme.len() <= 16, "{code:?}");
            assert!(code.meaning.is_ascii(), "{code:?}");
            let twice = ALL[..position].iter().any(|other| (other.value, other.scheme) == (code.value, code.scheme));
            assert!(!twice, "{code:?}");
        }
    }

    #[test]
    fn values_and_organs_have_codes() {
        for term in Term::ALL {
            assert_eq!(anatomy(term).is_none(), quantity(term).scheme == PRIVATE_SCHEME);
        }
        assert_eq!(qualifier(Reason::CalculationFailure).value, "114008");
        assert_eq!(qualifier(Reason::ValueImplausible).value, "114009");
    }
}
