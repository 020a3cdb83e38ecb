"""One connection on which commands are asked, one after the other, and every end is understood.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import errno

from refused.evidence.observations import RedisReply
from refused.evidence.redaction import redact
from refused.probes.stopwatch import Deadline, Stopwatch
from refused.probes.wire.first_bytes import first_words, identify, printable_text
from refused.probes.wire.resp import Decoder, NotResp, RedisError, TooLarge, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Sequence, Tuple, Union

    from refused.evidence.observations import TalkOutcome

    Word = Union[str, bytes]

# A reply is quoted as far as it helps.
_MOST_TEXT = 200
_LONGEST_SHORT_REPLY = 60
# So much of what comes is kept for the case that it turns out not to be RESP.
_HEAD_BYTES = 512
# A stranger's greeting may trickle in; so few bytes name nobody.
_TOO_FEW_TO_TELL = 16
_REST_OF_GREETING_S = 0.1
# A server that was not given the time for one round trip has not been silent.
_LEAST_WAIT_S = 0.05

# Commands that are families: what they do is named by the second word.
_FAMILIES = frozenset({"ACL", "CLIENT", "CLUSTER", "CONFIG"})
# Servers quote the arguments of a command that they don't know, and AUTH may be one.
_QUOTE = ", with args beginning with"
# The kernel has given up on a peer that stopped answering; for us that is silence.
_LOST = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN})


class _Closed(Exception):
    """The peer has closed the connection."""


class Conversation:
    """One connection, one command after the other, or several in one go.

    Nothing that the network or the server does raises: how a command fared is its
    :class:`RedisReply`. Once a command has got no answer the conversation is over, for a late
    reply could not be told from the next one.

    Attributes:
        alert: The TLS alert with which the server ended the conversation, if it did.
    """

    __slots__ = ("channel", "address", "port", "vantage", "alert", "_decoder", "_ended", "_head")

    def __init__(self, channel: Any, *, address: str, port: int, vantage: str) -> None:
        self.channel = channel
        self.address, self.port, self.vantage = address, port, vantage
        self.alert: str | None = None
        self._decoder = Decoder()
        self._ended: TalkOutcome | None = None
        self._head = b""

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be asked."""
        return self._ended is not None

    def ask(self, *words: Word, wait_s: float, name: str | None = None) -> Tuple[Any, RedisReply]:
        """Send one command; return its value (``None`` where there is none) and how it went."""
        return self.ask_many([words], wait_s, [name or name_of(words)])[0]

    def ask_many(
        self,
        commands: Sequence[Sequence[Word]],
        wait_s: float,
        names: Sequence[str] | None = None,
    ) -> List[Tuple[Any, RedisReply]]:
        """Send commands in one go, and return value and observation of each.

        The list ends with the first command that got no answer: the silence behind it is the same
        silence. Values are as :class:`refused.probes.wire.resp.Reply` has them, errors included.

        Args:
            wait_s: How long to wait for all of them together.
            names: What to call them, where the first word or two do not say it.
        """
        watch, deadline = Stopwatch(self.vantage), Deadline(max(wait_s, _LEAST_WAIT_S))
        called = list(names or map(name_of, commands))
        if self._ended is not None:
            return [(None, self._seen(called[0], self._ended, watch))]
        try:
            self.channel.send(b"".join(encode(*map(_raw, words)) for words in commands))
        except OSError as fault:
            return [(None, self._lost(called[0], watch, fault))]
        answers: List[Tuple[Any, RedisReply]] = []
        for name in called:
            try:
                value = self._next_value(deadline)
            except (OSError, NotResp, _Closed) as fault:
                answers.append((None, self._lost(name, watch, fault)))
                break
            answers.append((value, self._said(name, value, watch)))
        return answers

    def stay_quiet(self, wait_s: float) -> TalkOutcome | None:
        """Listen without a word for *wait_s*; return how the connection ended, if it did."""
        deadline = Deadline(wait_s)
        while self._ended is None and not deadline.over:
            # What comes unasked may be cut in the middle, and go on behind the next question.
            self._decoder.feed(self._overhear(deadline.left()))
        return self._ended

    def _overhear(self, wait_s: float) -> bytes:
        """Return what comes unasked; nothing where the time is up, or the connection's."""
        try:
            data: bytes = self.channel.recv(wait_s)
        except OSError as fault:
            # A time-out with a number is the kernel's: it has given up on the peer.
            if not isinstance(fault, TimeoutError) or fault.errno is not None:
                self._ended = self._outcome_of(fault)
            return b""
        if not data:
            self._ended = "closed"
        return data

    def _next_value(self, deadline: Deadline) -> Any:
        while True:
            reply = self._decoder.next()
            if reply is None:
                if deadline.over:  # or a server that never stops pushing would hold us for ever
                    raise TimeoutError
                data = self.channel.recv(deadline.left())
                if not data:
                    raise _Closed
                if len(self._head) < _HEAD_BYTES:
                    self._head += data[:_HEAD_BYTES]
                self._decoder.feed(data)
            elif reply.kind != "push":
                self._head = b""
                return reply.value

    def _lost(self, name: str, watch: Stopwatch, fault: Exception) -> RedisReply:
        """Note why a command got no answer, and that no other will."""
        stranger = isinstance(fault, NotResp)
        if stranger and len(self._head) < _TOO_FEW_TO_TELL:
            self._hear_the_rest()
        outcome = self._outcome_of(fault)
        looks = identify(self._head)
        # Half a reply may be the start of something else that RESP could start like, too.
        if not stranger and looks not in ("resp", "unknown", "nothing"):
            stranger = True
        self._ended = "not-resp" if stranger else outcome
        seen = self._seen(name, self._ended, watch)
        shown = first_words(self._head)
        if stranger:
            if isinstance(fault, NotResp) and (looks in ("resp", "unknown", "nothing")):
                looks, shown = fault.protocol, shown or redact(fault.first_bytes)
            seen = seen.replace(protocol="unknown" if looks == "resp" else looks)
        text = str(fault) if isinstance(fault, (OSError, TooLarge)) else ""
        return seen.replace(first_bytes=shown, error_text=_clean(printable_text(text)))

    def _hear_the_rest(self) -> None:
        deadline = Deadline(_REST_OF_GREETING_S)
        while len(self._head) < _TOO_FEW_TO_TELL and not deadline.over:
            try:
                data = self.channel.recv(deadline.left())
            except OSError:
                return
            if not data:
                return
            self._head += data[:_HEAD_BYTES]

    def _outcome_of(self, fault: Exception) -> TalkOutcome:
        self.alert = getattr(fault, "name", None) or self.alert
        if isinstance(fault, NotResp):
            return "not-resp"
        if isinstance(fault, TimeoutError):  # the kernel's ETIMEDOUT as well as our own
            return "silent"
        if isinstance(fault, (_Closed, BrokenPipeError)) or self.alert is not None:
            return "closed"
        return "silent" if getattr(fault, "errno", None) in _LOST else "reset"

    def _seen(self, name: str, outcome: TalkOutcome, watch: Stopwatch) -> RedisReply:
        return RedisReply(
            address=self.address,
            port=self.port,
            command=name,
            outcome=outcome,
            **watch.stamp(f"RESP {name}"),
        )

    def _said(self, name: str, value: Any, watch: Stopwatch) -> RedisReply:
        if isinstance(value, RedisError):
            seen = self._seen(name, "error", watch)
            return seen.replace(error_code=redact(value.code)[:40], error_text=_clean(value.text))
        return self._seen(name, "ok", watch).replace(reply=_short(value))


def name_of(words: Sequence[Word]) -> str:
    """Return what a command is called, without its arguments.

    >>> name_of(["cluster", "slots"]), name_of(["AUTH", "a secret"])
    ('CLUSTER SLOTS', 'AUTH')
    """
    named = [_raw(word).decode("ascii", "replace").upper() for word in words[:2]]
    return " ".join(named) if named[0] in _FAMILIES else named[0]


def _raw(word: Word) -> bytes:
    """Return the bytes of a word; a password may hold what no terminal could decode."""
    if isinstance(word, bytes):
        return word
    try:
        return word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return word.encode("utf-8", "replace")


def _clean(text: str) -> str:
    """Return an error's text as it may be shown: no secret, no argument, not too long."""
    return redact(text.partition(_QUOTE)[0])[:_MOST_TEXT]


def _short(value: object) -> str:
    """Return a plain reply that is short; what is long or nested is told by other observations."""
    if isinstance(value, bytes) and len(value) <= _LONGEST_SHORT_REPLY:
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, (int, float)):
        value = str(value)
    return redact(printable_text(value))[:_MOST_TEXT] if isinstance(value, str) else ""
