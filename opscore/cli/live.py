"""Commands that show what the package ships, and compute with --live only."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from opscore.errors import UserError

#: Options that say nothing of what is measured.
_ANYWAY = frozenset(
    {"live", "out", "form", "as_json", "quiet", "store", "jobs", "finished", "retries"}
) | {"device", "data_dir", "style", "width", "figures"}


class LiveCommand(TyperCommand):
    """A command that refuses settings of a measurement where it makes none."""

    def invoke(self, ctx: Any) -> Any:
        """UserError where such an option is given without --live."""
        if not ctx.params.get("live", True):
            given = [
                parameter.opts[0]
                for parameter in self.params
                if parameter.name is not None
                and parameter.name not in _ANYWAY
                and (source := ctx.get_parameter_source(parameter.name)) is not None
                and source.name == "COMMANDLINE"
            ]
            if given:
                one = len(given) == 1
                raise UserError(
                    f"{', '.join(given)} {'is' if one else 'are'} for --live; without it "
                    f"{self.name} shows what comes with the package, which has settings of its own"
                )
        return super().invoke(ctx)
