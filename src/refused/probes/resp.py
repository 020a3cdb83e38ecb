"""Talk to the server on the client's own connection: harmless commands, every reply understood.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import time

from refused.evidence.observations import (
    ClientList,
    IdleHold,
    RedisReply,
    ServerInfo,
    ServerPace,
    Unseen,
)
from refused.evidence.redaction import redact
from refused.probes.stopwatch import Deadline, Stopwatch
from refused.probes.wire.first_bytes import identify, printable, printable_text
from refused.probes.wire.resp import (
    Decoder,
    NotResp,
    RedisError,
    encode,
    parse_client_list,
    parse_info,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Sequence, Tuple, Union

    from refused.evidence.observations import Observation
    from refused.evidence.target import Target

    Fact = Union[Observation, Unseen]

# A key that nobody has: the dry commands name it, and none of them makes it.
DRY_KEY = "refused:dry:7d1c0a52"
# A reply is quoted as far as it helps.
_MOST_TEXT = 200


class Conversation:
    """One connection, one command after the other.

    Attributes:
        alert: The TLS alert with which the server ended the conversation, if it did.
        is_over: Whether the connection is gone.
    """

    def __init__(self, channel: Any, *, address: str, port: int, vantage: str) -> None:
        self.channel = channel
        self.address, self.port, self.vantage = address, port, vantage
        self.alert: str | None = None
        self.is_over = False
        self._decoder = Decoder()

    def ask(self, *words: str, wait_s: float, name: str | None = None) -> Tuple[Any, RedisReply]:
        """Send one command; return its value (``None`` where there is none) and how it went."""
        return self.ask_many([words], wait_s, [name or words[0]])[0]

    def ask_many(
        self, commands: Sequence[Sequence[str]], wait_s: float, names: Sequence[str] | None = None
    ) -> List[Tuple[Any, RedisReply]]:
        """Send commands in one go, and return value and observation of each."""
        watch, deadline = Stopwatch(self.vantage), Deadline(wait_s)
        called = list(names or [words[0] for words in commands])
        answers: List[Tuple[Any, RedisReply]] = []
        if self.is_over:
            return [(None, self._seen(each, "closed", watch)) for each in called]
        try:
            self.channel.send(b"".join(encode(*words) for words in commands))
        except OSError as failure:
            return self._end(called, "reset", watch, failure)
        raw = b""
        for at, name in enumerate(called):
            while True:
                try:
                    reply = self._decoder.next()
                    if reply is not None and reply.kind == "push":
                        continue
                    if reply is None:
                        data = self.channel.recv(deadline.left())
                        if not data:
                            return answers + self._end(called[at:], "closed", watch)
                        raw = raw or data[:256]
                        self._decoder.feed(data)
                        continue
                except NotResp as stranger:
                    self.is_over = True
                    looks = identify(raw)
                    seen = self._seen(name, "not-resp", watch).replace(
                        protocol=looks if looks != "resp" else "unknown",
                        first_bytes=printable(raw) or stranger.first_bytes,
                    )
                    return (
                        answers
                        + [(None, seen)]
                        + [(None, self._seen(each, "closed", watch)) for each in called[at + 1 :]]
                    )
                except (TimeoutError, _SocketTimeout):
                    return answers + self._end(called[at:], "silent", watch)
                except OSError as failure:
                    return answers + self._end(called[at:], "reset", watch, failure)
                break
            answers.append((reply.value, self._said(name, reply.value, watch)))
        return answers

    def _end(
        self, names: Sequence[str], outcome: str, watch: Stopwatch, failure: OSError | None = None
    ) -> List[Tuple[Any, RedisReply]]:
        self.is_over = True
        self.alert = getattr(failure, "name", None) or self.alert
        text = redact(printable_text(str(failure))) if failure is not None else ""
        first = self._seen(names[0], outcome, watch).replace(error_text=text[:_MOST_TEXT])
        # What was sent behind the command that got no answer says nothing of its own.
        return [(None, first)]

    def _seen(self, name: str, outcome: str, watch: Stopwatch) -> RedisReply:
        return RedisReply(
            address=self.address,
            port=self.port,
            command=name,
            outcome=outcome,
            **watch.stamp(f"RESP {name}"),
        )

    def _said(self, name: str, value: Any, watch: Stopwatch) -> RedisReply:
        seen = self._seen(name, "ok", watch)
        if isinstance(value, RedisError):
            text = redact(value.text)[:_MOST_TEXT]
            return seen.replace(outcome="error", error_code=value.code[:40], error_text=text)
        short = (
            value
            if isinstance(value, str)
            else str(value)
            if isinstance(value, (int, float))
            else ""
        )
        return seen.replace(reply=redact(printable_text(short))[:_MOST_TEXT])


def _socket_timeout() -> type:
    from socket import timeout

    return timeout


# On Python before 3.10 a socket's time-out is a class of its own.
_SocketTimeout = _socket_timeout()


def introduce(talk: Conversation, target: Target, *, deep: bool, wait_s: float) -> Tuple[Fact, ...]:
    """Ask what the path needs (SELECT, PING) and what the server will say of itself.

    At most three round trips. A command that is refused for its information alone hides something
    from us and breaks nothing for the client: it becomes an :class:`Unseen`.
    """
    facts: List[Fact] = []
    first: List[Tuple[str, ...]] = [("SELECT", str(target.db))] if target.db else []
    first.append(("PING",))
    for _, seen in talk.ask_many(first, wait_s):
        facts.append(seen)
        if (
            seen.outcome not in ("ok", "error")
            or seen.error_code in ("NOAUTH", "DENIED")
            or talk.is_over
        ):
            return tuple(facts)
    wanted: List[Tuple[str, ...]] = [("INFO",), ("TIME",), ("CONFIG", "GET", "timeout")]
    if deep:
        wanted.append(("CLIENT", "LIST"))
    names = ["CONFIG GET" if each[0] == "CONFIG" else " ".join(each) for each in wanted]
    sent_at = time.time()
    answers = talk.ask_many(wanted, wait_s, names)
    values = {seen.command: (value, seen) for value, seen in answers}
    if "INFO" in values:
        facts += _server(talk, values, sent_at)
    if "CLIENT LIST" in values:
        facts.append(_clients(talk, *values["CLIENT LIST"]))
    return tuple(facts)


def _server(
    talk: Conversation, values: Dict[str, Tuple[Any, RedisReply]], sent_at: float
) -> List[Fact]:
    text, seen = values["INFO"]
    if seen.outcome != "ok":
        why = f"INFO: {seen.error_text or seen.outcome}"
        hidden = Unseen(
            vantage=talk.vantage,
            what="ServerInfo",
            why=why,
            how_to_see="log in as a user that may use INFO",
        )
        # A server that is loading, or has lost its primary, says so to INFO as to any command.
        return [hidden]
    said = parse_info(text)
    offset = None
    clock, when = values.get("TIME", (None, None))
    if isinstance(clock, list) and clock and when is not None:
        try:
            halfway = sent_at + when.took_ms / 2000
            offset = int(clock[0]) + int(clock[1]) / 1e6 - halfway
        except (ValueError, TypeError, IndexError):
            offset = None
    idle = None
    config = values.get("CONFIG GET", (None, None))[0]
    pairs = list(config.items())[0] if isinstance(config, dict) and config else config
    if isinstance(pairs, (list, tuple)) and len(pairs) == 2:
        word = pairs[1].decode("ascii", "replace") if isinstance(pairs[1], bytes) else str(pairs[1])
        idle = int(word) if word.isdigit() else None
    return [_info(talk, said, seen, offset, idle)]


def _info(
    talk: Conversation,
    said: Dict[str, str],
    seen: RedisReply,
    offset: float | None,
    idle: int | None,
) -> ServerInfo:
    def number(name: str) -> int | None:
        text = said.get(name, "").split(".")[0]
        return int(text) if text.lstrip("-").isdigit() and len(text) < 19 else None

    def real(name: str) -> float | None:
        try:
            return float(said[name])
        except (KeyError, ValueError):
            return None

    role = {"master": "primary", "slave": "replica"}.get(said.get("role", ""), said.get("role"))
    product = (
        "valkey" if "valkey_version" in said or said.get("server_name") == "valkey" else "redis"
    )
    loading = said.get("loading")
    return ServerInfo(
        vantage=seen.vantage, at=seen.at, took_ms=seen.took_ms, source="INFO", address=talk.address, port=talk.port,
        product=product,
        version=said.get("valkey_version") or said.get("redis_version"),
        mode=said.get("redis_mode") or said.get("server_mode"),
        role=role,
        uptime_s=number("uptime_in_seconds"),
        connected_clients=number("connected_clients"),
        max_clients=number("maxclients"),
        blocked_clients=number("blocked_clients"),
        rejected_connections=number("rejected_connections"),
        total_connections=number("total_connections_received"),
        used_memory_bytes=number("used_memory"),
        max_memory_bytes=number("maxmemory"),
        eviction_policy=said.get("maxmemory_policy"),
        evicted_keys=number("evicted_keys"),
        loading=None if loading is None else loading == "1",
        loading_eta_s=number("loading_eta_seconds"),
        primary_host=said.get("master_host"),
        primary_port=number("master_port"),
        primary_link=said.get("master_link_status"),
        connected_replicas=number("connected_slaves"),
        snapshot_status=said.get("rdb_last_bgsave_status"),
        aof_write_status=said.get("aof_last_write_status"),
        operations_per_s=number("instantaneous_ops_per_sec"),
        input_kbps=real("instantaneous_input_kbps"),
        output_kbps=real("instantaneous_output_kbps"),
        cluster_enabled=None if "cluster_enabled" not in said else said["cluster_enabled"] == "1",
        idle_timeout_s=idle,
        clock_offset_s=offset,
    )  # fmt: skip


def _clients(talk: Conversation, text: Any, seen: RedisReply) -> Fact:
    if seen.outcome != "ok":
        why = f"CLIENT LIST: {seen.error_text or seen.outcome}"
        return Unseen(
            vantage=talk.vantage,
            what="ClientList",
            why=why,
            how_to_see="log in as a user that may use it",
        )
    rows = parse_client_list(text)
    by_address: Dict[str, int] = {}
    by_name: Dict[str, int] = {}
    idle = 0
    for row in rows:
        host = row.get("addr", "").rpartition(":")[0]
        by_address[host] = by_address.get(host, 0) + 1
        by_name[row.get("name", "")] = by_name.get(row.get("name", ""), 0) + 1
        idle += row.get("idle", "").isdigit() and int(row["idle"]) > 300
    return ClientList(
        vantage=seen.vantage, at=seen.at, took_ms=seen.took_ms, source="CLIENT LIST",
        total=len(rows), by_address=_most(by_address), by_name=_most(by_name), idle_over_300_s=idle,
    )  # fmt: skip


def _most(counts: Dict[str, int]) -> Tuple[Tuple[str, int], ...]:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:20]
    return tuple((redact(printable_text(name))[:80], count) for name, count in ordered)


def dry_write(talk: Conversation, wait_s: float) -> RedisReply:
    """Have a write turned away, if writes are, without writing anything.

    ``SETRANGE key 0 ""`` makes no key and changes none, by its definition; but it is of the class
    of writes, so that a server that refuses those (OOM, READONLY, MISCONF, NOREPLICAS, NOPERM)
    refuses it before it runs. Asked only where INFO gives a reason to.

    Source: https://redis.io/docs/latest/commands/setrange/
    """
    return talk.ask("SETRANGE", DRY_KEY, "0", "", wait_s=wait_s)[1]


def dry_read(talk: Conversation, key: str, wait_s: float) -> RedisReply:
    """Ask whether *key* exists; the answer does not matter, being sent elsewhere (MOVED) does."""
    return talk.ask("EXISTS", key, wait_s=wait_s)[1]


def pace(talk: Conversation, count: int = 5, *, wait_s: float) -> ServerPace | None:
    """Time a few PINGs, one after the other; ``None`` where none was answered."""
    watch = Stopwatch(talk.vantage)
    trips: List[float] = []
    for _ in range(count):
        _, seen = talk.ask("PING", wait_s=wait_s)
        if seen.outcome != "ok":
            break
        trips.append(seen.took_ms)
    if not trips:
        return None
    return ServerPace(
        address=talk.address, port=talk.port, round_trips_ms=tuple(trips), **watch.stamp("PING")
    )


def hold_idle(talk: Conversation, idle_s: float, *, wait_s: float) -> IdleHold:
    """Leave the connection quiet for *idle_s*, watching for its end, and then ask once more."""
    watch = Stopwatch(talk.vantage)
    deadline = Deadline(idle_s)
    outcome: str = "ok"
    while not deadline.over and outcome == "ok":
        try:
            if not talk.channel.recv(deadline.left()):
                outcome = "closed"
        except (TimeoutError, _SocketTimeout):
            continue
        except OSError:
            outcome = "reset"
    lasted_s = min(idle_s, time.monotonic() - watch.started)
    if outcome == "ok":
        outcome = talk.ask("PING", wait_s=wait_s)[1].outcome
    talk.is_over = talk.is_over or outcome != "ok"
    return IdleHold(
        address=talk.address,
        port=talk.port,
        idle_s=lasted_s,
        outcome=outcome,
        **watch.stamp("a quiet connection"),
    )
