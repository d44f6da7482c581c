#!/usr/bin/env python3
"""Judge a batch of files of the codec matrix with two foreign decoders each.

    judge_matrix.py FOLDER TRANSFER_SYNTAX_UID

FOLDER/files holds Part 10 files one after the other; FOLDER/table.tsv has a line a file: offset and length of the file,
offset and length of the wanted cells (length 0: only their hash counts), SHA-256 of the wanted cells (little endian, colour by
pixel), how far a sample may lie from its own, and what the file is. Two decoders
of the syntax decode every file, each pair in its turn; where one refuses, the next takes its place, DCMTK's command the
last. Cells that carry something above Bits Stored are compared in Bits Stored where a decoder drops that. Exit 1 when one decodes other cells, or fewer than two decode a file.
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

import numpy as np
import profiles
from judge_codec import DCMTK, MASKING, NATIVE_FRAMES, dcmtk_cells, native_cells, one_bit_cells, plugins, wanted
from pydicom import dcmread
from pydicom.pixels import get_decoder

# GDCM ends its whole process on some streams: a file during which that happened is judged without it.
RISKY = ("gdcm",)
CHUNK = 256
# Besides PLUGINS' own: every decoder of a syntax that the tables of judge_codec.py do not know.
ANY_PLUGIN = ("pylibjpeg", "gdcm", "pydicom")


def fault(cells: bytes, wanted: bytes, expected: str, bound: int, image, masks: bool) -> str:
    """What is wrong with decoded cells; nothing when they are the expected ones, or lie within the bound of them."""
    if hashlib.sha256(cells).hexdigest() == expected:
        return ""
    if not wanted or not (bound or masks):
        return "decodes other cells"
    kind = f"<{'i' if image.PixelRepresentation else 'u'}{image.BitsAllocated // 8}"
    ours, theirs = (np.frombuffer(some, kind) for some in (wanted, cells))
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


def judge(at: int, data: bytes, cells_wanted: bytes, expected: str, bound: int, syntax: str, without: tuple) -> tuple:
    """One file: its faults, who decoded it as wanted, and who refused it and why."""
    image = dcmread(BytesIO(data))
    known = () if syntax in NATIVE_FRAMES else plugins(syntax, image, ANY_PLUGIN)
    names = [plugin for plugin in known if plugin not in without]
    turn = at % max(1, len(names))
    judges = [
        (plugin, lambda plugin=plugin: by_plugin(image, syntax, plugin)) for plugin in names[turn:] + names[:turn]
    ]
    if syntax in NATIVE_FRAMES:
        judges.append(("zlib", lambda: (one_bit_cells if image.BitsAllocated == 1 else native_cells)(image, syntax)))
    if command := DCMTK.get(syntax):
        judges.append((command, lambda: by_dcmtk(data, command)))
    faults, good, refused = [], [], [f"{plugin}: ended its process" for plugin in without]
    for name, decode in judges:
        if len(good) + len(faults) == wanted(syntax, image):
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
    if len(good) < wanted(syntax, image):
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
                wanted = os.pread(files.fileno(), int(wanted_length), int(wanted_at))
                verdict = judge(int(at), data, wanted, expected, int(bound), syntax, without)
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
