"""A chain of three: other people's senders → the node → Orthanc, over its queue. Every instance that was acknowledged must be in
Orthanc at the end, with the pixels that were sent."""

import hashlib
import os
import re
import subprocess
import time
import warnings
from pathlib import Path

import elements
import judge_tree
import numpy as np
import part10
import send_corpus
from elements import Encoding, Malformed
from orthanc import Orthanc
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.filebase import DicomBytesIO
from pydicom.pixels import pixel_array
from running import Node

INSTANCES = 500
UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")  # PS3.5 9.1; the node answers any other with 0117
UNDECODABLE = {"1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"}  # JPEG XL
# How storescu is told to propose a transfer syntax besides the native ones.
OPTIONS = {
    "1.2.840.10008.1.2": "-xi", "1.2.840.10008.1.2.1": "-xe", "1.2.840.10008.1.2.2": "-xb", "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx", "1.2.840.10008.1.2.4.70": "-xs", "1.2.840.10008.1.2.4.80": "-xt", "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv", "1.2.840.10008.1.2.4.91": "-xw", "1.2.840.10008.1.2.5": "-xr", "1.2.840.10008.1.2.1.99": "-xd",
}


def by_chain(table, target: str, corpus: Path, work: Path) -> None:
    with Orthanc(work / f"orthanc-{target}") as archive:
        files = chosen(corpus, work / f"chain-{target}", archive)
        forward = f"{archive.title}@127.0.0.1:{archive.port}"
        with Node(work / f"chain-store-{target}", "--to", target, "--forward", forward) as node:
            by_hand = send(files, node)
            stored = by_uid(node.store)
            taken = {file.sop_instance: file for file in files if file.sop_instance in stored}
            table.row(target, "storescu", f"{len(files)} mixed instances ({by_hand} by pynetdicom)", len(taken) == len(files), " ".join(file.path.name for file in files if file.sop_instance not in taken)[:300])
            waiting = settled(node)
            table.row(target, "Orthanc", "the queue is empty: everything is delivered", not waiting, str(waiting)[:300])
            by_commitment(table, target, archive, node, list(taken.values()))
            by_dcmtk_client(table, target, node, list(taken.values()))
        there = archive.instances()
        missing = [file.path.name for uid, file in taken.items() if uid not in there]
        table.row(target, "Orthanc", f"{len(taken)} instances are there", not missing, " ".join(missing)[:300])
        faults, decoded = [], 0
        for uid in taken.keys() & there.keys():
            received = archive.read(f"/instances/{there[uid]}/file")
            fault, was_decoded = compare(taken[uid].path, received)
            decoded += was_decoded
            faults += [f"{taken[uid].path.name}: {fault}"] if fault else []
        what = f"pixels are those that were sent ({decoded} decoded, {len(taken) - decoded} bit for bit)"
        table.row(target, "Orthanc", what, not faults, "; ".join(faults)[:300])


def by_commitment(table, target: str, archive: Orthanc, node: Node, taken: list[part10.File]) -> None:
    """Orthanc, whose network is DCMTK's, asks the node to commit what it was sent; the node reports over an association of its own."""
    archive.knows("condenser", node.title, node.port)
    asked = [(file.sop_class, file.sop_instance) for file in taken]
    status, good, bad = archive.committed("condenser", asked)
    everything = status == "Success" and good == {uid for _, uid in asked} and not bad
    table.row(target, "Orthanc", f"the node commits {len(asked)} instances to it", everything, f"{status} {len(good)} {dict(list(bad.items())[:3])}")
    absent = (asked[0][0], "1.2.826.0.1.3680043.8.498.1")
    status, good, bad = archive.committed("condenser", [asked[0], absent])
    honest = (status, good, bad) == ("Failure", {asked[0][1]}, {absent[1]: 0x0112})
    table.row(target, "Orthanc", "and not what it has not", honest, f"{status} {bad}")


def by_dcmtk_client(table, target: str, node: Node, taken: list[part10.File]) -> None:
    """A client of DCMTK's library asks, and waits for the report over the same association: of what is there, of what was deleted and
    of what was altered since."""
    program = os.environ.get("CONDENSER_COMMIT_SCU")
    if not program:
        return
    asked, deleted, altered = taken[:20], taken[20], taken[21]
    files = by_uid(node.store)
    files[deleted.sop_instance].unlink()
    path = files[altered.sop_instance]
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    words = [f"{file.sop_class}:{file.sop_instance}" for file in [*asked, deleted, altered]]
    said = subprocess.run([program, str(node.port), node.title, *words], capture_output=True, text=True, timeout=120, check=False)
    found = set(said.stdout.splitlines())
    wanted = {"status 0000", "event 2", *(f"committed {file.sop_instance}" for file in asked)}
    wanted |= {f"failed {deleted.sop_instance} 0112", f"failed {altered.sop_instance} 0110"}
    table.row(target, "DCMTK client", "20 committed over the same association, 0112 deleted, 0110 altered", found == wanted, str(found ^ wanted)[:300])


def chosen(corpus: Path, folder: Path, archive: Orthanc) -> list[part10.File]:
    """Images of the corpus that are whole and that the archive takes, again and again under other UIDs until there are enough."""
    folder.mkdir()
    whole, made, known = [], [], set()
    for row in part10.manifest(corpus):
        file = part10.read(corpus / row["file"])
        # What nobody here can decode cannot be compared where it had to be decoded on the way.
        usable = row["pixel_element"] == "PixelData" and file.transfer_syntax not in UNDECODABLE
        usable = usable and (row["expected_pixel_sha256"] or row["coding"] == "lossy")
        if usable and UID.fullmatch(file.sop_instance) and is_whole(file) and archive.takes(file.path):
            whole.append(file)
    number = 0
    # The corpus has some instances in several shapes under one UID; and a short UID has few others of its length.
    while len(made) < INSTANCES:
        file = whole[number % len(whole)]
        turn = number // len(whole)
        uid = other(file.sop_instance, turn)
        number += 1
        if uid not in known:
            known.add(uid)
            path = folder / f"{number}.dcm"
            path.write_bytes(file.path.read_bytes().replace(file.sop_instance.encode(), uid.encode()))
            # The UID of a deflated data set cannot be replaced.
            made += [file for file in [part10.read(path)] if file.sop_instance == uid]
    return made


def other(uid: str, turn: int) -> str:
    """As long as it was: the last digits are counted on."""
    start, last = uid.rsplit(".", 1)
    counted = str((int(last) + turn) % 10 ** len(last))
    return f"{start}.{counted.rjust(len(last), '1')}"


def is_whole(file: part10.File) -> bool:
    try:
        walked = {element.tag for element in elements.walk(file.elements_bytes(), Encoding.of(file.transfer_syntax))}
    except (Malformed, ValueError, KeyError):
        return False
    return {0x00080016, 0x00080018, 0x0020000D, 0x0020000E} <= walked


def by_uid(store: Path) -> dict[str, Path]:
    return {part10.read(path).sop_instance: path for path in judge_tree.instances(store)}


def send(files: list[part10.File], node: Node) -> int:
    """By storescu, those of one transfer syntax at a time; by pynetdicom where storescu has no word for it or failed. How many
    those were."""
    by_syntax: dict[str, list[part10.File]] = {}
    for file in files:
        by_syntax.setdefault(file.transfer_syntax, []).append(file)
    for syntax, group in by_syntax.items():
        if syntax in OPTIONS:
            paths = [file.path for file in group]
            subprocess.run(
                ["storescu", "-aec", node.title, "--required", "--no-halt", OPTIONS[syntax], "127.0.0.1", str(node.port), *paths],
                capture_output=True, timeout=600, check=False,
            )
    stored = by_uid(node.store)
    rest = [file for file in files if file.sop_instance not in stored]
    send_corpus.send(rest, "127.0.0.1", node.port, node.title)
    return len(rest)


def settled(node: Node, seconds: float = 300) -> list[str]:
    """Waits until nothing moves any more; what is not delivered then."""
    deadline = time.monotonic() + seconds
    while True:
        counts = node.queue("counts")
        moving = [row for row in counts if row["state"] not in ("delivered", "held")]
        if not moving or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return [f"{row['sop_instance']} {row['state']}: {row['error']}" for row in node.queue("list", "--limit", "0") if row["state"] != "delivered"]


def compare(sent: Path, received: bytes) -> tuple[str, bool]:
    """What is wrong, and whether pixels had to be decoded in order to tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = dcmread(sent, force=True), dcmread(DicomBytesIO(received))
        syntax = getattr(ours.file_meta, "TransferSyntaxUID", None)
        if syntax == theirs.file_meta.TransferSyntaxUID:
            return ("" if codestreams(ours) == codestreams(theirs) else "other Pixel Data"), False
        try:
            cells = [cells_of(data_set) for data_set in (ours, theirs)]
        except Exception as error:  # noqa: BLE001 - whatever a decoder says
            return f"{type(error).__name__}: {error}", True
    return ("" if cells[0] == cells[1] else "other cells"), True


def codestreams(data_set) -> list[bytes]:
    """The pixels as they are encoded, without the byte that makes a length even (a sender may add it)."""
    if not data_set.file_meta.TransferSyntaxUID.is_encapsulated:
        return [data_set.PixelData]
    frames = generate_frames(data_set.PixelData, number_of_frames=int(data_set.get("NumberOfFrames") or 1))
    return [frame.rstrip(b"\0") for frame in frames]


def cells_of(data_set) -> bytes:
    array = pixel_array(data_set, raw=True)
    return hashlib.sha256(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()).digest()
