"""The certificate is for another name than the one the client asks for.

What is wrong
    The client connects by address, by the privatelink name, by a company's own alias, or sends
    another name than the host's (``sslHost``); the certificate holds the public name alone.
How it looks
    RemoteCertificateNameMismatch, "Hostname mismatch", "IP address mismatch",
    ERR_TLS_CERT_ALTNAME_INVALID, "doesn't contain any IP SANs".
What ends it
    The cache's public host name in the client; through a private endpoint it is the same name.
What it is not
    ``wrong-hostname``: there DNS does not know the name.
    ``tls-certificate-untrusted``: there nobody vouches for the certificate.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-private-link
    RFC 9525, 6.3
"""

from __future__ import annotations

from refused.causes.readings import aliases, is_literal
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.observations import (
    ClientSettings,
    DnsAnswer,
    PeerCertificates,
    TlsHandshake,
)
from refused.service.clouds import service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

BY_NAME = (
    "have a cluster's client check the nodes under the cache's host name (servername, peer_name, fixed_hostname, "
    "address_remap, natMapper): they announce addresses, which no certificate holds"
)
CAUSE = Cause(
    id="tls-hostname-mismatch",
    title="the certificate is for another name than the one the client asks for",
    hop="tls",
    shows_at=("tls",),
    bucket="configuration",
    traits=("start",),
    prior=0.4,
    needs=(ClientSettings, DnsAnswer, PeerCertificates, TlsHandshake),
    remedies=(
        "set the cache's public host name in the client, through a private endpoint as well",
        "remove an sslHost, sni or server_hostname that names something else",
        BY_NAME,
        "on a server of your own, have a certificate issued that holds the name in use",
    ),
    verify="the handshake completes with the name checked",
    prevent="take the host name from the deployment's output; never store an address",
    expects=(("certificate", "other-name"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold the names in the certificate against the name that the client checks."""
    settings, answers = evidence.all(ClientSettings), evidence.all(DnsAnswer)
    shown, shakes = evidence.all(PeerCertificates), evidence.all(TlsHandshake)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or (broken.hop, broken.how) != ("tls", "name-mismatch"):
        return
    own = tuple(each for each in shakes if each.purpose == "client")[-1:]
    asked = next((each.sni for each in settings if each.sni), None) or target.host
    if not shown or not shown[-1].chain:
        yield Clue(weight=1.0, because=f"the certificate is not for {asked}", seen=own)
        yield evidence.gap(PeerCertificates)
        return
    names = shown[-1].chain[0].names
    listed = ", ".join(names[:3]) or "no name at all"
    seen = (*own, *shown[-1:])
    if asked != target.host and covers(names, target.host):
        said = f"the client checks for {asked} in place of {target.host}, and the certificate holds"
        yield Proof(because=f"{said} {listed}", seen=(*seen, *settings))
    elif is_literal(asked):
        said = f"the client dials the address {asked}, and the certificate holds {listed}"
        yield Proof(because=said, seen=seen)
    elif service_of(asked).is_privatelink_name:
        said = f"{asked} is the name inside the private zone, and the certificate holds {listed}"
        yield Proof(because=said, seen=seen)
    elif alias := next((each for each in aliases(answers) if covers(names, each)), None):
        said = f"{asked} is an alias of {alias}, for which alone the certificate is ({listed})"
        yield Proof(because=said, seen=(*seen, *answers))
    else:
        said = f"the client asks for {asked}, and the certificate is for {listed}"
        yield Clue(weight=2.5, because=said, seen=seen)


def covers(names: tuple[str, ...], host: str) -> bool:
    """Whether one of *names* is *host*, or its wildcard. Source: RFC 9525, 6.3."""
    wanted = host.lower().rstrip(".")
    wildcard = f"*.{wanted.partition('.')[2]}"
    return any(name.lower().rstrip(".") in (wanted, wildcard) for name in names)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="tls-hostname-mismatch-node",
        pattern=r"ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames",
        family="tls",
        weight=4.8,
        says="the certificate does not hold the name or address that was dialled",
        example="Hostname/IP does not match certificate's altnames: IP: 10.1.2.3 is not in the cert's list",
    ),
    Signature(
        id="tls-hostname-mismatch-openssl",
        pattern="Hostname mismatch, certificate is not valid|IP address mismatch|hostname '?[^\\n']{1,120}'? doesn't match|match_hostname|certificate verify failed(?:: | \\()(?:[Hh]ostname|IP address) mismatch|hostname \\\"[^\\\"\\n]{1,120}\\\" does not match the server certificate",
        family="tls",
        weight=4.9,
        says="the certificate is not valid for the name that was dialled",
        example="certificate verify failed: IP address mismatch, certificate is not valid for '10.1.2.3'",
    ),
    Signature(
        id="tls-hostname-mismatch-jvm",
        pattern=r"No subject alternative (?:DNS )?names? matching|No name matching [^\n]{1,200} found|No subject alternative names present|HostnameChecker|doesn't match any of the subject alternative names|Host name '[^\n']{1,120}' does not match",
        family="tls",
        weight=4.9,
        says="the certificate does not carry the name or address that was dialled",
        example="java.security.cert.CertificateException: No subject alternative names matching IP address 10.1.2.3 found",
    ),
    Signature(
        id="tls-hostname-mismatch-go",
        pattern=r"x509: certificate is (?:not )?valid for|x509: cannot validate certificate for [^\n]{1,80} because it doesn't contain any IP SANs|x509: certificate relies on legacy Common Name",
        family="tls",
        weight=4.9,
        says="the certificate is for another name",
        example="x509: cannot validate certificate for 10.1.2.3 because it doesn't contain any IP SANs",
    ),
    Signature(
        id="tls-hostname-mismatch-dotnet",
        pattern=r"RemoteCertificateNameMismatch|SEC_E_WRONG_PRINCIPAL|target principal name is incorrect",
        family="tls",
        weight=4.9,
        says="the certificate is for another name",
        example="The remote certificate is invalid: RemoteCertificateNameMismatch",
    ),
    Signature(
        id="tls-hostname-mismatch-php-ruby",
        pattern='Peer certificate (?:CN=|subjectAltName )[^\\n]{0,120}did not match expected|hostname \\"?[^\\n\\"]{1,120}\\"? does not match the server certificate|certificate is not valid for \'|NotValidForName|certificate not valid for name',
        family="tls",
        weight=4.9,
        says="the certificate is for another name",
        example="Peer certificate CN=`*.cache.example' did not match expected CN=`10.1.2.3'",
    ),
    Signature(
        id="tls-hostname-mismatch-server-name",
        pattern=r"alert[:_, {'(]{1,4}unrecognized[ _]?name|alert number 112\b|TLSV1_UNRECOGNIZED_NAME|tlsv1 unrecognized name|\bHOSTNAME_MISMATCH\b|tls: unrecognized name|handshake alert: {1,2}unrecognized_name",
        family="tls",
        weight=3.6,
        says="the server knows no certificate for the name that was asked for",
        example="handshake alert:  unrecognized_name",
        ignores_case=True,
    ),
    Signature(
        id="tls-hostname-mismatch-more-words",
        pattern=r"hostname_check_failed|CERT_E_CN_NO_MATCH|0x80090322|0x800[Bb]010[Ff]|CN name does not match|certificate is not valid for (?:any names|name )",
        family="tls",
        weight=4.9,
        says="the certificate does not carry the name that was dialled",
        example="{:tls_alert, {:handshake_failure, hostname_check_failed}}",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-unverified": 0.6,
    "no-topology": 0.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("tls-failed"):
        yield Clue(weight=1.9, because="TLS failed before any login was tried", seen=told.errors)
    if told.marked("server-accepts") and not told.saw("tls-unverified", "tls-refused"):
        said = "the client hung up on the server in the handshake, as it does when the name does not fit"
        yield Clue(weight=2.2, because=said, seen=told.errors)
    if told.marked("tls-up") and "auth-or-tls" in told.wrappers and told.address:
        yield Clue(
            weight=3.0,
            because="TLS came about with one name, and failed where the client went on to an address",
            seen=told.errors,
            ends=BY_NAME,
        )
    if told.marked("cluster", "redirected") or told.saw("no-topology"):
        yield Clue(
            weight=0.4,
            because="a client for clusters goes on to nodes by the addresses that they announce",
            seen=told.errors,
            ends=BY_NAME,
        )


def against_now(told: Told, well: Evidence) -> Iterator[Statement]:
    """See whether the certificate holds the name of which the text says that it does not."""
    for shake in well.look(TlsHandshake):
        if not shake.failed and shake.verified and shake.sni == told.host:
            said = f"the certificate holds {shake.sni}, as it was checked just now"
            yield Clue(weight=-3.0, because=said, seen=(shake,))
            return
