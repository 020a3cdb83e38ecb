"""Something on the way breaks TLS open and shows a certificate of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr
from refused.lab.certificates import CORPORATE, PROXY
from refused.lab.fronts import Front, Inspecting, Tls
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World

AZURE_ROOT = ("DigiCert Inc", "DigiCert Global Root G2")
AZURE_ISSUER = ("Microsoft Corporation", "Microsoft Azure RSA TLS Issuing CA 04")


@scenario(
    "tls-inspection",
    "A proxy of the office decrypts, and the server's network does not",
    service="acr",
)
def build(world: World) -> None:
    """From the laptop it fails, from the cluster it works, and nobody sees why."""
    azure = world.authority(root=AZURE_ROOT, issuer=AZURE_ISSUER)
    acr(world, "contoso", certificate=azure.issue("*.redis.cache.windows.net"))
    world.trusts = azure.ca_file
    _inspected(world, "*.redis.cache.windows.net", PROXY)
    world.vantage("cluster", "203.0.113.99")


@scenario("tls-inspection.alone", "The same, with nobody else to compare with", service="acr")
def alone(world: World) -> None:
    """Only the laptop can be asked."""
    acr(world, "contoso")
    _inspected(world, "*.redis.cache.windows.net", PROXY)


@scenario(
    "tls-inspection.renamed", "The proxy's authority bears the company's own name", service="amr"
)
def renamed(world: World) -> None:
    """Security made an authority for the firewall, and named it for the company."""
    cache = amr(world, "fabrikam", policy="NoCluster")
    _inspected(world, cache.host, CORPORATE)


def _inspected(world: World, name: str, owner: tuple[str, str]) -> None:
    """Put a proxy on the way from the place that is asked first."""
    own = world.authority(root=owner, issuer=None).issue(name)

    def way(front: Front, _: object) -> Front:
        return Inspecting(front, own) if isinstance(front, Tls) else front

    world.vantage("here", way=way)
