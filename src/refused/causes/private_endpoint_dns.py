"""The name resolves past the private endpoint.

What is wrong
    The cache has a private endpoint, and the client's resolver hands out the public address, no
    address, or that of an endpoint that is gone: the private DNS zone is missing, not linked to the
    client's network, has no record or a stale one, or the forwarder asks the wrong server.
How it looks
    A time-out like any other. Only the DNS chain gives it away: an alias in a privatelink zone that
    ends at a public address.
What ends it
    A link from the zone to the client's virtual network (registration off), a zone group on the
    endpoint, or a forwarder of the public suffix to 168.63.129.16.
What it is not
    ``dns-resolver-failure``: there nobody answers. ``private-endpoint-missing``: there the private
    address is right and nobody stands there. ``public-access-disabled``: there is no endpoint.
Sources
    https://learn.microsoft.com/azure/private-link/private-endpoint-dns
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-private-link
"""

from __future__ import annotations

from refused.causes.readings import is_private, is_public, privatelink_alias
from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import DnsAnswer, Elsewhere, NameLookup
from refused.evidence.path import resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="private-endpoint-dns",
    title="the name resolves past the private endpoint",
    hop="address",
    shows_at=("name", "address", "route", "tcp", "tls", "resp"),
    bucket="configuration",
    needs=(DnsAnswer, Elsewhere, NameLookup),
    remedies=(
        "link the private DNS zone to this client's virtual network, with registration off",
        "give the endpoint a DNS zone group, so that the record follows it",
        "on own DNS servers, forward the public suffix (not the privatelink one) to 168.63.129.16",
    ),
    verify="the name leads to the endpoint's private address from where the client runs",
    prevent="link zones by policy when a network is made; check the answer from each network after every change",
    expects=(("other-resolver", "differs"), ("elsewhere", "works"), ("resource", "endpoint")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Read the DNS chain: an alias in a privatelink zone should end at a private address."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    evidence.all(NameLookup)
    broken = evidence.broken
    if broken is None:
        return
    alias = privatelink_alias(answers)
    if alias is None:
        if answers and all(
            answer.outcome == "answered" for answer in answers if answer.qtype == "A"
        ):
            yield RuledOut(
                because="the name does not lead through a privatelink zone, so the cache has no private endpoint",
                seen=answers,
            )
        return
    addresses = resolved(evidence)
    public = [address for address in addresses if is_public(address)]
    private = [address for address in addresses if is_private(address)]
    if public and not private:
        yield Clue(
            weight=3.0,
            because=f"the name leads by way of {alias}, a private endpoint's alias, to the public {public[0]}",
            seen=answers,
        )
        there = next(
            (
                o
                for o in others
                if o.healthy and any(is_private(address) for address in o.addresses)
            ),
            None,
        )
        if there is not None:
            yield Proof(
                because=f"{there.vantage} is given {there.addresses[0]} and works; here the name leads to {public[0]} and fails",
                seen=(there, *answers),
            )
    elif broken.hop in ("name", "address"):
        yield Clue(
            weight=3.0,
            because=f"the name leads to {alias}, and there the chain ends without an address",
            seen=answers,
        )
    elif private:
        yield Clue(
            weight=0.6,
            because=f"{private[0]} may be the stale record of an endpoint that was made anew",
            seen=answers,
        )
        same = next((o for o in others if o.healthy and set(o.addresses) & set(addresses)), None)
        if same is not None:
            yield RuledOut(
                because=f"{same.vantage} is given the same {private[0]} and works", seen=(same,)
            )
