"""What was seen of a login, to be varied with ``replace``."""

from __future__ import annotations

from refused.evidence.observations import Login, RedisReply
from refused.evidence.target import Target
from tests.causes.tls_scenery import NOW, STAMP

__all__ = [
    "CACHE",
    "KEY",
    "LOGGED_IN",
    "NOAUTH",
    "NOTHING",
    "NOW",
    "OBJECT_ID",
    "OWN",
    "PONG",
    "STAMP",
    "TOKEN",
    "WRONGPASS",
    "refused",
]

OBJECT_ID = "3f1c9a52-7d44-4be0-9a59-0c6f5b1e2d77"
CACHE = Target(
    text="contoso.redis.cache.windows.net:6380,password=***,ssl=True",
    form="stackexchange",
    host="contoso.redis.cache.windows.net",
    port=6380,
    tls=True,
    service="acr",
    auth="key",
)
OWN = CACHE.replace(text="redis.example.net:6379", host="redis.example.net", service="redis")
KEY = Login(**STAMP, how="key", user=None, looks_like="access-key")
NOTHING = KEY.replace(how="none", looks_like="empty")
TOKEN = Login(
    **STAMP,
    how="entra",
    user=OBJECT_ID,
    looks_like="token",
    token_expires_at=NOW + 3600,
    token_user=OBJECT_ID,
    token_audience="https://redis.azure.com",
)
PONG = RedisReply(
    **STAMP, address="20.42.65.90", port=6380, command="PING", outcome="ok", reply="PONG"
)
LOGGED_IN = PONG.replace(command="AUTH", reply="OK")


def refused(command: str, text: str) -> RedisReply:
    """Return an error reply with *text*."""
    code = text.partition(" ")[0]
    return PONG.replace(
        command=command, outcome="error", reply="", error_code=code, error_text=text
    )


WRONGPASS = refused("AUTH", "WRONGPASS invalid username-password pair or user is disabled.")
NOAUTH = refused("PING", "NOAUTH Authentication required.")
