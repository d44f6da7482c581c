"""What the rows of scripts/faults are made of: their table, a node to break, instances to send, and the judge of what is left.

A row is a function that is given a `Run` and returns one line of figures. It raises `Failed` when the node broke its
word and `Unable` when this machine cannot do what the row needs.
"""

import contextlib
import os
import random
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import judge_tree
import kill_loop
import part10
import profiles
from kill_loop import Source
from running import Node, binary
from wire import Association, Broken

CT_EXPLICIT = "1.2.840.10008.1.2.1"
SUCCESS, OUT_OF_RESOURCES, STORAGE_ERROR = 0x0000, 0xA700, 0xA701
CELLS = 64  # a side


class Failed(Exception):
    """The node did not keep its word."""


class Unable(Exception):
    """What the row needs is not to be had here; the text says what it is."""


@dataclass
class Row:
    ids: list[str]
    title: str
    work: object


ROWS: list[Row] = []


def row(ids: str, title: str):
    """Puts a function into the table, for one row of the matrix or for several that are one experiment."""

    def put(work):
        ROWS.append(Row(ids.split(), title, work))
        return work

    return put


def expect(holds, text: str) -> None:
    if not holds:
        raise Failed(text)


def need(holds, what: str) -> None:
    if not holds:
        raise Unable(what)


def need_root() -> None:
    need(os.geteuid() == 0, "root, to mount file systems")


def need_tool(*names: str) -> None:
    for name in names:
        need(shutil.which(name), f"the program {name}")


@dataclass
class Run:
    """What a row is given."""

    work: Path
    source: Source
    quick: bool
    seed: int = 1
    soak: float | None = None  # minutes, where a soak is all that is wanted
    kills: int = 0  # how often a node was killed with SIGKILL, in all rows
    chance: random.Random = field(init=False)

    def __post_init__(self):
        self.chance = random.Random(self.seed)

    def folder(self, name: str) -> Path:
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path


class Ledger:
    """What was sent in a row, and what the sender read of it."""

    def __init__(self, source: Source):
        self.source = source
        self.sent: dict[str, tuple[part10.File, int]] = {}
        self.statuses: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def acknowledged(self) -> list[str]:
        return [uid for uid, status in self.statuses.items() if status == SUCCESS]

    def associate(self, node: Node, seconds: float = 30, **more) -> Association:
        first = self.source.files[0]
        return Association(node.port, node.title, first.sop_class, first.transfer_syntax, seconds, **more)

    def store(self, association: Association, study: bool = False) -> int:
        """Sends one instance, into a study of its own if asked to, and notes the answer."""
        file, index = self.source.next(study)
        with self._lock:
            self.sent[file.sop_instance] = (file, index)
        status = association.store(file.sop_class, file.sop_instance, file.data_set)
        self.statuses[file.sop_instance] = status
        return status

    def send(self, node: Node, count: int, study: bool = False, seconds: float = 30) -> list[int]:
        """Sends some over one association, as far as the node lets it; gives the statuses."""
        statuses = []
        try:
            association = self.associate(node, seconds)
            for _ in range(count):
                statuses.append(self.store(association, study))
            association.release()
        except (Broken, OSError):
            pass
        return statuses

    def judge(self, store: Path, target: str = profiles.JPEG_LS) -> str:
        """Everything that was acknowledged is there, and everything that is there is whole. Gives the count, or fails."""
        by_uid = {path.stem: path for path in judge_tree.instances(store)}
        for uid, path in by_uid.items():
            expect(uid in self.sent, f"{path.name} has a final name and was never sent")
            file, index = self.sent[uid]
            fault = kill_loop.whole(path, file, self.source.cells[index], target)
            expect(not fault, f"{path.name} has a final name: {fault}")
        lost = [uid for uid in self.acknowledged if uid not in by_uid]
        expect(not lost, f"acknowledged and lost: {lost[:3]}")
        return f"{len(self.acknowledged)} acknowledged, {len(lost)} lost"


def drafts(store: Path) -> list[str]:
    return [path.name for path in (store / ".condenser" / "drafts").glob("*.part")]


def judge_again(ledger: Ledger, store: Path, *arguments: str) -> str:
    """Starts the node once more, which clears what was left behind, and judges the tree."""
    with Node(store, *arguments):
        expect(not drafts(store), f"drafts are left after the start: {drafts(store)[:3]}")
    return ledger.judge(store)


def configured(folder: Path, text: str) -> list[str]:
    """The arguments for a node with a configuration of its own; address, title and store come by flags."""
    path = folder / "node.toml"
    path.write_text(text)
    return ["--config", str(path)]


@contextlib.contextmanager
def mounted(run: Run, name: str, options: str, *, size: str = "", make: tuple[str, ...] = (), kind: str = "ext4"):
    """A file system of its own, on a loop device or in memory, for as long as it is needed. Gives its folder and its image."""
    need_root()
    folder, image = run.folder(name), run.work / f"{name}.img"
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    else:
        need_tool("mkfs.ext4", "losetup")
        image.unlink(missing_ok=True)
        subprocess.run(["truncate", "-s", size, image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", *make, image], check=True, capture_output=True)
        command = ["mount", "-o", f"loop,{options}", image, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    need(done.returncode == 0, f"mounting: {done.stderr.strip()}")
    try:
        yield folder, image
    finally:
        unmount(folder)
        image.unlink(missing_ok=True)


def unmount(folder: Path) -> None:
    subprocess.run(["umount", folder], capture_output=True, check=False)


def vital(pid: int) -> dict[str, int]:
    """What a process holds: bytes of resident memory now and at most, open descriptors, threads."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return {
        "rss": int(status["VmRSS"].split()[0]) * 1024,
        "peak": int(status["VmHWM"].split()[0]) * 1024,
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(status["Threads"]),
    }


def forget_peak(pid: int) -> None:
    """From here on the peak is counted anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def condenser(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([binary(), *words], capture_output=True, text=True, check=False)
