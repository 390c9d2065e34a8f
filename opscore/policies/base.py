"""What a policy is: a score for each operation of an edge, given a state (paper, section 3.1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from opscore.errors import UserError
from opscore.images import Batch
from opscore.oracles import Oracle
from opscore.proxies import How, Memo, Score
from opscore.registry import Registry, look_up
from opscore.spaces import SearchSpace, State
from opscore.supernets import Supernet

#: Scores by edge index: one for each remaining operation, in the order of ``state.remaining``.
EdgeScores = dict[int, list[Score]]


class Context(Protocol):
    """What a policy may use. Parts are made when they are first asked for."""

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        ...

    @property
    def seed(self) -> int:
        """The run's seed."""
        ...

    @property
    def how(self) -> How:
        """How proxies compute their scores."""
        ...

    @property
    def memo(self) -> Memo:
        """Scores that are known already."""
        ...

    @property
    def oracle(self) -> Oracle:
        """The truth."""
        ...

    @property
    def supernet(self) -> Supernet:
        """The supernet of this seed."""
        ...

    @property
    def batch(self) -> Batch:
        """The minibatch of this seed, on the supernet's device."""
        ...

    @property
    def thin_supernet(self) -> Supernet:
        """A supernet of this seed with one input channel."""
        ...

    @property
    def patches(self) -> Batch:
        """3x3 patches of one channel, [N, 1, 3, 3], to count linear regions on."""
        ...

    @property
    def trained_supernet(self) -> Supernet:
        """The supernet of this seed after training, and after any retraining so far."""
        ...

    @property
    def validation(self) -> Batch:
        """The images that accuracies of the trained supernet are measured on."""
        ...

    def train(self, supernet: Supernet, state: State) -> object:
        """Retrain a supernet under a state, in place, for the settings' k epochs."""
        ...


class Policy(ABC):
    """A scoring function f(A_t, e, o) and the direction that wins.

    Attributes:
        name: as it was asked for, argument included; :func:`make_policy` sets it.
        higher_is_better: whether the largest score marks the operation to keep, or the smallest.
    """

    #: Which parts of the context the scores depend on: of 'oracle', 'supernet', 'batch',
    #: 'trained' (a trained supernet), 'seed', 'patches' (of the images); and 'draws', if it draws
    #: from the seed itself, so that seeds differ even where all of these are given.
    uses: ClassVar[frozenset[str]] = frozenset()

    #: Whether scores are counts, which are the same in every precision.
    exact: ClassVar[bool] = False

    name: str
    higher_is_better: bool

    @abstractmethod
    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of the remaining operations of each given edge, all for the same state."""

    def strength(self, score: Score) -> float:
        """The score turned so that larger means 'keep this operation'; NaN for a failure."""
        return score.value if self.higher_is_better else -score.value

    def choose(self, state: State, edge: int) -> int | tuple[int, ...]:
        """pi(A_t, e): the operation to keep, the first one on ties; see :meth:`pick`.

        UserError when no operation of the edge could be scored.
        """
        return self.pick(state, edge, self.scores(state, [edge])[edge])

    def pick(self, state: State, edge: int, scores: Sequence[Score]) -> int | tuple[int, ...]:
        """The operation to keep, given the scores of the edge's remaining operations.

        Of an edge that keeps several, the indices of the strongest ones, in ascending order; with
        zc-pt and a perturbation score, those whose removal hurts most. UserError when fewer than
        that have a score.
        """
        strengths = np.array([self.strength(score) for score in scores])
        kept = state.space.keeps[edge]
        if kept > 1:
            return self._strongest(state, edge, strengths, kept)
        if np.isnan(strengths).all():
            raise UserError(
                f"{self.name} has no score for any operation of edge {state.space.edges[edge]}"
            )
        return state.remaining(edge)[int(np.nanargmax(strengths))]

    def _strongest(
        self, state: State, edge: int, strengths: NDArray[np.float64], kept: int
    ) -> tuple[int, ...]:
        scored = int((~np.isnan(strengths)).sum())
        if scored < kept:
            raise UserError(
                f"{self.name} has scores for {scored} operations of edge "
                f"{state.space.edges[edge]}, which keeps {kept}"
            )
        order = np.argsort(-strengths, kind="stable")  # NaN goes last, the first one wins a tie
        return tuple(sorted(state.remaining(edge)[int(place)] for place in order[:kept]))


@dataclass(frozen=True)
class PolicyFamily:
    """A kind of policy in the registry.

    Attributes:
        build: makes the policy from a context and the text between the parentheses of its name.
        policy: the class, for what its scores depend on.
        summary: one line for lists.
        check_argument: raises UserError for a bad argument; None when the family takes none.
        argument: what the argument is, for lists: a proxy for most families.
        version: what stored results know it by, instead of its source and the present values of
            what that reads (:mod:`opscore.fingerprint`).
    """

    build: Callable[[Context, str], Policy]
    policy: type[Policy]
    summary: str
    check_argument: Callable[[str], object] | None = None
    argument: str = "PROXY"
    version: str | None = None


#: Policy families by name; other packages add theirs through the entry-point group.
POLICIES: Registry[PolicyFamily] = Registry("policy", entry_points="opscore.policies")


P = TypeVar("P", bound=type[Policy])


def register_policy(
    name: str,
    *,
    summary: str,
    check_argument: Callable[[str], object] | None = None,
    argument: str = "PROXY",
    version: str | None = None,
    source: str = "",
) -> Callable[[P], P]:
    """Register a class as a policy, or as a family of them.

    ::

        @register_policy("first-listed", summary="operations in the order of their list")
        class FirstListed(Policy):
            higher_is_better = False

            def __init__(self, context):
                pass

            def scores(self, state, edges):
                return {edge: [Score.of(op) for op in state.remaining(edge)] for edge in edges}

    The class is called with a :class:`Context`, and with the text between the parentheses of its
    name as well where ``check_argument`` says what may stand there, such as
    :func:`opscore.get_proxy`. The others are fields of :class:`PolicyFamily`, and ``source`` is
    what it is cited for. UserError for a class that lacks a method.
    """

    def decorate(policy: P) -> P:
        if lacking := getattr(policy, "__abstractmethods__", None):
            raise UserError(f"policy '{name}' defines no {', no '.join(sorted(lacking))}()")

        def build(context: Context, given: str) -> Policy:
            make: Callable[..., Policy] = policy
            return make(context, given) if given else make(context)

        family = PolicyFamily(build, policy, summary, check_argument, argument, version)
        POLICIES.add(name, family, source=source)
        return policy

    return decorate


def find_family(name: str) -> tuple[PolicyFamily, str]:
    """The family and the argument of a policy name such as 'zc-pt(nwot)'.

    UserError when the family or its argument is unknown, missing, or not wanted.
    """
    return look_up(POLICIES, name, kind="policy", form="FAMILY")


def make_policy(name: str, context: Context) -> Policy:
    """The policy of this name over a context; UserError for a bad name."""
    family, argument = find_family(name)
    policy = family.build(context, argument)
    with suppress(AttributeError):  # one whose name cannot be set keeps its own
        policy.name = name.strip()
    return policy
