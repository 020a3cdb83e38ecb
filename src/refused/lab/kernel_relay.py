"""A real proxy for kernel worlds: redirected connections come in, and mostly go on.

    python -m refused.lab.kernel_relay PORT MODE [WORDS…]

It asks the kernel where a redirected connection was meant to go (``SO_ORIGINAL_DST``), as Envoy and
linkerd-proxy do, or takes what TPROXY left in its place, and marks its own packets, so that no rule
leads them back.

| mode | does |
| --- | --- |
| ``pass`` | brings every connection to where it was meant to go |
| ``delay SECONDS`` | the same, each way later by so much |
| ``close`` | accepts and hangs up, as a sidecar without a route |
| ``reset`` | accepts, and resets as soon as the client speaks |
| ``hang`` | accepts and says nothing |
| ``inspect CHAIN KEY`` | ends TLS with its own certificate, and speaks TLS to the server |
| ``say TEXT`` | greets with TEXT, as a server of another kind |
| ``http`` | answers whatever comes with a web server's refusal |
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SO_ORIGINAL_DST = 80
_SO_MARK = 36
_IP_TRANSPARENT = 19
MARK = 1337
HTTP = b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.24.0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def meant_for(sock: socket.socket) -> tuple[str, int]:
    """Return address and port that a redirected connection was dialled to."""
    try:
        raw = sock.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
    except OSError:
        # TPROXY changes nothing in the packet: the socket's own end is where it was meant to go.
        address, port = sock.getsockname()[:2]
        return address, port
    port, address = struct.unpack("!2xH4s8x", raw)
    return socket.inet_ntoa(address), port


class Relay:
    """What one mode does to a connection."""

    def __init__(self, mode: str, words: Sequence[str]) -> None:
        self.mode, self.words = mode, words
        self.delay_s = float(words[0]) if mode == "delay" else 0.0
        self.tls: ssl.SSLContext | None = None
        if mode == "inspect":
            self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.tls.load_cert_chain(words[0], words[1])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Deal with one connection."""
        try:
            if self.mode == "hang":
                await reader.read()
            elif self.mode == "reset":
                await reader.read(1)
                linger = struct.pack("ii", 1, 0)
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            elif self.mode == "say":
                writer.write(self.words[0].encode() + b"\r\n")
                await reader.read()
            elif self.mode == "http":
                await reader.read(1)
                writer.write(HTTP)
                await writer.drain()
            elif self.mode != "close":
                await self._on(reader, writer)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # one end went away, and so does the other
        finally:
            with contextlib.suppress(OSError, ssl.SSLError):
                writer.close()

    async def _on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, port = meant_for(writer.get_extra_info("socket"))
        further = socket.socket()
        further.settimeout(0)
        further.setsockopt(socket.SOL_SOCKET, _SO_MARK, MARK)
        await asyncio.sleep(self.delay_s)
        await asyncio.get_running_loop().sock_connect(further, (address, port))
        outer = None
        if self.tls is not None:
            # The inspector trusts whom it likes; here, anybody.
            outer = ssl._create_unverified_context()  # noqa: S323, SLF001
        far_reader, far_writer = await asyncio.open_connection(
            sock=further, ssl=outer, server_hostname="" if outer else None
        )
        await asyncio.gather(self._pour(reader, far_writer), self._pour(far_reader, writer))

    async def _pour(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await asyncio.sleep(self.delay_s)
                sink.write(data)
                await sink.drain()
        finally:
            with contextlib.suppress(OSError, ssl.SSLError):
                sink.close()


async def _serve(port: int, relay: Relay) -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_IP, _IP_TRANSPARENT, 1)
    listening.bind(("0.0.0.0", port))
    server = await asyncio.start_server(relay.serve, sock=listening, ssl=relay.tls)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Relay(sys.argv[2], sys.argv[3:])))
