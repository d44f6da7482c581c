#!/usr/bin/env python3
"""Drive a running node with other people's software, and judge what it stored with other people's decoders.

    interop.py [--corpus FOLDER] [--target NAME]… [--tables FOLDER]

First `condenser compress` alone. Senders: DCMTK's echoscu, storescu and dcmsend as installed, and pynetdicom. Judges: pydicom with pylibjpeg, pyjpegls,
GDCM; DCMTK's dcmdump, dcmdjpls and dcmdrle. With a corpus also a chain: storescu, the node, Orthanc. Prints one row a check; exit 1 when one failed.
"""

import argparse
import hashlib
import logging
import shutil
import subprocess
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

import elements
import interop_chain
import judge_tree
import made
import numpy as np
import part10
import profiles
import send_corpus
from elements import Encoding
from running import Node, binary, scratch

COMMAND_LINE_DECODER = {"JPEGLSLossless": "dcmdjpls", "RLELossless": "dcmdrle"}


class Table:
    """Rows as they come; the sum at the end."""

    def __init__(self):
        self.passed = self.failed = 0

    def row(self, target: str, peer: str, what: str, good: bool, detail: str = "") -> None:
        self.passed += good
        self.failed += not good
        print(f"{'pass' if good else 'FAIL'}  {target:15} {peer:12} {what:52} {detail}", flush=True)

    def end(self) -> int:
        """The sum, and the exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def run(*command: str | Path, seconds: int = 300) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, errors="replace", timeout=seconds, check=False
    )


def natives(shapes: Path, folder: Path) -> Path:
    """The made files that any sender may send: native, whole, with all that DCMTK asks for."""
    folder.mkdir()
    for row in part10.manifest(shapes):
        file = part10.read(shapes / row["file"])
        if file.transfer_syntax in elements.NATIVE and row["stored_cells_sha256"]:
            shutil.copy(file.path, folder)
    return folder


def snapshot(tree: Path) -> dict[str, tuple]:
    found = {}
    for path in judge_tree.instances(tree):
        state = path.stat()
        found[str(path.relative_to(tree))] = (state.st_ino, state.st_mtime_ns, state.st_size)
    return found


def by_dcmtk(table: Table, target: str, shapes: Path, work: Path) -> None:
    """echoscu, storescu, dcmsend with stock settings; then everything in the tree is decoded and compared."""
    uid = profiles.TARGETS[target]
    files = natives(shapes, work / f"natives-{target}")
    sent = {part10.read(path).sop_instance: path for path in sorted(files.iterdir())}
    # By itself storescu proposes a fixed choice of SOP classes, without segmentations; --required: those of its files.
    for peer, options in (("storescu", ["--scan-directories", "--required"]), ("dcmsend", ["--scan-directories"])):
        with Node(work / f"{peer}-{target}", "--to", target) as node:
            address = ["127.0.0.1", str(node.port)]
            if peer == "storescu":
                echo = run("echoscu", "-aec", node.title, *address)
                table.row(target, "echoscu", "C-ECHO", echo.returncode == 0, echo.stderr.strip()[:80])
                stock = run("storescu", "-aec", node.title, *address, shapes / "ct_unsigned_12.dcm")
                table.row(target, "storescu", "C-STORE of one file without any option", stock.returncode == 0, first_error(stock))
            done = run(peer, "-aec", node.title, *options, *address, files)
            table.row(target, peer, f"C-STORE of {len(sent)} native files", done.returncode == 0, first_error(done))
            stored = {part10.read(path).sop_instance: path for path in judge_tree.instances(node.store)}
            table.row(target, peer, "each is in the tree, nothing else", stored.keys() == sent.keys(), f"{len(stored)} files")
            faults = [f"{sent[i].name}: {f}" for i in sent.keys() & stored.keys() for f in foreign_faults(sent[i], stored[i], uid)]
            table.row(target, peer, "values as sent, two foreign decoders agree", not faults, "; ".join(faults)[:300])
            by_command_line(table, target, peer, sent, stored, work)
        table.row(target, peer, "SIGTERM drains and ends with exit code 0", node.process.returncode == 0)
    compressed_by_dcmsend(table, target, shapes, work)


def compressed_by_dcmsend(table: Table, target: str, shapes: Path, work: Path) -> None:
    """dcmsend offers a compressed file as it is and decoded, and the node prefers its target, then what is native. So
    what is in the target already is kept, every fragment as it was, and the other comes out condensed, cells as they were."""
    uid = profiles.TARGETS[target]
    rows = {row["file"]: row["expected_pixel_sha256"] for row in part10.manifest(shapes)}
    faults = []
    with Node(work / f"compressed-{target}", "--to", target) as node:
        files = [shapes / "already_jpeg_ls.dcm", shapes / "already_rle.dcm"]
        done = run("dcmsend", "-aec", node.title, "127.0.0.1", str(node.port), *files)
        faults += [first_error(done)] if done.returncode else []
        stored = {part10.read(path).sop_instance: part10.read(path) for path in judge_tree.instances(node.store)}
        for path in files:
            sent = part10.read(path)
            kept = stored.get(sent.sop_instance)
            if kept is None or kept.transfer_syntax != uid:
                faults.append(f"{path.name} is stored in {kept and kept.transfer_syntax}")
            elif sent.transfer_syntax == uid and fragments(kept) != fragments(sent):
                faults.append(f"{path.name}: other fragments")
            elif judge_tree.decoded_hash(kept.path, uid, "pylibjpeg") != rows[path.name]:
                faults.append(f"{path.name}: other cells")
        table.row(target, "dcmsend", f"{len(files)} compressed files, kept or condensed", not faults, "; ".join(faults)[:300])


def fragments(file: part10.File) -> list[bytes] | None:
    walked = elements.walk(file.data_set, Encoding(True, False))
    return next(element.fragments for element in walked if element.tag == elements.PIXEL_DATA)


def first_error(done: subprocess.CompletedProcess) -> str:
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("E:", "F:"))]
    return lines[0][:100] if lines else ""


def foreign_faults(sent_path: Path, stored_path: Path, target: str) -> list[str]:
    """A sender that encodes the data set anew may choose another transfer syntax, but values and cells must be the same."""
    sent = part10.read(sent_path)
    encoding = Encoding.of(sent.transfer_syntax)
    sent_elements = elements.walk(sent.elements_bytes(), encoding)
    stored = part10.read(stored_path)
    wanted = profiles.suitable(target, sent.transfer_syntax, sent_elements, encoding)
    if stored.transfer_syntax != target:
        receipt = part10.receipt(stored.meta)
        image = profiles.Image(sent_elements, encoding)
        if wanted is None and profiles.encoded_bytes(target, image) < image.native_bytes():
            return [f"kept ({receipt.get('reason')}), but PS3.5 allows it"]
        return []
    if wanted is not None:
        return [f"condensed, but {wanted}"]
    stored_elements = elements.walk(stored.data_set, Encoding(True, False))
    faults = elements.compare(sent_elements, encoding, stored_elements, target == profiles.JPEG_LS, anew=True)
    expected = hashlib.sha256(profiles.Image(sent_elements, encoding).cells().tobytes()).hexdigest()
    for plugin in judge_tree.DECODERS[target][:2]:
        if judge_tree.decoded_hash(stored_path, target, plugin) != expected:
            faults.append(f"{plugin} decodes other cells")
    return faults


def by_command_line(table: Table, target: str, peer: str, sent: dict, stored: dict, work: Path) -> None:
    """dcmdump reads every stored file; dcmdjpls or dcmdrle give the cells back."""
    unread = [path.name for path in stored.values() if run("dcmdump", "-q", path).returncode]
    table.row(target, "dcmdump", f"reads what {peer} sent", not unread, " ".join(unread)[:200])
    decoder, plain, faults, count = COMMAND_LINE_DECODER[target], work / "plain.dcm", [], 0
    for instance, path in stored.items():
        if part10.read(path).transfer_syntax != profiles.TARGETS[target] or instance not in sent:
            continue
        count += 1
        done = run(decoder, path, plain)
        if done.returncode:
            faults.append(f"{sent[instance].name}: {first_error(done)}")
        elif significant_cells(plain) != significant_cells(sent[instance]):
            faults.append(f"{sent[instance].name}: other cells")
    table.row(target, decoder, f"gives back the cells of {count} files", count > 0 and not faults, "; ".join(faults)[:300])


def significant_cells(path: Path) -> str:
    """Hash of the cells' stored bits: dcmdjpls leaves the bits above them zero, where the sender had the sign."""
    file = part10.read(path)
    encoding = Encoding.of(file.transfer_syntax)
    image = profiles.Image(elements.walk(file.elements_bytes(), encoding), encoding)
    cells = np.ascontiguousarray(image.cells())
    cells = cells.view(f"<u{cells.itemsize}")
    return hashlib.sha256((cells & ((1 << image.stored) - 1)).tobytes()).hexdigest()


def by_pynetdicom(table: Table, target: str, folder: Path, label: str, work: Path, tables: Path | None) -> None:
    """Every file as its bytes are; the whole tree judged; everything sent again; a conflict."""
    files = send_corpus.load(folder)
    name = lambda path: str(path.relative_to(folder))  # noqa: E731
    with Node(work / f"pynetdicom-{label}-{target}", "--to", target) as node:
        answers = send_corpus.send(files, "127.0.0.1", node.port, node.title, name=name)
        silent = [
            f"{answer.file}: {answer.fault}" for answer in answers
            if answer.status is None and answer.sop_class != judge_tree.MEDIA_STORAGE_DIRECTORY
        ]
        table.row(target, "pynetdicom", f"{label}: {len(files)} files, each answered", not silent, "; ".join(silent)[:300])
        verdicts = judge_tree.judge_all(folder, node.store, [asdict(a) for a in answers], profiles.TARGETS[target])
        faulty = [verdict for verdict in verdicts if verdict.faults]
        table.row(target, "pynetdicom", f"{label}: the tree is what was acknowledged", not faulty, f"{len(faulty)} misses")
        judge_tree.report(verdicts)
        if tables:
            judge_tree.write_table(verdicts, tables / f"{label}-{target}.tsv")

        before = snapshot(node.store)
        again = send_corpus.send(files, "127.0.0.1", node.port, node.title, name=name)
        same = [answer.status for answer in again] == [answer.status for answer in answers]
        table.row(target, "pynetdicom", f"{label}: sent again, the same answers", same)
        table.row(target, "pynetdicom", f"{label}: sent again, the tree is unchanged", snapshot(node.store) == before)
        conflict(table, target, label, files, answers, node)
        table.row(target, "pynetdicom", f"{label}: the node is still running", node.running())


def by_compress(table: Table, target: str, folder: Path, label: str, work: Path, *options: str) -> None:
    """`condenser compress` on a folder, with no node."""
    out = work / f"compress-{label}-{target}{''.join(options)}"
    # What came compressed is another matter (tests/cli_decompress.rs): here it stays as it is, as in a node.
    run(binary(), "compress", folder, out, "--to", target, "--recompress", "never", *options)
    uid = profiles.TARGETS[target]
    verdicts = [
        judge_tree.judge_compressed_file(part10.read(folder / row["file"]), row, out / row["file"], uid)
        for row in part10.manifest(folder)
    ]
    faults = [f"{Path(verdict.file).name}: {verdict.faults[0]}" for verdict in verdicts if verdict.faults]
    condensed = sum(verdict.outcome == "condensed" for verdict in verdicts)
    what = f"{label}: {condensed} of {len(verdicts)} files condensed {' '.join(options)}"
    table.row(target, "compress", what, condensed > 0 and not faults, "; ".join(faults)[:300])


def conflict(table: Table, target: str, label: str, files, answers, node: Node) -> None:
    """Another content under a known UID is kept beside it and reported."""
    chosen = next(
        f for f, a in zip(files, answers) if a.status == 0 and f.transfer_syntax == elements.EXPLICIT_LITTLE and b"CT" in f.data_set
    )
    before = snapshot(node.store)
    # The last byte of the data set is a cell, or padding that means nothing: a structure as good as before.
    chosen.data_set = chosen.data_set[:-1] + bytes([chosen.data_set[-1] ^ 1])
    lines = len(node.lines)
    answer = send_corpus.send([chosen], "127.0.0.1", node.port, node.title)[0]
    after = snapshot(node.store)
    new = sorted(after.keys() - before.keys())
    kept = all(after.get(path) == state for path, state in before.items())
    table.row(target, "pynetdicom", f"{label}: a conflict is kept beside", answer.status == 0 and len(new) == 1 and "~" in new[0] and kept, " ".join(new))
    line = next((line for line in node.lines[lines:] if chosen.sop_instance in line and "WARN" in line), "")
    table.row(target, "pynetdicom", f"{label}: a conflict is logged as a warning", bool(line), line[:160])


def main() -> int:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")  # pydicom's, about what is wrong in the files
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--target", action="append", choices=profiles.TARGETS)
    parser.add_argument("--tables", type=Path, help="a folder for the tables of outcomes, one row a file")
    parser.add_argument("--chain", action="store_true", help="only the chain of a sender, the node and Orthanc")
    parser.add_argument("--keep", action="store_true", help="keep the trees")
    arguments = parser.parse_args()
    if arguments.tables:
        arguments.tables.mkdir(parents=True, exist_ok=True)
    table = Table()
    with scratch(arguments.keep) as work:
        if arguments.chain:
            for target in arguments.target or profiles.TARGETS:
                interop_chain.by_chain(table, target, arguments.corpus, work)
            return table.end()
        shapes = work / "shapes"
        made.shapes(shapes)
        for target in arguments.target or profiles.TARGETS:
            by_compress(table, target, shapes, "made", work)
            by_compress(table, target, shapes, "made", work, "--extended-offset-table")
            by_dcmtk(table, target, shapes, work)
            by_pynetdicom(table, target, shapes, "made", work, arguments.tables)
            if arguments.corpus:
                by_compress(table, target, arguments.corpus, "corpus", work)
                by_pynetdicom(table, target, arguments.corpus, "corpus", work, arguments.tables)
                interop_chain.by_chain(table, target, arguments.corpus, work)
    return table.end()


if __name__ == "__main__":
    sys.exit(main())
