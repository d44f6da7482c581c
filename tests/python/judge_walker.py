"""Compares what Condenser's walker finds in data sets with what pydicom's reader finds: tag, VR, place and length of each element.

    judge_walker.py FOLDER < LINES

FOLDER holds inputs of the fuzz target `data_set` (the first byte chooses the encoding), LINES is what `seeds walked FOLDER`
printed. pydicom forgives much that Condenser refuses, so that only what Condenser accepts is compared. Exit code 1 when an
input is accepted and read in another way.
"""

import sys
import warnings
from io import BytesIO
from pathlib import Path

from pydicom import config
from pydicom.filereader import data_element_generator

# (implicit VR, little endian), as in ENCODINGS of the fuzz targets.
ENCODINGS = [(True, True), (False, True), (False, False)]
UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010


def by_pydicom(data: bytes, implicit: bool, little: bool) -> list[tuple] | str:
    """Each element as (tag, VR or None, start of value or None, length or None); or why pydicom gives up."""
    found = []
    try:
        for element in data_element_generator(BytesIO(data), implicit, little):
            length = getattr(element, "length", None)
            undefined = element.is_undefined_length or length == UNDEFINED
            # What has no length is read to its end, and its start is not kept in the same way.
            place = (None, None) if undefined or length is None else (element.value_tell, length)
            found.append((int(element.tag), None if implicit else element.VR, *place))
    except Exception as error:  # noqa: BLE001 - whatever it is, pydicom cannot read it
        return f"{type(error).__name__}: {error}"
    return found


def by_condenser(words: str) -> list[tuple]:
    found = []
    for word in words.split():
        tag, vr, start, length = word.rsplit(":", 3)
        place = (None, None) if length == "undefined" else (int(start), int(length))
        found.append((int(tag.strip("()").replace(",", ""), 16), None if vr == "--" else vr, *place))
    return found


def same(ours: list[tuple], theirs: list[tuple]) -> bool:
    if len(ours) != len(theirs):
        return False
    for one, other in zip(ours, theirs):
        # pydicom gives sequences of undefined length another VR where it knows better (CP-246), and no place.
        if one[0] != other[0] or (None not in (one[2], other[2]) and one != other):
            return False
    return True


def main() -> int:
    warnings.simplefilter("ignore")
    config.settings.reading_validation_mode = config.IGNORE
    folder = Path(sys.argv[1])
    counts = {"same": 0, "refused by Condenser": 0, "refused by pydicom alone": 0}
    different = []
    for line in sys.stdin:
        name, _, words = line.rstrip("\n").partition("\t")
        data = (folder / name).read_bytes()
        if words == "refused":
            counts["refused by Condenser"] += 1
            continue
        theirs = by_pydicom(data[1:], *ENCODINGS[data[0] % len(ENCODINGS)])
        if isinstance(theirs, str):
            counts["refused by pydicom alone"] += 1
        elif same(by_condenser(words), theirs):
            counts["same"] += 1
        else:
            different.append((name, words, theirs))
    for name, words, theirs in different[:20]:
        print(f"{name}:\n  Condenser: {words}\n  pydicom:   {theirs}")
    print(", ".join(f"{count} {what}" for what, count in counts.items()) + f", {len(different)} read in another way")
    return 1 if different or not counts["same"] else 0


if __name__ == "__main__":
    sys.exit(main())
