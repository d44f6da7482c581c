"""Files as bytes: where the file meta ends, what the data set's bytes are, and which of them a test sends.

Reads what PS3.10 describes and what real files do instead: no preamble, no meta group, no group length, no transfer
syntax. The data set is never decoded and encoded again: tests send its bytes as the file has them.
"""

import csv
import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from elements import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding, Malformed
from elements import _Cursor, _element

SOP_CLASS, SOP_INSTANCE = 0x00080016, 0x00080018
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass
class File:
    path: Path
    meta: dict[int, bytes]
    data_set: bytes
    transfer_syntax: str  # as the file says, else guessed from its first bytes
    sop_class: str  # of the data set, else the file meta, else invented
    sop_instance: str

    def elements_bytes(self) -> bytes:
        """The data set's bytes with the deflation of Deflated Explicit VR Little Endian undone."""
        return inflated(self.data_set) if self.transfer_syntax == DEFLATED else self.data_set


def inflated(data: bytes) -> bytes:
    return zlib.decompressobj(-15).decompress(data)


def text(value: bytes) -> str:
    return value.decode("latin-1").strip("\0 ")


def split(data: bytes) -> tuple[dict[int, bytes], int]:
    """The file meta group as tag → value, and the offset at which the data set starts."""
    start = 132 if data[128:132] == b"DICM" else 0
    meta: dict[int, bytes] = {}
    cursor = _Cursor(data, start, len(data), Encoding(True, False))
    while data[cursor.at : cursor.at + 2] == b"\2\0":
        at = cursor.at
        element = _element(cursor, at, cursor.tag())
        meta[element.tag] = element.value
    return meta, cursor.at


def guessed_syntax(data: bytes) -> str:
    if data[4:6].isalpha() and data[4:6].isupper():
        return EXPLICIT_BIG if data[0] == 0 and data[1] else EXPLICIT_LITTLE
    return IMPLICIT_LITTLE


def read(path: Path) -> File:
    data = path.read_bytes()
    meta, start = split(data)
    data_set = data[start:]
    syntax = text(meta.get(0x00020010, b"")) or guessed_syntax(data_set)
    uids = _first_uids(data_set, syntax)
    invented = "2.25." + str(int.from_bytes(hashlib.sha256(data).digest()[:15], "big"))
    return File(
        path,
        meta,
        data_set,
        syntax,
        uids.get(SOP_CLASS) or text(meta.get(0x00020002, b"")) or SECONDARY_CAPTURE,
        uids.get(SOP_INSTANCE) or text(meta.get(0x00020003, b"")) or invented,
    )


def _first_uids(data_set: bytes, syntax: str) -> dict[int, str]:
    """SOP class and instance, as far as the data set can be read up to them."""
    found: dict[int, str] = {}
    try:
        data = inflated(data_set) if syntax == DEFLATED else data_set
        cursor = _Cursor(data, 0, len(data), Encoding.of(syntax))
        while cursor.at < cursor.end:
            at = cursor.at
            element = _element(cursor, at, cursor.tag())
            if element.tag in (SOP_CLASS, SOP_INSTANCE):
                found[element.tag] = text(element.value)
            if element.tag > SOP_INSTANCE:
                break
    except (Malformed, zlib.error):
        pass
    return found


def receipt(meta: dict[int, bytes]) -> dict:
    """What Condenser wrote about the receipt into the file meta: Private Information (0002,0102), JSON."""
    return json.loads(text(meta.get(0x00020102, b"")) or "{}")


def manifest(folder: Path) -> list[dict[str, str]]:
    """The rows of MANIFEST.tsv; `file` is relative to the folder."""
    with open(folder / "MANIFEST.tsv", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))
