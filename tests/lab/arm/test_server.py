"""What every provider has in common: tokens, rights, versions, etags, pages, and faults to order."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from refused.lab.arm.routes import Answer, Refusal, check_version, find
from refused.lab.arm.state import Fault
from tests.lab.arm.plane import CACHE, Plane
from tests.lab.arm.twin import REDIS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIST = f"{CACHE}/firewallRules"
RULE = {"properties": {"startIP": "198.51.100.1", "endIP": "198.51.100.1"}}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Bring a small control plane up."""
    with Plane(tmp_path) as up:
        yield up


def ask(
    plane: Plane, method: str, target: str, *, sent: bytes | None = None, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """Send one request with the headers given and no others."""
    at = urlsplit(plane.server.url)
    line = http.client.HTTPSConnection(at.hostname or "", at.port, context=plane._context)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, target, sent, named)
        answer = line.getresponse()
        raw = answer.read()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, json.loads(raw) if raw else None, told
    finally:
        line.close()


# --- who calls -----------------------------------------------------------------------------------


def test_without_a_token_nobody_is_let_in(plane: Plane) -> None:
    """401 with the challenge that clients read the authority from."""
    status, body, headers = ask(plane, "GET", "/subscriptions?api-version=2022-12-01")

    assert (status, body["error"]["code"]) == (401, "AuthenticationFailed")
    assert f'authorization_uri="{plane.server.url}/' in headers["www-authenticate"]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer ", "InvalidAuthenticationToken"),
        ("Bearer eyJ0eXAi.e30.x", "InvalidAuthenticationToken"),
        ("Basic YTpi", "InvalidAuthenticationToken"),
    ],
)
def test_a_token_of_ones_own_making_is_worth_nothing(
    plane: Plane, authorization: str, code: str
) -> None:
    """The twin knows its tokens."""
    status, body, _ = ask(plane, "GET", "/tenants?api-version=1", Authorization=authorization)

    assert (status, body["error"]["code"]) == (401, code)


def test_a_token_ends_and_is_for_somebody(plane: Plane) -> None:
    """Expired, or meant for the cache: both are told apart."""
    old = plane.server.identity.issue("https://management.azure.com/", lifetime_s=-1)
    other = plane.server.identity.issue("https://redis.azure.com")

    for token, code in (
        (old, "ExpiredAuthenticationToken"),
        (other, "InvalidAuthenticationTokenAudience"),
    ):
        status, body, _ = ask(
            plane, "GET", "/tenants?api-version=1", Authorization=f"Bearer {token}"
        )
        assert (status, body["error"]["code"]) == (401, code)
        assert token not in json.dumps(body)


def test_a_managed_identity_gets_a_token_that_opens(plane: Plane) -> None:
    """As App Service and as the instance metadata service give them."""
    query = urlencode({"api-version": "2019-08-01", "resource": "https://management.azure.com/"})
    header = plane.server.identity.header

    _, service, _ = ask(plane, "GET", f"/msi/token?{query}", X_IDENTITY_HEADER=header)
    _, machine, _ = ask(plane, "GET", f"/metadata/identity/oauth2/token?{query}", Metadata="true")

    for told in (service, machine):
        assert int(told["expires_on"]) > time.time()
        token = f"Bearer {told['access_token']}"
        assert ask(plane, "GET", "/tenants?api-version=1", Authorization=token)[0] == 200


def test_a_managed_identity_is_not_for_everybody(plane: Plane) -> None:
    """The header of the one and the header of the other have to be right."""
    query = "api-version=2019-08-01&resource=https://management.azure.com/"

    assert ask(plane, "GET", f"/msi/token?{query}")[0] == 401
    assert ask(plane, "GET", f"/msi/token?{query}", X_IDENTITY_HEADER="no")[0] == 401
    assert ask(plane, "GET", f"/metadata/identity/oauth2/token?{query}")[0] == 400
    header = plane.server.identity.header
    assert ask(plane, "GET", "/msi/token", X_IDENTITY_HEADER=header)[0] == 400
    plane.server.identity.trouble = (500, {"statusCode": 500, "message": "not today"})
    assert ask(plane, "GET", f"/msi/token?{query}", X_IDENTITY_HEADER=header)[0] == 500


def test_an_application_logs_in_with_its_secret(plane: Plane) -> None:
    """And with a wrong one gets Entra's own numbers."""
    plane.server.identity.applications["app"] = "right"
    where = f"/{plane.state.tenant}/oauth2/v2.0/token"

    def log_in(**form: str) -> tuple[int, Any]:
        told = {"scope": "https://management.azure.com/.default", "client_id": "app", **form}
        return ask(plane, "POST", where, sent=urlencode(told).encode())[:2]

    grant = {"grant_type": "client_credentials"}
    status, body = log_in(**grant, client_secret="right")
    assert (status, body["token_type"]) == (200, "Bearer")
    assert log_in(**grant, client_secret="wrong")[1]["error_codes"] == [7000215]
    assert log_in(**grant, client_id="nobody")[1]["error_codes"] == [700016]
    assert log_in(grant_type="password")[1]["error_codes"] == [70003]


def test_the_way_to_a_token_can_be_found(plane: Plane) -> None:
    """Clouds, the tenant's configuration, instance discovery: all of it leads back here."""
    url = plane.server.url

    _, clouds, _ = ask(plane, "GET", "/metadata/endpoints?api-version=2019-05-01")
    _, cloud, _ = ask(plane, "GET", "/metadata/endpoints?api-version=2022-09-01")
    _, old, _ = ask(plane, "GET", "/metadata/endpoints?api-version=2015-01-01")
    where = f"/{plane.state.tenant}/v2.0/.well-known/openid-configuration"
    _, tenant, _ = ask(plane, "GET", where)
    query = urlencode({"authorization_endpoint": f"{url}/t/oauth2/v2.0/authorize"})
    _, found, _ = ask(plane, "GET", f"/common/discovery/instance?{query}")

    assert clouds == [cloud]
    assert cloud["resourceManager"] == old["portalEndpoint"] == url
    assert tenant["token_endpoint"] == f"{url}/{plane.state.tenant}/oauth2/v2.0/token"
    assert found["tenant_discovery_endpoint"] == f"{url}/t/v2.0/.well-known/openid-configuration"


# --- what may be asked ---------------------------------------------------------------------------


def test_a_right_that_is_missing_is_named(plane: Plane) -> None:
    """403 with the action and the scope, in the words that tools look for."""
    plane.state.denied.append("Microsoft.Cache/redis/*/read")

    said = plane.ask("GET", LIST, version=REDIS)

    assert (said.status, said.body["error"]["code"]) == (403, "AuthorizationFailed")
    action = "perform action 'Microsoft.Cache/redis/firewallRules/read' over scope"
    assert action in said.body["error"]["message"]
    assert plane.ask("GET", CACHE, version=REDIS).status == 200


@pytest.mark.parametrize("version", ["1999-01-01", "2024-03-02", "2999-01-01", "latest"])
def test_a_version_that_is_none_is_refused(plane: Plane, version: str) -> None:
    """And those that are known are listed."""
    said = plane.ask("GET", CACHE, version=version)

    assert (said.status, said.body["error"]["code"]) == (400, "NoRegisteredProviderFound")
    assert "2024-11-01" in said.body["error"]["message"]


def test_a_version_from_after_the_newest_is_that_of_a_client_of_tomorrow(plane: Plane) -> None:
    """``az`` moves on every month."""
    assert plane.ask("GET", CACHE, version="2024-11-02").status == 200


def test_a_version_has_to_be_given() -> None:
    """Which ARM says before it looks at anything else."""
    with pytest.raises(Refusal, match="MissingApiVersionParameter"):
        check_version(CACHE, "")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/subscriptions/x/resourceGroups/g", 404, "SubscriptionNotFound"),
        (
            "GET",
            CACHE.replace("/prod/", "/none/"),
            404,
            "ResourceGroupNotFound",
        ),
        ("GET", CACHE + "x", 404, "ResourceNotFound"),
        ("GET", CACHE.replace("Redis/contoso", "Sql/contoso"), 404, "InvalidResourceType"),
        ("GET", "/nothing", 404, "ResourceNotFound"),
        ("POST", CACHE, 405, "HttpMethodNotAllowed"),
    ],
)
def test_what_is_not_there_is_said_as_arm_says_it(
    plane: Plane, method: str, path: str, status: int, code: str
) -> None:
    """404 in its kinds, and 405 with what is allowed."""
    said = plane.ask(method, path, version=REDIS)

    assert (said.status, said.body["error"]["code"]) == (status, code)


def test_a_body_that_is_no_json_is_refused(plane: Plane) -> None:
    """400, and the connection goes on."""
    token = f"Bearer {plane.token()}"
    target = f"{LIST}/a?api-version={REDIS}"

    status, body, _ = ask(plane, "PUT", target, sent=b"{not json", Authorization=token)
    wrong = ask(plane, "PUT", target, sent=b"[1]", Authorization=token)[1]

    assert (status, body["error"]["code"]) == (400, "InvalidRequestContent")
    assert wrong["error"]["code"] == "InvalidRequestContent"


def test_an_etag_guards_against_each_other(plane: Plane) -> None:
    """412 where it does not fit; ``*`` where there is something, or is to be nothing."""
    thing = f"{CACHE}/firewallRules/a"
    plane.ok("PUT", thing, RULE, version=REDIS)
    made = plane.state.require(thing)
    made["etag"] = 'W/"1"'
    plane.state.put(thing, made, quiet=True)
    token, target = f"Bearer {plane.token()}", f"{thing}?api-version={REDIS}"
    sent = json.dumps(RULE).encode()

    def put(**headers: str) -> int:
        return ask(plane, "PUT", target, sent=sent, Authorization=token, **headers)[0]

    assert put(If_Match='W/"2"') == 412
    assert put(If_None_Match="*") == 412
    assert put(If_Match='W/"1"') == 200
    gone = f"{CACHE}/firewallRules/none?api-version={REDIS}"
    assert ask(plane, "PUT", gone, sent=sent, Authorization=token, If_Match="*")[0] == 412


def test_answers_bear_the_ids_that_support_asks_for(plane: Plane) -> None:
    """A request id of its own each time; the correlation id is the caller's if there is one."""
    token = f"Bearer {plane.token()}"
    target = f"{CACHE}?api-version={REDIS}"

    one = ask(plane, "GET", target, Authorization=token, x_ms_correlation_request_id="abc")[2]
    two = ask(plane, "GET", target, Authorization=token)[2]

    assert one["x-ms-correlation-request-id"] == "abc"
    assert one["x-ms-request-id"] != two["x-ms-request-id"]
    assert "contoso" not in two["x-ms-correlation-request-id"]


# --- faults to order -----------------------------------------------------------------------------


def test_it_throttles_as_often_as_told(plane: Plane) -> None:
    """429 with Retry-After, twice, and on these paths only."""
    plane.state.faults.append(Fault("throttle", "*/firewallrules", times=2, retry_after_s=7))

    answers = [plane.ask("GET", LIST, version=REDIS) for _ in range(3)]

    assert [each.status for each in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert plane.ask("GET", CACHE, version=REDIS).status == 200


def test_it_fails_and_dawdles(plane: Plane) -> None:
    """A 503 of its own, and an answer that comes late."""
    plane.state.faults.append(Fault("error", "*/redis/contoso", times=1, status=503))
    plane.state.faults.append(Fault("delay", times=1, delay_s=0.2))
    began = time.monotonic()

    said = plane.ask("GET", CACHE, version=REDIS)

    assert time.monotonic() - began > 0.19
    assert (said.status, said.body["error"]["code"]) == (503, "ServiceUnavailable")
    assert plane.ask("GET", CACHE, version=REDIS).status == 200


def test_it_hangs_up_in_the_middle_of_an_answer(plane: Plane) -> None:
    """Half of what was promised, and then the end."""
    plane.state.faults.append(Fault("drop", times=1))

    with pytest.raises(http.client.IncompleteRead):
        plane.ask("GET", CACHE, version=REDIS)


def test_a_list_comes_in_pages(plane: Plane) -> None:
    """``nextLink`` leads on, until there is none."""
    for at in range(5):
        plane.ok("PUT", f"{LIST}/rule{at}", RULE, version=REDIS)
    plane.state.faults.append(Fault("page", size=2))
    pages = [plane.ask("GET", LIST, version=REDIS)]

    while "nextLink" in pages[-1].body:
        pages.append(plane.follow("GET", pages[-1].body["nextLink"]))

    names = [each["name"] for page in pages for each in page.body["value"]]
    assert names == [f"contoso/rule{at}" for at in range(5)]
    assert [len(page.body["value"]) for page in pages] == [2, 2, 1]


# --- the connection ------------------------------------------------------------------------------


def test_a_caller_that_says_nothing_holds_nobody_up(plane: Plane) -> None:
    """The handshake is the connection's own affair."""
    at = urlsplit(plane.server.url)
    with socket.create_connection((at.hostname, at.port or 0)):
        assert plane.ask("GET", CACHE, version=REDIS).status == 200


def test_it_is_shown_to_loopback_alone_and_with_a_certificate(plane: Plane) -> None:
    """Who does not trust the lab's root does not speak to it."""
    at = urlsplit(plane.server.url)
    assert at.hostname == "127.0.0.1"
    stranger = ssl.create_default_context()
    with (
        socket.create_connection((at.hostname, at.port or 0)) as sock,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        stranger.wrap_socket(sock, server_hostname="127.0.0.1")


def test_the_less_vague_template_answers() -> None:
    """A path of one's own comes before any scope whatsoever."""
    scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/Redis/a"

    own, params, _ = find("GET", f"{scope}/firewallRules/%61%20b")
    any_scope, where, _ = find("GET", f"{scope}/providers/Microsoft.Authorization/locks")

    assert own is not None
    assert any_scope is not None
    assert params["rule"] == "a b"
    assert where["scope"] == scope[1:]
    assert find("GET", "/nothing/at/all")[0] is None


def test_an_answer_is_not_shared() -> None:
    """The headers of one are not those of another."""
    one, two = Answer(), Answer()
    one.headers["a"] = "b"
    assert two.headers == {}
