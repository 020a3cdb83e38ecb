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
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from refused.lab import resp
from refused.lab.arm.store import Store
from refused.lab.cluster import Cluster
from refused.lab.host import QUIET_LINUX
from refused.lab.names import DnsServer, Zone
from refused.lab.network import Network, Vantage
from refused.lab.servers import NoServer, Server, in_parallel, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.lab.arm.coupling import Doors
    from refused.lab.arm.server import ArmServer
    from refused.lab.arm.state import State
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
        documents: What the control plane would say, by id in lower case; see :attr:`arm`.
        resource: The id of the cache that the target is; ``""`` where there is no control plane.

    Args:
        control_plane: Whether caches have documents, and the world a control plane.
    """

    def __init__(self, *, control_plane: bool = True) -> None:
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
        self.control_plane = control_plane
        self.documents = Store()
        self.resource = ""
        self._doors: Doors | None = None
        self._arm: State | None = None
        self._arm_server: ArmServer | None = None
        self._arm_token = ""
        self._orders: list[Callable[[State], object]] = []
        self._making_arm = threading.RLock()
        self._is_up = False

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
        if self._is_up:
            deed()
        else:
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

    # --- the control plane ----------------------------------------------------------------------

    @property
    def doors(self) -> Doors:
        """What lets callers in by the documents."""
        if self._doors is None:
            from refused.lab.arm.coupling import Doors

            self._doors = Doors(self)
            self.network.gates.append(self._doors)
        return self._doors

    def order(self, order: Callable[[State], object]) -> None:
        """Have something done to the control plane's state before anybody asks it.

        It is done as if it were a month ago; that, and nothing else, tells it from what is done to
        :attr:`arm` later.
        """
        self._orders.append(order)

    @property
    def arm(self) -> State:
        """The control plane's state, made when it is first asked for, up or not.

        Raises:
            RuntimeError: This world has no control plane.
        """
        with self._making_arm:
            if self._arm is None:
                if not self.control_plane:
                    raise RuntimeError("this world has no control plane")
                from refused.lab.arm.worlds import state_of

                self._arm = state_of(self, self._orders)
            return self._arm

    @property
    def arm_server(self) -> ArmServer:
        """The control plane's server, started when it is first asked for."""
        with self._making_arm:
            if self._arm_server is None:
                from refused.lab.arm.coupling import welcome
                from refused.lab.arm.server import ArmServer

                own = self.authority().issue("localhost", "127.0.0.1")
                self._arm_server = ArmServer(self.arm, own)
                welcome(self, self._arm_server.identity)
                self.at_end(self._arm_server.stop)
                self._arm_server.start()
            return self._arm_server

    @property
    def arm_endpoint(self) -> str:
        """Where the control plane answers, as ``https://127.0.0.1:PORT``; it is started."""
        return self.arm_server.url

    @property
    def arm_token(self) -> str:
        """A bearer token that the control plane accepts."""
        if not self._arm_token:
            issued = self.arm_server.identity.issue("https://management.azure.com/")
            self._arm_token = self.secret(issued)
        return self._arm_token

    @property
    def arm_ca_file(self) -> str:
        """Who vouches for the control plane; clients of the cache may trust somebody else."""
        return self.authority().ca_file

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
    def client_ip(self) -> str:
        """The address from which the service sees the first place to look from."""
        return next(iter(self._places.values())).client_ip if self._places else CLIENT_IP

    @property
    def has_vantages(self) -> bool:
        """Whether a place to look from was declared."""
        return bool(self._places)

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
        told = {
            "REFUSED_LAB_TARGET": self.target,
            "REFUSED_LAB_CLIENT_IP": self.client_ip,
            "REFUSED_RESOLVER": self.resolver,
            "REFUSED_FROM": " ".join(self.vantages.values()),
            "REFUSED_HOST_ROOT": self.host_root,
            "REFUSED_CLIENT_IP": self.client_ip,
        }
        if self.ca_file is not None:
            told |= {"REFUSED_CA_FILE": self.ca_file, "SSL_CERT_FILE": self.ca_file}
        if self.control_plane and self.resource:
            from refused.lab.arm.az import environment

            told |= environment(self)
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
            self._is_up = True
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
