"""Readings that several judges share: small, pure questions to the evidence.

Each takes what a judge was handed (never the evidence itself), so that a judge's ``needs`` stay
what it asks for.
"""

from __future__ import annotations

from refused.evidence.path import STALLED_RETRANSMITS, is_literal
from refused.service.addresses import address_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from refused.evidence.observations import DnsAnswer, Elsewhere, HostsEntry, TcpDial
    from refused.evidence.path import Broken
    from refused.evidence.target import Target

__all__ = [
    "STALLED_RETRANSMITS",
    "accepted",
    "aliases",
    "dialled",
    "fails_elsewhere",
    "is_azure",
    "is_here",
    "is_literal",
    "is_private",
    "is_public",
    "met_silence",
    "overruled",
    "privatelink_alias",
    "service_behind",
    "wire_addresses",
    "without_a_word",
    "works_elsewhere",
]

PRIVATE = frozenset({"private", "shared", "link-local"})


def dialled(dials: Iterable[TcpDial], purpose: str = "client") -> tuple[TcpDial, ...]:
    """Return the dials made for one purpose."""
    return tuple(dial for dial in dials if dial.purpose == purpose)


def accepted(dials: Iterable[TcpDial], purpose: str) -> TcpDial | None:
    """Return the first dial of a purpose that was accepted, if any."""
    return next((dial for dial in dialled(dials, purpose) if not dial.failed), None)


def is_azure(target: Target | None) -> bool:
    """Whether the host name is one of Azure's Redis services."""
    return target is not None and target.service in ("acr", "acre", "amr")


def is_public(address: str) -> bool:
    """Whether *address* is routed on the internet, as far as its number tells.

    Addresses set aside for documentation stand for public ones wherever they are met.
    """
    return address_class(address) in ("public", "documentation")


def is_private(address: str) -> bool:
    """Whether *address* belongs to a private network, as far as its number tells.

    A virtual network may use public numbers as well, so "no" is not proof.
    """
    return address_class(address) in PRIVATE


def is_here(address: str) -> bool:
    """Whether *address* is this host's own loopback, or the unspecified address that leads to it."""
    return address_class(address) in ("loopback", "unspecified")


def aliases(answers: Iterable[DnsAnswer]) -> tuple[str, ...]:
    """Return every alias that any resolver led through."""
    return tuple(dict.fromkeys(alias for answer in answers for alias in answer.aliases))


def privatelink_alias(answers: Iterable[DnsAnswer]) -> str | None:
    """Return the alias in a privatelink zone: the sign that the cache has a private endpoint."""
    return next((alias for alias in aliases(answers) if ".privatelink." in f".{alias}"), None)


def wire_addresses(answers: Iterable[DnsAnswer]) -> tuple[str, ...]:
    """Return the addresses that resolvers give on the wire, whatever the hosts file says."""
    return tuple(dict.fromkeys(address for answer in answers for address in answer.addresses))


def overruled(entries: Sequence[HostsEntry], answers: Iterable[DnsAnswer]) -> tuple[str, ...]:
    """Return the hosts file's addresses that no resolver knows of, where both speak."""
    known = wire_addresses(answers)
    if not known:
        return ()
    return tuple(
        address for entry in entries for address in entry.addresses if address not in known
    )


def service_behind(target: Target | None, answers: Iterable[DnsAnswer]) -> str:
    """Return the Azure service that the target belongs to, its DNS aliases included.

    A company's own name for a cache is an alias of Azure's; what holds for the service holds then.
    """
    if target is None:
        return "redis"
    if target.service != "redis":
        return target.service
    from refused.service.clouds import service_of

    for alias in aliases(answers):
        hosting = service_of(alias)
        if hosting.service != "redis" and not hosting.looks_misspelt:
            return str(hosting.service)
    return "redis"


def without_a_word(broken: Broken | None) -> bool:
    """Whether the connection was accepted and then ended before the server said anything."""
    return (
        broken is not None and broken.hop in ("tls", "resp") and broken.how in ("closed", "reset")
    )


def met_silence(broken: Broken | None) -> bool:
    """Whether the dial was not answered at all."""
    return broken is not None and broken.hop == "tcp" and broken.how == "silent"


def works_elsewhere(others: Iterable[Elsewhere]) -> Elsewhere | None:
    """Return another vantage point from which the path is healthy, if there is one."""
    return next((other for other in others if other.healthy), None)


def fails_elsewhere(others: Sequence[Elsewhere]) -> Elsewhere | None:
    """Return another vantage point, where the path fails from all that were tried."""
    return others[0] if others and not any(other.healthy for other in others) else None
