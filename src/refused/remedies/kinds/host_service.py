"""A service of this host that has to run: its clock, or its own Redis.

Nothing is started from here: what runs on a host is its owner's decision, and a server that was stopped
may have been stopped for a reason.

Sources:
    https://www.freedesktop.org/software/systemd/man/latest/timedatectl.html
    https://redis.io/docs/latest/operate/oss_and_stack/install/install-stack/
"""

from __future__ import annotations

from refused.evidence.observations import Platform, Unseen
from refused.remedies.change import Change, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("clock-skew", "local-server-not-running")
RANK = 10

_COMMANDS = {
    ("clock-skew", "Linux"): "timedatectl set-ntp true",
    ("clock-skew", "Darwin"): "sntp -sS time.apple.com",
    ("clock-skew", "Windows"): "w32tm /resync",
    (
        "local-server-not-running",
        "Linux",
    ): "systemctl start redis-server    # or redis, valkey-server",
    ("local-server-not-running", "Darwin"): "brew services start redis",
}


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose to start what stands still."""
    platform = evidence.one(Platform)
    system = "Linux" if isinstance(platform, Unseen) else platform.system
    skew = cause == "clock-skew"
    yield Change(
        kind="host-service",
        cause=cause,
        title="let this host's clock follow a time server"
        if skew
        else "start the server on this host",
        where="host",
        why="certificates and tokens are dated, and this host's clock is not where they are"
        if skew
        else "nothing listens on this host at that port",
        affects="everything on this host that looks at the clock" if skew else "nobody else",
        interruption="none" if not skew else "timers may fire early or late once",
        proof="the certificate is in its time, and PING is answered"
        if skew
        else "PING is answered",
        hop="resp",
        facts=(("command", _COMMANDS.get((cause, system), "")),),
        undo_says="timedatectl set-ntp false" if skew else "stop it again",
    )


def render(change: Change) -> dict[str, str]:
    """Say the command for this system, where one is known."""
    command = change.fact("command")
    return {"shell": command} if command else {}
