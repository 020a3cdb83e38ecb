"""Nothing to change: it ends by itself, or others have to end it.

Said with the reason, so that nobody turns screws meanwhile.
"""

from __future__ import annotations

from refused.evidence.observations import ServerInfo
from refused.remedies.change import Change, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("server-loading", "server-failover-maintenance", "azure-platform-outage")
RANK = 1

_SAID = {
    "server-loading": (
        "wait until the server has loaded its data",
        "it answers as soon as the data is read; a restart would begin again",
        "every client, until then",
    ),
    "server-failover-maintenance": (
        "wait for the failover to end, and let clients reconnect",
        "a planned one takes about a second, an unplanned one 10 to 15; what fails longer is another cause",
        "every client, for seconds",
    ),
    "azure-platform-outage": (
        "wait for Azure, and follow the event in Service Health",
        "the fault is the platform's; a change now hides its end, and may outlast it",
        "everybody in that region",
    ),
}


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose to wait."""
    title, why, affects = _SAID[cause]
    eta = next(
        (info.loading_eta_s for info in evidence.all(ServerInfo) if info.loading_eta_s), None
    )
    if cause == "server-loading" and eta:
        why = f"{why}; the server says about {eta} s more"
    yield Change(
        kind="wait",
        cause=cause,
        title=title,
        where="nowhere",
        why=why,
        affects=affects,
        interruption="none of ours",
        proof="refused verify TARGET --for 5m",
        hop="resp",
    )


def render(_change: Change) -> dict[str, str]:
    """Say nothing: there is no command for patience."""
    return {}
