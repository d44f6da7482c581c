"""Row F01, what no test of one process can do: the name of a peer means another address from one moment to the next."""

import subprocess
import sys
import time
from pathlib import Path

from fault_rows import SUCCESS, Ledger, Run, configured, expect, need, need_root, row
from running import Node

NAME = "archive.test"
# A process of its own sees this table of hosts in place of the machine's.
WITH_OWN_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


@row("F01", "the address of a peer's name changes while instances wait")
def another_address(run: Run) -> str:
    need_root()
    need(subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0, "a mount namespace")
    folder = run.folder("names")
    hosts = folder / "hosts"
    # The peer listens on 127.0.0.1 alone.
    hosts.write_text(f"127.0.0.2 {NAME}\n")
    scp = Path(__file__).with_name("scp.py")
    peer = subprocess.Popen([sys.executable, scp], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        port = int(peer.stdout.readline())
        text = (
            "[[rule]]\nname = 'all'\nforward = ['archive']\n[[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\n"
            f"address = '{NAME}:{port}'\nretry = {{ first = '100 ms', longest = '200 ms' }}\n"
        )
        prefix = ("unshare", "--mount", "sh", "-c", WITH_OWN_HOSTS, str(hosts))
        with Node(folder / "store", *configured(folder, text), prefix=prefix) as node:
            statuses = Ledger(run.source).send(node, 3)
            expect(statuses == [SUCCESS] * 3, f"answered {statuses}")
            expect(node.log_has("peer not available", 30), "the peer was found where it is not")
            # In place: another file would not be the one that is mounted.
            hosts.write_text(f"127.0.0.1 {NAME}\n")
            delivered = lambda: sum("instance delivered" in line for line in node.lines)
            deadline = time.monotonic() + 30
            while delivered() < 3 and time.monotonic() < deadline:
                time.sleep(0.02)
            expect(delivered() == 3, f"{delivered()} of 3 delivered: the name was not looked up again")
            return "3 instances wait at one address and are delivered at the next"
    finally:
        peer.terminate()
        peer.wait()
