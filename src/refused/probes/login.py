"""Log in as the client in the target would, and describe with what, without showing it.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import Login

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    from refused.evidence.observations import RedisReply
    from refused.evidence.target import Credentials, Target
    from refused.probes.resp import Conversation

# What a server says that knows neither HELLO nor the protocol asked for.
_OLD = ("NOPROTO", "unknown command", "wrong number of arguments")


def log_in(
    talk: Conversation,
    credentials: Credentials,
    *,
    target: Target,  # noqa: ARG001  # the form of the login may come to depend on it
    protocol: int | None,
    wait_s: float,
) -> Tuple[RedisReply, ...]:
    """Send AUTH, or HELLO with it for RESP3; nothing at all where there are no credentials.

    A server that does not know HELLO is asked with AUTH again, as clients do.
    """
    password = credentials.password
    if protocol == 3:
        words = ["HELLO", "3"]
        if password is not None:
            words += ["AUTH", credentials.user or "default", password.reveal()]
        seen = talk.ask(*words, wait_s=wait_s)[1]
        if seen.outcome != "error" or not any(sign in seen.error_text for sign in _OLD):
            return (seen,)
    if password is None:
        return ()
    words = (
        ["AUTH", credentials.user, password.reveal()]
        if credentials.user
        else ["AUTH", password.reveal()]
    )
    return (talk.ask(*words, wait_s=wait_s)[1],)


def describe(credentials: Credentials, *, how: str, vantage: str, now: float) -> Login:
    """Say what the secret looks like, which is often enough to see what is wrong with it."""
    fields: Dict[str, Any] = {
        "vantage": vantage, "at": now, "took_ms": 0.0, "source": "the credentials given",
        "how": how, "user": credentials.user,
    }  # fmt: skip
    if credentials.password is None:
        return Login(looks_like="empty", **fields)
    text = credentials.password.reveal()
    claims = _claims(text)
    if claims is not None:
        expires = claims.get("exp")
        return Login(
            looks_like="token",
            token_expires_at=float(expires)
            if isinstance(expires, (int, float)) and not isinstance(expires, bool)
            else None,
            token_user=_text(claims.get("oid")),
            token_audience=_text(claims.get("aud")),
            **fields,
        )
    return Login(looks_like=_shape(text), **fields)


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) else None


def _shape(text: str) -> str:
    if not text:
        return "empty"
    if text != text.strip():
        return "padded"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return "quoted"
    if any(escape in text.upper() for escape in ("%3D", "%2F", "%2B")):
        return "url-escaped"
    if _is_access_key(text):
        return "access-key"
    return "other"


def _is_access_key(text: str) -> bool:
    """Whether this is base64 of the length that Azure's keys have (32 or 39 bytes)."""
    letters = text.rstrip("=")
    return (
        len(text) in (44, 52)
        and len(text) - len(letters) <= 2
        and all(c.isalnum() or c in "+/" for c in letters)
    )


def _claims(text: str) -> Dict[str, Any] | None:
    """Return a JSON Web Token's claims, unverified; ``None`` where it is none."""
    parts: List[str] = text.split(".")
    if len(parts) != 3 or not text.startswith("eyJ"):
        return None
    from base64 import urlsafe_b64decode
    from json import loads

    try:
        claims = loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
