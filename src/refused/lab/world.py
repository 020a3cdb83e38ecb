"""One world: names, addresses, servers and places to look from, up together and gone together.

    world = World()
    acr(world, "contoso")
    with world:
        world.target, world.resolver, world.vantages["here"]

What is said to a world before it is up only declares; ``with`` starts everything, and whatever
happens then (an exception, Ctrl-C, a SIGKILL), nothing stays behind.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from refused.lab import resp
from refused.lab.cluster import Cluster
from refused.lab.host import QUIET_LINUX
from refused.lab.names import DnsServer, Zone
from refused.lab.network import Network, Vantage
from refused.lab.servers import NoServer, Server, in_parallel, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.lab.certificates import Authority
    from refused.lab.fronts import Call, Front

HERE = "here"
CLIENT_IP = "203.0.113.7"


class World:
    """A twin of one service and its surroundings.

    Attributes:
        target: What the diagnosing program is asked about: a host, a URL, a connection string.
        zone: What the resolver says.
        network: What stands at which address.
        secrets: What must not appear in any output.
        client_environ: The environment variables that the diagnosing client has.
        trusts: The CA file of the client; the Azure twin's root if nothing is set.
        program: The server program, where a scenario cannot do with any.
    """

    def __init__(self) -> None:
        self.target = ""
        self.zone = Zone()
        self.network = Network()
        self.secrets: list[str] = []
        self.client_environ: dict[str, str] = {}
        self.trusts: str | None = None
        self.program: str | None = None
        self._folder: Path | None = None
        self._servers: list[Server | Cluster] = []
        self._places: dict[str, Vantage] = {}
        self._files = dict(QUIET_LINUX)
        self._authorities: dict[object, Authority] = {}
        self._deeds: list[Callable[[], object]] = []
        self._undo: list[Callable[[], object]] = []
        self._dns = DnsServer(self.zone)

    # --- declaring ------------------------------------------------------------------------------

    def server(self, **options: Any) -> Server:
        """Add a real server; the options are :class:`refused.lab.servers.Server`'s."""
        server = Server(**{"program": self.program, **options})
        self._servers.append(server)
        return server

    def cluster(self, *args: Any, **options: Any) -> Cluster:
        """Add a real cluster; the arguments are :class:`refused.lab.cluster.Cluster`'s."""
        cluster = Cluster(*args, **{"program": self.program, **options})
        self._servers.append(cluster)
        return cluster

    def at(self, address: str, port: int, front: Front) -> None:
        """Put a front at a logical address and port."""
        self.network.at(address, port, front)

    def closed(self, address: str, front: Front) -> None:
        """Set what the other ports of a logical address meet; refusal if nothing is said."""
        self.network.closed(address, front)

    def vantage(
        self,
        name: str = HERE,
        client_ip: str = CLIENT_IP,
        *,
        zone: Zone | None = None,
        way: Callable[[Front, Call], Front] | None = None,
    ) -> Vantage:
        """Add a place to look from; a world without one gets ``here``."""
        place = Vantage(name, client_ip, self.network, zone or self.zone, way)
        self._places[name] = place
        return place

    def authority(self, **options: Any) -> Authority:
        """Return a certificate authority, the same one for the same options."""
        from refused.lab.certificates import Authority

        order = tuple(sorted(options.items()))
        if order not in self._authorities:
            self._authorities[order] = Authority(self.folder, **options)
        return self._authorities[order]

    def secret(self, text: str | None = None) -> str:
        """Note down a secret, and make one that looks like an Access key if none is given."""
        made = text if text is not None else access_key()
        self.secrets.append(made)
        return made

    def host_file(self, path: str, text: str) -> None:
        """Set a file of the host on which the diagnosing program thinks it runs."""
        self._files[path] = text

    def once_up(self, deed: Callable[[], object], *, before_others: bool = False) -> None:
        """Do something as soon as everything runs, as filling a server."""
        self._deeds.insert(0 if before_others else len(self._deeds), deed)

    def at_end(self, deed: Callable[[], object]) -> None:
        """Do something when the world goes, whether or not all of it came up."""
        self._undo.append(deed)

    def hold(self, server: Server, connections: int, name: str = "") -> None:
        """Take *connections* of a server once it is up, and keep them.

        With a *name* they log in as the application does and are called so in ``CLIENT LIST``.
        """

        def take() -> None:
            for _ in range(connections):
                seat = _seat(server.port)
                self._undo.append(seat.close)
                if name and server.password is not None:
                    seat.ask("AUTH", server.password)
                if name:
                    seat.ask("CLIENT", "SETNAME", name)

        self.once_up(take)

    # --- what the diagnosing program is given ---------------------------------------------------

    @property
    def folder(self) -> Path:
        """The world's own folder."""
        if self._folder is None:
            self._folder = temporary_folder("world")
        return self._folder

    @property
    def resolver(self) -> str:
        """The one resolver to ask, as ``address:port``."""
        return self._dns.address

    @property
    def vantages(self) -> dict[str, str]:
        """The SOCKS5 URL of each place to look from."""
        return {name: place.url for name, place in self._places.items()}

    @property
    def ca_file(self) -> str | None:
        """The CA file that the client trusts; ``None`` in a world without TLS."""
        if self.trusts is None and self._authorities:
            return self.authority().ca_file
        return self.trusts

    @property
    def host_root(self) -> str:
        """The folder that plays ``/``."""
        return str(self.folder / "host")

    def environment(self) -> dict[str, str]:
        """Return the variables that make a plain ``refused diagnose`` look at this world."""
        place = next(iter(self._places.values()))
        told = {
            "REFUSED_LAB_TARGET": self.target,
            "REFUSED_LAB_CLIENT_IP": place.client_ip,
            "REFUSED_RESOLVER": self.resolver,
            "REFUSED_FROM": " ".join(self.vantages.values()),
            "REFUSED_HOST_ROOT": self.host_root,
            "REFUSED_CLIENT_IP": place.client_ip,
        }
        if self.ca_file is not None:
            told |= {"REFUSED_CA_FILE": self.ca_file, "SSL_CERT_FILE": self.ca_file}
        return {**self.client_environ, **told}

    # --- up and down ----------------------------------------------------------------------------

    def start(self) -> Self:
        """Start everything; what was started is stopped again if something does not start.

        Raises:
            refused.lab.servers.NoServer: A server did not start.
        """
        try:
            if not self._places:
                self.vantage()
            self._write_host()
            self._undo += [server.stop for server in self._servers]
            in_parallel([server.start for server in self._servers])
            parts: list[DnsServer | Vantage] = [self._dns, *self._places.values()]
            for part in parts:
                self._undo.append(part.stop)
                part.start()
            for deed in self._deeds:
                deed()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything, last first, and remove the world's folder."""
        while self._undo:
            self._undo.pop()()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write_host(self) -> None:
        for path, text in self._files.items():
            file = Path(self.host_root, path.lstrip("/"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def access_key() -> str:
    """Return what looks like an Azure access key: 44 letters, the last one ``=``."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _seat(port: int) -> resp.Conversation:
    """Open a connection that the server has let in; one just closed may count for a while."""
    for _ in range(400):
        conversation = resp.Conversation(port)
        with contextlib.suppress(OSError):
            (reply,) = conversation.ask_all([("PING",)])
            if "max number of clients" not in str(reply):
                return conversation
        conversation.close()
        time.sleep(0.005)
    raise NoServer("the server has no room for the connections that the scenario takes")
