#!/usr/bin/env python3
"""Measure the running node.

    bench.py node [--rounds 5] [--instances 200] [--write]   against DCMTK's storescp, interleaved
    bench.py profile [--seconds 15] [--rounds 3]             where the node's time goes, by Linux perf
    bench.py large [--frames 4096]                           one multi-frame of 2 GiB: time and peak memory
    bench.py forward [--rounds 5] [--instances 200]          its sender against dcmsend and Orthanc, interleaved
    bench.py peers                                           a healthy peer beside one that is down and one that is slow
    bench.py restart [--rows 1000000]                        a start with a long queue
    bench.py enqueue                                         what a queued delivery costs the sender
    bench.py codecs [--rounds 5] [--images FOLDER]           encoders and decoders on frames in memory, one core

Every figure is of this machine in this minute; the ratios are what to compare, and rounds are interleaved so that a
disturbance meets all contenders alike. `--write` puts the table into BENCHMARKS.md.
"""

import argparse
import datetime
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import bench_codecs
import bench_forward
import elements
import judge_tree
import jpeg_ls
import made
import numpy as np
import part10
from running import ROOT, Node, Storescp, fast_sender, machine, scratch

AT_LEAST = {"condenser": 2.5, "condenser-plain": 15.0}


def send(command: list[str]) -> tuple[float, str]:
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"{command[0]} failed ({done.returncode}):\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds, done.stdout


def dcmsend(server, folder: Path) -> float:
    """Stock dcmsend, Nagle on, one association; its start is in the time."""
    return send(["dcmsend", "-aec", server.title, "--scan-directories", "127.0.0.1", str(server.port), str(folder)])[0]


def by_fast_sender(server, folder: Path, count: int) -> float:
    _, line = send([
        str(fast_sender()), "--called", server.title, "--associations", "4", "--count", str(count),
        f"127.0.0.1:{server.port}", str(folder),
    ])
    return float(re.search(r"seconds=([\d.]+)", line)[1])


# name → (what it is, how it is started, how it is driven)
CONTENDERS = {
    "storescp": (
        "DCMTK `storescp` as installed (keeps what comes; no fsync) ← `dcmsend`",
        lambda store: Storescp(store), dcmsend),
    "condenser": (
        "Condenser: JPEG-LS, verified, durable ← `dcmsend`",
        lambda store: Node(store, "--to", "JPEGLSLossless"), dcmsend),
    "condenser-plain": (
        "Condenser: `--to none --durability none` ← `dcmsend`",
        lambda store: Node(store, "--to", "none", "--durability", "none"), dcmsend),
    "condenser-4": (
        "Condenser: JPEG-LS, verified, durable ← fast sender, 4 associations",
        lambda store: Node(store, "--to", "JPEGLSLossless"), None),
    "condenser-rle-4": (
        "Condenser: RLE, verified, durable ← fast sender, 4 associations",
        lambda store: Node(store, "--to", "RLELossless"), None),
    "condenser-plain-4": (
        "Condenser: `--to none`, durable ← fast sender, 4 associations",
        lambda store: Node(store, "--to", "none"), None),
}


def node(arguments) -> int:
    figures: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with scratch() as work:
        made.series(work / "ct", arguments.instances)
        megabytes = sum(path.stat().st_size for path in (work / "ct").iterdir()) / 1e6
        for turn in range(arguments.rounds):
            for name, (_, start, drive) in CONTENDERS.items():
                store = work / f"{name}-{turn}"
                store.mkdir()
                with start(store) as server:
                    seconds = drive(server, work / "ct") if drive else by_fast_sender(server, work / "ct", arguments.instances)
                stored = len(judge_tree.instances(store))
                if stored != arguments.instances:
                    raise SystemExit(f"{name}: {stored} of {arguments.instances} instances stored")
                figures[name].append(arguments.instances / seconds)
                subprocess.run(["rm", "-rf", str(store)], check=True)
                print(f"round {turn + 1}: {name:18} {arguments.instances / seconds:8.1f} instances/s", file=sys.stderr, flush=True)
    base = statistics.median(figures["storescp"])
    lines = [
        f"{arguments.instances} CT of 512 × 512, 12 bits in 16 ({megabytes:.0f} MB; JPEG-LS {ratio():.1f} : 1), "
        f"{arguments.rounds} interleaved rounds; medians.",
        "",
        "| receiver ← sender | instances/s | MB/s | min – max | against storescp |",
        "|---|---|---|---|---|",
    ]
    good = True
    for name, (what, _, _) in CONTENDERS.items():
        rates = figures[name]
        middle = statistics.median(rates)
        wanted = AT_LEAST.get(name)
        verdict = "" if wanted is None else f" (wanted: ≥ {wanted:g} ×)"
        good &= wanted is None or middle / base >= wanted
        lines.append(
            f"| {what} | {middle:.1f} | {middle * megabytes / arguments.instances:.1f} | "
            f"{min(rates):.1f} – {max(rates):.1f} | {middle / base:.1f} ×{verdict} |"
        )
    publish("node", lines, arguments)
    return 0 if good else 1


def ratio() -> float:
    cells = made.ct_slice(1)
    return cells.nbytes / len(jpeg_ls.encode_array(cells, 0))


# --- profile -----------------------------------------------------------------------------------------------------

# The first row whose pattern is found in «symbol in object» takes the sample. Kernel symbols come after [k].
KINDS = [
    ("verify", r"decoder_strategy|charls.*(decod|decompress)|decoders::|decode_frame|verify::|memcmp|bcmp"),
    ("encode", r"charls|encoders::|encode_frame|codec::cells"),
    ("kernel copy", r"\[k\] .*(copy_user|copy_to_iter|copy_from_iter|copyin|copyout|copy_page_from_iter|rep_movs|"
     r"skb_copy|copy_page|memcpy|csum_and_copy|copy_folio|simple_copy)"),
    ("page faults and clearing", r"\[k\] .*(clear_page|page_fault|handle_mm|anonymous_page|memcg|unmap_page|zap_|memset|lruvec)"),
    ("fsync and file system", r"\[k\] .*(ext4|jbd2|xfs|btrfs|fsync|writeback|blk_|bio_|virtio|submit_bio|wbc|folio|filemap|"
     r"truncate|dentry|inode|do_sys_open|rename|recently_deleted|find_get_block|iowrite|bdev|buffer)"),
    ("interrupts, scheduling, network", r"\[k\] "),
    ("digest", r"blake3"),
    ("copy in user space", r"memmove|memcpy|memset"),
    ("allocation", r"malloc|free\b|calloc|realloc|cfree|_int_"),
]


# The encoder and the verifier of a run, as the command line and the configuration name them. Issue 2 asked for 85 % when CharLS was
# both; what is faster leaves a larger share to everything else, so that the same demand is made of the same work.
PROFILED = {
    "CharLS both": ("encoder = 'charls'\nverify_with = 'charls'\n", 85.0),
    "as configured by default": ("", None),
}


def profile(arguments) -> int:
    """Samples of the whole machine while 4 associations send; the node's are sorted by what they were for."""
    with scratch() as work:
        made.series(work / "ct", 128)
        runs = {name: Profile() for name in PROFILED}
        for turn in range(arguments.rounds):
            for name, (settings, _) in PROFILED.items():
                config = work / "condenser.toml"
                config.write_text(f"[compress]\nto = '{arguments.target}'\n{settings}")
                one_profile(work, config, arguments.seconds, runs[name])
                print(f"round {turn + 1}: {name}: {runs[name].useful():.1f} % so far", file=sys.stderr, flush=True)
    cores = os.cpu_count()
    lines = [
        f"CT of 512 × 512 over 4 associations, fast sender, {arguments.target}, verified, durable; {arguments.rounds} interleaved rounds of "
        f"about {arguments.seconds:.0f} s. All time of {cores} cores, by samples of whatever ran; in brackets the milliseconds of one core an instance.",
        "",
        "| what the node did | " + " | ".join(runs) + " |",
        "|---|" + "---|" * len(runs),
    ]
    kinds = Counter()
    for run in runs.values():
        kinds.update(run.kinds)
    for kind, _ in kinds.most_common():
        lines.append(f"| {kind} | " + " | ".join(run.cell(run.kinds[kind]) for run in runs.values()) + " |")
    for who in ("the sender", "others", "idle"):
        lines.append(f"| *not the node: {who}* | " + " | ".join(run.cell(run.machine_wide[who]) for run in runs.values()) + " |")
    verdicts = []
    for name, run in runs.items():
        wanted = PROFILED[name][1]
        verdicts.append(f"**{run.useful():.1f} %**" + ("" if wanted is None else f" (wanted: ≥ {wanted:g} %)"))
    lines += [
        "| **encode, verify and kernel copy together** | " + " | ".join(verdicts) + " |",
        "| instances/s | " + " | ".join(f"{run.rate():.1f}" for run in runs.values()) + " |",
    ]
    publish("profile", lines, arguments)
    for name, run in runs.items():
        for kind, symbols in run.symbols.items():
            print(f"{name}, {kind}:")
            for symbol, samples in symbols.most_common(8):
                print(f"   {100 * samples / run.whole():5.1f} %  {symbol[:150]}")
    return 0 if all(runs[name].useful() >= wanted for name, (_, wanted) in PROFILED.items() if wanted) else 1


@dataclass
class Profile:
    """The samples of all rounds of one contender."""

    instances: int = 0
    seconds: float = 0
    kinds: Counter = field(default_factory=Counter)
    machine_wide: Counter = field(default_factory=Counter)
    symbols: dict[str, Counter] = field(default_factory=dict)

    def whole(self) -> int:
        return sum(self.machine_wide.values())

    def rate(self) -> float:
        return self.instances / self.seconds

    def useful(self) -> float:
        """Percent of all time of the cores."""
        return 100 * sum(self.kinds[kind] for kind in ("encode", "verify", "kernel copy")) / self.whole()

    def cell(self, samples: int) -> str:
        share = samples / self.whole()
        return f"{100 * share:.1f} % ({1000 * share * os.cpu_count() / self.rate():.2f})"


def one_profile(work: Path, config: Path, seconds: float, run: Profile) -> None:
    """One round of one contender, added to `run`."""
    with Node(work / "warm", "--config", str(config)) as server:
        warm = 128 / by_fast_sender(server, work / "ct", 128)
    with Node(work / "store", "--config", str(config)) as server:
        count = max(256, int(warm * seconds))
        data = work / "perf.data"
        recorder = subprocess.Popen(
            ["perf", "record", "-e", "cpu-clock", "-F", str(FREQUENCY), "-k", "CLOCK_MONOTONIC", "-a", "-o", str(data), "--", "sleep", "3600"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        time.sleep(0.5)
        # The sender says at the end how long it sent: what it read and laid out before that is not looked at.
        took = by_fast_sender(server, work / "ct", count)
        until = time.clock_gettime(time.CLOCK_MONOTONIC)
        recorder.send_signal(2)
        recorder.wait(60)
        pid = server.process.pid
    script = subprocess.run(
        ["perf", "script", "-i", str(data), "-F", "comm,pid,time,ip,sym,dso"], capture_output=True, text=True,
        errors="replace", check=False,
    )
    if not sort_samples(script.stdout, pid, until - took, until, run):
        print(script.stderr[-2000:])
        raise SystemExit("perf recorded nothing of the node")
    run.instances += count
    run.seconds += took
    for store in ("warm", "store"):
        subprocess.run(["rm", "-rf", str(work / store)], check=True)


FREQUENCY = 199


def sort_samples(script: str, pid: int, since: float, until: float, run: Profile) -> bool:
    """Adds the node's samples by kind and symbol, and everybody's by whose they are, within a stretch of the monotonic clock. Whether
    there was one of the node's."""
    before = run.machine_wide["the node"]
    # One line a sample: command, pid, time, address, symbol, (object).
    for line in script.splitlines():
        found = re.match(r"\s*(.+?)\s+(\d+)\s+(\d+\.\d+):\s+([0-9a-f]+)\s+(.*?)\s*\(([^()]*(?:\([^()]*\))?[^()]*)\)\s*$", line)
        if not found:
            continue
        command, process, moment, address, symbol, place = found.groups()
        if not since <= float(moment) <= until:
            continue
        if int(process) != pid:
            run.machine_wide["idle" if command.startswith("swapper") else "the sender" if "fast_sender" in command else "others"] += 1
            continue
        run.machine_wide["the node"] += 1
        kernel = place.startswith("[kernel") or place.startswith("[") or int(address, 16) >= 1 << 63
        text = ("[k] " if kernel else "") + symbol
        kind = next((kind for kind, pattern in KINDS if re.search(pattern, text)), "other")
        run.kinds[kind] += 1
        run.symbols.setdefault(kind, Counter())[f"{text} ({Path(place).name})"] += 1
    return run.machine_wide["the node"] > before


# --- large -------------------------------------------------------------------------------------------------------


def large(arguments) -> int:
    with scratch() as work:
        path = work / "large.dcm"
        length = made.large(path, arguments.frames)
        with Node(work / "store", "--to", arguments.target) as server:
            seconds, _ = send([str(fast_sender()), "--called", server.title, f"127.0.0.1:{server.port}", str(path)])
            peak = server.peak_rss()
        stored = judge_tree.instances(work / "store")
        if len(stored) != 1:
            raise SystemExit(f"{len(stored)} files in the tree")
        fault = large_fault(stored[0], arguments) if arguments.target == "JPEGLSLossless" else ""
        size = stored[0].stat().st_size
    lines = [
        f"One Enhanced CT of {arguments.frames} frames of 512 × 512 ({length / 2**30:.2f} GiB), {arguments.target}, verified, durable: "
        f"{seconds:.1f} s ({length / 1e6 / seconds:.0f} MB/s), stored in {size / 1e6:.0f} MB, "
        f"peak resident memory {peak / 2**20:.0f} MiB (wanted: < 512 MiB)."
    ]
    publish("large", lines, arguments)
    if fault:
        print(f"FAULT {fault}")
    return 1 if fault or peak >= 512 << 20 else 0


def large_fault(path: Path, arguments) -> str:
    """Offset tables, the number of frames, and every 32nd frame's cells."""
    stored = part10.read(path)
    walked = elements.walk(stored.data_set, elements.Encoding(True, False))
    fragments = next(e.fragments for e in walked if e.tag == elements.PIXEL_DATA)
    faults = judge_tree.judge_offsets(walked, fragments, arguments.frames)
    drawn = [made.ct_slice(seed).tobytes() for seed in range(8)]
    for frame in range(0, arguments.frames, 32 + 1):
        cells = np.ascontiguousarray(jpeg_ls.decode(np.frombuffer(fragments[1 + frame], "u1"))).tobytes()
        if cells != drawn[frame % 8]:
            faults.append(f"frame {frame} has other cells")
    return "; ".join(faults[:5])


FORWARDING = {
    "forward": bench_forward.forward, "peers": bench_forward.peers, "restart": bench_forward.restart,
    "enqueue": bench_forward.enqueue,
}


def publish(section: str, lines: list[str], arguments) -> None:
    print("\n".join(lines))
    if not arguments.write:
        return
    page = ROOT / "BENCHMARKS.md"
    head, foot = f"<!-- {section} -->", f"<!-- /{section} -->"
    text = page.read_text()
    body = [
        head, "", *lines, "", f"`scripts/bench {section}`, {datetime.date.today().isoformat()}: {machine()}.", "", foot,
    ]
    before, _, rest = text.partition(head)
    _, _, after = rest.partition(foot)
    page.write_text(before + "\n".join(body) + after)


ELSEWHERE = {**FORWARDING, "codecs": bench_codecs.codecs}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["node", "profile", "large", *ELSEWHERE])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--frames", type=int, default=4096)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", help="codecs: a folder of DICOM files instead of the corpus")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--target", default="JPEGLSLossless")
    parser.add_argument("--write", action="store_true", help="put the table into BENCHMARKS.md")
    arguments = parser.parse_args()
    if arguments.what in ELSEWHERE:
        good, lines = ELSEWHERE[arguments.what](arguments)
        publish(arguments.what, lines, arguments)
        return 0 if good else 1
    return {"node": node, "profile": profile, "large": large}[arguments.what](arguments)


if __name__ == "__main__":
    sys.exit(main())
