"""The numbers of plain modules with less work, for any space."""

from opscore.engine.coverage import Coverage, coverage
from opscore.engine.flow import synaptic_flows
from opscore.engine.forms import Forms
from opscore.engine.gradient import shared_networks
from opscore.engine.kernels import activation_kernels
from opscore.engine.proof import Claim, Prove, doubt, proving, tell
from opscore.engine.trace import CannotTraceError, read_once, reading, ships

__all__ = [
    "CannotTraceError",
    "Claim",
    "Coverage",
    "Forms",
    "Prove",
    "activation_kernels",
    "coverage",
    "doubt",
    "proving",
    "read_once",
    "reading",
    "shared_networks",
    "ships",
    "synaptic_flows",
    "tell",
]
