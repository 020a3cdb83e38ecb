"""A plan as a person reads it before they agree: one change at a time, its price first, then the command."""

from __future__ import annotations

from refused.remedies.kinds import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from refused.remedies.change import Change
    from refused.remedies.journal import Entry
    from refused.remedies.plan import Plan, Step

SCHEMA = "refused.plan/1"
_WORDS = {
    "azure": "in Azure",
    "client": "in the application",
    "host": "on this host",
    "kubernetes": "in the cluster",
    "others": "by whoever runs it",
    "nowhere": "nothing to change",
}


def to_data(plan: Plan, target: str) -> dict[str, Any]:
    """Return the plan as JSON-ready objects (schema ``refused.plan/1``)."""
    return {
        "schema": SCHEMA,
        "target": target,
        "steps": [
            {
                **{name: value for name, value in step.change.to_json().items() if name != "facts"},
                "certainty": step.certainty,
                "probability": round(step.probability, 3),
                "before_next": step.before,
                "rendered": rendered(step.change),
            }
            for step in plan.steps
        ],
        "missing": [each.to_json() for each in plan.missing],
        "refused": [each.to_json() for each in plan.refused],
        "without": list(plan.without),
    }


def rendered(change: Change) -> dict[str, str]:
    """Return the change in every form that fits."""
    return kind_of(change).render(change)


def to_text(plan: Plan, *, form: str = "", width: int = 80) -> str:
    """Return the plan for a terminal; *form* picks one language, else ``az``, or a diff, is shown."""
    blocks = [list(_step(number, step, form, width)) for number, step in enumerate(plan.steps, 1)]
    for gap in plan.missing:
        said = f"Could be planned with one more fact: {gap.what}. It needs {gap.needs}: {gap.how}."
        blocks.append(_wrap(said, width))
    blocks += [
        _wrap(f"Not done: {no.asked}. {no.because}; instead: {no.instead}.", width)
        for no in plan.refused
    ]
    if plan.without:
        said = (
            f"No change of mine ends {', '.join(plan.without)}; `refused causes ID` says what does."
        )
        blocks.append(_wrap(said, width))
    return "\n\n".join("\n".join(block) for block in blocks)


def _step(number: int, step: Step, form: str, width: int) -> Iterator[str]:
    change = step.change
    yield from _wrap(f"{number}. {change.title}", width)
    how_sure = f"ends {change.cause} ({step.certainty}, {step.probability:.0%})"
    for name, said in (
        ("what", f"{how_sure}; {_WORDS[change.where]}"),
        ("tried", step.tried),
        ("why", change.why),
        ("before", f"the next: {step.before}" if step.before else ""),
        ("affects", change.affects),
        ("breaks", change.interruption),
        ("undo", undo_words(change)),
        ("proof", change.proof),
        ("settles", f"within {change.settles_s} s" if change.settles_s else ""),
        ("price", change.price),
        ("owner", change.owner_word),
        ("then", change.prepares),
    ):
        if said:
            yield from _wrap(f"   {name:<8} {said}", width, indent=12)
    forms = rendered(change)
    shown = (
        [form]
        if form in forms
        else [each for each in ("az", "diff", "kubectl", "sysctl", "shell") if each in forms]
    )
    for each in shown:
        yield ""
        yield from (f"   {line}" for line in forms[each].rstrip("\n").split("\n"))
    others = [each for each in forms if each not in shown]
    if others:
        yield ""
        yield f"   also as {', '.join(others)} (--form)"


def undo_words(change: Change) -> str:
    """Return in words how a change is taken back."""
    if change.where == "nowhere":
        return ""
    if not change.reversible:
        return f"none: {change.undo_says or 'there is no way back'}"
    if change.undo_says:
        return change.undo_says
    if change.undo is not None and change.undo.method == "DELETE":
        return "what was made is removed again"
    return "the resource as it was exported is put back"


def journal_text(entries: tuple[Entry, ...], width: int = 80) -> str:
    """Return what was done, latest first, one block for each change."""
    if not entries:
        return "No change has been made from here."
    blocks = []
    for entry in reversed(entries):
        change, lines = entry.change, []
        mark = "OPEN " if entry.is_open else ""
        lines += _wrap(f"{entry.id}  {mark}{entry.state}  {change.title}", width)
        looked, failed = entry.last("looked"), entry.last("failed")
        if looked is not None:
            lines += _wrap(f"   last seen: {looked['says']}", width, indent=3)
        if failed is not None:
            lines += _wrap(f"   Azure said: {failed['said']}", width, indent=3)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def journal_data(entries: tuple[Entry, ...]) -> dict[str, Any]:
    """Return what was done as JSON-ready objects (schema ``refused.journal/1``), latest first."""
    return {
        "schema": "refused.journal/1",
        "changes": [
            {
                "id": entry.id,
                "state": entry.state,
                "open": entry.is_open,
                "title": entry.change.title,
                "target": entry.target,
                "steps": [{"step": step["step"], "at": step["at"]} for step in entry.steps],
            }
            for entry in reversed(entries)
        ],
    }


def _wrap(text: str, width: int, indent: int = 3) -> list[str]:
    from textwrap import wrap

    return wrap(
        text,
        max(width, 40),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
