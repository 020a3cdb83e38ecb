"""Raw answers as they may be shown: what may be secret in them is left out."""

from __future__ import annotations

from refused.evidence.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RAW_BYTES = 64 * 1024
_LONGEST_SECRET = 4 * 1024

_SECRET_NAMES = ("key", "password", "secret", "connectionstring", "connection-string", "token")
# Parts of answers that hold what was typed into a deployment or a request, or a person's claims.
_WHOLLY_SECRET = frozenset(
    {"accesskeys", "claims", "parameters", "outputs", "requestbody", "responsebody", "primarykey"}
)
_PLAIN_KEYS = frozenset({"notify-keyspace-events", "disableaccesskeyauthentication"})


def without_secrets(raw: bytes) -> str:
    """Return an answer as text, what may be secret in it left out, at most 64 KiB."""
    from json import dumps, loads

    try:
        said = dumps(_masked(loads(raw)), ensure_ascii=False)
    except (ValueError, RecursionError):
        said = raw.decode("utf-8", "replace")
    # Some more than is shown, so that no secret is cut in half before it is known for one.
    said = redact(said[: RAW_BYTES + _LONGEST_SECRET])
    return said if len(said) < RAW_BYTES else said[: RAW_BYTES - 1] + "…"


def _masked(data: Any) -> Any:
    if isinstance(data, list):
        return [_masked(each) for each in data]
    if not isinstance(data, dict):
        return data
    return {
        name: "***" if _is_secret(str(name).lower(), value) else _masked(value)
        for name, value in data.items()
    }


def _is_secret(name: str, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return False
    if name in _WHOLLY_SECRET:
        return True
    if name in _PLAIN_KEYS or not isinstance(value, str):
        return False
    return name.endswith(_SECRET_NAMES) or "connection-string" in name
