# ruff: noqa: SIM905  # forty names are read more easily without their quotation marks
"""Which commands may be sent twice.

A connection that breaks after a command was sent leaves open whether the server has carried it out.
Only a command that leaves the same state *and* gives the same answer when it is done twice is sent
again by itself: reads, and writes such as ``SET``. ``INCR`` would count twice; ``SADD``, ``DEL`` or
``SET … NX`` would say "was there already" about what they did themselves, and a lock or a
"seen it?" built on that answer would break. ``HSET`` is the one exception: the state is the same,
only its count of new fields, which hardly anybody reads, may then be 0.

Reads and their names: https://redis.io/docs/latest/commands/ (flag ``readonly``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

READS: Final = frozenset(
    """
    BITCOUNT BITFIELD_RO BITPOS COMMAND DBSIZE DUMP ECHO EVALSHA_RO EVAL_RO EXISTS EXPIRETIME
    FCALL_RO GEODIST GEOHASH GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE
    HEXISTS HEXPIRETIME HGET HGETALL HKEYS HLEN HMGET HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSTRLEN
    HTTL HVALS INFO KEYS LCS LINDEX LLEN LOLWUT LPOS LRANGE MEMORY MGET OBJECT PEXPIRETIME PFCOUNT
    PING PTTL PUBSUB RANDOMKEY ROLE SCAN SCARD SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS
    SMISMEMBER SORT_RO SRANDMEMBER SSCAN STRLEN SUBSTR SUNION TIME TOUCH TTL TYPE XINFO XLEN
    XPENDING XRANGE XREAD XREVRANGE ZCARD ZCOUNT ZDIFF ZINTER ZINTERCARD ZLEXCOUNT ZMSCORE
    ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE
    ZREVRANK ZSCAN ZSCORE ZUNION
    FT.INFO FT.SEARCH JSON.ARRINDEX JSON.ARRLEN JSON.GET JSON.MGET JSON.OBJKEYS JSON.OBJLEN
    JSON.STRLEN JSON.TYPE TS.GET TS.INFO TS.MGET TS.MRANGE TS.QUERYINDEX TS.RANGE TS.REVRANGE
    BF.EXISTS BF.INFO BF.MEXISTS CF.EXISTS CF.INFO
    """.split()
)
SAME_AGAIN: Final = frozenset(
    """
    ASKING AUTH DISCARD HELLO HMSET HSET LSET MSET MULTI PSETEX READONLY READWRITE SELECT SETEX
    SETRANGE SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE UNWATCH
    """.split()
)
# What they are depends on their words: with these, the answer or the effect changes.
UNLESS: Final = {
    "SET": frozenset(("NX", "XX", "GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE")),
    "EXPIRE": frozenset(("NX", "XX", "GT", "LT")),
    "PEXPIRE": frozenset(("NX", "XX", "GT", "LT")),
    "EXPIREAT": frozenset(("NX", "XX", "GT", "LT")),
    "PEXPIREAT": frozenset(("NX", "XX", "GT", "LT")),
    "JSON.SET": frozenset(("NX", "XX")),
}
# CLUSTER FAILOVER is none, CLUSTER SLOTS is one.
ASKING: Final = {
    "CLUSTER": frozenset(
        ("SLOTS", "SHARDS", "NODES", "INFO", "MYID", "KEYSLOT", "COUNTKEYSINSLOT", "GETKEYSINSLOT")
    ),
    "CLIENT": frozenset(("GETNAME", "ID", "INFO", "LIST", "SETINFO", "SETNAME", "TRACKINGINFO")),
    "CONFIG": frozenset(("GET",)),
    "ACL": frozenset(("WHOAMI", "LIST", "USERS", "CAT", "GETUSER")),
    "SCRIPT": frozenset(("EXISTS", "LOAD")),
    "FUNCTION": frozenset(("LIST", "DUMP", "STATS")),
    "LATENCY": frozenset(("LATEST", "HISTORY", "DOCTOR")),
    "SLOWLOG": frozenset(("GET", "LEN")),
}

# A blocking command's own patience, in seconds: where it stands among the words.
_BLOCKS_LAST: Final = frozenset("BLPOP BRPOP BLMOVE BRPOPLPUSH BZPOPMIN BZPOPMAX".split())
_BLOCKS_FIRST: Final = frozenset("BLMPOP BZMPOP".split())
_BLOCKS_WORD: Final = frozenset("XREAD XREADGROUP".split())
_BLOCKS_MS_LAST: Final = frozenset("WAIT WAITAOF".split())
BLOCKING: Final = _BLOCKS_LAST | _BLOCKS_FIRST | _BLOCKS_WORD | _BLOCKS_MS_LAST


def name_of(words: Sequence[Any]) -> str:
    """Return a command's name in capitals."""
    name = words[0]
    if isinstance(name, (bytes, bytearray, memoryview)):
        name = bytes(name).decode(errors="replace")
    return str(name).upper()


def is_repeatable(words: Sequence[Any], also: Collection[str] = ()) -> bool:
    """Whether a command may be sent again when nobody knows whether it was carried out."""
    name, *more = name_of(words).split()  # redis-py writes "CLUSTER SLOTS" as one word
    if name in READS or name in SAME_AGAIN or name in also:
        return True
    if name in UNLESS:
        return UNLESS[name].isdisjoint(_capitals(words[3:]))
    if name in ASKING:
        return not ASKING[name].isdisjoint(more or _capitals(words[1:2]))
    return False


def are_repeatable(commands: Iterable[Sequence[Any]], also: Collection[str] = ()) -> bool:
    """Whether a pipeline may be sent again: each of its commands may."""
    return all(name_of(words) == "EXEC" or is_repeatable(words, also) for words in commands)


def patience_s(words: Sequence[Any]) -> float | None:
    """Return how long a command is content to wait in the server, in seconds; 0 is for ever.

    ``None``: it does not block.
    """
    name = name_of(words)
    try:
        if name in _BLOCKS_LAST:
            return float(words[-1])
        if name in _BLOCKS_FIRST:
            return float(words[1])
        if name in _BLOCKS_MS_LAST:
            return float(words[-1]) / 1000
        if name in _BLOCKS_WORD:
            capitals = _capitals(words)
            return float(words[capitals.index("BLOCK") + 1]) / 1000 if "BLOCK" in capitals else None
    except (ValueError, IndexError, TypeError):
        return None  # the server will complain
    return None


def _capitals(words: Sequence[Any]) -> list[str]:
    """Return the words as short capitals; a long one is a value, and no option."""
    return [
        (
            bytes(word[:16]).decode("ascii", "replace")
            if isinstance(word, (bytes, bytearray))
            else str(word)[:16]
        ).upper()
        for word in words
    ]
