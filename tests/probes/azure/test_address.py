"""From which address the service sees the client: told, echoed, or a hint that is called one."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from refused.evidence.control_plane import ClientAddress
from refused.evidence.observations import Unseen
from refused.probes.azure.address import BadAddress, echoed, given, machine
from tests.probes.azure.planes import Papers, Reply, Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_what_the_user_gives_is_taken() -> None:
    """Under the user's own name, so that it holds for every vantage point."""
    made = given(" 203.0.113.7 ")

    assert (made.address, made.how, made.vantage) == ("203.0.113.7", "given", "user")


@pytest.mark.parametrize("word", ["203.0.113", "contoso", "", "203.0.113.7/32"])
def test_what_is_no_address_is_refused_in_one_line(word: str) -> None:
    """It says what would be one."""
    with pytest.raises(BadAddress, match=r"give one, as in 203\.0\.113\.7"):
        given(word)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(raw=b"203.0.113.7\n", headers={"Content-Type": "text/plain"}),
        Reply({"ip": "203.0.113.7"}),
        Reply({"origin": "203.0.113.7, 10.0.0.1"}),
    ],
)
def test_the_usual_echo_services_are_read(papers: Papers, reply: Reply) -> None:
    """Bare, or in JSON; without any token of ours."""
    with Scripted(papers, lambda _: reply) as server:
        environ = {"SSL_CERT_FILE": papers.ca_file, "HTTPS_PROXY": "http://127.0.0.1:1"}
        made = echoed(server.url + "/ip", vantage="here", wait_s=3.0, environ=environ)

    assert isinstance(made, ClientAddress)
    assert (made.address, made.how, made.vantage) == ("203.0.113.7", "echo", "here")
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    "reply",
    [Reply({"hello": 1}), Reply({}, 503), Reply(raw=b"<html>"), Reply({"ip": "x"}), Reply([1])],
)
def test_an_echo_without_an_address_is_unseen(papers: Papers, reply: Reply) -> None:
    """It says how else to tell."""
    with Scripted(papers, lambda _: reply) as server:
        environ = {"SSL_CERT_FILE": papers.ca_file}
        made = echoed(server.url, vantage="here", wait_s=3.0, environ=environ)

    assert isinstance(made, Unseen)
    assert made.what == "ClientAddress"
    assert "--client-ip" in made.how_to_see


def test_an_echo_service_in_the_open_is_refused() -> None:
    """Anybody on the way could answer for it."""
    with pytest.raises(BadAddress, match="https alone"):
        echoed("http://echo.example/", vantage="here", wait_s=1.0, environ={})


@pytest.fixture
def metadata() -> Iterator[str]:
    """Serve what the metadata service of a machine says."""
    said = (
        b'{"compute": {"resourceId": "/subscriptions/s/resourceGroups/g/providers/'
        b'Microsoft.Compute/virtualMachines/app"}, "network": {"interface": [{"ipv4": {"ipAddress": '
        b'[{"privateIpAddress": "10.1.1.20", "publicIpAddress": "203.0.113.7"}]}}]}}'
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.headers.get("Metadata") == "true"
            self.send_response(200 if good else 400)
            self.end_headers()
            self.wfile.write(said if good else b"{}")

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_metadata_of_a_machine_is_a_hint(metadata: str) -> None:
    """A NAT on the way hides it, so it is never called more than that."""
    environ = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": metadata}
    found = machine(vantage="here", wait_s=3.0, environ=environ)

    assert found is not None
    assert [(each.address, each.how) for each in found.facts] == [("203.0.113.7", "metadata")]
    assert found.private == ("10.1.1.20",)
    assert found.resource_id.endswith("/virtualMachines/app")


def test_no_metadata_is_no_machine() -> None:
    """Nobody listens there."""
    environ = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1"}

    assert machine(vantage="here", wait_s=1.0, environ=environ) is None
