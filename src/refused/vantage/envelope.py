"""How a question travels to a remote place and evidence comes back: framed, and sealed.

A login shell may print greetings before the answer, a connection may break in the middle of it, and
whoever stands in between may change it. So an answer says how long it is and bears an HMAC under a
key that was made for this one question and went there through standard input.

    refused-answer/1 LENGTH HMAC-SHA256, and a line's end
    LENGTH bytes of JSON

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import hashlib
import hmac

from refused.evidence.bundle import LARGEST_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

KEY_BYTES = 32
_QUESTION, _ANSWER = b"refused-question/1", b"refused-answer/1"


class BadAnswer(ValueError):
    """What came back is no whole, untouched answer to our question; the message says how."""


def ask(question: bytes) -> bytes:
    """Frame a question; its digest tells a cut-off one from a whole one."""
    return _framed(_QUESTION, question, hashlib.sha256(question).hexdigest())


def hear(stream: BinaryIO) -> bytes:
    """Read one question from *stream*.

    Raises:
        BadAnswer: It is cut short, or none.
    """
    kind, size, digest = _header(stream.readline(200))
    question = stream.read(size)
    if kind != _QUESTION or len(question) != size:
        raise BadAnswer("the question was cut short on its way")
    if hashlib.sha256(question).hexdigest().encode() != digest:
        raise BadAnswer("the question was changed on its way")
    return question


def answer(payload: bytes, key: bytes) -> bytes:
    """Frame and seal an answer; it begins on a line of its own, whatever was printed before."""
    return b"\n" + _framed(_ANSWER, payload, _seal(payload, key)) + b"\n"


def open_answer(output: bytes, key: bytes) -> bytes:
    """Find the answer in all that a place has printed, and break its seal.

    Raises:
        BadAnswer: There is none, it is cut short, or it is not the one that was sent.
    """
    at = (b"\n" + output).find(b"\n" + _ANSWER + b" ")
    if at < 0:
        raise BadAnswer("no answer came back")
    line, ended, rest = output[at:].partition(b"\n")
    try:
        _, size, seal = _header(line + ended)
    except BadAnswer:
        raise BadAnswer("the answer was cut short on its way") from None
    payload = rest[:size]
    if len(payload) != size:
        raise BadAnswer(f"the answer was cut short: {len(payload)} of {size} bytes came")
    if not hmac.compare_digest(_seal(payload, key).encode(), seal):
        raise BadAnswer("the answer was changed on its way: its seal is not ours")
    return payload


def _framed(kind: bytes, payload: bytes, digest: str) -> bytes:
    return b"%s %d %s\n" % (kind, len(payload), digest.encode()) + payload


def _seal(payload: bytes, key: bytes) -> str:
    return hmac.new(key, payload, hashlib.sha256).hexdigest()


def _header(line: bytes) -> tuple[bytes, int, bytes]:
    parts = line.split()
    if (
        not line.endswith(b"\n")
        or len(parts) != 3
        or not parts[1].isdigit()
        or len(parts[1]) > 12
        or len(parts[2]) != 64
    ):
        raise BadAnswer("that is no header of ours")
    size = int(parts[1])
    if size > LARGEST_BYTES:
        raise BadAnswer("the answer is larger than any of mine")
    return parts[0], size, parts[2]
