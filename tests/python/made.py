#!/usr/bin/env python3
"""Made instances: a realistic CT, and one small file for each shape of pixel data and encoding that a node meets.

    made.py shapes FOLDER            one file a shape, with a MANIFEST.tsv like the corpus has
    made.py series FOLDER COUNT      a CT series of 512x512 slices, 12 bits stored in 16
    made.py large FILE FRAMES        one Enhanced CT of FRAMES frames of 512x512, written as a stream

Everything is drawn from seeded generators: the same arguments give the same pixels. Nobody was ever in this scanner.
"""

import argparse
import csv
import hashlib
import struct
import sys
import warnings
from pathlib import Path

import numpy as np
from pydicom import Dataset, Sequence, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian,
    JPEGLSLossless, RLELossless,
)

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MULTI_FRAME_COLOUR = "1.2.840.10008.5.1.4.1.1.7.4"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"


def uid(*names) -> str:
    """A UID that is the same for the same names."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def ct_slice(seed: int, size: int = 512, noise: float = 34.0) -> np.ndarray:
    """One axial slice, Hounsfield + 1024 in 12 bits: a body of soft tissue with lungs, spine, ribs, vessels and a table,
    blurred edges, and the noise of a tomogram (white noise smoothed a little, which is what reconstruction leaves)."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    sway = 0.02 * np.sin(seed / 7.0)
    image = np.full((size, size), 60.0, np.float32)  # air

    def ellipse(cx, cy, rx, ry, value, edge=0.015):
        distance = ((x - cx - sway) / rx) ** 2 + ((y - cy) / ry) ** 2
        mask = 1.0 / (1.0 + np.exp(np.clip((distance - 1.0) / edge, -30, 30)))
        image[:] = image * (1 - mask) + value * mask

    ellipse(0, 0.05, 0.82, 0.62, 940)  # fat
    ellipse(0, 0.05, 0.77, 0.57, 1070)  # muscle and organs
    ellipse(-0.36, 0.0, 0.27, 0.40, 180)  # lungs
    ellipse(0.36, 0.0, 0.27, 0.40, 180)
    ellipse(0.06, -0.05, 0.20, 0.22, 1100)  # heart
    ellipse(0, 0.42, 0.10, 0.11, 1350)  # spine
    ellipse(0, 0.42, 0.05, 0.06, 1180)
    for number in range(14):  # ribs and vessels
        angle = number / 14 * 2 * np.pi + seed * 0.01
        ellipse(0.74 * np.cos(angle), 0.05 + 0.54 * np.sin(angle), 0.035, 0.018, 1500)
        side = 0.36 if number % 2 else -0.36
        ellipse(side + 0.16 * np.cos(3 * angle), 0.24 * np.sin(2 * angle), 0.012, 0.012, 1040)
    image += 14 * np.sin(9 * x + seed) * np.cos(7 * y)  # organs are not flat
    white = generator.normal(0, 1, (size + 2, size + 2)).astype(np.float32)
    smooth = (white[1:-1, 1:-1] * 2 + white[:-2, 1:-1] + white[2:, 1:-1] + white[1:-1, :-2] + white[1:-1, 2:]) / 2.83
    circle = x * x + y * y < 0.98
    image = np.where(circle, image + noise * smooth, 0)
    return np.clip(np.rint(image), 0, 4095).astype("<u2")


def base(name: str, sop_class: str, modality: str = "CT") -> Dataset:
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.SOPClassUID = sop_class
    data_set.SOPInstanceUID = uid("instance", name)
    data_set.StudyDate, data_set.StudyTime, data_set.AccessionNumber = "20260102", "030405", "MADE"
    data_set.Modality = modality
    data_set.PatientName, data_set.PatientID = "Made^Nobody^^^Dr.", "MADE-1"
    data_set.PatientBirthDate, data_set.PatientSex = "", "O"
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = uid("study"), uid("series", modality)
    data_set.SeriesNumber, data_set.InstanceNumber = 1, 1
    # What must come through unchanged: private blocks, nested sequences, an odd value, an empty one.
    data_set.ImageComments = "Größe, 像, kept as sent"
    block = data_set.private_block(0x0029, "CONDENSER MADE", create=True)
    block.add_new(0x01, "OB", bytes(range(64)))
    block.add_new(0x02, "UN", b"\1\2\3\4")
    inner = Dataset()
    inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = "121320", "DCM", "Uncompressed predecessor"
    outer = Dataset()
    outer.PurposeOfReferenceCodeSequence = Sequence([inner])
    outer.ReferencedSOPClassUID, outer.ReferencedSOPInstanceUID = sop_class, uid("reference", name)
    data_set.SourceImageSequence = Sequence([outer, Dataset()])
    data_set.RequestAttributesSequence = Sequence([])
    return data_set


def pixels(data_set: Dataset, cells: np.ndarray, photometric="MONOCHROME2", stored=None, frames=0, planar=0) -> Dataset:
    """Sets the image pixel module from cells of shape [frames,] rows, columns [, samples]."""
    frame = cells[0] if frames else cells
    data_set.Rows, data_set.Columns = frame.shape[:2]
    data_set.SamplesPerPixel = frame.shape[2] if frame.ndim == 3 else 1
    data_set.PhotometricInterpretation = photometric
    if data_set.SamplesPerPixel > 1:
        data_set.PlanarConfiguration = planar
    if frames:
        data_set.NumberOfFrames = frames
    data_set.BitsAllocated = 8 * cells.itemsize
    data_set.BitsStored = stored or data_set.BitsAllocated
    data_set.HighBit = data_set.BitsStored - 1
    data_set.PixelRepresentation = int(cells.dtype.kind == "i")
    data_set["PixelRepresentation"].VR = "US"
    laid = np.moveaxis(cells, -1, -3) if planar else cells
    data = np.ascontiguousarray(laid).tobytes()
    data_set.PixelData = data + b"\0" * (len(data) % 2)
    data_set["PixelData"].VR = "OW" if cells.itemsize > 1 or data_set.get("as_ow") else "OB"
    return data_set


def save(data_set: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data_set.SOPClassUID, data_set.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    data_set.file_meta = meta
    if syntax == ExplicitVRBigEndian and "PixelData" in data_set and data_set.BitsAllocated > 8:
        cells = np.frombuffer(data_set.PixelData, f"<u{data_set.BitsAllocated // 8}")
        data_set.PixelData = cells.byteswap().tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(
            path, data_set, implicit_vr=syntax == ImplicitVRLittleEndian,
            little_endian=syntax != ExplicitVRBigEndian, enforce_file_format=True,
        )


# --- one file a shape --------------------------------------------------------------------------------------------


def shapes(folder: Path) -> None:
    """One file a shape, and MANIFEST.tsv with `file`, `coding`, `expected_pixel_sha256`, `stored_cells_sha256`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    slice_ = ct_slice(1, 128)
    signed = slice_.astype("<i2") - 1024
    wide = np.random.default_rng(2).integers(0, 65536, (37, 53)).astype("<u2")
    colour = np.stack([(slice_ >> 4), (slice_ >> 5), 255 - (slice_ >> 4)], axis=-1).astype("u1")
    cine = np.stack([np.roll(colour, 3 * frame, axis=1) for frame in range(5)])
    volume = np.stack([ct_slice(seed, 64) for seed in range(6)])
    garbage = slice_ | 0xA000

    def add(name: str, data_set: Dataset, cells=None, syntax=ExplicitVRLittleEndian, coding="native"):
        path = folder / f"{name}.dcm"
        save(data_set, path, syntax)
        digest = hashlib.sha256(np.ascontiguousarray(cells).tobytes()).hexdigest() if cells is not None else ""
        rows.append({
            "file": path.name, "coding": coding if cells is not None else "none",
            "expected_pixel_sha256": digest, "stored_cells_sha256": digest if coding == "native" else "",
        })

    def ct(name, cells, **more):
        return pixels(base(name, CT), cells, **more)

    add("ct_unsigned_12", ct("ct_unsigned_12", slice_, stored=12), slice_)
    add("ct_signed_12", ct("ct_signed_12", signed, stored=12), signed)
    add("ct_signed_16", ct("ct_signed_16", signed), signed)
    add("ct_implicit", ct("ct_implicit", slice_, stored=12), slice_, ImplicitVRLittleEndian)
    add("ct_big_endian", ct("ct_big_endian", slice_, stored=12), slice_, ExplicitVRBigEndian)
    add("ct_deflated", ct("ct_deflated", slice_, stored=12), slice_, DeflatedExplicitVRLittleEndian)
    add("ct_monochrome1", ct("ct_monochrome1", slice_, photometric="MONOCHROME1", stored=12), slice_)
    add("ct_unused_bits_carry_something", ct("ct_garbage", garbage, stored=12), garbage)
    add("mr_8_of_16", pixels(base("mr", MR, "MR"), slice_ >> 4, stored=8), slice_ >> 4)
    add("noise_16", ct("noise_16", wide), wide)
    add("odd_8", pixels(base("odd_8", SECONDARY_CAPTURE, "OT"), wide.astype("u1")[:, :51]), wide.astype("u1")[:, :51])
    add("one_cell", ct("one_cell", wide[:1, :1]), wide[:1, :1])
    rgb = pixels(base("rgb", SECONDARY_CAPTURE, "OT"), colour, photometric="RGB")
    add("rgb_by_pixel", rgb, colour)
    rgb = pixels(base("rgb_planar", SECONDARY_CAPTURE, "OT"), colour, photometric="RGB", planar=1)
    add("rgb_by_plane", rgb, colour)
    rgb = pixels(base("rgb16", SECONDARY_CAPTURE, "OT"), colour.astype("<u2") * 257, photometric="RGB")
    add("rgb_16", rgb, colour.astype("<u2") * 257)
    add("ybr_full", pixels(base("ybr", SECONDARY_CAPTURE, "OT"), colour, photometric="YBR_FULL"), colour)
    add("us_cine", pixels(base("cine", US_MULTI_FRAME, "US"), cine, photometric="RGB", frames=5), cine)
    planar = pixels(base("cine_planar", MULTI_FRAME_COLOUR, "OT"), cine, photometric="RGB", frames=5, planar=1)
    add("cine_by_plane", planar, cine)
    add("enhanced_ct", pixels(base("enhanced", ENHANCED_CT), volume, stored=12, frames=6), volume)
    volume_big = pixels(base("enhanced_big", ENHANCED_CT), volume, stored=12, frames=6)
    add("enhanced_ct_big_endian", volume_big, volume, ExplicitVRBigEndian)

    palette = pixels(base("palette", SECONDARY_CAPTURE, "OT"), colour[..., 0], photometric="PALETTE COLOR")
    for colour_name in ("Red", "Green", "Blue"):
        setattr(palette, f"{colour_name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(palette, f"{colour_name}PaletteColorLookupTableData", np.arange(0, 65536, 256, "<u2").tobytes())
    add("palette", palette, colour[..., 0])

    icon = ct("icon", slice_, stored=12)
    icon.IconImageSequence = Sequence([pixels(Dataset(), slice_[::4, ::4].astype("u1"))])
    add("ct_with_icon", icon, slice_)
    tail = ct("tail", slice_, stored=12)
    tail.add_new(0xFFFCFFFC, "OB", bytes(126))
    add("ct_trailing_padding", tail, slice_)

    # What is kept as it came.
    doses = slice_.astype("<u4") * 1000
    add("dose_32", pixels(base("dose", "1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE"), doses), doses)
    subsampled = pixels(base("422", SECONDARY_CAPTURE, "OT"), colour, photometric="YBR_FULL_422")
    subsampled.PixelData = colour[:, :, :2].tobytes()
    add("ybr_full_422", subsampled)
    bits = pixels(base("seg", SEGMENTATION, "SEG"), np.zeros((64, 64), "u1"))
    bits.PixelData = np.packbits(volume[0] > 1000, bitorder="little").tobytes()
    bits.BitsAllocated, bits.BitsStored, bits.HighBit = 1, 1, 0
    add("segmentation_1_bit", bits, (volume[0] > 1000).astype("u1"))
    report = base("report", BASIC_TEXT_SR, "SR")
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    add("report", report)
    add("report_implicit", report_twin(), syntax=ImplicitVRLittleEndian)
    floats = base("float", PARAMETRIC_MAP, "OT")
    pixels(floats, np.zeros((16, 16), "<u4"))
    del floats.PixelData
    floats.FloatPixelData = np.linspace(0, 1, 256, dtype="<f4").tobytes()
    add("parametric_map_float", floats)
    short = ct("short", slice_, stored=12)
    short.PixelData = short.PixelData[:-256]
    add("pixel_data_too_short", short)
    for syntax, name in ((JPEGLSLossless, "already_jpeg_ls"), (RLELossless, "already_rle")):
        done = ct(name, slice_, stored=12)
        done.file_meta = FileMetaDataset()
        done.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        done.compress(syntax, generate_instance_uid=False)
        add(name, done, slice_, syntax, coding="lossless")

    with open(folder / "MANIFEST.tsv", "w", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys(), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def report_twin() -> Dataset:
    report = base("report_implicit", BASIC_TEXT_SR, "SR")
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    return report


# --- many, and much ----------------------------------------------------------------------------------------------


def series(folder: Path, count: int, size: int = 512) -> list[Path]:
    """A CT series; one slice is drawn anew for each 32 files, the others are shifted copies with a new instance UID."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    drawn = [ct_slice(seed, size) for seed in range(min(count, 32))]
    for number in range(count):
        cells = np.roll(drawn[number % len(drawn)], 5 * (number // len(drawn)), axis=0)
        data_set = pixels(base(f"series-{number}", CT), cells, stored=12)
        data_set.InstanceNumber = number + 1
        path = folder / f"{number:05}.dcm"
        save(data_set, path)
        paths.append(path)
    return paths


def large(path: Path, frames: int, size: int = 512) -> int:
    """One Enhanced CT of many frames, frame by frame; returns its pixel data's length in bytes."""
    drawn = [ct_slice(seed, size).tobytes() for seed in range(8)]
    data_set = pixels(base(f"large-{frames}", ENHANCED_CT), ct_slice(0, size), stored=12)
    data_set.NumberOfFrames = frames
    data_set.PixelData = b""
    save(data_set, path)
    length = frames * size * size * 2
    with open(path, "r+b") as out:
        out.seek(-4, 2)
        out.write(struct.pack("<I", length))
        for frame in range(frames):
            out.write(drawn[frame % len(drawn)])
    return length


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["shapes", "series", "large"])
    parser.add_argument("path", type=Path)
    parser.add_argument("count", type=int, nargs="?", default=0)
    arguments = parser.parse_args()
    if arguments.what == "shapes":
        shapes(arguments.path)
    elif arguments.what == "series":
        series(arguments.path, arguments.count)
    else:
        large(arguments.path, arguments.count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
