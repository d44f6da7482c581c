#!/usr/bin/env python3
"""Kill the node with SIGKILL at random moments of a running transfer, and look at what it left.

    kill_loop.py [--tries 200] [--seed N] [--target NAME]

After each kill: every instance that the sender saw Success for is in the tree, whole: its structure ends at its last
byte, its receipt holds the digest of what was sent, a foreign decoder gives the sent cells back. Every other file under
a final name is as whole. The node starts again on the same store and has cleared its drafts. At the end all of it is
looked at once more. (What survives a loss of power needs another test: the page cache outlives a killed process.)
"""

import argparse
import random
import sys
import threading
import time
from pathlib import Path

import elements
import judge_tree
import jpeg_ls
import made
import numpy as np
import part10
import profiles
from elements import Encoding, Malformed
from running import Node, scratch
from wire import Association, Broken

ASSOCIATIONS = 2
DRAWN = 8
SIZE = 192  # cells a side: several instances fit between start and kill
LITTLE = Encoding(True, False)


class Source:
    """Instances without end: the same few drawn slices, each time under a new SOP Instance UID of the same length."""

    def __init__(self, folder: Path, size: int = SIZE):
        made.series(folder, DRAWN, size)
        self.files = [part10.read(path) for path in sorted(folder.glob("*.dcm"))]
        self.cells = [profiles.Image(elements.walk(f.data_set, LITTLE), LITTLE).cells().tobytes() for f in self.files]
        self._number = 10**6
        self._lock = threading.Lock()

    def next(self, study: bool = False) -> tuple[part10.File, int]:
        """The next one and which drawn slice it is; of the same study as the others, or of one of its own."""
        with self._lock:
            self._number += 1
            number = self._number
        index = number % DRAWN
        old = self.files[index]
        uid = old.sop_instance[:-7] + str(number)
        data_set = old.data_set.replace(old.sop_instance.encode(), uid.encode())
        if study:
            common = made.uid("study").encode()
            data_set = data_set.replace(common, common[:-7] + str(number).encode())
        return part10.File(old.path, {}, data_set, old.transfer_syntax, old.sop_class, uid), index


class Sender(threading.Thread):
    """Sends over one association until the node is gone; knows what was answered."""

    def __init__(self, node: Node, source: Source, started: threading.Event):
        super().__init__(daemon=True)
        self.node, self.source, self.started = node, source, started
        self.sent: dict[str, tuple[part10.File, int]] = {}
        self.acknowledged: list[str] = []
        self.faults: list[str] = []

    def run(self):
        try:
            first = self.source.files[0]
            association = Association(self.node.port, self.node.title, first.sop_class, first.transfer_syntax)
            while True:
                file, index = self.source.next()
                self.sent[file.sop_instance] = (file, index)
                self.started.set()
                status = association.store(file.sop_class, file.sop_instance, file.data_set)
                if status == 0:
                    self.acknowledged.append(file.sop_instance)
                else:
                    self.faults.append(f"{file.sop_instance} answered {status:04X}")
        except (Broken, OSError):
            self.started.set()


def whole(path: Path, file: part10.File, cells: bytes, target: str) -> str:
    """Empty, or what is wrong with a stored file."""
    try:
        stored = part10.read(path)
        walked = elements.walk(stored.data_set, LITTLE)
    except (Malformed, ValueError, OSError) as error:
        return f"cannot be read: {error}"
    if part10.receipt(stored.meta).get("digest") != judge_tree.digest(file):
        return "its receipt has another digest"
    if stored.transfer_syntax != target:
        return f"stored in {stored.transfer_syntax}"
    if target == profiles.JPEG_LS:
        fragments = next(e.fragments for e in walked if e.tag == elements.PIXEL_DATA)
        if np.ascontiguousarray(jpeg_ls.decode(np.frombuffer(fragments[1], "u1"))).tobytes() != cells:
            return "other cells"
    elif judge_tree.decode(path, target, "pylibjpeg") != cells:
        return "other cells"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=profiles.TARGETS, default="JPEGLSLossless")
    parser.add_argument("--longest", type=float, default=0.25, help="seconds from the first request to the kill, at most")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    target = profiles.TARGETS[arguments.target]
    faults: list[str] = []
    acknowledged: dict[str, tuple[part10.File, int]] = {}
    seen: set[Path] = set()
    unanswered = extra = 0
    started = time.monotonic()
    with scratch() as work:
        source = Source(work / "slices")
        store = work / "store"
        for number in range(1, arguments.tries + 1):
            node = Node(store, "--to", arguments.target)
            drafts = [path.name for path in (store / ".condenser" / "drafts").glob("*")]
            if drafts:
                faults.append(f"try {number}: drafts of the killed node are still there: {drafts[:3]}")
            going = threading.Event()
            senders = [Sender(node, source, going) for _ in range(ASSOCIATIONS)]
            for sender in senders:
                sender.start()
            going.wait(10)
            time.sleep(chance.uniform(0, arguments.longest))
            node.kill()
            for sender in senders:
                sender.join(30)
            sent = {uid: entry for sender in senders for uid, entry in sender.sent.items()}
            answered = [uid for sender in senders for uid in sender.acknowledged]
            faults += [f"try {number}: {fault}" for sender in senders for fault in sender.faults]
            new = [path for path in judge_tree.instances(store) if path not in seen]
            seen.update(new)
            by_uid = {}
            for path in new:
                uid = path.stem
                if uid not in sent:
                    faults.append(f"try {number}: {path.name} under a final name was not sent in this try")
                    continue
                by_uid[uid] = path
                fault = whole(path, sent[uid][0], source.cells[sent[uid][1]], target)
                if fault:
                    faults.append(f"try {number}: {path.name} under a final name: {fault}")
            for uid in answered:
                if uid not in by_uid:
                    faults.append(f"try {number}: {uid} was answered Success and is not in the tree")
                acknowledged[uid] = sent[uid]
            unanswered += len(sent) - len(answered)
            extra += len(by_uid.keys() - set(answered))
            if number % 50 == 0 or len(faults) > 20:
                print(f"{number} kills, {len(acknowledged)} acknowledged, {len(faults)} faults", flush=True)
            if len(faults) > 20:
                break
        # Once more at the end, after a clean start: nothing that was acknowledged was lost by a later start.
        with Node(store, "--to", arguments.target):
            left = {path.stem: path for path in judge_tree.instances(store)}
        for uid, (file, index) in acknowledged.items():
            fault = whole(left[uid], file, source.cells[index], target) if uid in left else "is lost"
            if fault:
                faults.append(f"at the end: {uid} {fault}")
    print(f"{number} kills in {time.monotonic() - started:.0f} s while instances were in flight: {len(acknowledged)} acknowledged,")
    print(f"{unanswered} unanswered, of which {extra} are in the tree, whole.")
    for fault in faults:
        print(f"FAULT {fault}")
    print("every acknowledged instance is whole, no partial file" if not faults else f"{len(faults)} faults")
    return 1 if faults or not acknowledged else 0


if __name__ == "__main__":
    sys.exit(main())
