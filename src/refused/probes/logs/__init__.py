"""Logs as a source of evidence: from bytes of any kind and size to groups of events.

The order of the work is the order of the modules: :mod:`sources` gives chunks cut at line ends,
:mod:`scan` finds the lines that any pattern matches, :mod:`lines` takes a line out of what wraps
it, :mod:`events` joins the lines of one trace, :mod:`tally` groups and counts, :mod:`rates` says
when the rate changed. Patterns are handed in: who reads does not judge.
"""
