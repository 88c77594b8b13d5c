//! Fixed words of the documents: labels, method words, region names, notes. English and Russian.

use super::Labels;
use super::Language;
use super::model::Label;
use crate::codes::Term;

/// The fixed sentences for readers.
pub(super) fn reading_notes(language: Language) -> Vec<&'static str> {
    match language {
        Language::English => vec![
            "Values are CT attenuation means inside the stated regions of interest; HU = Hounsfield unit.",
            "A parameter listed under not_measured has no value; do not infer, impute or read it as zero.",
            "Values depend on scanner, tube voltage, kernel, slice thickness, contrast and region placement; see \
             acquisition and checks.",
            "Quantitative observations are not medical conclusions.",
        ],
        Language::Russian => vec![
            "Значения — средняя КТ-аттенуация внутри указанных областей интереса; HU — единица Хаунсфилда.",
            "Параметр из not_measured не имеет значения: его нельзя домысливать, подставлять или читать как ноль.",
            "Значения зависят от аппарата, напряжения трубки, ядра реконструкции, толщины среза, контрастирования и \
             положения области; см. acquisition и checks.",
            "Количественные наблюдения не являются медицинскими выводами.",
        ],
    }
}

/// Codes of the label languages.
pub(super) fn label_languages(labels: Labels) -> Vec<&'static str> {
    match labels {
        Labels::English => vec!["en"],
        Labels::Russian => vec!["ru"],
        Labels::Both => vec!["en", "ru"],
    }
}

/// Name of a parameter in words.
pub(super) fn label(term: Term, labels: Labels) -> Label {
    let (en, ru) = match term {
        Term::Th12Hu => ("T12 trabecular attenuation, mean", "Средняя аттенуация трабекулярной кости Th12"),
        Term::L1Hu => ("L1 trabecular attenuation, mean", "Средняя аттенуация трабекулярной кости L1"),
        Term::L2Hu => ("L2 trabecular attenuation, mean", "Средняя аттенуация трабекулярной кости L2"),
        Term::LiverHu => ("Liver attenuation, mean", "Средняя аттенуация печени"),
        Term::SpleenHu => ("Spleen attenuation, mean", "Средняя аттенуация селезёнки"),
        Term::LiverSpleenDiff => ("Liver minus spleen attenuation", "Разность аттенуации печени и селезёнки"),
        Term::LiverSpleenRatio => ("Liver to spleen attenuation ratio", "Отношение аттенуации печени и селезёнки"),
    };
    match labels {
        Labels::English => Label { en: Some(en), ru: None },
        Labels::Russian => Label { en: None, ru: Some(ru) },
        Labels::Both => Label { en: Some(en), ru: Some(ru) },
    }
}

/// Public-style word of how a parameter is measured.
pub(super) fn method(term: Term) -> &'static str {
    match term {
        Term::Th12Hu | Term::L1Hu | Term::L2Hu => "mean_trabecular_roi",
        Term::LiverHu => "mean_hepatic_roi",
        Term::SpleenHu => "mean_splenic_roi",
        Term::LiverSpleenDiff => "liver_minus_spleen",
        Term::LiverSpleenRatio => "liver_divided_by_spleen",
    }
}

/// Formula of a derived parameter; `None` for measured ones.
pub(super) fn formula(term: Term) -> Option<&'static str> {
    match term {
        Term::LiverSpleenDiff => Some("LIVER_HU - SPLEEN_HU"),
        Term::LiverSpleenRatio => Some("LIVER_HU / SPLEEN_HU"),
        _ => None,
    }
}

/// What is fixed about the regions of a term.
pub(super) struct RegionWords {
    /// Key without suffix.
    pub(super) key: &'static str,
    /// Public parameter word.
    pub(super) parameter: &'static str,
    /// Part of the body.
    pub(super) body_region: &'static str,
    /// What is inside.
    pub(super) purpose: &'static str,
    /// Short label, English.
    en: &'static str,
    /// Short label, Russian.
    ru: &'static str,
}

impl RegionWords {
    /// The short label.
    pub(super) fn label(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Russian => self.ru,
        }
    }
}

/// Words of the regions of a term; `None` for derived terms.
pub(super) fn region(term: Term) -> Option<RegionWords> {
    let vertebral = |key, body_region, en, ru| RegionWords {
        key,
        parameter: "vertebral_attenuation_hu",
        body_region,
        purpose: "trabecular_bone",
        en,
        ru,
    };
    let organ = |key, en, ru| RegionWords {
        key,
        parameter: "ct_attenuation_hu",
        body_region: key,
        purpose: "parenchyma",
        en,
        ru,
    };
    match term {
        Term::Th12Hu => Some(vertebral("vertebral_body_th12", "thoracic_spine", "T12", "Th12")),
        Term::L1Hu => Some(vertebral("vertebral_body_l1", "lumbar_spine", "L1", "L1")),
        Term::L2Hu => Some(vertebral("vertebral_body_l2", "lumbar_spine", "L2", "L2")),
        Term::LiverHu => Some(organ("liver", "Liver", "Печень")),
        Term::SpleenHu => Some(organ("spleen", "Spleen", "Селезёнка")),
        Term::LiverSpleenDiff | Term::LiverSpleenRatio => None,
    }
}
