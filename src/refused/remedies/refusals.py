"""What is never done to make an error go away, however it was asked for.

Two doors lead here: a plan's change is held against :func:`weakens` before anybody sees it and
once more before it is sent, and what a user asks for by name meets :func:`asked`. Both judge what
would be written, not which kind of change wrote it, so that a new kind cannot forget to ask.
"""

from __future__ import annotations

import ipaddress
from json import loads

from refused.remedies.arm_id import take_apart
from refused.remedies.change import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from refused.remedies.change import Change

# A rule for public addresses that lets in more than a /24 is somebody's whole neighbourhood.
WIDEST = 256
# Beyond this no owner knows whom the rule lets in.
WIDEST_EVER = 65536
RULE_FOR_ONE = "a rule for exactly the address that this client comes from (--client-ip ADDRESS)"

ASKED: dict[str, tuple[str, str]] = {
    "allow-all-ips": ("every host of the internet may then try to log in", RULE_FOR_ONE),
    "disable-firewall": ("every host of the internet may then try to log in", RULE_FOR_ONE),
    "lower-tls": (
        "TLS 1.0 and 1.1 can be read and altered on the way, and Azure no longer speaks them",
        "let the client speak TLS 1.2 (refused client-config shows how)",
    ),
    "plain-port": (
        "keys and data then cross the network in clear",
        "connect with TLS to the port that speaks it",
    ),
    "no-verify": (
        "anybody on the way can then play the server and read the key",
        "trust the CA that signed the certificate (--ca-file FILE), after finding out whose it is",
    ),
    "broad-role": (
        "a stolen token could then do everything",
        "an assignment of the narrowest policy that the commands need",
    ),
}


def asked(word: str) -> Refused:
    """Return why what was asked for by name is not done, and the safe way.

    Raises:
        KeyError: Nothing of that name is refused.
    """
    because, instead = ASKED[word]
    return Refused(asked=word, because=because, instead=instead)


def weakens(change: Change) -> Refused | None:
    """Return why a change must not be made; ``None`` where it weakens nothing.

    What opens something for this client alone, and says that its owner must agree, is let through.
    """
    for setting in change.settings:
        because = _setting(setting.name, setting.before, setting.after)
        if because is not None:
            return Refused(asked=change.title, because=because[0], instead=because[1])
    if change.write is None or not change.write.body:
        return None
    try:
        kind = take_apart(change.write.id).type.lower()
    except ValueError:
        kind = ""
    body = loads(change.write.body)
    properties = body.get("properties") or {} if isinstance(body, dict) else {}
    because = _written(kind, properties, change)
    if because is None:
        return None
    return Refused(asked=change.title, because=because[0], instead=because[1])


def _written(kind: str, properties: dict[str, Any], change: Change) -> tuple[str, str] | None:
    if kind == "microsoft.cache/redis/firewallrules":
        return _range(str(properties.get("startIP")), str(properties.get("endIP")), change)
    if kind.startswith("microsoft.cache/"):
        return _cache(properties, change)
    if kind.endswith("networksecuritygroups/securityrules"):
        return _security_rule(properties)
    if kind.startswith("microsoft.authorization/"):
        return ASKED["broad-role"]
    return None


def _range(first: str, last: str, change: Change) -> tuple[str, str] | None:
    try:
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    except ValueError:
        return f"{first} to {last} is no range of addresses", RULE_FOR_ONE
    wide = int(high) - int(low) + 1
    if wide < 1 or low.version != high.version:
        return f"{first} to {last} is no range of addresses", RULE_FOR_ONE
    if int(low) == 0:
        return ASKED["allow-all-ips"]
    if wide <= WIDEST or _all_private(low, high):
        return None
    if wide > WIDEST_EVER or not change.owner_word:
        return f"{first} to {last} lets {wide} addresses in", RULE_FOR_ONE
    return None


def range_word(first: str, last: str) -> str:
    """Return why the owner has to agree to a rule for this range of IPv4 addresses, or ``""``."""
    low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    wide = int(high) - int(low) + 1
    if wide <= WIDEST or _all_private(low, high):
        return ""
    return f"the owner of the cache has to know who is at the {wide} addresses, which is wider than a /24"


def _all_private(low: Any, high: Any) -> bool:
    """Whether no address of the range is public; that both ends are private says little."""
    return all(each.is_private for each in ipaddress.summarize_address_range(low, high))


def _cache(properties: dict[str, Any], change: Change) -> tuple[str, str] | None:
    if properties.get("enableNonSslPort") or properties.get("clientProtocol") == "Plaintext":
        return ASKED["plain-port"]
    if str(properties.get("minimumTlsVersion") or "1.2") not in ("1.2", "1.3"):
        return ASKED["lower-tls"]
    if properties.get("publicNetworkAccess") == "Enabled" and not change.owner_word:
        return (
            "the cache's public address then answers everybody",
            "a private endpoint, or public access together with a rule for exactly this client, at the owner's word",
        )
    if (
        properties.get("disableAccessKeyAuthentication") is False
        or properties.get("accessKeysAuthentication") == "Enabled"
    ):
        return (
            "a key can be copied and does not expire",
            "an Entra ID assignment for this client's identity",
        )
    if str(properties.get("accessPolicyName", "")).lower() == "data owner":
        return ASKED["broad-role"]
    return None


def _security_rule(properties: dict[str, Any]) -> tuple[str, str] | None:
    if str(properties.get("access")).lower() != "allow":
        return None
    instead = "a rule for exactly the ports, source and direction that the service needs"
    ports = [
        properties.get("destinationPortRange") or "",
        *(properties.get("destinationPortRanges") or []),
    ]
    if "*" in ports or "0-65535" in ports:
        return "every port is then open", instead
    inbound = str(properties.get("direction")).lower() == "inbound"
    sources = [
        properties.get("sourceAddressPrefix") or "",
        *(properties.get("sourceAddressPrefixes") or []),
    ]
    if inbound and any(each in ("*", "0.0.0.0/0", "::/0", "Internet", "Any") for each in sources):
        return "every host of the internet may then connect", instead
    return None


def _setting(name: str, before: str | None, after: str | None) -> tuple[str, str] | None:
    word, value = name.lower().replace("_", "").replace("-", ""), (after or "").lower()
    off, on = value in ("false", "no", "0", "none", "off"), value in ("true", "yes", "1", "on")
    if (
        word in ("ssl", "tls", "usessl", "usetls")
        and off
        and (before or "").lower() not in ("false", "no", "0")
    ):
        return ASKED["plain-port"]
    if (
        word
        in (
            "verify",
            "sslcertreqs",
            "checkhostname",
            "sslcheckhostname",
            "rejectunauthorized",
            "verifypeer",
        )
        and off
    ):
        return ASKED["no-verify"]
    if (
        word
        in (
            "allowuntrusted",
            "insecure",
            "skipverify",
            "insecureskipverify",
            "trustservercertificate",
        )
        and on
    ):
        return ASKED["no-verify"]
    if (
        word in ("mintls", "maxtls", "sslprotocols", "minimumtlsversion")
        and any(old in value for old in ("1.0", "1.1", "tls10", "tls11", "ssl3"))
        and "1.2" not in value
    ):
        return ASKED["lower-tls"]
    return None
