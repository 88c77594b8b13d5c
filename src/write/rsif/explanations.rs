//! One plain sentence for every parameter without a value: by the check that refused, else by the reason.
//!
//! Sentences name technical facts only: what was found in the images, never what it may mean for a person.

use super::Language;
use crate::codes::Reason;

/// A name and its sentence, English and Russian.
type Sentence = (&'static str, &'static str, &'static str);

/// The sentence for a reason; `detail` is tried first, then the checks that refused, in order.
pub(crate) fn explanation(reason: Reason, detail: &str, failed_checks: &[&str], language: Language) -> &'static str {
    let by_name = std::iter::once(&detail)
        .chain(failed_checks)
        .map(|name| name.split('@').next().unwrap_or(name))
        .find_map(|name| BY_NAME.iter().find(|(known, _, _)| *known == name));
    let (en, ru) = match by_name {
        Some((_, en, ru)) => (*en, *ru),
        None => by_reason(reason),
    };
    match language {
        Language::English => en,
        Language::Russian => ru,
    }
}

/// Sentences of checks and of details of the anatomy, by name.
const BY_NAME: &[Sentence] = &[
    (
        "sop_class",
        "The objects are not CT images of a class that is measured.",
        "Объекты не относятся к измеряемым классам КТ-изображений.",
    ),
    (
        "modality_ct",
        "Modality or pixel format is not that of CT images.",
        "Модальность или формат пикселей не соответствуют КТ-изображениям.",
    ),
    (
        "image_type_primary",
        "The images are derived in a way that is not measured.",
        "Изображения получены преобразованием, которое не измеряется.",
    ),
    ("image_type_axial", "The series is a localizer.", "Серия является топограммой."),
    (
        "image_type_words",
        "The image type names a projection or rendering, not attenuation.",
        "Тип изображения указывает на проекцию или визуализацию, а не на аттенуацию.",
    ),
    (
        "multi_energy",
        "The images show a multi-energy quantity other than attenuation at the reference energy.",
        "Изображения показывают мультиэнергетическую величину, а не аттенуацию при опорной энергии.",
    ),
    ("virtual_words", "The series is a virtual reconstruction.", "Серия является виртуальной реконструкцией."),
    (
        "post_denoised",
        "The images were altered by later denoising.",
        "Изображения изменены последующим шумоподавлением.",
    ),
    ("orientation_axial", "The slices are not axial.", "Срезы не аксиальные."),
    ("gantry_tilt", "The gantry tilt exceeds the limit.", "Наклон гентри превышает предел."),
    (
        "rescale_present",
        "The rescale to Hounsfield units is missing or not linear.",
        "Пересчёт в единицы Хаунсфилда отсутствует или нелинеен.",
    ),
    ("rescale_type", "The rescale type is not Hounsfield units.", "Тип пересчёта — не единицы Хаунсфилда."),
    ("hu_air", "Air outside the body does not read as air.", "Воздух вне тела имеет неподходящее значение HU."),
    ("hu_fat", "Subcutaneous fat lies outside the calibration limits.", "Подкожная клетчатка вне пределов калибровки."),
    ("hu_soft", "Soft tissue lies outside the calibration limits.", "Мягкие ткани вне пределов калибровки."),
    (
        "off_center",
        "The body lies too far from the rotation centre.",
        "Тело расположено слишком далеко от центра вращения.",
    ),
    ("kvp", "The tube voltage lies outside the limits.", "Напряжение трубки вне пределов."),
    ("spectral_filter", "A spectral filter was used.", "Использован спектральный фильтр."),
    (
        "phase",
        "The contrast phase is not one in which this parameter is given.",
        "Параметр не приводится для этой фазы контрастирования.",
    ),
    ("slice_thickness", "The slice thickness exceeds the limit.", "Толщина среза превышает предел."),
    ("slice_spacing", "The slice spacing exceeds the limit.", "Расстояние между срезами превышает предел."),
    ("slice_missing", "Slices are missing where the target lies.", "В области цели отсутствуют срезы."),
    (
        "slice_duplicate",
        "Several slices share a position and cannot be told apart.",
        "Несколько срезов имеют одно положение и не различаются.",
    ),
    ("frame_consistent", "The slices do not share one geometry.", "Срезы не имеют единой геометрии."),
    ("pixel_spacing", "The pixel spacing exceeds the limit.", "Размер пикселя превышает предел."),
    (
        "fov_truncation",
        "The target lies too close to the border of the image.",
        "Цель расположена слишком близко к краю изображения.",
    ),
    ("z_coverage", "The target is not wholly inside the scan.", "Цель не полностью входит в область сканирования."),
    ("noise_sd", "Image noise exceeds the limit.", "Шум изображения превышает предел."),
    (
        "streaks",
        "Streak index around the region exceeds the limit.",
        "Индекс полосовых артефактов вокруг области превышает предел.",
    ),
    ("metal", "Metal lies too close to the region.", "Металл расположен слишком близко к области."),
    ("motion", "The body contour jumps between neighbouring slices.", "Контур тела смещается между соседними срезами."),
    ("lossy", "The images were compressed with loss beyond the limit.", "Изображения сжаты с потерями сверх предела."),
    (
        "cement_hardware",
        "Very dense material lies inside the vertebral body.",
        "Внутри тела позвонка находится материал очень высокой плотности.",
    ),
    (
        "deformity",
        "The heights of the vertebral body differ beyond the limit.",
        "Высоты тела позвонка различаются сверх предела.",
    ),
    ("focal", "Attenuation inside the target is too uneven.", "Аттенуация внутри цели слишком неоднородна."),
    (
        "level_outlier",
        "The value differs too much from the neighbouring levels.",
        "Значение слишком отличается от соседних уровней.",
    ),
    (
        "numbering",
        "The vertebral level could not be named with certainty.",
        "Уровень позвонка не удалось назвать достоверно.",
    ),
    (
        "rib_cut",
        "The lowest ribs are cut by the edge of the scan, so the level is not certain.",
        "Нижние рёбра обрезаны краем сканирования, поэтому уровень не достоверен.",
    ),
    (
        "rib_threshold",
        "The length of the lowest rib is borderline, so the level is not certain.",
        "Длина нижнего ребра пограничная, поэтому уровень не достоверен.",
    ),
    (
        "one_sided_rib",
        "The lowest rib was found on one side only, so the level is not certain.",
        "Нижнее ребро найдено только с одной стороны, поэтому уровень не достоверен.",
    ),
    (
        "roi_does_not_fit",
        "The region of interest does not fit into the target with its margins.",
        "Область интереса не помещается в цель с заданными отступами.",
    ),
    (
        "roi_saturated",
        "The region contains padding or saturated voxels.",
        "Область содержит заполнение или насыщенные воксели.",
    ),
    ("too_few_voxels", "The region contains too few voxels.", "Область содержит слишком мало вокселей."),
    ("liver_core", "The measurable part of the liver is too small.", "Измеримая часть печени слишком мала."),
    (
        "liver_heterogeneous",
        "Attenuation of the liver is too uneven for one mean.",
        "Аттенуация печени слишком неоднородна для одного среднего.",
    ),
    (
        "liver_range",
        "The liver mean lies outside the range of the definition.",
        "Среднее печени вне диапазона определения.",
    ),
    ("spleen_core", "The measurable part of the spleen is too small.", "Измеримая часть селезёнки слишком мала."),
    ("spleen_absent", "No spleen was found.", "Селезёнка не найдена."),
    ("spleen_partial", "The spleen is cut by the edge of the scan.", "Селезёнка обрезана краем сканирования."),
    (
        "spleen_range",
        "The spleen mean lies outside the range of the definition.",
        "Среднее селезёнки вне диапазона определения.",
    ),
    (
        "kernel",
        "The reconstruction kernel is outside the classes of the definition.",
        "Ядро реконструкции вне классов определения.",
    ),
    ("slice_uniform", "The distances between slices vary.", "Расстояния между срезами неодинаковы."),
    ("one_stack", "The images do not make one stack of slices.", "Изображения не образуют единой стопки срезов."),
    ("mixed_thickness", "The slices have different thicknesses.", "Срезы имеют разную толщину."),
    ("single_energy", "The images are not of one energy.", "Изображения не относятся к одной энергии."),
    ("patient_position", "The patient position is outside the definition.", "Положение пациента вне определения."),
    (
        "no_images_with_a_plane",
        "No image states where its plane lies.",
        "Ни одно изображение не указывает положение плоскости.",
    ),
    ("volume_exceeds_memory", "The volume is larger than the memory limit.", "Объём данных больше предела памяти."),
    ("transfer_syntax_not_decodable", "The transfer syntax cannot be decoded.", "Синтаксис передачи не декодируется."),
    (
        "pixel_data_damaged",
        "Pixel data are damaged or do not fit the header.",
        "Пиксельные данные повреждены или не соответствуют заголовку.",
    ),
    ("no_canal", "No spinal canal was found.", "Позвоночный канал не найден."),
    ("canal_score_low", "The spinal canal was not found with certainty.", "Позвоночный канал не найден достоверно."),
    (
        "canal_shorter_than_60_mm",
        "Less than 60 mm of the spinal canal lies in the scan.",
        "В область сканирования входит менее 60 мм позвоночного канала.",
    ),
    (
        "no_spine",
        "No spine was found to locate the target by.",
        "Не найден позвоночник, относительно которого ищется цель.",
    ),
    ("rib_pattern", "The pattern of ribs does not tell the level.", "Расположение рёбер не определяет уровень."),
    (
        "no_right_lung_base",
        "The base of the right lung, by which the liver is located, is not in the scan.",
        "Основание правого лёгкого, по которому ищется печень, не входит в область сканирования.",
    ),
    (
        "no_left_lung_base",
        "The base of the left lung, by which the spleen is located, is not in the scan.",
        "Основание левого лёгкого, по которому ищется селезёнка, не входит в область сканирования.",
    ),
    (
        "liver_box_small",
        "Too little of the place of the liver lies in the scan.",
        "В область сканирования входит слишком малая часть места печени.",
    ),
    (
        "spleen_box_small",
        "Too little of the place of the spleen lies in the scan.",
        "В область сканирования входит слишком малая часть места селезёнки.",
    ),
    (
        "no_liver_mode",
        "No uniform attenuation of liver parenchyma was found.",
        "Однородная аттенуация паренхимы печени не найдена.",
    ),
    (
        "liver_implausible_place",
        "What was found does not lie where the liver lies.",
        "Найденная структура расположена не на месте печени.",
    ),
    ("spleen_ambiguous", "Several structures could be the spleen.", "Несколько структур могут быть селезёнкой."),
    (
        "spleen_mottled",
        "Attenuation of the spleen is too uneven for one mean.",
        "Аттенуация селезёнки слишком неоднородна для одного среднего.",
    ),
    (
        "laterality_doubt",
        "Left and right cannot be told with certainty.",
        "Левая и правая стороны не различаются достоверно.",
    ),
    ("ratio_denominator", "The spleen mean is too small to divide by.", "Среднее селезёнки слишком мало для деления."),
    ("no_region", "No region of interest could be placed.", "Область интереса разместить не удалось."),
    ("extent_exceeds_limit", "The extent of the series exceeds the limit.", "Протяжённость серии превышает предел."),
    ("level_outside_scan", "The vertebral level lies outside the scan.", "Уровень позвонка вне области сканирования."),
    (
        "no_rib_no_sacrum",
        "Neither the last rib nor the sacrum is in the scan, so the level is not certain.",
        "Ни последнее ребро, ни крестец не входят в область сканирования, поэтому уровень не достоверен.",
    ),
    (
        "first_rib_count",
        "Counting from the first rib does not agree with the last rib.",
        "Счёт от первого ребра не согласуется с последним ребром.",
    ),
    (
        "lumbar_count",
        "The number of vertebrae above the sacrum does not agree with the last rib.",
        "Число позвонков над крестцом не согласуется с последним ребром.",
    ),
    (
        "partition_weak",
        "The boundaries of the vertebra were not found with certainty.",
        "Границы позвонка не найдены достоверно.",
    ),
    ("outline_weak", "The outline of the vertebral body is too weak.", "Контур тела позвонка слишком слаб."),
    (
        "height_jump",
        "The height of the vertebra differs too much from its neighbours.",
        "Высота позвонка слишком отличается от соседних.",
    ),
    ("unstable", "The mean changes too much when the region moves.", "Среднее слишком меняется при сдвиге области."),
    ("liver_discs", "Discs and core of the liver disagree.", "Диски и ядро печени не согласуются."),
    ("spleen_without_landmarks", "The spleen was found without its landmarks.", "Селезёнка найдена без ориентиров."),
    ("spleen_without_liver", "The spleen was found without the liver.", "Селезёнка найдена без печени."),
    (
        "operand_not_measured",
        "A parameter that this one is calculated from was not measured.",
        "Не измерен параметр, из которого вычисляется данный.",
    ),
];

/// The general sentence of a reason.
fn by_reason(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::NotRequested => ("The parameter is switched off.", "Параметр отключён."),
        Reason::ObjectUnsuitable => {
            ("The objects do not carry attenuation of one energy.", "Объекты не содержат аттенуацию одной энергии.")
        }
        Reason::OrientationUnsuitable => ("The slices are not axial enough.", "Срезы недостаточно аксиальны."),
        Reason::NotHounsfield => (
            "Stored values cannot be taken as Hounsfield units.",
            "Хранимые значения нельзя принять за единицы Хаунсфилда.",
        ),
        Reason::EnergyUnsuitable => {
            ("Tube voltage or filter lies outside the limits.", "Напряжение трубки или фильтр вне пределов.")
        }
        Reason::PhaseUnsuitable => (
            "The contrast phase is unknown or not the one required.",
            "Фаза контрастирования неизвестна или не соответствует требуемой.",
        ),
        Reason::SamplingUnsuitable => (
            "Slice thickness, spacing or pixel size lies outside the limits.",
            "Толщина, шаг срезов или размер пикселя вне пределов.",
        ),
        Reason::InstancesMissing => ("Instances of the series are missing.", "Не хватает изображений серии."),
        Reason::PixelDataUnreadable => {
            ("Pixel data could not be decoded.", "Пиксельные данные не удалось декодировать.")
        }
        Reason::OutOfCoverage => (
            "The target lies outside the scan or is cut by its edge.",
            "Цель вне области сканирования или обрезана её краем.",
        ),
        Reason::LevelNotIdentified => (
            "The vertebral level could not be named with certainty.",
            "Уровень позвонка не удалось назвать достоверно.",
        ),
        Reason::StructureNotFound => {
            ("The structure was not found in the images.", "Структура на изображениях не найдена.")
        }
        Reason::NoiseOrArtifact => ("Noise or artefacts exceed the limits.", "Шум или артефакты превышают пределы."),
        Reason::TargetAltered => (
            "Shape or attenuation pattern of the target lies outside the limits.",
            "Форма или распределение аттенуации цели вне пределов.",
        ),
        Reason::RegionNotPossible => (
            "The region of interest cannot be placed by its definition.",
            "Область интереса нельзя разместить по определению.",
        ),
        Reason::ValueImplausible => {
            ("The value lies outside the range of the definition.", "Значение вне диапазона определения.")
        }
        Reason::DependencyNotMeasured => (
            "A parameter that this one is calculated from was not measured.",
            "Не измерен параметр, из которого вычисляется данный.",
        ),
        Reason::CalculationFailure => {
            ("The value cannot be calculated from its operands.", "Значение нельзя вычислить из его операндов.")
        }
        Reason::ResourceLimit => ("A limit of time or memory was reached.", "Достигнут предел времени или памяти."),
        Reason::InternalError => (
            "The program failed; processing.job identifies the run.",
            "Сбой программы; запуск указан в processing.job.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_speaks_before_the_checks_and_these_before_the_reason() {
        let said = |detail, checks: &[&str]| explanation(Reason::NoiseOrArtifact, detail, checks, Language::English);
        assert!(said("metal", &["streaks"]).starts_with("Metal"));
        assert!(said("metal@organ", &[]).starts_with("Metal"));
        assert!(said("unheard_of", &["streaks"]).starts_with("Streak"));
        assert!(said("unheard_of", &[]).starts_with("Noise or artefacts"));
    }

    #[test]
    fn no_name_has_two_sentences() {
        for (position, (name, _, _)) in BY_NAME.iter().enumerate() {
            assert!(BY_NAME[..position].iter().all(|(other, _, _)| other != name), "{name}");
        }
    }

    #[test]
    fn every_sentence_is_one_sentence_without_medical_words() {
        let general = Reason::ALL.into_iter().map(by_reason);
        for (en, ru) in BY_NAME.iter().map(|(_, en, ru)| (*en, *ru)).chain(general) {
            for text in [en, ru] {
                assert_eq!(text.matches(". ").count(), 0, "{text}");
                assert!(text.ends_with('.'), "{text}");
                assert_eq!(crate::write::validate::diagnostic_word(text), None, "{text}");
            }
        }
    }
}
