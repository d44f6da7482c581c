#!/usr/bin/env python3
"""Judge a batch of files of the codec matrix with two foreign decoders each.

    judge_matrix.py FOLDER TRANSFER_SYNTAX_UID

FOLDER/files holds Part 10 files one after the other; FOLDER/table.tsv has a line a file: offset and length of the file,
offset and length of the wanted cells (length 0: only their hash counts), SHA-256 of the wanted cells (little endian, colour by
pixel), how far a sample may lie from its own, and what the file is. Two decoders of the syntax decode every file, each pair in
its turn; where one refuses, the next takes its place, DCMTK's command the last. Cells that carry something above Bits Stored
are compared in Bits Stored where a decoder drops that, and such decoders are asked last. Exit 1 when one decodes other cells,
or fewer than two decode a file.
"""

import hashlib
import logging
import multiprocessing
import os
import pickle
import sys
import tempfile
import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path

import by_imagecodecs
import gdcm
import numpy as np
import profiles
from judge_codec import DCMTK, MASKING, NATIVE_FRAMES, PROVEN_BY_ANOTHER, WANTED, dcmtk_cells, native_cells, one_bit_cells, plugins, wanted
from pydicom import dcmread
from pydicom.pixels import get_decoder

# GDCM ends its whole process on some streams: a file during which that happened is judged without it.
RISKY = ("gdcm",)
CHUNK = 256
# Besides PLUGINS' own: every decoder of a syntax that the tables of judge_codec.py do not know.
ANY_PLUGIN = ("pylibjpeg", "gdcm", "pydicom")


def fault(cells: bytes, cells_wanted: bytes, expected: str, bound: int, image, masks: bool) -> str:
    """What is wrong with decoded cells; nothing when they are the expected ones, or lie within the bound of them."""
    if hashlib.sha256(cells).hexdigest() == expected:
        return ""
    if not cells_wanted or not (bound or masks):
        return "decodes other cells"
    kind = f"<{'i' if image.PixelRepresentation else 'u'}{image.BitsAllocated // 8}"
    ours, theirs = (np.frombuffer(some, kind) for some in (cells_wanted, cells))
    if masks:
        unused = image.BitsAllocated - image.BitsStored
        ours, theirs = ((some << unused).astype(kind) >> unused for some in (ours, theirs))
    ours, theirs = ours.astype(np.int64), theirs.astype(np.int64)
    if ours.shape != theirs.shape:
        return f"decodes {theirs.size} samples instead of {ours.size}"
    largest = int(np.abs(ours - theirs).max())
    return f"decodes a sample that differs by {largest}, and {bound} is allowed" if largest > bound else ""


def by_plugin(image, syntax: str, plugin: str) -> bytes:
    more = {} if syntax in (profiles.JPEG_LS, profiles.JPEG_LS_NEAR) else {"correct_unused_bits": False}
    array, _ = get_decoder(syntax).as_array(image, raw=True, decoding_plugin=plugin, **more)
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()


def by_dcmtk(data: bytes, command: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.dcm"
        path.write_bytes(data)
        return dcmtk_cells(path, command)


def by_gdcm_and_libdeflate(image, data: bytes, syntax: str) -> bytes:
    """Native frames out of fragments that GDCM reads, inflated by libdeflate where they are deflated. GDCM knows neither syntax: it
    is told of JPEG-LS, whose fragments lie as theirs do, and is asked for nothing but the fragments."""
    data = data.replace(syntax.encode().ljust(len(profiles.JPEG_LS), b"\0"), profiles.JPEG_LS.encode(), 1)
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(data)
        file.flush()
        reader = gdcm.Reader()
        reader.SetFileName(file.name)
        if not reader.Read():
            raise RuntimeError("GDCM cannot read the file")
        pixels = reader.GetFile().GetDataSet().GetDataElement(gdcm.Tag(0x7FE0, 0x0010)).GetSequenceOfFragments()
        buffers = [pixels.GetFragment(at).GetByteValue().GetBuffer() for at in range(pixels.GetNumberOfFragments())]
    fragments = [buffer.encode("utf-8", "surrogateescape") if isinstance(buffer, str) else buffer for buffer in buffers]
    unpack = by_imagecodecs.inflated if syntax == profiles.DEFLATED_IMAGE_FRAME else (lambda fragment, _: fragment)
    return (one_bit_cells if image.BitsAllocated == 1 else native_cells)(image, syntax, fragments, unpack)


def judges_of(at: int, image, data: bytes, syntax: str, without: tuple) -> list[tuple]:
    """Who may judge a file, in its turn: a name, and what gives the cells."""
    if syntax in NATIVE_FRAMES:
        inflaters = (" and zlib", " and libdeflate") if syntax == profiles.DEFLATED_IMAGE_FRAME else ("", "")
        return [
            ("pydicom" + inflaters[0], lambda: (one_bit_cells if image.BitsAllocated == 1 else native_cells)(image, syntax)),
            ("gdcm" + inflaters[1], lambda: by_gdcm_and_libdeflate(image, data, syntax)),
        ]
    names = [plugin for plugin in plugins(syntax, image, () if syntax in PROVEN_BY_ANOTHER else ANY_PLUGIN) if plugin not in without]
    judges = [(plugin, lambda plugin=plugin: by_plugin(image, syntax, plugin)) for plugin in names]
    if syntax in by_imagecodecs.DECODERS:
        judges.append(("imagecodecs", lambda: by_imagecodecs.cells(image, syntax)))
    turn = at % max(1, len(judges))
    judges = judges[turn:] + judges[:turn]
    if command := DCMTK.get(syntax):
        judges.append((command, lambda: by_dcmtk(data, command)))
    return judges


def judge(at: int, data: bytes, cells_wanted: bytes, expected: str, bound: int, syntax: str, without: tuple) -> tuple:
    """One file: its faults, who decoded it as wanted, and who refused it and why."""
    image = dcmread(BytesIO(data))
    enough = WANTED if by_imagecodecs.imagecodecs and syntax not in PROVEN_BY_ANOTHER else wanted(syntax, image)
    judges = judges_of(at, image, data, syntax, without)
    if cells_wanted and not bound:
        judges.sort(key=lambda judge: judge[0] in MASKING)
    faults, good, refused = [], [], [f"{plugin}: ended its process" for plugin in without]
    for name, decode in judges:
        if len(good) + len(faults) == enough:
            break
        try:
            cells = decode()
        except Exception as error:  # noqa: BLE001 - whatever a foreign decoder throws is a refusal
            refused.append(f"{name}: {' '.join(str(error).split())[-100:]}")
            continue
        if found := fault(cells, cells_wanted, expected, bound, image, name in MASKING):
            faults.append(f"{name} {found}")
        else:
            good.append(name)
    if len(good) < enough:
        faults.append(f"only {len(good)} decoders gave the cells ({'; '.join(refused)})")
    return faults, good, refused


def judged_in_child(rows: list[list[str]], folder: Path, syntax: str, without: tuple) -> list[tuple]:
    """The verdicts on the first files of a chunk, up to the one during which the process ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe, open(folder / "files", "rb") as files, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for offset, length, wanted_at, wanted_length, expected, bound, at, _ in rows:
                data = os.pread(files.fileno(), int(length), int(offset))
                cells_wanted = os.pread(files.fileno(), int(wanted_length), int(wanted_at))
                verdict = judge(int(at), data, cells_wanted, expected, int(bound), syntax, without)
                pickle.dump(verdict, pipe)
                pipe.flush()
        os._exit(0)
    os.close(writing)
    verdicts = []
    with os.fdopen(reading, "rb") as pipe:
        try:
            while True:
                verdicts.append(pickle.load(pipe))
        except (EOFError, pickle.UnpicklingError):
            pass
    os.waitpid(child, 0)
    return verdicts


def judge_chunk(job: tuple[list[list[str]], Path, str]) -> list[tuple]:
    rows, folder, syntax = job
    verdicts: list[tuple] = []
    while len(verdicts) < len(rows):
        rest = rows[len(verdicts) :]
        verdicts += judged_in_child(rest, folder, syntax, ())
        if len(verdicts) < len(rows):
            alone = judged_in_child([rows[len(verdicts)]], folder, syntax, RISKY)
            verdicts += alone or [(["every decoder ended its process"], [], [])]
    return verdicts


def main() -> int:
    logging.disable(logging.CRITICAL)
    folder, syntax = Path(sys.argv[1]), sys.argv[2]
    rows = []
    for at, line in enumerate((folder / "table.tsv").read_text().splitlines()):
        *numbers, what = line.split("\t")
        rows.append([*numbers, str(at), what])
    jobs = [(rows[at : at + CHUNK], folder, syntax) for at in range(0, len(rows), CHUNK)]
    good, refused, misses = Counter(), Counter(), 0
    with multiprocessing.Pool() as pool:
        for (chunk, *_), verdicts in zip(jobs, pool.imap(judge_chunk, jobs), strict=True):
            for row, (faults, exact, others) in zip(chunk, verdicts, strict=True):
                good.update(exact)
                refused.update(others)
                misses += bool(faults)
                if faults and misses <= 40:
                    print(f"MISS {row[-1]}: {'; '.join(faults)}")
    print(f"{len(rows)} files, {misses} misses; as wanted by " + ", ".join(f"{name} {n}" for name, n in good.most_common()))
    for why, count in refused.most_common(12):
        print(f"refused {count} times by {why}")
    return 1 if misses or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
