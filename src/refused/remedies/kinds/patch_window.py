"""A window in which the service may patch, so that failovers come when fewest people are there.

It prevents, it does not cure: nothing can be seen to work by it before the next patch.

Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-administration
"""

from __future__ import annotations

from json import dumps

from refused.evidence.control_plane import PatchWindows
from refused.evidence.observations import Unseen
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import the_cache
from refused.remedies.say import az, bicep_resource, powershell
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("server-failover-maintenance",)
RANK = 70
API = api_version("Microsoft.Cache/redis")
DAY, HOUR, LENGTH = "Sunday", 2, "PT5H"  # five hours are the least that Azure takes


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose a window, where the cache may be patched at any time."""
    cache, windows = the_cache(evidence), evidence.one(PatchWindows)
    if cache is None or cache.service != "acr" or isinstance(windows, Unseen) or windows.windows:
        return
    path = f"{cache.id}/patchSchedules/default"
    entries = [{"dayOfWeek": DAY, "startHourUtc": HOUR, "maintenanceWindow": LENGTH}]
    yield Change(
        kind="patch-window",
        cause=cause,
        title=f"let {cache.name} be patched on {DAY}s from {HOUR}:00 UTC on",
        where="azure",
        resource_id=cache.id,
        write=ArmWrite(
            method="PUT",
            id=path,
            api_version=API,
            body=dumps({"properties": {"scheduleEntries": entries}}),
        ),
        undo=ArmWrite(method="DELETE", id=path, api_version=API),
        settings=(Setting(name="patch window", before=None, after=f"{DAY} {HOUR}:00 UTC, 5 h"),),
        facts=(("entries", dumps(entries)),),
        why="without a window the service patches at any time; it takes no window for unplanned failovers",
        affects="nobody now",
        interruption="none",
        proof="the schedule shows the window",
        hop="resp",
        prepares="nothing further; the next patch will keep to it",
    )


def render(change: Change) -> dict[str, str]:
    """Say the window for ``az``, PowerShell and Bicep, and where it stands in Terraform."""
    cache, entries = take_apart(change.resource_id), change.fact("entries")
    entry = f"New-AzRedisCacheScheduleEntry -DayOfWeek '{DAY}' -StartHourUtc {HOUR} -MaintenanceWindow '05:00:00'"
    return {
        "az": az(
            "redis patch-schedule create",
            subscription=cache.subscription,
            resource_group=cache.group,
            name=cache.name,
            schedule_entries=entries,
        ),
        "powershell": powershell(
            "New-AzRedisCachePatchSchedule", ResourceGroupName=cache.group, Name=cache.name
        )
        + f" -Entries @(({entry}))",
        "bicep": bicep_resource(
            "cache", "Microsoft.Cache/redis", API, {"name": cache.name}, existing=True
        )
        + "\n"
        + bicep_resource(
            "window",
            "Microsoft.Cache/redis/patchSchedules",
            API,
            {
                "parent": "cache",
                "name": "default",
                "properties": {
                    "scheduleEntries": [
                        {"dayOfWeek": DAY, "startHourUtc": HOUR, "maintenanceWindow": LENGTH}
                    ]
                },
            },
        ),
        "terraform": f"# in azurerm_redis_cache.{cache.name}\npatch_schedule {{\n"
        f'  day_of_week        = "{DAY}"\n  start_hour_utc     = {HOUR}\n  maintenance_window = "{LENGTH}"\n}}\n',
    }
