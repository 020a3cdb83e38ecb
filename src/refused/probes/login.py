"""Log in as the client in the target would, and describe with what, without showing it.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import Login
from refused.evidence.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

    from refused.evidence.observations import RedisReply
    from refused.evidence.target import Credentials, Target
    from refused.probes.conversation import Conversation

# What a server says that knows neither HELLO nor the protocol asked for.
_OLD = ("NOPROTO", "unknown command", "wrong number of arguments")

# What the signs mean that a URL must not hold bare: = + / @ # ? : %
_ESCAPES = ("%3D", "%2B", "%2F", "%40", "%23", "%3F", "%3A", "%25")
_QUOTES = "\"'`"
# Azure's access keys are base64 of 32 bytes, or of 39 where the key names its own kind.
_KEY_LENGTHS = (44, 52)
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
# A date beyond this is none; seconds since 1970 reach it in the year 5138.
_LATEST = 1e11


def log_in(
    talk: Conversation,
    credentials: Credentials,
    *,
    target: Target,  # noqa: ARG001 - the form of the login may come to depend on it
    protocol: int | None = None,
    wait_s: float,
    on_old: Callable[[RedisReply], object] | None = None,
) -> Tuple[RedisReply, ...]:
    """Send AUTH, or HELLO with the credentials for RESP3; nothing where there is nothing to say.

    A server that does not know HELLO is asked with AUTH again, as clients do. The reply to such a
    HELLO is not returned: it stopped nobody who can do without.

    Args:
        on_old: What is told of a HELLO that the server does not know, or not for that protocol.
    """
    user, password = credentials.user, credentials.password
    # Clients take an empty password without a user for none.
    has_login = password is not None and bool(user or password)
    if protocol == 3:
        named = ["AUTH", user or "default", _text_of(credentials)] if has_login else []
        seen = talk.ask("HELLO", "3", *named, wait_s=wait_s)[1]
        if not _is_unknown(seen, has_login=has_login):
            return (seen,)
        if on_old is not None and seen.error_code != "NOAUTH":
            on_old(seen)
    if not has_login:
        return ()
    words = [*([user] if user else []), _text_of(credentials)]
    return (talk.ask("AUTH", *words, wait_s=wait_s)[1],)


def _is_unknown(hello: RedisReply, *, has_login: bool) -> bool:
    """Whether the server does not know HELLO, or not what it was asked for."""
    if hello.error_code == "NOAUTH":
        # Valkey 9 asks who is there before it looks a command up: the login has not been read.
        return has_login
    return hello.outcome == "error" and any(sign in hello.error_text for sign in _OLD)


def _text_of(credentials: Credentials) -> str:
    return credentials.password.reveal() if credentials.password is not None else ""


# --- the shape of the secret -------------------------------------------------------------------


def describe(credentials: Credentials, *, how: str, vantage: str, now: float) -> Login:
    """Say what the secret looks like, which is often enough to see what is wrong with it.

    A token is read, not verified: who signed it is the server's business.

    Source: what of a token Azure looks at, https://learn.microsoft.com/azure/azure-cache-for-redis/cache-azure-active-directory-for-authentication
    """
    text = _text_of(credentials)
    claims = _claims(text.strip())
    shape = _shape(text)
    if claims is not None and shape == "other":
        shape = "token"
    claims = claims or {}
    return Login(
        vantage=vantage,
        at=now,
        took_ms=0.0,
        source="the credentials given",
        how=how,
        user=credentials.user,
        looks_like=shape,
        token_expires_at=_date(claims.get("exp")),
        token_user=_claim(claims.get("oid")),
        token_audience=_claim(claims.get("aud")),
    )


def _shape(text: str) -> str:
    if not text:
        return "empty"
    if text != text.strip():
        return "padded"
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        return "quoted"
    if any(escape in text.upper() for escape in _ESCAPES):
        return "url-escaped"
    return "access-key" if _is_access_key(text) else "other"


def _is_access_key(text: str) -> bool:
    letters = text.rstrip("=")
    return len(text) in _KEY_LENGTHS and len(text) - len(letters) <= 2 and set(letters) <= _BASE64


def _claims(text: str) -> Dict[str, Any] | None:
    """Return a JSON Web Token's claims; ``None`` where this is none."""
    parts = text.split(".")
    if len(parts) != 3 or not text.startswith("eyJ"):
        return None
    from base64 import urlsafe_b64decode
    from json import loads

    try:
        claims = loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _date(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= _LATEST else None


def _claim(value: object) -> str | None:
    """Return a claim that is a text, or the first of a list of them."""
    if isinstance(value, list) and value:
        value = value[0]
    return redact(value)[:200] if isinstance(value, str) else None
