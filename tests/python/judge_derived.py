#!/usr/bin/env python3
"""Judge instances that were derived with loss, by pydicom and DCMTK.

    judge_derived.py FOLDER

FOLDER/manifest.tsv lists, a line each, an original file, the file that was derived from it, and how far a decoded sample
may lie from its original; «-» for what only has to look alike (30 dB). What PS3.3 C.7.6.1.1 asks of the derived one is
looked up in the data set that pydicom reads; all other elements must be those of the original. Exit 1 on any miss.
"""

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder

METHODS = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
}
# What a lossy step changes, beside the pixels and what describes their encoding.
CHANGED = {
    "ImageType", "SOPInstanceUID", "DerivationDescription", "DerivationCodeSequence", "SourceImageSequence",
    "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod", "PixelData",
    "PlanarConfiguration", "PhotometricInterpretation", "SmallestImagePixelValue", "LargestImagePixelValue",
}


def values(element) -> list:
    return [] if element in (None, "") else list(element) if hasattr(element, "__iter__") and not isinstance(element, str) else [element]


def attributes(original, derived) -> list[str]:
    """What the derived instance says wrong of itself."""
    faults = []

    def expect(what: str, found, wanted) -> None:
        if found != wanted:
            faults.append(f"{what} is {found!r} instead of {wanted!r}")

    syntax = str(derived.file_meta.TransferSyntaxUID)
    expect("Media Storage SOP Instance UID", derived.file_meta.MediaStorageSOPInstanceUID, derived.SOPInstanceUID)
    if derived.SOPInstanceUID == original.SOPInstanceUID or not derived.SOPInstanceUID.is_valid:
        faults.append(f"its SOP Instance UID is {derived.SOPInstanceUID}")
    expect("Image Type value 1", derived.ImageType[0], "DERIVED")
    expect("Image Type, the rest", list(derived.ImageType)[1:], list(original.get("ImageType", ["", "SECONDARY"]))[1:])
    expect("Lossy Image Compression", derived.LossyImageCompression, "01")
    ratios, methods = values(derived.LossyImageCompressionRatio), values(derived.LossyImageCompressionMethod)
    expect("the number of methods", len(methods), len(ratios))
    expect("the number of steps", len(ratios), len(values(original.get("LossyImageCompressionRatio"))) + 1)
    expect("the method", methods[-1], METHODS[syntax])
    encoded = sum(len(frame) for frame in generate_frames(derived.PixelData, number_of_frames=derived.get("NumberOfFrames", 1)))
    native = derived.Rows * derived.Columns * derived.SamplesPerPixel * (derived.BitsAllocated // 8) * derived.get("NumberOfFrames", 1)
    if abs(float(ratios[-1]) - native / encoded) > 0.01:
        faults.append(f"the ratio is {ratios[-1]}, and {native} to {encoded} bytes are {native / encoded:.3f}")
    code = derived.DerivationCodeSequence[-1]
    expect("the derivation code", (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning), ("113040", "DCM", "Lossy Compression"))
    source = derived.SourceImageSequence[-1]
    expect("the source class", source.ReferencedSOPClassUID, original.SOPClassUID)
    expect("the source instance", source.ReferencedSOPInstanceUID, original.SOPInstanceUID)
    expect("its purpose", source.PurposeOfReferenceCodeSequence[0].CodeValue, "121320")
    if "ossy compression" not in derived.DerivationDescription or len(derived.DerivationDescription) > 1024:
        faults.append(f"the description is {derived.DerivationDescription!r}")
    for element in original:
        if element.keyword not in CHANGED and derived.get(element.tag) != element:
            faults.append(f"{element.tag} {element.keyword} is not what it was")
    for element in derived:
        if element.keyword not in CHANGED and element.tag not in original:
            faults.append(f"{element.tag} {element.keyword} was not there")
    return faults


def samples(image, plugin: str = "") -> np.ndarray:
    decoder = get_decoder(image.file_meta.TransferSyntaxUID)
    cells, _ = decoder.as_array(image, raw=False, **({"decoding_plugin": plugin} if plugin else {}))
    return cells.astype(np.int64)


def pixels(original, derived, bound: str) -> list[str]:
    wanted, faults, judged = samples(original), [], 0
    for plugin in get_decoder(derived.file_meta.TransferSyntaxUID).available_plugins:
        try:
            found = samples(derived, plugin)
        except Exception as error:  # noqa: BLE001 - whatever a foreign decoder throws is a refusal
            print(f"  refused by {plugin}: {' '.join(str(error).split())[-100:]}")
            continue
        judged += 1
        error = np.abs(wanted - found)
        if bound != "-" and error.max() > int(bound):
            faults.append(f"{plugin} decodes a sample that differs by {error.max()}, and {bound} is allowed")
        peak = 2.0**original.BitsStored - 1
        if error.max() and 10 * np.log10(peak**2 / np.mean(error.astype(float) ** 2)) < 30:
            faults.append(f"{plugin} decodes something that does not look alike")
    return faults if judged >= 2 else [*faults, f"only {judged} decoders read it"]


def dumped(path: Path) -> list[str]:
    """What dcmdump complains of."""
    if not shutil.which("dcmdump"):
        return []
    run = subprocess.run(["dcmdump", "-q", str(path)], capture_output=True, text=True, errors="replace")
    complaints = [line for line in run.stderr.splitlines() if line.startswith(("E:", "W:"))]
    return [f"dcmdump: {line}" for line in complaints] + (["dcmdump failed"] if run.returncode else [])


def main() -> int:
    logging.disable(logging.CRITICAL)
    folder = Path(sys.argv[1])
    rows = [line.split("\t") for line in (folder / "manifest.tsv").read_text().splitlines()]
    misses = 0
    for before, after, bound in rows:
        original, derived = dcmread(folder / before), dcmread(folder / after)
        found = attributes(original, derived) + pixels(original, derived, bound) + dumped(folder / after)
        misses += len(found)
        for fault in found:
            print(f"MISS {after}: {fault}")
    print(f"{len(rows)} files, {misses} misses")
    return 1 if misses or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
