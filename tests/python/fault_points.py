"""Rows K01 to K03, K09, K16 and P09: the N-th system call of a kind is the last one, fails or takes long, for every N.

strace counts the calls of each thread by itself. So it is attached to the threads whose calls are meant, when they are
there already: to the whole node for those that store, to the thread `queue` for those of the queue, and from its first
call on for those of the start. A sweep ends when the N-th call does not come any more.
"""

import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from fault_rows import (
    OUT_OF_RESOURCES, STORAGE_ERROR, SUCCESS, Failed, Ledger, Run, condenser, configured, drafts, expect, judge_again, need, need_tool, row,
)
from running import Node
from wire import Association, Broken

WHOLE, QUEUE = "node", "queue"
STORING = ("openat", "mkdirat", "pwrite64", "pwritev", "fsync", "renameat2", "unlinkat", "sendto")
QUEUEING = ("pwrite64", "fdatasync", "fsync", "openat")
OPENING = ("mkdirat", "fsync", "renameat2", "unlinkat", "write")
NOWHERE = "ARCHIVE@127.0.0.1:9"  # nobody listens on the discard port: deliveries are queued and stay
LOW_WATER = "[store]\nlow_water = 0\n"
MOST = 400


@dataclass
class Point:
    """What became of one injected fault."""

    call: str = ""  # the injected call as strace shows it; empty when it never came
    statuses: tuple[int, ...] = ()
    log: str = ""


def thread_of(node: Node, name: str) -> int:
    """The number of the thread of this name; that of the whole node for `node`."""
    if name == WHOLE:
        return node.process.pid
    for task in Path(f"/proc/{node.process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise Failed(f"the node has no thread {name}")


class Strace:
    """strace on a running node. A context manager: detaches at the end."""

    def __init__(self, node: Node, name: str, call: str, fault: str, log: Path):
        self.log, self.kills = log, "KILL" in fault
        log.unlink(missing_ok=True)
        follow = ["-f"] if name == WHOLE else []
        self.process = subprocess.Popen(
            ["strace", *follow, "-y", "-s", "0", "-e", f"trace={call}", "-e", f"inject={call}:{fault}",
             "-o", log, "-p", str(thread_of(node, name))],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        line = self.process.stderr.readline()
        need("attached" in line, f"strace that may attach to a process ({line.strip()})")
        # Whatever else it says is not needed, and must not fill its pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None and not self.kills:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(1 if self.kills else 20)
        except subprocess.TimeoutExpired:
            # It waits for a thread that was born while the process was killed. All is written by now; without its tracer
            # the process can be waited for.
            self.process.kill()
            self.process.wait()

    def trace(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


def injected(trace: str, kill: bool) -> str:
    """The call that was hit: the one that strace marks, or the last one of a process that was killed."""
    lines = trace.splitlines()
    if kill:
        if not any("killed by SIGKILL" in line for line in lines):
            return ""
        calls = [line for line in lines if "(" in line]
        return calls[-1].split(" ", 1)[-1].strip() if calls else "?"
    return next((line.split(" ", 1)[-1].strip() for line in lines if "(INJECTED)" in line or "(DELAYED)" in line), "")


def point(run: Run, name: str, call: str, fault: str, number: int, *, after: bool) -> Point:
    """One node, one fault: an instance before it, two during it, with `after` one more when it is over. All are judged."""
    folder = run.folder("point")
    store, trace = folder / "store", folder / "trace"
    options = [*configured(folder, LOW_WATER), "--forward", NOWHERE]
    ledger = Ledger(run.source)
    kill = "KILL" in fault
    node = Node(store, *options)
    statuses: list[int] = []
    try:
        expect(ledger.send(node, 1) == [SUCCESS], "the first instance, before any fault, was not stored")
        with Strace(node, name, call, f"{fault}:when={number}", trace) as strace:
            statuses = ledger.send(node, 2, study=True)
        if after and node.running():
            statuses += ledger.send(node, 1)
        hit = injected(strace.trace(), kill)
        expect(kill or node.running(), f"{call} {number}: the node ended: {node.lines[-3:]}")
        log = strace.trace()
    finally:
        node.kill()
    try:
        judge_again(ledger, store, *options)
        queued = condenser("queue", "list", "--json", "--store", str(store))
        missing = [uid for uid in ledger.acknowledged if uid not in queued.stdout]
        expect(not missing, f"acknowledged and not to be delivered: {missing} {queued.stderr[-200:]}")
    except (Failed, RuntimeError) as error:
        raise Failed(f"{name}: {call} {number} with {fault} ({hit}): {error}") from error
    return Point(hit, tuple(statuses), log)


def sweep(run: Run, name: str, call: str, fault: str, *, after: bool = False):
    """Every point of one call, until it does not come any more; in a quick run, those that are a power of two."""
    number = 1
    while number < MOST:
        found = point(run, name, call, fault, number, after=after)
        if not found.call:
            return
        yield number, found
        number = number * 2 if run.quick else number + 1


def opening(run: Run, call: str, number: int) -> bool:
    """A node that is killed while it opens a store with an instance and a draft in it. Whether the call came."""
    folder = run.folder("opening")
    store, trace = folder / "store", folder / "trace"
    ledger = Ledger(run.source)
    with Node(store) as node:
        expect(ledger.send(node, 2) == [SUCCESS] * 2, "nothing was stored")
    (store / ".condenser" / "drafts" / "00ff.part").write_bytes(b"half an instance")
    prefix = ("strace", "-f", "-y", "-s", "0", "-o", str(trace), "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
    came = False
    try:
        Node(store, prefix=prefix).kill()
    except RuntimeError:
        came = "killed by SIGKILL" in trace.read_text()
        expect(came, f"start: {call} {number}: the node did not start and was not killed")
    judge_again(ledger, store)
    return came


@row("K01", "kill -9 at the N-th system call, every N")
def killed(run: Run) -> str:
    need_tool("strace")
    counts = {}
    for name, calls in ((WHOLE, STORING), (QUEUE, QUEUEING)):
        for call in calls:
            counts[f"{name} {call}"] = sum(1 for _ in sweep(run, name, call, "signal=KILL"))
    for call in OPENING:
        number = 1
        while number < MOST and opening(run, call, number):
            number = number * 2 if run.quick else number + 1
            counts[f"start {call}"] = counts.get(f"start {call}", 0) + 1
    total = sum(counts.values())
    expect(total > (20 if run.quick else 100), f"only {total} points: {counts}")
    run.kills += total
    return f"{total} points, 0 acknowledged and lost ({', '.join(f'{call} {count}' for call, count in counts.items() if count)})"


@row("K02", "ENOSPC at the N-th system call, every N")
def no_space(run: Run) -> str:
    need_tool("strace")
    answers: dict[int, int] = {}
    total = 0
    for name, call in ((WHOLE, "mkdirat"), (WHOLE, "pwrite64"), (WHOLE, "pwritev"), (WHOLE, "fsync"), (WHOLE, "renameat2"), (QUEUE, "pwrite64")):
        for number, found in sweep(run, name, call, "error=ENOSPC", after=True):
            total += 1
            for status in found.statuses:
                answers[status] = answers.get(status, 0) + 1
            where = f"{name} {call} {number}: {shown(found)} {found.call}"
            directory = call == "fsync" and "/store" in found.call and ".part>" not in found.call and "queue.db" not in found.call
            # SQLite does not say why a sync of the queue failed; then it is a storage error, as all is on a fenced volume.
            other = [STORAGE_ERROR] if directory or "queue.db" in found.log else []
            expect(set(found.statuses) <= {SUCCESS, OUT_OF_RESOURCES, *other}, where)
            if directory:
                # A directory that cannot be synced leaves names in doubt, whatever it fails with: nothing more is stored.
                first = next(at for at, status in enumerate(found.statuses) if status != SUCCESS)
                expect(SUCCESS not in found.statuses[first:], f"{where}: stored where names are in doubt")
            else:
                expect(found.statuses[-1] == SUCCESS, f"{where}: not stored afterwards")
    expect(total > 5 and answers.get(OUT_OF_RESOURCES), f"{total} points, {answers}")
    return f"{total} points; answers {shown_counts(answers)}"


@row("K03", "EIO at the N-th system call, every N; no second fsync")
def broken_disk(run: Run) -> str:
    need_tool("strace")
    answers: dict[int, int] = {}
    total = fences = 0
    for name, call in ((WHOLE, "mkdirat"), (WHOLE, "pwrite64"), (WHOLE, "pwritev"), (WHOLE, "fsync"), (WHOLE, "renameat2"), (QUEUE, "pwrite64"), (QUEUE, "fdatasync")):
        for number, found in sweep(run, name, call, "error=EIO", after=True):
            total += 1
            for status in found.statuses:
                answers[status] = answers.get(status, 0) + 1
            where = f"{name} {call} {number}: {shown(found)} {found.call}"
            # A courier, too, writes to the queue, and it tells nobody but the log.
            expect(STORAGE_ERROR in found.statuses or name == QUEUE or "queue.db" in found.call, f"{where}: no storage error was told")
            if name == WHOLE and call == "fsync":
                fences += 1
                later = found.log.split("(INJECTED)", 1)[1]
                expect(not re.search(r"fsync\(", later), f"{where}: a sync after the one that failed")
                first = found.statuses.index(STORAGE_ERROR)
                expect(SUCCESS not in found.statuses[first:], f"{where}: stored on a volume that failed")
    expect(total > 5 and fences, f"{total} points, {fences} fences")
    return f"{total} points, {fences} failed syncs each fenced the volume; answers {shown_counts(answers)}"


@row("K16", "ESTALE and EINTR at the N-th system call")
def stale(run: Run) -> str:
    need_tool("strace")
    total = 0
    for error in ("ESTALE", "EINTR"):
        for call in ("pwrite64", "pwritev", "fsync", "renameat2"):
            for number, found in sweep(run, WHOLE, call, f"error={error}", after=True):
                total += 1
                expect(set(found.statuses) <= {SUCCESS, OUT_OF_RESOURCES, STORAGE_ERROR}, f"{call} {number} {error}: {shown(found)}")
    expect(total > 5, f"only {total} points")
    return f"{total} points: stored, or A700 or A701; nothing hangs"


@row("K09 P09", "every fsync takes five seconds")
def slow_disk(run: Run) -> str:
    need_tool("strace")
    folder = run.folder("slow")
    store, seconds = folder / "store", 2 if run.quick else 5
    ledger = Ledger(run.source)
    with Node(store, *configured(folder, LOW_WATER)) as node:
        ledger.send(node, 1)
        with Strace(node, WHOLE, "fsync", f"delay_enter={seconds * 1_000_000}", folder / "trace") as strace:
            start = time.monotonic()
            senders = [threading.Thread(target=ledger.send, args=(node, 1), kwargs={"seconds": 120}) for _ in range(8)]
            for sender in senders:
                sender.start()
            slowest = 0.0
            while time.monotonic() - start < 2 * seconds - 1:
                slowest = max(slowest, echo(node))
                time.sleep(0.05)
            unanswered = 9 - len(ledger.statuses)
            for sender in senders:
                sender.join()
            took = time.monotonic() - start
        expect("DELAYED" in strace.trace(), "no fsync was delayed")
    expect(len(ledger.acknowledged) == 9, f"{ledger.statuses}")
    expect(unanswered >= 1, "an instance was acknowledged before its syncs ended")
    expect(slowest < 1, f"a C-ECHO took {slowest:.2f} s meanwhile")
    judge_again(ledger, store)
    return f"8 instances acknowledged after {took:.1f} s, the slowest C-ECHO meanwhile {slowest * 1000:.0f} ms"


def echo(node: Node) -> float:
    """Seconds from the connection to the answer."""
    start = time.monotonic()
    association = Association(node.port, node.title, "1.2.840.10008.1.1", "1.2.840.10008.1.2", 20)
    expect(association.echo() == 0, "an echo was not answered with Success")
    association.release()
    return time.monotonic() - start


def shown(found: Point) -> str:
    return " ".join(f"{status:04X}" for status in found.statuses)


def shown_counts(answers: dict[int, int]) -> str:
    return ", ".join(f"{count} × {status:04X}" for status, count in sorted(answers.items()))
