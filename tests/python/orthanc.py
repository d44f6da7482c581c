"""Orthanc as installed, for a test or a measurement: configured in a folder of its own, driven over its REST interface."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from running import free_port

PROGRAM = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


class Orthanc:
    """A context manager: leaves by SIGTERM. `peers` are those that it can send to: name → (AE title, port)."""

    title = "ORTHANC"

    def __init__(self, folder: Path, peers: dict[str, tuple[str, int]] | None = None, port: int | None = None):
        if not PROGRAM:
            raise SystemExit("Orthanc is not installed. Type:  sudo apt-get install -y orthanc")
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.http = port or free_port(), free_port()
        settings = {
            "Name": "test", "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "storage"),
            "DicomAet": self.title, "DicomPort": self.port, "HttpPort": self.http, "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowEcho": True, "UnknownSopClassAccepted": True, "OverwriteInstances": True,
            "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "Plugins": [], "HttpServerEnabled": True,
            "DicomModalities": {name: [title, "127.0.0.1", port] for name, (title, port) in (peers or {}).items()},
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))
        self._log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            [PROGRAM, str(folder / "orthanc.json")], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.version = self.get("/system")["Version"]
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit("Orthanc did not start:\n" + (folder / "log").read_text()[-2000:]) from None
                time.sleep(0.1)

    def read(self, path: str, body: object = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.read()

    def get(self, path: str, body: object = None):
        return json.loads(self.read(path, body))

    def instances(self) -> dict[str, str]:
        """SOP Instance UID → Orthanc's own identifier."""
        return {row["MainDicomTags"]["SOPInstanceUID"]: row["ID"] for row in self.get("/instances?expand")}

    def takes(self, path: Path) -> bool:
        """Whether it takes a file from the operator; it has it no longer then."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/instances", path.read_bytes())
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                identifier = json.loads(answer.read())["ID"]
        except urllib.error.HTTPError:
            return False
        delete = urllib.request.Request(f"http://127.0.0.1:{self.http}/instances/{identifier}", method="DELETE")
        urllib.request.urlopen(delete, timeout=600).close()
        return True

    def knows(self, name: str, title: str, port: int) -> None:
        """From now on it can send to this peer, and ask it to commit."""
        data = json.dumps({"AET": title, "Host": "127.0.0.1", "Port": port}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/modalities/{name}", data, method="PUT")
        urllib.request.urlopen(request, timeout=60).close()

    def committed(self, peer: str, instances: list[tuple[str, str]], seconds: float = 120) -> tuple[str, set[str], dict[str, int]]:
        """Asks a peer to commit instances, by SOP Class and SOP Instance UID; what it reports: the sum, those that are committed,
        and the Failure Reason of each other."""
        path = self.get(f"/modalities/{peer}/storage-commitment", {"DicomInstances": instances, "Timeout": 60})["Path"]
        deadline = time.monotonic() + seconds
        while True:
            report = self.get(path)
            if report["Status"] != "Pending" or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        good = {row["SOPInstanceUID"] for row in report.get("Success", [])}
        return report["Status"], good, {row["SOPInstanceUID"]: row["FailureReason"] for row in report.get("Failures", [])}

    def send(self, peer: str) -> None:
        """All that it has, over one association; returns when the last one is answered."""
        done = self.get(f"/modalities/{peer}/store", {"Resources": self.get("/instances"), "Synchronous": True})
        if done.get("FailedInstancesCount"):
            raise SystemExit(f"Orthanc did not send: {done}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
