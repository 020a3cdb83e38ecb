"""Gather the evidence about TARGET and print it as JSON, unjudged.

The output is a bundle: `refused diagnose @FILE` judges it, here or anywhere. With --azure it holds the
control plane's raw answers as well, secrets removed. Exit code 0 whatever was seen.
"""

from __future__ import annotations

import os

from refused.cli.options import looking, print_json, probing, with_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    looking(parser)
    parser.add_argument(
        "--verbose", action="store_true", default=None, help="show where refused itself failed"
    )


def run(options: Namespace) -> int:
    """Print the evidence. Returns the exit code."""
    from json import dumps

    from refused.api import probe, save
    from refused.evidence.redaction import redact_data

    with_environment(options, os.environ)
    # Whoever asks for Azure by name wants to see what Azure said.
    keeps_raw = options.azure is True
    bundle = probe(options.target, keeps_raw=keeps_raw, **probing(options, os.environ))
    if options.save:
        save(bundle, options.save)
    print_json(dumps(redact_data(bundle.to_json()), indent=2, ensure_ascii=False))
    return 0
