"""Something on the way breaks TLS open and shows a certificate of its own.

What is wrong
    A proxy or firewall of the client's network decrypts what passes. The client does not trust its
    certificate, or the proxy does not understand Redis behind it.
How it looks
    "self-signed certificate in certificate chain", and an issuer that Azure's caches never have.
    From a network without the proxy all is well.
What ends it
    An exception from decryption for the cache's name in the proxy, or a private endpoint.
What it is not
    ``tls-certificate-untrusted``: there the server's own certificate is shown. A Redis of one's own
    with a private authority is that, and no inspection.
Sources
    https://learn.microsoft.com/azure/security/fundamentals/azure-ca-details
    https://chromium.googlesource.com/chromium/src (components/ssl_errors, known proxies)
"""

from __future__ import annotations

from refused.causes.readings import service_behind
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.observations import (
    DnsAnswer,
    Elsewhere,
    PeerCertificates,
    RedisReply,
    TlsHandshake,
)
from refused.service.tls_policy import inspection_vendor, is_azure_issuer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="tls-inspection",
    title="something on the way breaks TLS open and shows a certificate of its own",
    hop="tls",
    shows_at=("tls", "resp"),
    bucket="dependency",
    needs=(DnsAnswer, Elsewhere, PeerCertificates, RedisReply, TlsHandshake),
    remedies=(
        "have the cache's host name exempted from decryption in the proxy or firewall",
        "reach the cache through a private endpoint, past the proxy",
        "where inspection is policy and the proxy passes Redis, trust its authority in this client",
    ),
    verify="the certificate that this client is shown was signed by the service's own authority",
    prevent="keep cache names in the proxy's list of exceptions, and test from the real network",
    expects=(("certificate", "other-issuer"), ("elsewhere", "works")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold the issuer against those of the service, and against what others are shown."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    shown, replies = evidence.all(PeerCertificates), evidence.all(RedisReply)
    shakes = evidence.all(TlsHandshake)
    broken = evidence.broken
    if broken is None or broken.hop not in ("tls", "resp"):
        return
    at_tls = broken.hop == "tls" and broken.how in ("untrusted", "name-mismatch", "expired")
    if not at_tls and not (broken.hop == "resp" and shakes):
        return
    if not shown or not shown[-1].chain:
        yield evidence.gap(PeerCertificates)
        return
    issuer = shown[-1].chain[0].issuer
    azure = service_behind(evidence.target, answers) in ("acr", "acre", "amr")
    seen = (shown[-1], *shakes[-1:], *replies[:1])
    if azure and is_azure_issuer(issuer):
        yield Clue(weight=-3.0, because=f"the issuer is one of Azure's: {issuer}", seen=seen)
        return
    other = next(
        (o for o in others if o.healthy and o.certificate_issuer not in (None, issuer)), None
    )
    if other is not None:
        said = f"here the issuer is {issuer}, from {other.vantage} it is {other.certificate_issuer}"
        if azure and is_azure_issuer(str(other.certificate_issuer)):
            yield Proof(because=said, seen=(*seen, other))
        else:
            yield Clue(weight=2.5, because=said, seen=(*seen, other))
    elif any(o.certificate_issuer == issuer for o in others):
        yield Clue(
            weight=-1.6, because=f"others are shown the issuer {issuer} as well", seen=others
        )
    vendor = inspection_vendor(issuer)
    if vendor is not None:
        said = f"the issuer bears the words of {vendor}, a maker of inspecting proxies: {issuer}"
        yield Clue(weight=2.0, because=said, seen=seen)
    if azure and at_tls:
        said = f"Azure's caches have no certificate that {issuer} signed"
        yield Clue(weight=3.0 if broken.how == "untrusted" else 1.0, because=said, seen=seen)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="tls-inspection-root-in-chain",
        pattern=r"self[- ]signed certificate in certificate chain|SELF_SIGNED_CERT_IN_CHAIN|unable to verify the first certificate|unable to get (?:local )?issuer cert",
        family="tls",
        weight=1.7,
        says="the chain ends in a root that this client does not know, as it does behind a device that signs anew",
        example="Error: self-signed certificate in certificate chain",
        ignores_case=True,
    ),
    Signature(
        id="tls-inspection-proxy-ca",
        pattern=r"(?:Zscaler|Netskope|Fortinet|FortiGate|Blue ?Coat|Palo Alto|McAfee|Kaspersky|Avast|Cisco Umbrella|Sophos|Forcepoint|Check ?Point|ESET)[^\n]{0,60}(?:CA|Root|cert|SSL|TLS)",
        family="tls",
        weight=4.6,
        says="the certificate comes from a device that inspects traffic",
        example="issuer: CN=Zscaler Intermediate Root CA",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-cut": 0.2,
    "tls-refused": 0.2,
    "tls-unverified": 0.9,
}
