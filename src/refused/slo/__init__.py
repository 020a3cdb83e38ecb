"""Alert rules as data, what they would have said of the past, and what a service may still lose.

Everything here is pure: evidence and history in, rules and verdicts out. Who reads Azure or writes to
it is :mod:`refused.cli.alerts`, by the machinery of :mod:`refused.remedies`.
"""
