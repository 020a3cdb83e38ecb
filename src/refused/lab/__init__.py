"""A working twin of the service, in which every cause can be reproduced on a laptop.

Real Redis or Valkey servers stand behind a faithful data plane with logical addresses, a DNS server
and SOCKS5 vantage points. No root, no Docker, no internet. A diagnosis is given three things and
knows of no others: the resolver, the vantage points, and what the client trusts::

    from refused.lab.scenario import by_id

    with by_id("private-endpoint-dns").up() as world:
        world.target, world.resolver, world.vantages, world.ca_file, world.host_root

How to write a scenario: one module in ``lab/scenarios/``, named for the cause, in which a function
declares a world. Its docstring tells the story; nothing starts until it returns::

    @scenario("auth-wrong-key", "The key was regenerated", service="acr")
    def build(world: World) -> None:
        "The platform team rolled both keys on Friday; the application still has Thursday's."
        cache = acr(world, "contoso")
        world.target = cache.target(key=world.secret())

What there is to build with:

- :mod:`refused.lab.azure`: ``acr``, ``amr``, ``private_endpoint``, ``plain_redis``. They set
  ``world.target`` if nobody has, and return a ``Cache`` (``host``, ``address``, ``key``, ``front``,
  ``plain``, ``server``, ``cluster``, ``node_fronts``, ``target(...)``).
- :mod:`refused.lab.fronts`: what stands at an address. ``world.at(address, port, front)`` puts it
  there, ``world.closed(address, front)`` says what the other ports do. Wrap what is there:
  ``world.at(cache.address, 6380, AllowFrom(cache.front, ["198.51.100.0/24"]))``.
- ``world.zone``: ``a``, ``chain``, and ``says(name, Entry(...), Entry(...))`` for an answer that
  fails, stalls, is truncated or changes; ``world.zone.trouble`` for a resolver that is ill.
- ``world.vantage(name, client_ip, way=...)``: a place to look from, and what lies on its way, as a
  function of the front and the call: a sidecar, a corporate firewall. The first is the default one.
- ``world.authority(...)``: certificates; ``world.trusts`` is what the client trusts instead.
- ``world.server(...)``, ``world.cluster(...)``: real servers; ``world.once_up(deed)`` does
  something to them as soon as they run, ``world.hold(server, n)`` takes their connections.
- ``world.host_file(path, text)``: a file of the client's host, which is a quiet Linux otherwise
  (:mod:`refused.lab.host`); ``world.client_environ``: its
  environment variables. ``world.secret()`` makes a key that must never be seen in any output.

Caches of Azure have a control plane as well (:mod:`refused.lab.arm`): what Azure knows of them stands
in ``world.documents``, decides who is let in, and is answered at ``world.arm_endpoint`` as soon as
somebody asks. What is wrong is said there where Azure would know of it: ``acr(rules=…, is_public=…)``,
``private_endpoint(linked=…, status=…, in_zone=…)``, ``azure.happened`` for the activity log,
:mod:`refused.lab.azure_network` for rules, routes and injection, ``world.order`` for all else. A
scenario that says ``control_plane=False`` has the data plane alone.

Kernel worlds (:mod:`refused.lab.kernel_worlds`, ``refused lab --kernel``) are declared as data instead:
a client, a router, a server's host and an office in network namespaces, with real servers, resolvers
and packet filters, on Linux. :data:`refused.lab.kernel_stage.SKIPPED` says what they cannot have.

What a relay cannot play (unacknowledged data, ICMP, packet sizes) needs a real kernel: such a
scenario says ``needs=("kernel",)``. What is not known of the real service is said in ``unknown``.
The lab imports :mod:`refused.service` and nothing else of ours, lest it be bent towards the judges.
"""
