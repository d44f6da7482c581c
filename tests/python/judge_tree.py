#!/usr/bin/env python3
"""Judge a storage tree against what was sent into it.

    judge_tree.py CORPUS TREE ANSWERS.json --target JPEGLSLossless|RLELossless [--table FILE.tsv]

For each instance that was answered with Success: it is in the tree, found by the digest in its receipt. Kept as
received: the data set byte for byte, and PS3.5 did not allow to compress it. Condensed: every element but those that
compression changes is the same in value and order, and two foreign decoders give back exactly the stored cells.
For each instance with another answer: it is not in the tree. Nothing else is in the tree. Exit 1 on any miss.
"""

import argparse
import hashlib
import json
import logging
import os
import sys
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import elements
import numpy as np
import part10
import profiles
from blake3 import blake3
from elements import Encoding, Malformed
from pydicom import dcmread
from pydicom.pixels import get_decoder

# Decoders a target, those of different authors first: pylibjpeg is libjpeg by Th. Richter, the other two are CharLS.
DECODERS = {profiles.JPEG_LS: ("pylibjpeg", "pyjpegls", "gdcm"), profiles.RLE: ("pylibjpeg", "pydicom")}
WANTED_DECODERS = 2
# Standard, but no storage class: a storage provider refuses its presentation context.
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
# Answers after which the data set must lie in quarantine, with its reason beside it.
QUARANTINED = (0xA900, 0xC001, 0xC002, 0xC003, 0x0117)
OWN_NAMES = ("quarantine", ".condenser", "queue.db", "queue.db-wal", "queue.db-shm", "queue.db-journal")
OWN_NAMES += ("commitment.db", "commitment.db-wal", "commitment.db-shm", "commitment.db-journal")


@dataclass
class Verdict:
    file: str
    answer: str
    outcome: str = ""  # condensed, kept, answered with a failure
    reason: str = ""  # as the receipt has it
    decoders: str = ""
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def digest(file: part10.File) -> str:
    return blake3(file.transfer_syntax.encode() + b"\0" + file.data_set).hexdigest()


def instances(tree: Path) -> list[Path]:
    """Every file under a final name."""
    return sorted(
        path for path in tree.rglob("*") if path.is_file() and path.relative_to(tree).parts[0] not in OWN_NAMES
    )


def index(tree: Path) -> dict[str, list[Path]]:
    """Digest of what was received → the files that say they hold it."""
    found: dict[str, list[Path]] = {}
    for path in instances(tree):
        with open(path, "rb") as file:
            head = file.read(64 * 1024)
        found.setdefault(part10.receipt(part10.split(head)[0]).get("digest", "no receipt"), []).append(path)
    return found


def quarantine(tree: Path) -> set[bytes]:
    """The data sets in quarantine that have a note with a reason beside them."""
    kept = set()
    for path in (tree / "quarantine").glob("*.dcm"):
        data = path.read_bytes()
        note = path.with_suffix(".json")
        if note.is_file() and json.loads(note.read_text()).get("reason"):
            kept.add(data[part10.split(data)[1] :])
    return kept


def judge(file: part10.File, row: dict[str, str], path: Path, target: str, verdict: Verdict) -> None:
    """One stored instance against what was sent."""
    faults = verdict.faults
    data = path.read_bytes()
    if data[:132] != bytes(128) + b"DICM":
        faults.append("no preamble of zero bytes with DICM")
    meta, start = part10.split(data)
    receipt = part10.receipt(meta)
    stored_syntax = part10.text(meta.get(0x00020010, b""))
    verdict.outcome, verdict.reason = receipt.get("outcome", "?"), receipt.get("reason", "")
    if receipt.get("transfer_syntax") != file.transfer_syntax:
        faults.append(f"receipt: received in {receipt.get('transfer_syntax')}, sent in {file.transfer_syntax}")
    for tag, sent in ((0x00020002, file.sop_class), (0x00020003, file.sop_instance)):
        if part10.text(meta.get(tag, b"")) != sent:
            faults.append(f"file meta {tag:08X} is {meta.get(tag)!r}, sent {sent}")
    sent, expected_kept = expectation(file, target)
    if sent is None:
        faults.append(f"answered Success, but it {expected_kept}")

    if verdict.outcome == "kept":
        if stored_syntax != file.transfer_syntax:
            faults.append(f"kept in {stored_syntax}, sent in {file.transfer_syntax}")
        if data[start:] != file.data_set:
            faults.append("kept, but its data set is not what was sent")
        if not verdict.reason:
            faults.append("kept without a reason")
        if expected_kept is None:
            judge_growth(file, sent, target, verdict)
        else:
            verdict.notes.append(expected_kept)
    elif verdict.outcome == "condensed":
        if stored_syntax != target:
            faults.append(f"condensed into {stored_syntax}")
        if expected_kept is not None:
            faults.append(f"condensed, but {expected_kept}")
        if sent is not None:
            judge_condensed(file, sent, row, path, data[start:], target, verdict)
    else:
        faults.append(f"receipt says {verdict.outcome!r}")


def expectation(file: part10.File, target: str) -> tuple[list[elements.Element] | None, str | None]:
    """The elements, None when they cannot be walked; and why the instance is to be kept, None when it is not."""
    encoding = Encoding.of(file.transfer_syntax)
    try:
        data = file.elements_bytes()
        if file.transfer_syntax not in elements.NATIVE and part10.guessed_syntax(data) == elements.IMPLICIT_LITTLE:
            # Not as the transfer syntax says, but its structure can be known, and it is kept as it is in any case.
            encoding = Encoding(False, False)
        sent = elements.walk(data, encoding)
    except (Malformed, zlib.error) as error:
        return None, f"cannot be walked: {error}"
    return sent, profiles.suitable(target, file.transfer_syntax, sent, encoding)


def judge_compressed_file(file: part10.File, row: dict[str, str], path: Path, target: str) -> Verdict:
    """What `condenser compress` made of a file: condensed where PS3.5 allows it and it gains something, else a copy."""
    verdict = Verdict(row["file"], "")
    if not path.exists():
        verdict.faults.append("no output")
        return verdict
    data = path.read_bytes()
    meta, start = part10.split(data)
    sent, expected_kept = expectation(file, target)
    if part10.text(meta.get(0x00020010, b"")) == target != file.transfer_syntax:
        verdict.outcome = "condensed"
        if expected_kept is not None:
            verdict.faults.append(f"condensed, but {expected_kept}")
        else:
            judge_condensed(file, sent, row, path, data[start:], target, verdict)
    else:
        verdict.outcome, verdict.reason = "kept", expected_kept or "grew"
        if data[start:] != file.data_set:
            verdict.faults.append("kept, but its data set is not that of the file")
        if expected_kept is None:
            judge_growth(file, sent, target, verdict)
    return verdict


def judge_growth(file: part10.File, sent, target: str, verdict: Verdict) -> None:
    """Allowed by PS3.5 and yet kept: right only when compression gains nothing."""
    image = profiles.Image(sent, Encoding.of(file.transfer_syntax))
    size = profiles.encoded_bytes(target, image)
    native = image.native_bytes()
    if verdict.reason == "grew" and size >= native:
        verdict.notes.append(f"{native} bytes become {size}")
    else:
        verdict.faults.append(f"kept ({verdict.reason}), but PS3.5 allows it: {native} bytes become {size}")


def judge_condensed(file, sent, row, path: Path, data_set: bytes, target: str, verdict: Verdict) -> None:
    encoding = Encoding.of(file.transfer_syntax)
    try:
        stored = elements.walk(data_set, Encoding(True, False))
    except Malformed as error:
        verdict.faults.append(f"stored data set cannot be walked: {error}")
        return
    verdict.faults += elements.compare(sent, encoding, stored, planar_becomes_zero=target == profiles.JPEG_LS)[:5]
    pixel_data = next(e for e in stored if e.tag == elements.PIXEL_DATA)
    image = profiles.Image(sent, encoding)
    verdict.faults += judge_offsets(stored, pixel_data.fragments or [], image.frames)
    size = sum(map(len, (pixel_data.fragments or [])[1:]))
    verdict.notes.append(f"ratio {image.native_bytes() / max(1, size):.2f}")
    cells = np.ascontiguousarray(image.cells())
    expected = hashlib.sha256(cells.tobytes()).hexdigest()
    listed = row.get("stored_cells_sha256") or row.get("expected_pixel_sha256")
    if listed and listed != expected:
        verdict.faults.append(f"the manifest's hash {listed[:12]} is not that of the sent cells {expected[:12]}")
    good = []
    for plugin in DECODERS[target]:
        try:
            decoded = decoded_hash(path, target, plugin)
        except Exception as error:  # noqa: BLE001 - whatever a foreign decoder throws is a finding
            verdict.notes.append(f"{plugin}: {' '.join(str(error).split())[:160]}")
            continue
        if decoded == expected:
            good.append(plugin)
        else:
            verdict.faults.append(f"{plugin} decodes other cells: {decoded[:12]} instead of {expected[:12]}")
    verdict.decoders = "+".join(good)
    if len(good) < WANTED_DECODERS:
        verdict.faults.append(f"decoded by {len(good)} foreign decoders only: {'; '.join(verdict.notes)}")


def judge_offsets(stored, fragments: list[bytes], frames: int) -> list[str]:
    """PS3.5 A.4: one fragment a frame, and whichever offset table there is points at each frame's item."""
    if len(fragments) != frames + 1:
        return [f"{len(fragments) - 1} fragments for {frames} frames"]
    faults = []
    if any(len(fragment) % 2 for fragment in fragments):
        faults.append("a fragment of odd length")
    offsets = list(np.cumsum([0] + [8 + len(fragment) for fragment in fragments[1:-1]]))
    extended = {e.tag: e.value for e in stored if e.tag in elements.OFFSET_TABLES}
    if fragments[0]:
        if list(np.frombuffer(fragments[0], "<u4")) != offsets:
            faults.append("Basic Offset Table is wrong")
    elif extended:
        if list(np.frombuffer(extended.get(0x7FE00001, b""), "<u8")) != offsets:
            faults.append("Extended Offset Table is wrong")
        lengths = np.frombuffer(extended.get(0x7FE00002, b""), "<u8")
        if [int(n) + int(n) % 2 for n in lengths] != [len(fragment) for fragment in fragments[1:]]:
            faults.append("Extended Offset Table Lengths are wrong")
    if fragments[0] and extended:
        faults.append("both a Basic and an Extended Offset Table")
    return faults


def decode(path: Path, target: str, plugin: str) -> bytes:
    """The decoded cells as C-order little endian bytes, every stored bit, through one decoder."""
    more = {} if target == profiles.JPEG_LS else {"correct_unused_bits": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array, _ = get_decoder(target).as_array(dcmread(path), raw=True, decoding_plugin=plugin, **more)
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()


def decoded(path: Path, target: str, plugin: str) -> bytes:
    """As `decode`, in a child process: GDCM ends its whole process on some streams."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            try:
                pipe.write(b"=" + decode(path, target, plugin))
            except BaseException as error:  # noqa: BLE001
                pipe.write(f"{type(error).__name__}: {error}".encode()[:1000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if not answer.startswith(b"="):
        raise RuntimeError(answer.decode(errors="replace") or f"the decoder ended its process with status {status}")
    return answer[1:]


def decoded_hash(path: Path, target: str, plugin: str) -> str:
    """SHA-256 of the decoded cells."""
    return hashlib.sha256(decoded(path, target, plugin)).hexdigest()


def judge_all(corpus: Path, tree: Path, answers: list[dict], target: str) -> list[Verdict]:
    found = index(tree)
    quarantined = quarantine(tree)
    rows = {row["file"]: row for row in part10.manifest(corpus)}
    verdicts = []
    claimed: set[Path] = set()
    for answer in answers:
        status = answer["status"]
        verdict = Verdict(answer["file"], answer["fault"] or f"{status:04X} {answer['comment']}".strip())
        verdicts.append(verdict)
        file = part10.read(corpus / answer["file"])
        paths = found.get(digest(file), [])
        if status is None and file.sop_class == MEDIA_STORAGE_DIRECTORY and "context refused" in answer["fault"]:
            verdict.outcome = "refused"
        elif status is None:
            verdict.faults.append(f"no answer ({answer['fault']})")
        elif status != 0:
            verdict.outcome = "refused"
            if status in QUARANTINED and file.data_set not in quarantined:
                verdict.faults.append("not in quarantine")
            verdict.notes.append(expectation(file, target)[1] or "nothing is wrong with it")
            if paths:
                verdict.faults.append(f"answered {status:04X}, but {paths[0].relative_to(tree)} holds it")
        elif not paths:
            verdict.faults.append("answered Success, but it is not in the tree")
        else:
            claimed.update(paths)
            if len(paths) > 1:
                verdict.faults.append(f"stored {len(paths)} times")
            judge(file, rows[answer["file"]], paths[0], target, verdict)
    stray = [path for path in instances(tree) if path not in claimed]
    for path in stray:
        verdicts.append(Verdict(str(path.relative_to(tree)), "", "stray", faults=["in the tree, but nobody sent it"]))
    return verdicts


def report(verdicts: list[Verdict], out=sys.stdout) -> bool:
    """Prints the table of outcomes and every fault; whether all is well."""
    table = Counter((v.outcome or "-", v.reason or (v.answer if v.outcome != "condensed" else v.decoders)) for v in verdicts)
    print(f"{'files':>6}  {'outcome':10}  why", file=out)
    for (outcome, why), count in sorted(table.items()):
        print(f"{count:>6}  {outcome:10}  {why}", file=out)
    faulty = [verdict for verdict in verdicts if verdict.faults]
    for verdict in faulty:
        print(f"MISS {verdict.file} [{verdict.answer}] {verdict.outcome} {verdict.reason}", file=out)
        for fault in verdict.faults:
            print(f"       {fault}", file=out)
    print(f"{len(verdicts) - len(faulty)} instances as they must be, {len(faulty)} not", file=out)
    return not faulty


def write_table(verdicts: list[Verdict], path: Path) -> None:
    with open(path, "w") as out:
        out.write("file\tanswer\toutcome\treason\tdecoders\tnotes\tfaults\n")
        for v in verdicts:
            out.write("\t".join([v.file, v.answer, v.outcome, v.reason, v.decoders, "; ".join(v.notes), "; ".join(v.faults)]) + "\n")


def main() -> int:
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("tree", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--target", choices=profiles.TARGETS, required=True)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    answers = json.loads(arguments.answers.read_text())
    verdicts = judge_all(arguments.corpus, arguments.tree, answers, profiles.TARGETS[arguments.target])
    if arguments.table:
        write_table(verdicts, arguments.table)
    return 0 if report(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
