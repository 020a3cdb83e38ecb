"""The client does not trust the server's certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, plain_redis
from refused.lab.certificates import CORPORATE
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World

# The judge reads names, so a certificate that plays Azure's has to bear those of Azure's.
AZURE_ROOT = ("DigiCert Inc", "DigiCert Global Root G2")
AZURE_ISSUER = ("Microsoft Corporation", "Microsoft Azure RSA TLS Issuing CA 04")


@scenario(
    "tls-certificate-untrusted",
    "The client's CA bundle lacks the root of Azure's caches",
    service="acr",
)
def build(world: World) -> None:
    """The image holds a bundle of its own, in which only the company's root stands."""
    azure = world.authority(root=AZURE_ROOT, issuer=AZURE_ISSUER)
    acr(world, "contoso", certificate=azure.issue("*.redis.cache.windows.net"))
    world.trusts = world.authority(root=CORPORATE, issuer=None).ca_file


@scenario(
    "tls-certificate-untrusted.private",
    "A private authority that the client does not know",
    service="redis",
)
def private(world: World) -> None:
    """The company signs its servers itself, and the new container does not know of it."""
    company = world.authority(root=CORPORATE, issuer=("Contoso Ltd", "Contoso Servers CA"))
    plain_redis(world, tls=True, certificate=company.issue("redis.example.net"))
    world.trusts = world.authority().ca_file


@scenario(
    "tls-certificate-untrusted.intermediate",
    "The server does not send its intermediate",
    service="redis",
)
def intermediate(world: World) -> None:
    """The certificate was renewed, and only its first part was copied."""
    short = world.authority().issue("redis.example.net", send_intermediate=False)
    plain_redis(world, tls=True, certificate=short)


@scenario(
    "tls-certificate-untrusted.self-signed", "The certificate is signed by itself", service="redis"
)
def self_signed(world: World) -> None:
    """A script made it with openssl req -x509."""
    own = world.authority().issue("redis.example.net", self_signed=True)
    plain_redis(world, tls=True, certificate=own)


@scenario("tls-certificate-untrusted.expired", "The certificate has run out", service="redis")
def expired(world: World) -> None:
    """The renewal job has failed since the summer, and nobody reads its mail."""
    day_s = 86400.0
    old = world.authority().issue("redis.example.net", valid_until_s=-2 * day_s)
    plain_redis(world, tls=True, certificate=old)
