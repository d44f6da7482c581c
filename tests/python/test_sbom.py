"""The bill of materials is judged by something that sees what is missing."""

import copy
import unittest

import sbom

LOCK = """
[[package]]
name = "ours"
version = "0.1.0"
dependencies = [
 "charls-sys",
]

[[package]]
name = "charls-sys"
version = "2.4.6"
source = "registry+x"
checksum = "ab"
"""
GOOD = {
    "bomFormat": "CycloneDX", "specVersion": "1.6",
    "metadata": {"component": {"name": "ours", "version": "0.1.0", "licenses": [{"expression": "MIT"}]}},
    "components": [{
        "name": "charls-sys", "version": "2.4.6", "licenses": [{"expression": "MIT"}],
        "hashes": [{"alg": "SHA-256", "content": "ab"}],
        "components": [{"name": "CharLS", "version": "2.4.2", "licenses": [{"expression": "BSD-3-Clause"}]}],
    }],
    "dependencies": [{"ref": "a", "dependsOn": ["b"]}, {"ref": "b", "dependsOn": []}],
}


class Bill(unittest.TestCase):
    def setUp(self):
        self.lock = sbom.packages_of_lock(LOCK)
        self.bill = copy.deepcopy(GOOD)

    def faults(self, folders=None):
        return " ".join(sbom.faults(self.bill, self.lock, folders or {}))

    def test_a_whole_bill_passes(self):
        self.assertEqual(self.faults(), "")

    def test_each_lack_is_seen(self):
        crate = self.bill["components"][0]
        for change, expected in [
            (lambda: crate.pop("hashes"), "checksum"),
            (lambda: crate.pop("components"), "sources inside"),
            (lambda: crate.update(licenses=[{"expression": "NOASSERTION"}]), "no licence"),
            (lambda: self.bill["components"].append({"name": "more", "version": "1"}), "not in Cargo.lock"),
            (lambda: self.bill["dependencies"].pop(), "1 of 2"),
            (lambda: self.bill["components"].clear(), "charls-sys 2.4.6 is missing"),
            (lambda: self.bill.update(bomFormat="SPDX"), "no bill"),
        ]:
            change()
            self.assertIn(expected, self.faults())

    def test_a_crate_with_unnamed_c_sources_is_seen(self):
        import pathlib
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "zlib.c").touch()
            self.lock["zlib-sys", "1.0"] = None
            self.bill["components"].append({"name": "zlib-sys", "version": "1.0", "licenses": [{"expression": "Zlib"}]})
            self.bill["dependencies"].append({"ref": "c", "dependsOn": []})
            self.assertIn("zlib-sys 1.0 carries sources", self.faults({("zlib-sys", "1.0"): pathlib.Path(folder)}))


if __name__ == "__main__":
    unittest.main()
