"""Which native images PS3.5 lets a transfer syntax carry, stated independently of Condenser.

The tables are pydicom's (`ENCODING_PROFILES`: PS3.5 8.2.2-1 for RLE Lossless, 8.2.3-1 for JPEG-LS); the rest is what
the standard's text asks for beyond the tables. `suitable` gives None for an image that must be compressed, else why not.
"""

import numpy as np
from elements import NATIVE, PIXEL_DATA, Element, Encoding, swapped
from pydicom.pixels.encoders.base import ENCODING_PROFILES
from pydicom.uid import UID

JPEG_LS, RLE, JPEG_2000 = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"
JPEG_BASELINE, JPEG_EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS, JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JPEG_LS_NEAR, JPEG_2000_LOSSY = "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"
JPEG_XL = "1.2.840.10008.1.2.4.110"
DEFLATED_IMAGE_FRAME, UNCOMPRESSED = "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"
TARGETS = {"JPEGLSLossless": JPEG_LS, "RLELossless": RLE}


class Image:
    """The image pixel module (PS3.3 C.7.6.3) out of raw elements; an attribute is None where absent or not as it must be."""

    def __init__(self, elements: list[Element], encoding: Encoding):
        self._by_tag = {}
        for element in reversed(elements):
            self._by_tag[element.tag] = element
        self._big = encoding.big
        self.samples = self._number(0x00280002)
        self.photometric = self._text(0x00280004)
        frames = self._text(0x00280008)
        self.frames = int(frames) if frames and frames.lstrip("+").isdigit() else (1 if not frames else None)
        self.planar = self._number(0x00280006) if self.samples and self.samples > 1 else 0
        self.rows, self.columns = self._number(0x00280010), self._number(0x00280011)
        self.allocated, self.stored = self._number(0x00280100), self._number(0x00280101)
        self.high_bit, self.signed = self._number(0x00280102), self._number(0x00280103)
        self.element = self._by_tag.get(PIXEL_DATA)

    def _number(self, tag: int) -> int | None:
        element = self._by_tag.get(tag)
        if element is None or element.vr not in (None, b"US") or len(element.value) != 2:
            return None
        return int.from_bytes(element.value, "big" if self._big else "little")

    def _text(self, tag: int) -> str:
        element = self._by_tag.get(tag)
        return element.value.decode("latin-1").strip("\0 ") if element else ""

    def whole(self) -> bool:
        numbers = (self.samples, self.planar, self.rows, self.columns, self.frames, self.allocated, self.stored)
        return None not in numbers + (self.high_bit, self.signed)

    def native_bytes(self) -> int:
        return self.rows * self.columns * self.samples * self.frames * (self.allocated // 8)

    def cells(self) -> np.ndarray:
        """The stored cells, colour by pixel, little endian, as the manifest's hashes count them: no bit is changed."""
        kind = f"<{'i' if self.signed else 'u'}{self.allocated // 8}"
        data = self.element.value
        if self._big:
            # Cells wider than a byte change with the VR; 8-bit cells in OW come in swapped pairs.
            unit = b"OW" if self.allocated == 8 and self.element.vr == b"OW" else {16: b"OW", 32: b"UL"}.get(self.allocated, b"OB")
            data = swapped(data, unit)
        flat = np.frombuffer(data[: self.native_bytes()], kind)
        if self.planar:
            laid = flat.reshape(self.frames, self.samples, self.rows, self.columns)
            return np.moveaxis(laid, 1, -1)
        return flat.reshape(self.frames, self.rows, self.columns, self.samples)


def suitable(target: str, transfer_syntax: str, elements: list[Element], encoding: Encoding) -> str | None:
    """None: PS3.5 allows this image in the target. Otherwise the reason why it is to be kept as it came."""
    if transfer_syntax not in NATIVE:
        return "already compressed"
    image = Image(elements, encoding)
    if image.element is None:
        return "no pixel data"
    if image.element.fragments is not None:
        return "encapsulated in a native syntax"
    if not image.whole():
        return "image pixel module incomplete or odd"
    row = (image.photometric, image.samples, image.signed, image.allocated, image.stored)
    if not any(
        row[:2] == (photometric, samples) and row[2] in signs and row[3] in allocated and row[4] in stored
        for photometric, samples, signs, allocated, stored in ENCODING_PROFILES[UID(target)]
    ):
        return "outside the profile: {} samples={} signed={} allocated={} stored={}".format(row[0], row[1], *row[2:])
    if image.stored > image.allocated or image.high_bit != image.stored - 1:
        return "high bit is not bits stored - 1"
    expected, length = image.native_bytes(), len(image.element.value)
    if not expected or length not in (expected, expected + expected % 2):
        return f"pixel data of {length} bytes instead of {expected}"
    if any(element.tag in (0x4FFE0001, 0xFFFAFFFA) for element in elements):
        return "digitally signed"
    if target == JPEG_LS and _unused_bits_carry_something(image):
        return "unused bits carry something"
    return None


def _unused_bits_carry_something(image: Image) -> bool:
    if image.stored == image.allocated:
        return False
    cells = image.cells()
    shift = image.allocated - image.stored
    return not np.array_equal((cells << shift) >> shift, cells)


def jpeg_ls_stream(frame: np.ndarray, image: Image) -> bytes:
    """One frame by CharLS through pyjpegls, in a precision that the decoders at hand agree on: Bits Stored, but so
    wide that a cell still takes the bytes of Bits Allocated. Raises RuntimeError where that grows."""
    from jpeg_ls.CharLS import _CharLS

    cells = np.ascontiguousarray(frame[..., 0] if image.samples == 1 else frame)
    cells = cells.view(f"<u{cells.itemsize}")
    precision = max(image.stored, 8 if cells.itemsize == 1 else 9)
    if precision < image.allocated:
        cells = cells & ((1 << precision) - 1)
    mode = 0 if image.samples == 1 else 2
    return bytes(_CharLS._encode(cells.tobytes(), 0, mode, image.rows, image.columns, image.samples, precision))


def rle_stream(frame: np.ndarray, image: Image) -> bytes:
    import rle

    return bytes(rle.utils.encode_pixel_data(
        frame.tobytes(), rows=image.rows, columns=image.columns, samples_per_pixel=image.samples,
        bits_allocated=image.allocated, byteorder="<", number_of_frames=1,
    ))


def encoded_bytes(target: str, image: Image) -> int:
    """The encapsulated pixel data that a foreign encoder makes of it: fragments padded, item headers, Basic Offset Table
    and delimiter (PS3.5 A.4); the native size where it cannot make it smaller."""
    total = 8 + 4 * image.frames + 8
    for frame in image.cells():
        try:
            size = len(jpeg_ls_stream(frame, image) if target == JPEG_LS else rle_stream(frame, image))
        except (RuntimeError, ValueError):
            return image.native_bytes()
        total += 8 + size + size % 2
    return total
