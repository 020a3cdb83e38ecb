"""What Azure's control plane says of the cache, read side by side with the walk of the path.

    beside       whether it is asked, and where a target leads that only it can place
    look         one look: begun beside the walk, ended with it, within the time limit
    read, crew   which reads are made, in which order, by a few threads
    fleet        many caches in one process
    find         from a host name to the resource
    client       the https conversation with Azure Resource Manager, polite and bounded
    endpoint, trust, signs, credentials   where it is, whom to trust, and one token
    cache, network, monitor   what the answers say, as observations (pure); ways, the ways into JSON
    raw          answers as they may be shown
    address      the address from which the service sees this client
    changes      the user's own history of changes

Nothing here but ``beside`` and ``signs`` is imported before it is known that the control plane is to be
asked. These modules stay on the host of the user: they need Python 3.11 and, for azure-identity's
chain, ``refused[azure]``.
"""
