"""The judge's own tests: a right tree passes, and each kind of fault put into it is seen."""

import json
import struct
import tempfile
import unittest
from pathlib import Path

import elements
import judge_tree
import made
import part10
import profiles
from blake3 import blake3
from elements import Encoding, Malformed
from pydicom import dcmread, dcmwrite

LITTLE = Encoding(True, False)


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in elements.LONG_FORM:
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def condensed(file: part10.File) -> bytes:
    """A reference node of a few lines: explicit little endian in, JPEG-LS out, every other byte as it was."""
    sent = elements.walk(file.data_set, LITTLE)
    image = profiles.Image(sent, LITTLE)
    out = b""
    for one in sent:
        if one.tag == elements.PLANAR:
            out += element(elements.PLANAR, b"US", b"\0\0")
        elif one.tag == elements.PIXEL_DATA:
            out += bytes.fromhex("e07f1000") + b"OB\0\0\xff\xff\xff\xff" + bytes.fromhex("feff00e000000000")
            for frame in image.cells():
                stream = profiles.jpeg_ls_stream(frame, image)
                stream += b"\0" * (len(stream) % 2)
                out += bytes.fromhex("feff00e0") + struct.pack("<I", len(stream)) + stream
            out += bytes.fromhex("feffdde000000000")
        else:
            out += one.raw
    return out


def stored(path: Path, file: part10.File, data_set: bytes, syntax: str, reason: str = "") -> None:
    """A file as the store writes it."""
    receipt = {"digest": judge_tree.digest(file), "transfer_syntax": file.transfer_syntax}
    receipt |= {"outcome": "kept", "reason": reason} if reason else {"outcome": "condensed"}
    text = json.dumps(receipt).encode()
    even = lambda value, pad: value + pad * (len(value) % 2)  # noqa: E731
    meta = b"".join([
        element(0x00020002, b"UI", even(file.sop_class.encode(), b"\0")),
        element(0x00020003, b"UI", even(file.sop_instance.encode(), b"\0")),
        element(0x00020010, b"UI", even(syntax.encode(), b"\0")),
        element(0x00020102, b"OB", even(text, b" ")),
    ])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta + data_set)


class TreeTest(unittest.TestCase):
    """One instance sent, one file in the tree."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.corpus = Path(cls.folder.name) / "shapes"
        made.shapes(cls.corpus)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def verdict(self, name, change=lambda data: data, status=0, kept="", path="1/2/3.dcm", store=True):
        file = part10.read(self.corpus / f"{name}.dcm")
        answers = [{"file": f"{name}.dcm", "status": status, "comment": "", "fault": "" if status is not None else "lost"}]
        with tempfile.TemporaryDirectory() as tree:
            if store:
                data_set = change(file.data_set if kept else condensed(file))
                syntax = file.transfer_syntax if kept else profiles.JPEG_LS
                stored(Path(tree) / path, file, data_set, syntax, kept)
            return judge_tree.judge_all(self.corpus, Path(tree), answers, profiles.JPEG_LS)

    def assert_good(self, verdicts):
        self.assertEqual([fault for verdict in verdicts for fault in verdict.faults], [])

    def assert_fault(self, verdicts, words):
        faults = " | ".join(fault for verdict in verdicts for fault in verdict.faults)
        self.assertIn(words, faults)

    def test_a_right_tree_passes(self):
        for name in ("ct_unsigned_12", "ct_signed_12", "rgb_by_pixel", "rgb_by_plane", "us_cine", "odd_8", "ct_with_icon"):
            with self.subTest(name):
                verdicts = self.verdict(name)
                self.assert_good(verdicts)
                self.assertEqual(verdicts[0].outcome, "condensed")
                self.assertIn("pylibjpeg", verdicts[0].decoders)
        self.assert_good(self.verdict("report", kept="no_pixel_data"))
        self.assert_good(self.verdict("already_rle", kept="already_compressed"))

    def test_one_wrong_cell_is_seen(self):
        def change(data):
            other = part10.read(self.corpus / "ct_unsigned_12.dcm")
            cells = bytearray(other.data_set)
            cells[-1000] ^= 1
            other.data_set = bytes(cells)
            return condensed(other)

        self.assert_fault(self.verdict("ct_unsigned_12", change), "decodes other cells")

    def test_a_changed_element_is_seen(self):
        self.assert_fault(self.verdict("ct_unsigned_12", lambda d: d.replace(b"Nobody", b"nobody")), "(0010,0010)")
        self.assert_fault(self.verdict("ct_unsigned_12", lambda d: d.replace(b"121320", b"121321")), "(0008,2112)")
        self.assert_fault(self.verdict("ct_unsigned_12", lambda d: d.replace(b"\1\2\3\4", b"\1\2\3\5")), "(0029,1002)")

    def test_a_lost_or_moved_element_is_seen(self):
        name = element(0x00100020, b"LO", b"MADE-1")
        self.assert_fault(self.verdict("ct_unsigned_12", lambda d: d.replace(name, b"")), "sent (0010,0020)")
        moved = lambda d: d.replace(name, b"") + name  # noqa: E731
        self.assert_fault(self.verdict("ct_unsigned_12", moved), "sent (0010,0020)")
        self.assert_fault(self.verdict("ct_trailing_padding", lambda d: d[: -(126 + 12)]), "(FFFC,FFFC)")

    def test_planar_configuration_must_become_zero(self):
        wrong = lambda d: d.replace(bytes.fromhex("28000600555302000000"), bytes.fromhex("28000600555302000100"))  # noqa: E731
        self.assert_fault(self.verdict("rgb_by_plane", wrong), "Planar Configuration")

    def test_what_is_allowed_must_not_be_kept(self):
        self.assert_fault(self.verdict("ct_unsigned_12", kept="unsuitable"), "PS3.5 allows it")
        self.assert_fault(self.verdict("ct_unsigned_12", kept="grown"), "PS3.5 allows it")

    def test_what_is_not_allowed_must_not_be_condensed(self):
        self.assert_fault(self.verdict("ct_unused_bits_carry_something"), "unused bits carry something")
        self.assert_good(self.verdict("ct_unused_bits_carry_something", kept="unused_bits"))
        self.assert_good(self.verdict("dose_32", kept="outside_profile"))

    def test_a_kept_data_set_is_as_sent_to_the_byte(self):
        self.assert_fault(self.verdict("report", lambda d: d + b"\0\0", kept="no_pixel_data"), "not what was sent")

    def test_the_tree_holds_what_was_acknowledged_and_nothing_else(self):
        self.assert_fault(self.verdict("report", store=False), "not in the tree")
        self.assert_fault(self.verdict("report", kept="x", status=0xA700), "answered A700")
        self.assert_good(self.verdict("report", store=False, status=0xA700))
        self.assert_fault(self.verdict("report", store=False, status=None), "no answer")
        self.assert_fault(self.verdict("report", kept="x", status=0xA701), "nobody sent it")

    def test_what_is_refused_as_damaged_must_lie_in_quarantine(self):
        file = part10.read(self.corpus / "report.dcm")
        answers = [{"file": "report.dcm", "status": 0xC002, "comment": "", "fault": ""}]
        with tempfile.TemporaryDirectory() as tree:
            path = Path(tree) / "quarantine" / "x.dcm"
            self.assert_fault(judge_tree.judge_all(self.corpus, Path(tree), answers, profiles.JPEG_LS), "not in quarantine")
            stored(path, file, file.data_set, file.transfer_syntax, "damaged")
            self.assert_fault(judge_tree.judge_all(self.corpus, Path(tree), answers, profiles.JPEG_LS), "not in quarantine")
            path.with_suffix(".json").write_text('{"reason": "cannot be walked"}')
            self.assert_good(judge_tree.judge_all(self.corpus, Path(tree), answers, profiles.JPEG_LS))

    def test_offset_tables_are_checked(self):
        streams = [b"abcd", b"ef"]
        self.assertEqual(judge_tree.judge_offsets([], [b"", *streams], 2), [])
        self.assertEqual(judge_tree.judge_offsets([], [struct.pack("<II", 0, 12), *streams], 2), [])
        self.assertNotEqual(judge_tree.judge_offsets([], [struct.pack("<II", 0, 4), *streams], 2), [])
        self.assertNotEqual(judge_tree.judge_offsets([], [b"", *streams], 3), [])


class ElementsTest(unittest.TestCase):
    """The walker and the comparison in the other encodings."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name)
        made.shapes(self.path)

    def differences(self, name, change=lambda data_set: None):
        """pydicom writes the file again as explicit little endian: another witness that values are the same."""
        file = part10.read(self.path / f"{name}.dcm")
        data_set = dcmread(file.path)
        change(data_set)
        twin = self.path / "twin.dcm"
        dcmwrite(twin, data_set, implicit_vr=False, little_endian=True, force_encoding=True)
        _, start = part10.split(twin.read_bytes())
        encoding = Encoding.of(file.transfer_syntax)
        sent = elements.walk(file.data_set, encoding)
        found = elements.compare(sent, encoding, elements.walk(twin.read_bytes()[start:], LITTLE), False)
        return [difference for difference in found if not difference.startswith("(7FE0,0010)")]

    def test_implicit_and_big_endian_are_understood(self):
        self.assertEqual(self.differences("ct_implicit"), [])
        self.assertEqual(self.differences("ct_big_endian"), [])

    def test_a_difference_in_them_is_seen(self):
        def change(data_set):
            data_set.Rows += 1

        for name in ("ct_implicit", "ct_big_endian"):
            self.assertIn("(0028,0010)", " ".join(self.differences(name, change)))

    def test_every_cut_is_malformed_or_shorter(self):
        data = part10.read(self.path / "ct_with_icon.dcm").data_set[:900]
        whole = 0
        for cut in range(1, 700):
            try:
                elements.walk(data[:cut], LITTLE)
                whole += 1
            except Malformed:
                pass
        self.assertLess(whole, 60)

    def test_un_of_undefined_length_is_implicit_inside(self):
        inner = struct.pack("<HHI", 0x0010, 0x0020, 2) + b"ab"
        item = bytes.fromhex("feff00e0ffffffff") + inner + bytes.fromhex("feff0de000000000")
        data = bytes.fromhex("2900011055 4e0000ffffffff".replace(" ", "")) + item + bytes.fromhex("feffdde000000000")
        found = elements.walk(data, LITTLE)
        self.assertEqual(found[0].items[0][0].value, b"ab")

    def test_swapping_follows_the_vr(self):
        self.assertEqual(elements.swapped(b"\1\2\3\4", b"OW"), b"\2\1\4\3")
        self.assertEqual(elements.swapped(b"\1\2\3\4", b"UL"), b"\4\3\2\1")
        self.assertEqual(elements.swapped(b"\1\2\3\4", b"OB"), b"\1\2\3\4")


class DigestTest(unittest.TestCase):
    def test_the_recipe(self):
        file = part10.File(Path("x"), {}, b"data", "1.2", "", "")
        self.assertEqual(judge_tree.digest(file), blake3(b"1.2\0data").hexdigest())


if __name__ == "__main__":
    unittest.main()
