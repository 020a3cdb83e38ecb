"""Facts about the Azure services, each with its source and how sure it is. Pure: no I/O, no clock.

Three services share the name: ``acr`` is Azure Cache for Redis (Basic, Standard, Premium), ``acre``
its Enterprise tiers, ``amr`` Azure Managed Redis. ``redis`` is any other Redis or Valkey. They
differ in ports, names, limits and features, so every question here asks for the service first.

A table is a tuple of rows, and a row ends in its source (a public URL) and its certainty (see
:mod:`refused.service.facts`). What is not known is ``None``, never a guess.
"""
