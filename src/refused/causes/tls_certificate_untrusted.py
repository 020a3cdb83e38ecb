"""The client does not trust the server's certificate.

What is wrong
    The client's store has no authority that the chain leads to, the server does not send its
    intermediate, the certificate is signed by itself, or it has run out.
How it looks
    "unable to get local issuer certificate", "self-signed certificate", "PKIX path building
    failed", PartialChain, UntrustedRoot, "certificate has expired".
What ends it
    The missing authority in the client's store, or the whole chain at the server. Never a client
    that does not check.
What it is not
    ``tls-inspection``: there the certificate is not the server's own.
    ``clock-skew``: there the certificate is good, and this host's clock is not.
    ``tls-hostname-mismatch``: there the chain is trusted and the name is another.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-whats-new
    https://learn.microsoft.com/azure/security/fundamentals/azure-ca-details
    RFC 5280, 6.1
"""

from __future__ import annotations

from refused.causes.readings import fails_elsewhere, service_behind, works_elsewhere
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.observations import (
    DnsAnswer,
    Elsewhere,
    PeerCertificates,
    Platform,
    TlsHandshake,
)
from refused.service.tls_policy import inspection_vendor, is_azure_issuer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="tls-certificate-untrusted",
    title="the client does not trust the server's certificate",
    hop="tls",
    shows_at=("tls",),
    bucket="configuration",
    traits=("start",),
    prior=0.3,
    needs=(DnsAnswer, Elsewhere, PeerCertificates, Platform, TlsHandshake),
    remedies=(
        (
            "put the authority that signed the server's chain into the client's trust store "
            "(ca-certificates, cacerts, ca_certs=)"
        ),
        "let the server send its whole chain, intermediates included",
        "renew a certificate that has expired; have an authority sign one that signs itself",
    ),
    verify="the handshake completes with chain and name checked",
    prevent="current CA certificates in every image, no pinned intermediates, and a warning 30 "
    "days before a certificate ends",
    expects=(("certificate", "unknown-issuer"), ("elsewhere", "works")),
)

DAY_S = 86400.0


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Read the chain that was shown, and why it was not trusted."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    shown, platforms = evidence.all(PeerCertificates), evidence.all(Platform)
    shakes = evidence.all(TlsHandshake)
    broken = evidence.broken
    if broken is None or broken.hop != "tls" or broken.how not in ("untrusted", "expired"):
        return
    own = next((each for each in reversed(shakes) if each.purpose == "client"), None)
    if own is None:
        return
    if broken.how == "expired":
        yield from _expired(own, shown, platforms, others)
        return
    yield Clue(weight=1.0, because=f"the client's check says: {own.verify_text}", seen=(own,))
    if own.error_text.startswith("no CA certificates"):
        yield Proof(because=f"this client trusts nobody at all: {own.error_text}", seen=(own,))
        return
    if not shown or not shown[-1].chain:
        yield evidence.gap(PeerCertificates)
        return
    chain, leaf = shown[-1], shown[-1].chain[0]
    azure = service_behind(evidence.target, answers) in ("acr", "acre", "amr")
    if azure and is_azure_issuer(leaf.issuer):
        said = f"the issuer is one of Azure's ({leaf.issuer}), and {own.ca} does not lead to it"
        yield Clue(weight=2.5, because=said, seen=(chain, own))
    elif azure or inspection_vendor(leaf.issuer):
        said = f"the issuer is not one that the service has: {leaf.issuer}"
        yield Clue(weight=-2.5, because=said, seen=(chain,))
    elif leaf.self_signed:
        said = f"the certificate of {leaf.subject} is signed by itself"
        yield Clue(weight=2.5, because=said, seen=(chain,))
    elif chain.complete and len(chain.chain) == 1:
        said = f"the server sends only its own certificate, without that of {leaf.issuer}"
        yield Clue(weight=2.0, because=said, seen=(chain,))
    else:
        said = f"the chain ends at {chain.chain[-1].issuer}, whom {own.ca} does not hold"
        yield Clue(weight=2.0, because=said, seen=(chain, own))
    if fails_elsewhere(others):
        yield Clue(weight=0.3, because="the path fails from elsewhere as well", seen=others)


def _expired(
    own: TlsHandshake,
    shown: tuple[PeerCertificates, ...],
    platforms: tuple[Platform, ...],
    others: tuple[Elsewhere, ...],
) -> Iterator[Statement]:
    ended = min((each.not_after for chain in shown[-1:] for each in chain.chain), default=None)
    platform = platforms[-1] if platforms else None
    well = works_elsewhere(others)
    if well is not None:
        said = f"from {well.vantage} the path is healthy, so the certificate is valid there"
        yield Clue(weight=-2.0, because=said, seen=(well,))
    elif ended is not None and platform is not None and platform.clock_synchronised:
        days = (own.at - ended) / DAY_S
        said = f"a certificate of the chain ended {days:.0f} days ago, by a synchronised clock"
        yield Proof(because=said, seen=(own, *shown[-1:], platform))
        return
    ago = f" ({(own.at - ended) / DAY_S:.0f} days ago)" if ended is not None else ""
    said = f"a certificate of the chain has expired{ago}"
    yield Clue(weight=2.0, because=said, seen=(own, *shown[-1:]))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="tls-certificate-untrusted-openssl",
        pattern=r"self[- ]signed certificate|certificate has expired|CERT_HAS_EXPIRED|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT_IN_CHAIN",
        family="tls",
        weight=4.2,
        says="the chain does not end at an authority that the client trusts",
        example="Error: self-signed certificate in certificate chain",
        ignores_case=True,
    ),
    Signature(
        id="tls-certificate-untrusted-chain",
        pattern=r"unable to verify the first certificate|unable to get (?:local )?issuer cert|UNABLE_TO_(?:VERIFY_LEAF|GET_ISSUER)",
        family="tls",
        weight=3.2,
        says="the chain is not complete, or its authority is not known to the client",
        example="Error: unable to verify the first certificate",
        ignores_case=True,
    ),
    Signature(
        id="tls-certificate-untrusted-go",
        pattern=r"x509: certificate signed by unknown authority|x509: certificate has expired|x509: .{0,40}is not trusted",
        family="tls",
        weight=4.5,
        says="the certificate is signed by an authority that the client does not know",
        example="x509: certificate signed by unknown authority",
    ),
    Signature(
        id="tls-certificate-untrusted-jvm",
        pattern=r"PKIX path (?:building|validation) failed|unable to find valid certification path|CertificateExpiredException|trustAnchors parameter must be non-empty|CertPathValidatorException",
        family="tls",
        weight=4.5,
        says="the JVM's trust store does not lead to the certificate",
        example="PKIX path building failed: unable to find valid certification path to requested target",
    ),
    Signature(
        id="tls-certificate-untrusted-dotnet",
        pattern=r"UntrustedRoot|PartialChain|RemoteCertificateChainErrors|certificate is invalid (?:according to the validation procedure|because of errors in the certificate chain)|NotTimeValid",
        family="tls",
        weight=3.8,
        says=".NET does not accept the server's chain",
        example="The remote certificate is invalid because of errors in the certificate chain: PartialChain",
    ),
    Signature(
        id="tls-certificate-untrusted-rustls",
        pattern=r"invalid peer certificate: (?:UnknownIssuer|Expired|certificate expired|BadSignature)|UnknownIssuer",
        family="tls",
        weight=4.2,
        says="the certificate's issuer is not known to the client",
        example="invalid peer certificate: UnknownIssuer",
    ),
    Signature(
        id="tls-certificate-untrusted-schannel",
        pattern=r"SEC_E_UNTRUSTED_ROOT|CERT_E_UNTRUSTEDROOT|SEC_E_CERT_EXPIRED|0x80090325",
        family="tls",
        weight=4.5,
        says="Windows does not trust the chain's root",
        example="schannel: SEC_E_UNTRUSTED_ROOT (0x80090325)",
    ),
    Signature(
        id="tls-certificate-untrusted-alert",
        pattern=r"alert unknown ca\b|unknown_ca\b|tls: unknown certificate authority|certificate_unknown\b",
        family="tls",
        weight=3.6,
        says="one end told the other that it does not know the authority",
        example="tlsv1 alert unknown ca",
    ),
    Signature(
        id="tls-certificate-untrusted-too-weak",
        pattern=r"(?:ca|ee)[ _](?:md[ _]too[ _]weak|key[ _]too[ _]small)|(?:CA|EE) (?:certificate )?key too (?:weak|small)|Certificates do(?:es)? not conform to algorithm constraints|Algorithm constraints check failed",
        family="tls",
        weight=4.2,
        says="the certificate is too weak for the client to trust",
        example="certificate verify failed: EE certificate key too weak",
    ),
    Signature(
        id="tls-certificate-untrusted-reason",
        pattern=r"certificate (?:has been |was |is )?revoked|CERT_(?:REVOKED|UNTRUSTED|REJECTED|SIGNATURE_FAILURE|CHAIN_TOO_LONG)|\bINVALID_CA\b|invalid CA certificate|unsupported certificate purpose|INVALID_PURPOSE|certificate signature failure|certificate rejected|No trusted certificate found|verify error:num=(?:1[0-9]|2[0-9])\b|CaUsedAsEndEntity|no valid native root CA|\bRevoked\b[^\n]{0,40}certificate|certificate chain: [A-Za-z, ]{0,60}(?:Revoked|NotSignatureValid|ExplicitDistrust|NotTimeNested)|tls: failed to verify certificate: x509: certificate (?:signed by|specifies|is not authorized)",
        family="tls",
        weight=4.2,
        says="the client does not trust the certificate",
        example="code: 'CERT_REVOKED'",
    ),
    Signature(
        id="tls-certificate-untrusted-windows",
        pattern=r"certificate chain was issued by an authority that is not trusted|certificate chain could not be built to a trusted root|terminated in a root certificate which is not trusted|received certificate has expired|CERT_E_(?:UNTRUSTEDROOT|CHAINING|EXPIRED|REVOKED)|SEC_E_CERT_(?:EXPIRED|UNKNOWN)|0x8009032[578]|0x800[Bb]01(?:0[19ACac])\b",
        family="tls",
        weight=4.5,
        says="Windows does not trust the certificate",
        example="CERT_E_CHAINING: A certificate chain could not be built to a trusted root authority.",
    ),
    Signature(
        id="tls-certificate-untrusted-ca-file",
        pattern=r"(?:fail(?:ed|ure)|unable|cannot|could not|couldn't|error)[^\n]{0,20} (?:to )?(?:load|read|open|find|parse)(?:ing)?[^\n]{0,30} (?:CA\b|ca cert|root cert|trusted cert|trust ?store)",
        family="tls",
        weight=3.4,
        says="the file of trusted certificates cannot be read",
        example="Failed to load CA certificate: /certs/ca.crt: No such file or directory",
        ignores_case=True,
    ),
    Signature(
        id="tls-certificate-untrusted-received-alert",
        pattern=r"alert[:_, {'(]{1,4}(?:unknown[ _]?ca|certificate[ _]?(?:unknown|expired|revoked))\b|alert number 4[4568]\b|remote error: tls: (?:unknown certificate|expired certificate|revoked certificate)",
        family="tls",
        weight=3.5,
        says="one side does not trust the other's certificate, and says so by an alert",
        example="received fatal alert: UnknownCA",
        ignores_case=True,
    ),
    Signature(
        id="tls-certificate-untrusted-own-alert",
        pattern=r"CLIENT ALERT: Fatal - (?:Unknown CA|Certificate (?:Expired|Unknown|Revoked)|Bad Certificate)|\bselfsigned_peer\b|\bcert_expired\b|In state certify[^\n]{0,120}certificate_expired|certificate_expired, [^\n]{0,40}In state certify",
        family="erlang",
        weight=4.8,
        says="the client does not trust the certificate that it was shown",
        example="{:tls_alert, {:bad_certificate, selfsigned_peer}}",
    ),
    Signature(
        id="tls-certificate-untrusted-check-certificates",
        pattern=r"check the CA or [Cc]lient certificate",
        family="insight",
        weight=2.6,
        says="the tool could not verify, or was not accepted",
        example="Could not connect to cache:6380, please check the CA or Client certificate.",
    ),
    # redis/ocsp.py, where ssl_validate_ocsp is on.
    Signature(
        id="tls-certificate-untrusted-ocsp",
        pattern=r"exceptions\.(?:Connection|Authorization)Error: [^\n]{0,80}(?:\bocsp\b|[Nn]o AIA information|issuer cert(?:ificate)?\b|issuers found in certificate chain)",
        family="redis-py",
        weight=3.6,
        says="what the issuer says of the certificate could not be had or was no good",
        example="redis.exceptions.ConnectionError: no ocsp response present",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-refused": 1.0,
    "tls-unverified": 2.6,
    "auth-or-tls": 1.1,
}

# What .NET finds wrong with a chain itself; beside these, a missing revocation list is the smaller trouble.
OF_THE_CHAIN = (
    "UntrustedRoot",
    "PartialChain",
    "NotTimeValid",
    "NotSignatureValid",
    "ExplicitDistrust",
    "RemoteCertificateChainErrors",
)


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("tls-failed"):
        yield Clue(weight=1.4, because="TLS failed before any login was tried", seen=told.errors)
    if any(word in error.quote for error in told.errors for word in OF_THE_CHAIN):
        return
    of_server = [e for e in told.errors if "accepting a client connection" in e.quote]
    if any("tls-unverified" in e.symptoms for e in of_server):
        said = "it is the server that could not verify, and not the client"
        yield Clue(weight=-1.4, because=said, seen=told.errors)
    if told.marked("server-accepts") and not told.saw("tls-unverified", "tls-refused"):
        said = "the client hung up on the server in the handshake, as it does when it does not trust it"
        yield Clue(weight=2.0, because=said, seen=told.errors)
    if any("RemoteCertificateNameMismatch" in error.quote for error in told.errors):
        said = ".NET finds nothing wrong with the certificate but its name"
        yield Clue(weight=-2.5, because=said, seen=told.errors)
    if "egress-blocked-revocation-unreachable" in told.signatures:
        yield Clue(
            weight=-2.0,
            because="nothing is said of the chain but that its revocation list cannot be fetched",
            seen=told.errors,
        )
