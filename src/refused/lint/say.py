"""What was found in settings, for people and programs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from refused.lint.client_settings import Verdict

SCHEMA = "refused.client-check/1"
_WIDTH = 100


def to_data(verdict: Verdict) -> dict[str, Any]:
    """Return everything as JSON-ready objects (schema ``refused.client-check/1``)."""
    return {"schema": SCHEMA, **verdict.to_json()}


def to_text(verdict: Verdict) -> str:
    """Return it for a terminal, the worst first."""
    from textwrap import wrap

    place = verdict.name or "the string"
    lines = []
    for each in verdict.findings:
        where = f"{place}:{each.line}" if each.line else place
        value = f" = {each.value}" if each.value else ""
        lines.append(f"{each.severity:<7} {where}  {each.setting}{value}")
        said = f"{each.why}; better: {each.better} [{each.source}]"
        lines += [
            f"        {line}"
            for line in wrap(said, _WIDTH - 8, break_long_words=False, break_on_hyphens=False)
        ]
    lines += [f"unseen  {each}" for each in verdict.unread]
    if not verdict.client:
        return "\n".join([*lines, "Nothing was judged."])
    many = len(verdict.findings)
    said = f"{many} finding{'s' if many != 1 else ''}" if many else "nothing to object to"
    lines.append(f"{verdict.client}: {verdict.judged} settings judged, {said}.")
    return "\n".join(lines)
