"""The figures that all clients share, with their reasons and sources. Durations are in seconds."""

from __future__ import annotations

from refused.service.facts import (
    ACR_CONNECTION,
    ACR_TLS,
    AMR_CONNECTION,
    AMR_TLS,
    LOAD_BALANCER_IDLE,
    REDIS_SECURITY,
)
from refused.service.limits import (
    ADVISED_TIMEOUTS,
    retransmission_timeout_s,
    unnoticed_s,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.remedies.clients.wanted import Wanted

CONNECT_S = int(ADVISED_TIMEOUTS[0][1])
COMMAND_S = 5
KEEP_IDLE_S, KEEP_EVERY_S, KEEP_PROBES = 30, 5, 3
USER_TIMEOUT_S = 30
PING_S = 60
EVICT_S = 300
TRIES, FIRST_WAIT_S, LONGEST_WAIT_S = 3, 0.1, 3.0
FORCE_AFTER_S, FORCE_AT_MOST_EVERY_S = 30, 60

BACKOFF_SOURCE = "https://learn.microsoft.com/azure/architecture/best-practices/transient-faults"
TCP7 = "https://man7.org/linux/man-pages/man7/tcp.7.html"


def connection_source(wanted: Wanted) -> str:
    """Return Microsoft's page on connections to this service."""
    return AMR_CONNECTION if wanted.service == "amr" else ACR_CONNECTION


def tls_source(wanted: Wanted) -> str:
    """Return who says that TLS is wanted, and how."""
    return {"amr": AMR_TLS, "acr": ACR_TLS, "acre": ACR_TLS}.get(wanted.service, REDIS_SECURITY)


CONNECT_WHY = (
    f"{CONNECT_S} s to connect: the least that Microsoft advises; a cache under load answers late, and a shorter wait "
    "makes a storm of new dials out of it"
)
COMMAND_WHY = (
    f"{COMMAND_S} s for an answer: below the 10 s that Microsoft names as the most, and above what a failover's "
    "first second costs"
)
_NOTICED_S = unnoticed_s(idle_s=KEEP_IDLE_S, interval_s=KEEP_EVERY_S, probes=KEEP_PROBES)
KEEPALIVE_WHY = (
    f"TCP keep-alive after {KEEP_IDLE_S} s of quiet: the shortest idle limit on the way is 4 minutes (load balancer, NAT "
    f"gateway), the service's own is 10; {KEEP_PROBES} probes {KEEP_EVERY_S} s apart notice a dead peer after {_NOTICED_S} s"
)
KEEPALIVE_SOURCE = LOAD_BALANCER_IDLE
USER_TIMEOUT_WHY = (
    f"unanswered data ends the connection after {USER_TIMEOUT_S} s: keep-alive does not run while data is in flight, and "
    f"Linux by itself sends again for {retransmission_timeout_s(15) / 60:.0f} minutes or more (tcp_retries2 = 15)"
)
EVICT_WHY = (
    f"a connection that was idle for {EVICT_S // 60} minutes is closed by us: the service closes it after 10, and whoever "
    "uses it next would get the error"
)
PING_WHY = (
    f"a PING every {PING_S} s on a quiet connection: it proves that Redis answers, which keep-alive does not, and stays "
    "below every idle limit on the way (4 and 10 minutes)"
)
RETRY_WHY = (
    f"{TRIES} more tries, the wait doubled from {FIRST_WAIT_S:g} s up to {LONGEST_WAIT_S:g} s with jitter, so that clients "
    "that lost their connections together do not come back together"
)
TLS_WHY = "TLS, the certificate verified and its name compared: the key goes over this connection"
SERVER_NAME_WHY = "the name that the certificate is for; a cluster announces its nodes as bare addresses, which no certificate is for"
MIN_TLS_WHY = "the services take TLS 1.2 and newer alone"
FORCE_WHY = (
    f"force reconnect: when errors go on for {FORCE_AFTER_S} s the client is made anew, at most every "
    f"{FORCE_AT_MOST_EVERY_S} s; a connection may look alive and not be"
)
