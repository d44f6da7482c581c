#!/usr/bin/env python3
"""A server of syslog over TLS (RFC 5424, RFC 5425) for tests: appends the message of each frame to a file, one a line.

    syslog_server.py --certificate PEM --key PEM [--clients PEM] [--port N] [--hang-up-after N] FILE

--clients: clients must show a certificate of these authorities. --hang-up-after: the first connection is reset when so many
messages were taken of it, whatever else has come. Prints its port, then one line for each frame that is none.
"""

import argparse
import re
import socket
import ssl
import struct
import sys

HEADER = re.compile(
    rb"<85>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z [!-~]{1,255} [!-~]{1,48} [!-~]{1,128} DICOM\+RFC3881 - \xef\xbb\xbf")


def frames(stream):
    """The messages of a connection, as RFC 5425 4.3.1 frames them."""
    while True:
        length = b""
        while not length.endswith(b" "):
            byte = stream.read(1)
            if not byte:
                return
            length += byte
        if not re.fullmatch(rb"[1-9]\d{0,6} ", length):
            raise ValueError(f"no length: {length!r}")
        message = stream.read(int(length))
        if len(message) < int(length):
            return
        yield message


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--certificate", required=True)
    arguments.add_argument("--key", required=True)
    arguments.add_argument("--clients")
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--hang-up-after", type=int)
    arguments.add_argument("file")
    arguments = arguments.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.certificate, arguments.key)
    if arguments.clients:
        context.load_verify_locations(arguments.clients)
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", arguments.port)) as server, open(arguments.file, "ab") as taken:
        print(server.getsockname()[1], flush=True)
        hang_up_after = arguments.hang_up_after
        while True:
            connection, _ = server.accept()
            connection.settimeout(30)
            try:
                with context.wrap_socket(connection, server_side=True) as stream, stream.makefile("rb") as reader:
                    for number, message in enumerate(frames(reader), 1):
                        header = HEADER.match(message)
                        if not header or b"\n" in message:
                            print(f"no message: {message!r}", flush=True)
                            continue
                        taken.write(message[header.end():] + b"\n")
                        taken.flush()
                        if number == hang_up_after:
                            hang_up_after = None
                            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                            break
            except (OSError, ValueError) as error:
                print(f"connection: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
