"""``opscore cite``: what the things that a user names, or that runs used, are cited for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from opscore.answers import Answer, Listing
from opscore.cli.present import answering
from opscore.errors import UserError, unknown


@answering(formats=False)
def cite(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Proxies, policies, search methods, spaces, image sets and data files, by name; "
            "else what the runs of --runs used.",
            show_default=False,
        ),
    ] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Folder of finished runs.")] = Path("runs"),
) -> Answer:
    """BibTeX of what the runs of a store used, or of what is named.

    A run does not say which file its truth came from: name that, as in 'opscore cite
    nasbench201-robustness'.
    """
    return cited(names) if names else cited(_used(runs), all_known=False)


def cited(names: Iterable[str], *, all_known: bool = True) -> Listing:
    """What things are cited for, the paper first, with those that have no source.

    Where not all are known, as images and proxies of one's own, the others have none either.
    """
    from opscore.published.sources import THE_PAPER, bibtex, keys, named

    used: dict[str, list[str]] = {THE_PAPER: []}
    without = []
    for name in names:
        try:
            sources = _sources(name)
        except UserError:
            if all_known:
                raise
            sources = []
        for key in dict.fromkeys(key for source in sources for key in keys(source)):
            used.setdefault(key, []).append(name)
        if not any(map(keys, sources)):
            told = "; ".join(filter(None, sources))
            without.append(f"{name} ({told})" if told else name)
    rows = [
        {"key": key, "text": named(key), "for": of, "bibtex": bibtex([key])}
        for key, of in used.items()
    ]
    used[THE_PAPER].insert(0, "opscore, which reproduces its experiments")
    lines = [f"% {', '.join(of)}\n{bibtex([key])}\n" for key, of in used.items()]
    lines += [f"% without an entry: {', '.join(without)}"] * bool(without)
    return Listing([], {"sources": rows, "without": without}, said=lines)


def _sources(name: str) -> list[str]:
    """The sources of everything that has this name, and of the proxies that it is made with."""
    from opscore.data.catalogue import FILES
    from opscore.images import IMAGE_SETS
    from opscore.policies import POLICIES, find_family
    from opscore.proxies import PROXIES, proxies_in
    from opscore.search import METHODS, find_method
    from opscore.spaces import SPACES

    family, _, argument = name.partition("(")
    if argument and family in POLICIES:
        find_family(name)
    elif argument and family in METHODS:
        find_method(name)
    proxies = proxies_in(argument.removesuffix(")") or name)
    registries = (POLICIES, METHODS, SPACES, IMAGE_SETS)
    found = [each.source(family) for each in registries if family in each]
    found += [FILES[name].cite] if name in FILES else []
    if not found and not proxies:
        everything = [each for registry in (*registries, PROXIES, FILES) for each in registry]
        raise unknown("name of something to cite", name, dict.fromkeys(everything))
    return [*found, *(proxy.source for proxy in proxies)]


def _used(runs: Path) -> list[str]:
    """Names of what the runs of a store used."""
    from opscore.runs.reading import stored_runs

    found: dict[str, None] = {}
    for run in stored_runs(runs):
        used = run.policy, run.space, str(run.key.get("images") or "")
        found |= dict.fromkeys(filter(None, used))
    return list(found)
