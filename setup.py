"""What setup.cfg cannot say: README as the package index shows it, where a path leads nowhere.

With ``url = ADDRESS`` in setup.cfg its links lead there; without one they are plain text, and its
pictures are left out.
"""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:)([^)\s]+)\)")


def on_the_index(text: str, address: str) -> str:
    """README with links that work away from the repository at an address; '' for none."""

    def link(found: re.Match[str]) -> str:
        picture, words, path = found.groups()
        if address:
            return f"{picture}[{words}]({address}/{'raw' if picture else 'blob'}/main/{path})"
        return "" if picture else words

    return LINK.sub(link, text)


if __name__ == "__main__":
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    address = settings.get("metadata", "url", fallback="").rstrip("/")
    setup(long_description=on_the_index(readme, address))
