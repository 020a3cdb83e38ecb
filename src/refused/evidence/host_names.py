r"""See when what was dialled as a host is no host: a setting's name, a URL, nothing at all.

A resolver says of all these that the name is unknown, and a firewall gets the blame. The words
themselves tell more: nobody calls a host ``REDIS_URL`` or ``undefined``.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import re

from refused.evidence.matching import Late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

_NOTHING = frozenset(
    ["undefined", "null", "none", "nil", "nan", "(null)", "[object object]", "true", "false", "''"]
)
_SCHEMES = frozenset(["http", "https", "rediss", "tcp", "tls", "ssl", "unix"])
_URL = re.compile(r"^(?:https?|rediss?|valkeys?|tcp|tls|ssl|unix):|://", re.IGNORECASE)
_TEMPLATE = re.compile(r"[$<>{}]|^%[A-Za-z_]+%$|^process\.env\b|^ENV\[")
# REDIS_HOST; RedisConnectionString, redisHost; spring.redis.host. One capital word may be a host.
_SETTING = re.compile(
    r"^(?:[A-Z0-9_]{0,60}_(?:HOST|HOSTNAME|URL|URI|ADDR|ADDRESS|SERVER|ENDPOINT|CONNECTION|STRING|NAME|DSN)"
    r"|(?:[A-Za-z][A-Za-z0-9]{0,60})?(?:ConnectionStrings?|ConnString|Connection|HostName|Host|Url|Uri|Endpoint|Address"
    r"|Settings?|Options|Configuration)"
    r"|(?:spring|quarkus|app|config|redis)(?:\.[a-z]{1,20}){0,3}\.(?:host|hostname|url|uri|address))$"
)
_HUMP = re.compile(r"[a-z0-9][A-Z]|_|\.")

# What follows is what a client took for a host; a URL there is one too many.
_BARE = (
    Late(r"\b(?:ENOTFOUND|EAI_AGAIN) ([^ \n]{1,200})", "ENOTFOUND", "EAI_AGAIN"),
    Late(r"UnknownHostException: ([^ \n:]{1,200}(?:://[^ \n]{0,200})?)", "UnknownHostException"),
    Late(r"\blookup ([^ \n]{1,200}?)(?: on [^ \n]{1,80})?: no such host", "no such host"),
    Late(r"\baddress ([^ \n]{1,200}): (?:too many colons|missing port) in address", "in address"),
    Late(r"Error -?[0-9]{1,5} connecting to ([^ \n]{0,200}):[0-9]{1,5}\.", " connecting to "),
    Late(
        r"Could not connect to Redis at ([^ \n]{0,200}):[0-9]{1,5}:",
        "Could not connect to Redis at",
    ),
    Late(r" on ([^ \n/,]{0,200}(?://[^ \n/,]{0,200})?)/(?:Interactive|Subscription)", "/Interactive", "/Subscription"),
    Late(r"([^ \n]{1,200}): (?:OnConnectedAsync|Endpoint is \()", ": OnConnected", ": Endpoint is"),
    Late(r"Redis connection to ([^ \n]{0,200}):[0-9]{1,5} failed", "Redis connection to"),
    Late(r"Failed connecting to (?:host )?([^ \n]{1,200}):[0-9]{1,5}", "Failed connecting to"),
    Late(r"Unable to connect to ([^ \n\[]{1,200}):[0-9]{1,5}", "Unable to connect to"),
)  # fmt: skip
# Who gives a URL or "host:port" for a host has the port put behind it once more.
_TWO_PORTS = Late(
    r"([A-Za-z0-9.-]{1,253}):(?:6379|6380|10000|26379):[0-9]{2,5}\b",
    ":6379:",
    ":6380:",
    ":10000:",
    ":26379:",
)
_SOURCE = re.compile(r"\.(?:[cm]?[jt]sx?|py|rb|java|go|php|cs|c|cpp|rs|lua|exs?|kt|scala)$")
# The port alone: the host before it is empty. A line of a file or IPv6's "::1" is something else.
_NO_HOST = Late(
    r"(?:dial tcp|connecting to|connection to|Redis at|connect to|ECONNREFUSED|rediss?://|tcp://) ?:[0-9]{2,5}(?:: |[^0-9:@]|$)",
    " :",
    "//:",
)
_NO_ENDPOINT = re.compile(
    r"redis[^\n]{0,20}\b(?:endpoints?|hosts?|servers?|nodes?)(?: ?[:=] ?(?:\[ ?\]|''|\"\")?| is empty| are empty)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def oddity(host: str) -> str:
    """Return what *host*, as it was dialled, is instead of a host; ``""`` where it may be one.

    >>> oddity("REDIS_HOST"), oddity("undefined"), oddity("redis://cache:6379"), oddity("redis")
    ('setting', 'nothing', 'url', '')
    """
    name = host.partition("/<unresolved>")[0].strip("'\"`,;()")
    if "{" not in name:
        name = name.rstrip("}]'\"")
    if not name or name.lower() in _NOTHING:
        return "nothing"
    if _TEMPLATE.search(name):
        return "template"
    if _URL.search(name) or name.lower() in _SCHEMES:
        return "url"
    bare, _, port = name.rpartition(":") if name.count(":") == 1 else (name, "", "")
    if bare and (not port or port.isdigit()) and _SETTING.match(bare) and _HUMP.search(bare):
        return "setting"
    # The user that Redis itself calls so: what stood before the password was taken for the host.
    return "user" if name == "default" else ""


def oddities(text: str) -> Tuple[str, ...]:
    """Return the kinds of what was dialled in *text* and is no host, each once."""
    found = {oddity(name): None for each in _BARE for name in each.findall(text)}
    if _NO_HOST.search(text) or ("edis" in text and _NO_ENDPOINT.search(text)):
        found["nothing"] = None
    if any(not _SOURCE.search(host) for host in _TWO_PORTS.findall(text)):
        found["url"] = None
    return tuple(kind for kind in found if kind)
