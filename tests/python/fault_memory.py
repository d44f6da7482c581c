"""Rows N12, D04, D05, D11, D21 and D22 against the node as a process: what a hostile peer makes it hold, in bytes."""

import socket
import struct
import zlib
from pathlib import Path

from fault_points import echo
from fault_rows import SUCCESS, Ledger, Run, configured, expect, forget_peak, row, vital
from running import Node
from wire import Association, Broken

MIB = 1 << 20
ALLOWED = 8 * MIB
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
LOW_WATER = "[store]\nlow_water = 0\n"
# What is larger than this lies on the disk while it comes: the cost is then that of the node and not that of the bytes.
SPOOLING = "[node.limits]\nmemory_per_data_set = '1 MiB'\nmemory = '4 MiB'\n" + LOW_WATER


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    length = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return struct.pack("<HH2sHI", group, number, vr, 0, length) + value
    return struct.pack("<HH2sH", group, number, vr, length) + value


def identity(uid: str) -> bytes:
    even = lambda text: text.encode() + b"\0" * (len(text) % 2)
    return element(8, 0x16, b"UI", even(CT)) + element(8, 0x18, b"UI", even(uid))


def cost(node: Node, work) -> int:
    """By how many bytes the resident memory of the node grows at most meanwhile."""
    forget_peak(node.process.pid)
    before = vital(node.process.pid)["rss"]
    work()
    return vital(node.process.pid)["peak"] - before


def costs(run: Run, work, *, text: str = SPOOLING) -> int:
    """Likewise for the second time, so that threads and tables that stay do not count. The node lives on."""
    folder = run.folder("memory")
    with Node(folder / "store", *configured(folder, text)) as node:
        work(node)
        found = cost(node, lambda: work(node))
        echo(node)
        return found


def sends(data_set: bytes, uid: str, syntax: str, statuses: tuple[int, ...]):
    def work(node: Node):
        association = Association(node.port, node.title, CT, syntax, 60)
        status = association.store(CT, uid, data_set)
        expect(status in statuses, f"answered {status:04X}")
        association.release()

    return work


def judged(what: str, bytes_: int) -> str:
    expect(bytes_ < ALLOWED, f"{what} costs {bytes_ / MIB:.1f} MiB")
    return f"{what} {bytes_ / MIB:.1f} MiB"


@row("N12", "a PDU of 4 GiB is announced, before and after association")
def long_pdu(run: Run) -> str:
    junk = bytes(64 * MIB)

    def pour(peer: socket.socket, kind: int):
        peer.settimeout(30)
        try:
            peer.sendall(struct.pack(">BBI", kind, 0, 0xFFFF_FFF0) + junk)
        except OSError:
            pass  # it was closed in the middle of it, as it should be
        try:
            while peer.recv(65536):
                pass
        except OSError:
            pass
        peer.close()

    def before(node: Node):
        pour(socket.create_connection(("127.0.0.1", node.port), 30), 1)

    def after(node: Node):
        pour(Association(node.port, node.title, CT, EXPLICIT).socket, 4)

    return ", ".join([judged("before", costs(run, before)), judged("after", costs(run, after))])


@row("D04", "a million nested sequences")
def nested(run: Run) -> str:
    level = element(0x40, 0xA730, b"SQ", b"", 0xFFFF_FFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFF_FFFF)
    data_set = identity("1.2.9") + level * 1_000_000
    work = sends(data_set, "1.2.9", EXPLICIT, (0xC003,))
    return f"{judged('C003 and', costs(run, work))} for {len(data_set) / MIB:.0f} MiB of headers"


@row("D05", "an element of 4 GiB is announced")
def long_element(run: Run) -> str:
    data_set = identity("1.2.9") + element(0x7FE0, 0x10, b"OW", bytes(64), 0xFFFF_FFF0)
    return judged("C002 and", costs(run, sends(data_set, "1.2.9", EXPLICIT, (0xC002,))))


@row("D21", "a deflate bomb of a thousand to one")
def bomb(run: Run) -> str:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    size = 1 << 30
    parts = [deflate.compress(identity("1.2.9") + element(0x7FE0, 0x10, b"OW", b"", size))]
    parts += [deflate.compress(bytes(16 * MIB)) for _ in range(size // (16 * MIB))]
    data_set = b"".join([*parts, deflate.flush()])
    data_set += b"\0" * (len(data_set) % 2)
    work = sends(data_set, "1.2.9", DEFLATED, (SUCCESS,))
    found = costs(run, work)
    return judged(f"{len(data_set) / MIB:.1f} MiB that would be 1 GiB, kept as received:", found)


@row("D11", "hostile SOP Instance UIDs")
def hostile(run: Run) -> str:
    folder = run.folder("hostile")
    store = folder / "store"
    uids = ["../../../etc/x", "/etc/cron.d/x", "1." + "2" * 63, "", "1.2\0.3", "..", "CON", "1..2", "%2e%2e%2fx", "x" * 4000]
    with Node(store, *configured(folder, LOW_WATER)) as node:
        for uid in uids:
            association = Association(node.port, node.title, CT, EXPLICIT)
            try:
                status = association.store(CT, uid, identity(uid[:1000]))
                expect(status != SUCCESS, f"{uid[:40]!r} was stored")
            except Broken:
                pass  # an abort is an answer, too
        echo(node)
    outside = {path.name for path in folder.iterdir()} - {"store", "node.toml"}
    expect(not outside, f"outside of the store there are {outside}")
    kept = len(list((store / "quarantine").rglob("*.dcm")))
    inside = [path for path in store.rglob("*.dcm") if "quarantine" not in path.parts]
    expect(not inside, f"stored: {inside}")
    expect(kept >= len(uids) - 2, f"{kept} of {len(uids)} are in quarantine")
    return f"{len(uids)} UIDs: nothing outside the store, {kept} in quarantine"


@row("D22", "from one byte to gigabytes, with the memory bounded")
def sizes(run: Run) -> str:
    folder = run.folder("sizes")
    megabytes = 200 if run.quick else 3 << 10
    texts = []
    with Node(folder / "store", *configured(folder, LOW_WATER)) as node:
        one = Ledger(run.source)
        expect(one.send(node, 1) == [SUCCESS], "a small one was not stored")
        before = vital(node.process.pid)["rss"]
        forget_peak(node.process.pid)
        cells = run.source.cells[0] * (MIB // len(run.source.cells[0]))
        frames = megabytes * MIB // len(run.source.cells[0])
        side = int((len(run.source.cells[0]) / 2) ** 0.5)
        head = identity("1.2.9") + element(0x20, 0xD, b"UI", b"1.2.3\0") + element(0x20, 0xE, b"UI", b"1.2.4\0")
        head += element(0x28, 2, b"US", b"\1\0") + element(0x28, 4, b"CS", b"MONOCHROME2 ")
        head += element(0x28, 8, b"IS", f"{frames:<8}".encode())
        for number, value in ((0x10, side), (0x11, side), (0x100, 16), (0x101, 12), (0x102, 11), (0x103, 0)):
            head += element(0x28, number, b"US", struct.pack("<H", value))
        head += element(0x7FE0, 0x10, b"OW", b"", megabytes * MIB)
        association = Association(node.port, node.title, CT, EXPLICIT, 900)
        status = association.store_parts(CT, "1.2.9", (head, *(cells for _ in range(megabytes))))
        expect(status == SUCCESS, f"answered {status:04X}")
        association.release()
        grown = vital(node.process.pid)["peak"] - before
        stored = next((folder / "store").rglob("1.2.9.dcm")).stat().st_size
        expect(grown < 512 * MIB, f"{megabytes} MiB cost {grown / MIB:.0f} MiB")
        texts.append(f"{megabytes} MiB in {frames} frames became {stored / MIB:.0f} MiB and cost {grown / MIB:.0f} MiB of memory")
    return "; ".join(texts)
