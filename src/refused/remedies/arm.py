"""The conversation with Azure Resource Manager in which something is written.

Apart from the probes' own (:mod:`refused.probes.azure.client`), which only reads and may repeat what
it asked. Here a write is sent once: whether one that got no answer arrived is found out by looking.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from refused.probes.azure.credentials import token
from refused.probes.azure.endpoint import endpoint_of
from refused.probes.azure.trust import proxy_for, trust
from refused.probes.stopwatch import Deadline
from refused.remedies.apply import Reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from refused.evidence.redaction import Secret
    from refused.remedies.change import ArmWrite

TIMEOUT_S = 60.0
# A token lives an hour or more; a long operation may outlive it.
RENEW_S = 45 * 60.0
MOST_READS = 6
_PASSING = frozenset({429, 500, 502, 503, 504})


class Writer:
    """Azure Resource Manager as :mod:`refused.remedies.apply` needs it.

    Args:
        environ: Where endpoint, CA, proxy and credential come from, as for the probes.

    Raises:
        BadEndpoint: The control plane cannot be asked the way the environment says.
        NoToken: No credential gave a token.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.endpoint = endpoint_of(environ)
        self._context: ssl.SSLContext = trust(environ)
        self._token: Secret | None = None
        self._renew_at = 0.0

    def read(self, path: str, api_version: str) -> Reply:
        """GET a resource; throttled and failed answers are asked for again, a few times."""
        return self._patiently(f"{path}?api-version={api_version}")

    def poll(self, url: str) -> Reply:
        """GET an operation's own URL, of this very endpoint: no token goes anywhere else."""
        if not url.startswith(f"{self.endpoint.url}/"):
            return Reply(0, None, {})
        return self._patiently(url[len(self.endpoint.url) :])

    def write(self, write: ArmWrite, if_match: str | None) -> Reply:
        """Send one write, once; status 0 where no answer came."""
        headers = {"Content-Type": "application/json"} if write.body else {}
        if if_match:
            headers["If-Match"] = if_match
        path = f"{write.id}?api-version={write.api_version}"
        return self._once(write.method, path, headers, write.body.encode())

    def _patiently(self, path: str) -> Reply:
        reply = Reply(0, None, {})
        for tried in range(MOST_READS):
            reply = self._once("GET", path, {}, b"")
            if reply.status and reply.status not in _PASSING:
                break
            if tried < MOST_READS - 1:
                time.sleep(min(_retry_after_s(reply) or 0.2 * 2**tried, 30.0))
        return reply

    def _once(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        from http.client import HTTPException, HTTPSConnection

        proxy = proxy_for(self.endpoint.host, self.environ)
        host, port = (self.endpoint.host, self.endpoint.port) if proxy is None else proxy[:2]
        link = HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._context)
        if proxy is not None:
            link.set_tunnel(self.endpoint.host, self.endpoint.port, proxy[2])
        sent = {
            "Authorization": f"Bearer {self._bearer()}",
            "Accept": "application/json",
            "User-Agent": "refused",
            **headers,
        }
        try:
            link.request(method, path.replace(" ", "%20"), body=body or None, headers=sent)
            answer = link.getresponse()
            raw = answer.read()
        except (OSError, HTTPException):
            return Reply(0, None, {})
        finally:
            link.close()
        told = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return Reply(answer.status, json.loads(raw) if raw.strip() else None, told)
        except ValueError:
            return Reply(answer.status, None, told)

    def _bearer(self) -> str:
        if self._token is None or time.monotonic() > self._renew_at:
            self._token = token(self.endpoint, self.environ, Deadline(TIMEOUT_S))
            self._renew_at = time.monotonic() + RENEW_S
        return self._token.reveal()


def _retry_after_s(reply: Reply) -> float:
    try:
        return max(0.0, float(reply.headers.get("retry-after", "")))
    except ValueError:
        return 0.0
