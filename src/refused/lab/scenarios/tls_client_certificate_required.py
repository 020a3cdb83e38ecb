"""The server wants a certificate from the client, and gets none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
from refused.lab.fronts import Tls
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "tls-client-certificate-required",
    "The server asks every client for a certificate",
    service="redis",
)
def build(world: World) -> None:
    """Redis was given TLS, and tls-auth-clients was left as it comes."""
    _ask(world, "1.3")


@scenario("tls-client-certificate-required.tls12", "The same with TLS 1.2", service="redis")
def tls12(world: World) -> None:
    """The server is pinned to 1.2, where the refusal comes within the handshake."""
    _ask(world, "1.2")


def _ask(world: World, highest: str) -> None:
    server = plain_redis(world, tls=True)
    authority = world.authority()
    asking = Tls(
        server.plain,
        authority.issue(server.host),
        max_version=highest,
        require_client_certificate=True,
        client_ca=authority.ca_file,
    )
    world.at(server.address, server.port, asking)
