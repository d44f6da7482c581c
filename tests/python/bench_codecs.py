"""Encoders and decoders on frames in memory, one core: ours and those of others in one interleaved run.

The images are those of DICOM files that came native or compressed without loss and that pydicom can decode: every one of at
least 100 kB in `--images`, by default the corpus that CONDENSER_CORPUS names; of several alike in modality, size and depth
the first four, and of a multi-frame the first frame.

* Ours, CharLS and OpenJPEG run in one process, `codecs` (tests/bench/codecs.rs), in turns;
* zune-jpegxl runs in that process too; pylibjpeg-rle, GDCM and, by imagecodecs, libjpeg-turbo, libjxl and OpenJPH run in this one, on
  the same cells in memory;
* DCMTK's commands work on files: the time of a file of many frames, less that of a file of one, for each frame.

Each figure is the median of the rounds; ratios are of one round, so that a disturbance meets both, and their median counts.
"""

import os
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import gdcm
import imagecodecs
import numpy as np
import rle
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, HTJ2KLossless, HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless,
)
from running import scratch, target_folder

LEAST_BYTES = 100_000
MOST_ALIKE = 4
LOSSLESS = {
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless,
    JPEGLosslessSV1, JPEGLossless, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless, HTJ2KLosslessRPCL,
}
# Made cells beside the real ones: what nothing can be said of beforehand, and nothing but.
NOISE = {"noise8": (8, 8), "noise16": (16, 16)}
# Made 16-bit cells as smooth as cells get: a ramp of one step a column and a row, one of a step every eight, and a dome.
SMOOTH_SIDE = 512
SMOOTH = {
    "ramp": lambda x, y: x + y,
    "slope": lambda x, y: (x + y) // 8,
    "dome": lambda x, y: 4095 * np.exp(-((x - 256) ** 2 + (y - 256) ** 2) / 40_000),
}
# A real image is smooth when so many of its cells have the same high byte as their left neighbour.
SMOOTH_SHARE = 0.98
# Least repetitions and seconds of one measurement here; `codecs` has its own.
SECONDS = 0.1
DCMTK_FRAMES_BYTES = 16_000_000
DCMTK = {"RLELossless": "dcmcrle", "JPEGLSLossless": "dcmcjpls"}
GDCM = {"RLELossless": gdcm.TransferSyntax.RLELossless, "JPEGLSLossless": gdcm.TransferSyntax.JPEGLSLossless}


# Encoders of imagecodecs that are no work of ours, on one core: (contender, keyword) → what gives the codestream.
IMAGECODECS = {
    ("libjpeg-turbo", "JPEGLosslessSV1"): lambda image: imagecodecs.jpeg8_encode(
        image.unsigned(), lossless=True, predictor=1, bitspersample=8 * image.cells.dtype.itemsize),
    ("libjxl", "JPEGXLLossless"): lambda image: imagecodecs.jpegxl_encode(
        image.unsigned(), lossless=True, effort=1, numthreads=1, bitspersample=image.bits_stored),
    ("OpenJPH", "HTJ2KLossless"): lambda image: imagecodecs.htj2k_encode(image.unsigned(), reversible=True),
}
# Who decodes what an encoder of another name wrote.
DECODER_OF = {"JPEGXLLossless": "jxl-oxide"}


@dataclass
class Image:
    """One frame, colour by pixel."""

    name: str
    cells: np.ndarray
    bits_stored: int
    colour: bool
    real: bool
    files: list[Path] = field(default_factory=list)

    def unsigned(self) -> np.ndarray:
        """The same bits without a sign."""
        return self.cells.view(self.cells.dtype.str.replace("i", "u"))

    def is_for(self, keyword: str) -> bool:
        """JPEG XL knows no signed samples."""
        return keyword != "JPEGXLLossless" or self.cells.dtype.kind == "u"

    def is_smooth(self) -> bool:
        """Cells of 16 bits, made to be smooth or real ones whose high bytes are nearly all like their neighbours'."""
        if self.cells.dtype.itemsize != 2:
            return False
        if not self.real:
            return self.name in SMOOTH
        high = self.unsigned() >> 8
        return bool((high[:, 1:] == high[:, :-1]).mean() >= SMOOTH_SHARE)

    @property
    def megabytes(self) -> float:
        return self.cells.nbytes / 1e6


def images(folder: Path) -> list[Image]:
    found: dict[str, Image] = {}
    alike: Counter = Counter()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            data_set = dcmread(path)
            if data_set.file_meta.TransferSyntaxUID not in LOSSLESS:
                continue
            cells = data_set.pixel_array
        except Exception:  # noqa: BLE001, S112 - what pydicom cannot decode is no image here
            continue
        if int(data_set.get("NumberOfFrames") or 1) > 1:
            cells = cells[0]
        if cells.nbytes < LEAST_BYTES or cells.dtype.itemsize > 2 or data_set.BitsStored < 8:
            continue
        kind = (data_set.get("Modality"), cells.shape, data_set.BitsStored)
        name = f"{data_set.get('Modality', 'OT')}-{path.stem.split('_')[0].split('.')[0]}"[:24]
        if name in found or alike[kind] == MOST_ALIKE:
            continue
        alike[kind] += 1
        cells = np.ascontiguousarray(cells, cells.dtype.newbyteorder("<"))
        found[name] = Image(name, cells, data_set.BitsStored, cells.ndim == 3, True)
    generator = np.random.default_rng(1)
    for name, (allocated, stored) in NOISE.items():
        cells = generator.integers(0, 1 << stored, (512, 512)).astype(f"<u{allocated // 8}")
        found[name] = Image(name, cells, stored, False, False)
    y, x = np.mgrid[:SMOOTH_SIDE, :SMOOTH_SIDE]
    for name, values in SMOOTH.items():
        found[name] = Image(name, np.ascontiguousarray(values(x, y).astype("<u2")), 12, False, False)
    return list(found.values())


def write_cells(all_images: list[Image], folder: Path) -> None:
    rows = []
    for image in all_images:
        (folder / f"{image.name}.cells").write_bytes(image.cells.tobytes())
        height, width = image.cells.shape[:2]
        samples, allocated = 3 if image.colour else 1, 8 * image.cells.dtype.itemsize
        signed = int(image.cells.dtype.kind == "i")
        rows.append("\t".join(map(str, (image.name, height, width, samples, allocated, image.bits_stored, signed))))
    (folder / "images.tsv").write_text("".join(row + "\n" for row in rows))


def data_set_of(image: Image, frames: int) -> Dataset:
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7.3"
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    data_set.Rows, data_set.Columns = image.cells.shape[:2]
    data_set.SamplesPerPixel = 3 if image.colour else 1
    data_set.PhotometricInterpretation = "RGB" if image.colour else "MONOCHROME2"
    if image.colour:
        data_set.PlanarConfiguration = 0
    data_set.NumberOfFrames = frames
    data_set.BitsAllocated = 8 * image.cells.dtype.itemsize
    data_set.BitsStored = image.bits_stored
    data_set.HighBit = image.bits_stored - 1
    data_set.PixelRepresentation = int(image.cells.dtype.kind == "i")
    cells = image.cells.tobytes() * frames
    data_set.PixelData = cells + b"\0" * (len(cells) % 2)
    return data_set


class Ours:
    """The `codecs` process: one measurement a line."""

    def __init__(self, folder: Path):
        program = target_folder() / "release" / "examples" / "codecs"
        self.process = subprocess.Popen(
            [str(program), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.encoders = []
        for line in self.process.stdout:
            if not line.strip():
                break
            self.encoders.append(tuple(line.split()))

    def ask(self, *words: str) -> tuple[float, int]:
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"codecs ended at: {' '.join(words)}")
        seconds, length = line.split()
        return float(seconds), int(length)


def best(work) -> float:
    """The seconds of the best of some repetitions."""
    shortest, begun, times = float("inf"), time.perf_counter(), 0
    while times < 3 or time.perf_counter() - begun < SECONDS:
        started = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - started)
        times += 1
    return shortest


def by_pylibjpeg(image: Image) -> tuple[float, float, int]:
    samples = 3 if image.colour else 1
    allocated = 8 * image.cells.dtype.itemsize
    height, width = image.cells.shape[:2]
    cells = image.cells.tobytes()
    encoded = rle.encode_pixel_data(
        cells, rows=height, columns=width, samples_per_pixel=samples, bits_allocated=allocated, byteorder="<")
    encode = best(lambda: rle.encode_pixel_data(
        cells, rows=height, columns=width, samples_per_pixel=samples, bits_allocated=allocated, byteorder="<"))
    decode = best(lambda: rle.rle.decode_frame(encoded, height * width, allocated, "<"))
    return encode, decode, len(encoded)


def by_imagecodecs(image: Image, encode) -> tuple[float, int] | None:
    """Nothing when the library does not take such an image."""
    try:
        length = len(encode(image))
    except Exception:  # noqa: BLE001 - a refusal, whatever it throws
        return None
    return best(lambda: encode(image)), length


def by_gdcm(image: Image, keyword: str) -> float:
    """A change of syntax works on the image that was read, in place: so it is read anew for each, outside of the clock."""
    shortest, begun, times = float("inf"), time.perf_counter(), 0
    while times < 3 or time.perf_counter() - begun < SECONDS:
        reader = gdcm.ImageReader()
        reader.SetFileName(str(image.files[0]))
        if not reader.Read():
            raise SystemExit(f"GDCM cannot read {image.name}")
        changer = gdcm.ImageChangeTransferSyntax()
        changer.SetTransferSyntax(gdcm.TransferSyntax(GDCM[keyword]))
        changer.SetInput(reader.GetImage())
        started = time.perf_counter()
        if not changer.Change():
            raise SystemExit(f"GDCM cannot encode {image.name}")
        shortest = min(shortest, time.perf_counter() - started)
        times += 1
    return shortest


def by_dcmtk(image: Image, keyword: str, folder: Path) -> float:
    def run(path: Path) -> float:
        started = time.perf_counter()
        command = [DCMTK[keyword], "+un", str(path), str(folder / "dcmtk.out")]
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - started

    one, many = image.files
    frames = int(dcmread(many, stop_before_pixels=True).NumberOfFrames)
    return max((min(run(many) for _ in range(2)) - min(run(one) for _ in range(2))) / (frames - 1), 1e-9)


def write_files(image: Image, folder: Path) -> None:
    many = max(2, round(DCMTK_FRAMES_BYTES / image.cells.nbytes))
    for frames in (1, many):
        path = folder / f"{image.name}-{frames}.dcm"
        dcmwrite(path, data_set_of(image, frames), enforce_file_format=True)
        image.files.append(path)


def measure(arguments) -> tuple[list[Image], dict]:
    """(contender, keyword, image, what) → the seconds of each round, or (…, "bytes") → the codestream's length."""
    source = arguments.images or os.environ.get("CONDENSER_CORPUS")
    if not source:
        raise SystemExit("no images: name a folder by --images, or set CONDENSER_CORPUS")
    figures: dict = {}

    def note(contender, keyword, image, what, value):
        figures.setdefault((contender, keyword, image.name, what), []).append(value)

    with scratch() as work:
        found = images(Path(source))
        write_cells(found, work)
        for image in found:
            write_files(image, work)
        ours = Ours(work)
        for turn in range(arguments.rounds):
            for image in found:
                note("memcpy", "", image, "encode", ours.ask("copy", "-", "-", image.name)[0])
                for encoder, keyword in ours.encoders:
                    if not image.is_for(keyword):
                        continue
                    seconds, length = ours.ask("encode", encoder, keyword, image.name)
                    note(encoder, keyword, image, "encode", seconds)
                    note(encoder, keyword, image, "bytes", length)
                    own = DECODER_OF.get(keyword, encoder)
                    for decoder in [own] + (["jpeg-ls"] if encoder == "charls" else []):
                        what = "decode" if decoder == own else f"decode by {decoder}"
                        note(encoder, keyword, image, what, ours.ask("decode", decoder, keyword, image.name, encoder)[0])
                    note(encoder, keyword, image, "verify", ours.ask("verify", own, keyword, image.name, encoder)[0])
                if image.is_for("JPEGXLLossless"):
                    seconds, length = ours.ask("encode", "zune-jpegxl", "JPEGXLLossless", image.name)
                    note("zune-jpegxl", "JPEGXLLossless", image, "encode", seconds)
                    note("zune-jpegxl", "JPEGXLLossless", image, "bytes", length)
                for (contender, keyword), encode in IMAGECODECS.items():
                    if image.is_for(keyword) and (found_by := by_imagecodecs(image, encode)):
                        note(contender, keyword, image, "encode", found_by[0])
                        note(contender, keyword, image, "bytes", found_by[1])
                encode, decode, length = by_pylibjpeg(image)
                note("pylibjpeg-rle", "RLELossless", image, "encode", encode)
                note("pylibjpeg-rle", "RLELossless", image, "decode", decode)
                note("pylibjpeg-rle", "RLELossless", image, "bytes", length)
                for keyword in GDCM:
                    note("GDCM", keyword, image, "encode", by_gdcm(image, keyword))
                for keyword in DCMTK:
                    note("DCMTK", keyword, image, "encode", by_dcmtk(image, keyword, work))
            print(f"round {turn + 1} of {arguments.rounds}", flush=True)
    return found, figures


# (what is compared, ours, theirs, syntax, which images, the least ratio)
WANTED = [
    ("JPEG-LS encode, greyscale", "jpeg-ls", "charls", "JPEGLSLossless", "grey", 2.2),
    ("JPEG-LS encode, colour", "jpeg-ls", "charls", "JPEGLSLossless", "colour", 1.5),
    ("RLE encode", "rle", "pylibjpeg-rle", "RLELossless", "all", 10.0),
    ("RLE encode", "rle", "GDCM", "RLELossless", "all", 3.0),
    ("RLE encode", "rle", "DCMTK", "RLELossless", "all", 3.0),
    ("JPEG Lossless SV1 encode", "condenser", "libjpeg-turbo", "JPEGLosslessSV1", "all", 4.0),
    ("JPEG XL Lossless encode", "condenser", "zune-jpegxl", "JPEGXLLossless", "all", 3.0),
]


# RLE is to cost no more than so many copies of the same cells, where they are smooth.
MOST_COPIES = 4.0


def is_of(image: Image, which: str) -> bool:
    return image.real and (which == "all" or image.colour == (which == "colour"))


def ratios(figures, image: Image, ours: str, theirs: str, keyword: str) -> list[float]:
    return [
        their / our
        for our, their in zip(
            figures.get((ours, keyword, image.name, "encode"), []), figures.get((theirs, keyword, image.name, "encode"), []))
    ]


def report(found: list[Image], figures: dict, rounds: int) -> tuple[bool, list[str]]:
    real = [image for image in found if image.real]
    lines = [
        f"{len(real)} real images ({sum(image.megabytes for image in real):.0f} MB), {len(NOISE)} of noise and {len(SMOOTH)} made smooth, "
        f"one core, {rounds} interleaved rounds. MB/s of raw samples; ratio is raw to encoded size.",
        "",
        "| median of the real images, each the median of its rounds | encode / encode of ours | spread over the images | wanted |",
        "|---|---|---|---|",
    ]
    good = True
    for what, ours, theirs, keyword, which, least in WANTED:
        rounds_of = (ratios(figures, image, ours, theirs, keyword) for image in found if is_of(image, which))
        each = [statistics.median(rounds) for rounds in rounds_of if rounds]
        if not each:
            continue
        middle = statistics.median(each)
        good &= middle >= least
        lines.append(f"| {what}: own against {theirs} | {middle:.2f} × | {min(each):.2f} – {max(each):.2f} | ≥ {least:g} × |")
    verified = [
        statistics.median(
            charls / (encode + verify)
            for charls, encode, verify in zip(
                figures["charls", "JPEGLSLossless", image.name, "encode"],
                figures["jpeg-ls", "JPEGLSLossless", image.name, "encode"],
                figures["jpeg-ls", "JPEGLSLossless", image.name, "verify"], strict=True))
        for image in real
    ]
    good &= statistics.median(verified) >= 1.0
    lines.append(
        f"| JPEG-LS encode and proof: own against CharLS's bare encode | {statistics.median(verified):.2f} × | "
        f"{min(verified):.2f} – {max(verified):.2f} | ≥ 1 × |")
    for what, which, most in [
        ("smooth 16-bit images", [image for image in found if image.is_smooth()], MOST_COPIES),
        ("all real 16-bit images", [image for image in real if image.cells.dtype.itemsize == 2], None),
    ]:
        if not which:
            continue
        copies = [
            statistics.median(
                our / copy
                for our, copy in zip(
                    figures["rle", "RLELossless", image.name, "encode"], figures["memcpy", "", image.name, "encode"], strict=True))
            for image in which
        ]
        made = sum(not image.real for image in which)
        good &= most is None or statistics.median(copies) <= most
        lines.append(
            f"| RLE encode: times a memcpy, {what} ({len(which) - made} real{f', {made} made' if made else ''}) | "
            f"{statistics.median(copies):.1f} | {min(copies):.1f} – {max(copies):.1f} | {f'≤ {most:g}' if most else '–'} |")
    lines += [
        "",
        f"A 16-bit image is smooth when {SMOOTH_SHARE:.0%} of its cells have the same high byte as their left neighbour; of the made "
        "ones, a ramp rises by one each column, a slope by one every eighth, and a dome is a bell of twelve bits. The memcpy is of "
        "the same cells, from the same memory, repeated alike: a small frame and its copy lie in the second cache for both.",
    ]
    lines += tables(found, figures)
    return good, lines


def tables(found: list[Image], figures: dict) -> list[str]:
    lines = []
    keywords = sorted({keyword for _, keyword, _, _ in figures if keyword})
    for keyword in keywords:
        contenders = list(dict.fromkeys(name for name, of, _, _ in figures if of == keyword))
        lines += [
            "", f"{keyword}: encode / decode / verify MB/s, ratio (– where not measured)", "",
            "| image | " + " | ".join(contenders) + " |", "|---" * (len(contenders) + 1) + "|",
        ]
        for image in found:
            cells = [cell(figures, image, contender, keyword) for contender in contenders]
            lines.append(f"| {image.name} {shape(image)} | " + " | ".join(cells) + " |")
    return lines


def shape(image: Image) -> str:
    height, width = image.cells.shape[:2]
    return f"{width} × {height}{' RGB' if image.colour else ''}, {image.bits_stored} bits"


def cell(figures: dict, image: Image, contender: str, keyword: str) -> str:
    def speed(what: str) -> str:
        seconds = figures.get((contender, keyword, image.name, what))
        return f"{image.megabytes / statistics.median(seconds):.0f}" if seconds else "–"

    length = figures.get((contender, keyword, image.name, "bytes"))
    ratio = (f", {image.cells.nbytes / length[0]:.2f}" if length[0] else ", **other cells**") if length else ""
    return f"{speed('encode')} / {speed('decode')} / {speed('verify')}{ratio}"


def codecs(arguments) -> tuple[bool, list[str]]:
    found, figures = measure(arguments)
    return report(found, figures, arguments.rounds)
