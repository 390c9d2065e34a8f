"""Small files in the official layouts, written with the official package's own classes."""

from __future__ import annotations

import http.server
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from nas_201_api.api_utils import ArchResults, ResultsCount

from opscore import progress
from opscore.spaces import NASBENCH201

#: data trained on -> what it was evaluated on
EVALUATED = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}


def expected_accuracy(index, trained_on, evaluated_on, seed, epochs):
    """A number that is different for every place it could be confused with."""
    sets = list(EVALUATED).index(trained_on) * 7 + ("x-valid", "x-test", "ori-test").index(
        evaluated_on
    )
    return 20 + index + sets / 10 + seed / 10_000 + epochs / 100


def _trial(index, text, trained_on, seed, epochs):
    trial = ResultsCount(
        trained_on,
        None,
        OrderedDict((epoch, 50.0) for epoch in range(epochs)),
        OrderedDict((epoch, 1.0) for epoch in range(epochs)),
        np.float64(0.3),  # NumPy scalars are in the official files too
        np.float32(15.6),
        {"channel": 16, "num_cells": 5, "arch_str": text, "class_num": 10},
        seed,
        epochs,
        [np.float64(0.01)],
    )
    last = epochs - 1
    keys = [(name, epoch) for name in EVALUATED[trained_on] for epoch in range(epochs)]
    trial.update_eval(
        {
            f"{name}@{epoch}": expected_accuracy(index, trained_on, name, seed, epochs)
            if epoch == last
            else 10.0
            for name, epoch in keys
        },
        {f"{name}@{epoch}": 1.0 for name, epoch in keys},
        {f"{name}@{epoch}": 2.0 for name, epoch in keys},
    )
    return trial


def _results(index, text, epochs, seeds):
    results = ArchResults(index, text)
    for trained_on in EVALUATED:
        for seed in seeds:
            results.update(trained_on, seed, _trial(index, text, trained_on, seed, epochs))
    return results.state_dict()


def architectures(count):
    """The first few strings of the space."""
    states = NASBENCH201.initial_state().completions()
    return [NASBENCH201.format(state) for _, state in zip(range(count), states, strict=False)]


def make_benchmark(names=("less", "full"), count=4, missing=(2,)):
    """The content of an official file; architecture i has 1 + i % 3 trainings of 200 epochs."""
    strings = architectures(count)
    there = [index for index in range(count) if index not in missing]
    infos = {
        index: {
            names[0]: _results(index, strings[index], 12, (777,)),
            names[1]: _results(index, strings[index], 200, (777, 888, 999)[: 1 + index % 3]),
        }
        for index in there
    }
    return {"meta_archs": strings, "arch2infos": infos, "evaluated_indexes": set(there)}


@pytest.fixture
def benchmark():
    """Makes the content of an official file."""
    return make_benchmark


@pytest.fixture
def accuracy():
    """What a training scored in the files that ``benchmark`` makes."""
    return expected_accuracy


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content, announced = self.server.pages.get(self.path, (None, 0))
        self.server.requests.append(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    """A web server on this machine: ``pages`` maps a path to (content, announced length)."""
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    httpd.pages, httpd.requests = {}, []
    httpd.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache, and nothing else on the search path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def steps():
    """(done, total) of the innermost loop, each time it was said."""
    said = []
    with (
        progress.listening(
            lambda e: said.append((e.done, e.total)) if e.kind == "reached" else None
        ),
        progress.unit("the test"),
    ):
        yield said
