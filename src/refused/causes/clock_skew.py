"""This host's clock is wrong, so that a good certificate looks expired or not yet valid.

What is wrong
    The clock stands before the day on which the certificate begins, or after the one on which it
    ends: a device without a battery, a resumed machine, time synchronisation that is blocked.
How it looks
    "certificate is not yet valid" or "certificate has expired", with every server alike.
What ends it
    The right time: NTP or the hypervisor's clock. Never a client that does not check.
What it is not
    ``tls-certificate-untrusted``: there the clock is right, and the certificate has run out.
Sources
    RFC 5280, 4.1.2.5
    adjtimex(2), STA_UNSYNC
"""

from __future__ import annotations

from refused.causes.readings import works_elsewhere
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.observations import (
    Elsewhere,
    PeerCertificates,
    Platform,
    ServerInfo,
    TlsHandshake,
    Unseen,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.observations import Observation

CAUSE = Cause(
    id="clock-skew",
    title="this host's clock is wrong",
    hop="tls",
    shows_at=("tls", "auth"),
    bucket="process",
    prior=-0.3,
    needs=(Elsewhere, PeerCertificates, Platform, ServerInfo, TlsHandshake),
    remedies=(
        (
            "set the clock and let it be kept: timedatectl set-ntp true, or chronyd with the "
            "hypervisor's clock"
        ),
        "let UDP 123 out to the time servers",
    ),
    verify="the clock agrees with a second source to a few seconds, and the handshake completes",
    prevent="an alarm on the clock's offset on every host",
    expects=(("certificate", "valid-by-a-right-clock"), ("elsewhere", "works")),
)

DAY_S = 86400.0
# Five minutes is what many token issuers forgive; a certificate that is days off is another matter.
NOTABLE_S = 300.0


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Read the chain's dates against this clock, and look for signs that the clock is wrong."""
    others, shown = evidence.all(Elsewhere), evidence.all(PeerCertificates)
    platforms, infos = evidence.all(Platform), evidence.all(ServerInfo)
    shakes = evidence.all(TlsHandshake)
    broken = evidence.broken
    if broken is None or broken.hop != "tls" or broken.how not in ("expired", "not-yet-valid"):
        return
    own = tuple(each for each in shakes if each.purpose == "client")[-1:]
    early = broken.how == "not-yet-valid"
    seen = (*own, *shown[-1:])
    by = ""
    if own and shown and shown[-1].chain:
        dates = [each.not_before if early else each.not_after for each in shown[-1].chain]
        off_s = max(dates) - own[0].at if early else own[0].at - min(dates)
        by = f" by {off_s / DAY_S:.1f} days" if off_s > 0 else ""
    if early:
        said = f"a certificate is not valid yet{by}, and servers seldom get theirs too early"
        yield Clue(weight=2.0, because=said, seen=seen)
    else:
        yield Clue(weight=0.4, because=f"a certificate has expired{by} by this clock", seen=seen)
    if platforms:
        yield from _clock(platforms[-1], broken.how, seen)
    else:
        yield evidence.gap(Platform)
    well = works_elsewhere(others)
    if well is not None:
        said = f"from {well.vantage}, with a clock or a way of its own, the path is healthy"
        yield Clue(weight=1.6, because=said, seen=(well,))
    for info in infos[-1:]:
        if info.clock_offset_s is not None and abs(info.clock_offset_s) > NOTABLE_S:
            said = f"the server's clock is {info.clock_offset_s:+.0f} s from this host's"
            yield Clue(weight=2.5, because=said, seen=(info,))


def _clock(platform: Platform, how: str, seen: tuple[Observation, ...]) -> Iterator[Statement]:
    """Say what this host itself knows of its clock."""
    if platform.clock_before_build:
        said = "this host's clock stands before the day on which this program was made"
        if how == "not-yet-valid":
            yield Proof(because=said, seen=(platform, *seen))
        else:
            yield Clue(weight=2.0, because=said, seen=(platform,))
    elif platform.clock_synchronised:
        said = "the kernel says that this host's clock is synchronised"
        yield Clue(weight=-2.5, because=said, seen=(platform,))
    elif platform.clock_synchronised is False:
        said = "the kernel says that this host's clock is not synchronised"
        yield Clue(weight=1.0, because=said, seen=(platform,))
    else:
        yield Unseen(
            vantage=platform.vantage,
            what="the state of the clock",
            why="this host does not tell",
            how_to_see="compare its time with a second source",
        )


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="clock-skew-not-yet-valid",
        pattern=r"certificate is not yet valid|CERT_NOT_YET_VALID|NotYetValid|CertificateNotYetValidException|x509: certificate has expired or is not yet valid: current time [^\n]{1,40} is before",
        family="tls",
        weight=5.0,
        says="the certificate is not valid yet by this client's clock",
        example="certificate verify failed: certificate is not yet valid",
    ),
    Signature(
        id="clock-skew-token-time",
        pattern=r"AADSTS700024|not within its valid time range|token (?:is )?not yet valid|\bnbf\b[^\n]{0,40}(?:future|claim)",
        family="azure",
        weight=3.8,
        says="a token is not valid yet by somebody's clock",
        example="AADSTS700024: Client assertion is not within its valid time range",
        ignores_case=True,
    ),
    Signature(
        id="clock-skew-not-valid-yet",
        pattern=r"certificate (?:is )?not valid yet",
        family="tls",
        weight=4.6,
        says="the certificate begins in the client's future",
        example="invalid peer certificate: certificate not valid yet",
    ),
    Signature(
        id="clock-skew-assertion",
        pattern=r"AADSTS700024",
        family="azure",
        weight=5.8,
        says="what proves the client's identity lies outside its time",
        example="AADSTS700024: Client assertion is not within its valid time range.",
    ),
)
