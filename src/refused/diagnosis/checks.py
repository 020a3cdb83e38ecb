"""What a person can look at next, and what it costs.

Each cause says what a check would show if it were the one (``Cause.expects``); here stands how
the check is made. The commands change nothing.
"""

from __future__ import annotations

from refused.evidence.record import Record


class Check(Record):
    """One further look.

    Attributes:
        what: What to look at, in words.
        command: What to type; ``{target}``, ``{host}``, ``{port}`` and ``{name}`` (the first label
            of the host) are filled in.
        seconds: About how long it takes a person, from typing to reading.
        services: For which services it exists; empty for all.
        after: The look that must have been made before; ``""`` for none.
        until: The look after which this way of making it says nothing new.
        usual: What it mostly shows of a cause that says nothing of it; ``""`` where anything may be.
    """

    id: str
    what: str
    command: str
    seconds: float
    services: tuple[str, ...] = ()
    after: str = ""
    until: str = ""
    usual: str = ""


CHECKS = (
    Check(
        id="deeper",
        what="the state of this host: its sockets, ports, descriptors and packet filters",
        command="refused diagnose {target} --deep",
        seconds=15,
        usual="quiet",
    ),
    Check(
        id="more-time",
        what="the same with more patience",
        command="refused diagnose {target} --timeout 30",
        seconds=40,
    ),
    Check(
        id="again",
        what="the same again and again, for a minute",
        command="refused diagnose {target} --for 60s",
        seconds=75,
    ),
    Check(
        id="elsewhere",
        what="the same from another network",
        command="refused diagnose {target} --from here --from ssh:ANOTHER-HOST",
        seconds=120,
    ),
    Check(
        id="other-resolver",
        what="what another resolver says of the name",
        command="nslookup {host} 1.1.1.1",
        seconds=15,
        usual="same",
    ),
    Check(
        id="other-destination",
        what="whether this network lets anything out on that port",
        command="nc -vz -w 3 ANOTHER-HOST-THAT-LISTENS {port}",
        seconds=45,
    ),
    Check(
        id="server-side",
        what="whether the server runs and on which port it listens",
        command="ss -ltnp | grep -E 'redis|valkey'    # on the server",
        seconds=60,
        services=("redis",),
    ),
    Check(
        id="resource",
        what="state, public access and private endpoints of the cache",
        command="az redis list --query \"[?hostName=='{host}']\"",
        seconds=30,
        services=("acr",),
        usual="fine",
    ),
    Check(
        id="resource",
        what="state, public access and private endpoints of the cache",
        command="az redisenterprise list --query \"[?hostName=='{host}']\"",
        seconds=30,
        services=("amr", "acre"),
        usual="fine",
    ),
    Check(
        id="firewall-rules",
        what="the firewall rules of the cache, against the address it sees of this client",
        command="az redis firewall-rules list --name {name} --resource-group GROUP",
        seconds=45,
        services=("acr",),
        until="rules-read",
        usual="fine",
    ),
    Check(
        id="firewall-rules",
        what="the address that the cache sees of this client, against the firewall rules that Azure has",
        command="refused diagnose {target} --client-ip OUTBOUND-ADDRESS",
        seconds=30,
        services=("acr",),
        after="rules-read",
        usual="fine",
    ),
    Check(
        id="network-rules",
        what="the security rules and routes that hold for this client's subnet",
        command="az network nic list-effective-nsg --name NIC --resource-group GROUP",
        seconds=90,
        services=("acr", "acre", "amr"),
        usual="allows",
    ),
    Check(
        id="clients-metric",
        what="connected clients against the limit of the tier",
        command="az monitor metrics list --resource RESOURCE-ID --metrics connectedclients --aggregation Maximum",
        seconds=45,
        services=("acr", "acre", "amr"),
        usual="below",
    ),
    Check(
        id="keys",
        what="the keys that are valid now, against the one in use",
        command="az redis list-keys --name {name} --resource-group GROUP",
        seconds=45,
        services=("acr",),
        usual="same",
    ),
    Check(
        id="keys",
        what="the keys that are valid now, against the one in use",
        command="az redisenterprise database list-keys --cluster-name {name} --resource-group GROUP",
        seconds=45,
        services=("amr", "acre"),
        usual="same",
    ),
    Check(
        id="keys",
        what="whether the server takes the password that it should have, typed by hand",
        command="redis-cli -h {host} -p {port} --askpass ping    # with --tls where it is on",
        seconds=45,
        services=("redis",),
        usual="same",
    ),
    Check(
        id="certificate",
        what="who signed the certificate that this client is shown",
        command="openssl s_client -connect {host}:{port} -servername {host} -showcerts </dev/null",
        seconds=20,
        usual="as-expected",
    ),
)
