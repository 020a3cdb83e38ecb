"""What a support case needs, in one file: times, ids, client, error, configuration, evidence.

Everything in it was redacted when it was kept, and is searched for secrets once more when it is
written.
"""

from __future__ import annotations

from json import loads

from refused.evidence.control_plane import AzureCache
from refused.evidence.observations import ClientSettings, LoggedError
from refused.incidents.review import utc
from refused.incidents.timeline import bundles, timeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from refused.evidence.bundle import Bundle
    from refused.incidents.record import Incident

SCHEMA = "refused.support/1"


def support_case(incident: Incident, errors: Sequence[LoggedError] = ()) -> dict[str, Any]:
    """Return the case as JSON-ready objects.

    Args:
        incident: What was kept.
        errors: What its error texts were read as; they tell of the client as the evidence does.
    """
    from refused.evidence.redaction import redact_data

    kept = tuple(bundles(incident))
    data: Any = redact_data(
        {
            "schema": SCHEMA,
            "incident": incident.id,
            "title": incident.title,
            "target": incident.target,
            "service": incident.service,
            "severity": incident.severity,
            "times_utc": {
                name: utc(at)
                for name in ("began_at", "detected_at", "opened_at", "resolved_at")
                if (at := getattr(incident, name)) is not None
            },
            "resource_ids": sorted(
                {fact.id for b in kept for fact in b.facts if isinstance(fact, AzureCache)}
            ),
            "request_ids": sorted({*(each.title for each in incident.of("request")), *_ids(kept)}),
            "client": _client(kept, errors),
            "errors": [each.data or each.title for each in incident.of("error")],
            "configuration": _configuration(kept),
            "timeline": [
                {"utc": utc(each.at), "says": each.says, "source": each.source}
                for each in timeline(incident)
            ],
            "changes": [_parsed(each.data) or each.title for each in incident.of("change")],
            "evidence": [bundle.to_json() for bundle in kept],
        }
    )
    return dict(data)


def _ids(kept: tuple[Any, ...]) -> set[str]:
    """Return correlation and request ids that evidence tells of."""
    found = set()
    for bundle in kept:
        for fact in bundle.facts:
            for name in ("correlation_id", "request_id", "tracking_id"):
                if getattr(fact, name, ""):
                    found.add(f"{name}: {getattr(fact, name)}")
    return found


def _client(kept: tuple[Bundle, ...], errors: Sequence[LoggedError]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for fact in (*errors, *(fact for bundle in kept for fact in bundle.facts)):
        if isinstance(fact, ClientSettings) and fact.client:
            said["client"] = fact.client
        elif isinstance(fact, LoggedError):
            told = {"client": fact.client, "version": _version(fact), "runtime": fact.runtime}
            said.update({name: value for name, value in told.items() if value})
    if kept:
        said["tool"] = kept[-1].tool
    return said


def _version(error: LoggedError) -> str:
    """Return the client's version as far as its error tells; counters hold 2.7 as 2.007."""
    for name, value in error.counters:
        if name == "version":
            return f"{int(value)}.{round(value % 1 * 1000)}"
    return ""


def _configuration(kept: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [
        {"kind": type(fact).__name__, **fact.to_json()}
        for bundle in kept[-1:]
        for fact in bundle.facts
        if isinstance(fact, AzureCache | ClientSettings)
    ]


def _parsed(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None
