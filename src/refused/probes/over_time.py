"""Try a target again and again for a while, politely, beside a connection that is left quiet.

Four things run side by side until the time is up: new connections now and then, each up to its
PING; PINGs on one connection that is kept open; name lookups; and ears for what the service itself
announces (:mod:`refused.probes.announcements`). While all is well a watch of any length makes about
thirty connections; while something fails it makes more, one a second at most, to see for how long.

What was seen so far can be had at any moment, so that Ctrl-C loses nothing.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import threading
import time

from refused.evidence.observations import (
    Attempt,
    NameMoment,
    NamesOverTime,
    OverTime,
    PeerCertificates,
    TcpDial,
)
from refused.probes import tcp
from refused.probes.stopwatch import Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, Callable, Dict, List, Tuple, Union

    from refused.evidence.observations import Observation, RedisReply, TlsHandshake, Unseen
    from refused.probes.conversation import Conversation

    Fact = Union[Observation, Unseen]

# Connections of a watch on which all is well, and of any.
USUAL_DIALS = 30
MOST_DIALS = 60
# Never more than one connection a second, whoever asks for it.
LEAST_APART_S = 1.0
MOST_TRIED = 3
MOST_PINGS = 240
MOST_LOOKUPS = 12
MOST_MOMENTS = 32
MOST_CERTIFICATES = 4
# A PING needs no connection, and shows an outage to the second.
PING_EVERY_S = 1.0
LEAST_EVERY_S = 0.2
# What a server says to whoever may not ask; it has answered.
_ANSWERED = frozenset({"NOAUTH", "NOPERM"})


class Reached:
    """How far one new connection came, and what it may be used for.

    Attributes:
        talk: The conversation, logged in; ``None`` where it did not come so far.
        stage: As in :class:`Attempt`; ``done`` where the login went well.
    """

    __slots__ = ("talk", "stage", "outcome", "address", "certificate", "facts", "sock")

    def __init__(
        self,
        stage: str,
        outcome: str,
        address: str,
        *,
        talk: Conversation | None = None,
        sock: socket.socket | None = None,
        certificates: PeerCertificates | None = None,
        facts: Tuple[Fact, ...] = (),
    ) -> None:
        self.stage, self.outcome, self.address = stage, outcome, address
        self.talk, self.sock, self.facts = talk, sock, facts
        chain = certificates.chain if certificates is not None else ()
        self.certificate = chain[0].sha256.replace(":", "").lower()[:16] if chain else ""

    def close(self) -> None:
        """End the connection, if there is one."""
        if self.talk is not None:
            self.talk.channel.close()


class Ways:
    """How the walk connects, which the watch repeats.

    Attributes:
        dial: Opens a TCP connection to an address.
        open: Brings up TLS, or plain text, on it.
        log_in: Logs in on a conversation, as the client does, or in RESP3 where told so.
        look_up: Returns who was asked, the outcome word, the addresses, and the least time to live;
            ``None`` where there is no name to look up.
    """

    __slots__ = ("dial", "open", "log_in", "look_up")

    def __init__(
        self,
        *,
        dial: Callable[[str], Tuple[socket.socket | None, TcpDial]],
        open: Callable[  # noqa: A002 - what it does
            [Any, str], Tuple[Any, TlsHandshake | None, PeerCertificates | None]
        ],
        log_in: Callable[[Conversation, int | None], Tuple[RedisReply, ...]],
        look_up: Callable[[], Tuple[str, str, Tuple[str, ...], int | None]] | None,
    ) -> None:
        self.dial, self.open, self.log_in, self.look_up = dial, open, log_in, look_up

    def connect(
        self, address: str, port: int, vantage: str, protocol: int | None = None
    ) -> Reached:
        """Make one connection and log in on it; whatever happens is told, and nothing raised."""
        from refused.probes.conversation import Conversation

        sock, dial = self.dial(address)
        if sock is None:
            return Reached("tcp", dial.outcome, address, facts=(dial,))
        channel, shake, certificates = self.open(sock, address)
        if channel is None:
            outcome = shake.outcome if shake is not None else "error"
            return Reached("tls", outcome, address, certificates=certificates, facts=(dial,))
        talk = Conversation(channel, address=address, port=port, vantage=vantage)
        reached = Reached(
            "done", "ok", address, talk=talk, sock=sock, certificates=certificates, facts=(dial,)
        )
        if certificates is not None:
            reached.facts = (dial, certificates)
        for seen in self.log_in(talk, protocol):
            reached.stage, reached.outcome = stage_of(seen, login=True)
            if reached.stage != "done":
                break
        return reached


def stage_of(seen: RedisReply, *, login: bool) -> Tuple[str, str]:
    """Return at which stage a command ended an attempt, and how; ``done`` where it was answered."""
    if seen.outcome == "ok" or seen.error_code in _ANSWERED:
        return "done", "ok"
    if seen.outcome == "error":
        if "max number of clients" in seen.error_text:
            return "resp", "max-clients"
        return ("auth" if login else "command"), seen.error_code or "error"
    return "resp", seen.outcome


class Watch:
    """A target under watch.

    Args:
        addresses: Where to dial until the name says otherwise.
        prefers: The one among them that is dialled first, as long as the name leads there.
        for_s: How long.
        ping_wait_s: How long a PING may take.
        keeps: Whether a connection is kept open for PINGs.
        listen: What listens for announcements until it is told to stop, if anything does.
    """

    def __init__(
        self,
        ways: Ways,
        *,
        host: str,
        port: int,
        addresses: Tuple[str, ...],
        prefers: str = "",
        vantage: str,
        for_s: float,
        ping_wait_s: float,
        keeps: bool = True,
        listen: Callable[[Watch], None] | None = None,
    ) -> None:
        self.ways, self.host, self.port, self.vantage = ways, host, port, vantage
        self.for_s, self.ping_wait_s = for_s, ping_wait_s
        self.every_s = max(LEAST_APART_S, for_s / USUAL_DIALS)
        self.over = threading.Event()
        self._keeps = keeps
        self._listen = listen
        self._addresses = addresses
        self._prefers = prefers
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._last_dial = 0.0
        self._dials = 0
        self._attempts: List[Attempt] = []
        self._pings = 0
        self._ping_ms: List[float] = []
        self._sent: int | None = None
        self._resent: int | None = None
        self._lookups = 0
        self._moments: List[NameMoment] = []
        self._beside: List[Fact] = []
        self._certificates: Dict[str, PeerCertificates] = {}
        self._clock = Stopwatch(vantage)

    # --- from outside --------------------------------------------------------------------------

    def works(self) -> List[Callable[[], None]]:
        """Return what is to run side by side, until :attr:`over` is set."""
        found: List[Callable[[], None]] = []
        if self._addresses:
            found.append(self._keep_dialling)
            if self._keeps:
                found.append(self._keep_pinging)
            listen = self._listen
            if listen is not None:
                found.append(lambda: listen(self))
        if self.ways.look_up is not None:
            found.append(self._keep_looking_up)
        return found

    def note(self, *facts: Fact) -> None:
        """Add facts that came beside the attempts."""
        with self._lock:
            self._beside.extend(facts)

    def facts(self, ended: str = "done") -> Tuple[Fact, ...]:
        """Return what was seen until now."""
        with self._lock:
            found: List[Fact] = []
            if self._attempts or self._pings:
                found.append(self._over_time(ended))
            if self._lookups:
                found.append(
                    NamesOverTime(
                        host=self.host,
                        asked=self._lookups,
                        moments=tuple(self._moments),
                        **self._clock.stamp("repeated lookups"),
                    )
                )
            # One certificate is the one that the walk has shown already.
            others = self._certificates.values() if len(self._certificates) > 1 else ()
            return (*found, *self._beside, *others)

    def _over_time(self, ended: str) -> OverTime:
        trips = sorted(self._ping_ms)
        summary: Tuple[float, ...] = ()
        if trips:
            at = [0, len(trips) // 2, min(len(trips) - 1, int(0.99 * len(trips))), -1]
            summary = tuple(trips[each] for each in at)
        return OverTime(
            host=self.host,
            port=self.port,
            planned_s=self.for_s,
            every_s=self.every_s,
            attempts=tuple(sorted(self._attempts, key=lambda each: each.at)),
            pings=self._pings,
            ping_ms=summary,
            segments_sent=self._sent,
            segments_resent=self._resent,
            ended=ended,
            **self._clock.stamp("repeated dials and PINGs"),
        )

    # --- new connections -----------------------------------------------------------------------

    def connect(self, protocol: int | None = None, *, counted: bool = True) -> Reached | None:
        """Make one connection when it is its turn; ``None`` where no more may be made.

        Args:
            counted: Whether it is an attempt of the series.
        """
        with self._turn:
            if self._dials >= MOST_DIALS:
                return None
            wait_s = self._last_dial + LEAST_APART_S - time.monotonic()
            if wait_s > 0 and self.over.wait(wait_s):
                return None
            self._last_dial, self._dials = time.monotonic(), self._dials + 1
            known = self._addresses
        # The first of them in the client's order; where the walk found one that works, that one.
        ordered = sorted(known, key=lambda each: each != self._prefers)[:MOST_TRIED]
        at, started = time.time(), time.monotonic()
        reached = self.ways.connect(ordered[0], self.port, self.vantage, protocol)
        for address in ordered[1:]:
            if reached.stage != "tcp":
                break
            # A client tries the next address of a name, and so do we; the first one's end is told
            # where none works.
            other = self.ways.connect(address, self.port, self.vantage, protocol)
            reached = other if other.stage != "tcp" else reached
        if reached.stage == "done" and reached.talk is not None:
            _, pong = reached.talk.ask("PING", wait_s=self.ping_wait_s)
            reached.stage, reached.outcome = stage_of(pong, login=False)
        if counted:
            self._count(reached, at, (time.monotonic() - started) * 1000)
        return reached

    def _count(self, reached: Reached, at: float, took_ms: float) -> None:
        told = tcp.transport(reached.sock) if reached.sock is not None else {}
        resent = told.get("total_retransmits")
        with self._lock:
            self._attempts.append(
                Attempt(
                    at=at,
                    took_ms=took_ms,
                    kind="dial",
                    stage=reached.stage,
                    outcome=reached.outcome,
                    address=reached.address,
                    retransmits=resent,
                    certificate=reached.certificate,
                )
            )
            if resent is not None:
                self._resent = (self._resent or 0) + resent
            for fact in reached.facts:
                # A dial of the watch is one more look at the same hop; judges know how to read that.
                if isinstance(fact, TcpDial):
                    self._beside.append(fact)
                elif (
                    isinstance(fact, PeerCertificates)
                    and len(self._certificates) < MOST_CERTIFICATES
                ):
                    self._certificates.setdefault(reached.certificate, fact)

    def _keep_dialling(self) -> None:
        pause_s = min(self.every_s, LEAST_APART_S)
        while not self.over.wait(pause_s):
            reached = self.connect()
            if reached is None:
                return
            reached.close()
            pause_s = self.every_s if reached.stage == "done" else LEAST_APART_S

    # --- one connection that is kept -----------------------------------------------------------

    def _keep_pinging(self) -> None:
        every_s = min(PING_EVERY_S, max(LEAST_EVERY_S, self.for_s / 10))
        every_s = max(every_s, self.for_s / MOST_PINGS)
        kept: Reached | None = None
        last: Attempt | None = None
        while not self.over.is_set():
            if kept is None:
                kept = self.connect()
                if kept is None:
                    return
            if kept.talk is None or kept.stage != "done":
                kept.close()
                kept = None
                self.over.wait(LEAST_APART_S)
                continue
            if self.over.wait(every_s):
                break
            tried = self._ping(kept.talk)
            with self._lock:
                self._pings += 1
                if tried.failed:
                    self._attempts.extend(each for each in (last, tried) if each is not None)
                else:
                    self._ping_ms.append(tried.took_ms)
            if tried.failed:
                self._weigh(kept)
                kept.close()
                kept, last = None, None
            else:
                last = tried
        if kept is not None:
            self._weigh(kept)
            kept.close()

    def _ping(self, talk: Conversation) -> Attempt:
        at = time.time()
        _, seen = talk.ask("PING", wait_s=self.ping_wait_s)
        stage, outcome = stage_of(seen, login=False)
        if stage != "done":
            stage = "command"  # it had come so far before
        return Attempt(
            at=at,
            took_ms=seen.took_ms,
            kind="ping",
            stage=stage,
            outcome=outcome,
            address=talk.address,
            # Of a PING that was not answered: how often the kernel sent it again.
            retransmits=tcp.transport(talk.channel.sock).get("retransmits")
            if outcome == "silent"
            else None,
        )

    def _weigh(self, kept: Reached) -> None:
        """Ask the kernel how many segments the kept connection lost, before it goes."""
        told = tcp.transport(kept.sock) if kept.sock is not None else {}
        with self._lock:
            if "segments_sent" in told:
                self._sent = (self._sent or 0) + told["segments_sent"]
            if "total_retransmits" in told:
                self._resent = (self._resent or 0) + told["total_retransmits"]

    # --- the name ------------------------------------------------------------------------------

    def _keep_looking_up(self) -> None:
        look_up = self.ways.look_up
        if look_up is None:
            return
        every_s = max(LEAST_APART_S, self.for_s / MOST_LOOKUPS)
        pause_s = 0.0
        while not self.over.wait(pause_s):
            pause_s = every_s
            at = time.time()
            asked, outcome, addresses, ttl_s = look_up()
            self._note_name(at, asked, outcome, addresses, ttl_s)

    def _note_name(
        self, at: float, asked: str, outcome: str, addresses: Tuple[str, ...], ttl_s: int | None
    ) -> None:
        ordered = tuple(sorted(addresses))
        with self._lock:
            self._lookups += 1
            if addresses:
                # As a client does that resolves at each connect.
                self._addresses = addresses
            last = self._moments[-1] if self._moments else None
            if last is not None and (last.outcome, last.addresses) == (outcome, ordered):
                # A time to live counts down between two answers of a cache; the most is what was set.
                most = max((each for each in (last.ttl_s, ttl_s) if each is not None), default=None)
                self._moments[-1] = last.replace(count=last.count + 1, ttl_s=most)
            elif len(self._moments) < MOST_MOMENTS:
                self._moments.append(
                    NameMoment(at=at, asked=asked, outcome=outcome, addresses=ordered, ttl_s=ttl_s)
                )
