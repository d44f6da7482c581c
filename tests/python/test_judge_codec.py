"""The judge of codestreams must see a fault when there is one."""

import hashlib
import tempfile
import unittest
from pathlib import Path

import numpy as np
import profiles
from judge_codec import judge
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid


def write(path: Path, cells: np.ndarray) -> None:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    image.SOPClassUID = SecondaryCaptureImageStorage
    image.SOPInstanceUID = generate_uid()
    image.Rows, image.Columns = cells.shape
    image.NumberOfFrames = 1
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PixelData = cells.tobytes()
    image["PixelData"].VR = "OW"
    image.compress(profiles.RLE, encoding_plugin="pydicom")
    image.save_as(path, enforce_file_format=True)


class JudgeCodec(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "image.dcm"
        self.cells = (np.arange(60, dtype="<u2") * 61 % 4096).reshape(6, 10)
        write(self.path, self.cells)

    def test_right_cells_pass(self) -> None:
        faults, good, _ = judge(self.path, hashlib.sha256(self.cells.tobytes()).hexdigest(), 0)
        self.assertEqual(faults, [])
        self.assertGreaterEqual(len(good), 2)

    def test_one_other_bit_is_a_fault_of_every_decoder(self) -> None:
        self.cells[3, 3] ^= 1
        faults, good, _ = judge(self.path, hashlib.sha256(self.cells.tobytes()).hexdigest(), 0)
        self.assertEqual(good, [])
        self.assertGreaterEqual(len(faults), 3)

    def test_a_sample_beyond_the_bound_is_a_fault(self) -> None:
        self.cells[3, 3] ^= 2
        wanted = self.cells.tobytes()
        self.path.with_suffix(".cells").write_bytes(wanted)
        faults, good, _ = judge(self.path, hashlib.sha256(wanted).hexdigest(), 2)
        self.assertEqual(faults, [])
        self.assertGreaterEqual(len(good), 2)
        faults, good, _ = judge(self.path, hashlib.sha256(wanted).hexdigest(), 1)
        self.assertEqual(good, [])
        self.assertGreaterEqual(len(faults), 3)

    def test_a_file_that_nobody_reads_is_a_fault(self) -> None:
        data = self.path.read_bytes()
        at = data.index((2).to_bytes(4, "little") + (64).to_bytes(4, "little"))
        self.path.write_bytes(data[:at] + b"\x09" + data[at + 1 :])
        faults, _, refused = judge(self.path, "", 0)
        self.assertTrue(faults)
        self.assertTrue(refused)


if __name__ == "__main__":
    unittest.main()
