"""Decodes encapsulated frames with imagecodecs: CharLS, OpenJPEG, jpegsof3, libjxl and libdeflate, without a DICOM toolkit around them."""

from collections.abc import Callable

import numpy as np
import profiles
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

try:
    import imagecodecs
except ImportError:  # there is none for this Python or this machine
    imagecodecs = None

# The decoder of a frame's codestream: it gives rows, columns and samples.
DECODERS: dict[str, Callable[[bytes], np.ndarray]] = {} if imagecodecs is None else {
    profiles.JPEG_LS: imagecodecs.jpegls_decode,
    profiles.JPEG_LS_NEAR: imagecodecs.jpegls_decode,
    profiles.JPEG_2000: imagecodecs.jpeg2k_decode,
    profiles.JPEG_2000_LOSSY: imagecodecs.jpeg2k_decode,
    profiles.JPEG_LOSSLESS: imagecodecs.jpegsof3_decode,
    profiles.JPEG_LOSSLESS_SV1: imagecodecs.jpegsof3_decode,
    profiles.JPEG_XL: imagecodecs.jpegxl_decode,
}


def inflated(fragment: bytes, length: int) -> bytes:
    """A deflated frame of so many bytes, or of one more that pads it, by libdeflate."""
    try:
        return bytes(imagecodecs.deflate_decode(fragment, out=length, raw=True))
    except Exception:  # noqa: BLE001 - it tells «other length» and «damaged» apart by no type
        return bytes(imagecodecs.deflate_decode(fragment, out=length + 1, raw=True))


def cells(image: Dataset, syntax: str) -> bytes:
    """The cells of all frames, little endian, colour by pixel."""
    kind = f"<{'i' if image.PixelRepresentation else 'u'}{image.BitsAllocated // 8}"
    # JPEG Lossless has every bit of a cell that is not zero; the others have those of Bits Stored, without a sign.
    whole = syntax in (profiles.JPEG_LOSSLESS, profiles.JPEG_LOSSLESS_SV1)
    unused = 0 if whole else image.BitsAllocated - image.BitsStored
    out = []
    for codestream in generate_frames(image.PixelData, number_of_frames=int(image.get("NumberOfFrames", 1))):
        found = np.ascontiguousarray(DECODERS[syntax](codestream)).astype(kind).reshape(-1)
        out.append(((found << unused) >> unused).astype(kind).tobytes())
    return b"".join(out)
