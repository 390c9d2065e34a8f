"""Commands that show what the package ships, and compute with --live only."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from opscore.errors import UserError

#: Options that say nothing of what is measured.
_ANYWAY = frozenset(
    {"live", "out", "form", "as_json", "quiet", "store", "jobs", "finished", "retries"}
) | {"device", "data_dir", "style", "width", "figures", "counts", "board", "reference"}


class LiveCommand(TyperCommand):
    """A command that refuses settings of a measurement where it makes none."""

    def invoke(self, ctx: Any) -> Any:
        """UserError where such an option is given without --live."""
        _refuse_settings(self, ctx)
        return super().invoke(ctx)


class LiveGroup(TyperGroup):
    """The same for a command that has others below it."""

    def invoke(self, ctx: Any) -> Any:
        """UserError as for :class:`LiveCommand`."""
        _refuse_settings(self, ctx)
        return super().invoke(ctx)


def _refuse_settings(command: LiveCommand | LiveGroup, ctx: Any) -> None:
    if ctx.params.get("live", True):
        return
    given = [
        parameter.opts[0]
        for parameter in command.params
        if parameter.name is not None
        and parameter.name not in _ANYWAY
        and (source := ctx.get_parameter_source(parameter.name)) is not None
        and source.name == "COMMANDLINE"
    ]
    if given:
        raise UserError(
            f"{', '.join(given)} {'is' if len(given) == 1 else 'are'} for --live; without it "
            f"{command.name} shows what comes with the package, which has settings of its own"
        )
