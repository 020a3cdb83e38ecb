"""The server wants a certificate from the client, and gets none.

What is wrong
    Redis with TLS asks every client for a certificate unless ``tls-auth-clients`` says otherwise;
    so does a service mesh in strict mode. The client has none set.
How it looks
    The alert ``certificate_required`` or ``handshake_failure``; with TLS 1.3 only after the
    handshake, at the first command, or a bare close there.
What ends it
    A client certificate that the server's authority signed (``ssl_certfile``, ``--cert``).
What it is not
    ``tls-version-mismatch``: there the handshake ends before any certificate.
Sources
    https://redis.io/docs/latest/operate/oss_and_stack/management/security/encryption/
    RFC 8446, 4.4.2.4 and 6.2
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import RedisReply, TlsHandshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="tls-client-certificate-required",
    title="the server wants a certificate from the client, and gets none",
    hop="tls",
    shows_at=("tls", "resp"),
    bucket="configuration",
    traits=("start",),
    prior=-0.3,
    needs=(RedisReply, TlsHandshake),
    remedies=(
        (
            "give the client a certificate and key that the server's authority signed "
            "(ssl_certfile and ssl_keyfile, --cert and --key)"
        ),
        "inside a mesh, let the client's own sidecar carry the connection",
    ),
    verify="the handshake completes and PING is answered",
    prevent="renew client certificates automatically, and warn before they end",
    expects=(("certificate", "client-wanted"), ("elsewhere", "fails")),
)

# What servers say to a certificate that is missing; the last of them to one that is no good, too.
SAID = ("certificate_required", "handshake_failure", "bad_certificate", "unknown_ca")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the server asked for a certificate, and ended it for want of one."""
    replies, shakes = evidence.all(RedisReply), evidence.all(TlsHandshake)
    broken = evidence.broken
    if broken is None or broken.hop not in ("tls", "resp"):
        return
    own = next((each for each in reversed(shakes) if each.purpose == "client"), None)
    if own is None or broken.how not in ("alert", "closed", "reset", "silent"):
        return
    if own.alert == "certificate_required":
        said = "the server ended the connection with the alert certificate_required"
        yield Proof(because=said, seen=(own, *replies))
    elif own.client_certificate_wanted is False:
        yield RuledOut(because="the server asked for no client certificate", seen=(own,))
    elif own.client_certificate_wanted and own.alert in SAID:
        said = f"the server asked for a client certificate and ended with alert {own.alert}"
        yield Proof(because=said, seen=(own, *replies))
    elif own.client_certificate_wanted and broken.how != "silent":
        said = f"the server asked for a client certificate, and the connection was {broken.how}"
        yield Clue(weight=2.0, because=said, seen=(own, *replies))
    elif own.client_certificate_wanted is None and own.alert in SAID:
        said = f"alert {own.alert} is what a server says to a missing certificate, among others"
        yield Clue(weight=0.5, because=said, seen=(own,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="tls-client-certificate-required-said-so",
        pattern=r"peer did not return a certificate|CERTIFICATE_REQUIRED|alert certificate required|alert number 116|tls: certificate required|client (?:didn't provide|certificate (?:is )?required)|fatal alert: certificate_required",
        family="tls",
        weight=4.9,
        says="the server asks for a client certificate",
        example="tlsv13 alert certificate required",
    ),
    Signature(
        id="tls-client-certificate-required-not-accepted",
        pattern=r"alert unsupported certificate|alert bad certificate|bad_certificate\b|alert number 4[23]\b|tls: bad certificate|unsupported_certificate",
        family="tls",
        weight=3.4,
        says="the server does not accept the certificate that it was shown",
        example="sslv3 alert bad certificate: SSL alert number 42",
    ),
    # A client reads such an alert where the server looked at its certificate; a server's log shows the other direction.
    Signature(
        id="tls-client-certificate-required-received-alert",
        pattern=r"alert[:_, {'(]{1,4}(?:unknown[ _]?ca|certificate[ _]?(?:unknown|expired|revoked)|access[ _]?denied)\b|alert number 4[4-9]\b|remote error: tls: (?:unknown certificate|expired certificate|revoked certificate|access denied)",
        family="tls",
        weight=3.2,
        says="the other side does not accept the certificate that it was shown",
        example="received fatal alert: UnknownCA",
        ignores_case=True,
    ),
    Signature(
        id="tls-client-certificate-required-access-denied",
        pattern=r"alert[:_, {'(]{1,4}(?:certificate[ _]?required|access[ _]?denied)|alert number (?:116|49)\b|Empty client certificate chain|client certificate (?:is )?(?:missing|not (?:sent|provided|presented))",
        family="tls",
        weight=4.6,
        says="the server demands a certificate of the client",
        example="received fatal alert: CertificateRequired",
        ignores_case=True,
    ),
    Signature(
        id="tls-client-certificate-required-own-pair",
        pattern=r"private key does not match|key[ _]values[ _]mismatch|credentials supplied to the package were not recognized|SEC_E_UNKNOWN_CREDENTIALS|0x8009030D|(?:fail(?:ed|ure)|unable|cannot|could not)[^\n]{0,20} (?:to )?load[^\n]{0,20} (?:client cert|private key|key file|certificate chain)|Keystore was tampered with|tls: failed to find any PEM data|no certificate or crl found",
        family="tls",
        weight=4.0,
        says="the client's own certificate or key cannot be used",
        example="tls: private key does not match public key",
        ignores_case=True,
    ),
    Signature(
        id="tls-client-certificate-required-check-certificates",
        pattern=r"check the CA or [Cc]lient certificate",
        family="insight",
        weight=2.4,
        says="the tool could not verify, or was not accepted",
        example="Could not connect to cache:6380, please check the CA or Client certificate.",
    ),
    # tls.c: the server verifies what the client shows it, against its own list of authorities.
    Signature(
        id="tls-client-certificate-required-not-verified",
        pattern=r"Error accepting a client connection: [^\n]{0,120}certificate[ _]verify[ _]failed",
        family="server",
        weight=4.2,
        says="the server could not verify the certificate that the client showed it",
        example="# Error accepting a client connection: error:0A000086:SSL routines::certificate verify failed",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-refused": 0.9,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if any("accepting a client connection" in e.quote and "alert" in e.quote for e in told.errors):
        said = "it is the server that was told so, by a client that does not accept its certificate"
        yield Clue(weight=-2.0, because=said, seen=told.errors)
    if told.saw("tls-refused") and told.marked("tls-alert"):
        yield Clue(
            weight=0.7,
            because="before TLS 1.3 a server that wants a certificate has no other word for it",
            seen=told.errors,
        )
