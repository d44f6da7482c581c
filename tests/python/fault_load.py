"""Rows N03, N07, N34, C08, C09, P03, P08, P11 and P19: more than the node can take, for longer than it should have to."""

import contextlib
import os
import random
import re
import resource
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import made
import part10
from fault_memory import MIB
from fault_points import echo
from fault_rows import (
    SUCCESS, Failed, Ledger, Run, configured, drafts, expect, judge_again, need, need_root, need_tool, row, vital,
)
from kill_loop import Source
from running import ROOT, Node
from wire import Association, Broken

LOW_WATER = "[store]\nlow_water = 0\n"


def associate(node: Node, number: int, address: str) -> Association:
    return Association(
        node.port, node.title, "1.2.840.10008.1.1", "1.2.840.10008.1.2", 20, address=address, calling=f"IDLE{number // 40}"
    )


def rate(ledger: Ledger, node: Node, seconds: float) -> float:
    """Instances a second over one association."""
    association = ledger.associate(node)
    count, start = 0, time.monotonic()
    while time.monotonic() - start < seconds:
        expect(ledger.store(association) == SUCCESS, "an instance was not stored")
        count += 1
    association.release()
    return count / (time.monotonic() - start)


@contextlib.contextmanager
def crowd(node: Node, attempts: int):
    """300 silent connections, 52 with half a request, 120 idle associations, one that sends a byte a second; all from
    addresses of this machine, as many from each as the limits allow."""
    sockets, idle = [], []
    for number in range(300):
        sockets.append(socket.create_connection(("127.0.0.1", node.port), 10, (f"127.0.1.{number // 100}", 0)))
    for number in range(52):
        half = socket.create_connection(("127.0.0.1", node.port), 10, ("127.0.2.1", 0))
        half.sendall(struct.pack(">BBI", 1, 0, 200) + bytes(50))
        sockets.append(half)
    for number in range(120):
        idle.append(associate(node, number, f"127.0.3.{number // 60}"))
    # And one address that wants more than it may have: what is too much is closed at once.
    for _ in range(attempts):
        with contextlib.suppress(OSError):
            sockets.append(socket.create_connection(("127.0.0.1", node.port), 10, ("127.0.4.1", 0)))
    loris = socket.create_connection(("127.0.0.1", node.port), 10, ("127.0.5.1", 0))
    stop = threading.Event()

    def trickle():
        for byte in struct.pack(">BBI", 1, 0, 200) + bytes(200):
            with contextlib.suppress(OSError):
                loris.sendall(bytes([byte]))
            if stop.wait(1):
                return

    threading.Thread(target=trickle, daemon=True).start()
    try:
        yield idle
    finally:
        stop.set()
        for one in [*sockets, loris, *(association.socket for association in idle)]:
            one.close()


@row("N03", "300 silent, 52 half-open, 120 idle, a slow-loris and a flood beside a transfer")
def crowded(run: Run) -> str:
    folder = run.folder("crowd")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    ledger = Ledger(Source(run.work / "large", 256))
    seconds, shares, slowest = (2.0 if run.quick else 5.0), [], 0.0
    try:
        with Node(folder / "store", *configured(folder, LOW_WATER)) as node:
            rate(ledger, node, 1)
            for _ in range(3):  # interleaved, for a machine is not as fast at every moment
                alone = rate(ledger, node, seconds)
                with crowd(node, 500 if run.quick else 2000) as idle:
                    slowest = max(slowest, *(echo(node) for _ in range(5)))
                    beside = rate(ledger, node, seconds)
                    slowest = max(slowest, *(echo(node) for _ in range(5)))
                    held = vital(node.process.pid)
                    expect(all(association.echo() == 0 for association in idle), "an idle association was not answered")
                shares.append(beside / alone)
            rss = held["rss"] / MIB
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    share = statistics.median(shares)
    expect(slowest < 1, f"a C-ECHO took {slowest:.2f} s")
    expect(share >= 0.8, f"a transfer keeps {share:.0%} of its rate ({[f'{share:.0%}' for share in shares]})")
    return (
        f"slowest C-ECHO {slowest * 1000:.0f} ms; a transfer of {beside:.0f} instances/s keeps {share:.0%} of its rate;"
        f" {held['descriptors']} descriptors, {held['threads']} threads, {rss:.0f} MiB"
    )


@row("N07", "the link is gone in the middle of a data set")
def link_down(run: Run) -> str:
    need_root()
    need_tool("ip")
    folder = run.folder("link")
    name = f"cn{os.getpid()}"
    text = (
        "[node.deadlines]\nrate_window = '2 s'\n[node.limits]\nassociations = 2\n"
        f"[[access]]\nfrom = ['127.0.0.0/8', '10.213.77.0/24']\n{LOW_WATER}"
    )

    def ip(*words: str):
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        need(done.returncode == 0, f"network namespaces: ip {' '.join(words)}: {done.stderr.strip()}")

    ip("netns", "add", name)
    try:
        ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        ip("addr", "add", "10.213.77.1/24", "dev", f"{name}a")
        ip("link", "set", f"{name}a", "up")
        ip("-n", name, "addr", "add", "10.213.77.2/24", "dev", f"{name}b")
        ip("-n", name, "link", "set", f"{name}b", "up")
        arguments = [*configured(folder, text), "--listen", "10.213.77.1:0"]
        with Node(folder / "store", *arguments) as node:
            port = int(re.search(r"10\.213\.77\.1:(\d+)", node.log_has(r"10\.213\.77\.1:\d+"))[1])
            program = (
                "import sys, time; sys.path.insert(0, sys.argv[1]); import wire, socket\n"
                "plain = socket.create_connection\n"
                "socket.create_connection = lambda address, *rest: plain(('10.213.77.1', address[1]), rest[0])\n"
                f"a = wire.Association({port}, 'CONDENSER', '{made.CT}', '1.2.840.10008.1.2.1')\n"
                f"request = a.request('{made.CT}', '1.2.9', bytes(1 << 20))\n"
                "a.send(request[: len(request) // 2]); print('half', flush=True); time.sleep(600)\n"
            )
            peer = subprocess.Popen(
                ["ip", "netns", "exec", name, sys.executable, "-c", program, str(ROOT / "tests" / "python")],
                stdout=subprocess.PIPE, text=True,
            )
            try:
                expect(peer.stdout.readline().strip() == "half", "the peer could not send")
                ip("link", "set", f"{name}a", "down")
                start = time.monotonic()
                line = node.log_has("association closed", 30)
                took = time.monotonic() - start
            finally:
                peer.kill()
                peer.wait()
            expect(line and took < 10, f"after {took:.0f} s the slot is not free: {node.lines[-3:]}")
            expect(not drafts(folder / "store"), "a draft is left")
            echo(node)
    finally:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", f"{name}a"], capture_output=True, check=False)
    return f"the slot is free after {took:.1f} s (rate_window 2 s), nothing is left"


@row("N34", "associations come and go as fast as they can")
def churn(run: Run) -> str:
    folder = run.folder("churn")
    with Node(folder / "store", *configured(folder, LOW_WATER)) as node:
        counts = [0] * 4

        def work(index: int, until: float):
            while time.monotonic() < until:
                associate(node, 0, "127.0.0.1").release()
                counts[index] += 1

        def phase(seconds: float):
            threads = [threading.Thread(target=work, args=(index, time.monotonic() + seconds)) for index in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return vital(node.process.pid)

        seconds = 3 if run.quick else 20
        first = phase(seconds)
        last = phase(seconds)
    grown = last["rss"] - first["rss"]
    expect(grown < 2 * MIB, f"{grown / MIB:.1f} MiB more after {sum(counts)} associations")
    expect(last["descriptors"] <= first["descriptors"] + 4, f"{first} {last}")
    expect(last["threads"] <= first["threads"] + 2, f"{first} {last}")
    return f"{sum(counts)} associations, {sum(counts) / (2 * seconds):.0f} a second; {grown / 1024:+.0f} KiB from half to end"


@row("C08", "kill -9 within thousands of frames")
def many_frames(run: Run) -> str:
    folder = run.folder("frames")
    file = folder / "large.dcm"
    frames = 100 if run.quick else 2000
    made.large(file, frames)
    instance = part10.read(file)
    store = folder / "store"
    arguments = configured(folder, LOW_WATER)
    kills = 3 if run.quick else 12
    longest = None
    for number in range(kills + 1):
        node = Node(store, *arguments)
        expect(not drafts(store), "drafts are left after the start")
        association = Association(node.port, node.title, instance.sop_class, instance.transfer_syntax, 600)
        answers: list[int] = []

        def send():
            with contextlib.suppress(Broken, OSError):
                answers.append(association.store(instance.sop_class, instance.sop_instance, instance.data_set))

        sender = threading.Thread(target=send)
        start = time.monotonic()
        sender.start()
        if longest is None:  # the first one comes to its end
            sender.join()
            longest = time.monotonic() - start
            expect(answers == [SUCCESS], f"answered {answers}")
            stored = next(store.rglob("*.dcm"))
            size = stored.stat().st_size
            node.stop()
            stored.unlink()
            continue
        time.sleep(run.chance.uniform(0.3, 0.95) * longest)
        node.kill()
        run.kills += 1
        sender.join()
        for path in store.rglob("*.dcm"):
            expect(path.stat().st_size == size, f"{path.stat().st_size} of {size} bytes under a final name")
            path.unlink()
    with Node(store, *arguments):
        expect(not drafts(store), "drafts are left after the last start")
    return f"{frames} frames in {longest:.1f} s; killed {kills} times, never half of it under a final name"


@row("C09", "one core, sixteen associations")
def one_core(run: Run) -> str:
    need_tool("taskset")
    folder = run.folder("core")
    ledger = Ledger(Source(run.work / "large", 256))
    seconds = 4 if run.quick else 15
    with Node(folder / "store", *configured(folder, LOW_WATER), prefix=("taskset", "-c", "0")) as node:
        until = time.monotonic() + seconds

        def send():
            association = ledger.associate(node, 120)
            while time.monotonic() < until:
                ledger.store(association)
            association.release()

        threads = [threading.Thread(target=send) for _ in range(16)]
        for thread in threads:
            thread.start()
        echoes = []
        while time.monotonic() < until:
            echoes.append(echo(node))
            time.sleep(0.1)
        for thread in threads:
            thread.join()
        held = vital(node.process.pid)
    expect(set(ledger.statuses.values()) == {SUCCESS}, f"{set(ledger.statuses.values())}")
    expect(max(echoes) < 1, f"a C-ECHO took {max(echoes):.2f} s")
    return (
        f"{len(ledger.acknowledged)} instances stored; C-ECHO median {statistics.median(echoes) * 1000:.0f} ms,"
        f" slowest {max(echoes) * 1000:.0f} ms; {held['peak'] / MIB:.0f} MiB"
    )


@row("P03", "kill -9 at random moments of a transfer")
def killed_at_random(run: Run) -> str:
    tries = 20 if run.quick else 900
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "python" / "kill_loop.py", "--tries", str(tries), "--seed", str(run.seed)],
        capture_output=True, text=True, check=False,
    )
    lines = done.stdout.strip().splitlines()
    expect(done.returncode == 0, " | ".join([*lines[-4:], done.stderr[-300:]]))
    run.kills += tries
    found = re.search(r"(\d+) acknowledged", " ".join(lines[-3:]))
    return f"{tries} kills, {found[1]} acknowledged, 0 lost"


@row("P08", "no file descriptors are left")
def descriptors(run: Run) -> str:
    folder = run.folder("descriptors")
    with Node(folder / "store", *configured(folder, LOW_WATER)) as node:
        resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        peers = []
        for _ in range(120):
            with contextlib.suppress(OSError):
                peers.append(socket.create_connection(("127.0.0.1", node.port), 2))
        before, seconds = cpu(node), 3.0
        time.sleep(seconds)
        share = (cpu(node) - before) / seconds
        lines = len(node.lines)
        for peer in peers:
            peer.close()
        ledger, deadline = Ledger(run.source), time.monotonic() + 20
        while not ledger.send(node, 1, seconds=5) and time.monotonic() < deadline:
            time.sleep(0.2)
        expect(ledger.acknowledged, "nothing is stored after the descriptors came back")
        echo(node)
    expect(share < 0.2, f"the node used {share:.0%} of a core while it could accept nothing")
    expect(lines < 500, f"{lines} lines of log in {seconds} s")
    return f"{len(peers)} connections; {share:.0%} of a core meanwhile, {lines} lines of log; stored again afterwards"


def cpu(node: Node) -> float:
    """Seconds of processor time."""
    fields = Path(f"/proc/{node.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@row("P11", "no memory is left")
def no_memory(run: Run) -> str:
    folder = run.folder("memory-limit")
    store, ledger, ended, refused = folder / "store", Ledger(Source(run.work / "slices-512", 512)), 0, 0
    arguments = configured(folder, LOW_WATER)
    steps = 4 if run.quick else 16
    for step in range(steps):
        with Node(store, *arguments) as node:
            ledger.send(node, 1)
            status = Path(f"/proc/{node.process.pid}/status").read_text()
            held = int(re.search(r"VmData:\s+(\d+)", status)[1]) * 1024
            limit = held + step * (64 << 10)
            resource.prlimit(node.process.pid, resource.RLIMIT_DATA, (limit, limit))
            threads = [threading.Thread(target=ledger.send, args=(node, 2, True, 10)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ended += not node.running()
            node.kill()
        judge_again(ledger, store, *arguments)
        refused = len(ledger.sent) - len(ledger.acknowledged)
    expect(ended or refused, "memory was never short")
    return f"{steps} limits, {ended} times the node ended, {refused} not acknowledged; {ledger.judge(store)}"


@row("P19", "flat memory, descriptors and threads under full load")
def soak(run: Run) -> str:
    seconds = run.soak * 60 if run.soak else 15 if run.quick else 120
    folder = run.folder("soak")
    source = Source(run.work / "large", 256)
    text = "[store]\nlow_water = '2 GiB'\n"
    samples: list[dict[str, int]] = []
    answers: dict[int, int] = {}
    lock = threading.Lock()
    with Node(folder / "store", *configured(folder, text)) as node:
        until = time.monotonic() + seconds

        def send(number: int):
            chance = random.Random(number)
            while time.monotonic() < until:
                association = Association(node.port, node.title, source.files[0].sop_class, source.files[0].transfer_syntax)
                for _ in range(chance.randint(1, 200)):
                    file, _ = source.next(study=chance.random() < 0.05)
                    status = association.store(file.sop_class, file.sop_instance, file.data_set)
                    with lock:
                        answers[status] = answers.get(status, 0) + 1
                    if time.monotonic() > until:
                        break
                if chance.random() < 0.8:
                    association.release()
                else:
                    association.close()

        threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            time.sleep(min(1.0, seconds / 60))
            samples.append(vital(node.process.pid))
            remove_old(folder / "store")
        for thread in threads:
            thread.join()
        expect(node.running(), "the node ended")
        expect(node.stop() == 0, "the node did not end well")
    expect(set(answers) == {SUCCESS}, f"answers {answers}")
    third = len(samples) // 3
    texts = []
    for what, slack in (("rss", 16 * MIB), ("descriptors", 8), ("threads", 6)):
        first = statistics.median(sample[what] for sample in samples[third : 2 * third])
        last = statistics.median(sample[what] for sample in samples[2 * third :])
        expect(last <= first * 1.05 + slack, f"{what} grew from {first:.0f} to {last:.0f}")
        unit = (lambda value: f"{value / MIB:.1f} MiB") if what == "rss" else (lambda value: f"{value:.0f}")
        texts.append(f"{what} {unit(first)} → {unit(last)}")
    return f"{seconds / 60:.1f} minutes, {answers[SUCCESS]} instances ({answers[SUCCESS] / seconds:.0f}/s); {', '.join(texts)}"


def remove_old(store: Path) -> None:
    """Makes room: what was stored some time ago is taken away, as an archive would that has it."""
    old = time.time() - 20
    for path in store.rglob("*.dcm"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < old:
                path.unlink()
