#!/usr/bin/env python3
"""Send every file of a corpus once over pynetdicom, its data set's bytes as the file has them, and note each answer.

    send_corpus.py CORPUS HOST:PORT [--called AE] [--answers FILE.json]

Offers for each SOP class the file's own transfer syntax, the native ones and a handful of compressed ones, each in
presentation contexts of their own; sends on the one that was accepted with the file's own syntax. Exit 1 when an
association died or a C-STORE stayed without an answer.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import part10
from pynetdicom import AE, build_context
from pynetdicom.dimse_primitives import C_STORE

NATIVE_OFFER = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
COMPRESSED_OFFER = ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"]
CONTEXTS = 120
FILES_AN_ASSOCIATION = 24


@dataclass
class Answer:
    file: str
    transfer_syntax: str
    sop_class: str
    sop_instance: str
    status: int | None = None  # None: no answer
    comment: str = ""
    fault: str = ""  # why there is no answer
    seconds: float = 0.0


def offers(file: part10.File) -> list[tuple[str, tuple[str, ...]]]:
    own = (file.sop_class, (file.transfer_syntax,))
    return [own, (file.sop_class, tuple(NATIVE_OFFER)), (file.sop_class, tuple(COMPRESSED_OFFER))]


def batches(files: list[part10.File]):
    """Files that share an association: bounded by its 128 presentation contexts and by a number of files."""
    batch: list[part10.File] = []
    wanted: dict[tuple[str, tuple[str, ...]], None] = {}
    for file in files:
        more = wanted | dict.fromkeys(offers(file))
        if batch and (len(more) > CONTEXTS or len(batch) == FILES_AN_ASSOCIATION):
            yield batch, list(wanted)
            batch, more = [], dict.fromkeys(offers(file))
        batch.append(file)
        wanted = more
    if batch:
        yield batch, list(wanted)


def store(association, context_id: int, message_id: int, file: part10.File, answer: Answer) -> None:
    request = C_STORE()
    request.MessageID = message_id
    request.AffectedSOPClassUID = file.sop_class
    request.AffectedSOPInstanceUID = file.sop_instance
    request.Priority = 2
    request.DataSet = BytesIO(file.data_set)
    started = time.monotonic()
    # As Association.send_c_store does: keep the reactor from taking the answer away.
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(0.0001)
    try:
        association.dimse.send_msg(request, context_id)
        _, response = association.dimse.get_msg(block=True)
    finally:
        association._reactor_checkpoint.set()
    answer.seconds = round(time.monotonic() - started, 4)
    if response is None or response.Status is None:
        answer.fault = "no answer: association aborted, closed or timed out"
        association.abort()
        return
    answer.status = response.Status
    answer.comment = response.ErrorComment or ""


def send(files: list[part10.File], host: str, port: int, called: str, calling: str = "CORPUS", name=str) -> list[Answer]:
    """Every file once, in order; one answer a file."""
    answers = []
    for batch, wanted in batches(files):
        left = batch
        while left:
            entity = AE(ae_title=calling)
            entity.dimse_timeout = entity.acse_timeout = entity.network_timeout = 120
            association = entity.associate(
                host, port, [build_context(abstract, list(syntaxes)) for abstract, syntaxes in wanted], ae_title=called
            )
            if not association.is_established:
                answers += [_answer(file, name, fault="association refused") for file in left]
                break
            accepted = {(c.abstract_syntax, c.transfer_syntax[0]): c.context_id for c in association.accepted_contexts}
            for number, file in enumerate(left, 1):
                answer = _answer(file, name)
                answers.append(answer)
                context_id = accepted.get((file.sop_class, file.transfer_syntax))
                if context_id is None:
                    answer.fault = "presentation context refused"
                    continue
                store(association, context_id, number, file, answer)
                if answer.status is None:
                    break
            left = left[number:]
            if association.is_established:
                association.release()
    return answers


def _answer(file: part10.File, name, fault: str = "") -> Answer:
    return Answer(name(file.path), str(file.transfer_syntax), file.sop_class, file.sop_instance, fault=fault)


def load(corpus: Path) -> list[part10.File]:
    return [part10.read(corpus / row["file"]) for row in part10.manifest(corpus)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("address")
    parser.add_argument("--called", default="CONDENSER")
    parser.add_argument("--answers", type=Path)
    arguments = parser.parse_args()
    host, port = arguments.address.rsplit(":", 1)
    answers = send(
        load(arguments.corpus), host, int(port), arguments.called, name=lambda path: str(path.relative_to(arguments.corpus))
    )
    if arguments.answers:
        arguments.answers.write_text(json.dumps([asdict(answer) for answer in answers], indent=1))
    statuses: dict[str, int] = {}
    for answer in answers:
        key = answer.fault or f"{answer.status:04X} {answer.comment}".strip()
        statuses[key] = statuses.get(key, 0) + 1
    for key, count in sorted(statuses.items()):
        print(f"{count:5}  {key}")
    return any(answer.status is None for answer in answers)


if __name__ == "__main__":
    sys.exit(main())
