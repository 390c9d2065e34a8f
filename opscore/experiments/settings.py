"""What a scoring experiment is made of, in small frozen objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, TypeVar, cast

import torch

from opscore.engine import Prove
from opscore.errors import UserError, unknown
from opscore.experiments.brought import check_brought
from opscore.images import Batch, ImageSet, check_memory, resolve_images
from opscore.oracles import NO_TRUTH, Truth, has_oracle, load_accuracies, load_truth
from opscore.policies import find_family
from opscore.policies.zero_cost import ZeroCostPolicy
from opscore.proxies import (
    Meaning,
    Precision,
    get_proxy,
)
from opscore.rng import check_seed
from opscore.spaces import DEFAULT_SPACE, get_space
from opscore.supernets import SUPERNETS, Survivors, images_for
from opscore.supernets.profiles import PROFILES, TrainingProfile, find_profile
from opscore.typed import take_types

DTYPES = {"float32": torch.float32, "float64": torch.float64}

#: What has a place: a network, or a minibatch.
Placed = TypeVar("Placed", bound=torch.nn.Module | Batch)


@dataclass(frozen=True)
class OracleSettings:
    """Which table is the truth; what is None is the default of the space's own table.

    NAS-Bench-201's defaults are those of the published best-acc.

    Attributes:
        dataset: dataset or task of the table, such as 'cifar10'.
        split: 'test' or 'valid' (Eq. 1 read literally).
        epochs: length of the benchmark's training.
        seeds: how an architecture's training seeds are reduced: 'max' (published), 'mean', or
            the index of one.
        source: 'auto' takes the best table that is found; 'none' does without a truth.
        allow_partial: whether a table may be used that lacks some architectures.
    """

    dataset: str | None = None
    split: str | None = None
    epochs: int | None = None
    seeds: str | int | None = None
    source: str = "auto"
    allow_partial: bool = False

    def __post_init__(self) -> None:
        take_types(self)

    @property
    def known(self) -> bool:
        """Whether there is a truth; of resolved settings."""
        return self.source != NO_TRUTH

    def resolved(self, space: str, data_dir: Path | None = None) -> OracleSettings:
        """The same settings with the defaults of the space's table, or without a truth.

        UserError when something is asked of a space that has no table, the file of the table is
        missing, or it lacks what is asked for.
        """
        if not has_oracle(space):
            get_space(space)
            asked = self.dataset or self.split or self.epochs or self.seeds
            if asked is not None or self.source not in ("auto", NO_TRUTH):
                raise UserError(f"space '{space}' has no table of accuracies to take a truth from")
            return replace(self, source=NO_TRUTH)
        if self.source == NO_TRUTH:
            return self
        try:
            accuracies = load_accuracies(space, self.source, data_dir)
        except UserError as error:
            raise UserError(f"{error}; --oracle-source none does without a truth") from None
        dataset, split, epochs = accuracies.resolve(self.dataset, self.split, self.epochs)
        seeds = accuracies.default_seeds if self.seeds is None else self.seeds
        return replace(self, dataset=dataset, split=split, epochs=epochs, seeds=seeds)


class NeedsTruth(Protocol):
    """Settings that say which truth is meant."""

    @property
    def space(self) -> str:
        """The space's name."""

    @property
    def oracle(self) -> OracleSettings:
        """Which table is the truth."""

    @property
    def data_dir(self) -> Path | None:
        """Where the table is looked for first."""


def truth_of(settings: NeedsTruth) -> Truth:
    """What says how good architectures are, by resolved settings."""
    asked = settings.oracle
    return load_truth(
        settings.space,
        asked.split,
        asked.epochs,
        asked.source,
        settings.data_dir,
        allow_partial=asked.allow_partial,
    )


@dataclass(frozen=True)
class ScoringSettings:
    """Everything that initial scores depend on, for any number of policies and seeds.

    Attributes:
        policies: policy names, as the paper writes them.
        seeds: run seeds; each has its own supernet and minibatch.
        space: name of the search space.
        size: of the supernet: 'paper', 'cpu' or 'smoke'.
        batch_size: images in the minibatch.
        images: image set; 'auto' is CIFAR-10 where it is found, else digits.
        image_size: height and width to which images are scaled, pixels; None is what the networks
            of this size are made for.
        meaning: 'faithful' or 'clean' (docs/faithful.md).
        dtype: 'float32' or 'float64'.
        precision: of the proxies' fast path: 'full' is that of ``dtype``; 'bf16' computes its
            convolutions in bfloat16, for zc-pt and disc-zc of a proxy that has such a path.
        survivors: what the operations weigh that are left on an edge which lost others: 'theta'
            (as before), 'renormalized' (as before, scaled to a sum of one), 'uniform' (1/|O|);
            'auto' is what each proxy's published or released scores did (docs/faithful.md).
        device: 'cpu', 'cuda', ...; 'auto' is a GPU if there is one.
        oracle: the truth for best-acc and avg-acc.
        checkpoint: a supernet to score instead of a fresh one.
        batch_file: a minibatch to score on instead of a drawn one.
        data_dir: where data is looked for first.
        training: how supernets are trained, for the policies that need it: a profile, its name,
            or 'auto' for the one that is named as the size.
        prove: how often a fast path has to prove itself on networks that do not ship with opscore:
            'first', 'always' or 'never' (:mod:`opscore.engine.proof`); no score depends on it.
        cache: folder where trained supernets are kept, so that policies share them; scores do not
            depend on it. None keeps the latest ones in memory.
    """

    policies: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    space: str = DEFAULT_SPACE
    size: str = "paper"
    batch_size: int = 256
    images: str = "auto"
    meaning: Meaning = "faithful"
    dtype: str = "float32"
    precision: Precision = "full"
    survivors: Survivors | Literal["auto"] = "auto"
    device: str = "auto"
    oracle: OracleSettings = field(default_factory=OracleSettings)
    checkpoint: Path | None = None
    batch_file: Path | None = None
    data_dir: Path | None = None
    training: TrainingProfile | str = "auto"
    cache: Path | None = None
    image_size: int | None = None
    prove: Prove = "first"

    def __post_init__(self) -> None:
        take_types(self)

    @property
    def profile(self) -> TrainingProfile:
        """The training profile that :attr:`training` stands for."""
        if isinstance(self.training, TrainingProfile):
            return self.training
        return find_profile(self.size if self.training == "auto" else self.training)

    def _training(self) -> TrainingProfile | str:
        """The profile, except where none has the name of the size and nothing is trained."""
        trains = any("trained" in find_family(policy)[0].policy.uses for policy in self.policies)
        if self.training == "auto" and self.size not in PROFILES and not trains:
            return "auto"
        return self.profile

    @property
    def precision_key(self) -> dict[str, str]:
        """What precision and survivors add to a run's key: nothing for 'full' and 'auto'.

        So runs from before there was a choice are found.
        """
        key = {} if self.precision == "full" else {"precision": str(self.precision)}
        return key if self.survivors == "auto" else {**key, "survivors": self.survivors}

    @property
    def image_size_key(self) -> dict[str, int]:
        """What the size of images adds to a run's key: nothing where it is the networks' own."""
        return {} if self.image_size is None else {"image_size": self.image_size}

    def place(self, thing: Placed) -> Placed:
        """A network or a minibatch on the device and in the precision of these settings."""
        return cast("Placed", thing.to(self.device, DTYPES[self.dtype]))

    def image_set(self) -> ImageSet:
        """The image set, scaled for the networks."""
        return images_for(
            self.space, self.images, self.data_dir, size=self.size, image_size=self.image_size
        )

    @property
    def survivors_note(self) -> str:
        """What notes say of the survivors' weights: nothing where each proxy has its own way."""
        return "" if self.survivors == "auto" else f", survivors {self.survivors}"

    def resolved(self) -> ScoringSettings:
        """The same settings with every 'auto' decided and every name checked.

        Raises UserError for the first thing that is wrong.
        """
        get_space(self.space)
        family = SUPERNETS[self.space]
        family.size(self.size)
        side = family.side(self.size, self.image_size)
        if not self.policies:
            raise UserError("no policy was asked for; for instance 'zc-pt(nwot)'")
        for policy in self.policies:
            find_family(policy)
        if not self.seeds:
            raise UserError("no seed was asked for; for instance 0-3")
        seeds = tuple(check_seed(seed) for seed in self.seeds)
        if self.dtype not in DTYPES:
            raise unknown("dtype", self.dtype, DTYPES)
        if self.precision != "full":
            for policy in self.policies:
                _require_precision(policy, self.precision)
        if self.batch_size < 2:
            raise UserError(f"a batch needs at least two images, got {self.batch_size}")
        check_memory(self.batch_size, side, DTYPES[self.dtype].itemsize)
        oracle = self.oracle.resolved(self.space, self.data_dir)
        _require_truth(self.policies, self.space, oracle)
        check_brought(
            self.policies,
            self.space,
            self.size,
            self.images,
            self.checkpoint,
            self.batch_file,
            self.data_dir,
        )
        return replace(
            self,
            oracle=oracle,
            policies=tuple(dict.fromkeys(self.policies)),
            seeds=tuple(dict.fromkeys(seeds)),
            images=resolve_images(self.images, self.data_dir),
            device=resolve_device(self.device),
            training=self._training(),
            image_size=None if side == family.side(self.size) else side,
        )


def no_truth(space: str) -> str:
    """Why there is no truth, for messages and notes."""
    if has_oracle(space):
        return "none was asked for (source 'none')"
    return f"space '{space}' has no table of accuracies"


def _require_truth(policies: Sequence[str], space: str, oracle: OracleSettings) -> None:
    """UserError for a policy that knows the truth where there is none."""
    for policy in policies:
        if not oracle.known and "oracle" in find_family(policy)[0].policy.uses:
            raise UserError(f"{policy} needs a truth: {no_truth(space)}")


def _require_precision(policy: str, precision: Precision) -> None:
    """UserError for a policy that scores fresh supernets, but not in this precision."""
    family, argument = find_family(policy)
    if issubclass(family.policy, ZeroCostPolicy):
        get_proxy(argument).require_precision(precision)
    elif "supernet" in family.policy.uses and not family.policy.exact:
        raise UserError(f"policy '{policy}' has no {precision}; zc-pt and disc-zc have")


def check_device_name(name: str) -> None:
    """UserError for a text that names no device, whatever machine it is meant for."""
    try:
        torch.device("cpu" if name == "auto" else name)
    except RuntimeError:
        raise unknown("device", name, ("auto", "cpu", "cuda", "cuda:1")) from None


def resolve_device(name: str) -> str:
    """'auto' is a GPU if there is one; UserError for a device that this machine lacks."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):
        have = "cpu, cuda" if torch.cuda.is_available() else "cpu"
        raise UserError(f"device '{name}' is not available here; available: {have}") from None
    return name
