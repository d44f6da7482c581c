"""Measurements of forwarding, for bench.py: rates against other senders, three peers at once, a restart with a long queue, what
an enqueued delivery costs the sender."""

import os
import re
import sqlite3
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import judge_tree
import made
from orthanc import Orthanc
from running import Node, Storescp, binary, fast_sender, free_port, scratch

PYTHON = sys.executable
HERE = Path(__file__).parent
NODELAY = {**os.environ, "TCP_NODELAY": "1"}  # DCMTK: Nagle's algorithm off


class Scp:
    """tests/python/scp.py: answers as it is told."""

    def __init__(self, *options: str):
        self.process = subprocess.Popen(
            [PYTHON, HERE / "scp.py", *options], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            start_new_session=True,
        )
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Receiver(Storescp):
    """storescp as ARCHIVE on a port of our choice, with DCMTK's environment."""

    def __init__(self, folder: Path, port: int | None = None, nodelay: bool = False):
        folder.mkdir(exist_ok=True)
        super().__init__(folder, "ARCHIVE", port=port, env=NODELAY if nodelay else None)


def configured(folder: Path, peers: dict[str, int], concurrency: int = 1) -> Path:
    """A node whose one rule forwards everything, as it came, to these peers: name → port. The first of them is asked again soon, so
    that it need not be waited for; the others as a node does by default."""
    path = folder / f"{'-'.join(peers)}.toml"
    lines = ["[compress]", "to = 'none'", "[[rule]]", "name = 'all'", f"forward = {list(peers)}"]
    for number, (name, port) in enumerate(peers.items()):
        lines += ["[[peer]]", f"name = '{name}'", "ae_title = 'ARCHIVE'", f"address = '127.0.0.1:{port}'"]
        lines += [f"concurrency = {concurrency}"] + ["retry = { first = '20 ms', longest = '100 ms' }"] * (number == 0)
    path.write_text("\n".join(lines) + "\n")
    return path


def fill(node: Node, folder: Path, count: int, associations: int = 4) -> float:
    """Sends instances to the node; seconds."""
    done = subprocess.run(
        [fast_sender(), "--called", node.title, "--associations", str(associations), "--count", str(count),
         f"127.0.0.1:{node.port}", folder],
        capture_output=True, text=True, timeout=900, check=False,
    )
    if done.returncode:
        raise SystemExit(f"fast_sender failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return float(re.search(r"seconds=([\d.]+)", done.stdout)[1])


def delivered(node: Node, to: str) -> list[float]:
    """When each delivery to a peer was logged, in seconds."""
    moments = []
    for line in node.lines:
        if "instance delivered" in line and f"to={to} " in line:
            text = re.search(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line)[0]
            moments.append(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    return moments


def wait_delivered(node: Node, to: str, count: int, seconds: float = 300) -> list[float]:
    deadline = time.monotonic() + seconds
    while True:
        moments = delivered(node, to)
        if len(moments) >= count:
            return moments
        if time.monotonic() > deadline or not node.running():
            raise SystemExit(f"{len(moments)} of {count} delivered to {to}:\n" + "\n".join(node.lines[-10:]))
        time.sleep(0.05)


def rate(moments: list[float]) -> float:
    """Deliveries a second, from the first to the last: how long the peer was waited for is not in it."""
    return (len(moments) - 1) / (moments[-1] - moments[0])


# --- one association, against other senders ----------------------------------------------------------------------


def by_dcmsend(work: Path, files: Path, count: int, nodelay: bool) -> float:
    with Receiver(work / "in", nodelay=nodelay) as peer:
        started = time.monotonic()
        done = subprocess.run(
            ["dcmsend", "-aec", "ARCHIVE", "--scan-directories", "127.0.0.1", str(peer.port), files],
            capture_output=True, text=True, env=NODELAY if nodelay else None, timeout=900, check=False,
        )
        if done.returncode:
            raise SystemExit(f"dcmsend failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return count / (time.monotonic() - started)


def by_condenser_send(work: Path, files: Path, count: int, nodelay: bool) -> float:
    with Receiver(work / "in", nodelay=nodelay) as peer:
        started = time.monotonic()
        done = subprocess.run(
            [binary(), "send", files, f"ARCHIVE@127.0.0.1:{peer.port}"], capture_output=True, text=True, timeout=900, check=False,
        )
        if done.returncode:
            raise SystemExit(f"condenser send failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return count / (time.monotonic() - started)


def by_courier(work: Path, files: Path, count: int, nodelay: bool) -> float:
    """The node: everything is queued while nobody listens, then the peer comes."""
    port = free_port()
    config = configured(work, {"archive": port})
    with Node(work / "store", "--config", str(config)) as node:
        fill(node, files, count)
        with Receiver(work / "in", port, nodelay):
            return rate(wait_delivered(node, "archive", count))


def by_orthanc(work: Path, files: Path, count: int, nodelay: bool) -> float:
    with Receiver(work / "in", nodelay=nodelay) as peer, Orthanc(work / "orthanc", {"archive": ("ARCHIVE", peer.port)}) as sender:
        subprocess.run([binary(), "send", files, f"ORTHANC@127.0.0.1:{sender.port}"], capture_output=True, check=True)
        if len(sender.instances()) != count:
            raise SystemExit("Orthanc has not taken everything")
        started = time.monotonic()
        sender.send("archive")
        return count / (time.monotonic() - started)


# name → (what it is, how it is driven, whether DCMTK's Nagle is off)
SENDERS = {
    "dcmsend": ("DCMTK `dcmsend` → stock `storescp`", by_dcmsend, False),
    "orthanc": ("Orthanc's C-STORE SCU → stock `storescp`", by_orthanc, False),
    "send": ("`condenser send` → stock `storescp`", by_condenser_send, False),
    "courier": ("Condenser's courier, out of its queue → stock `storescp`", by_courier, False),
    "dcmsend-nodelay": ("DCMTK `dcmsend` → `storescp`, both with TCP_NODELAY=1", by_dcmsend, True),
    "send-nodelay": ("`condenser send` → `storescp` with TCP_NODELAY=1", by_condenser_send, True),
    "courier-nodelay": ("Condenser's courier → `storescp` with TCP_NODELAY=1", by_courier, True),
}
# (who, against whom, at least so many times as fast)
WANTED = [("courier", "dcmsend", 5.0), ("courier-nodelay", "dcmsend-nodelay", 1.0), ("courier", "orthanc", 1.0)]


def forward(arguments) -> tuple[bool, list[str]]:
    figures: dict[str, list[float]] = {name: [] for name in SENDERS}
    count = arguments.instances
    with scratch() as work:
        files = work / "ct"
        made.series(files, count)
        megabytes = sum(path.stat().st_size for path in files.iterdir()) / 1e6
        for turn in range(arguments.rounds):
            for name, (_, drive, nodelay) in SENDERS.items():
                place = work / f"{name}-{turn}"
                place.mkdir()
                figures[name].append(drive(place, files, count, nodelay))
                arrived = len(list((place / "in").iterdir()))
                if arrived != count:
                    raise SystemExit(f"{name}: {arrived} of {count} instances arrived")
                subprocess.run(["rm", "-rf", str(place)], check=True)
                print(f"round {turn + 1}: {name:18} {figures[name][-1]:8.1f} instances/s", file=sys.stderr, flush=True)
    middle = {name: statistics.median(rates) for name, rates in figures.items()}
    lines = [
        f"{count} CT of 512 × 512 ({megabytes:.0f} MB), as they are, one association, {arguments.rounds} interleaved rounds; medians.",
        "",
        "| sender → receiver | instances/s | MB/s | min – max |",
        "|---|---|---|---|",
    ]
    for name, (what, _, _) in SENDERS.items():
        lines.append(
            f"| {what} | {middle[name]:.1f} | {middle[name] * megabytes / count:.1f} | "
            f"{min(figures[name]):.1f} – {max(figures[name]):.1f} |"
        )
    good, verdicts = True, []
    for who, against, least in WANTED:
        times = middle[who] / middle[against]
        good &= times >= least
        verdicts.append(f"{who} against {against}: {times:.1f} × (wanted: ≥ {least:g} ×)")
    return good, [*lines, "", "; ".join(verdicts) + "."]


# --- three peers -------------------------------------------------------------------------------------------------


def peers(arguments) -> tuple[bool, list[str]]:
    """One peer that is down, one that needs five seconds for an answer, one that is healthy: the healthy one's rate against
    its rate alone."""
    alone, beside = [], []
    count = arguments.instances
    with scratch() as work:
        files = work / "ct"
        made.series(files, min(count, 200))
        for turn in range(arguments.rounds):
            # The disk gets slower or faster while it is written to: neither is always the second.
            for together in (False, True) if turn % 2 == 0 else (True, False):
                place = work / f"{turn}-{together}"
                place.mkdir()
                port = free_port()
                with Scp("--delay", "5") as slow:
                    others = {"down": free_port(), "slow": slow.port} if together else {}
                    config = configured(place, {"healthy": port, **others})
                    with Node(place / "store", "--config", str(config)) as node:
                        fill(node, files, count)
                        with Receiver(place / "in", port):
                            figure = rate(wait_delivered(node, "healthy", count))
                        node.kill()
                (beside if together else alone).append(figure)
                subprocess.run(["rm", "-rf", str(place)], check=True)
                print(f"round {turn + 1}: {'beside two others' if together else 'alone'} {figure:.1f}/s", file=sys.stderr, flush=True)
    # Of one round, so that the disk is the same for both.
    share = 100 * statistics.median(both / one for one, both in zip(alone, beside, strict=True))
    line = (
        f"A healthy peer (`storescp`) gets {statistics.median(beside):.1f} instances/s beside one that is down and one that takes 5 s an "
        f"answer, and {statistics.median(alone):.1f} alone; within a round {share:.0f} % (wanted: ≥ 90 %). {count} CT, medians of {arguments.rounds} "
        f"interleaved rounds."
    )
    return share >= 90, [line]


# --- a restart with a long queue ---------------------------------------------------------------------------------


def restart(arguments) -> tuple[bool, list[str]]:
    """The node starts on a queue with so many rows; all of them name one file, which is what the peer gets."""
    rows = arguments.rows
    with scratch() as work:
        port = free_port()
        config = configured(work, {"archive": port}, concurrency=2)
        made.series(work / "ct", 1)
        with Node(work / "store", "--config", str(config)) as node:
            fill(node, work / "ct", 1, 1)
        lengthen(work / "store" / "queue.db", rows)
        with Receiver(work / "in", port):
            started = time.monotonic()
            with Node(work / "store", "--config", str(config)) as node:
                listening = time.monotonic() - started
                while not delivered(node, "archive"):
                    if time.monotonic() - started > 60:
                        raise SystemExit("nothing is delivered:\n" + "\n".join(node.lines[-10:]))
                    time.sleep(0.02)
                forwarding = time.monotonic() - started
                time.sleep(10)
                count, peak = len(delivered(node, "archive")), node.peak_rss() / 2**20
        size = (work / "store" / "queue.db").stat().st_size / 2**20
    line = (
        f"A node that starts with {rows:,} queued deliveries (a database of {size:.0f} MiB) listens after {listening:.2f} s (wanted: < 2 s), "
        f"has delivered the first after {forwarding:.2f} s (wanted: < 5 s), {count} ten seconds later, and used at most {peak:.0f} MiB of "
        f"memory (wanted: < 200 MiB)."
    )
    return listening < 2 and forwarding < 5 and peak < 200, [line]


def lengthen(path: Path, rows: int) -> None:
    """Queues the one instance again and again under other UIDs, 500 to a study."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    with database:
        database.execute("INSERT INTO study (id, uid) SELECT 10 + value, '2.25.7.' || value FROM (" + counter(rows // 500 + 1) + ")")
        database.execute(
            "INSERT INTO instance (id, sop_instance, digest, sop_class, transfer_syntax, study, file, bytes, received, open) "
            "SELECT 10 + n.value, '2.25.8.' || n.value, digest, sop_class, transfer_syntax, 10 + n.value / 500, file, bytes, received, 1 "
            f"FROM ({counter(rows)}) n, (SELECT * FROM instance LIMIT 1)"
        )
        database.execute(
            "INSERT INTO delivery (peer, instance, study, priority, state, queued, changed) SELECT d.peer, 10 + n.value, 10 + n.value / 500, "
            f"1, 0, d.queued, d.changed FROM ({counter(rows)}) n, (SELECT * FROM delivery LIMIT 1) d"
        )
    database.close()


def counter(rows: int) -> str:
    return f"WITH RECURSIVE c(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM c WHERE value < {rows - 1}) SELECT value FROM c"


# --- what enqueueing costs ---------------------------------------------------------------------------------------


def enqueue(arguments) -> tuple[bool, list[str]]:
    """Answers to four associations of a node that forwards to a peer that is down, and of one that forwards nothing."""
    times: dict[bool, list[float]] = {False: [], True: []}
    count = arguments.instances
    with scratch() as work:
        files = work / "ct"
        made.series(files, min(count, 200))
        for turn in range(arguments.rounds):
            for forwards in (False, True):
                options = ["--forward", f"ARCHIVE@127.0.0.1:{free_port()}"] if forwards else []
                store = work / f"{turn}-{forwards}"
                with Node(store, *options) as node:
                    seconds = fill(node, files, count)
                if len(judge_tree.instances(store)) != count:
                    raise SystemExit("not everything is stored")
                times[forwards].append(4000 * seconds / count)
                subprocess.run(["rm", "-rf", str(store)], check=True)
                print(f"round {turn + 1}: {'forwards' if forwards else 'stores only'} {times[forwards][-1]:.2f} ms", file=sys.stderr, flush=True)
    without, with_queue = statistics.median(times[False]), statistics.median(times[True])
    more = 100 * (with_queue / without - 1)
    line = (
        f"With 4 associations (JPEG-LS, verified, durable) an answer takes {with_queue:.2f} ms where a delivery is queued for it, and "
        f"{without:.2f} ms where none is: {more:+.1f} % (wanted: < 10 %). {count} CT, medians of {arguments.rounds} interleaved rounds."
    )
    return more < 10, [line]
