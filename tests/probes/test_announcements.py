"""What the service announces: read strictly, heard on a connection of its own, bounded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.observations import MaintenanceEvent, Unseen
from refused.probes import announcements, tcp
from refused.probes.announcements import CHANNEL, NoAnnouncement, listen, read_channel, read_push
from refused.probes.over_time import Watch, Ways
from refused.probes.plain import PlainChannel
from tests.probes.peers import HERE, Peer

if TYPE_CHECKING:
    import socket

    from refused.evidence.observations import RedisReply
    from refused.probes.conversation import Conversation

WHEN: dict[str, Any] = {"vantage": "here", "at": 1000.0}
TEXT = (
    "NotificationType|NodeMaintenanceStarting|StartTimeInUTC|2026-01-31T09:05:00|IsReplica|False|"
    "IPAddress|20.42.65.90|SSLPort|15001|NonSSLPort|13001"
)


def test_a_message_of_the_channel_is_read_whole() -> None:
    """Kind, time, node and ports."""
    event = read_channel(TEXT, **WHEN)

    assert (event.channel, event.event) == (CHANNEL, "NodeMaintenanceStarting")
    assert event.starts_at == 1769850300.0
    assert (event.is_replica, event.address, event.port) == (False, "20.42.65.90", 15001)
    assert event.text == TEXT


def test_other_capitals_and_the_other_name_of_the_time_are_read_as_well() -> None:
    """StackExchange.Redis's own sample spells them so."""
    text = "notificationtype|NodeMaintenanceEnded|StartTimeUtc|2026-01-31T09:05:00.5Z|IpAddress|::1|SslPort|0"
    event = read_channel(text, **WHEN)

    assert (event.starts_at, event.is_replica, event.address, event.port) == (
        1769850300.5,
        None,
        "::1",
        None,
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", "pairs"),
        ("IsReplica|True", "no kind"),
        (TEXT.replace("False", "perhaps"), "neither true nor false"),
        (TEXT.replace("2026-01-31", "2026-31-01"), "no time"),
        (TEXT.replace("2026-01-31T09:05:00", "soon"), "no time"),
        (TEXT.replace("20.42.65.90", "evil.example"), "no address"),
        (TEXT.replace("15001", "99999"), "no port"),
        (TEXT + "|IsReplica|True", "twice"),
        (TEXT + "|x" * 5000, "too many"),
        (TEXT.replace("NodeMaintenanceStarting", "rm -rf"), "no kind"),
    ],
)
def test_what_is_not_of_the_form_is_refused(text: str, why: str) -> None:
    """Anybody who may publish can send anything."""
    with pytest.raises(NoAnnouncement, match=why):
        read_channel(text, **WHEN)


@given(st.text(max_size=200) | st.lists(st.text(max_size=12), max_size=12).map("|".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what is kept of it is short and printable."""
    try:
        event = read_channel(text, **WHEN)
    except NoAnnouncement:
        return
    assert event.event.isalnum()
    assert len(event.text) <= 300
    assert event.text.isprintable()


def test_a_push_says_what_when_and_where_to() -> None:
    """MOVING names another endpoint; the others do not."""
    moving = read_push([b"MOVING", 7, 15, b"10.1.0.5:8501"], **WHEN)
    failing = read_push([b"FAILING_OVER", b"8", b"20", [b"1", b"2"]], **WHEN)
    failed = read_push([b"FAILED_OVER", 9], **WHEN)

    assert (moving.event, moving.starts_at, moving.address, moving.port) == (
        "MOVING",
        1015.0,
        "10.1.0.5",
        8501,
    )
    assert (failing.starts_at, failing.text) == (1020.0, "FAILING_OVER 8 20 [2 entries]")
    assert (failed.event, failed.starts_at) == ("FAILED_OVER", None)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"MOVING",
        [b"invalidate", [b"key"]],
        [b"MOVING", 1, -5, b"a:1"],
        [b"MOVING", 1, 5, b"nowhere"],
        [b"MOVING", b"x", 5, b"a:1"],
        [b"MIGRATING", 1],
        [b"MIGRATING", 1, 10**17],
        [b"MOVING"],
    ],
)
def test_other_pushes_are_none_of_ours(value: object) -> None:
    """A cache invalidation, for one."""
    with pytest.raises(NoAnnouncement):
        read_push(value, **WHEN)


VALUES = st.recursive(
    st.none() | st.integers() | st.binary(max_size=20) | st.text(max_size=20) | st.booleans(),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=10,
)


@given(st.sampled_from(announcements.PUSHES), st.lists(VALUES, max_size=5))
def test_any_push_is_read_or_refused(name: str, rest: list[object]) -> None:
    """Whatever follows a name that we know."""
    try:
        event = read_push([name.encode(), *rest], **WHEN)
    except NoAnnouncement:
        return
    assert event.event == name
    assert len(event.text) <= 300


# --- heard from a server -------------------------------------------------------------------------


def heard(how: str, *answers: bytes) -> tuple[object, ...]:
    """Listen to a server that answers the first words with *answers*, until it hangs up."""

    def meet(conn: socket.socket) -> None:
        with conn:
            assert conn.recv(4096)
            conn.sendall(b"+PONG\r\n")
            assert conn.recv(4096)
            for answer in answers:
                conn.sendall(answer)

    with Peer(meet) as peer:

        def log_in(_: Conversation, protocol: int | None) -> tuple[RedisReply, ...]:
            assert protocol == (3 if how == "push" else None)
            return ()

        ways = Ways(
            dial=lambda address: tcp.dial(
                address, peer.port, vantage="here", wait_s=2.0, purpose="repeat"
            ),
            open=lambda sock, _: (PlainChannel(sock), None, None),
            log_in=log_in,
            look_up=None,
        )
        watch = Watch(
            ways,
            host="cache",
            port=peer.port,
            addresses=(HERE,),
            vantage="here",
            for_s=5.0,
            ping_wait_s=2.0,
        )
        job = threading.Thread(target=listen, args=(watch, how))
        job.start()
        job.join(10)
        assert not job.is_alive()
        return tuple(fact for fact in watch.facts() if isinstance(fact, MaintenanceEvent | Unseen))


def bulk(*words: str) -> bytes:
    """Return an array of texts as a server sends it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word.encode()), word.encode()) for word in words]
    return b"".join(parts)


def test_messages_of_the_channel_are_noted_and_others_are_passed_over() -> None:
    """Another channel's, and one that is no announcement."""
    (event,) = heard(
        "channel",
        b"*3\r\n$9\r\nsubscribe\r\n$16\r\nAzureRedisEvents\r\n:1\r\n",
        bulk("message", "elsewhere", TEXT),
        bulk("message", CHANNEL, "hello"),
        bulk("message", CHANNEL, TEXT),
    )

    assert isinstance(event, MaintenanceEvent)
    assert event.event == "NodeMaintenanceStarting"


def test_pushes_are_noted() -> None:
    """After the server has agreed to send them."""
    (event,) = heard(
        "push", b"+OK\r\n", b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$13\r\n10.1.0.5:8501\r\n"
    )

    assert isinstance(event, MaintenanceEvent)
    assert (event.channel, event.event, event.port) == ("push", "MOVING", 8501)


@pytest.mark.parametrize("how", ["channel", "push"])
def test_a_server_that_refuses_leaves_a_gap(how: str) -> None:
    """It is said what is not seen, and what would show it."""
    (gap,) = heard(how, b"-NOPERM this user has no permissions\r\n")

    assert isinstance(gap, Unseen)
    assert (gap.what, "NOPERM" in gap.why, bool(gap.how_to_see)) == ("MaintenanceEvent", True, True)


def test_no_more_is_kept_than_is_worth_reading() -> None:
    """Whoever floods the channel fills no memory."""
    many = [bulk("message", CHANNEL, TEXT)] * (announcements.MOST_EVENTS + 40)

    assert len(heard("channel", b"".join(many))) == announcements.MOST_EVENTS
    assert len(heard("channel", *many[:3])) == 3
