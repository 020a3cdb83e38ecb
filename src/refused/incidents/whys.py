"""The five whys: symptom, mechanism, setting, change, process; each with what speaks for it.

What the evidence tells is filled in, the rest is asked. The last one asks about a process and never
about a person: whoever made the change made it in good faith, with what the process let them see.
"""

from __future__ import annotations

from json import loads

from refused.causes import catalogue
from refused.diagnosis.judge import diagnose
from refused.evidence.control_plane import ResourceChange
from refused.evidence.record import Record
from refused.incidents.timeline import bundles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from refused.causes.statements import Cause
    from refused.diagnosis.outcome import Diagnosis
    from refused.evidence.bundle import Bundle
    from refused.incidents.record import Incident


class Why(Record):
    """One of the five.

    Attributes:
        level: 1 (the symptom) to 5 (the process).
        question: What is asked.
        answer: ``""`` where nobody has answered yet.
        evidence: What speaks for the answer, or why it is still asked.
        filled_in: Whether the evidence answered, and not a person.
    """

    level: int
    name: str
    question: str
    answer: str = ""
    evidence: str = ""
    filled_in: bool = False


NAMES = ("symptom", "mechanism", "setting", "change", "process")


def whys(incident: Incident) -> tuple[Why, ...]:
    """Return the five, those that were answered by somebody as they were answered last."""
    bundle = next(iter(bundles(incident)), None)
    diagnosis = diagnose(bundle) if bundle is not None else None
    cause = _cause(incident, diagnosis)
    filled = (
        _symptom(incident, diagnosis),
        _mechanism(cause, diagnosis),
        _setting(incident, cause),
        _change(incident, bundle),
        _process(cause),
    )
    answers = _answers(incident)
    return tuple(
        why.replace(
            answer=given["answer"], evidence=given.get("evidence") or why.evidence, filled_in=False
        )
        if (given := answers.get(why.level)) is not None
        else why
        for why in filled
    )


def _answers(incident: Incident) -> dict[int, dict[str, Any]]:
    found = {}
    for entry in incident.of("why"):
        data = loads(entry.data)
        found[int(data["level"])] = data
    return found


def _cause(incident: Incident, diagnosis: Diagnosis | None) -> Cause | None:
    wanted = incident.cause
    if not wanted and diagnosis is not None and diagnosis.findings:
        first = diagnosis.findings[0]
        wanted = first.weighed.cause.id if first.certainty != "possible" else ""
    return next((cause for cause, _ in catalogue() if cause.id == wanted), None)


def _symptom(incident: Incident, diagnosis: Diagnosis | None) -> Why:
    question = f"Why did this happen: {incident.title}?"
    failed = None
    if diagnosis is not None:
        failed = next((hop for hop in diagnosis.path if hop.status == "failed"), None)
    if failed is not None:
        answer = f"The connection failed at {failed.hop}: {failed.said}."
        return _why(
            1, question, answer, f"seen from {diagnosis.places[0].vantage}" if diagnosis else ""
        )
    errors = incident.of("error")
    if errors:
        return _why(
            1, question, f"The client said: {errors[0].title}", "the error as it was printed"
        )
    return _why(1, question, "", "no evidence of a failing hop was kept")


def _mechanism(cause: Cause | None, diagnosis: Diagnosis | None) -> Why:
    question = "Why did that hop fail?"
    if cause is None:
        return _why(2, question, "", "no cause was found to be likely")
    found = None
    if diagnosis is not None:
        found = next(
            (each for each in diagnosis.findings if each.weighed.cause.id == cause.id), None
        )
    said = ""
    if found is not None:
        proofs = [proof.because for proof in found.weighed.proofs]
        clues = sorted(found.weighed.clues, key=lambda each: -each.weight)
        said = "; ".join((proofs or [clue.because for clue in clues if clue.weight > 0])[:3])
    return _why(2, question, f"{cause.title[:1].upper()}{cause.title[1:]} ({cause.id}).", said)


def _setting(incident: Incident, cause: Cause | None) -> Why:
    question = "Which setting made it so?"
    for entry in incident.of("change"):
        try:
            change = loads(entry.data)
        except ValueError:
            continue
        settings = change.get("settings") if isinstance(change, dict) else None
        if settings:
            words = "; ".join(
                f"{each['name']} was {each['before'] or 'not there'} and had to be {each['after']}"
                for each in settings
            )
            return _why(
                3,
                question,
                f"{words[:1].upper()}{words[1:]}.",
                f"the change that helped: {entry.title}",
            )
    if cause is not None and cause.bucket != "configuration":
        return _why(
            3,
            question,
            "",
            f"the cause is of the bucket {cause.bucket}; name the limit, the code or the dependency",
        )
    return _why(3, question, "", "no change was recorded that helped")


def _change(incident: Incident, bundle: Bundle | None) -> Why:
    question = "What changed, and when?"
    if bundle is None:
        return _why(4, question, "", "no evidence was kept")
    until = incident.began_at or incident.detected_at or incident.opened_at
    changes = [
        fact
        for fact in bundle.facts
        if isinstance(fact, ResourceChange) and fact.status.lower() != "failed"
    ]
    last = _nearest(each for each in changes if each.when <= until)
    if last is None:
        return _why(4, question, "", _none_before(until, changes))
    before = until - last.when
    who = f" by {last.caller}" if last.caller else ""
    answer = f"{last.summary or last.operation}{who}, {_time(before)} before the first failure."
    evidence = (
        f"{last.found_in.replace('-', ' ')}, correlation id {last.correlation_id or 'not given'}"
    )
    return _why(4, question, answer, evidence)


def _none_before(until: float, changes: Iterable[ResourceChange]) -> str:
    """Say that no change was seen before the first failure; a guess at that time may be too early."""
    said = "no change before the first failure was seen; logs lag, and the application's own history counts too (--changes)"
    first = min(changes, key=lambda each: each.when, default=None)
    if first is None:
        return said
    after = _time(first.when - until)
    return f"{said}; {first.summary or first.operation} came {after} after the time that was given for it: is --began right?"


def _nearest(changes: Iterable[ResourceChange]) -> ResourceChange | None:
    return max(changes, key=lambda each: each.when, default=None)


def _process(cause: Cause | None) -> Why:
    question = "Why could that happen unnoticed: which check, alert or review was not there?"
    hint = f"what prevents it: {cause.prevent}" if cause is not None else "no cause is known yet"
    return _why(5, question, "", hint)


def _why(level: int, question: str, answer: str, evidence: str) -> Why:
    return Why(
        level=level,
        name=NAMES[level - 1],
        question=question,
        answer=answer,
        evidence=evidence,
        filled_in=bool(answer),
    )


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours"
