#!/usr/bin/env python3
"""Judge files that were written in another transfer syntax with pydicom and DCMTK.

    judge_transcoded.py MANIFEST.tsv

A row is a pair: the file before, the file after, the transfer syntax UID that it must have now, the elements whose value
may differ (as 00280004,…; Pixel Data and its offset tables always may) and how far a sample may lie off. Every other
element must have the same value in the same place, pydicom must decode both to the same samples, and what dcmdump and
dcmconv take without complaint before they must take so after. Exit 1 on any miss.
"""

import logging
import multiprocessing
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import elements
import numpy as np
import part10
from elements import Element, Encoding
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

PIXELS = (elements.PIXEL_DATA, *elements.OFFSET_TABLES, 0x7FE00003)


def walked(path: Path) -> list[Element]:
    data = path.read_bytes()
    meta, start = part10.split(data)
    syntax = part10.text(meta.get(0x00020010, b""))
    body = part10.inflated(data[start:]) if syntax == elements.DEFLATED else data[start:]
    guessed = part10.guessed_syntax(body)
    found = elements.walk(body, Encoding.of(guessed))
    if guessed == elements.EXPLICIT_BIG:
        turn_round(found)
    return found


def turn_round(level: list[Element]) -> None:
    for element in level:
        for item in element.items or []:
            turn_round(item)
        element.value = elements.swapped(element.value, element.vr)


def differences(before: list[Element], after: list[Element], free: set[int], path: str = "") -> list[str]:
    """Elements whose values are not the same; group lengths are retired and may be gone, empty items are items."""
    kept = lambda level: [e for e in level if e.tag & 0xFFFF and e.tag not in free]  # noqa: E731
    one, other = kept(before), kept(after)
    if [e.tag for e in one] != [e.tag for e in other]:
        odd = {e.tag for e in one} ^ {e.tag for e in other}
        return [f"{path or 'top level'}: other elements: {', '.join(f'{tag:08X}' for tag in sorted(odd)) or 'order'}"]
    found = []
    for a, b in zip(one, other):
        where = path + a.name()
        if a.items is not None and b.items is not None:
            if len(a.items) != len(b.items):
                found.append(f"{where}: {len(a.items)} items became {len(b.items)}")
            for number, (x, y) in enumerate(zip(a.items, b.items)):
                found += differences(x, y, set(), f"{where}[{number}]")
        elif a.fragments != b.fragments or a.value != b.value:
            found.append(f"{where}: {a.value[:40]!r} became {b.value[:40]!r}")
    return found


# Their decoders round otherwise and leave colours to whoever asks; what DCMTK makes of them is the measure, to the last bit.
BY_DCMTK = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")


def samples(path: Path) -> np.ndarray:
    """As pydicom decodes them, without any conversion of colours of its own."""
    return pixel_array(path, raw=True).astype(np.int64)


def samples_before(path: Path, syntax: str) -> np.ndarray:
    """Those of a file as it came."""
    if syntax not in BY_DCMTK:
        return samples(path)
    native = path.with_suffix(".dcmdjpeg")
    # Told nothing, dcmdjpeg believes «RGB»; but components that share samples between pixels are Y, Cb and Cr.
    colours = "--conv-always" if shares_samples(path) else "--conv-photometric"
    if said := complains("dcmdjpeg", colours, str(path), str(native)):
        raise ValueError(said)
    return samples(native)


def shares_samples(path: Path) -> bool:
    """Whether the first frame has three components of which the later ones have fewer samples (ISO/IEC 10918-1 B.2.2)."""
    data_set = dcmread(path)
    frame = next(generate_frames(data_set.PixelData, number_of_frames=int(data_set.get("NumberOfFrames") or 1)))
    at = 2
    while at + 4 < len(frame) and frame[at] == 0xFF:
        if frame[at + 1] in (0xC0, 0xC1):
            factors = frame[at + 11 : at + 4 + 6 + 3 * frame[at + 9] : 3]
            return len(factors) == 3 and len(set(factors)) > 1
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return False


def complains(*command: str) -> str:
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return run.stderr or (f"{command[0]} ended with {run.returncode}" if run.returncode else "")


def judge(before: Path, after: Path, syntax: str, free: set[int], bound: int) -> tuple[list[str], list[str]]:
    """The faults of one pair, and what was found right."""
    faults, good = [], []
    meta, _ = part10.split(after.read_bytes())
    if part10.text(meta.get(0x00020010, b"")) != syntax:
        faults.append(f"the transfer syntax is {meta.get(0x00020010)!r}")
    faults += differences(walked(before), walked(after), free | set(PIXELS))
    good.append("all other elements alike")
    try:
        came_in = part10.text(part10.split(before.read_bytes())[0].get(0x00020010, b""))
        wanted = samples_before(before, came_in)
        bound = 0 if came_in in BY_DCMTK else bound
    except Exception as error:  # noqa: BLE001 - whatever pydicom throws at the file as it was
        good.append(f"nobody decodes it before: {type(error).__name__}")
    else:
        found = samples(after)
        if found.shape != wanted.shape:
            faults.append(f"pydicom decodes {found.shape} instead of {wanted.shape}")
        elif (largest := int(np.abs(found - wanted).max(initial=0))) > bound:
            faults.append(f"pydicom decodes a sample that differs by {largest}")
        else:
            good.append("pydicom decodes the same samples" if not bound else f"within {bound} of the samples")
    for command in ("dcmdump", "dcmconv"):
        if not shutil.which(command):
            continue
        arguments = ["+te", str(after.with_suffix(".conv"))] if command == "dcmconv" else ["-q"]
        order = lambda path: [command, str(path), *arguments] if command == "dcmconv" else [command, *arguments, str(path)]  # noqa: E731
        if command == "dcmconv" and syntax not in elements.NATIVE:
            arguments[0] = "+t="
        if said := complains(*order(after)):
            arguments[0] = "+t=" if command == "dcmconv" else "-q"
            if not complains(*order(before)):
                faults.append(f"{command}: {' '.join(said.split())[-200:]}")
                continue
        good.append(f"{command} takes it")
    return faults, good


def main() -> int:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    rows = [line.split("\t") for line in Path(sys.argv[1]).read_text().splitlines()]
    jobs = [
        (Path(before), Path(after), syntax, {int(tag, 16) for tag in free.split(",") if tag}, int(bound))
        for before, after, syntax, free, bound in rows
    ]
    counts, misses = Counter(), 0
    with multiprocessing.Pool() as pool:
        verdicts = pool.starmap(judge, jobs, chunksize=4)
    for (before, *_), (faults, good) in zip(rows, verdicts, strict=True):
        counts.update(good)
        misses += len(faults)
        for fault in faults:
            print(f"MISS {before}: {fault}")
    for what, count in sorted(counts.items()):
        print(f"{count:>6}  {what}")
    print(f"{len(rows)} pairs, {misses} misses")
    return 1 if misses or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
