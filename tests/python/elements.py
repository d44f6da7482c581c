"""A raw walker over the elements of a data set, and the comparison of two data sets element by element.

It shares no code with Condenser nor with pydicom's reader (only pydicom's data dictionary), so that it can judge
the one without believing the other. PS3.5 section 7 (element structure), 7.5 (sequences), A.4 (encapsulation),
6.2.2 note 5 (UN of undefined length is implicit VR little endian inside, CP-246).
"""

import struct
from dataclasses import dataclass, field

from pydicom.datadict import dictionary_VR

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG)

UNDEFINED = 0xFFFFFFFF
LONG_FORM = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
# How many bytes of a value change places together between big and little endian (PS3.5 7.3).
UNIT = {b"US": 2, b"SS": 2, b"OW": 2, b"AT": 2, b"UL": 4, b"SL": 4, b"FL": 4, b"OF": 4, b"OL": 4}
UNIT |= {b"FD": 8, b"OD": 8, b"OV": 8, b"SV": 8, b"UV": 8}

PIXEL_DATA = 0x7FE00010
OFFSET_TABLES = (0x7FE00001, 0x7FE00002)
PLANAR = 0x00280006
SAMPLES = 0x00280002
TRAILING_PADDING = 0xFFFCFFFC


class Malformed(Exception):
    """The bytes are no data set in the encoding that was said."""


@dataclass(frozen=True)
class Encoding:
    explicit: bool
    big: bool

    @staticmethod
    def of(transfer_syntax: str) -> "Encoding":
        return Encoding(transfer_syntax != IMPLICIT_LITTLE, transfer_syntax == EXPLICIT_BIG)


@dataclass
class Element:
    tag: int
    vr: bytes | None  # as encoded; None in implicit VR
    raw: bytes  # header, value and delimiters
    value: bytes  # of a sequence too: its content without the last delimiter
    items: list[list["Element"]] | None = None  # of a sequence
    fragments: list[bytes] | None = None  # of encapsulated pixel data, the offset table first
    undefined: bool = False

    def name(self) -> str:
        return f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X})"


@dataclass
class _Cursor:
    data: bytes
    at: int
    end: int
    encoding: Encoding
    stack: list = field(default_factory=list)

    def take(self, count: int) -> bytes:
        if count > self.end - self.at:
            raise Malformed(f"{count} bytes wanted at offset {self.at}, {self.end - self.at} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def tag(self) -> int:
        group, element = struct.unpack((">" if self.encoding.big else "<") + "HH", self.take(4))
        return group << 16 | element

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big" if self.encoding.big else "little")

    def within(self, length: int, encoding: Encoding | None = None) -> "_Cursor":
        if length > self.end - self.at:
            raise Malformed(f"length {length} at offset {self.at} runs past offset {self.end}")
        return _Cursor(self.data, self.at, self.at + length, encoding or self.encoding)


def walk(data: bytes, encoding: Encoding) -> list[Element]:
    """Every top-level element in order as encoded; raises Malformed unless it ends exactly at the last byte."""
    return _elements(_Cursor(data, 0, len(data), encoding), delimited=False)


def _elements(cursor: _Cursor, delimited: bool) -> list[Element]:
    found = []
    while delimited or cursor.at < cursor.end:
        start = cursor.at
        tag = cursor.tag()
        if delimited and tag == 0xFFFEE00D:
            cursor.number(4)
            return found
        if tag >> 16 == 0xFFFE:
            raise Malformed(f"item tag {tag:08X} among elements at offset {start}")
        found.append(_element(cursor, start, tag))
    return found


def _element(cursor: _Cursor, start: int, tag: int) -> Element:
    vr = None
    if cursor.encoding.explicit:
        vr = cursor.take(2)
        if not vr.isalpha() or not vr.isupper():
            raise Malformed(f"no VR at offset {start + 4}: {vr!r}")
        if vr in LONG_FORM:
            cursor.take(2)
            length = cursor.number(4)
        else:
            length = cursor.number(2)
    else:
        length = cursor.number(4)
    first = cursor.at
    element = Element(tag, vr, b"", b"", undefined=length == UNDEFINED)
    # CP-246: what an UN of undefined length holds is implicit VR little endian.
    inner = Encoding(False, False) if vr == b"UN" else cursor.encoding
    if length == UNDEFINED:
        inside = _Cursor(cursor.data, first, cursor.end, inner)
        if vr in (None, b"SQ", b"UN") and tag != PIXEL_DATA:
            element.items = _items(inside, delimited=True)
        else:
            element.fragments = _fragments(inside)
        cursor.at = inside.at
        element.value = cursor.data[first : cursor.at - 8]
    else:
        if vr == b"SQ" or (vr is None and known_vr(tag) == "SQ"):
            element.items = _items(cursor.within(length), delimited=False)
        element.value = cursor.take(length)
    element.raw = cursor.data[start : cursor.at]
    return element


def _items(cursor: _Cursor, delimited: bool) -> list[list[Element]]:
    items = []
    while delimited or cursor.at < cursor.end:
        start = cursor.at
        tag, length = cursor.tag(), cursor.number(4)
        if delimited and tag == 0xFFFEE0DD:
            return items
        if tag != 0xFFFEE000:
            raise Malformed(f"{tag:08X} where an item is due, at offset {start}")
        if length == UNDEFINED:
            items.append(_elements(cursor, delimited=True))
        else:
            items.append(_elements(cursor.within(length), delimited=False))
            cursor.take(length)
    return items


def _fragments(cursor: _Cursor) -> list[bytes]:
    fragments = []
    while True:
        start = cursor.at
        tag, length = cursor.tag(), cursor.number(4)
        if tag == 0xFFFEE0DD:
            return fragments
        if tag != 0xFFFEE000 or length == UNDEFINED:
            raise Malformed(f"{tag:08X} of length {length} where a fragment is due, at offset {start}")
        fragments.append(cursor.take(length))


def known_vr(tag: int) -> str | None:
    """The VR that PS3.6 gives; None for private and unknown elements."""
    if tag >> 16 & 1:
        return None
    if tag & 0xFFFF == 0:
        return "UL"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def swapped(value: bytes, vr: bytes) -> bytes:
    """A big endian value as little endian."""
    unit = UNIT.get(vr, 1)
    if unit == 1:
        return value
    whole = len(value) - len(value) % unit
    swapped = bytearray(value)
    for byte in range(unit):
        swapped[byte:whole:unit] = value[unit - 1 - byte : whole : unit]
    return bytes(swapped)


# --- comparison ------------------------------------------------------------------------------------------------


def compare(
    sent: list[Element], encoding: Encoding, stored: list[Element], planar_becomes_zero: bool, anew: bool = False
) -> list[str]:
    """What differs between a data set as sent (native) and as stored (explicit little endian, compressed) beyond what
    compression obliges to: the pixel data itself, its offset tables, the planar configuration, group lengths.
    `anew`: the sender encoded the file's data set again, so lengths, unknown VRs and padding are its own; values are not."""
    differences: list[str] = []
    samples = next((e.value for e in sent if e.tag == SAMPLES), b"")
    colour = samples.strip(b"\0") not in (b"", b"\1")
    comparison = _Comparison(encoding == Encoding(True, False) and not anew, anew, differences)
    comparison.level(sent, encoding, stored, "", top=True, planar=planar_becomes_zero and colour)
    return differences


@dataclass
class _Comparison:
    verbatim: bool  # every other byte must be the same, not only every value
    anew: bool
    differences: list[str]

    def level(self, sent, encoding, stored, path, top=False, planar=False):
        i = j = 0
        while i < len(sent) or j < len(stored):
            a = sent[i] if i < len(sent) else None
            b = stored[j] if j < len(stored) else None
            if a and a.tag & 0xFFFF == 0 and (not b or b.tag != a.tag):
                i += 1  # A group length that was dropped: retired, and wrong after any change of its group.
                continue
            if top and b and b.tag in OFFSET_TABLES and (not a or a.tag != b.tag):
                if b.vr != b"OV":
                    self.differences.append(f"{path}{b.name()}: VR {b.vr!r} instead of OV")
                j += 1
                continue
            if a and self.anew and a.tag == TRAILING_PADDING and not b:
                i += 1
                continue
            if not a or not b or a.tag != b.tag:
                sent_name, stored_name = (one.name() if one else "the end" for one in (a, b))
                self.differences.append(f"{path}: sent {sent_name}, stored {stored_name}")
                return
            i, j = i + 1, j + 1
            where = path + a.name()
            if a.tag & 0xFFFF == 0 and (not self.verbatim or a.tag == 0x7FE00000):
                self.differences.append(f"{where}: a group length that no longer holds was kept")
            elif top and a.tag == PIXEL_DATA:
                if b.fragments is None or b.vr != b"OB":
                    self.differences.append(f"{where}: not encapsulated as OB of undefined length")
            elif top and a.tag == PLANAR and planar:
                if b.raw != struct.pack("<HH2sHH", 0x0028, 0x0006, b"US", 2, 0):
                    self.differences.append(f"{where}: {b.raw.hex()} is not Planar Configuration 0")
            elif not self.verbatim:
                self.element(a, encoding, b, where)
            elif a.raw != b.raw:
                self.differences.append(f"{where}: {_short(a.raw)} became {_short(b.raw)}")

    def element(self, a: Element, encoding: Encoding, b: Element, where: str):
        if b.vr not in _allowed_vrs(a) and not self.anew:
            self.differences.append(f"{where}: VR {b.vr!r} is none of {sorted(_allowed_vrs(a))}")
        if a.items is not None and b.items is not None:
            if len(a.items) != len(b.items):
                self.differences.append(f"{where}: {len(a.items)} items became {len(b.items)}")
            inner = Encoding(False, False) if a.vr == b"UN" else encoding
            for number, (one, other) in enumerate(zip(a.items, b.items)):
                self.level(one, inner, other, f"{where}[{number}]")
        elif a.fragments is not None or b.fragments is not None:
            if a.fragments != b.fragments:
                self.differences.append(f"{where}: fragments differ")
        else:
            expected = swapped(a.value, a.vr) if encoding.big else a.value
            if expected != b.value:
                self.differences.append(f"{where}: {_short(expected)} became {_short(b.value)}")


def _allowed_vrs(sent: Element) -> set[bytes]:
    if sent.vr is not None:
        # CP-246: an UN of undefined length is a sequence, which explicit little endian can name as one.
        return {sent.vr, b"SQ"} if sent.vr == b"UN" and sent.undefined else {sent.vr}
    private_creator = sent.tag >> 16 & 1 and 0x10 <= sent.tag & 0xFFFF <= 0xFF
    known = "LO" if private_creator else known_vr(sent.tag)
    if known is None:
        return {b"UN", b"SQ"} if sent.items is not None else {b"UN"}
    allowed = {vr.encode() for vr in known.split(" or ")}
    if len(sent.value) > 0xFFFF:
        allowed = {vr for vr in allowed if vr in LONG_FORM} | {b"UN"}
    return allowed


def _short(value: bytes) -> str:
    text = value[:40].hex()
    return f"{len(value)} bytes {text}{'…' if len(value) > 40 else ''}"
