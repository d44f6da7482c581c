"""Rows K04 to K07, K10, K14, K15: file systems that are full, read-only, gone, or in the wrong place. They need root.

The power cut is the one of the file system itself: FS_IOC_SHUTDOWN without a flush of the journal (as xfstests does it)
drops what was not synced, as a machine does that stops. What it leaves is what the journal says at the next mount.
"""

import fcntl
import os
import shutil
import struct
import subprocess
import threading
import time
from pathlib import Path

from fault_rows import (
    OUT_OF_RESOURCES, STORAGE_ERROR, SUCCESS, Failed, Ledger, Run, Unable, condenser, configured, drafts, expect, judge_again,
    mounted, need, need_root, need_tool, row, unmount,
)
from running import Node, binary
from wire import Broken

LOW_WATER = "[store]\nlow_water = 0\n"
SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2  # linux/fs.h: _IOR('X', 125, __u32)
NOBODY = 65534


def small(run: Run, name: str) -> list[str]:
    """The arguments of a node that takes in what comes to the last byte of its disk."""
    return configured(run.folder(f"{name}-config"), LOW_WATER)


def fill_up(ledger: Ledger, node: Node, senders: int, study: bool = True) -> None:
    """Several associations send until they are told that there is no room."""
    until = time.monotonic() + 120

    def send():
        while time.monotonic() < until:
            statuses = ledger.send(node, 8, study)
            if not statuses or statuses[-1] != SUCCESS:
                return

    threads = [threading.Thread(target=send) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def goes_on(ledger: Ledger, node: Node) -> bool:
    """Whether instances are stored again, within some seconds and without a new start."""
    return any(ledger.send(node, 1) == [SUCCESS] or time.sleep(0.2) for _ in range(50))


def full(run: Run, name: str, *, size: str, make: tuple[str, ...], filler: int, study: bool) -> str:
    with mounted(run, name, "noatime", size=size, make=make) as (folder, _):
        store, ballast = folder / "store", folder / "ballast"
        ballast.mkdir()
        for number in range(filler):
            (ballast / str(number)).write_bytes(b"")
        if not filler:
            (ballast / "0").write_bytes(bytes(4 << 20))
        ledger = Ledger(run.source)
        with Node(store, *small(run, name), log=run.work) as node:
            fill_up(ledger, node, 4, study)
            refused = [status for status in ledger.statuses.values() if status != SUCCESS]
            expect(refused, f"nothing was refused: {len(ledger.acknowledged)} stored")
            expect(set(refused) == {OUT_OF_RESOURCES}, f"refused with {[f'{status:04X}' for status in refused]}")
            expect(not drafts(store), "drafts are left on the full disk")
            stored = len(ledger.acknowledged)
            ledger.judge(store)
            shutil.rmtree(ballast)
            expect(goes_on(ledger, node), f"nothing is stored after room was made: {node.lines[-2:]}")
        ledger.judge(store)
        return f"{stored} stored, then {len(refused)} × A700; stored again when there was room, without a new start"


@row("K04", "a full file system, four senders")
def full_disk(run: Run) -> str:
    return full(run, "full", size="24M", make=("-N", "8192", "-m", "0"), filler=0, study=False)


@row("K05", "no inode is left, four senders")
def no_inodes(run: Run) -> str:
    return full(run, "inodes", size="64M", make=("-N", "128"), filler=60, study=True)


@row("K06", "a file system in memory of two megabytes")
def quota(run: Run) -> str:
    with mounted(run, "quota", "size=2m", kind="tmpfs") as (folder, _):
        store = folder / "store"
        ledger = Ledger(run.source)
        refused = condenser("serve", "--listen", "127.0.0.1:0", "--store", str(store))
        expect(refused.returncode != 0 and "tmpfs" in refused.stderr, "a store in memory is taken without a word")
        with Node(store, *small(run, "quota"), "--durability", "none", log=run.work) as node:
            fill_up(ledger, node, 2)
            refused = {status for status in ledger.statuses.values() if status != SUCCESS}
            expect(refused == {OUT_OF_RESOURCES}, f"{refused}")
            expect(not drafts(store), "drafts are left")
        return f"{ledger.judge(store)}; then A700"


@row("K07", "the file system turns read-only under load")
def read_only(run: Run) -> str:
    with mounted(run, "readonly", "errors=remount-ro", size="64M") as (folder, _):
        store = folder / "store"
        ledger = Ledger(run.source)
        with Node(store, *small(run, "readonly"), log=run.work) as node:
            sender = threading.Thread(target=ledger.send, args=(node, 10_000))
            sender.start()
            while len(ledger.acknowledged) < 20:
                time.sleep(0.01)
            # What an ext4 does that finds an error in itself.
            done = subprocess.run(["mount", "-o", "remount,abort", folder], capture_output=True, text=True, check=False)
            need(done.returncode == 0, f"ext4 that can be aborted: {done.stderr.strip()}")
            deadline = time.monotonic() + 20
            while STORAGE_ERROR not in ledger.statuses.values() and time.monotonic() < deadline:
                time.sleep(0.05)
            after = ledger.send(node, 3)
            node.process.terminate()
            sender.join()
            refused = [status for status in ledger.statuses.values() if status != SUCCESS]
            expect(STORAGE_ERROR in refused, f"answers {set(ledger.statuses.values())}")
            expect(SUCCESS not in after, "stored on a read-only file system")
            node.process.wait(40)
            expect(node.process.returncode == 0, f"the node ended with {node.process.returncode}")
        acknowledged = ledger.judge(store)
        again = condenser("serve", "--listen", "127.0.0.1:0", "--store", str(store))
        expect(again.returncode == 1 and "ead-only" in again.stderr, f"a new start says {again.stderr[-200:]}")
        return f"{acknowledged}; {len(refused)} × A701; a new start is refused by name"


def cut_power(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(directory, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    except OSError as error:
        raise Unable(f"a file system that can be shut down: {error}") from error
    finally:
        os.close(directory)


def power_cut(run: Run, durability: str, tries: int) -> tuple[int, int, int]:
    """Acknowledged, lost, and how often the power was cut, over several tries on the same file system."""
    with mounted(run, "power", "noatime", size="256M") as (folder, image):
        store, arguments = folder / "store", [*small(run, "power"), "--durability", durability]
        ledger = Ledger(run.source)
        lost: set[str] = set()
        for _ in range(tries):
            node = Node(store, *arguments, log=run.work)
            senders = [threading.Thread(target=ledger.send, args=(node, 10_000, study)) for study in (True, False)]
            for sender in senders:
                sender.start()
            time.sleep(run.chance.uniform(0.02, 0.5))
            cut_power(folder)
            node.kill()
            run.kills += 1
            for sender in senders:
                sender.join()
            unmount(folder)
            done = subprocess.run(["mount", "-o", "loop,noatime", image, folder], capture_output=True, text=True, check=False)
            expect(done.returncode == 0, f"the file system is not mounted again: {done.stderr}")
            if durability == "full":
                ledger.judge(store)
            else:
                there = {path.stem for path in store.rglob("*.dcm") if path.stat().st_size}
                lost |= set(ledger.acknowledged) - there
        return len(ledger.acknowledged), len(lost), tries


@row("K10", "the power is cut at random moments")
def power(run: Run) -> str:
    need_root()
    acknowledged, lost, tries = power_cut(run, "full", 8 if run.quick else 60)
    expect(acknowledged > tries, f"only {acknowledged} instances in {tries} tries")
    # The counter-proof: the same without syncs loses something, or the cut is none.
    unsafe, gone, _ = power_cut(run, "none", 4)
    expect(gone > 0, f"nothing of {unsafe} is lost without syncs: this cut is none")
    return (
        f"{tries} cuts, {acknowledged} acknowledged, {lost} lost, none half there"
        f" (counter-proof without durability: {gone} of {unsafe} lost)"
    )


@row("K14", "drafts on another file system")
def other_file_system(run: Run) -> str:
    need_root()
    folder = run.folder("elsewhere")
    store = folder / "store"
    with Node(store):
        pass
    inner = store / ".condenser" / "drafts"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", inner], capture_output=True, text=True, check=False)
    need(done.returncode == 0, f"mounting: {done.stderr.strip()}")
    try:
        refused = condenser("serve", "--listen", "127.0.0.1:0", "--store", str(store))
    finally:
        unmount(inner)
    expect(refused.returncode == 1 and "another file system" in refused.stderr, refused.stderr[-300:])
    return "refused at the start, by name"


@row("K15", "permission is lost; noexec, nosuid, nodev")
def permission(run: Run) -> str:
    need_root()
    need_tool("setpriv")
    with mounted(run, "permission", "noexec,nosuid,nodev", size="64M") as (folder, _):
        store = folder / "store"
        store.mkdir()
        os.chown(store, NOBODY, NOBODY)
        os.chmod(folder, 0o755)
        program = run.work / "condenser"
        shutil.copy(binary(), program)
        ledger = Ledger(run.source)
        arguments = small(run, "permission")
        for path in (Path(arguments[1]).parent, Path(arguments[1])):
            os.chmod(path, 0o755)
        prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", "env", "--")
        old = os.environ.get("CONDENSER_BINARY")
        os.environ["CONDENSER_BINARY"] = str(program)
        try:
            with Node(store, *arguments, prefix=prefix, log=run.work) as node:
                expect(ledger.send(node, 3, study=True) == [SUCCESS] * 3, f"not stored at all: {ledger.statuses}")
                for path in (store, store / ".condenser" / "drafts"):
                    os.chown(path, 0, 0)
                refused = ledger.send(node, 3, study=True)
                expect(refused == [STORAGE_ERROR] * 3, f"{refused}")
                for path in (store, store / ".condenser" / "drafts"):
                    os.chown(path, NOBODY, NOBODY)
                expect(ledger.send(node, 1, study=True) == [SUCCESS], "not stored after the permission was given back")
        except RuntimeError as error:
            need("ermission denied" not in str(error), "a working folder that others may enter")
            raise
        finally:
            os.environ.pop("CONDENSER_BINARY")
            if old:
                os.environ["CONDENSER_BINARY"] = old
        return f"{ledger.judge(store)}; A701 without permission, stored again with it; noexec harms nothing"
