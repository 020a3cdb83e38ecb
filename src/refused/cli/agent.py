"""Build the single file that looks from where only a person can go.

  refused agent build -o FILE

Carry FILE to an App Service console, a jump host or a container, and run it there with any Python
from 3.8 on:

  python3 FILE [the options of refused probe] TARGET > bundle.json

It prints a bundle and exits 0 whatever it saw; `refused diagnose @bundle.json` judges it here, and
`refused diagnose TARGET --from here --from @bundle.json` compares the two places. The file holds no
secret, writes nothing there, and is the same, byte by byte, from the same version.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="build")
    building = commands.add_parser("build", help="write the single file", allow_abbrev=False)
    building.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="where to write it; - for standard output",
    )
    building.add_argument(
        "--verbose", action="store_true", default=None, help="show where refused itself failed"
    )


def run(options: Namespace) -> int:
    """Write the file. Returns the exit code."""
    from hashlib import sha256

    from refused.vantage.build import build

    made = build()
    if options.output == "-":
        sys.stdout.buffer.write(made)
        return 0
    write_whole(options.output, made)
    # What a person can hold against `sha256sum FILE` on the other side.
    print(
        f"{options.output}: {len(made)} bytes, sha256 {sha256(made).hexdigest()}", file=sys.stderr
    )
    return 0


def write_whole(path: str, content: bytes) -> None:
    """Write a program to *path*, whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    beside = f"{path}.{os.getpid()}.part"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755)
    except OSError as gone:
        raise OSError(gone.errno, gone.strerror, path) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
