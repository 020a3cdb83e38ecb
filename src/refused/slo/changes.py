"""A rule that is missing or different, as a change like any other: previewed, journalled, undone."""

from __future__ import annotations

from refused.remedies.change import ArmWrite, Change, Setting
from refused.slo.bodies import GROUP
from refused.slo.standing import merged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from refused.slo.standing import Standing

# How `refused fix --journal` and `refused alerts undo` know these changes again.
KIND = "alert-rule"
BILL = "Azure bills each metric series that a rule watches, by the month; rules on the activity log are free"
PRICES = "https://azure.microsoft.com/pricing/details/monitor/"


def change_of(standing: Standing, found: dict[str, Any] | None, *, run: str, cause: str) -> Change:
    """Return the change that brings one resource to what is wanted.

    Args:
        found: What stands there now.
        run: What all changes of one ``refused alerts apply`` have in common.
        cause: The root cause that the rule warns of; ``""`` for the action group.

    Raises:
        ValueError: There is nothing to change.
    """
    if standing.state not in ("missing", "different"):
        raise ValueError(
            f"{standing.document.name} is {standing.state}: there is nothing to change"
        )
    document, is_new = standing.document, found is None
    write = ArmWrite(
        method="PUT",
        id=document.id,
        api_version=document.api_version,
        body=document.body if found is None else merged(document, found),
    )
    is_group = document.kind == GROUP
    # A webhook's address is its secret: the journal does not keep it, so nothing can put it back.
    had_hooks = bool(found) and any(
        (found or {}).get("properties", {}).get(name)
        for name in ("webhookReceivers", "logicAppReceivers", "azureFunctionReceivers")
    )
    return Change(
        kind=KIND,
        cause=cause,
        title=f"{'make' if is_new else 'change'} the {'action group' if is_group else 'alert'} {document.name}",
        where="azure",
        resource_id=document.id,
        write=write,
        # What was there before is put back as it was exported; what was not there is removed again.
        undo=ArmWrite(method="DELETE", id=document.id, api_version=document.api_version)
        if is_new
        else None,
        settings=(Setting(name=document.name, before=None, after=document.title),)
        if is_new
        else tuple(
            Setting(name=line.partition(" is ")[0], before="as it is", after=line)
            for line in standing.differences
        ),
        facts=(("run", run), ("rule", document.rule)),
        why=document.title,
        affects="nobody's connection; whoever is in the action group is told",
        interruption="none",
        proof="the rule stands in Azure as it was planned",
        hop="command",
        reversible=not had_hooks,
        undo_says="the addresses it had are secrets that no journal keeps; put them back by hand"
        if had_hooks
        else "",
        price=BILL if document.kind == "metricAlerts" else "",
    )
