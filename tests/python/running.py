"""A node under test, started and stopped; free ports; temporary folders on a real disk; what this machine is."""

import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"listening.*?127\.0\.0\.1:(\d+)")


def target_folder() -> Path:
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def binary() -> Path:
    return Path(os.environ.get("CONDENSER_BINARY") or target_folder() / "release" / "condenser")


def fast_sender() -> Path:
    return target_folder() / "release" / "examples" / "fast_sender"


@contextmanager
def scratch(keep: bool = False):
    """A folder under target/, which is on the disk that the clone is on, unlike /tmp on many machines."""
    top = target_folder() / "scratch"
    top.mkdir(parents=True, exist_ok=True)
    # ext4 passes over inodes that were deleted in the last minutes, one by one; after a run with many files that would
    # be most of what its successor measures. With this attribute each folder gets a place on the disk of its own.
    subprocess.run(["chattr", "+T", str(top)], capture_output=True, check=False)
    path = Path(tempfile.mkdtemp(dir=top))
    try:
        yield path
    finally:
        if keep:
            print(f"kept: {path}")
        else:
            shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Node:
    """`condenser serve` on a port of its own. A context manager: leaves by SIGTERM and waits.

    `prefix` is a program that runs it, such as strace or taskset; `log` a folder for its log, where the store's cannot be."""

    def __init__(
        self, store: Path, *arguments: str, title: str = "CONDENSER", prefix: tuple[str, ...] = (), log: Path | None = None,
    ):
        self.store = store
        self.title = title
        # A file and not a pipe: a reader would be woken for each line, on the cores that are being measured.
        folder = log or store.parent
        self._log = tempfile.TemporaryFile(dir=folder)
        # An own process group: a Ctrl-C at the terminal is for the script, which then drains the node.
        self.process = subprocess.Popen(
            [*prefix, binary(), "serve", "--listen", "127.0.0.1:0", "--ae-title", title, "--store", str(store), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._log, start_new_session=True, cwd=folder,
        )
        listening = LISTENING.search(self.log_has(LISTENING.pattern, 30))
        if not listening:
            self.kill()
            raise RuntimeError("the node did not start:\n" + "\n".join(self.lines[-20:]))
        self.port = int(listening[1])

    @property
    def lines(self) -> list[str]:
        """The log so far."""
        length = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), length, 0).decode(errors="replace").splitlines()

    def log_has(self, pattern: str, seconds: float = 5.0) -> str:
        """The first log line that matches, waiting for it a little."""
        deadline = time.monotonic() + seconds
        while True:
            last = time.monotonic() > deadline or not self.running()
            for line in self.lines:
                if re.search(pattern, line, re.IGNORECASE):
                    return line
            if last:
                return ""
            time.sleep(0.02)

    def peak_rss(self) -> int:
        """Bytes, VmHWM."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def queue(self, *words: str) -> list[dict]:
        """What `condenser queue … --json` says of this node's queue."""
        out = subprocess.run(
            [binary(), "queue", *words, "--json", "--store", str(self.store)], capture_output=True, text=True, check=True
        ).stdout
        return [json.loads(line) for line in out.splitlines()]

    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> int:
        """SIGTERM; the exit code, which is 0 after a clean drain."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9
        return code

    def kill(self):
        """SIGKILL, also to a program that runs it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Storescp:
    """DCMTK's receiver as installed: Nagle on, neither compressing nor syncing."""

    def __init__(self, folder: Path, title: str = "CONDENSER", port: int | None = None, env: dict[str, str] | None = None):
        self.port = port or free_port()
        self.title = title
        self.process = subprocess.Popen(
            ["storescp", "-aet", title, "-od", str(folder), str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=env,
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def tool_version(*command: str) -> str:
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not found"
    return (out.stdout or out.stderr).strip().splitlines()[0]


def machine() -> str:
    """One line; no names, no paths."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 1024**2
    dcmtk = re.search(r"v(\d+\.\d+\.\d+)", tool_version("storescp", "--version"))
    rust = re.search(r"rustc (\S+)", tool_version("rustc", "--version"))
    return (
        f"{os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), {memory:.0f} GiB, "
        f"Linux {platform.release().split('-')[0]}, {filesystem(target_folder())}, "
        f"rustc {rust[1] if rust else '?'}, DCMTK {dcmtk[1] if dcmtk else '?'}"
    )


def filesystem(path: Path) -> str:
    out = subprocess.run(["df", "--output=fstype", str(path)], capture_output=True, text=True, check=False)
    return (out.stdout.split() or ["unknown file system"])[-1]
