"""Another bundle as a vantage point: what was seen there is laid beside what is seen here.

The module stays at home.
"""

from __future__ import annotations

from refused.evidence.bundle import LARGEST_BYTES, BadBundle, Bundle
from refused.vantage import BadVantage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

    from refused.evidence.bundle import Fact
    from refused.evidence.target import Parsed, Target
    from refused.probes.gather import Wishes

HERE = "here"


class Saved:
    """The places of a saved bundle, under the names that they have there.

    Its ``here`` is not ours, and bears the name of the file: ``@jump-host.json``.

    Raises:
        BadVantage: No file is named.
        BadBundle: The file is no evidence bundle.
    """

    def __init__(self, path: str) -> None:
        if not path:
            raise BadVantage("--from @ takes the file of a bundle: @bundle.json")
        self.name = f"@{path}"
        self._bundle = read(path)

    def gather(self, parsed: Parsed, wishes: Wishes) -> Tuple[Fact, ...]:  # noqa: ARG002 - as others do
        """Return the facts of the bundle.

        Raises:
            BadVantage: It is about another endpoint.
        """
        return self.facts_about(parsed.target)

    def facts_about(self, target: Target) -> Tuple[Fact, ...]:
        """Return the facts of the bundle.

        Raises:
            BadVantage: It is about another endpoint than *target*.
        """
        seen = self._bundle.target
        if (seen.host, seen.port, seen.tls) != (target.host, target.port, target.tls):
            raise BadVantage(
                f"{self.name} is about {seen.host} port {seen.port}{', TLS' if seen.tls else ''}, "
                f"and the target is {target.host} port {target.port}{', TLS' if target.tls else ''}"
            )
        name = "@" + self.name[1:].replace("\\", "/").rsplit("/", 1)[-1]
        return tuple(
            fact.replace(vantage=name) if fact.vantage == HERE else fact
            for fact in self._bundle.facts
        )


def read(path: str) -> Bundle:
    """Read a saved bundle.

    Raises:
        BadBundle: The file cannot be read or is no evidence bundle; one line says why.
    """
    from json import loads

    shown = path if path.isprintable() else repr(path)
    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST_BYTES + 1)
    except OSError as gone:
        raise BadBundle(f"{shown}: {gone.strerror or gone}") from None
    except ValueError:
        raise BadBundle(f"{shown} is no name of a file") from None
    if len(text) > LARGEST_BYTES:
        raise BadBundle(
            f"{shown} is larger than {LARGEST_BYTES >> 20} MiB, which no bundle of mine is"
        )
    try:
        return Bundle.from_json(loads(text))
    except (ValueError, RecursionError) as wrong:
        said = str(wrong) if isinstance(wrong, BadBundle) else "it is not JSON"
        raise BadBundle(f"{shown}: {said}") from None
