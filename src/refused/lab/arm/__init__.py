"""The control plane of the twin: Azure Resource Manager over https, on loopback.

The state is a store of ARM documents, each as GET answers it, keyed by the resource's id in lower
case (:mod:`refused.lab.arm.state`). Everything else derives from the documents: the answers, who is
let in at which address, what a client's resolver says, which keys open the server, the activity
log. So an export is the document, and to undo is to PUT the old one.

Who adds operations writes a module in this folder that declares them with
:func:`refused.lab.arm.routes.route`; modules are found by walking the folder, and none is listed.
What a data plane does with the documents is :mod:`refused.lab.arm.coupling`.

Documents that mirror each other are kept in step by the functions in
:data:`refused.lab.arm.state.FOLLOWERS`: :mod:`refused.lab.arm.links` makes the connection below a
cache when a private endpoint is written, and tells the endpoint what becomes of it.

Data, not code, is what a scenario has until somebody asks: a world's ``documents`` is a plain
dictionary, and neither the state nor the server exists before ``world.arm`` is read.
"""
