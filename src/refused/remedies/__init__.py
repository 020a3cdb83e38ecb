"""Changes that end a cause: planned and rendered without touching anything, applied one at a time.

``change.py`` holds the words, ``kinds/`` one module for each kind of change, ``plan.py`` puts them
in order, ``refusals.py`` lets nothing through that weakens security, ``journal.py`` remembers what
was done, and ``apply.py`` is the only one that acts.
"""
