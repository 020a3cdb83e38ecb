"""The report: one diagnosis as text, JSON and, later, whatever else people read."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from refused.diagnosis.outcome import Diagnosis
    from refused.diagnosis.rank import Finding
    from refused.diagnosis.severity import Response
    from refused.diagnosis.weigh import Weighed
    from refused.evidence.bundle import Bundle
    from refused.report.timeline import Timeline

SCHEMA = "refused.report/1"
DOCS = "https://refused.readthedocs.io/causes/{id}/"


class Report:
    """What ``refused diagnose`` answers.

    Attributes:
        bundle: The evidence that it rests on.
        diagnosis: The conclusions drawn from it.
        timeline: What the log that was read tells over time, if one was.
    """

    def __init__(self, bundle: Bundle, diagnosis: Diagnosis) -> None:
        self.bundle = bundle
        self.diagnosis = diagnosis
        self.responses: Mapping[int, Response] | None = None
        self.timeline: Timeline | None = None

    @property
    def verdict(self) -> str:
        """``healthy``, ``fault`` or ``inconclusive``."""
        return self.diagnosis.verdict

    @property
    def severity(self) -> int | None:
        """1 (worst) to 4; ``None`` where the scope is not known."""
        return self.diagnosis.severity

    @property
    def response(self) -> Response | None:
        """What the severity asks for: until when, and whom to tell how often; ``None`` without one."""
        if self.severity is None:
            return None
        if self.responses is None:
            from refused.diagnosis.severity import RESPONSES

            return RESPONSES[self.severity]
        return self.responses[self.severity]

    @property
    def causes(self) -> tuple[FoundCause, ...]:
        """The causes that are left, best first."""
        return tuple(FoundCause(finding) for finding in self.diagnosis.findings)

    def to_data(self) -> dict[str, Any]:
        """Return the report as JSON-ready objects (schema ``refused.report/1``)."""
        said = self.diagnosis
        target = self.bundle.target
        chosen = said.next_check
        return {
            "schema": SCHEMA,
            # A text may tell of a failure and not of where.
            "target": None
            if not target.host
            else {
                "host": target.host,
                "port": target.port,
                "tls": target.tls,
                "service": target.service,
                "text": target.text,
            },
            "verdict": said.verdict,
            "severity": said.severity,
            "severity_because": said.severity_because,
            "response": None if self.response is None else self.response.to_json(),
            "path": [
                {"hop": hop.hop, "status": hop.status, "said": hop.said, "ms": _rounded(hop.ms)}
                for hop in said.path
            ],
            "vantages": [
                {
                    "vantage": place.vantage,
                    "verdict": place.verdict,
                    "path": [
                        {
                            "hop": hop.hop,
                            "status": hop.status,
                            "said": hop.said,
                            "ms": _rounded(hop.ms),
                        }
                        for hop in place.path
                    ],
                }
                for place in said.places
            ],
            "causes": [cause.to_data() for cause in self.causes],
            "ruled_out": [
                {"id": each.cause.id, "because": each.ruled_out[0].because}
                for each in said.ruled_out
            ],
            "unseen": [
                {"what": gap.what, "why": gap.why, "how_to_see": gap.how_to_see}
                for gap in said.unseen
            ],
            "next_check": None
            if chosen is None
            else {
                "what": chosen.check.what,
                "command": self.command(chosen.check.command),
                "tells": list(chosen.tells),
            },
            "notes": [*said.notes, *map(str, said.differences)],
            "evidence": self._evidence(),
            "took_ms": _rounded(self.bundle.took_ms),
            **({"timeline": self.timeline.to_data()} if self.timeline else {}),
        }

    def _evidence(self) -> dict[str, Any]:
        """Return the bundle as it was judged: with what each place knew of the others."""
        told = self.diagnosis.elsewhere
        if not told:
            return self.bundle.to_json()
        named = {(type(each), each.vantage) for each in told}
        kept = (fact for fact in self.bundle.facts if (type(fact), fact.vantage) not in named)
        return self.bundle.replace(facts=(*kept, *told)).to_json()

    def command(self, template: str) -> str:
        """Fill a check's command in for this target."""
        from shlex import quote

        target = self.bundle.target
        if ":" in target.host:
            template = template.replace("{host}:", "[{host}]:")
        return (
            template.replace("{target}", quote(target.text))
            .replace("{host}", target.host or "HOST")
            .replace("{port}", str(target.port) if target.host else "PORT")
            .replace("{name}", target.host.split(".")[0] or "NAME")
        )

    def to_json(self, indent: int | None = 2) -> str:
        """Return the report as JSON text, searched for secrets once more."""
        from json import dumps

        from refused.evidence.redaction import redact_data

        data = redact_data(self.to_data())
        return dumps(data, indent=indent, ensure_ascii=False, allow_nan=False)

    def to_text(self, *, width: int = 80, color: bool = False, verbose: bool = False) -> str:
        """Return the report for a terminal."""
        from refused.evidence.redaction import redact_ours
        from refused.report.terminal import render

        return redact_ours(render(self, width=width, color=color, verbose=verbose))

    def __repr__(self) -> str:
        first = f", {self.causes[0].id}" if self.causes else ""
        return f"<Report {self.bundle.target.host}:{self.bundle.target.port} {self.verdict}{first}>"


def schema() -> dict[str, Any]:
    """Return the JSON Schema that every report keeps to, as it is published with the package."""
    from json import loads
    from pkgutil import get_data

    published: dict[str, Any] = loads(get_data(__name__, "schema.json") or b"{}")
    return published


class FoundCause:
    """One cause of the report."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding
        cause = finding.weighed.cause
        self.id = cause.id
        self.title = cause.title
        self.bucket = cause.bucket
        self.certainty = finding.certainty
        self.probability = finding.probability
        asked_for = _asked_for(finding.weighed)
        self.remedies = (*asked_for, *(each for each in cause.remedies if each not in asked_for))
        self.verify = cause.verify
        self.prevent = cause.prevent
        self.because = _for(finding.weighed)
        self.against = tuple(
            clue.because for clue in _by_weight(finding.weighed) if clue.weight < 0
        )

    def to_data(self) -> dict[str, Any]:
        """Return the cause as JSON-ready objects."""
        return {
            "id": self.id,
            "title": self.title,
            "certainty": self.certainty,
            "probability": round(self.probability, 3),
            "bucket": self.bucket,
            "because": list(self.because),
            "against": list(self.against),
            "remedies": [{"title": remedy} for remedy in self.remedies],
            "verify": self.verify,
            "prevent": self.prevent,
            "docs": DOCS.format(id=self.id),
        }

    def __repr__(self) -> str:
        return f"<{self.id}: {self.certainty}, {self.probability:.0%}>"


def _asked_for(weighed: Weighed) -> tuple[str, ...]:
    """Return the remedies that what was said asks for by name, proofs first."""
    said = [*(each.ends for each in weighed.proofs), *(each.ends for each in weighed.clues)]
    return tuple(dict.fromkeys(each for each in said if each))


def _by_weight(weighed: Weighed) -> list[Any]:
    return sorted(weighed.clues, key=lambda clue: -abs(clue.weight))


def _for(weighed: Weighed) -> tuple[str, ...]:
    """Return the sentences that speak for a cause: proofs first, then the strongest clues."""
    said = [proof.because for proof in weighed.proofs]
    said += [clue.because for clue in _by_weight(weighed) if clue.weight > 0]
    return tuple(dict.fromkeys(said))


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 2)
