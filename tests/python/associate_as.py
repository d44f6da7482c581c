#!/usr/bin/env python3
"""Asks for an association as a user (User Identity Negotiation, PS3.7 D.3.3.7), by pynetdicom.

    associate_as.py PORT [TYPE NAME PASSCODE]

Prints "accepted", followed by "identified" when the acceptor says so, or "rejected" with result, source and reason.
"""

import sys

from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.sop_class import Verification


def main():
    port, *identity = sys.argv[1:]
    items = []
    if identity:
        kind, name, passcode = identity
        item = UserIdentityNegotiation()
        item.user_identity_type = int(kind)
        item.positive_response_requested = True
        item.primary_field = name.encode()
        if int(kind) == 2:
            item.secondary_field = passcode.encode()
        items.append(item)
    ae = AE(ae_title="SENDER")
    ae.add_requested_context(Verification)
    rejected = []

    def received(event):
        if type(event.pdu).__name__ == "A_ASSOCIATE_RJ":
            rejected.append((event.pdu.result, event.pdu.source, event.pdu.reason_diagnostic))

    association = ae.associate(
        "127.0.0.1", int(port), ae_title="CONDENSER", ext_neg=items, evt_handlers=[(evt.EVT_PDU_RECV, received)])
    if association.is_established:
        echo = association.send_c_echo().Status
        answer = association.acceptor.user_identity
        print("accepted", "identified" if answer is not None and answer.server_response == b"" else "", f"{echo:04X}")
        association.release()
    else:
        print("rejected", *rejected)


if __name__ == "__main__":
    main()
