"""This host has no local port, or no file descriptor, left to dial with.

What is wrong
    Every connection takes a local port and a descriptor. A leak, or a dial per request with 60 s of
    TIME_WAIT after each, has used up the one or the other.
How it looks
    "Cannot assign requested address" (EADDRNOTAVAIL), "Too many open files" (EMFILE), on Windows
    10048 and 10055.
What ends it
    Connections that are shared and kept; the leak mended; then, if it is still needed, wider limits.
What it is not
    ``snat-port-exhaustion``: there the platform's translation is out of ports, and nobody says so.
Sources
    ip(7) ip_local_port_range; getrlimit(2) RLIMIT_NOFILE
"""

from __future__ import annotations

from refused.causes.readings import dialled
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import DescriptorUse, PortUse, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="ephemeral-port-or-fd-exhaustion",
    title="this host has no local port, or no file descriptor, left to dial with",
    hop="tcp",
    shows_at=("route", "tcp"),
    bucket="code",
    needs=(DescriptorUse, PortUse, TcpDial),
    remedies=(
        "share connections and keep them; close what is leaked",
        "widen net.ipv4.ip_local_port_range, or raise the limit of open files, where the need is real",
    ),
    verify="the dial is accepted, and ports and descriptors in use fall",
    prevent="a bounded pool per process; an alert at 80 % of ports and descriptors",
    expects=(("deeper", "local"), ("elsewhere", "works")),
)

NEAR = 0.95


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Believe the kernel, which says so in as many words."""
    descriptors, ports, dials = (
        evidence.all(DescriptorUse),
        evidence.all(PortUse),
        dialled(evidence.all(TcpDial)),
    )
    broken = evidence.broken
    if broken is None or broken.hop not in CAUSE.shows_at:
        return
    for dial in dials:
        if dial.outcome == "no-local-port":
            used = f" ({ports[0].used} of {ports[0].available} in use)" if ports else ""
            yield Proof(
                because=f"the kernel found no local port for {dial.address}:{dial.port}{used}",
                seen=(dial, *ports),
            )
            return
        if dial.outcome == "no-descriptor":
            yield Proof(
                because=f"the kernel gave no descriptor for one more socket (error {dial.errno})",
                seen=(dial, *descriptors),
            )
            return
    if dials and all(
        dial.outcome in ("refused", "silent", "unreachable", "reset") for dial in dials
    ):
        yield RuledOut(because="a port and a descriptor were found for the dial", seen=dials)
    for files in descriptors:
        if files.open >= NEAR * files.soft_limit:
            yield Clue(
                weight=1.0,
                because=f"process {files.pid} has {files.open} of {files.soft_limit} descriptors open",
                seen=(files,),
            )
    for use in ports:
        if use.available and use.used >= NEAR * use.available:
            yield Clue(
                weight=1.0,
                because=f"{use.used} of {use.available} local ports are in use",
                seen=(use,),
            )


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="ephemeral-port-or-fd-exhaustion-no-local-port",
        pattern=r"(?:cannot|can't) assign requested address|\bEADDRNOTAVAIL\b|Error (?:99|49|10049) connecting to |only one usage of each socket address",
        family="socket",
        weight=4.6,
        says="no local port is left for the destination",
        example="connect: cannot assign requested address",
        ignores_case=True,
    ),
    Signature(
        id="ephemeral-port-or-fd-exhaustion-no-descriptor",
        pattern=r"connect EMFILE|socket:? too many open files|accept[^\n]{0,120}too many open files|SocketException: too many open files|= -1 E[MN]FILE\b|Errno::E[MN]FILE\b|Error 24 connecting to |\[Errno 24\]|errno: ?-?24\b|connect ENFILE",
        family="socket",
        weight=4.2,
        says="no file descriptor is left in the process",
        example="Error: Redis connection to 127.0.0.1:6379 failed - connect EMFILE",
        ignores_case=True,
    ),
    Signature(
        id="ephemeral-port-or-fd-exhaustion-server-limit",
        pattern=r"max clients [^\n]{0,80}open files|You requested maxclients of [0-9]{1,9} requiring|ulimit -n",
        family="server",
        weight=1.5,
        says="the limit of open files is spoken of",
        example="# You requested maxclients of 10000 requiring at least 10032 max file descriptors.",
        ignores_case=True,
    ),
    Signature(
        id="ephemeral-port-or-fd-exhaustion-event-loop-full",
        pattern=r"Error registering fd event for the new client|WSAEMFILE|\b10024\b[^\n]{0,60}[Ss]ocket|Too many open sockets|ENOBUFS|No buffer space available|Errno 105\b|open files in system|\bENFILE\b|\[Errno 23\]",
        family="socket",
        weight=4.4,
        says="the system has no socket, buffer or descriptor left",
        example="connect ENOBUFS 10.1.2.3:6379",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "denied": 1.4,
    "descriptors": 2.6,
    "local-ports": 2.8,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.misses_own_address:
        yield Clue(
            weight=-2.8,
            because="its own host was dialled by name: the address is missing, and no port",
            seen=told.errors,
        )
    if told.marked("time-wait") and told.saw("local-ports"):
        yield Clue(
            weight=0.7,
            because="ports wait out their time after closing (TIME_WAIT)",
            seen=told.errors,
        )
