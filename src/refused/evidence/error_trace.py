"""Say more exactly what failed than its line does: by the frames beside it, and by what it rests on.

"Connection timed out" is what the system says of a dial that nobody answers, and of an open
connection whose other end has fallen silent. Which of the two it was stands in the trace.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import re

from refused.evidence.matching import Late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence, Tuple

# Frames so near to a failing line belong to the call that failed.
_NEAR = 4
_READING = re.compile(
    r"\brecv(?:_into|from|msg)?\(|_read_ready|\.readobj\(|\.read_response\(|_read_from_socket|\.sock_recv\(|"
    r"SocketDispatcher\.read|FileDispatcherImpl\.read|SocketInputStream\.|SocketChannelImpl\.read|NioSocketImpl\.\w{0,20}[rR]ead|"
    r"TCP\.onStreamRead|\(\*(?:net)?FD\)\.Read|\(\*conn\)\.Read|fill_buffer|_fillbuf|read_nonblock|NetworkStream\.\w{0,10}Read|"
    r"syscall: '?\"?read\b"
)
_DIALLING = re.compile(
    r"\bsock(?:et)?\.connect\(|create_connection|\bsock_connect|_connect\(|finishConnect|socketConnect|\bconnect0\b|"
    r"TCPConnectWrap|afterConnect|Dialer\)\.|connect_nonblock|SocketChannelImpl\.connect|NioSocketImpl\.connect|syscall: '?\"?connect\b"
)
_TIMED_OUT = "timed-out.posix"
# Go's caller gave the call so long; a dial and a look-up would have said what they are.
_OWN_DEADLINE = re.compile(
    r"^(?!.*(?:\b[Dd]ial|lookup|[Cc]onnect(?:ing)? to)).*\bcontext deadline exceeded"
)
_FRAMES_OF_BARE = (
    (
        re.compile(r"pool[^\"\n]{0,40}\.py\", line [0-9]{1,6}, in "),
        "pool-empty.any-in-pool-libraries",
    ),
    (_DIALLING, "connect-timeout.posix"),
    (_READING, "no-answer.redis-py"),
    (re.compile(r"parse_response|readuntil|readexactly"), "no-answer.redis-py"),
)
# Wordings that fit a dial as well as a read.
_EITHER = frozenset(
    ["connect-timeout.posix", "connect-timeout.php", "connect-timeout.windows", "timed-out.posix"]
)
# The bare name of an exception says nothing of whose it was; the frames of the call do.
_BARE = "timed-out.posix-in-python"
_FRAMES = 12
_OF_REDIS = re.compile(r"redis|valkey", re.IGNORECASE)
_STALLED = "stalled.any"
_NO_GREETING = "no-greeting.redis-rb"
# What a client does with a connection before anybody may use it.
_GREETING = Late(
    r"\bConnection\.(?:auth|hello|handshake)\(|initializeFromClientConfig|\bin (?:on_connect|_on_connect|on_connect_check_health)\b|"
    r"\binitConn\b|connect_prelude|\bRedisHandshake|HandshakeHandler"
)
_NESTED = Late(r"^\s*(?:Caused by:|--->|During handling)")
_GREETED = 14
# Where Azure hands out the tokens that Redis takes: who fails to reach it has no token.
_IDENTITY = "169.254.169.254"
_NO_TOKEN = "no-token.azure"  # noqa: S105 - the id of a wording
_OF_DIALS = ("refused.", "connect-timeout.", "unreachable.", "timed-out.", "denied.")
# The system's words for an address that is taken: a dial finds no local port, or a server no place.
_IN_USE = "local-ports.any-in-use"
_NOT_BESIDE_GREETING = frozenset(
    ["connect-timeout.redis-rb", "connect-timeout.redis-rb-in-errno", "no-answer.redis-rb"]
)


# The runtime's words for a program that stumbles; of Redis where its client stands in a frame.
_CRASHES = (("client-library-bug-crash", False), ("client-library-bug-stumbles", True))
_OF_A_CLIENT = re.compile(
    r"(?:redis|valkey|rueidis|jedis|lettuce|redigo|StackExchange)[a-z0-9_@.~-]{0,40}[./\\:(]",
    re.IGNORECASE,
)
_IS_FRAME = re.compile(
    r"^\s{1,20}(?:at |from |File |[0-9]{1,4}: )|^\s{1,20}\S{1,300}\.(?:go|rs|c|java|rb|py|js):[0-9]|^\S{1,300}\(\S{0,300}\)$|^\S{1,300}\([^()]{0,300}\)$"
)


def _client_crashed(at: int, lines: Sequence[str], *, bare: bool) -> bool:
    """Whether a frame beside a line is of a Redis client, or of what somebody wrote around it.

    Args:
        bare: What holds where no frame stands beside it.
    """
    if _OF_A_CLIENT.search(lines[at]) is not None:
        return True
    near = [*lines[at + 1 : at + 1 + _FRAMES], *lines[max(0, at - _FRAMES) : at]]
    frames = [line for line in near if _IS_FRAME.search(line) is not None]
    return any(map(_OF_A_CLIENT.search, frames)) if frames else bare


def exact_ids(ids: Tuple[str, ...], at: int, lines: Sequence[str]) -> Tuple[str, ...]:
    """Return the ids found in line *at*, without those that what stands beside it contradicts.

    Args:
        ids: The ids of the patterns found in the line.
        at: Its place in *lines*.
    """
    if _IDENTITY in lines[at] and any(name.startswith(_OF_DIALS) for name in ids):
        return (*(name for name in ids if not name.startswith(_OF_DIALS)), _NO_TOKEN)
    if _IN_USE in ids and not _client_crashed(at, lines, bare=False):
        ids = tuple(name for name in ids if name != _IN_USE)
    if any(name.startswith("no-answer.") for name in ids) and _was_greeting(at, lines):
        return (*(name for name in ids if not name.startswith("no-answer.")), _NO_GREETING)
    for crash, bare in _CRASHES:
        if crash in ids and not _client_crashed(at, lines, bare=bare):
            ids = tuple(name for name in ids if name != crash)
    if _NO_GREETING in ids:
        return tuple(name for name in ids if name not in _NOT_BESIDE_GREETING)
    if _TIMED_OUT in ids and _OWN_DEADLINE.search(lines[at]) is not None:
        return (*(name for name in ids if name != _TIMED_OUT), "no-answer.go")
    if _BARE in ids:
        return (*(name for name in ids if name != _BARE), *_bare(at, lines))
    if _EITHER.isdisjoint(ids):
        return ids
    if _STALLED in ids:
        return tuple(name for name in ids if name not in _EITHER)
    if _was_reading(at, lines):
        return (*(name for name in ids if name not in _EITHER), _STALLED)
    return ids


def _was_greeting(at: int, lines: Sequence[str]) -> bool:
    """Whether the frames of a line's own exception are those of a connection that is being set up."""
    below = lines[at + 1 : at + 1 + _GREETED]
    end = next((n for n, line in enumerate(below) if _NESTED.search(line)), len(below))
    above = lines[max(0, at - _GREETED) : at]
    start = next((n for n in range(len(above), 0, -1) if _NESTED.search(above[n - 1])), 0)
    return any(_GREETING.search(line) for line in (*below[:end], *above[start:]))


def _bare(at: int, lines: Sequence[str]) -> Tuple[str, ...]:
    """Return what a time-out without a word is by its innermost frame: a pool's, a read's, a dial's."""
    if not _frames_name_redis(at, lines):
        return ()
    for place in range(at - 1, max(-1, at - 1 - _NEAR), -1):
        for frame, name in _FRAMES_OF_BARE:
            if frame.search(lines[place]) is not None:
                return (name,)
    return (_BARE,)


def _frames_name_redis(at: int, lines: Sequence[str]) -> bool:
    """Whether a line shortly above or below names Redis."""
    near = lines[max(0, at - _FRAMES) : at + _FRAMES]
    return any(_OF_REDIS.search(line) is not None for line in near)


def _was_reading(at: int, lines: Sequence[str]) -> bool:
    """Whether the frame nearest to a line, above as Python has it or below as others do, reads."""
    above = range(at - 1, max(-1, at - 1 - _NEAR), -1)
    below = range(at + 1, min(len(lines), at + 1 + _NEAR))
    for places in (above, below):
        for place in places:
            if _DIALLING.search(lines[place]) is not None:
                return False
            if _READING.search(lines[place]) is not None:
                return True
    return False
