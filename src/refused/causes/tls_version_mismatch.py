"""Client and server have no TLS version in common.

What is wrong
    The client may speak no version that the server accepts. Azure's caches accept 1.2 and, as a
    rule, 1.3; old frameworks, or an old setting (``sslProtocols=tls``), stop at 1.0 or 1.1.
How it looks
    The alert ``protocol_version``, "no common algorithm", or a connection closed at the hello.
What ends it
    A client that speaks 1.2 or higher. Lowering the server's minimum is not advised, and Azure no
    longer allows it.
What it is not
    ``tls-certificate-untrusted``: there a version was agreed on before the certificate came.
    ``max-clients-reached``: there every version is closed on alike, without a word.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-remove-tls-10-11
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-tls-configuration
    RFC 8446, 6.2
"""

from __future__ import annotations

from refused.causes.readings import service_behind
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
)
from refused.evidence.observations import ClientSettings, DnsAnswer, TlsHandshake
from refused.service.tls_policy import accepts_tls, lowest_tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="tls-version-mismatch",
    title="client and server have no TLS version in common",
    hop="tls",
    shows_at=("tls",),
    bucket="configuration",
    traits=("start",),
    needs=(
        AzureCache,
        ClientSettings,
        DnsAnswer,
        TlsHandshake,
    ),
    remedies=(
        (
            "let the client speak TLS 1.2 and 1.3: remove the setting that names older versions "
            "(sslProtocols, ssl_max_version)"
        ),
        "update the client's runtime or operating system where it knows nothing newer than 1.1",
        "where the server is the old one, update the server",
    ),
    verify="the handshake completes with TLS 1.2 or 1.3",
    prevent="leave the version to the operating system instead of naming one in the client",
    expects=(("certificate", "other-version"), ("elsewhere", "works")),
)

VERSIONS = ("1.0", "1.1", "1.2", "1.3")
FACES = ("alert", "closed", "reset", "error")
# Python and the systems it runs on offer nothing older unless they are told to.
USUAL_LOWEST = "1.2"


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold what the client may speak against what the server was seen to accept."""
    settings, answers = evidence.all(ClientSettings), evidence.all(DnsAnswer)
    shakes, caches = evidence.all(TlsHandshake), evidence.all(AzureCache)
    broken = evidence.broken
    if broken is None or broken.hop != "tls" or broken.how not in FACES:
        return
    own = next((each for each in reversed(shakes) if each.purpose == "client"), None)
    if own is None:
        return
    singles = (each for each in shakes if each.purpose == "version")
    tried = tuple(each for each in singles if each.bytes_in is not None)
    spoken = _spoken(own, settings)
    accepted = tuple(each.max_tls for each in tried if not each.failed and each.max_tls)
    common = [version for version in accepted if version in spoken]
    range_said = f"{spoken[0]} to {spoken[-1]}" if len(spoken) > 1 else "".join(spoken)
    if common:
        said = f"the server accepts TLS {common[-1]}, which the client speaks"
        yield RuledOut(because=said, seen=tried)
        return
    if accepted:
        said = f"the server accepts TLS {', '.join(accepted)}; the client speaks {range_said}"
        yield Proof(because=said, seen=(own, *tried))
        return
    wanted = next((cache for cache in reversed(caches) if cache.min_tls), None)
    if wanted is not None and wanted.min_tls and spoken and spoken[-1] < wanted.min_tls:
        said = f"the client speaks TLS {range_said}, and the cache is set to accept {wanted.min_tls} and higher"
        yield Proof(because=said, seen=(own, wanted, *settings))
        return
    said_so = own.alert == "protocol_version" or "UNSUPPORTED_PROTOCOL" in own.error_text
    if said_so:
        word = f"alert {own.alert}" if own.alert else own.error_text
        yield Clue(weight=3.0, because=f"the handshake ended with {word}", seen=(own,), fact="said")
    service = service_behind(evidence.target, answers)
    if spoken and all(accepts_tls(version, service) is False for version in spoken):  # type: ignore[arg-type]
        lowest = lowest_tls(service)  # type: ignore[arg-type]
        said = f"the client speaks {range_said}, and the service accepts {lowest} and higher"
        yield Clue(weight=3.0, because=said, seen=(own, *settings))
    if tried and not said_so:
        said = "no version is accepted, whichever is offered"
        yield Clue(weight=-1.6, because=said, seen=tried)
    elif not tried:
        yield evidence.gap(TlsHandshake).replace(
            what="TLS versions",
            why="no single version was tried",
            how_to_see="try each version alone, as with openssl s_client -tls1_2",
        )


def _spoken(own: TlsHandshake, settings: tuple[ClientSettings, ...]) -> list[str]:
    """Return the versions that the client may speak, lowest first."""
    asked = settings[-1] if settings else None
    highest = own.max_tls or (asked.max_tls if asked else None) or VERSIONS[-1]
    lowest = own.min_tls or (asked.min_tls if asked else None) or min(USUAL_LOWEST, highest)
    return [version for version in VERSIONS if lowest <= version <= highest]


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="tls-version-mismatch-alert",
        pattern=r"alert protocol version|TLSV1_ALERT_PROTOCOL_VERSION|fatal alert: protocol_version|protocol version not supported|alert number 70\b|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|No appropriate protocol|:unsupported protocol|VERSION_TOO_LOW|tls: (?:client offered only unsupported versions|server selected unsupported protocol|protocol version not supported)|NO_SHARED_CIPHER|no cipher suites in common|no shared cipher|legacy sigalg disallowed|SEC_E_UNSUPPORTED_FUNCTION|do not possess a common algorithm|server selected protocol version Tls(?:10|11)?\b",
        family="tls",
        weight=4.8,
        says="client and server have no TLS version or cipher in common",
        example="javax.net.ssl.SSLHandshakeException: Received fatal alert: protocol_version",
    ),
    Signature(
        id="tls-version-mismatch-legacy-ask",
        pattern=r"SecurityProtocolType|requires? TLS ?1\.2|Tls1[01] |minimumTlsVersion",
        family="tls",
        weight=1.2,
        says="TLS versions are spoken of",
        example="ServicePointManager.SecurityProtocol = SecurityProtocolType.Tls",
    ),
    Signature(
        id="tls-version-mismatch-reason",
        pattern=r"alert[:_, {'(]{1,4}(?:protocol[ _]?version|insufficient[ _]?security)|alert number 7[01]\b|[:_]unsupported[ _]protocol\b|no[ _]protocols[ _]available|no[ _](?:shared[ _]cipher|cipher[ _]match|ciphers[ _]available)|dh[ _]key[ _]too[ _]small|unsafe[ _]legacy[ _]renegotiation|version[ _]too[ _]low|unsupported[ _]ssl[ _]version|bad[ _]ssl[ _]version",
        family="tls",
        weight=4.7,
        says="client and server have no TLS version or cipher in common",
        example="error:0A0000B9:SSL routines::no cipher match",
        ignores_case=True,
    ),
    Signature(
        id="tls-version-mismatch-other-words",
        pattern=r"SEC_E_ALGORITHM_MISMATCH|0x80090331|requested security protocol is not supported|selected protocol version TLS1?[0-9.]{1,3} is not accepted|ServerTlsVersionIsDisabled|peer is incompatible: |NoCipherSuitesInCommon|no supported versions satisfy|tls: insufficient security level",
        family="tls",
        weight=4.7,
        says="client and server have no TLS version or cipher in common",
        example="The server selected protocol version TLS10 is not accepted by client preferences [TLS13, TLS12]",
    ),
    # Schannel says so where the offered version or suites do not fit its settings.
    Signature(
        id="tls-version-mismatch-no-authority",
        pattern=r"0x80090304|Local Security Authority cannot be contacted",
        family="tls",
        weight=3.6,
        says="Windows could not agree on a way to speak TLS",
        example="Win32Exception (0x80090304): The Local Security Authority cannot be contacted",
    ),
    Signature(
        id="tls-version-mismatch-too-weak",
        pattern=r"(?:ca|ee)[ _](?:md[ _]too[ _]weak|key[ _]too[ _]small)|(?:CA|EE) (?:certificate )?key too (?:weak|small)|Certificates do(?:es)? not conform to algorithm constraints|Algorithm constraints check failed",
        family="tls",
        weight=2.6,
        says="one side holds the other's keys to be too weak",
        example="error:0A00018F:SSL routines::ee key too small",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-cut": 1.3,
    "tls-refused": 1.8,
    "auth-or-tls": 1.6,
    "socket-failure": 0.2,
    "still-connecting": 0.5,
    "cannot-connect": 0.5,
    "not-connected": 0.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("tls-failed"):
        yield Clue(weight=0.2, because="TLS failed before any login was tried", seen=told.errors)
    if told.saw("reset", "broken-pipe") and told.runtime == "dotnet" and not told.marked("lived"):
        yield Clue(
            weight=1.0,
            because="an old .NET is cut off in the handshake when it offers no TLS that the server takes",
            seen=told.errors,
        )
    if told.saw("connect-timeout", "auth-or-tls", "cannot-connect") and (
        0 < told.count("version") < 2.0 or told.marked("old-stackexchange")
    ):
        yield Clue(
            weight=1.0,
            because="StackExchange.Redis 1 on an old .NET offers TLS 1.0 unless told otherwise",
            seen=told.errors,
            fact="old",
        )
    if (
        told.speaks("stackexchange")
        and "local-cpu" not in told.counters
        and told.saw("connect-timeout")
        and "auth-or-tls" in told.wrappers
    ):
        yield Clue(
            weight=1.4,
            because="the handshake failed, and the login was never reached",
            seen=told.errors,
        )
    if (
        told.marked("old-words")
        and told.saw("not-connected", "connect-timeout")
        and "auth-or-tls" not in told.wrappers
    ):
        yield Clue(
            weight=1.0,
            because="StackExchange.Redis 1 on an old .NET offers TLS 1.0 unless told otherwise",
            seen=told.errors,
            fact="old",
        )
    if told.marked("tls-up"):
        yield Clue(weight=-2.0, because="TLS came about in the same text", seen=told.errors)
    if told.marked("cut-at-start") and told.saw("closed"):
        yield Clue(
            weight=1.8,
            because="the connection was ended while it was set up",
            seen=told.errors,
        )
    if told.saw("tls-refused") and "auth-or-tls" in told.wrappers:
        yield Clue(weight=1.0, because="it is the TLS handshake that failed", seen=told.errors)
