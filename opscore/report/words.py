"""Text of a page: names that anybody may have given, numbers, times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: Characters of a name after which it is cut.
_LONGEST = 120

#: What settings are called on the page, where the key's own word says too little.
_NAMES = {
    "results": "version of results",
    "networks": "version of networks",
    "image_content": "hash of images",
    "space_content": "hash of space",
    "checkpoint": "hash of checkpoint",
    "batch_file": "hash of batch file",
    "oracle": "truth",
    "orders": "meaning of orders",
    "batch_size": "batch",
    "proposals": "N",
    "validation": "V",
}


def plain(text: object, longest: int = _LONGEST) -> str:
    """A text that can be printed: one line, not too long, without what is no character."""
    found = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return found if len(found) <= longest else f"{found[: longest - 1]}…"


def many_lines(text: object, longest: int = 20_000) -> str:
    """The same for a text of several lines, such as a traceback."""
    lines = str(text)[-longest:].splitlines()
    return "\n".join(plain(line, 400) for line in lines)


def duration(seconds: float) -> str:
    """Seconds in words, such as '2 h 5 min'."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min"


def described(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings as pairs of a name and a text, those that are not set left out."""
    pairs = []
    for name, value in settings.items():
        if value is None:
            continue
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        pairs.append((plain(_NAMES.get(name, name.replace("_", " "))), plain(text)))
    return pairs
