"""JSON as Azure Resource Manager takes it: with comments, and with names that stand without quotes.

``az deployment`` sends such text: it splices the template's own file, comments and all, behind an
unquoted ``template:`` (azure-cli, ``JsonCTemplatePolicy``).
"""

from __future__ import annotations

import json
import re
from typing import Any

# A string first, so that nothing inside of one is taken for anything else.
_PARTS = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*")|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<name>[A-Za-z_]\w*)(?=\s*:)',
    re.DOTALL,
)


def loads(text: str) -> Any:
    """Read JSON that may have comments and unquoted names.

    >>> loads('{"a": "//1", b: [2] /* two */}')
    {'a': '//1', 'b': [2]}

    Raises:
        ValueError: It is not even that.
    """

    def plain(part: re.Match[str]) -> str:
        if part.lastgroup == "comment":
            return " "
        return f'"{part[0]}"' if part.lastgroup == "name" else part[0]

    return json.loads(_PARTS.sub(plain, text), strict=False)
