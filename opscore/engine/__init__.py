"""The numbers of plain modules with less work, for any space."""

from opscore.engine.coverage import Coverage, coverage
from opscore.engine.flow import synaptic_flows
from opscore.engine.forms import Forms
from opscore.engine.gradient import shared_networks
from opscore.engine.kernels import activation_kernels, network_kernel
from opscore.engine.trace import CannotTraceError

__all__ = [
    "CannotTraceError",
    "Coverage",
    "Forms",
    "activation_kernels",
    "coverage",
    "network_kernel",
    "shared_networks",
    "synaptic_flows",
]
