//! Technical words in attributes: vendor terms for renderings, energies, kernels, phases.
//!
//! Input: attribute texts. Output: one word of a closed list. The texts themselves go no further.
//! Source: PS3.3 C.8.2.1.1.1 (Image Type), vendors' conformance statements and series seen.

/// Upper-case words of a text: runs of letters and digits.
pub(super) fn words(text: &str) -> Vec<String> {
    text.to_uppercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn has(words: &[String], wanted: &str) -> bool {
    words.iter().any(|word| word == wanted)
}

/// Whether `phrase` (words joined by one blank) stands among the words.
fn has_phrase(words: &[String], phrase: &str) -> bool {
    format!(" {} ", words.join(" ")).contains(&format!(" {phrase} "))
}

/// A word that makes images a rendering, a screen or a reformat; `none` otherwise.
///
/// Description words are taken more narrowly than Image Type: "low dose" and "liver protocol" are ordinary series.
pub(super) fn rendering(image_type: &[String], description: &str) -> &'static str {
    let typed: Vec<String> = image_type.iter().flat_map(|value| words(value)).collect();
    let described = words(description);
    let in_both = ["MIP", "MINIP", "VRT", "SSD", "PERFUSION"];
    let phrases = ["SCREEN SAVE", "BONE REMOVAL", "DOSE REPORT", "DOSE INFO", "PATIENT PROTOCOL"];
    let refused = in_both.into_iter().find(|word| has(&typed, word) || has(&described, word));
    let refused = refused.or_else(|| phrases.into_iter().find(|phrase| has_phrase(&described, phrase)));
    let refused =
        refused.or_else(|| ["SCREEN SAVE", "BONE REMOVAL"].into_iter().find(|phrase| has_phrase(&typed, phrase)));
    let refused = refused.or_else(|| ["DOSE", "PROTOCOL"].into_iter().find(|word| has(&typed, word)));
    if let Some(word) = refused {
        return word;
    }
    if has(&typed, "MPR") || has(&described, "MPR") {
        return "MPR";
    }
    if has(&typed, "CSA") {
        return "CSA";
    }
    ["REFORMATTED", "AVERAGE"].into_iter().find(|word| has(&typed, word)).unwrap_or("none")
}

/// Energy in keV named by a text: `70 keV`, `70KEV`.
fn kiloelectronvolt(words: &[String]) -> Option<f64> {
    words.iter().enumerate().find_map(|(index, word)| {
        let digits = match word.strip_suffix("KEV")? {
            "" => index.checked_sub(1).and_then(|before| words.get(before))?.as_str(),
            digits => digits,
        };
        digits.parse::<f64>().ok()
    })
}

fn monoenergetic(words: &[String]) -> &'static str {
    match kiloelectronvolt(words) {
        Some(energy) if (65.0..=75.0).contains(&energy) => "monoenergetic_65_75_kev",
        _ => "monoenergetic",
    }
}

/// Energy class by (0018,9361) and Image Type value 4.
pub(super) fn energy(multi_energy: Option<bool>, image_type: &[String], description: &str) -> &'static str {
    match image_type.get(3).map(String::as_str) {
        Some("VMI") => monoenergetic(&words(description)),
        Some("EFF_ATOMIC_NUM") => "effective_atomic_number",
        Some("ELECTRON_DENSITY") => "electron_density",
        Some(value) if value.starts_with("MAT_") => "material",
        _ if multi_energy == Some(true) => "multi_energy_acquisition",
        _ => "single_energy",
    }
}

/// Virtual or mixed dual-energy images by vendor words.
pub(super) fn virtual_image(image_type: &[String], description: &str, kernel: &str) -> &'static str {
    let typed = image_type.iter().flat_map(|value| words(value));
    let all: Vec<String> = typed.chain(words(description)).chain(words(kernel)).collect();
    let virtual_words = ["VNC", "VUE", "TNC", "IODINE", "ZEFF", "RHO", "SBI"];
    let mono = |word: &String| word.starts_with("MONOE") || word.ends_with("KEV");
    if virtual_words.into_iter().any(|word| has(&all, word)) {
        "virtual"
    } else if all.iter().any(mono) {
        monoenergetic(&all)
    } else if has(&words(description), "DE") && all.iter().any(|word| word.starts_with("MIX") || word == "F") {
        "mixed"
    } else {
        "none"
    }
}

/// Whether the scanner counts photons.
pub(super) fn counts_photons(model: &str) -> bool {
    let model = model.to_uppercase();
    model.contains("NAEOTOM") || model.contains("PHOTON") || model.contains("PCCT")
}

/// Whether a third-party program that removes noise names itself.
pub(super) fn is_post_denoised(texts: &[&str]) -> bool {
    let names = ["CLARIPI", "CLARICT", "PIXELSHINE", "ALGOMEDICA", "SUBTLECT", "SAFIRE2D", "DENOISED"];
    texts.iter().any(|text| names.iter().any(|name| text.to_uppercase().contains(name)))
}

/// Vendor reconstruction as stated by kernel or description.
pub(super) fn reconstruction(kernel: &str, description: &str) -> &'static str {
    let all: Vec<String> = words(kernel).into_iter().chain(words(description)).collect();
    let any = |names: &[&str]| all.iter().any(|word| names.iter().any(|name| word.starts_with(name)));
    // Siemens marks iterative kernels by an I, or by the strength behind a backslash.
    let siemens = kernel.contains('\\')
        || all
            .iter()
            .any(|word| word.starts_with('I') && word[1..].starts_with(|letter: char| letter.is_ascii_digit()));
    if any(&["TRUEFIDELITY", "DLIR", "AICE", "PIQE"]) || has_phrase(&all, "PRECISE IMAGE") {
        "deep"
    } else if any(&["ASIR", "VEO", "ADMIRE", "SAFIRE", "IDOSE", "IMR", "AIDR", "FIRST"]) || siemens {
        "iterative"
    } else {
        "not_stated"
    }
}

/// Rescale Type with the spellings of Hounsfield unified; `other` for everything that is no HU.
pub(super) fn rescale_type(text: Option<&str>) -> &'static str {
    let Some(text) = text else { return "absent" };
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_uppercase();
    match letters.as_str() {
        "" => "absent",
        "HU" | "H" | "HOUNSFIELD" | "HOUNSFIELDUNIT" | "HOUNSFIELDUNITS" | "HOUNDSFIELDUNIT" | "HOUNDSFIELDUNITS" => {
            "HU"
        }
        "US" => "US",
        "MGML" => "MGML",
        "ZEFF" => "Z_EFF",
        "ED" => "ED",
        "EDW" => "EDW",
        "PCT" => "PCT",
        _ => "other",
    }
}

/// A tin filter, named by filter material, filter type, kernel or protocol.
pub(super) fn spectral_filter(material: &str, filter: &str, texts: &[&str]) -> &'static str {
    let tin = |word: &String| {
        word == "TIN" || word.strip_prefix("SN").is_some_and(|rest| rest.chars().all(|letter| letter.is_ascii_digit()))
    };
    let named = words(material).iter().chain(&words(filter)).any(tin);
    let described = texts.iter().any(|text| words(text).iter().any(|word| word != "SN" && tin(word)));
    if named || described { "tin" } else { "none" }
}

/// Class of a convolution kernel: `soft`, `standard`, `bone`, `lung`, `edge`, or `unrecognised`.
pub(super) fn kernel_class(kernel: &str) -> &'static str {
    let first = words(kernel.split('\\').next().unwrap_or_default()).into_iter().next().unwrap_or_default();
    if let Some(class) = named_kernel(&first) {
        return class;
    }
    let letters: String = first.chars().take_while(char::is_ascii_alphabetic).collect();
    let digits: String = first.chars().skip(letters.len()).take_while(char::is_ascii_digit).collect();
    let Ok(number) = digits.parse::<u32>() else { return "unrecognised" };
    match letters.as_str() {
        // Canon: two-digit groups of body, bone, lung and high resolution.
        "FC" => match number {
            1..=5 => "soft",
            6..=29 | 41..=49 => "standard",
            30..=39 => "bone",
            50..=59 => "lung",
            _ => "edge",
        },
        // Siemens: letters name the region and generation, the number the sharpness.
        "B" | "BR" | "BF" | "BV" | "BB" | "BL" | "BP" | "D" | "DD" | "H" | "HR" | "HC" | "HF" | "HV" | "I" | "J"
        | "Q" | "QR" | "SA" | "T" | "U" | "UR" | "V" => match number {
            0..=25 => "soft",
            26..=49 => "standard",
            50..=59 if letters.starts_with("BL") => "lung",
            50..=69 => "edge",
            _ => "bone",
        },
        _ => "unrecognised",
    }
}

fn named_kernel(name: &str) -> Option<&'static str> {
    Some(match name {
        "SOFT" | "SMOOTH" | "A" | "UA" | "XA" => "soft",
        "STANDARD" | "STND" | "STD" | "DETAIL" | "CHEST" | "BODY" | "B" | "C" | "CB" | "XB" | "UB" | "UC" | "XC"
        | "YA" => "standard",
        "LUNG" | "L" | "YB" => "lung",
        "BONE" | "BONEPLUS" | "YC" | "YD" | "YE" => "bone",
        "EDGE" | "D" | "E" | "SHARP" | "ULTRA" => "edge",
        _ => return None,
    })
}

/// Contrast phase named by description or protocol, where exactly one is.
pub(super) fn phase(texts: &[&str]) -> Option<&'static str> {
    let all = texts.join(" ").to_uppercase();
    let all_words = words(&all);
    let starts = |stems: &[&str]| all_words.iter().any(|word| stems.iter().any(|stem| word.starts_with(stem)));
    let native = starts(&["NATIV", "NONCON", "UNENH"])
        || has_phrase(&all_words, "NON CON")
        || has_phrase(&all_words, "NON CONTRAST")
        || has_phrase(&all_words, "WITHOUT CONTRAST");
    let found = [
        (native, "native"),
        (starts(&["ARTER"]), "arterial"),
        (starts(&["PORTAL", "VENOUS", "PORTOVEN"]), "portal"),
        (starts(&["DELAY", "EQUILIB", "EXCRET"]), "delayed"),
    ];
    let mut named = found.into_iter().filter_map(|(is, word)| is.then_some(word));
    let first = named.next();
    if named.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        text.split('\\').map(str::to_owned).collect()
    }

    #[test]
    fn ordinary_series_carry_no_rendering_word() {
        assert_eq!(
            rendering(&values("ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 SPI"), "Low Dose Chest, liver protocol"),
            "none"
        );
        assert_eq!(rendering(&values("DERIVED\\SECONDARY\\REFORMATTED\\AVERAGE"), "11_AP_Ax5.00mm"), "REFORMATTED");
        assert_eq!(rendering(&values("DERIVED\\SECONDARY\\MPR\\CSA MPR"), ""), "MPR");
        assert_eq!(rendering(&values("DERIVED\\SECONDARY\\AXIAL\\CSA BLACK IMAGE"), ""), "CSA");
        assert_eq!(rendering(&values("ORIGINAL\\PRIMARY\\AXIAL"), "Cor MIP 5mm"), "MIP");
    }

    #[test]
    fn monoenergetic_images_near_the_reference_are_told_from_others() {
        let ordinary = values("ORIGINAL\\PRIMARY\\AXIAL");
        assert_eq!(virtual_image(&ordinary, "MonoE 70 keV", ""), "monoenergetic_65_75_kev");
        assert_eq!(virtual_image(&ordinary, "Mono 40keV", ""), "monoenergetic");
        assert_eq!(virtual_image(&ordinary, "VNC 1.0", ""), "virtual");
        assert_eq!(virtual_image(&ordinary, "Abdomen venous", "B30f"), "none");
        assert_eq!(energy(Some(true), &values("DERIVED\\PRIMARY\\AXIAL\\MAT_SPECIFIC"), ""), "material");
    }

    #[test]
    fn spellings_of_hounsfield_are_one_word() {
        for text in ["HU", "hu ", "Hounsfield Units", "Houndsfield Unit"] {
            assert_eq!(rescale_type(Some(text)), "HU", "{text}");
        }
        assert_eq!(rescale_type(Some("MGML")), "MGML");
        assert_eq!(rescale_type(None), "absent");
    }

    #[test]
    fn kernels_of_several_vendors_have_their_class() {
        let expected = [
            ("STANDARD", "standard"),
            ("LUNG", "lung"),
            ("B30f", "standard"),
            ("B70f", "bone"),
            ("Br40d\\3", "standard"),
            ("FC08", "standard"),
            ("FC52", "lung"),
            ("STD+", "standard"),
            ("BONEPLUS", "bone"),
            ("000000", "unrecognised"),
        ];
        for (kernel, class) in expected {
            assert_eq!(kernel_class(kernel), class, "{kernel}");
        }
    }

    #[test]
    fn a_phase_is_named_only_when_one_word_does() {
        assert_eq!(phase(&["Abdomen venous 5.0", ""]), Some("portal"));
        assert_eq!(phase(&["arterial + venous", ""]), None);
        assert_eq!(phase(&["Abdomen_Pelv 5.0 B30f", "01_routine"]), None);
    }

    #[test]
    fn tin_is_found_in_protocols_but_not_in_initials() {
        assert_eq!(spectral_filter("", "", &["Thorax Sn100"]), "tin");
        assert_eq!(spectral_filter("TIN", "", &[]), "tin");
        assert_eq!(spectral_filter("", "BODY FILTER", &["LUNG BASES 5MM"]), "none");
    }
}
