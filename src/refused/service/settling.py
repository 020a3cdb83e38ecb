"""How long Azure may take until a change shows at the data plane.

A change that does not help at once may only be late, so nothing is taken back before its time has
passed. Where no document names a figure, the longest that seems plausible stands here, marked as
unsure: waiting too long costs minutes, undoing too early costs the fix.
"""

from __future__ import annotations

from refused.service.facts import ACR_CONFIGURE, ACR_ENTRA, ACR_SCALE, LIKELY, UNSURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.service.facts import Certainty

PRIVATE_DNS = "https://learn.microsoft.com/azure/dns/private-dns-virtual-network-links"
PRIVATE_LINK = "https://learn.microsoft.com/azure/private-link/private-endpoint-overview"
NSG = "https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview"
ROUTES = "https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview"

# Shape: (kind of change, seconds, what takes the time, source, certainty).
SETTLING: tuple[tuple[str, int, str, str, Certainty], ...] = (
    ("firewall-rule", 120, "rules take effect, usually within a minute", ACR_CONFIGURE, LIKELY),
    ("public-access", 300, "the front ends open or shut the public address", ACR_CONFIGURE, UNSURE),
    ("private-endpoint", 300, "the platform connects the endpoint", PRIVATE_LINK, UNSURE),
    ("private-dns", 300, "links and records spread; resolvers keep old answers for their TTL", PRIVATE_DNS, UNSURE),
    ("nsg-rule", 120, "rules spread to the hosts; open connections keep the old ones", NSG, UNSURE),
    ("route", 120, "routes spread to the hosts", ROUTES, UNSURE),
    ("tls", 300, "the front ends take the new setting", ACR_CONFIGURE, UNSURE),
    ("entra-grant", 300, "the assignment reaches the server", ACR_ENTRA, UNSURE),
    ("keys", 60, "the server takes the new key", ACR_CONFIGURE, UNSURE),
    ("scale", 1800, "the cache moves to other machines", ACR_SCALE, LIKELY),
    ("restart", 300, "the node starts and loads", ACR_CONFIGURE, UNSURE),
)  # fmt: skip


def settling(kind: str) -> tuple[int, str]:
    """Return ``(seconds, source)`` for a kind of change; ``(0, "")`` for what acts at once."""
    for name, seconds, _, source, _ in SETTLING:
        if name == kind:
            return seconds, source
    return 0, ""
