"""The numbers of plain modules with less work, for any space."""

from opscore.engine.flow import synaptic_flows
from opscore.engine.gradient import shared_networks
from opscore.engine.kernels import activation_kernels, network_kernel

__all__ = ["activation_kernels", "network_kernel", "shared_networks", "synaptic_flows"]
