"""The policies that need a trained supernet: darts (Eq. 3), disc-acc (Eq. 4), darts-pt (Eq. 5).

    darts:     argmax_o softmax(alpha_e)_o
    disc-acc:  argmax_o acc(A_t + (e, o)) after retraining
    darts-pt:  argmin_o acc(A_t - (e, o)), the other operations' weights left as they are

acc is the supernet's accuracy on images of the validation half, one draw for all operations of an
iteration. In the faithful meaning batch norm normalises by each batch's own statistics, as the
authors' code does by measuring in train mode; in the clean meaning by its running statistics.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy

from opscore.policies.base import Context, EdgeScores, Policy, register_policy
from opscore.progress import each
from opscore.proxies import Score
from opscore.spaces import State
from opscore.supernets import Supernet
from opscore.supernets.measure import accuracy


class TrainedPolicy(Policy):
    """A number measured on a trained supernet for each operation."""

    uses = frozenset({"trained", "seed"})

    def __init__(self, context: Context) -> None:
        self.context = context

    @abstractmethod
    def measure(self, state: State, edge: int, op: int) -> float:
        """The number that stands for the operation."""

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """One measurement for each remaining operation; the trained supernet stays as it is."""
        # Made now, so that no score's time has the training of the supernet in it.
        _ = self.context.trained_supernet, self.context.validation
        asked = [(edge, op) for edge in edges for op in state.remaining(edge)]
        found: EdgeScores = {edge: [] for edge in edges}
        for edge, op in each(asked, "operations"):
            found[edge].append(self._timed(state, edge, op))
        return found

    def _timed(self, state: State, edge: int, op: int) -> Score:
        start = time.perf_counter()
        value = self.measure(state, edge, op)
        return Score.of(value, time.perf_counter() - start)


def accuracy_of(context: Context, supernet: Supernet, state: State) -> float:
    """Percent accuracy of a supernet under a state, on the images of the validation half."""
    return accuracy(
        supernet,
        context.validation,
        supernet.weights(state),
        batch_statistics=context.how.meaning == "faithful",
    )


@register_policy(
    "darts",
    summary="Eq. 3: the architecture parameters of a trained supernet",
    source="liu2019",
)
class DARTSPolicy(TrainedPolicy):
    """Eq. 3: the operation's share in the mixture that training arrived at."""

    higher_is_better = True

    def measure(self, state: State, edge: int, op: int) -> float:
        """softmax(alpha) over all operations of the edge, at this one."""
        return float(self.context.trained_supernet.theta()[edge, op])


@register_policy(
    "disc-acc",
    summary="Eq. 4: supernet accuracy with the edge discretized, after retraining",
    source="wang2021",
)
class DiscretizationAccuracyPolicy(TrainedPolicy):
    """Eq. 4: accuracy once the edge has this operation only, after k epochs of retraining.

    Every operation starts from the same trained weights and alphas and sees the same batches.
    """

    higher_is_better = True

    def measure(self, state: State, edge: int, op: int) -> float:
        """Percent accuracy of the retrained copy."""
        changed = state.discretize(edge, op)
        supernet = deepcopy(self.context.trained_supernet)
        self.context.train(supernet, changed)
        return accuracy_of(self.context, supernet, changed)


@register_policy(
    "darts-pt",
    summary="Eq. 5: supernet accuracy with the operation removed",
    source="wang2021",
)
class PerturbationAccuracyPolicy(TrainedPolicy):
    """Eq. 5: accuracy without the operation; the one whose removal hurts most is kept."""

    higher_is_better = False

    def measure(self, state: State, edge: int, op: int) -> float:
        """Percent accuracy with the operation's weight zero."""
        return accuracy_of(self.context, self.context.trained_supernet, state.perturb(edge, op))
