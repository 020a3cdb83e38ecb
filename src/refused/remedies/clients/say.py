"""A client's hardened settings as a person or a program reads them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from refused.remedies.clients.advice import ClientConfig
    from refused.remedies.clients.wanted import Wanted

SCHEMA = "refused.client-config/1"
_WIDTH = 100


def to_data(config: ClientConfig, wanted: Wanted) -> dict[str, Any]:
    """Return everything as JSON-ready objects (schema ``refused.client-config/1``)."""
    return {
        "schema": SCHEMA,
        "client": config.client,
        "versions": config.versions,
        "install": config.install,
        "target": {
            "host": wanted.host,
            "port": wanted.port,
            "tls": wanted.tls,
            "service": wanted.service,
            "auth": wanted.auth,
            "cluster": wanted.cluster,
            "sku": wanted.sku or None,
            "limit": wanted.limit,
            "shards": wanted.shards if wanted.cluster else None,
            "pods": wanted.pods,
            "processes": wanted.processes,
        },
        "settings": [
            {
                "name": each.name,
                "value": each.value,
                "default": each.default,
                "why": each.why,
                "source": each.source,
                "guess": each.guess,
            }
            for each in config.settings
        ],
        "files": [each.to_json() for each in config.files],
        "notes": list(config.notes),
        "executed": config.executed,
    }


def to_text(config: ClientConfig) -> str:
    """Return the code with what one has to know as comments; it is a valid file if it is one."""
    parts: list[str] = []
    sign = "#"
    for file in config.files:
        sign = "#" if file.language in ("python", "ruby", "yaml") else "//"
        if len(config.files) > 1:
            parts.append(f"{sign} --- {file.name}")
        parts.append(file.text.rstrip("\n"))
    parts += ["", f"{sign} Notes:", *_comment(f"- Install: {config.install}", sign)]
    for note in config.notes:
        parts += _comment(f"- {note}", sign)
    parts += _comment(f"- How this code is tested: {config.executed}.", sign)
    return "\n".join(parts)


def _comment(text: str, sign: str) -> list[str]:
    from textwrap import wrap

    return wrap(
        text,
        _WIDTH,
        initial_indent=f"{sign} ",
        subsequent_indent=f"{sign}   ",
        break_long_words=False,
        break_on_hyphens=False,
    )
