"""Talk to the server on the client's own connection: harmless commands, every reply understood.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import time

from refused.evidence.observations import (
    ClientList,
    IdleHold,
    RoundTrip,
    ServerInfo,
    ServerPace,
    Unseen,
)
from refused.evidence.redaction import redact
from refused.probes.conversation import Conversation
from refused.probes.stopwatch import Stopwatch
from refused.probes.tcp import unacked_bytes
from refused.probes.wire.first_bytes import printable_text
from refused.probes.wire.resp import NotResp, RedisError, parse_client_list, parse_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple, Union

    from refused.evidence.observations import Observation, RedisReply, TalkOutcome
    from refused.evidence.target import Target

    Fact = Union[Observation, Unseen]
    Answers = Dict[str, Tuple[Any, RedisReply]]

__all__ = [
    "Conversation",
    "dry_read",
    "dry_write",
    "hold_idle",
    "introduce",
    "is_refused",
    "pace",
]

# A key that nobody has: the dry commands name it, and none of them makes it.
DRY_KEY = "refused:dry:7d1c0a52"
# So many further keys lie in so many slots that a cluster's node has one of them, most likely.
_DRY_KEYS_ELSEWHERE = 64

# With more clients than this the list of them would be larger than the reader takes.
MOST_CLIENTS_LISTED = 15_000
_MOST_LISTED = 20
_IDLE_S = 300

# What only one program says in INFO, and what that program is called.
_PRODUCTS = (
    ("valkey_version", "valkey"),
    ("dragonfly_version", "dragonfly"),
    ("garnet_version", "garnet"),
    ("kvrocks_version", "kvrocks"),
    ("rlec_version", "redis-enterprise"),
)
_ROLES = {"master": "primary", "slave": "replica"}
# Replies after which the server says nothing else to anybody who asks.
_SHUT_OUT = frozenset({"NOAUTH", "DENIED"})
# How servers turn a command down for what it is, whatever its arguments.
_NOT_HERE = ("unknown command", "unknown subcommand", "not allowed", "not supported", "disabled")
_AZURE = frozenset({"acr", "acre", "amr"})


# --- introduction ------------------------------------------------------------------------------


def introduce(talk: Conversation, target: Target, *, deep: bool, wait_s: float) -> Tuple[Fact, ...]:
    """Ask what the path needs (SELECT, PING) and what the server will say of itself.

    At most three round trips, of reading commands only. A command that is refused, and that we ask
    for its information alone, hides something from us and breaks nothing for the client: it
    becomes an :class:`Unseen`. The cluster is :mod:`refused.probes.cluster`'s part.

    Args:
        deep: Also ask who else is connected.
        wait_s: How long each round trip may take.
    """
    facts: List[Fact] = []
    needed: List[Tuple[str, ...]] = [("SELECT", str(target.db))] if target.db else []
    for _, seen in talk.ask_many([*needed, ("PING",)], wait_s):
        facts.append(seen)
        if seen.error_code in _SHUT_OUT or "max number of clients" in seen.error_text:
            return tuple(facts)
    if talk.is_over:
        return tuple(facts)
    asked_at = time.time()
    wanted: List[Tuple[str, ...]] = [("INFO",), ("TIME",), ("CONFIG", "GET", "timeout")]
    answers = _by_name(talk.ask_many([*wanted, *([("CLIENT", "ID")] if deep else [])], wait_s))
    said = _read_info(answers)
    more: List[Tuple[str, ...]] = []
    if "INFO" in answers and is_refused(answers["INFO"][1]):
        more += [("ROLE",), ("CLUSTER", "INFO")]
    if deep and not _is_crowded(said):
        more.append(("CLIENT", "LIST"))
    if more and not talk.is_over:
        answers.update(_by_name(talk.ask_many(more, wait_s)))
    facts += _replies(answers)
    facts += _server(talk, answers, said, asked_at, target)
    if deep:
        facts.append(_clients(talk, answers, said))
    return tuple(facts)


def is_refused(seen: RedisReply) -> bool:
    """Whether a command was turned down for what it is: forbidden to this user, or not there."""
    if seen.error_code == "ERR":
        return any(sign in seen.error_text for sign in _NOT_HERE)
    return seen.error_code == "NOPERM"


def _by_name(answers: List[Tuple[Any, RedisReply]]) -> Answers:
    return {seen.command: (value, seen) for value, seen in answers}


def _replies(answers: Answers) -> List[Fact]:
    """Return how each command fared that we asked out of curiosity, refusals left out."""
    return [seen.replace(reply="") for _, seen in answers.values() if not is_refused(seen)]


def _hidden(talk: Conversation, what: str, seen: RedisReply | None, command: str) -> Unseen:
    """Say what a command that brought nothing would have told."""
    if seen is None:
        why, how = f"{command} was not answered", "look again, with more time (--timeout)"
    elif is_refused(seen):
        why = f"{command} is refused: {seen.error_text}"
        how = f"log in as a user that may use {command}"
    else:
        why = f"{command}: {seen.error_text or seen.outcome}"
        how = "look again when the server is well"
    return Unseen(vantage=talk.vantage, what=what, why=why, how_to_see=how)


# --- what the server says of itself ------------------------------------------------------------


def _read_info(answers: Answers) -> Dict[str, str]:
    value, seen = answers.get("INFO", (None, None))
    if seen is None or seen.outcome != "ok":
        return {}
    try:
        return parse_info(value)
    except NotResp:  # something else than a text; whoever sends that is no Redis that we know
        return {}


def _server(
    talk: Conversation, answers: Answers, said: Dict[str, str], asked_at: float, target: Target
) -> List[Fact]:
    facts: List[Fact] = []
    clock, when = answers.get("TIME", (None, None))
    offset = _clock_offset_s(clock, when, asked_at)
    config, said_of_config = answers.get("CONFIG GET", (None, None))
    more: Dict[str, Any] = {"clock_offset_s": offset, "idle_timeout_s": _idle_timeout_s(config)}
    if said:
        facts.append(_server_info(talk, said, answers["INFO"][1], more))
    else:
        facts += _without_info(talk, answers, more)
    if offset is None and not talk.is_over:
        facts.append(_hidden(talk, "the server's clock", when, "TIME"))
    # On Azure nobody may read the configuration, and what the time-out is stands in the manual.
    if more["idle_timeout_s"] is None and not talk.is_over and target.service not in _AZURE:
        facts.append(_hidden(talk, "the server's idle time-out", said_of_config, "CONFIG GET"))
    return facts


def _without_info(talk: Conversation, answers: Answers, more: Dict[str, Any]) -> List[Fact]:
    """Make the most of what other commands say where INFO is not to be had."""
    seen = answers.get("INFO", (None, None))[1]
    facts: List[Fact] = []
    role, said_of_role = answers.get("ROLE", (None, None))
    _, cluster = answers.get("CLUSTER INFO", (None, None))
    enabled = None
    if cluster is not None and (cluster.outcome == "ok" or "disabled" in cluster.error_text):
        enabled = cluster.outcome == "ok"
    # Whether this is a cluster decides what is looked at next; without that, say nothing.
    if said_of_role is not None and isinstance(role, list) and role and enabled is not None:
        word = role[0].decode("ascii", "replace") if isinstance(role[0], bytes) else str(role[0])
        fields = {"role": _ROLES.get(word, printable_text(word)[:20]), "cluster_enabled": enabled}
        facts.append(_info_record(talk, said_of_role, "ROLE", {**fields, **more}))
    facts.append(_hidden(talk, "ServerInfo", seen, "INFO"))
    return facts


def _server_info(
    talk: Conversation, said: Dict[str, str], seen: RedisReply, more: Dict[str, Any]
) -> ServerInfo:
    def number(name: str) -> int | None:
        text = said.get(name, "").partition(".")[0]
        digits = text[1:] if text.startswith("-") else text
        return int(text) if digits.isdecimal() and len(text) < 20 else None

    def real(name: str) -> float | None:
        text = said.get(name, "")
        return float(text) if text.replace(".", "", 1).isdecimal() and len(text) < 40 else None

    def word(*names: str) -> str | None:
        return next((redact(said[name])[:200] for name in names if said.get(name)), None)

    def flag(name: str) -> bool | None:
        return {"0": False, "1": True}.get(said.get(name, ""))

    key, product = next(
        (each for each in _PRODUCTS if each[0] in said),
        ("redis_version", word("server_name") or "redis"),
    )
    return _info_record(talk, seen, "INFO", {
        "product": product,
        "version": word(key, "redis_version"),
        "mode": word("redis_mode", "server_mode"),
        "role": _ROLES.get(said.get("role", ""), word("role")),
        "uptime_s": number("uptime_in_seconds"),
        "connected_clients": number("connected_clients"),
        "max_clients": number("maxclients"),
        "blocked_clients": number("blocked_clients"),
        "rejected_connections": number("rejected_connections"),
        "total_connections": number("total_connections_received"),
        "used_memory_bytes": number("used_memory"),
        "max_memory_bytes": number("maxmemory"),
        "eviction_policy": word("maxmemory_policy"),
        "evicted_keys": number("evicted_keys"),
        "loading": flag("loading"),
        "loading_eta_s": number("loading_eta_seconds"),
        "primary_host": word("master_host"),
        "primary_port": number("master_port"),
        "primary_link": word("master_link_status"),
        "connected_replicas": number("connected_slaves"),
        "snapshot_status": word("rdb_last_bgsave_status"),
        "aof_write_status": word("aof_last_write_status"),
        "operations_per_s": number("instantaneous_ops_per_sec"),
        "input_kbps": real("instantaneous_input_kbps"),
        "output_kbps": real("instantaneous_output_kbps"),
        "cluster_enabled": flag("cluster_enabled"),
        **more,
    })  # fmt: skip


def _info_record(
    talk: Conversation, seen: RedisReply, source: str, fields: Dict[str, Any]
) -> ServerInfo:
    return ServerInfo(
        vantage=seen.vantage,
        at=seen.at,
        took_ms=seen.took_ms,
        source=source,
        address=talk.address,
        port=talk.port,
        **fields,
    )


def _clock_offset_s(clock: Any, seen: RedisReply | None, asked_at: float) -> float | None:
    """Return how far the server's clock is ahead, taking its word to be half a round trip old."""
    if seen is None or not isinstance(clock, list) or len(clock) != 2:
        return None
    digits = [each.decode("ascii", "replace") if isinstance(each, bytes) else "" for each in clock]
    if not all(each.isdecimal() and len(each) < 16 for each in digits):
        return None
    return int(digits[0]) + int(digits[1]) / 1e6 - (asked_at + seen.took_ms / 2000)


def _idle_timeout_s(config: Any) -> int | None:
    """Read ``timeout`` out of CONFIG GET's reply: a map in RESP3, a flat list in RESP2."""
    if isinstance(config, dict):
        config = [part for pair in config.items() for part in pair]
    if not isinstance(config, list) or len(config) != 2 or config[0] not in (b"timeout", "timeout"):
        return None
    text = config[1].decode("ascii", "replace") if isinstance(config[1], bytes) else str(config[1])
    return int(text) if text.isdecimal() and len(text) < 12 else None


# --- who else is connected ---------------------------------------------------------------------


def _is_crowded(said: Dict[str, str]) -> bool:
    count = said.get("connected_clients", "")
    return count.isdecimal() and int(count[:12]) > MOST_CLIENTS_LISTED


def _clients(talk: Conversation, answers: Answers, said: Dict[str, str]) -> Fact:
    """Sum CLIENT LIST up; *mine* come from our own address, as the server sees it."""
    text, seen = answers.get("CLIENT LIST", (None, None))
    if _is_crowded(said):
        count = said["connected_clients"]
        return Unseen(
            vantage=talk.vantage,
            what="ClientList",
            why=f"{count} clients are connected, and the list of so many was not asked for",
            how_to_see="redis-cli CLIENT LIST, and count by address",
        )
    try:
        rows = parse_client_list(text) if seen is not None and seen.outcome == "ok" else []
    except NotResp:
        rows = []
    if seen is None or not rows:
        return _hidden(talk, "ClientList", seen, "CLIENT LIST")
    hosts = [row.get("addr", "").rpartition(":")[0] for row in rows]
    own_id = answers.get("CLIENT ID", (None, None))[0]
    own = next((host for host, row in zip(hosts, rows) if row.get("id") == str(own_id)), None)
    return ClientList(
        vantage=seen.vantage,
        at=seen.at,
        took_ms=seen.took_ms,
        source="CLIENT LIST",
        total=len(rows),
        by_address=_most(hosts),
        by_name=_most([row.get("name", "") for row in rows]),
        idle_over_300_s=sum(_is_idle(row.get("idle", "")) for row in rows),
        mine=0 if own is None else hosts.count(own),
    )


def _is_idle(text: str) -> bool:
    return text.isdecimal() and int(text[:12]) > _IDLE_S


def _most(names: List[str]) -> Tuple[Tuple[str, int], ...]:
    """Return the names met most often, each with its count."""
    counts: Dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:_MOST_LISTED]
    return tuple((redact(name)[:80], count) for name, count in ordered)


# --- looks for which there must be a reason ----------------------------------------------------


def dry_write(talk: Conversation, wait_s: float) -> RedisReply:
    """Have a write turned away, if writes are, without writing anything.

    ``SETRANGE key 0 ""`` on a key that does not exist makes none, by its definition, and is
    neither kept nor passed on to replicas; yet it is of the class of writes, so that a server that
    refuses those (OOM, READONLY, MISCONF, NOREPLICAS, NOPERM, MOVED) refuses it before it runs.
    Asked only where INFO gives a reason to. A server that is full by a hair may let this one pass
    and refuse a larger one.

    A node of a cluster answers MOVED before it comes to any other reason. So where it does, keys
    of many slots are tried, and the first one that is its own tells.

    Source: https://redis.io/docs/latest/commands/setrange/; the order of reasons: redis,
    src/server.c, processCommand.
    """
    _, seen = talk.ask("SETRANGE", DRY_KEY, "0", "", wait_s=wait_s)
    if seen.error_code != "MOVED":
        return seen
    keys = [f"{DRY_KEY}:{number}" for number in range(_DRY_KEYS_ELSEWHERE)]
    tried = talk.ask_many([("SETRANGE", key, "0", "") for key in keys], wait_s)
    return next((said for _, said in tried if said.error_code != "MOVED"), seen)


def dry_read(talk: Conversation, key: str, wait_s: float) -> RedisReply:
    """Ask whether *key* exists; the answer does not matter, being sent elsewhere (MOVED) does."""
    return talk.ask("EXISTS", key, wait_s=wait_s)[1]


def round_trip(talk: Conversation, wait_s: float) -> RoundTrip:
    """Write a value under a key of our own, read it back, and delete it.

    The only write of the probes, made only where the user asks for it. The key is random, begins
    with ``refused:``, and goes by itself after a minute should the delete not arrive. A node of a
    cluster holds a part of the keys alone, so that one is looked for that is its own.
    """
    from binascii import hexlify
    from os import urandom

    watch = Stopwatch(talk.vantage)
    step, outcome, text = "SET", "ok", ""
    for _ in range(_DRY_KEYS_ELSEWHERE):
        key, value = f"refused:{hexlify(urandom(8)).decode()}", hexlify(urandom(8))
        for step, words in (
            ("SET", ("SET", key, value, "NX", "EX", "60")),
            ("GET", ("GET", key)),
            ("DEL", ("DEL", key)),
        ):
            said, seen = talk.ask(*words, wait_s=wait_s)
            outcome, text = seen.outcome, seen.error_text
            if outcome == "ok" and step == "GET" and said != value:
                outcome = "lost"
                talk.ask("DEL", key, wait_s=wait_s)
            if outcome != "ok":
                break
        if not text.startswith("MOVED"):
            break
    return RoundTrip(
        address=talk.address,
        port=talk.port,
        step=step,
        outcome=outcome,
        error_text=text,
        **watch.stamp("SET, GET, DEL"),
    )


def pace(talk: Conversation, n: int = 5, *, wait_s: float = 1.0) -> ServerPace | None:
    """Time *n* PINGs, one after the other; ``None`` where not even the first was answered.

    A user that may not PING is told so in a round trip, which is what is timed.
    """
    watch = Stopwatch(talk.vantage)
    trips: List[float] = []
    while len(trips) < n:
        _, seen = talk.ask("PING", wait_s=wait_s)
        if talk.is_over:
            break
        trips.append(seen.took_ms)
    if not trips:
        return None
    return ServerPace(
        address=talk.address, port=talk.port, round_trips_ms=tuple(trips), **watch.stamp("PING")
    )


def hold_idle(talk: Conversation, idle_s: float, *, wait_s: float) -> IdleHold:
    """Leave the connection quiet for *idle_s*, watching for its end, and then ask once more.

    Where somebody on the way forgets connections without telling, the end shows only as silence
    to the PING; where it ends with a FIN or a RST, *idle_s* of the observation says when.
    """
    watch = Stopwatch(talk.vantage)
    started = time.monotonic()
    ended: TalkOutcome | None = talk.stay_quiet(idle_s)
    lasted_s = time.monotonic() - started
    unacked: int | None = None
    if ended is None:
        value, seen = talk.ask("PING", wait_s=wait_s)
        # A user that may not PING has been answered all the same.
        may_not = isinstance(value, RedisError) and value.code == "NOPERM"
        ended = "ok" if may_not else seen.outcome
        if ended == "silent":
            # The kernel knows whether the question arrived at all.
            unacked = unacked_bytes(talk.channel.sock)
    return IdleHold(
        address=talk.address,
        port=talk.port,
        idle_s=lasted_s,
        outcome=ended,
        unacked_bytes=unacked,
        **watch.stamp("a quiet connection"),
    )
