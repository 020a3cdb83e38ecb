"""A setting of this host's kernel, with the file that keeps it.

A node's setting reaches a pod only where the pod's own namespace has it; the change says so.

Sources:
    https://docs.kernel.org/networking/ip-sysctl.html
    https://docs.kernel.org/networking/nf_conntrack-sysctl.html
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-connection
"""

from __future__ import annotations

from refused.evidence.observations import ConntrackUse, KernelSettings, Platform, Unseen
from refused.remedies.change import Change, Missing, Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = (
    "linux-tcp-stall",
    "ephemeral-port-or-fd-exhaustion",
    "conntrack-table-full",
    "mtu-blackhole",
)
RANK = 30
FILE = "/etc/sysctl.d/90-refused-redis.conf"


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose the one setting that bears on the cause."""
    platform = evidence.one(Platform)
    if not isinstance(platform, Unseen) and platform.system != "Linux":
        return
    found = _setting(cause, evidence)
    if found is None:
        return
    setting, why = found
    inside = not isinstance(platform, Unseen) and platform.kind in ("kubernetes", "container")
    yield Change(
        kind="kernel-setting",
        cause=cause,
        title=f"set {setting.name} to {setting.after}",
        where="host",
        settings=(setting,),
        facts=(("inside", "yes" if inside else ""),),
        why=why,
        affects="every connection of this host that is opened from then on"
        if not inside
        else "the pod's own network alone; a node's setting does not reach it",
        interruption="none",
        proof="refused host shows the new value, and the fault does not come back",
        hop="resp",
        undo_says=f"sysctl -w {setting.name}={setting.before}; rm {FILE}",
    )


def _setting(cause: str, evidence: Evidence) -> tuple[Setting, str] | None:
    kernel = evidence.one(KernelSettings)
    if cause == "conntrack-table-full":
        use = evidence.one(ConntrackUse)
        if isinstance(use, Unseen):
            return None
        return (
            _set("net.netfilter.nf_conntrack_max", str(use.limit), str(use.limit * 2)),
            f"{use.entries} of {use.limit} entries are taken; fewer, shared connections are the better cure",
        )
    if isinstance(kernel, Unseen):
        return None
    if cause == "linux-tcp-stall" and (kernel.tcp_retries2 or 15) > 5:
        before = None if kernel.tcp_retries2 is None else str(kernel.tcp_retries2)
        return (
            _set("net.ipv4.tcp_retries2", before, "5"),
            "with 15 a dead peer is noticed after about a quarter of an hour, with 5 after about 13 seconds",
        )
    if (
        cause == "ephemeral-port-or-fd-exhaustion"
        and kernel.port_first
        and kernel.port_first > 10240
    ):
        return (
            _set(
                "net.ipv4.ip_local_port_range",
                f"{kernel.port_first} {kernel.port_last}",
                f"10240 {kernel.port_last or 60999}",
            ),
            "more local ports; connections that are shared need none",
        )
    if cause == "mtu-blackhole" and not kernel.tcp_mtu_probing:
        return (
            _set("net.ipv4.tcp_mtu_probing", "0", "1"),
            "the kernel then finds out by itself that large packets vanish",
        )
    return None


def _set(name: str, before: str | None, after: str) -> Setting:
    return Setting(name=name, before=before, after=after)


def render(change: Change) -> dict[str, str]:
    """Say the setting for ``sysctl`` with its file, and for a pod."""
    (setting,) = change.settings
    line = f"{setting.name} = {setting.after}"
    forms = {
        "sysctl": f"# {FILE}\n{line}\n",
    }
    if change.fact("inside"):
        forms["kubectl"] = (
            "# in the pod's template; the kubelet must allow it\nspec:\n  securityContext:\n    sysctls:\n"
            f'      - name: {setting.name}\n        value: "{setting.after}"\n'
        )
    return forms
