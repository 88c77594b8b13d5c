"""Reads a structured report and a segmentation with highdicom and holds every number against RSIF and the source images.

Usage: check_dicom_results.py REVISION_FOLDER SOURCE_FOLDER [NAME=FILE ...]
Without NAME=FILE the report and segmentation of the revision folder are read (`dicom/sr.dcm`, `dicom/seg.dcm`).
Exit status: 0 all agree, 1 something differs, 77 a library is missing.
"""

import glob
import json
import os
import sys

try:
    import highdicom
    import numpy as np
    import pydicom
except ImportError as missing:
    print(f"highdicom, numpy and pydicom are needed: {missing}")
    sys.exit(77)

SITES = {"TH12_HU": "23215003", "L1_HU": "66794005", "L2_HU": "14293000", "LIVER_HU": "10200004", "SPLEEN_HU": "78961009"}
STATISTICS = {
    "373098007": "mean",
    "373099004": "median",
    "386136009": "standard_deviation",
    "255605001": "minimum",
    "56851009": "maximum",
}
faults = []


def expect(holds, *words):
    if not holds:
        faults.append(" ".join(str(word) for word in words))


def documents(folder):
    measurements, not_measured, regions = {}, {}, {}
    for path in sorted(glob.glob(os.path.join(folder, "*.rsif.json"))):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        measurements.update(document["measurements"])
        not_measured.update(document["not_measured"])
        regions.update(document["technical_measurements"])
    return measurements, not_measured, regions


def images(folder):
    found = {}
    for path in glob.glob(os.path.join(folder, "**", "*"), recursive=True):
        if os.path.isfile(path):
            try:
                image = pydicom.dcmread(path)
            except pydicom.errors.InvalidDicomError:
                continue
            found[image.SOPInstanceUID] = image
    return found


def hounsfield(image):
    return image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)


def term_of(region, measurements):
    base = region.replace("_core3d", "").replace("_discs3", "")
    return next(term for term, entry in measurements.items() if entry.get("region") == base)


def numbers(group):
    """Statistics by name, and size by unit."""
    statistics, size = {}, {}
    for item in group.get_measurements():
        derivation = item.derivation
        if derivation is None:
            size[item.unit.value] = float(item.value)
        else:
            expect(item.unit.value == "[hnsf'U]", "unit", item.unit.value)
            statistics[STATISTICS[derivation.value]] = float(item.value)
    return statistics, size


def values_inside(group_dataset, source):
    """HU of the pixels whose centres lie in the group's coordinates."""
    values = []
    for item in group_dataset.ContentSequence:
        if item.ValueType != "SCOORD":
            continue
        image = source[item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID]
        points = np.array(item.GraphicData, dtype=float).reshape(-1, 2)
        rows, columns = np.mgrid[0 : image.Rows, 0 : image.Columns] + 0.5
        if item.GraphicType == "CIRCLE":
            radius = np.hypot(*(points[1] - points[0]))
            inside = np.hypot(columns - points[0][0], rows - points[0][1]) <= radius
        else:
            center = points.mean(axis=0)
            basis = np.stack([(points[1] - points[0]) / 2, (points[3] - points[2]) / 2], axis=1)
            offsets = np.stack([columns - center[0], rows - center[1]])
            inside = (np.einsum("ij,jrc->irc", np.linalg.inv(basis), offsets) ** 2).sum(axis=0) <= 1
        values.append(hounsfield(image)[inside])
    return np.concatenate(values) if values else None


def check_report(report, rsif, source, segmented):
    measurements, not_measured, regions = rsif
    content = report.content
    groups = {}
    planar = content.get_planar_roi_measurement_groups()
    volumetric = content.get_volumetric_roi_measurement_groups()
    plain = content.get_image_measurement_groups()
    for group in [*planar, *volumetric, *plain]:
        groups[group.tracking_identifier] = group
    seen = 0
    for name, region in regions.items():
        term = term_of(name, measurements)
        identifier = f"{term}/{region['definition']}"
        if identifier not in groups:
            faults.append(f"no group {identifier}")
            continue
        group = groups[identifier]
        seen += 1
        site = group.finding_sites[0].value.value
        expect(site == SITES[term], identifier, "site", site)
        statistics, size = numbers(group)
        for key, value in statistics.items():
            expect(value == region["statistics"][key], identifier, key, value, region["statistics"][key])
        expect(len(statistics) == 5, identifier, "has", len(statistics), "statistics")
        if "cm3" in size:
            volume = region["statistics"]["volume"]["value"]
            expect(round(size["cm3"] * 1000, 4) == volume, identifier, "volume", size, volume)
        else:
            image = next(iter(source.values()))
            area = region["statistics"]["voxel_count"] * float(image.PixelSpacing[0]) * float(image.PixelSpacing[1])
            expect(abs(size["mm2"] - area) <= 0.051, identifier, "area", size, area)
        inside = values_inside(group[0], source)
        if inside is not None:
            count = region["statistics"]["voxel_count"]
            expect(abs(len(inside) - count) <= 2, identifier, "pixels", len(inside), count)
            expect(abs(inside.mean() - region["statistics"]["mean"]) < 0.5, identifier, "mean", inside.mean())
        elif segmented:
            number = group.referenced_segment.referenced_segment_numbers
            expect(len(number) == 1, identifier, "segments", number)
    expect(seen > 0 or not measurements, "no region was compared")
    expect(len([key for key in groups if "/" in key]) == seen, "groups", sorted(groups), "for", seen, "regions")
    comments = [item.TextValue for item in walk(report) if concept(item) == "121106"]
    for term, entry in not_measured.items():
        expect(any(f"{term}: not_measured; reason={entry['reason']}" in line for line in comments), term, "reason")
    for term, entry in measurements.items():
        line = next((line for line in comments if line.startswith(f"{term}: ")), "")
        flags = line.split("flags=")[1].split(",") if "flags=" in line else []
        expect(flags == entry["flags"], term, "flags", flags, entry["flags"])
    expect(any("not medical conclusions" in line for line in comments), "no statement of scope")


def walk(item):
    for child in getattr(item, "ContentSequence", []):
        yield child
        yield from walk(child)


def concept(item):
    names = getattr(item, "ConceptNameCodeSequence", None)
    return names[0].CodeValue if names else None


def at(report, path):
    item = report
    for position in path[1:]:
        item = item.ContentSequence[position - 1]
    return item


def drop_references(item):
    """highdicom 0.28.2 reads no item by reference (PS3.3 C.17.3.2.5)."""
    for child in getattr(item, "ContentSequence", []):
        drop_references(child)
    if "ContentSequence" in item:
        item.ContentSequence = [child for child in item.ContentSequence if "ReferencedContentItemIdentifier" not in child]


def check_derived(report, measurements):
    codes = {"LIVER_SPLEEN_DIFF": "LS_DIFF", "LIVER_SPLEEN_RATIO": "LS_RATIO"}
    for term, code in codes.items():
        found = [item for item in walk(report) if concept(item) == code and item.get("MeasuredValueSequence")]
        expect(len(found) == (term in measurements), term, "stands", len(found), "times")
        if not found or term not in measurements:
            continue
        measured = found[0].MeasuredValueSequence[0]
        expect(float(measured.NumericValue) == measurements[term]["value"], term, measured.NumericValue)
        operands = []
        for child in found[0].ContentSequence:
            if child.RelationshipType == "INFERRED FROM":
                reference = child.get("ReferencedContentItemIdentifier")
                operand = at(report, reference) if reference else child
                operands.append(float(operand.MeasuredValueSequence[0].NumericValue))
        expect(operands == [measurements["LIVER_HU"]["value"], measurements["SPLEEN_HU"]["value"]], term, operands)


def sheared(segmentation):
    """Whether the slices of a tilted gantry are shifted against each other: no volume of highdicom."""
    groups = segmentation.PerFrameFunctionalGroupsSequence
    positions = np.array([group.PlanePositionSequence[0].ImagePositionPatient for group in groups], dtype=float)
    cosines = segmentation.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient
    normal = np.cross(cosines[:3], cosines[3:])
    offsets = positions - positions[0]
    return np.abs(offsets - np.outer(offsets @ normal, normal)).max() > 0.01


def check_segmentation(segmentation, rsif, source):
    measurements, _, regions = rsif
    masks = {f"{term_of(name, measurements)}/{region['definition']}": region for name, region in regions.items()
             if region["measurement_area"]["roi_type"] == "mask"}
    expect(segmentation.number_of_segments == len(masks), "segments", segmentation.number_of_segments, len(masks))
    frames = segmentation.pixel_array.reshape(-1, segmentation.Rows, segmentation.Columns)
    values = {}
    for frame, group in zip(frames, segmentation.PerFrameFunctionalGroupsSequence):
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        image = source[group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID]
        position = group.PlanePositionSequence[0].ImagePositionPatient
        expect(np.allclose(position, image.ImagePositionPatient, atol=1e-3), "frame lies elsewhere than its image")
        values.setdefault(number, []).append(hounsfield(image)[frame.astype(bool)])
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    expect(np.allclose(orientation, next(iter(source.values())).ImageOrientationPatient, atol=1e-5), "orientation")
    for segment in segmentation.SegmentSequence:
        region = masks.get(segment.TrackingID)
        if region is None:
            faults.append(f"segment {segment.TrackingID} has no region")
            continue
        inside = np.concatenate(values[segment.SegmentNumber])
        statistics = region["statistics"]
        expect(len(inside) == statistics["voxel_count"], segment.TrackingID, "voxels", len(inside))
        expect(abs(inside.mean() - statistics["mean"]) <= 0.00501, segment.TrackingID, "mean", inside.mean())
    if sheared(segmentation):
        return
    volume = segmentation.get_volume(combine_segments=True, skip_overlap_checks=True)
    expect(volume.array.max() == segmentation.number_of_segments, "volume of segments")


def main():
    folder, source_folder = sys.argv[1:3]
    named = dict(argument.split("=", 1) for argument in sys.argv[3:])
    report = named.get("sr", os.path.join(folder, "dicom", "sr.dcm"))
    segmentation = named.get("seg", os.path.join(folder, "dicom", "seg.dcm"))
    rsif = documents(folder)
    source = images(source_folder)
    segmented = os.path.exists(segmentation) and "unsegmented" not in named
    report = pydicom.dcmread(report)
    check_derived(report, rsif[0])
    drop_references(report)
    check_report(highdicom.sr.EnhancedSR.from_dataset(report) if report.SOPClassUID.endswith("88.22")
                 else highdicom.sr.Comprehensive3DSR.from_dataset(report) if report.SOPClassUID.endswith("88.34")
                 else highdicom.sr.ComprehensiveSR.from_dataset(report), rsif, source, segmented)
    if segmented:
        check_segmentation(highdicom.seg.segread(segmentation), rsif, source)
    for fault in faults:
        print(fault)
    print(f"{len(rsif[0])} values, {len(rsif[2])} regions, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
