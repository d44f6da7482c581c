#!/usr/bin/env python3
"""Kill the node and its peer at random moments while the one forwards to the other, and look at what arrived.

    kill_forward.py [--tries 200] [--seed 1] [--longest 0.4]

Each try starts the node on the same store, lets two associations send, kills the peer in every other try and starts it again, and
kills the node. At the end both are left alone until the queue is empty. Then: whatever was acknowledged is at the peer; whatever
is at the peer is in the store, with the same data set, byte for byte; nothing is left in the queue that is not delivered.
"""

import argparse
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import judge_tree
import part10
import profiles
from kill_loop import ASSOCIATIONS, Sender, Source
from running import Node, free_port, scratch


class Peer:
    """storescp on one port, started again at once after each kill. It writes the bytes that came."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self.folder, self.port, self.kills = folder, free_port(), 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["storescp", "-aet", "ARCHIVE", "+xa", "+B", "-od", self.folder, str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )

    def kill(self) -> None:
        self.stop()
        self.kills += 1
        self.start()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def instances(self) -> dict[str, Path]:
        """By UID; storescp puts a word for the modality before it."""
        return {path.name.split(".", 1)[1]: path for path in self.folder.iterdir()}


def waiting(store: Path) -> dict[int, int]:
    """State → how many deliveries."""
    database = sqlite3.connect(store / "queue.db")
    try:
        return dict(database.execute("SELECT state, count(*) FROM delivery GROUP BY state"))
    finally:
        database.close()


def again(store: Path) -> int:
    """How many deliveries were tried more than once."""
    database = sqlite3.connect(store / "queue.db")
    try:
        return database.execute("SELECT count(*) FROM delivery WHERE attempts > 1").fetchone()[0]
    finally:
        database.close()


DELIVERED = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=0.4, help="seconds from the first request to the kill, at most")
    parser.add_argument("--target", choices=profiles.TARGETS, default="JPEGLSLossless")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    faults: list[str] = []
    acknowledged: set[str] = set()
    started = time.monotonic()
    with scratch() as work:
        source = Source(work / "slices")
        store = work / "store"
        peer = Peer(work / "peer")
        config = work / "node.toml"
        config.write_text(
            f"[compress]\nto = '{arguments.target}'\n[[rule]]\nname = 'all'\nforward = ['archive']\n"
            f"[[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\naddress = '127.0.0.1:{peer.port}'\n"
            "retry = { first = '20 ms', longest = '100 ms' }\n"
        )
        try:
            for number in range(1, arguments.tries + 1):
                node = Node(store, "--config", str(config))
                going = threading.Event()
                senders = [Sender(node, source, going) for _ in range(ASSOCIATIONS)]
                for sender in senders:
                    sender.start()
                going.wait(10)
                until = chance.uniform(0, arguments.longest)
                first = chance.uniform(0, until) if number % 2 else until
                time.sleep(first)
                if number % 2:
                    peer.kill()
                time.sleep(until - first)
                node.kill()
                for sender in senders:
                    sender.join(30)
                    acknowledged.update(sender.acknowledged)
                    faults += [f"try {number}: {fault}" for fault in sender.faults]
                if number % 50 == 0:
                    print(f"{number} kills of the node, {peer.kills} of the peer, {len(acknowledged)} acknowledged, "
                          f"{len(peer.instances())} at the peer so far, {len(faults)} faults", flush=True)
            during = len(peer.instances())
            tries = again(store)
            with Node(store, "--config", str(config)) as node:
                deadline = time.monotonic() + 300
                while set(waiting(store)) - {DELIVERED} and time.monotonic() < deadline and node.running():
                    time.sleep(0.2)
            left = {state: count for state, count in waiting(store).items() if state != DELIVERED}
            if left:
                faults.append(f"still in the queue, by state: {left}")
            arrived = peer.instances()
        finally:
            peer.stop()
        stored = {path.stem: path for path in judge_tree.instances(store)}
        faults += [f"{uid} was acknowledged and has not arrived" for uid in sorted(acknowledged - arrived.keys())]
        for uid, path in arrived.items():
            if uid not in stored:
                faults.append(f"{uid} arrived and is not in the store")
            elif part10.read(path).data_set != part10.read(stored[uid]).data_set:
                faults.append(f"{uid} arrived with another data set")
    print(f"{arguments.tries} kills of the node and {peer.kills} of the peer in {time.monotonic() - started:.0f} s: {len(acknowledged)} acknowledged, "
          f"{len(arrived)} arrived ({during} of them while nodes were being killed, {tries} tried more than once), {len(stored)} stored.")
    for fault in faults[:40]:
        print(f"FAULT {fault}")
    print("every acknowledged instance arrived, the final set is exact" if not faults else f"{len(faults)} faults")
    return 1 if faults or not acknowledged else 0


if __name__ == "__main__":
    sys.exit(main())
