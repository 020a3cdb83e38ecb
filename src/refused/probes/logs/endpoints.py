"""Whom a message speaks of: the endpoint that failed, and whether it is about Redis at all.

Read quickly, to group by; what a group's example says in full is read by whoever judges.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False

_PORT = re.compile(rb":(\d{2,5})(?!\w|[.:]\d)")
_HOST_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_LONGEST_HOST = 253
_NAME_ONLY = re.compile(
    rb"(?:ENOTFOUND|EAI_AGAIN|lookup|UnknownHostException:|[Rr]esolve[d:]?) ['\"]?([\w-]+(?:\.[\w-]+)+)"
)
_WORDS = re.compile(rb"valkey|lettuce|jedis|redlock|bullmq|sidekiq|keydb|dragonfly")
_PORTS = re.compile(rb":(?:6379|6380|26379|10000|13\d{3}|15\d{3}|85\d{2})(?!\d)")
_REPLIES = re.compile(
    rb"(?:NOAUTH|WRONGPASS|NOPERM|CROSSSLOT|CLUSTERDOWN|MISCONF|READONLY|EXECABORT|MASTERDOWN) "
)
_SOURCE_FILES = (
    b".java", b".kt", b".scala", b".rb", b".js", b".ts", b".py", b".cs", b".go", b".php", b".c",
    b".h", b".cc", b".cpp", b".rs", b".ex", b".lua", b".mjs", b".cjs", b".tsx",
)  # fmt: skip
_REACH = 4096


def is_about_redis(text: bytes) -> bool:
    """Whether the words, the port or the reply are those of Redis."""
    head = text[:_REACH]
    lowered = head.lower()
    return (
        b"redis" in lowered
        or _WORDS.search(lowered) is not None
        or _PORTS.search(head) is not None
        or _REPLIES.search(head) is not None
    )


def is_redis_port(port: int) -> bool:
    """Whether Redis, or a service of Azure's, listens there by custom."""
    return (
        port in (6379, 6380, 26379, 10000)
        or 13000 <= port < 16000
        or 8500 <= port < 8600
        or 7000 <= port < 7010
    )


def endpoint_of(text: bytes) -> str:
    """Return ``host:port``, ``host/address:port``, a bare host, or ``""``."""
    best, worth = "", 0
    head = text[:_REACH]
    for found in _PORT.finditer(head):
        at = found.start()
        host = _host_before(head, at)
        start = at - len(host)
        name = _host_before(head, start - 1) if head[start - 1 : start] == b"/" and start else b""
        value = _worth(host, int(found[1]), has_name=b"." in name) if host else 0
        # The far end of "read tcp a->b" is the one that was dialled.
        value += 1 if value and head[max(0, start - 2) : start] == b"->" else 0
        if value > worth:
            shown = name + b"/" + host if b"." in name else host
            best, worth = (shown + found.group()).decode("ascii", "replace"), value
    if worth:
        return best
    found_name = _NAME_ONLY.search(head)
    return found_name[1].decode("ascii", "replace") if found_name is not None else ""


def _host_before(text: bytes, end: int) -> bytes:
    """Return the run of a host's letters, or the address in brackets, that ends at *end*."""
    near = text[max(0, end - _LONGEST_HOST) : end]
    if near.endswith(b"]"):
        return near[near.rfind(b"[") :] if b"[" in near else b""
    return near[len(near.rstrip(_HOST_LETTERS)) :]


def _worth(host: bytes, port: int, *, has_name: bool) -> int:
    if host.endswith(_SOURCE_FILES):  # a place in a source file, not in a network
        return 0
    is_known_port = is_redis_port(port)
    labels = host.split(b".")
    is_address = host[:1] == b"[" or (len(labels) == 4 and all(each.isdigit() for each in labels))
    is_name = host == b"localhost" or (len(labels) > 1 and labels[-1].isalpha())
    if is_address or is_name or has_name:
        return 5 if is_known_port else 2
    # A bare word in front of a number is a host only where the number is Redis's.
    return 4 if is_known_port and not host.isdigit() else 0
