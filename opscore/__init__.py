"""opscore: how well do operation scores of differentiable NAS agree with the truth?"""

from opscore._version import __version__

__all__ = ["__version__"]
