#!/usr/bin/env python3
"""A Storage SCP that answers as it is told, for the tests of forwarding.

    scp.py [--title ARCHIVE] [--port N] [--syntax UID]... [--class UID]... [--statuses 0000,A700,...]
           [--delay SECONDS] [--abort-at N] [--exit-at N] [--folder DIR] [--refuse transient|permanent]
           [--max-pdu BYTES] [--only STATUS:UID]... [--nonsense KIND,KIND,...]
          [--commit same|new|never|wrong] [--commit-to PORT] [--uncommitted STATUS:UID]...

Prints its port. Each instance that it takes for good (success or warning) is written into the folder, named by its SOP
Instance UID, before it is answered; one line in `received.txt` there for each C-STORE request: UID, transfer syntax,
status. The statuses are given one after the other, the last one from then on; `--only` gives one to an instance alone.
`--abort-at N` aborts the association at the N-th request, `--exit-at N` ends the process there, without an answer and
after the instance was stored. `--nonsense` answers the first requests with what is no answer to them, and nothing is stored then:
`no-status`, `other-message`, `other-instance`, `data-set` (one is announced and does not come), `junk` (no PDU at all).

`--commit` offers Storage Commitment: asked for it, it reports over the same association, over a new one to `--commit-to` (called
CONDENSER), never, or on another transaction than the one that it was asked in. Instances of `--uncommitted` are reported as failed,
for that reason. One line in `asked.txt` for each request: transaction, number of instances; one in `answers.txt` for each report.
"""

import argparse
import os
import struct
import sys
import threading
import time
from pathlib import Path

from pydicom import Dataset, Sequence
from pynetdicom import AE, AllStoragePresentationContexts, build_context, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance, Verification

NATIVE = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]
SUCCEEDED = {0x0000, 0x0001, 0x0107, 0x0116}


def element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, number, len(value)) + value


def nonsense(kind: str, event) -> bytes:
    """A P-DATA-TF PDU with what is no answer to a C-STORE request."""
    if kind == "junk":
        return b"HTTP/1.1 400 Bad Request\r\n\r\n"
    uid = "1.2.3.4.5" if kind == "other-instance" else str(event.request.AffectedSOPInstanceUID)
    message = event.request.MessageID + (7 if kind == "other-message" else 0)
    command = element(0x0100, struct.pack("<H", 0x8001)) + element(0x0120, struct.pack("<H", message))
    command += element(0x0800, struct.pack("<H", 0x0000 if kind == "data-set" else 0x0101))
    if kind != "no-status":
        command += element(0x0900, struct.pack("<H", 0))
    command += element(0x1000, uid.encode() + b"\0" * (len(uid) % 2))
    command = element(0, struct.pack("<I", len(command))) + command
    value = struct.pack(">IBB", len(command) + 2, event.context.context_id, 3) + command
    return struct.pack(">BBI", 4, 0, len(value)) + value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--title", default="ARCHIVE")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--syntax", action="append", default=[])
    parser.add_argument("--class", dest="classes", action="append", default=[])
    parser.add_argument("--statuses", default="0000")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--nonsense", default="")
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--abort-at", type=int, default=0)
    parser.add_argument("--exit-at", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--refuse", choices=["transient", "permanent"])
    parser.add_argument("--max-pdu", type=int, default=16382)
    parser.add_argument("--commit", choices=["same", "new", "never", "wrong"])
    parser.add_argument("--commit-to", type=int)
    parser.add_argument("--uncommitted", action="append", default=[])
    arguments = parser.parse_args()
    statuses = [int(status, 16) for status in arguments.statuses.split(",")]
    only = {uid: int(status, 16) for status, uid in (pair.split(":") for pair in arguments.only)}
    lock = threading.Lock()
    count = 0
    kinds = [kind for kind in arguments.nonsense.split(",") if kind]

    def store(event):
        nonlocal count
        with lock:
            count += 1
            number = count
            uid = str(event.request.AffectedSOPInstanceUID)
            if number <= len(kinds):
                event.assoc.dul.socket.send(nonsense(kinds[number - 1], event))
                return 0x0000
            status = only.get(uid, statuses[min(number, len(statuses)) - 1])
            if arguments.folder:
                if status in SUCCEEDED or 0xB000 <= status <= 0xBFFF:
                    part = arguments.folder / f"{uid}.part"
                    part.write_bytes(event.encoded_dataset())
                    part.rename(arguments.folder / f"{uid}.dcm")
                with open(arguments.folder / "received.txt", "a") as log:
                    print(uid, event.context.transfer_syntax, f"{status:04X}", file=log, flush=True)
        if number == arguments.exit_at:
            os._exit(1)
        if number == arguments.abort_at:
            event.assoc.abort()
        if arguments.delay:
            time.sleep(arguments.delay)
        return status

    def requested(event):
        if arguments.refuse:
            result = 1 if arguments.refuse == "permanent" else 2
            event.assoc.acse.send_reject(result, 1 if result == 1 else 3, 7 if result == 1 else 1)
            event.assoc.kill()

    uncommitted = {uid: int(reason, 16) for reason, uid in (pair.split(":") for pair in arguments.uncommitted)}

    def note(name: str, *words) -> None:
        with lock, open(arguments.folder / name, "a") as log:
            print(*words, file=log, flush=True)

    def asked(event):
        wanted = event.action_information
        note("asked.txt", wanted.TransactionUID, len(wanted.ReferencedSOPSequence))
        if arguments.commit != "never":
            threading.Thread(target=report, args=(event.assoc, wanted), daemon=True).start()
        return 0x0000, None

    def report(association, wanted) -> None:
        result, good, bad = Dataset(), [], []
        result.TransactionUID = "1.2.3.4.5" if arguments.commit == "wrong" else wanted.TransactionUID
        for item in wanted.ReferencedSOPSequence:
            entry = Dataset()
            entry.ReferencedSOPClassUID, entry.ReferencedSOPInstanceUID = item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID
            reason = uncommitted.get(str(item.ReferencedSOPInstanceUID))
            if reason:
                entry.FailureReason = reason
            (bad if reason else good).append(entry)
        if good:
            result.ReferencedSOPSequence = Sequence(good)
        if bad:
            result.FailedSOPSequence = Sequence(bad)
        if arguments.commit == "new":
            sender = AE(ae_title=arguments.title)
            sender.add_requested_context(StorageCommitmentPushModel)
            role = build_role(StorageCommitmentPushModel, scu_role=False, scp_role=True)
            association = sender.associate("127.0.0.1", arguments.commit_to, ae_title="CONDENSER", ext_neg=[role])
        else:
            time.sleep(0.2)  # the response to the request goes first
        status, _ = association.send_n_event_report(
            result, 2 if bad else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        note("answers.txt", f"{status.Status:04X}" if status else "none")
        if arguments.commit == "new":
            association.release()

    entity = AE(ae_title=arguments.title)
    entity.maximum_pdu_size = arguments.max_pdu
    entity.maximum_associations = 64
    syntaxes = arguments.syntax or NATIVE
    classes = arguments.classes or [str(context.abstract_syntax) for context in AllStoragePresentationContexts]
    entity.supported_contexts = [build_context(uid, syntaxes) for uid in classes]
    entity.add_supported_context(Verification)
    handlers = [(evt.EVT_C_STORE, store), (evt.EVT_REQUESTED, requested)]
    if arguments.commit:
        entity.add_supported_context(StorageCommitmentPushModel)
        handlers.append((evt.EVT_N_ACTION, asked))
    server = entity.start_server(("127.0.0.1", arguments.port), block=False, evt_handlers=handlers)
    print(server.socket.getsockname()[1], flush=True)
    # Whoever started it kills it; if that one is gone, so is the reason to go on.
    while os.getppid() != 1:
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
