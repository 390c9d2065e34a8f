"""The settings in groups, and those of each kind of call, which are made of the groups."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from opscore.errors import UserError, whole_number
from opscore.registry import as_names, split_names
from opscore.rng import as_seeds
from opscore.settings.profiles import TrainingProfile, find_profile
from opscore.spaces import DEFAULT_SPACE
from opscore.typed import Help, keywords, take_types, types_of

#: 'faithful' does what made the published numbers; 'clean' does what the equations say.
Meaning = Literal["faithful", "clean"]

#: 'full' is the network's own; 'bf16' has the fast path's convolutions in bfloat16.
Precision = Literal["full", "bf16"]

#: What operations weigh that are left on an edge which lost others.
Survivors = Literal["theta", "renormalized", "uniform"]

#: How often a fast path has to prove itself.
Prove = Literal["first", "always", "never"]

#: The source of a truth that is none.
NO_TRUTH = "none"


def _reduction(given: Any) -> Any:
    """How trainings are reduced, from a text: the index of one where it is a number."""
    return int(given) if isinstance(given, str) and given.isdecimal() else given


def _edges(given: Any) -> Any:
    """An order from a text: its name, or edges by index or name with commas between them."""
    if not isinstance(given, str) or "," not in given:
        return given
    return tuple(int(name) if name.isdecimal() else name for name in split_names(given))


def _epochs(given: Any) -> Any:
    """Epochs from a text: one number, or one for each policy that is named."""
    if not isinstance(given, str):
        return given
    if given.strip().isdecimal():
        return int(given)
    parts = [part.rpartition("=") for part in given.split(",")]
    if not all(policy.strip() and number.strip().isdecimal() for policy, _, number in parts):
        raise UserError(f"bad epochs '{given}'; the form is 5 or disc-acc=25,darts-pt=5")
    return {policy.strip(): int(number) for policy, _, number in parts}


def _folder(given: Any) -> Any:
    """The folder of a run store, which may stand for it."""
    return given if isinstance(given, str | Path) else getattr(given, "root", given)


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Networks."""

    space: Annotated[str, Help("Search space; see 'opscore spaces'.")] = DEFAULT_SPACE
    size: Annotated[str, Help("Size of the networks: paper, cpu, smoke (darts: imagenet).")] = (
        "paper"
    )
    meaning: Annotated[
        Meaning, Help("faithful (as published) or clean (as the equations say).")
    ] = "faithful"
    survivors: Annotated[
        Survivors | Literal["auto"],
        Help(
            "What operations weigh that are left on an edge: theta (as before), renormalized "
            "(sum one), uniform (1/|O|); auto is each proxy's own (docs/faithful.md)."
        ),
    ] = "auto"
    checkpoint: Annotated[
        Path | None, Help("Supernet (.npz, .pt) to score or to start from, not a fresh one.")
    ] = None
    training: Annotated[
        TrainingProfile | str,
        Help(
            "Training profile of what needs a trained supernet: paper, medium, cpu, smoke; auto "
            "has the name of the size."
        ),
    ] = "auto"
    cache: Annotated[
        Path | None,
        Help(
            "Folder where trained supernets are kept, so that policies share them; else the latest "
            "stay in memory. Nothing depends on it.",
            option=False,
        ),
    ] = None

    @property
    def profile(self) -> TrainingProfile:
        """The training profile that :attr:`training` stands for."""
        if isinstance(self.training, TrainingProfile):
            return self.training
        return find_profile(self.size if self.training == "auto" else self.training)


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Images and data."""

    images: Annotated[
        str,
        Help(
            "cifar10, digits, noise; auto is the best there is. Or your own: a folder with one for "
            "each class (FOLDER@64 scales to 64 x 64), an .npz file, module:dataset (docs/own.md)."
        ),
    ] = "auto"
    image_size: Annotated[
        int | None, Help("Pixels to which images are scaled; else what the networks are for.")
    ] = None
    batch_size: Annotated[
        int | None, Help("Images in the minibatch; else the authors' number for the space.")
    ] = None
    batch_file: Annotated[
        Path | None, Help("Minibatch (.npz) to score on, not a drawn one.", "--batch")
    ] = None
    data_dir: Annotated[
        Path | None, Help("Folder to look for data in, before $OPSCORE_DATA and ./data.")
    ] = None

    @property
    def minibatch(self) -> int:
        """Images in the minibatch; of resolved settings."""
        assert self.batch_size is not None
        return self.batch_size


@dataclass(frozen=True, kw_only=True)
class ArithmeticSettings:
    """Arithmetic."""

    dtype: Annotated[Literal["float32", "float64"], Help("float32 or float64.")] = "float32"
    precision: Annotated[Precision, Help("full, or bf16: the fast path of nwot in bfloat16.")] = (
        "full"
    )
    device: Annotated[str, Help("cpu, cuda, cuda:1, ...; auto is a GPU if there is one.")] = "auto"
    prove: Annotated[
        Prove,
        Help(
            "How often fast paths prove themselves on networks that do not ship with opscore: "
            "first (once for each structure), always, never. No score depends on it."
        ),
    ] = "first"


@dataclass(frozen=True)
class OracleSettings:
    """Truth. What is None is the default of the space's own table.

    NAS-Bench-201's defaults are those of the published best-acc.
    """

    dataset: Annotated[
        str | None,
        Help("Dataset or task of the truth, such as cifar100; else the space's default."),
    ] = None
    split: Annotated[
        str | None,
        Help(
            "Accuracy of the truth: test (as published) or valid (Eq. 1 read literally); else the "
            "space's default."
        ),
    ] = None
    epochs: Annotated[
        int | None, Help("Epochs of the benchmark's trainings; else the space's default.")
    ] = None
    seeds: Annotated[
        str | int | None,
        Help(
            "How training seeds are reduced: max (as published), mean, or an index.",
            "--oracle-seeds",
            read=_reduction,
        ),
    ] = None
    source: Annotated[
        str,
        Help(
            "Which table is the truth: that of the space; anb (package analog-nasbench), "
            "robustness, hardware (NAS-Bench-201), a sample of trained, nb301, trained-50, "
            "trained-short (DARTS); auto is the best table there is, none does without.",
            "--oracle-source",
        ),
    ] = "auto"
    allow_partial: Annotated[bool, Help("Use a truth that lacks some architectures.")] = False

    def __post_init__(self) -> None:
        take_types(self)

    @property
    def known(self) -> bool:
        """Whether there is a truth; of resolved settings."""
        return self.source != NO_TRUTH


@dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings, ImageSettings, ArithmeticSettings):
    """Seeds. What every call has: them, the truth, networks, images and arithmetic."""

    seeds: Annotated[
        tuple[int, ...],
        Help("Run seeds, such as 0-3 or 0,2,5; each has its own networks, images.", read=as_seeds),
    ] = (0,)
    oracle: Annotated[OracleSettings, Help("The truth.")] = field(default_factory=OracleSettings)

    def __post_init__(self) -> None:
        take_types(self)

    def facts(self) -> dict[str, Any]:
        """These as plain values, for JSON."""
        plain = asdict(self)
        return {name: plain[name] for name in types_of(type(self))}


@dataclass(frozen=True, kw_only=True)
class ScoringSettings(Settings):
    """Scores. Everything that initial scores depend on, for any number of policies and seeds."""

    policies: Annotated[
        tuple[str, ...],
        Help("Policies, as the paper names them, separated by commas.", read=as_names),
    ] = ("zc-pt(nwot)",)


@dataclass(frozen=True, kw_only=True)
class ProgressiveSettings(ScoringSettings):
    """Decisions. Everything that scores along a search depend on, and what shows them."""

    order: Annotated[
        str | tuple[int | str, ...],
        Help(
            "Order of the edges: fixed (as published), random (drawn for each seed), or all of "
            "them by index or name, such as 3,0,1,2,4,5.",
            read=_edges,
        ),
    ] = "fixed"
    retrain_epochs: Annotated[
        int | dict[str, int] | None,
        Help(
            "Epochs of retraining after each discretization: 5, or disc-acc=25,darts-pt=5; else "
            "the training profile's.",
            read=_epochs,
        ),
    ] = None
    oracle_mode: Annotated[
        Literal["initial", "conditional"],
        Help(
            "Compare with best-acc of A_0 (initial, as published) or of each policy's own A_t "
            "(conditional, Eq. 1).",
            "--oracle",
        ),
    ] = "initial"


@dataclass(frozen=True, kw_only=True)
class SearchSettings(Settings):
    """Search. Everything that a search depends on, for any number of methods and seeds."""

    #: A search makes its own networks and draws its own images.
    checkpoint: Path | None = field(default=None, init=False, repr=False)
    batch_file: Path | None = field(default=None, init=False, repr=False)

    methods: Annotated[
        tuple[str, ...],
        Help("Search methods, separated by commas; see 'opscore methods'.", read=as_names),
    ] = ("zero-cost-pt(nwot)",)
    proposals: Annotated[int, Help("Proposals.", "--proposals", "-N")] = 10
    validation: Annotated[
        int,
        Help("Minibatches of the validation stage; 0: the first proposal.", "--validation", "-V"),
    ] = 100
    validation_weights: Annotated[
        Literal["once", "redrawn"],
        Help(
            "Weights of a candidate: once, one draw for all minibatches, as the authors; or "
            "redrawn, a new draw for each minibatch."
        ),
    ] = "once"
    race: Annotated[
        float | None,
        Help(
            "Score candidates no further that cannot win any more, at this confidence, for "
            "instance 0.99; without it all are scored on all minibatches."
        ),
    ] = None
    order: Annotated[
        Literal[
            "fixed",
            "random",
            "global-op-iter",
            "global-op-once",
            "global-edge-iter",
            "global-edge-once",
        ],
        Help(
            "Edge order of section 4.2: fixed, random, global-op-iter, global-op-once, "
            "global-edge-iter, global-edge-once."
        ),
    ] = "random"
    orders: Annotated[
        Literal["paper", "authors"],
        Help(
            "Order and steps as the paper defines them (paper), or the authors' code "
            "(docs/faithful.md).",
            "--order-meaning",
        ),
    ] = "paper"
    evaluations: Annotated[int, Help("Networks that a sampling method may score.")] = 1000


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Runs. Where they are kept and how they are carried out; no result depends on it."""

    store: Annotated[
        Path | None,
        Help("Folder of finished runs, which are not made again.", "--runs", read=_folder),
    ] = None
    jobs: Annotated[int, Help("Worker processes.")] = 1
    finished: Annotated[
        Literal["only-missing", "always", "never", "only-cache"],
        Help(
            "Runs that were tried before: only-missing computes those without a result, always "
            "computes all again, never leaves failed ones too, only-cache computes nothing."
        ),
    ] = "only-missing"
    retries: Annotated[int, Help("How often a run that failed is tried again at once.")] = 0

    def __post_init__(self) -> None:
        take_types(self)
        whole_number(self.jobs, "the number of jobs", 1)
        whole_number(self.retries, "retries", 0)

    @property
    def calls(self) -> dict[str, Any]:
        """These as the keywords that functions take."""
        return keywords(self)
