"""The sections of the page: what the runs of a study gave, with what was published beside it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd

from opscore import schema
from opscore.analysis import (
    Correlation,
    Selection,
    correlation_bars,
    correlation_lines,
    correlation_matrix,
)
from opscore.analysis.search_figures import error_bars
from opscore.analysis.stages import scores_of_stage
from opscore.errors import UserError
from opscore.experiments import ProgressiveUnit, ScoringSettings
from opscore.experiments.dependencies import made_with
from opscore.oracles import Truth
from opscore.published import (
    MEASURED,
    PAPER,
    Made,
    Setting,
    published_correlations,
    published_initial,
    published_pick,
    side_by_side,
)
from opscore.published import published_progressive as progressive_values
from opscore.report.pictures import Picture, picture
from opscore.report.studies import Study
from opscore.report.tables import Column, Table, guessed, table
from opscore.report.truths import Truths, setting_of
from opscore.report.words import described, plain
from opscore.runs.reading import StoredRun, outcome_of
from opscore.runs.store import Outcome
from opscore.search import SearchSettings
from opscore.search.call import SearchUnit
from opscore.search.result import SearchResult
from opscore.settings.profiles import profile_name
from opscore.spaces import get_space

#: Settings of searches that what was published depends on.
_SEARCH_SETTINGS = (
    "proposals", "validation", "validation_weights", "race", "order", "orders", "evaluations",
    "size", "batch_size", "images", "meaning", "precision", "survivors", "image_size", "training",
)  # fmt: skip

#: What scores are compared with.
_REFERENCES = ("best-acc", "avg-acc")

#: Policies of which a figure has room.
_MOST_DRAWN = 24


_SELECTION = (
    Column("policy", "policy", choice=True),
    Column("seed", "seed", "whole"),
    Column("dataset", "dataset", choice=True),
    Column("error", "error, %", "number", about="mean over the benchmark's trainings"),
    Column("rank", "rank", "whole", about="1 is the best architecture of the space"),
    Column("percentile", "percentile", "number", 1, about="percent of the space that is worse"),
    Column("published_error", "published error", "number", about="Table 1 of the paper"),
    Column("published_rank", "published rank", "whole", about="Table 1 of the paper"),
    Column("architecture", "architecture", "code"),
)
_SUMMARY = (
    Column("method", "method"),
    Column("dataset", "dataset", choice=True),
    Column("n_seeds", "seeds", "whole"),
    Column("error", "error, %", "number", about="mean over seeds"),
    Column("std", "deviation", "number", about="sample standard deviation over seeds"),
    Column("ci_low", "from", "number", about="95 % interval of the mean over other seeds"),
    Column("ci_high", "to", "number", about="95 % interval of the mean over other seeds"),
    Column("published", "published", "number", about="mean error of the paper"),
    Column("published_std", "its deviation", "number"),
    Column("rank", "rank", "number", 0, about="mean over seeds"),
    Column("regret", "regret", "number", about="percent points above the best of the space"),
    Column("forward_passes", "forward passes", "whole", about="of networks, mean over seeds"),
    Column("seconds", "seconds", "number", 1),
    Column("source", "published in"),
)
_ENDS = (
    Column("method", "method", choice=True),
    Column("seed", "seed", "whole"),
    Column("dataset", "dataset", choice=True),
    Column("error", "error, %", "number"),
    Column("rank", "rank", "whole"),
    Column("percentile", "percentile", "number", 1),
    Column("regret", "regret", "number"),
    Column("architecture", "architecture", "code"),
)


@dataclass
class Section:
    """A part of the page.

    Attributes:
        name: its anchor.
        title: its heading.
        facts: settings, pairs of name and value.
        notes: what should be known of its numbers, a sentence each.
        pictures: its figures.
        tables: its tables.
    """

    name: str
    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def section_of(study: Study, name: str, truths: Truths) -> Section:
    """The section of a study; what cannot be computed here is said in its notes."""
    known = {"initial": _initial, "progressive": _progressive, "search": _search}
    section = Section(name, _title(study), described(study.settings))
    if study.settings.get("size", "paper") not in ("paper", None):
        section.notes.append(
            f"Measured on the {plain(study.settings['size'])} size, which is reduced; what was "
            "published is of the paper's size."
        )
    if study.replaced:
        section.notes.append(
            f"{len(study.replaced)} finished runs of other code for the same policy and seed are "
            "left out; the latest counts."
        )
    try:
        known.get(study.kind, _anything)(section, study, truths)
    except UserError as error:
        section.notes.append(f"Not all can be shown here: {plain(error, 400)}.")
    return section


def _title(study: Study) -> str:
    words = {
        "initial": "Initial scores",
        "progressive": "Scores along a search",
        "search": "Searches",
    }
    title = words.get(study.kind, plain(study.kind))
    return f"{title}: {plain(study.space)}" if study.space else title


def _initial(section: Section, study: Study, truths: Truths) -> None:
    scores = pd.concat(
        [_scores(run, outcome, "scores") for run, outcome in _outcomes(study)], ignore_index=True
    )
    space = get_space(study.space)
    setting = _truth(section, study, truths)
    correlation = Correlation(weightless=space.weightless)(scores_of_stage(scores, space))
    made = _made(study)
    section.tables.append(_agreement(correlation, setting, made))
    _draw_initial(section, correlation, setting, made)
    selection = Selection()(scores, _judge(section, study, truths))
    section.tables.append(_selection("Architecture picked edge by edge", selection, setting, made))


def _progressive(section: Section, study: Study, truths: Truths) -> None:
    space = get_space(study.space)
    tables, ends = [], []
    judge = _judge(section, study, truths)
    for run, outcome in _outcomes(study):
        tables += [_scores(run, outcome, name) for name in outcome.tables]
        ends += [{**_who(run), **found} for found in judge.judge(_end(study, run, outcome))]
    setting = _truth(section, study, truths)
    scores = pd.concat(tables, ignore_index=True)
    own = scores["policy"] == "best-acc"
    scores = pd.concat([scores[own], scores_of_stage(scores[~own], space)], ignore_index=True)
    if own.any():
        correlation = Correlation(reference_iteration=0)(scores, references=["best-acc"])
        published = None if setting is None else progressive_values(setting)
        section.tables.append(_agreement(correlation, setting, _made(study), published))
        drawn = correlation[correlation["policy"].isin(_first(correlation["policy"]))]
        if not drawn.empty:
            section.pictures.append(
                picture(
                    "Agreement with best-acc of A_0 along the searches",
                    lambda: correlation_lines(drawn, note="measured"),
                    f"{section.name}-lines",
                )
            )
    else:
        section.notes.append("No run of best-acc is here to compare with.")
    selection = schema.conform(pd.DataFrame(ends), "selection")
    section.tables.append(table("Architecture that each search ended on", selection, _SELECTION))


def _search(section: Section, study: Study, truths: Truths) -> None:
    found = []
    _judge(section, study, truths)
    known = {name: study.settings[name] for name in _SEARCH_SETTINGS if name in study.settings}
    if "training" in known:
        known["training"] = profile_name(known["training"])
    settings = SearchSettings(
        space=study.space,
        oracle=truths.judging(study.space, study.settings.get("oracle")),
        data_dir=truths.data_dir,
        **known,
    )
    for run, outcome in _outcomes(study):
        unit = SearchUnit(settings, plain(run.policy), run.key.get("seed"))
        found.append((unit.method, unit.seed, unit.found(outcome)))
    result = SearchResult.of(settings, found)
    summary = result.summary()
    section.tables.append(table("Test error of what was found", summary, _SUMMARY))
    section.tables.append(table("Each search", result.architectures, _ENDS))
    rows = summary[summary["error"].notna()].rename(columns={"error": "mean"})
    for number, (dataset, each) in enumerate(rows.groupby("dataset", sort=False)):
        own = each[each["method"].isin(_first(each["method"]))]
        title = f"Test error on {dataset}"
        section.pictures.append(
            picture(
                title,
                partial(error_bars, own, "method", title=title),
                f"{section.name}-error{number}",
            )
        )


def _anything(section: Section, study: Study, truths: Truths) -> None:
    """The tables of runs of which nothing else is known here."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for run, outcome in _outcomes(study):
        for name, frame in outcome.tables.items():
            own = {key: value for key, value in _who(run).items() if key not in frame and value}
            tables.setdefault(name, []).append(frame.assign(**own))
    for name, frames in tables.items():
        joined = pd.concat(frames, ignore_index=True)
        section.tables.append(table(plain(name), joined, guessed(joined)))
    if not tables:
        section.notes.append("These runs have no tables.")


def _outcomes(study: Study) -> list[tuple[StoredRun, Outcome]]:
    return [(run, outcome_of(run)) for run in study.runs]


def _who(run: StoredRun) -> dict[str, Any]:
    seed = run.key.get("seed")
    return {"policy": plain(run.policy), "seed": pd.NA if seed is None else int(seed)}


def _scores(run: StoredRun, outcome: Outcome, name: str) -> pd.DataFrame:
    """A table of scores, under a name that can be printed."""
    frame = schema.conform(outcome.tables[name], "scores")
    return frame.assign(policy=plain(run.policy))


def _end(study: Study, run: StoredRun, outcome: Outcome) -> Any:
    """The architecture that a progressive run ended on."""
    scoring = ScoringSettings(policies=(run.policy,), space=study.space)
    unit = ProgressiveUnit(scoring, run.policy, run.key.get("seed"), tuple(run.key["order"]))
    return unit.steps(outcome)[-1].after


def _truth(section: Section, study: Study, truths: Truths) -> Setting | None:
    """Space and truth of a study, if the truth is here; a note says which it is, or that not."""
    key = study.settings.get("oracle")
    if not isinstance(key, Mapping):
        section.notes.append("These runs had no truth to compare with.")
        return None
    given = truths.given(study.space, key)
    if given is None:
        section.notes.append(
            "The table of accuracies that these runs had is not here, so that nothing published "
            "can stand beside them; --data-dir names the folder that has it."
        )
        return None
    oracle = given[1]
    section.facts = [pair for pair in section.facts if pair[0] != "truth"]
    section.facts.append(("truth", plain(oracle.describe(), 300)))
    return setting_of(oracle)


def _judge(section: Section, study: Study, truths: Truths) -> Truth:
    """What says how good the architectures of a study are; the page names its table."""
    settings = truths.judging(study.space, study.settings.get("oracle"))
    judge = truths.truth(study.space, settings)
    section.facts.append(("errors and ranks", plain(judge.describe(), 300)))
    return judge


def _made(study: Study) -> dict[str, dict[str, Any]]:
    """What each policy's scores and their truth were made with, by policy."""
    truth = study.settings.get("oracle")
    of_truth = {"reduction": truth["seeds"]} if isinstance(truth, Mapping) else {}
    found = {}
    for run in study.runs:
        with suppress(UserError):  # a policy of another package, of which nothing was published
            found[plain(run.policy)] = made_with(run.policy, run.key) | of_truth
    return found


def _agreement(
    correlation: pd.DataFrame,
    setting: Setting | None,
    made: Mapping[str, Made],
    published: pd.DataFrame | None = None,
) -> Table:
    """Each policy's agreement with the references, beside what was published."""
    known = published
    if known is None:
        known = published_correlations(setting) if setting else published_correlations().head(0)
    parts = [
        side_by_side(correlation, reference, known, setting or PAPER, made)
        for reference in _REFERENCES
        if (correlation["reference"] == reference).any()
    ]
    if not parts:
        return table("Agreement with the truth", pd.DataFrame(), _agreement_columns())
    rows = pd.concat(parts, ignore_index=True)
    rows["difference"] = rows["measured"] - rows["published"]
    order = rows["reference"].map(_REFERENCES.index)
    rows = rows.assign(order=order).sort_values(
        ["order", "iteration", "measured"], ascending=[True, True, False], kind="stable"
    )
    columns = _agreement_columns()
    if (rows["iteration"] == 0).all():
        columns = [column for column in columns if column.name != "iteration"]
    return table("Agreement with the truth", rows, columns)


def _agreement_columns() -> list[Column]:
    """What an agreement is between, its statistics, and what was published."""
    return [
        Column("reference", "reference", choice=True, about="what is agreed with"),
        Column("policy", "policy"),
        Column("iteration", "iteration", "whole", about="edges discretized before"),
        *(
            Column(
                MEASURED.get(name, name),
                " ".join(each.heading.split()) if name == each.name else name,
                each.kind,
                about=each.about,
            )
            for each in schema.STATISTICS
            for name in each.dtypes
        ),
        Column("published", "published", "number", about="rho of the paper, of the same settings"),
        Column("published_n", "its seeds", "whole"),
        Column("difference", "difference", "number", about="measured minus published"),
        Column("source", "published in"),
    ]


def _draw_initial(
    section: Section,
    correlation: pd.DataFrame,
    setting: Setting | None,
    made: Mapping[str, Made],
) -> None:
    names = _first(correlation["policy"])
    drawn = correlation[correlation["policy"].isin(names) & correlation["reference"].isin(names)]
    if (drawn["reference"] == "best-acc").any():
        published = published_initial("best-acc", setting, made) if setting else {}
        section.pictures.append(
            picture(
                "Agreement with best-acc",
                lambda: correlation_bars(drawn, published=published, note="measured"),
                f"{section.name}-bars",
            )
        )
    if len(names) > 2 and not drawn.empty:
        section.pictures.append(
            picture(
                "Agreement between policies",
                lambda: correlation_matrix(drawn, note="measured"),
                f"{section.name}-matrix",
            )
        )
    if len(names) < correlation["policy"].nunique():
        section.notes.append(f"Figures show the first {len(names)} policies.")


def _selection(
    caption: str, selection: pd.DataFrame, setting: Setting | None, made: Mapping[str, Made]
) -> Table:
    if setting is not None:
        known = [
            published_pick(policy, replace(setting, dataset=dataset), made.get(policy, {}))
            for policy, dataset in zip(selection["policy"], selection["dataset"], strict=True)
        ]
        selection = selection.assign(
            published_error=[error.value for error, _ in known],
            published_rank=[rank for _, rank in known],
        )
    return table(caption, selection, _SELECTION)


def _first(names: pd.Series[Any]) -> list[str]:
    """The first policies or methods, as many as a figure has room for."""
    return list(dict.fromkeys(map(str, names)))[:_MOST_DRAWN]
