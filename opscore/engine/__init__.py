"""The numbers of plain modules with less work, for any space, in four stages.

A supernet is scored under many states, and most of the work is the same in all of them. So its
forward pass is read once, written down for each state as an expression of which equal parts are one
object, and only what differs is computed. docs/engine.md carries one state of a small network
through all stages, with what each of them prints.

1. trace: network, image shape -> Trace.
   ``torch.fx`` runs the plain forward pass on a stand-in. Layers become nodes, a choice becomes one
   node that names its edge and its candidates' outputs; what a user's hooks would count is noted
   beside it (graph). What is read is kept as long as nothing can have changed (known). No weights.
2. algebra: Trace, weights of a state -> Value.
   Each node becomes a linear combination of atoms by a rule of its kind of layer (rules/): what has
   weight zero leaves nothing behind, batch norm goes into the convolution before it. Equal atoms
   are one object, in one state and between states (expressions, networks).
3. schedule: Values -> Steps, Segments.
   Atoms in an order in which they can be computed, convolutions of one input together (steps), cut
   where little lies between, so that pieces of the batch stay in the cache (segments).
4. execute: Steps, images -> numbers.
   kernels: the signs of rectifiers in eval mode, for nwot. flow: a signal with its derivative, for
   synflow. gradient: under autograd, for what takes gradients. training: the same under weights
   that are symbols. They share layers, pool and batch_norm.

Every stage knows those before it alone. Beside them stand what is asked of all four:

* coverage: which layers have no rule, and where they are;
* forms: which architectures compute the same;
* proof: whether a network that does not ship has the same numbers both ways.

Where to look: a kind of layer in algebra/rules/, a file for each; why a network cannot be read in
trace/graph; what is added up to one convolution in schedule/steps and execute/layers; how many
images go together in execute/kernels. What has no rule is called as it is: slower, never wrong.
"""

from opscore.engine.coverage import Coverage, coverage
from opscore.engine.execute.flow import synaptic_flows
from opscore.engine.execute.gradient import shared_networks
from opscore.engine.execute.kernels import activation_kernels
from opscore.engine.execute.training import training_network
from opscore.engine.forms import Forms
from opscore.engine.proof import Claim, doubt, proving, tell
from opscore.engine.trace.graph import CannotTraceError
from opscore.engine.trace.known import read_once, reading, ships

__all__ = [
    "CannotTraceError",
    "Claim",
    "Coverage",
    "Forms",
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
    "training_network",
]
