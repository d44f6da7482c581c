#!/usr/bin/env python3
"""Judge codestreams with foreign decoders.

    judge_codec.py FOLDER

FOLDER/manifest.tsv lists files, the SHA-256 of their cells (little endian, colour by pixel, zeros or the sign above
Bits Stored) and how far a decoded sample may lie from its own; where that is not 0, the cells lie beside the file as
NAME.cells. Every decoder that takes a file must give these cells, and at least two must take it; DCMTK's cells are
compared in their Bits Stored, since it leaves the bits above as the codestream has them. Of the syntaxes that carry native
frames, deflated or not, the fragments are read by pydicom and inflated by Python's zlib. Exit 1 on any miss.
"""

import hashlib
import logging
import multiprocessing
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import by_imagecodecs
import numpy as np
import profiles
from judge_tree import decoded
from pydicom import dcmread
from pydicom.encaps import generate_frames

# Decoders that need no file on disk, and DCMTK's command, a syntax.
PLUGINS = {
    profiles.JPEG_LS: ("pylibjpeg", "pyjpegls", "gdcm"),
    profiles.JPEG_LS_NEAR: ("pylibjpeg", "pyjpegls", "gdcm"),
    profiles.RLE: ("pylibjpeg", "pydicom"),
    profiles.JPEG_2000: ("pylibjpeg", "gdcm"),
    profiles.JPEG_2000_LOSSY: ("pylibjpeg", "gdcm"),
    profiles.JPEG_BASELINE: ("pylibjpeg", "gdcm"),
    profiles.JPEG_EXTENDED: ("pylibjpeg", "gdcm"),
    profiles.JPEG_LOSSLESS: ("pylibjpeg", "gdcm"),
    profiles.JPEG_LOSSLESS_SV1: ("pylibjpeg", "gdcm"),
}
DCMTK = {
    profiles.JPEG_LS: "dcmdjpls",
    profiles.JPEG_LS_NEAR: "dcmdjpls",
    profiles.RLE: "dcmdrle",
    profiles.JPEG_BASELINE: "dcmdjpeg",
    profiles.JPEG_EXTENDED: "dcmdjpeg",
    profiles.JPEG_LOSSLESS: "dcmdjpeg",
    profiles.JPEG_LOSSLESS_SV1: "dcmdjpeg",
}
# Colours stay what they were encoded as.
OPTIONS = {"dcmdjpeg": ("--conv-never",)}
# These give the bits above Bits Stored as zeros or as the sign, whatever the codestream has there.
MASKING = ("gdcm", *DCMTK.values())
# Where pixels share a sample of chrominance, it repeats the sample; all others blend it with its neighbours.
REPEATS_SAMPLES = ("pylibjpeg",)
WANTED = 2
# libjpeg, and with it GDCM and dcmdjpeg, reads no larger side; pylibjpeg does.
LIBJPEG = (profiles.JPEG_LOSSLESS, profiles.JPEG_LOSSLESS_SV1)
LARGEST_SIDE = 65500
# Condenser itself has proven every frame by jxl-oxide, which is no work of ours: one more decoder makes two.
PROVEN_BY_ANOTHER = (profiles.JPEG_XL,)
# What a fragment of a native frame holds: nobody but pydicom and zlib reads it here.
NATIVE_FRAMES = {profiles.DEFLATED_IMAGE_FRAME: lambda fragment: zlib.decompressobj(-zlib.MAX_WBITS).decompress(fragment),
                 profiles.UNCOMPRESSED: lambda fragment: fragment}


def plugins(syntax: str, image, every: tuple[str, ...] = ()) -> list[str]:
    """The plugins that can be asked for such an image; `every` when nothing is known of its syntax."""
    shared = image.PhotometricInterpretation == "YBR_FULL_422"
    return [name for name in PLUGINS.get(syntax, every) if not (shared and name in REPEATS_SAMPLES)]


def wanted(syntax: str, image) -> int:
    """How many decoders have to give the cells."""
    if syntax in PROVEN_BY_ANOTHER:
        return 1 if by_imagecodecs.imagecodecs else 0
    too_large = syntax in LIBJPEG and max(image.Rows, image.Columns) > LARGEST_SIDE
    return 1 if syntax in NATIVE_FRAMES or too_large else WANTED


def frame_cells(image) -> int:
    shared = image.PhotometricInterpretation == "YBR_FULL_422"
    return image.Rows * image.Columns * (2 if shared else image.SamplesPerPixel)


def native_cells(image, syntax: str, fragments=None, unpack=None) -> bytes:
    """The cells of all frames, colour by pixel; those of one bit as they are packed, every frame on a byte. Others may have
    read the fragments, and may unpack them to a length."""
    pixels, cell = image.Rows * image.Columns, image.BitsAllocated
    length = (frame_cells(image) * cell + 7) // 8
    frames = []
    unpack = unpack or (lambda fragment, _: NATIVE_FRAMES[syntax](fragment))
    for fragment in fragments or generate_frames(image.PixelData, number_of_frames=int(image.NumberOfFrames)):
        frame = unpack(fragment, length)
        if len(frame) - length not in (0, length % 2):
            raise RuntimeError(f"a frame of {len(frame)} bytes instead of {length}")
        frame = frame[:length]
        if cell > 1 and image.SamplesPerPixel > 1 and image.PlanarConfiguration == 1:
            planes = np.frombuffer(frame, f"V{cell // 8}").reshape(image.SamplesPerPixel, pixels)
            frame = np.ascontiguousarray(planes.T).tobytes()
        frames.append(frame)
    return b"".join(frames)


def one_bit_cells(image, syntax: str, fragments=None, unpack=None) -> bytes:
    """The cells of all frames, a byte for each bit."""
    packed = np.frombuffer(native_cells(image, syntax, fragments, unpack), np.uint8).reshape(int(image.NumberOfFrames), -1)
    bits = np.unpackbits(packed, axis=1, bitorder="little")[:, : frame_cells(image)]
    return (bits * (255 if image.PixelRepresentation else 1)).astype(np.uint8).tobytes()


def dcmtk_cells(path: Path, command: str) -> bytes:
    native = path.with_suffix(".native")
    run = subprocess.run([command, *OPTIONS.get(command, ()), str(path), str(native)], capture_output=True, text=True, errors="replace")
    if run.returncode:
        raise RuntimeError(" ".join(run.stderr.split()) or f"{command} ended with {run.returncode}")
    image = dcmread(native)
    kind = "i" if image.PixelRepresentation else "u"
    cells = np.frombuffer(image.PixelData, f"<{kind}{image.BitsAllocated // 8}")
    count = image.Rows * image.Columns * image.SamplesPerPixel * int(image.NumberOfFrames)
    cells = cells[:count]
    if image.SamplesPerPixel > 1 and image.PlanarConfiguration == 1:
        planes = cells.reshape(int(image.NumberOfFrames), image.SamplesPerPixel, -1)
        cells = np.ascontiguousarray(planes.transpose(0, 2, 1)).reshape(-1)
    unused = image.BitsAllocated - image.BitsStored
    return ((cells << unused) >> unused).astype(cells.dtype).tobytes()


def fault(cells: bytes, path: Path, expected: str, bound: int) -> str:
    """What is wrong with decoded cells; nothing when they are the expected ones, or lie within the bound of them."""
    if hashlib.sha256(cells).hexdigest() == expected:
        return ""
    if not bound:
        return "decodes other cells"
    image = dcmread(path, stop_before_pixels=True)
    kind = f"<{'i' if image.PixelRepresentation else 'u'}{image.BitsAllocated // 8}"
    wanted = np.frombuffer(path.with_suffix(".cells").read_bytes(), kind).astype(np.int64)
    found = np.frombuffer(cells, kind).astype(np.int64)
    if wanted.shape != found.shape:
        return f"decodes {found.size} samples instead of {wanted.size}"
    largest = int(np.abs(wanted - found).max())
    return f"decodes a sample that differs by {largest}, and {bound} is allowed" if largest > bound else ""


def describe(path: Path) -> str:
    image = dcmread(path, stop_before_pixels=True)
    sign = "signed" if image.PixelRepresentation else "unsigned"
    planar = f", planar {image.PlanarConfiguration}" if image.SamplesPerPixel > 1 else ""
    return (
        f"{image.Rows}x{image.Columns}x{image.SamplesPerPixel}{planar}, "
        f"{image.BitsStored} of {image.BitsAllocated} bits, {sign}"
    )


def judge(path: Path, expected: str, bound: int) -> tuple[list[str], list[str], list[str]]:
    """One file: its faults, who decoded it as wanted, and who refused it and why."""
    image = dcmread(path, stop_before_pixels=True)
    syntax = str(image.file_meta.TransferSyntaxUID)
    judges = [(plugin, lambda plugin=plugin: decoded(path, syntax, plugin)) for plugin in plugins(syntax, image)]
    if syntax in NATIVE_FRAMES:
        judges.append(("zlib", lambda: native_cells(dcmread(path), syntax)))
    if syntax == profiles.JPEG_XL and by_imagecodecs.imagecodecs:
        judges.append(("libjxl", lambda: by_imagecodecs.cells(dcmread(path), syntax)))
    command = DCMTK.get(syntax)
    if command and shutil.which(command):
        judges.append((command, lambda: dcmtk_cells(path, command)))
    faults, good, refused = [], [], []
    for name, decode in judges:
        try:
            cells = decode()
        except Exception as error:  # noqa: BLE001 - whatever a foreign decoder throws is a refusal
            refused.append(f"{syntax} {name}: {' '.join(str(error).split())[-120:]}")
            continue
        if found := fault(cells, path, expected, bound):
            faults.append(f"{name} {found}")
        else:
            good.append(f"{syntax} {name}")
    if len(good) < wanted(syntax, dcmread(path, stop_before_pixels=True)):
        faults.append(f"only {len(good)} decoders gave the cells ({'; '.join(refused)})")
    return faults, good, refused


def main() -> int:
    logging.disable(logging.CRITICAL)
    folder = Path(sys.argv[1])
    rows = [line.split("\t") for line in (folder / "manifest.tsv").read_text().splitlines()]
    exact, refusals, misses = Counter(), Counter(), 0
    with multiprocessing.Pool() as pool:
        jobs = [(folder / name, expected, int(bound)) for name, expected, bound in rows]
        verdicts = pool.starmap(judge, jobs, chunksize=8)
    for (name, *_), (faults, good, refused) in zip(rows, verdicts, strict=True):
        exact.update(good)
        refusals.update(refused)
        misses += len(faults)
        for found in faults:
            print(f"MISS {name} ({describe(folder / name)}): {found}")
    for name, count in sorted(exact.items()):
        print(f"{count:>6}  files decoded as wanted by {name}")
    for name, count in sorted(refusals.items()):
        print(f"{count:>6}  files refused by {name}")
    print(f"{len(rows)} files, {misses} misses")
    return 1 if misses or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
