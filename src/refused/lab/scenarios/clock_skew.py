"""This host's clock is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World

AZURE_ROOT = ("DigiCert Inc", "DigiCert Global Root G2")
AZURE_ISSUER = ("Microsoft Corporation", "Microsoft Azure RSA TLS Issuing CA 04")
DAY_S = 86400.0
# A twin cannot set the clock of the machine it runs on; it sets those of the certificates instead.
UNKNOWN = "what other signs a host with a wrong clock shows; only the dates of the chain are played"


@scenario(
    "clock-skew",
    "The clock lags, and the certificate is from after its day",
    service="acr",
    unknown=UNKNOWN,
)
def build(world: World) -> None:
    """The device was in a drawer for a year, and its time servers are not reached."""
    azure = world.authority(root=AZURE_ROOT, issuer=AZURE_ISSUER)
    young = azure.issue(
        "*.redis.cache.windows.net", valid_from_s=40 * DAY_S, valid_until_s=400 * DAY_S
    )
    acr(world, "contoso", certificate=young)
    world.trusts = azure.ca_file


@scenario(
    "clock-skew.hours",
    "The clock lags by half a day, and the certificate is fresh",
    service="redis",
    unknown=UNKNOWN,
)
def hours(world: World) -> None:
    """The host takes UTC for local time, and the certificate was renewed this morning."""
    fresh = world.authority().issue("redis.example.net", valid_from_s=DAY_S / 2)
    plain_redis(world, tls=True, certificate=fresh)
