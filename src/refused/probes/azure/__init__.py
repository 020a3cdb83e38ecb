"""What Azure's control plane says of the cache, read side by side with the walk of the path.

    client       one kept-alive https conversation with Azure Resource Manager, polite and bounded
    endpoint, trust, signs   where it is, whom to trust, whether a credential is at hand
    credentials  one token, from the environment or from azure-identity's chain
    find         from a host name to the resource
    read         which reads are made, in which order, within the time limit
    cache, network, monitor   what the answers say, as observations (pure)
    address      the address from which the service sees this client
    changes      the user's own history of deployments

Nothing here is imported before it is known that the control plane is to be asked. These modules stay
on the host of the user: they need Python 3.11 and, for azure-identity's chain, ``refused[azure]``.
"""
