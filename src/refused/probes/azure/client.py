"""The conversation with Azure Resource Manager: https alone, one token, few connections, good manners.

:meth:`Plane.ask` never raises. An :class:`Answer` that is no good says in ``why`` what stood in the
way and in ``how`` what would help, so that every read that failed becomes an ``Unseen`` of its own.

The standard library's http.client carries it: azure-core's pipeline costs 180 ms at start-up, and what
it would bring (retries, Retry-After, proxies) is two dozen lines here.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time

from refused.evidence.control_plane import CONTROL_PLANE, ArmAnswer
from refused.evidence.observations import Unseen
from refused.evidence.redaction import redact
from refused.probes.azure.endpoint import BadEndpoint
from refused.probes.azure.raw import without_secrets
from refused.probes.azure.trust import proxy_for, trust
from refused.probes.azure.ways import dig, text
from refused.service.arm import action_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from http.client import HTTPSConnection
    from typing import Any

    from refused.evidence.redaction import Secret
    from refused.probes.azure.endpoint import Endpoint
    from refused.probes.stopwatch import Deadline

LARGEST_BYTES = 32 * 1024 * 1024
MOST_PAGES = 20
# A connection to the control plane that takes longer than this is not going to come about.
CONNECT_S = 4.0
# How often a request is repeated: a throttled one as long as the time allows, a failed one twice.
MOST_TRIES = 4
_BACKOFF_S = (0.2, 0.5, 1.0)
_PASSING = frozenset({408, 500, 502, 503, 504})
_IN_PATHS = "/()-_.~:@$'+"


class NoToken(Exception):
    """No credential gave a token.

    Attributes:
        how: What would help.
    """

    def __init__(self, why: str, how: str) -> None:
        super().__init__(why)
        self.how = how


# --- what it says ----------------------------------------------------------------------------------


class Answer:
    """One answer, or why there is none.

    Attributes:
        status: The HTTP status; 0 where no answer came.
        body: The JSON, parsed; ``None`` where there is none.
        why: What stood in the way, one line; ``""`` where the answer is good.
        how: What would help.
        took_ms: From asking to the last byte, waiting out of politeness included.
        is_whole: Whether all pages are in *body*.
    """

    __slots__ = ("path", "api_version", "status", "body", "why", "how", "at", "took_ms", "is_whole")

    def __init__(
        self,
        path: str,
        api_version: str,
        *,
        status: int = 0,
        body: Any = None,
        why: str = "",
        how: str = "",
        took_ms: float = 0.0,
        is_whole: bool = True,
    ) -> None:
        self.path, self.api_version = path, api_version
        self.status, self.body, self.why, self.how = status, body, why, how
        self.at, self.took_ms, self.is_whole = time.time(), took_ms, is_whole

    @property
    def ok(self) -> bool:
        """Whether it can be read."""
        return not self.why

    @property
    def is_missing(self) -> bool:
        """Whether Azure says that there is no such thing, rather than that we may not see it."""
        return self.status == 404

    def stamp(self) -> dict[str, Any]:
        """Return the fields that every observation made of it begins with."""
        return {
            "vantage": CONTROL_PLANE,
            "at": self.at,
            "took_ms": self.took_ms,
            "source": f"ARM {_short(self.path)} {self.api_version}",
        }

    def unseen(self, what: str) -> Unseen:
        """Return that *what* could not be seen, and why."""
        return Unseen(vantage=CONTROL_PLANE, what=what, why=self.why, how_to_see=self.how)


def _short(path: str) -> str:
    """Return the end of a path, from the provider's namespace on: what was asked, not of whom."""
    at = path.lower().rfind("/providers/")
    return path[at + len("/providers/") :] if at >= 0 else path.strip("/")


# --- asking ----------------------------------------------------------------------------------------


class Plane:
    """The control plane, as one run talks with it.

    Attributes:
        down: Why it cannot be asked at all, once that is known; nothing is sent after that.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        token: Callable[[], Secret],
        *,
        deadline: Deadline,
        environ: Mapping[str, str],
        on_raw: Callable[[ArmAnswer], None] | None = None,
    ) -> None:
        self.endpoint, self.deadline, self.environ = endpoint, deadline, environ
        self.down = ""
        self.down_how = ""
        self._ask_for_token = token
        self._token: Secret | None = None
        self._on_raw = on_raw
        self._lock = threading.Lock()
        self._token_lock = threading.Lock()
        self._idle: list[HTTPSConnection] = []
        self._links: set[HTTPSConnection] = set()
        self._context: ssl.SSLContext | None = None
        self._quiet_until = 0.0

    def ask(
        self,
        path: str,
        api_version: str,
        query: Mapping[str, str] | None = None,
        *,
        post: Any = None,
        is_secret: bool = False,
    ) -> Answer:
        """Ask once, with the repetitions that good manners allow; never raises.

        Args:
            path: An ARM id or a path below one.
            post: What to send; ``None`` asks with GET. Nothing that is sent changes anything.
            is_secret: The answer holds secrets: it is shown to nobody.
        """
        from urllib.parse import quote, urlencode

        fields = {"api-version": api_version, **(query or {})}
        url = f"{quote(path, safe=_IN_PATHS)}?{urlencode(fields, quote_via=quote)}"
        return self._ask(url, path, api_version, post=post, is_secret=is_secret)

    def ask_all(
        self, path: str, api_version: str, query: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for a list and follow its pages; ``body["value"]`` holds what all of them hold."""
        first = self.ask(path, api_version, query)
        if not first.ok:
            return first
        values, answer = _values(first.body), first
        if values is None:
            # "No rules" and "no list" are worlds apart.
            first.why = "the answer holds no list"
            first.how = "look at it with refused probe --azure"
            return first
        for _ in range(MOST_PAGES):
            link = text(answer.body, "nextLink")
            if link is None:
                break
            target = self._own(link)
            if target is None:  # a token goes to the control plane and nowhere else
                first.is_whole = False
                break
            answer = self._ask(target, path, api_version)
            more = _values(answer.body) if answer.ok else None
            if more is None:
                first.is_whole = False
                break
            values += more
        else:
            first.is_whole = text(answer.body, "nextLink") is None
        first.body = {**first.body, "value": values}
        return first

    def close(self) -> None:
        """Close every connection, also those on which somebody still waits; again is no harm."""
        self._give_up(_TIME_UP, _MORE_TIME)
        with self._lock:
            links, self._links = list(self._links), set()
            self._idle.clear()
        for link in links:
            if link.sock is not None:
                # Whoever waits on it in another thread is woken by this, and not by close() alone.
                with contextlib.suppress(OSError):
                    link.sock.shutdown(socket.SHUT_RDWR)
            link.close()

    def _own(self, link: str) -> str | None:
        """Return path and query of a link to the control plane itself; ``None`` for any other."""
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(link)
            where = (parts.scheme, parts.hostname, parts.port or 443)
        except ValueError:
            return None
        if where != ("https", self.endpoint.host.lower(), self.endpoint.port):
            return None
        return f"{parts.path or '/'}?{parts.query}"

    def _ask(
        self, url: str, path: str, api_version: str, *, post: Any = None, is_secret: bool = False
    ) -> Answer:
        started = time.monotonic()
        answer = Answer(path, api_version, why=_TIME_UP, how=_MORE_TIME)
        fresh = False
        for tried in range(MOST_TRIES):
            if not self._wait_for_quiet():
                if tried == 0 or answer.ok:
                    answer = Answer(path, api_version, why=_TIME_UP, how=_MORE_TIME)
                break
            if self.down:
                answer = Answer(path, api_version, why=self.down, how=self.down_how)
                break
            answer, again_in_s = self._once(
                url, path, api_version, post=post, is_secret=is_secret, fresh=fresh, tried=tried
            )
            fresh = answer.status == 0
            if again_in_s is None:
                break
            if again_in_s >= self.deadline.left():
                break
            if answer.status == 429:
                with self._lock:  # all wait, not this request alone
                    self._quiet_until = max(self._quiet_until, time.monotonic() + again_in_s)
            else:
                time.sleep(again_in_s)
        answer.took_ms = (time.monotonic() - started) * 1000
        if answer.why and not answer.is_missing and not self.down:
            action, _ = action_for(path)
            if action and action not in answer.how:
                answer.how += f"; the read needs {action}"
        return answer

    def _wait_for_quiet(self) -> bool:
        """Wait while the control plane wants none of us; say whether there is time left after it."""
        while True:
            wait_s = self._quiet_until - time.monotonic()
            if wait_s <= 0:
                return not self.deadline.over
            if wait_s >= self.deadline.left():
                return False
            time.sleep(wait_s)

    def _once(  # one request; each way in which it can end is a line
        self,
        url: str,
        path: str,
        api_version: str,
        *,
        post: Any,
        is_secret: bool,
        fresh: bool,
        tried: int,
    ) -> tuple[Answer, float | None]:
        """Ask once. Returns the answer, and in how many seconds to ask again (``None``: not at all)."""
        from http.client import HTTPException
        from json import dumps

        made = Answer(path, api_version)
        try:
            bearer = self._bearer()
        except NoToken as none:
            self._give_up(str(none), none.how)
            made.why, made.how = self.down, self.down_how
            return made, None
        headers = {
            "Authorization": f"Bearer {bearer.reveal()}",
            "Accept": "application/json",
            "User-Agent": _agent(),
        }
        body = None
        if post is not None:
            body = dumps(post).encode()
            headers["Content-Type"] = "application/json"
        try:
            link, is_new = self._connection(fresh=fresh)
        except BadEndpoint as unusable:
            self._give_up(str(unusable), "put it right, or unset the variable")
            made.why, made.how = self.down, self.down_how
            return made, None
        try:
            if is_new and not self._connect(link, made):
                return made, None
            link.timeout = self.deadline.left()
            if link.sock is not None:
                link.sock.settimeout(max(0.001, self.deadline.left()))
            link.request("GET" if post is None else "POST", url, body=body, headers=headers)
            response = link.getresponse()
            made.status = response.status
            raw = self._read(response)
        except (OSError, HTTPException, ValueError) as broken:
            self._give_back(link, is_over=True)
            return self._broken(made, broken, is_new=is_new, tried=tried)
        response.close()  # what was read part by part does not know that it is at its end
        self._give_back(link, is_over=response.will_close)
        self._show(made, raw, response, post=post, is_secret=is_secret)
        return self._judge(made, raw, response, tried=tried)

    # --- one connection ----------------------------------------------------------------------------

    def _connection(self, *, fresh: bool) -> tuple[HTTPSConnection, bool]:
        """Return a connection that is free, or a new one that is still to be opened."""
        from http.client import HTTPSConnection

        with self._lock:
            if self._idle and not fresh:
                return self._idle.pop(), False
            if self._context is None:
                self._context = trust(self.environ)
        timeout_s = max(0.001, self.deadline.left(CONNECT_S))
        proxy = proxy_for(self.endpoint.host, self.environ)
        host, port = (self.endpoint.host, self.endpoint.port) if proxy is None else proxy[:2]
        link = HTTPSConnection(host, port, timeout=timeout_s, context=self._context)
        if proxy is not None:
            link.set_tunnel(self.endpoint.host, self.endpoint.port, proxy[2])
        with self._lock:
            self._links.add(link)
        return link, True

    def _give_back(self, link: HTTPSConnection, *, is_over: bool) -> None:
        """Keep a connection for the next request, or close it."""
        with self._lock:
            if not is_over and link in self._links:
                self._idle.append(link)
                return
            self._links.discard(link)
        link.close()

    def _connect(self, link: HTTPSConnection, made: Answer) -> bool:
        """Open a connection; where that fails, nobody needs to try again."""
        import ssl

        where = self.endpoint.host
        try:
            link.connect()
        except ssl.SSLCertVerificationError as untrusted:
            self._give_up(
                f"the certificate of {where} is not trusted: {untrusted.verify_message}",
                "name the CA that signed it in REQUESTS_CA_BUNDLE; if nobody knows that CA, something "
                "between here and Azure reads along",
            )
        except TimeoutError:
            self._give_up(
                f"{where} does not answer a connection",
                "allow https to it, or name a proxy in HTTPS_PROXY",
            )
        except ssl.SSLError as failed:
            self._give_up(
                f"TLS with {where} failed: {failed.reason or failed}",
                "look at what stands between here and Azure",
            )
        except OSError as gone:
            self._give_up(
                f"{where} cannot be reached: {gone.strerror or gone}",
                "allow https to it, or name a proxy in HTTPS_PROXY",
            )
        else:
            return True
        self._give_back(link, is_over=True)
        made.why, made.how = self.down, self.down_how
        return False

    def _give_up(self, why: str, how: str) -> None:
        if not self.down:
            self.down_how = redact(how)
            self.down = redact(why)

    def _bearer(self) -> Secret:
        with self._token_lock:
            if self._token is None:
                if self.down:
                    raise NoToken(self.down, self.down_how)
                self._token = self._ask_for_token()
            return self._token

    def _read(self, response: Any) -> bytes:
        """Read the body while there is time.

        Raises:
            TimeoutError: The time is up.
            ValueError: It is cut short, or larger than anything we would read.
        """
        parts, size = [], 0
        while True:
            if self.deadline.over:
                raise TimeoutError
            part = response.read1(65536)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > LARGEST_BYTES:
                raise _CutShort(f"is larger than {LARGEST_BYTES >> 20} MiB")
        promised = response.headers.get("Content-Length")
        if promised is not None and promised.isdigit() and size < int(promised):
            raise _CutShort(f"broke off after {size} of {promised} bytes")
        return b"".join(parts)

    def _broken(
        self, made: Answer, broken: Exception, *, is_new: bool, tried: int
    ) -> tuple[Answer, float | None]:
        """Say how a conversation ended before its time."""
        status, made.status = made.status, 0
        if isinstance(broken, TimeoutError):
            made.why = "the answer had not come when the time was up"
            if status:
                made.why = "the answer had not come to its end when the time was up"
            made.how = _MORE_TIME
            return made, None
        if isinstance(broken, _CutShort):
            made.why = f"the answer {broken}"
        elif status:
            made.why = "the answer broke off"
        else:
            made.why = "the connection ended before an answer came"
        made.how = "try again; if it stays, look at what stands between here and Azure"
        # A connection that lay idle may have been closed from the other side: that says nothing yet.
        return made, (0.0 if not is_new else _BACKOFF_S[0]) if tried < 2 else None

    # --- what an answer is worth ---------------------------------------------------------------------

    def _judge(
        self, made: Answer, raw: bytes, response: Any, *, tried: int
    ) -> tuple[Answer, float | None]:
        from json import loads

        kind = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if raw.strip():
            try:
                made.body = loads(raw)
            except (ValueError, RecursionError):
                made.body = None
                said = (
                    "is no whole JSON"
                    if "json" in kind or not kind
                    else f"is {kind[:40]}, not JSON"
                )
                made.why = f"the answer {said}"
                made.how = (
                    "look at what stands between here and Azure: a proxy's page looks like this"
                )
        if made.status == 200:
            if made.body is None and not made.why:
                made.why, made.how = "the answer is empty", "try again"
            return made, (_BACKOFF_S[0] if made.why and tried < 1 else None)
        _explain(made)
        if made.status == 401:
            self._give_up(made.why, made.how)
        if made.status == 429 or (made.status == 503 and response.headers.get("Retry-After")):
            wait_s = _retry_after_s(response.headers, tried)
            made.why = f"Azure asks to be asked less ({made.status}), and again in {wait_s:.0f} s"
            made.how = "try again later, or give more time with --timeout"
            return made, wait_s
        if made.status in _PASSING:
            return made, _BACKOFF_S[tried] if tried < 2 else None
        return made, None

    def _show(self, made: Answer, raw: bytes, response: Any, *, post: Any, is_secret: bool) -> None:
        if self._on_raw is None:
            return
        self._on_raw(
            ArmAnswer(
                **made.stamp(),
                method="GET" if post is None else "POST",
                path=redact(made.path),
                api_version=made.api_version,
                status=made.status,
                body="(secret)" if is_secret else without_secrets(raw),
                request_id=response.headers.get("x-ms-request-id") or "",
            )
        )


class _CutShort(ValueError):
    """Less came than was promised."""


_TIME_UP = "the time was up"
_MORE_TIME = "give more of it with --timeout"


def _values(body: Any) -> list[Any] | None:
    """Return the list in an answer; ``None`` where there is none."""
    found = dig(body, "value")
    return list(found) if isinstance(found, list) else None


def _agent() -> str:
    from refused import __version__

    return f"refused/{__version__}"


def _explain(made: Answer) -> None:
    """Say what a status means for whoever wanted to look."""
    code = text(made.body, "error", "code") or text(made.body, "code") or ""
    said = text(made.body, "error", "message") or text(made.body, "message") or ""
    said = redact(" ".join(said.split()))[:300]
    code = redact(code)[:80]
    tail = f": {code}" if code else ""
    if made.status == 403:
        named = re.search(r"perform action '([\w./*-]+)'", said)
        known, is_in_reader = action_for(made.path)
        action = named.group(1) if named else known
        made.why = f"denied (403{tail})"
        if action:
            role = "; the role Reader has it" if is_in_reader else "; the role Reader lacks it"
            where = part_scope(made.path)
            made.how = f"the role needs {action} on {where}{role}"
        else:
            made.how = said or "ask for the right to read it"
        return
    made.how = _HOW.get(made.status, "try again")
    if made.status == 401:
        made.why = f"the token was not accepted (401{tail})"
    elif made.status == 404:
        made.why = f"Azure knows no such thing (404{tail})"
    elif made.status >= 500:
        made.why = f"the control plane itself failed ({made.status}{tail})"
    elif 300 <= made.status < 400:
        made.why = f"the answer leads elsewhere ({made.status}), where no token goes"
    else:
        made.why = f"Azure would not answer ({made.status}{tail}){': ' + said if said else ''}"


_HOW = {
    401: "log in again (az login), or renew REFUSED_ARM_TOKEN",
    404: "look whether name, resource group and subscription are right",
}


def part_scope(path: str) -> str:
    """Return the narrowest thing on which a role for *path* can be given, in few words."""
    parts = path.strip("/").split("/")
    lowered = [each.lower() for each in parts]
    if "providers" in lowered:
        at = lowered.index("providers")
        if len(parts) > at + 3:
            return f"{parts[at + 2]}/{parts[at + 3]}"
    return "the subscription" if "subscriptions" in lowered else "the subscriptions"


def _retry_after_s(headers: Any, tried: int) -> float:
    """Return how long we are asked to wait: seconds, or a date; without either, longer each time."""
    word = (headers.get("Retry-After") or headers.get("x-ms-retry-after-ms") or "").strip()
    try:
        wait_s = float(word)
        if not headers.get("Retry-After"):
            wait_s /= 1000
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            wait_s = parsedate_to_datetime(word).timestamp() - time.time()
        except (ValueError, TypeError):
            wait_s = 0.5 * 2**tried
    return max(0.0, wait_s) if wait_s - wait_s == 0 else 60.0
