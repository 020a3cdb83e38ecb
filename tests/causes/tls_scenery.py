"""What was seen of a TLS hop, to be varied with ``replace``."""

from __future__ import annotations

from typing import TypedDict

from refused.evidence.observations import (
    Certificate,
    Elsewhere,
    PeerCertificates,
    PlainTalk,
    Platform,
    RedisReply,
    TlsHandshake,
)
from refused.evidence.target import Target


class Stamp(TypedDict):
    """Where, when and how something was seen."""

    vantage: str
    at: float
    took_ms: float
    source: str


NOW = 1_790_000_000.0
DAY_S = 86400.0
STAMP: Stamp = {"vantage": "here", "at": NOW, "took_ms": 12.0, "source": "test"}
AZURE = "contoso.redis.cache.windows.net"
AZURE_ISSUER = "CN=Microsoft Azure RSA TLS Issuing CA 04,O=Microsoft Corporation,C=US"
PROXY_ISSUER = "CN=Zscaler Intermediate Root CA,O=Zscaler Inc."

CACHE = Target(text=AZURE, form="host", host=AZURE, port=6380, tls=True, service="acr")
OWN = Target(
    text="rediss://redis.example.net:7000",
    form="url",
    host="redis.example.net",
    port=7000,
    tls=True,
)
SHAKE = TlsHandshake(
    **STAMP,
    address="20.42.65.90",
    port=6380,
    sni=AZURE,
    outcome="ok",
    server_spoke=True,
    bytes_in=9,
)
CLOSED = SHAKE.replace(outcome="closed", server_spoke=False, bytes_in=0)
SILENT = SHAKE.replace(outcome="silent", server_spoke=False, bytes_in=0)
UNTRUSTED = SHAKE.replace(
    outcome="untrusted", verify_code=20, verify_text="unable to get local issuer certificate"
)
LEAF = Certificate(
    subject="CN=*.redis.cache.windows.net",
    issuer=AZURE_ISSUER,
    names=("*.redis.cache.windows.net",),
    not_before=NOW - 30 * DAY_S,
    not_after=NOW + 30 * DAY_S,
    serial="01",
    sha256="aa",
)
SIGNER = LEAF.replace(subject=AZURE_ISSUER, issuer="CN=DigiCert Global Root G2", names=())
SHOWN = PeerCertificates(
    **STAMP, address="20.42.65.90", port=6380, sni=AZURE, chain=(LEAF, SIGNER), trusted=False
)
OFFICE: Stamp = {**STAMP, "vantage": "office"}
WELL_ELSEWHERE = Elsewhere(**OFFICE, healthy=True, path=(), certificate_issuer=AZURE_ISSUER)
TALK = PlainTalk(
    **STAMP, address="20.42.65.90", port=6380, outcome="silent", protocol="nothing", first_bytes=""
)
REPLY = RedisReply(**STAMP, address="20.42.65.90", port=6380, command="PING", outcome="ok")
HOST = Platform(**STAMP, system="Linux")


def shown(leaf: Certificate, *rest: Certificate) -> PeerCertificates:
    """Return a chain as a server shows it."""
    return SHOWN.replace(chain=(leaf, *rest))
