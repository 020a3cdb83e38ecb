"""The control plane's server: https on loopback, with a certificate of the lab's own authority.

What every provider has in common is done here, before and after the operation's own handler: the
token, the RBAC action, the api-version, the subscription and the group, ``If-Match``, pages,
request ids, throttling, and the faults that a world or a test asks for.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from refused.lab.arm import jsonc
from refused.lab.arm.identity import Identity
from refused.lab.arm.routes import Answer, Call, Caller, Refusal, Route, check_version, find
from refused.lab.arm.state import not_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refused.lab.arm.state import State
    from refused.lab.certificates import Certificate

MOST_CONNECTIONS = 64
LARGEST_BODY = 4 << 20
IDLE_S = 30.0


class ArmServer:
    """ARM, Entra and the managed identity at one address of loopback; a context manager.

    Args:
        state: What it serves.
        certificate: For ``127.0.0.1`` and ``localhost``.
        identity: Who issues the tokens.
    """

    def __init__(
        self, state: State, certificate: Certificate, identity: Identity | None = None
    ) -> None:
        self.state = state
        self.certificate = certificate
        self.identity = identity or Identity(tenant=state.tenant, now=state.now)
        self.requests: list[tuple[str, str]] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """``https://127.0.0.1:PORT``, without a slash at the end."""
        assert self._server is not None, "the control plane is not up"  # noqa: S101
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        """Bind a free port of loopback and serve in threads."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.chain_file, self.certificate.key_file)
        self._server = _Server(self, context)
        self.identity.audiences |= {self.url}
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="lab-arm", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; again is no harm."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.close_all()
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- one request --------------------------------------------------------------------------

    def answer(self, method: str, target: str, headers: Mapping[str, str], sent: bytes) -> Answer:
        """Answer one request, whatever it is."""
        split = urlsplit(target)
        query = {k.lower(): v for k, v in parse_qsl(split.query, keep_blank_values=True)}
        try:
            elsewhere = self._beside(method, split.path, query, headers, sent)
            if elsewhere is not None:
                return elsewhere
            return self._arm(method, split.path, query, headers, sent)
        except Refusal as refusal:
            return refusal.answer()

    def _beside(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        sent: bytes,
    ) -> Answer | None:
        """Answer what needs no token: the token endpoints and what leads to them."""
        lowered = path.lower().rstrip("/")
        if lowered == "/msi/token":
            return self.identity.managed(query, headers)
        if lowered == "/metadata/identity/oauth2/token":
            return self.identity.instance(query, headers)
        if lowered == "/metadata/endpoints":
            return Answer(200, endpoints(self.url, self.identity.tenant, query))
        if lowered.endswith("/.well-known/openid-configuration"):
            tenant = path.strip("/").split("/")[0]
            is_v2 = "/v2.0/" in lowered
            return self.identity.configuration(self.url, tenant, is_v2=is_v2)
        if lowered.endswith("/discovery/instance"):
            wanted = query.get("authorization_endpoint", "")
            found = wanted.replace(
                "/oauth2/v2.0/authorize", "/v2.0/.well-known/openid-configuration"
            )
            host = self.url.partition("://")[2]
            cloud = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
            return Answer(
                200,
                {
                    "tenant_discovery_endpoint": found,
                    "api-version": query.get("api-version", "1.1"),
                    "metadata": [cloud],
                },
            )
        if lowered.endswith(("/discovery/v2.0/keys", "/discovery/keys")):
            return Answer(200, {"keys": []})
        if method == "POST" and lowered.endswith(("/oauth2/v2.0/token", "/oauth2/token")):
            return self.identity.application(dict(parse_qsl(sent.decode("utf-8", "replace"))))
        return None

    def _arm(
        self, method: str, path: str, query: dict[str, str], headers: Mapping[str, str], sent: bytes
    ) -> Answer:
        state = self.state
        caller = self.identity.check(headers.get("authorization", ""), self.url)
        if fault := state.strikes("delay", method, path):
            threading.Event().wait(fault.delay_s)
        if fault := state.strikes("throttle", method, path):
            raise Refusal(
                429,
                "TooManyRequests",
                f"The request is being throttled as the limit has been reached. Please retry after "
                f"'{fault.retry_after_s}' seconds.",
                headers={"retry-after": str(fault.retry_after_s)},
            )
        if fault := state.strikes("error", method, path):
            raise Refusal(fault.status, _ERRORS.get(fault.status, "InternalServerError"), _SORRY)
        check_version(path, query.get("api-version", ""))
        found, params, methods = find(method, path)
        if found is None:
            raise _no_route(method, path, methods)
        self._check_place(found, params)
        call = Call(
            method,
            path,
            params,
            query,
            _body(sent),
            dict(headers),
            state,
            caller,
            self.url,
            headers.get("x-ms-correlation-request-id") or str(uuid.uuid4()),
            found.action,
        )
        self._check_right(call, found, caller)
        _check_etag(call)
        answer = _handled(found, call)
        answer.headers.setdefault("x-ms-correlation-request-id", call.correlation_id)
        return _paged(call, answer)

    def _check_place(self, found: Route, params: Mapping[str, str]) -> None:
        """Refuse subscriptions and groups that do not exist."""
        state, sub, group = self.state, params.get("sub"), params.get("group")
        if sub is not None and f"/subscriptions/{sub.lower()}" not in state.documents:
            raise Refusal(
                404, "SubscriptionNotFound", f"The subscription '{sub[:60]}' could not be found."
            )
        if sub is None or group is None or found.template.lower().endswith("{group}"):
            return
        place = f"/subscriptions/{sub}/resourcegroups/{group}".lower()
        if place not in state.documents:
            raise Refusal(
                404,
                "ResourceGroupNotFound",
                f"Resource group '{group[:90]}' could not be found.",
                headers={"x-ms-failure-cause": "gateway"},
            )

    def _check_right(self, call: Call, found: Route, caller: Caller) -> None:
        if found.action and self.state.is_denied(found.action):
            raise Refusal(
                403,
                "AuthorizationFailed",
                f"The client '{caller.app_id}' with object id '{caller.object_id}' does not have "
                f"authorization to perform action '{found.action}' over scope '{call.id}' or the "
                "scope is invalid. If access was recently granted, please refresh your "
                "credentials.",
                headers={"x-ms-failure-cause": "gateway"},
            )


_SORRY = "The server could not answer this time; please try again."
_ERRORS = {
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
    409: "Conflict",
}


def _no_route(method: str, path: str, methods: set[str]) -> Refusal:
    """Return what ARM says of a request that none of the operations is for."""
    if methods:
        return Refusal(
            405,
            "HttpMethodNotAllowed" if "/providers/" in path.lower() else "MethodNotAllowed",
            f"The HTTP method '{method}' is not supported for this resource.",
            headers={"allow": ", ".join(sorted(methods))},
        )
    parts = path.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    if "providers" in lowered and len(parts) > lowered.index("providers") + 2:
        at = len(lowered) - 1 - lowered[::-1].index("providers")
        namespace, kind = parts[at + 1], "/".join(parts[at + 2 :: 2])
        return Refusal(
            404,
            "InvalidResourceType",
            f"The resource type '{kind[:120]}' could not be found in the namespace "
            f"'{namespace[:60]}' of the lab twin.",
        )
    return not_found(unquote(path))


def _body(sent: bytes) -> Any:
    if not sent.strip():
        return None
    with contextlib.suppress(ValueError):
        return json.loads(sent)
    try:
        return jsonc.loads(sent.decode("utf-8-sig"))
    except ValueError:
        raise Refusal(
            400,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized.",
        ) from None


def _handled(found: Route, call: Call) -> Answer:
    """Have the operation answer; what it cannot make sense of in a body is the caller's mistake.

    Such a failure is kept, among the state's ``unread``, for a handler may be wrong as well.
    """
    if call.method in ("PUT", "PATCH") and not isinstance(call.body, dict | None):
        raise Refusal(400, "InvalidRequestContent", "The request content has to be an object.")
    try:
        return found.handler(call)
    except (AttributeError, KeyError, TypeError, ValueError) as failure:
        if call.body is None:
            raise
        call.state.extra.setdefault("unread", []).append(failure)
        said = "Cannot parse the request."
        raise Refusal(400, "InvalidRequestFormat", said) from failure


def _check_etag(call: Call) -> None:
    """Hold ``If-Match`` and ``If-None-Match`` against the document that the path names.

    Raises:
        Refusal: 412.
    """
    wanted, unwanted = call.headers.get("if-match"), call.headers.get("if-none-match")
    if call.method == "GET" or (wanted is None and unwanted is None):
        return
    document = call.state.get(call.id) or _inside(call)
    tag = str((document or {}).get("etag", ""))
    if wanted not in (None, "*", tag) or (wanted == "*" and document is None):
        raise Refusal(
            412,
            "PreconditionFailed",
            f"The condition '{wanted}' in the If-Match header was not satisfied. The current etag "
            f"is '{tag}'.",
        )
    if document is not None and unwanted in ("*", tag) and unwanted is not None:
        raise Refusal(
            412,
            "PreconditionFailed",
            f"The resource {call.id.rpartition('/')[2]} exists already and hence cannot be created "
            "again.",
        )


def _inside(call: Call) -> dict[str, Any] | None:
    """Return what a GET of the same path answers: rules and routes stand inside their parent."""
    found, params, _ = find("GET", call.path)
    if found is None:
        return None
    query = {"api-version": call.api_version}
    try:
        answer = found.handler(
            Call("GET", call.path, params, query, None, {}, call.state, call.caller, call.base_url)
        )
    except Refusal:
        return None
    return answer.body if isinstance(answer.body, dict) else None


def _paged(call: Call, answer: Answer) -> Answer:
    """Cut a list into pages where a fault asks for it; ``$skiptoken`` is where the next begins."""
    fault = call.state.strikes("page", call.method, call.path)
    body = answer.body
    if fault is None or not isinstance(body, dict) or not isinstance(body.get("value"), list):
        return answer
    token = call.query.get("$skiptoken", "0")
    begin = int(token) if token.isdigit() else 0
    end = begin + fault.size
    page = {**body, "value": body["value"][begin:end]}
    if end < len(body["value"]):
        kept = {k: v for k, v in call.query.items() if k != "$skiptoken"}
        query = "&".join(f"{k}={quote(v)}" for k, v in kept.items())
        page["nextLink"] = f"{call.url}?{query}&%24skiptoken={end}"
    return Answer(answer.status, page, answer.headers)


def endpoints(base_url: str, tenant: str, query: Mapping[str, str]) -> Any:
    """Return what ``/metadata/endpoints`` says: where everything is, which is here.

    ``2019-05-01`` is a list of clouds, ``2022-09-01`` and later is one cloud, and what came before
    is the short form of one. Source: azure-cli, ``core/cloud.py`` and the command ``az cloud
    register``, which read the first and the second.
    """
    host = base_url.partition("://")[2]
    authentication = {
        "loginEndpoint": base_url,
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": tenant,
        "identityProvider": "AAD",
    }
    if query.get("api-version", "") < "2019":
        return {
            "galleryEndpoint": base_url,
            "graphEndpoint": base_url,
            "portalEndpoint": base_url,
            "authentication": authentication,
        }
    cloud = {
        "name": "RefusedLab",
        "authentication": authentication,
        "resourceManager": base_url,
        "portal": base_url,
        "graph": base_url,
        "graphAudience": base_url,
        "microsoftGraphResourceId": base_url,
        "gallery": base_url,
        "batch": base_url,
        "media": base_url,
        "sqlManagement": base_url,
        "activeDirectoryDataLake": base_url,
        "vmImageAliasDoc": f"{base_url}/aliases.json",
        "ossrDbmsResourceId": base_url,
        "suffixes": {"storage": host, "keyVaultDns": host, "sqlServerHostname": host},
    }
    return cloud if query.get("api-version", "") >= "2022-09" else [cloud]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: ArmServer, context: ssl.SSLContext) -> None:
        self.owner, self.context = owner, context
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that no caller holds up the others."""
        with self._room:
            self._open.add(request)
            try:
                request.settimeout(IDLE_S)
                with contextlib.suppress(OSError):
                    request = self.context.wrap_socket(request, server_side=True)
                    self._open.add(request)
                    super().process_request_thread(request, client_address)
            finally:
                self._open.discard(request)
                with contextlib.suppress(OSError):
                    request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about callers that hang up; what is wrong with us is raised in ``answer``."""

    def close_all(self) -> None:
        self.server_close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: without, each answer waits 40 ms
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""
    server: _Server

    def _serve(self) -> None:
        owner = self.server.owner
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        size = int(length) if length.isdigit() else 0
        if size > LARGEST_BODY:
            self.close_connection = True
            self._send(Refusal(413, "RequestEntityTooLarge", "The request is too large.").answer())
            return
        sent = self._chunks() if headers.get("transfer-encoding") else self.rfile.read(size)
        path = urlsplit(self.path).path
        owner.requests.append((self.command, self.path))
        try:
            answer = owner.answer(self.command, self.path, headers, sent)
        except Exception as failure:  # noqa: BLE001  # a server says 500 and goes on
            owner.state.extra.setdefault("failures", []).append(failure)
            said = f"the lab twin failed: {type(failure).__name__}"
            answer = Answer(500, {"error": {"code": "InternalServerError", "message": said}})
        dropped = owner.state.strikes("drop", self.command, path) is not None
        self._send(answer, half=dropped)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _chunks(self) -> bytes:
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
            if len(whole) > LARGEST_BODY:
                raise ConnectionError("the body has no end")
        self.rfile.readline()
        return whole

    def _send(self, answer: Answer, *, half: bool = False) -> None:
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        headers = {
            "cache-control": "no-cache",
            "x-ms-request-id": str(uuid.uuid4()),
            "x-ms-routing-request-id": f"WESTEUROPE:{uuid.uuid4()}",
            "strict-transport-security": "max-age=31536000; includeSubDomains",
            "x-content-type-options": "nosniff",
            **answer.headers,
        }
        if body:
            headers.setdefault("content-type", "application/json; charset=utf-8")
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if half:
            body = body[: len(body) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:  # tokens stand in headers, and nowhere else
        """Write no log."""
