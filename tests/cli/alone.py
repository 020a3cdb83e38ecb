"""Run one command's module as `refused COMMAND` would, whether or not it is listed yet."""

from __future__ import annotations

import contextlib
import io
from argparse import RawDescriptionHelpFormatter
from importlib import import_module

from refused.cli.main import _guarded
from refused.cli.parser import Parser
from tests.cli.running import Said


def command(name: str, *words: str) -> Said:
    """Run ``refused NAME WORDS…`` in this process."""
    module = import_module(f"refused.cli.{name.replace('-', '_')}")
    parser = Parser(
        prog=f"refused {name}",
        description=module.__doc__,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.arguments(parser)
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = _guarded(module.run, parser.read(words))
        except SystemExit as leaving:  # argparse's way out
            code = int(leaving.code or 0)
    out.seek(0)
    return Said(code, out.read(), err.getvalue())
