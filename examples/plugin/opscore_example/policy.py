"""lightest: the operation that leaves the smallest network, by a proxy that counts.

    f(A_t, e, o) = S(A_t + (e, o)), and the smallest wins

It is ``disc-zc`` with its sign turned, and the shortest policy that asks a proxy: all states of all
edges at once, so that the engine may share work between them.
"""

from opscore import get_proxy, register_policy
from opscore.policies import Policy


@register_policy(
    "lightest",
    summary="the smallest by a proxy, such as lightest(params)",
    check_argument=get_proxy,
)
class Lightest(Policy):
    """Smaller is better, whatever the proxy says."""

    #: What scores depend on: results are found again by these parts, each seed has its own.
    uses = frozenset({"supernet", "batch", "seed"})
    higher_is_better = False

    def __init__(self, context, argument):
        self.proxy, self.context = get_proxy(argument), context

    def scores(self, state, edges):
        """A score for each remaining operation of each edge."""
        asked = [(edge, op) for edge in edges for op in state.remaining(edge)]
        states = [state.discretize(edge, op) for edge, op in asked]
        found = self.proxy.scores(
            self.context.supernet, states, self.context.batch, self.context.how
        )
        result = {edge: [] for edge in edges}
        for (edge, _), score in zip(asked, found, strict=True):
            result[edge].append(score)
        return result
