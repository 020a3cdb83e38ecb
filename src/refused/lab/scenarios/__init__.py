"""One module per root cause; each holds the scenarios that should lead to it."""
