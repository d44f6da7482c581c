"""A C-STORE user of a few lines on a plain socket (PS3.8, PS3.7), for tests that cut connections and count answers.

It needs no thread and no time to start, and says exactly which bytes went out.
"""

import socket
import struct


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


class Broken(Exception):
    """The peer went away, or did not answer as a C-STORE provider does."""


class Association:
    def __init__(
        self, port: int, called: str, sop_class: str, transfer_syntax: str, seconds: float = 30,
        *, address: str = "127.0.0.1", calling: str = "WIRE",
    ):
        self.socket = socket.create_connection(("127.0.0.1", port), seconds, (address, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = b"\1\0\0\0" + _item(0x30, sop_class.encode()) + _item(0x40, transfer_syntax.encode())
        user = _item(0x51, struct.pack(">I", 1 << 17)) + _item(0x52, b"2.25.2")
        body = b"\0\1\0\0" + called.ljust(16).encode() + calling.ljust(16).encode() + bytes(32)
        body += _item(0x10, b"1.2.840.10008.3.1.1.1") + _item(0x20, context) + _item(0x50, user)
        self.send(struct.pack(">BBI", 1, 0, len(body)) + body)
        kind, answer = self._pdu()
        if kind != 2:
            raise Broken(f"PDU type {kind} instead of A-ASSOCIATE-AC")
        at = answer.index(b"\x51\0\0\4") + 4
        self.fragment = min(struct.unpack(">I", answer[at : at + 4])[0] or 1 << 17, 1 << 17) - 6

    def store(self, sop_class: str, sop_instance: str, data_set: bytes) -> int:
        """The Status of the answer."""
        self.send(self.request(sop_class, sop_instance, data_set))
        return self.status()

    def store_parts(self, sop_class: str, sop_instance: str, parts) -> int:
        """Likewise of a data set that comes in parts, the last of which is empty."""
        self.send(self.command(0x0001, sop_class, sop_instance))
        for part in parts:
            for start in range(0, len(part), self.fragment):
                self.send(self._data(0, part[start : start + self.fragment]))
        self.send(self._data(2, b""))
        return self.status()

    def echo(self) -> int:
        """The Status of a C-ECHO, over an association for Verification."""
        self.send(self.command(0x0030, "1.2.840.10008.1.1", ""))
        return self.status()

    def status(self) -> int:
        kind, value = self._pdu()
        if kind != 4:
            raise Broken(f"PDU type {kind} instead of a response")
        at = value.index(struct.pack("<HHI", 0, 0x0900, 2)) + 8
        return struct.unpack("<H", value[at : at + 2])[0]

    def request(self, sop_class: str, sop_instance: str, data_set: bytes) -> bytes:
        """The bytes of a whole C-STORE-RQ."""
        out = [self.command(0x0001, sop_class, sop_instance)]
        for start in range(0, len(data_set), self.fragment):
            part = data_set[start : start + self.fragment]
            out.append(self._data(2 if start + self.fragment >= len(data_set) else 0, part))
        return b"".join(out)

    def command(self, field: int, sop_class: str, sop_instance: str) -> bytes:
        """The PDU of a command: of C-STORE-RQ, with a data set to follow, or of C-ECHO-RQ, without."""
        store = field == 0x0001
        elements = [(0x0002, sop_class.encode()), (0x0100, struct.pack("<H", field)), (0x0110, b"\1\0")]
        elements += [(0x0700, b"\0\0"), (0x0800, b"\1\0")] if store else [(0x0800, b"\1\1")]
        elements += [(0x1000, sop_instance.encode())] if store else []
        body = b""
        for element, value in elements:
            value += b"\0" * (len(value) % 2)
            body += struct.pack("<HHI", 0, element, len(value)) + value
        return self._data(3, struct.pack("<HHII", 0, 0, 4, len(body)) + body)

    def release(self) -> None:
        self.send(struct.pack(">BBI", 5, 0, 4) + bytes(4))
        if self._pdu()[0] != 6:
            raise Broken("no A-RELEASE-RP")
        self.close()

    def close(self) -> None:
        self.socket.close()

    @staticmethod
    def _data(control: int, value: bytes) -> bytes:
        return struct.pack(">BBIIBB", 4, 0, len(value) + 6, len(value) + 2, 1, control) + value

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Broken(str(error)) from error

    def _pdu(self) -> tuple[int, bytes]:
        kind, _, length = struct.unpack(">BBI", self._exactly(6))
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except OSError as error:
                raise Broken(str(error)) from error
            if not more:
                raise Broken("the peer closed the connection")
            data += more
        return data
