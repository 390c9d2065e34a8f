"""Makes what the package ships as measured: hours for some.

    python scripts/records.py search_orders --seeds 0-3 --runs runs --jobs 2 [--out FOLDER]

Finished pieces are found again in the folder of runs, so a record that was begun goes on. Without
--out the package's own record is written.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import architecture_scores as scores_of_all
import numpy as np
import pandas as pd
from sampling import REPETITIONS, expectations, repeated_sampling

from opscore.analysis import HINDSIGHT, agreement_between_trainings
from opscore.board import BoardTruth, read_board
from opscore.board.scores import CEILINGS, INITIAL, TRUTHS, name_of
from opscore.board.scores import PREFIX as BOARD
from opscore.data.records import FOLDER, read_record, write_record
from opscore.errors import UserError, unknown
from opscore.experiments import OracleSettings, ScoringContext, ScoringSettings, resolve
from opscore.experiments.initial.result import initial
from opscore.experiments.initial.tasks import truth_scores
from opscore.experiments.progressive.result import progressive
from opscore.experiments.settings import truth_of
from opscore.experiments.trained_supernets import CHECKPOINT, SupernetTraining, trained_supernet
from opscore.images import load_images, resolve_images
from opscore.oracles import NO_TRUTH, SampledOracle, load_oracles
from opscore.oracles.references import AVERAGE, USUAL
from opscore.oracles.references import REFERENCES as BETWEEN
from opscore.paper.alphas import RECORD as ALPHAS
from opscore.paper.alphas import alphas
from opscore.paper.expected import EXPECTATIONS
from opscore.paper.live import describe_searches, live_proposals
from opscore.paper.measured import PREFIX
from opscore.paper.records import VALIDATIONS
from opscore.paper.retraining.curves import ALL
from opscore.paper.retraining.result import retraining
from opscore.paper.searches import SEARCHES, searches
from opscore.paper.toy_model.result import RECORD as TOY_MODEL
from opscore.paper.toy_model.result import toy_model
from opscore.paper.trained_tables import OWN
from opscore.paper.trained_tables import RECORD as GENOTYPE_SIZES
from opscore.progress import shown
from opscore.published.genotypes import genotypes, space_of
from opscore.rng import parse_seeds
from opscore.runs import RunStore
from opscore.runs.store import provenance
from opscore.search import ORDERS
from opscore.search.base import WEIGHTS
from opscore.search.call import run_search
from opscore.search.score_record import RECORD
from opscore.settings import RunSettings, SearchSettings
from opscore.settings.keywords import CACHE
from opscore.spaces import get_space
from opscore.supernets import find_target

#: Proxies whose first-order estimates are scores too, and the others of the table of proxies.
_TAYLOR, _OTHERS = ("synflow", "snip", "grad_norm"), ("nwot", "zen_score", "fisher", "grasp")

#: Policies of the table of proxies.
PROXIES = (
    *(f"{use}({name})" for name in (*_TAYLOR, *_OTHERS, "tenas") for use in ("zc-pt", "disc-zc")),
    *(f"{use}({name})" for name in _TAYLOR for use in ("taylor-pt", "taylor-disc")),
)

#: Run seeds of every record.
SEEDS = (0, 1, 2, 3)


@dataclass(frozen=True)
class RecordPart:
    """What is run with the same settings.

    Attributes:
        names: policies, or search methods.
        settings: what differs from the defaults of :func:`opscore.progressive` or
            :func:`opscore.run_search`.
        note: what the reader of the table must know of it.
        most: run no more than so many of the seeds; None for all.
        initial: score A_0 alone, not along a search.
    """

    names: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    most: int | None = None
    initial: bool = False


_ZERO_COST = ("zc-pt(nwot)", "disc-zc(nwot)", "zc-pt(synflow)", "disc-zc(synflow)")

#: The supernet of the paper after an eighth of its training.
_MEDIUM: dict[str, Any] = {"size": "paper", "training": "medium"}

#: Scores along searches, by size of supernet or by its training.
_SCORES = {
    "paper": (RecordPart(("avg-acc", *_ZERO_COST)),),
    "medium": (
        RecordPart(("avg-acc", "darts", "darts-pt"), _MEDIUM),
        RecordPart(
            ("disc-acc",),
            _MEDIUM,
            "disc-acc: A_0 alone, whose 30 retrainings take an hour of one core",
            initial=True,
        ),
    ),
    "cpu": (
        RecordPart(("avg-acc", "darts", "disc-acc", "darts-pt", *_ZERO_COST)),
        RecordPart(("tenas",), {"batch_size": 64}, "tenas: batch 64, as in the authors' runs"),
    ),
}

#: What one core scores in minutes; :func:`opscore.paper.table2` says which rows
#: these are.
_QUICK = {"batch_size": 64, "validation": 10}
_REDUCED = {"batch_size": 64, "size": "cpu"}

#: Proxies of Table 2 at a size where four seeds take minutes: at paper size most take an hour of
#: one core and more. tenas takes two and a half hours at this size.
_REDUCED_PROXIES = ("nwot", "synflow", "zen_score", "snip", "grad_norm", "fisher", "grasp")

#: Frames of searches, by record.
_SEARCHES = {
    "search": (
        RecordPart(("zero-cost-pt(nwot)", "zero-cost-pt(synflow)")),
        RecordPart(("evolution(nwot)", "exhaustive(nwot)", "exhaustive(synflow)", "max-params")),
        RecordPart(("regularized-evolution", "optimum")),
        RecordPart(("zero-cost-pt(nwot)", "zero-cost-disc(nwot)"), _QUICK),
        RecordPart(("te-nas",)),  # a quarter of an hour of one core for each seed
        RecordPart(("darts", "darts-pt"), _REDUCED),
    ),
    "search_proxies": (
        RecordPart(
            tuple(f"zero-cost-pt({proxy})" for proxy in _REDUCED_PROXIES), {**_QUICK, **_REDUCED}
        ),
        RecordPart(("darts-pt-fixed-alpha",), _REDUCED),
    ),
    "search_orders": tuple(
        RecordPart(("zero-cost-pt(nwot)",), {"order": order, **_QUICK}) for order in ORDERS
    ),
    OWN: (
        *(
            RecordPart(("zero-cost-pt(nwot)",), {"space": "darts", "proposals": n, "validation": v})
            for n, v in ((10, 100), (10, 10), (10, 1), (1, 0))
        ),
        # 19 and 7 minutes of one core.
        RecordPart(
            ("naswot(nwot)", "evolution(nwot)"), {"space": "darts", "evaluations": 2500}, most=1
        ),
    ),
    "search_parts": tuple(
        RecordPart(
            ("zero-cost-pt(nwot)",),
            {"space": space, "proposals": 1, "validation": 0, "orders": "authors"},
        )
        for space in ("s1", "s2", "s3", "s4")
    ),
}

#: Proxies of the repeated NASWOT.
_DRAWN_BY = ("nwot", "synflow")

#: Zero-Cost-PT by each way to validate, at the quick setting.
_VALIDATIONS = tuple(
    RecordPart(("zero-cost-pt(nwot)",), {"validation_weights": weights, "race": race, **_QUICK})
    for weights in WEIGHTS
    for race in (None, 0.99)
)

#: The long search behind Figure 4 and the ablation of N and V.
_LONG: dict[str, Any] = {"proposals": 1000, **_REDUCED}
_ROUNDS = (1, 10, 100)

#: What the board has beside the entrants of every space's initial scores.
_BOARD = (
    *("zc-pt(l2_norm)", "disc-zc(l2_norm)", "shapley-zc(synflow)", "sensitivity"),
    *("taylor-pt(synflow)", "taylor-disc(synflow)", "taylor-pt(snip)", "taylor-pt(grad_norm)"),
    *("ig(synflow)", "pairwise(synflow)"),
)

#: Those that are dear, on a smaller supernet but in the spaces that are named.
_BOARD_REDUCED: dict[str, tuple[str, ...]] = {
    "zc-pt(zico)": (),
    "zc-pt(swap)": (),
    "zc-pt(snip)": ("nasbench201",),
    "zc-pt(meco)": ("nasbench201", "transnas-micro"),
}

#: Spaces that the board is of, and more that are compared with the truth.
_OF_BOARD = ("nasbench201", "nasbench-macro", "nb1shot1-1", "nb1shot1-2", "transnas-micro")
SPACES_SCORED = (*_OF_BOARD, "transnas-macro", "darts")

_TASKS = ("class_scene", "autoencoder", "class_object", "jigsaw", "normal", "room_layout",
          "segmentsemantic")  # fmt: skip

#: A size and a batch where one state takes minutes at paper size; a sample as the truth that bars
#: are set against where there is no other.
_OF_SPACE: dict[str, dict[str, Any]] = {
    "transnas-macro": {"size": "cpu", "batch_size": 32},
    "darts": {"oracle": OracleSettings(source="trained")},
}

#: Truths of those; no board names them, so there is no sha256 that they are held to.
_COMPARED = (
    BoardTruth("transnas-macro", _TASKS, "", "other"),
    BoardTruth("darts", ("cifar10",), "", "other", source="trained"),
    BoardTruth("darts", ("cifar10",), "", "other", source="nb301"),
)

#: Chains of the toy model; each further edge takes four times as long.
TOY_LENGTHS = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True)
class RecordSettings:
    """Where records are made.

    Attributes:
        store: folder of finished runs.
        jobs: worker processes.
        data_dir: where data is looked for first.
        folder: where the records are written.
    """

    store: Path | str
    jobs: int = 1
    data_dir: Path | None = None
    folder: Path = FOLDER


def make_record(name: str, making: RecordSettings, seeds: Sequence[int] = SEEDS) -> list[Path]:
    """Compute a record's table and write it; returns what was written.

    UserError when no record of this name is made here.
    """
    if name not in MAKERS:
        raise unknown("record", name, MAKERS)
    return MAKERS[name](making, tuple(seeds))


#: What differs between machines and says nothing about a score.
_LOCAL = ("data_dir", "cache")


def ship(name: str, scores: pd.DataFrame, settings: dict[str, Any], **folder: Path) -> Path:
    """Write a score table as a record that :func:`opscore.paper.measured.shipped` finds.

    Args:
        name: of the size, or of the training.
        scores: a score table (schema SCORES) with all iterations.
        settings: :meth:`ProgressiveResult.facts`; what is local to a machine is left out.
        **folder: another ``folder`` than the package's own.
    """
    kept = {name: value for name, value in settings.items() if name not in _LOCAL}
    return write_record(f"{PREFIX}{name}", scores, kept, **folder)


def _make_scores(name: str, making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    results = [
        (initial if part.initial else progressive)(
            part.names,
            seeds,
            store=making.store,
            jobs=making.jobs,
            data_dir=making.data_dir,
            **{"size": name, **part.settings},
        )
        for part in _SCORES[name]
    ]
    # The truth is followed in every part, and is the same in all.
    tables = [result.scores for result in results]
    more = [
        table[table["policy"].isin(part.names)]
        for part, table in zip(_SCORES[name][1:], tables[1:], strict=True)
    ]
    record = results[0].facts()
    names = [each for part in _SCORES[name] for each in part.names]
    record["policies"] = list(dict.fromkeys([*results[0].settings.policies, *names]))
    record["notes"] += [part.note for part in _SCORES[name] if part.note]
    scores = pd.concat([tables[0], *more], ignore_index=True)
    return [ship(name, scores, record, folder=making.folder)]


def _make_training(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    """Weights of operations along the trainings behind the record of this training's scores."""
    store = RunStore(Path(making.store) / CACHE)
    asked = ScoringSettings(policies=("darts",), seeds=seeds, **_MEDIUM)
    settings = resolve(replace(asked, cache=store.root, data_dir=making.data_dir))
    trainings = [SupernetTraining(settings, seed) for seed in seeds]
    for seed in seeds:
        trained_supernet(settings, seed)
    found = alphas([store.path(training.key()) / CHECKPOINT for training in trainings])
    notes = [f"supernet: {settings.space}, paper size; seeds {', '.join(map(str, seeds))}",
             settings.profile.describe(), _seen(making)]  # fmt: skip
    return [write_record(ALPHAS, found.curves, {**found.settings, "notes": notes}, making.folder)]


def _make_initial(space: str, making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    result = initial(
        (*_ZERO_COST, "random"),
        seeds,
        space=space,
        store=making.store,
        jobs=making.jobs,
        data_dir=making.data_dir,
        **_OF_SPACE.get(space, {}),
    )
    record = {k: v for k, v in result.facts().items() if k not in _LOCAL}
    return [write_record(f"{INITIAL}{space}", result.scores, record, making.folder)]


def _make_truth_scores(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    """Nothing is drawn, so there are no seeds."""
    names = (*dict.fromkeys([*USUAL, *(each.name for each in BETWEEN)]), HINDSIGHT)
    tables, truths = [], {}
    for settings, own in _truths((*read_board().truths, *_COMPARED), making):
        truth = truth_of(settings)
        # The best of a sample is better the more of it has an operation.
        sampled = isinstance(truth.tables[own.tasks[0]], SampledOracle)
        known = (AVERAGE, HINDSIGHT) if sampled else names
        table = truth_scores(settings, known)
        tables.append(table[table["dataset"].isin(own.tasks)].assign(space=name_of(own)))
        truths[name_of(own)] = truth.facts() | {"space": own.space, "datasets": list(own.tasks)}
    table = pd.concat(tables, ignore_index=True)
    note = "scores of A_0 by what is known of each task"
    record = {"note": note, "truths": truths, **provenance()}
    return [write_record(TRUTHS, table, record, making.folder)]


def _make_ceilings(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    """Agreement of each reference with itself, where a table has two trainings of a network."""
    tables = []
    for settings, own in _truths(read_board().truths, making):
        for task in own.tasks:
            asked = replace(settings, oracle=replace(settings.oracle, dataset=task))
            found = agreement_between_trainings(ScoringContext(asked, 0).oracle)
            tables.append(found.assign(space=own.space, dataset=task))
    table = pd.concat(tables, ignore_index=True)
    record = {"note": "agreement of each reference between two trainings", **provenance()}
    return [write_record(CEILINGS, table, record, making.folder)]


def _truths(
    truths: Iterable[BoardTruth], making: RecordSettings
) -> Iterator[tuple[ScoringSettings, BoardTruth]]:
    """Each truth with settings that read it."""
    for own in truths:
        oracle = OracleSettings(source=own.source, dataset=own.tasks[0])
        asked = ScoringSettings(
            policies=("best-acc",), space=own.space, oracle=oracle, data_dir=making.data_dir
        )
        yield resolve(asked), own


def _make_board(space: str, making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    """Scores of what the board has beside :func:`_make_initial`'s, each with its settings."""
    sizes = {
        **dict.fromkeys(_BOARD, "paper"),
        **{
            policy: "paper" if space in whole else "cpu" for policy, whole in _BOARD_REDUCED.items()
        },
    }
    results = [
        initial(
            (policy,),
            seeds,
            space=space,
            size=size,
            batch_size=32,
            oracle=OracleSettings(source=NO_TRUTH),
            baselines=False,
            store=making.store,
            jobs=making.jobs,
            data_dir=making.data_dir,
        )
        for policy, size in sizes.items()
    ]
    orders = [
        each.policy(space) for each in read_board().entrants if each.name.startswith("residual(")
    ]
    results.append(
        initial(
            orders,
            space=space,
            oracle=OracleSettings(source=NO_TRUTH),
            baselines=False,
            data_dir=making.data_dir,
        )
    )
    scores = pd.concat([result.scores for result in results], ignore_index=True)
    parts = [
        {name: record[name] for name in ("policies", "seeds", "size", "batch_size", "images")}
        for record in (result.facts() for result in results)
    ]
    record = {"space": space, "parts": parts, "notes": results[0].notes()[:1], **provenance()}
    return [write_record(f"{BOARD}{space}", scores, record, making.folder)]


def _make_searches(name: str, making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    parts = []
    for part in _SEARCHES[name]:
        found = run_search(
            part.names,
            seeds[: part.most],
            store=making.store,
            jobs=making.jobs,
            data_dir=making.data_dir,
            **part.settings,
        )
        own = searches(found.architectures, found.costs, found.settings)
        if "space" in part.settings:
            own["space"] = part.settings["space"]
        parts.append(own)
    note = f"{_seen(making)}; seeds {', '.join(map(str, seeds))}"
    if name == "search":  # sampling from recorded scores costs nothing
        oracles = load_oracles("nasbench201", data_dir=making.data_dir)
        parts += [repeated_sampling(proxy, oracles) for proxy in (None, *_DRAWN_BY)]
        note += (
            f"; random and naswot: {REPETITIONS} repetitions; optimum: of each dataset's own table"
        )
    table = pd.concat(parts, ignore_index=True).astype(SEARCHES)
    record = {"note": note, **provenance()}
    return [write_record(name, table, record, making.folder)]


def _make_expected(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    """Nothing is drawn, so there are no seeds."""
    oracles = load_oracles("nasbench201", data_dir=making.data_dir)
    record = {
        "note": "exact, over all 15,625 architectures; scores of the first seed of weights in "
        f"architecture_scores; truth: {next(iter(oracles.values())).source}",
        **provenance(),
    }
    table = expectations([*_DRAWN_BY, "params"], oracles)
    return [write_record(EXPECTATIONS, table, record, making.folder)]


def _make_validations(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    parts = []
    for part in _VALIDATIONS:
        found = run_search(
            part.names,
            seeds,
            store=making.store,
            jobs=making.jobs,
            data_dir=making.data_dir,
            **part.settings,
        )
        table = searches(found.architectures, found.costs, found.settings)
        by_seed = found.candidates.groupby("seed")["minibatches"]
        table["validation_weights"] = found.settings.validation_weights
        table["race"] = np.nan if found.settings.race is None else found.settings.race
        table["candidates"] = table["seed"].map(by_seed.count())
        table["minibatches"] = table["seed"].map(by_seed.sum())
        # Pieces are shared between the ways to validate, and with other work on the machine.
        parts.append(table.drop(columns="seconds"))
    record = {
        "note": f"{_seen(making)}; seeds {', '.join(map(str, seeds))}; 'minibatches' is the sum "
        "over candidates of those that each was scored on",
        **provenance(),
    }
    return [write_record(VALIDATIONS, pd.concat(parts, ignore_index=True), record, making.folder)]


def _make_proposals(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    long = SearchSettings(seeds=seeds, validation=0, data_dir=making.data_dir, **_LONG)
    run = RunSettings(store=Path(making.store), jobs=making.jobs)
    found = live_proposals(long, run, _ROUNDS)
    record = {"note": f"{_seen(making)}; {describe_searches(long)}", **provenance()}
    names = ("search_proposals", "search_scores")
    return [
        write_record(name, table, record, making.folder)
        for name, table in zip(names, found, strict=True)
    ]


def _seen(making: RecordSettings) -> str:
    """What the images are that records are made on: the best there are."""
    images = resolve_images("auto", making.data_dir)
    return f"images: {load_images(images, making.data_dir).describe()}"


def _make_toy_model(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    result = toy_model(
        TOY_LENGTHS,
        seeds,
        store=making.store,
        data_dir=making.data_dir,
    )
    return [write_record(TOY_MODEL, result.scores, result.settings, making.folder)]


def _make_architecture_scores(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    """One seed of weights: the sampling baselines read no more of them."""
    asked = [scores_of_all.RecordSettings(seeds[0], data_dir=making.data_dir).resolved()]
    table = scores_of_all.architecture_scores(asked, Path(making.store))
    record = {**scores_of_all.record_settings(asked), **provenance()}
    return [write_record(RECORD, table, record, making.folder)]


def _make_proxies(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    result = initial(
        (*PROXIES, "tenas", "sensitivity", "random"),
        seeds,
        size="cpu",
        batch_size=32,
        store=making.store,
        jobs=making.jobs,
        data_dir=making.data_dir,
        baselines=False,
    )
    record = {k: v for k, v in result.facts().items() if k not in _LOCAL}
    return [write_record("proxies", result.scores, record, making.folder)]


def _make_retraining(
    name: str, edge: int | str, making: RecordSettings, seeds: tuple[int, ...]
) -> list[Path]:
    result = retraining(
        edge,
        20,
        seeds,
        size="cpu",
        store=making.store,
        jobs=making.jobs,
        data_dir=making.data_dir,
    )
    record = {k: v for k, v in result.facts().items() if k not in _LOCAL}
    return [write_record(name, result.curves, record, making.folder)]


def _make_genotype_sizes(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    """The authors' genotypes by name, and what searches of our own found, by itself."""
    cells = {name: (space_of(name), str(own)) for name, own in genotypes().items()}
    for record_name in (OWN, "search_parts"):
        found = read_record(record_name)[0]
        spaces, names = found["space"].astype(str), found["architecture"].astype(str)
        cells |= {cell: (space, cell) for space, cell in zip(spaces, names, strict=True)}
    rows = []
    for name, (space, cell) in cells.items():
        for target in ("cifar10", "imagenet") if space == "darts" else ("cifar10",):
            size = find_target(space, target).size(get_space(space).parse(cell))
            rows.append({"name": name, "target": target, **asdict(size)})
    record = {"note": "built as they are trained in the end; no weights", **provenance()}
    return [write_record(GENOTYPE_SIZES, pd.DataFrame(rows), record, making.folder)]


def _make_conditions(making: RecordSettings, seeds: tuple[int, ...]) -> list[Path]:
    """Scores of nwot by images, counting and batch size; larger batches on the best images only."""
    best = resolve_images("auto", making.data_dir)
    grid = [(images, 64) for images in dict.fromkeys([best, "digits", "noise"])]
    grid += [(best, size) for size in (32, 128, 256)]
    parts = []
    for images, size in grid:
        for meaning in ("faithful", "clean"):
            condition: dict[str, Any] = {"images": images, "meaning": meaning, "batch_size": size}
            result = initial(
                _ZERO_COST[:2],
                seeds,
                store=making.store,
                jobs=making.jobs,
                data_dir=making.data_dir,
                baselines=False,
                **condition,
            )
            own = result.scores[result.scores["policy"] != "avg-acc"]
            parts.append(own.assign(**condition))
    record = {"note": f"paper size; seeds {', '.join(map(str, seeds))}", **provenance()}
    return [write_record("conditions", pd.concat(parts, ignore_index=True), record, making.folder)]


#: How each record is made; the proposals come with their scores.
MAKERS: dict[str, Callable[[RecordSettings, tuple[int, ...]], list[Path]]] = {
    **{PREFIX + name: partial(_make_scores, name) for name in _SCORES},
    ALPHAS: _make_training,
    **{INITIAL + space: partial(_make_initial, space) for space in SPACES_SCORED},
    **{name: partial(_make_searches, name) for name in _SEARCHES},
    "search_proposals": _make_proposals,
    **{BOARD + space: partial(_make_board, space) for space in _OF_BOARD},
    TRUTHS: _make_truth_scores,
    CEILINGS: _make_ceilings,
    EXPECTATIONS: _make_expected,
    VALIDATIONS: _make_validations,
    TOY_MODEL: _make_toy_model,
    RECORD: _make_architecture_scores,
    "proxies": _make_proxies,
    "retraining": partial(_make_retraining, "retraining", 0),
    "retraining_edges": partial(_make_retraining, "retraining_edges", ALL),
    GENOTYPE_SIZES: _make_genotype_sizes,
    "conditions": _make_conditions,
}


def main() -> None:
    """Make the records that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="+", choices=MAKERS, metavar="RECORD")
    parser.add_argument("--seeds", default="0-3")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder, else the package's own")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of finished runs")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data-dir", type=Path)
    asked = parser.parse_args()
    making = RecordSettings(asked.runs, asked.jobs, asked.data_dir, asked.out)
    try:
        with shown("making records"):
            for name in asked.names:
                for path in make_record(name, making, parse_seeds(asked.seeds)):
                    print(f"wrote {path}")
    except UserError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
