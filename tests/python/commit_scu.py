#!/usr/bin/env python3
"""A modality that asks for Storage Commitment, for the tests of the provider.

    commit_scu.py [--ask PORT] [--transaction UID] [--keep-open] [--listen PORT] [--wait SECONDS] [--reports N]
                  [--answers 0000,...] [--title MODALITY] [--called CONDENSER] [--implicit] [--no-roles] [CLASS:UID]...

With `--ask` it asks the node at that port to commit these instances; with `--keep-open` it waits for the report over the same
association, without it the association is released at once. With `--listen` it takes reports over associations of the node. It
ends when it has so many reports, or when it has waited long enough. One JSON object a line: the status of the response, then
each report. `--answers` are the statuses that reports are answered with, the last one from then on.
"""

import argparse
import json
import sys
import threading
import time

from pydicom import Dataset, Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance


def say(**facts) -> None:
    print(json.dumps(facts), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ask", type=int)
    parser.add_argument("--transaction")
    parser.add_argument("--keep-open", action="store_true")
    parser.add_argument("--listen", type=int)
    parser.add_argument("--wait", type=float, default=60)
    parser.add_argument("--reports", type=int, default=1)
    parser.add_argument("--answers", default="0000")
    parser.add_argument("--title", default="MODALITY")
    parser.add_argument("--called", default="CONDENSER")
    parser.add_argument("--implicit", action="store_true")
    parser.add_argument("--no-roles", action="store_true")
    parser.add_argument("instances", nargs="*")
    arguments = parser.parse_args()
    answers = [int(status, 16) for status in arguments.answers.split(",")]
    syntaxes = [ImplicitVRLittleEndian] if arguments.implicit else [ImplicitVRLittleEndian, ExplicitVRLittleEndian]
    lock, count, enough = threading.Lock(), 0, threading.Event()
    ours = None

    def reported(event):
        nonlocal count
        result = event.event_information
        with lock:
            count += 1
            answer = answers[min(count, len(answers)) - 1]
            say(
                report=str(result.TransactionUID),
                event_type=event.event_type,
                same=event.assoc is ours,
                called=event.assoc.requestor.ae_title if event.assoc is not ours else event.assoc.acceptor.ae_title,
                committed=[str(item.ReferencedSOPInstanceUID) for item in result.get("ReferencedSOPSequence", [])],
                failed={
                    str(item.ReferencedSOPInstanceUID): f"{item.FailureReason:04X}"
                    for item in result.get("FailedSOPSequence", [])
                },
            )
            if count >= arguments.reports:
                enough.set()
        return answer, None

    handlers = [(evt.EVT_N_EVENT_REPORT, reported)]
    if arguments.listen is not None:
        listener = AE(ae_title=arguments.title)
        roles = {} if arguments.no_roles else {"scu_role": False, "scp_role": True}
        listener.add_supported_context(StorageCommitmentPushModel, syntaxes, **roles)
        listener.start_server(("127.0.0.1", arguments.listen), block=False, evt_handlers=handlers)
    if arguments.ask is not None:
        modality = AE(ae_title=arguments.title)
        modality.add_requested_context(StorageCommitmentPushModel, syntaxes)
        ours = modality.associate("127.0.0.1", arguments.ask, ae_title=arguments.called, evt_handlers=handlers)
        if not ours.is_established or not ours.accepted_contexts:
            say(accepted=False)
            return 1
        request = Dataset()
        request.TransactionUID = arguments.transaction or generate_uid()
        items = []
        for pair in arguments.instances:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = pair.split(":")
            items.append(item)
        request.ReferencedSOPSequence = Sequence(items)
        status, _ = ours.send_n_action(request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
        say(accepted=True, status=f"{status.Status:04X}" if status else None, transaction=str(request.TransactionUID))
        if not arguments.keep_open:
            ours.release()
    if arguments.listen is not None or arguments.keep_open:
        enough.wait(arguments.wait)
        # The answer to the last report is on its way still.
        time.sleep(0.3)
    if ours and ours.is_established:
        ours.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
