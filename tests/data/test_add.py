from __future__ import annotations

import bz2
import gzip
import os
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from opscore.data import FILES, DataFile, add, find
from opscore.data.add import recognise
from opscore.data.tables import read_metadata
from opscore.errors import UserError
from opscore.oracles import available_oracles, load_oracle
from opscore.spaces import NASBENCH201

PTH = "NAS-Bench-201-v1_1-096897.pth"


class Malicious:
    def __reduce__(self):
        return os.system, ("touch it-ran",)


def write_pth(path, content, new=True):
    torch.save(content, path, _use_new_zipfile_serialization=new)
    return path


def write_bz2(path, content):
    with bz2.open(path, "wb") as file:
        pickle.dump(content, file, protocol=4)
    return path


def write_folder(path, content):
    path.mkdir()
    write_bz2(path / "meta.pickle.pbz2", {"meta_archs": content["meta_archs"]})
    for index, infos in content["arch2infos"].items():
        write_bz2(path / f"{index:06d}.pickle.pbz2", infos)
    return path


def write_authors(path, content):
    path.write_bytes(pickle.dumps(content, protocol=3))
    return path


@pytest.fixture(params=["pth", "old pth", "nats file", "nats folder"])
def official(request, tmp_path, cache, benchmark):
    """An official file in each of its forms, with the kind that it should be seen as."""
    if "pth" in request.param:
        path = write_pth(tmp_path / PTH, benchmark(), new=request.param == "pth")
        return path, "nasbench201-official"
    content = benchmark(names=("12", "200"))
    if request.param == "nats file":
        return write_bz2(tmp_path / "NATS-tss.pickle.pbz2", content), "nats-tss"
    return write_folder(tmp_path / "NATS-tss-simple", content), "nats-tss-simple"


def test_official_files_become_one_table(official, cache, benchmark, accuracy, steps):
    path, kind = official
    added = add(path)
    assert added.kind == kind
    assert added.path == cache / "nasbench201.parquet" == find("nasbench201")
    assert (added.n_architectures, added.n_missing) == (3, NASBENCH201.size - 3)
    assert "15,622 of 15,625 architectures have no accuracy" in added.note
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]

    frame = pd.read_parquet(added.path)
    assert frame["arch_str"].tolist() == benchmark()["meta_archs"]
    assert frame.drop(columns="arch_str").iloc[2].isna().all()  # the architecture without results
    full = {777: [0, 1, 3], 888: [1], 999: []}  # which of the four were trained with which seed
    for short, split, trained_on, evaluated_on in (
        ("cifar10", "test", "cifar10", "ori-test"),
        ("cifar10", "valid", "cifar10-valid", "x-valid"),
        ("cifar100", "test", "cifar100", "x-test"),
        ("cifar100", "valid", "cifar100", "x-valid"),
        ("imagenet16", "test", "ImageNet16-120", "x-test"),
        ("imagenet16", "valid", "ImageNet16-120", "x-valid"),
    ):
        for seed, trained in full.items():
            name = f"{short}_{split}_200ep_seed{seed}"
            if not trained:
                assert name not in frame
                continue
            expected = [
                accuracy(i, trained_on, evaluated_on, seed, 200) if i in trained else np.nan
                for i in range(4)
            ]
            np.testing.assert_allclose(frame[name], expected, rtol=1e-12)
        np.testing.assert_allclose(
            frame[f"{short}_{split}_12ep_seed777"][[0, 1, 3]],
            [accuracy(i, trained_on, evaluated_on, 777, 12) for i in (0, 1, 3)],
            rtol=1e-12,
        )
    assert len(frame.columns) == 1 + 6 * 3


def test_the_names_that_old_numpy_wrote_are_read(tmp_path, cache, benchmark):
    path = write_pth(tmp_path / PTH, benchmark(), new=False)
    content = path.read_bytes()
    assert b"cnumpy._core.multiarray\nscalar\n" in content
    path.write_bytes(content.replace(b"cnumpy._core.", b"cnumpy.core."))
    assert add(path).n_architectures == 3


def test_the_oracle_of_a_partial_table(official, benchmark, accuracy):
    path, _ = official
    add(path)
    with pytest.raises(UserError, match=r"lacks 15,622 of 15,625 .*allow_partial"):
        load_oracle()
    oracle = load_oracle(allow_partial=True)
    assert path.name in oracle.describe()
    assert "15,622 architectures missing" in oracle.describe()
    states = [NASBENCH201.parse(text) for text in benchmark()["meta_archs"]]
    values = [accuracy(i, "cifar10", "ori-test", seed, 200) for i, seed in ((1, 777), (1, 888))]
    assert oracle.accuracy(states[1]) == pytest.approx(np.mean(values))
    assert oracle.best(states[1]) == pytest.approx(max(values))
    assert oracle.rank(states[3]) == 1
    assert oracle.percentile(states[3]) == pytest.approx(200 / 3)
    assert [state for state, _ in oracle.top(9)] == [states[3], states[1], states[0]]
    assert np.isnan(oracle.best(states[2]))
    assert np.isnan(oracle.mean(states[2]))
    with pytest.raises(UserError, match=r"the table lacks"):
        oracle.rank(states[2])
    assert load_oracle(seeds=1, allow_partial=True).best(states[1]) == pytest.approx(values[1])
    assert oracle.table().shape == (30, 4)
    available = available_oracles()
    assert len(available) == 12
    assert set(available["architectures"]) == {3}


def test_a_malicious_official_file_is_refused(tmp_path, cache, benchmark):
    content = {**benchmark(), "extra": Malicious()}
    for path in (
        write_pth(tmp_path / "new.pth", content),
        write_pth(tmp_path / "old.pth", content, new=False),
        write_bz2(tmp_path / "a.pickle.pbz2", content),
    ):
        with pytest.raises(UserError) as caught:
            add(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "it-ran").exists()
    assert find("nasbench201") is None


@pytest.mark.parametrize("make", [write_pth, write_bz2])
def test_a_damaged_official_file_leaves_nothing(tmp_path, cache, benchmark, make):
    path = make(tmp_path / "half", benchmark())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError):
        add(path)
    assert not cache.exists() or not list(cache.iterdir())


def test_a_benchmark_without_accuracies_is_refused(tmp_path, cache, benchmark):
    content = benchmark(missing=(0, 1, 2, 3))
    with pytest.raises(UserError, match=r"no accuracies"):
        add(write_bz2(tmp_path / "a.pbz2", content))
    with pytest.raises(UserError, match=r"meta_archs"):
        add(write_bz2(tmp_path / "b.pbz2", {"meta_archs": []}))


def test_the_authors_table(tmp_path, cache):
    path = write_authors(
        tmp_path / "nb2_test_acc_cf10.p",
        {(3, 3, 3, 1, 3, 2): [94.0, 94.5], (0, 1, 2, 3, 4, 0): [50.0]},
    )
    added = add(path)
    assert added.kind == "nasbench201-authors"
    assert added.columns == ("cifar10_test_200ep_trial0", "cifar10_test_200ep_trial1")
    assert read_metadata(added.path)["source"] == path.name
    oracle = load_oracle(allow_partial=True)
    best = NASBENCH201.architecture((3, 3, 3, 1, 3, 2))
    assert oracle.best(NASBENCH201.initial_state()) == 94.5
    assert oracle.error(best) == 5.75
    assert oracle.noise().n_repeated == 1


@pytest.mark.parametrize("content", [{"a": [1.0]}, {(0, 1): [1.0]}, {(9,) * 6: [1.0]}, {}, [1]])
def test_another_pickle_is_not_the_authors_table(tmp_path, cache, content):
    with pytest.raises(UserError, match=r"not the authors' table"):
        add(write_authors(tmp_path / "x.p", content))


def test_the_cifar10_archive_is_known_by_its_hash(tmp_path, cache, monkeypatch):
    path = tmp_path / "download.gz"
    path.write_bytes(gzip.compress(b"images", mtime=0))
    with pytest.raises(UserError, match=r"not CIFAR-10's python archive"):
        add(path)
    from opscore.data import file_hash

    stand_in = DataFile("cifar10", "cifar-10-python.tar.gz", "-", "-", "-", sha256=file_hash(path))
    monkeypatch.setitem(FILES._entries, "cifar10", stand_in)
    added = add(path)
    assert added.kind == "cifar10"
    assert added.path == cache / "cifar-10-python.tar.gz" == find("cifar10")
    assert added.path.read_bytes() == path.read_bytes()


def test_a_table_of_ours_goes_where_it_is_told(tmp_path, cache):
    made = add(write_authors(tmp_path / "a.p", {(0,) * 6: [10.0]})).path
    folder = tmp_path / "mine"
    folder.mkdir()
    added = add(made, data_dir=folder)
    assert added.kind == "nasbench201"
    assert added.path == folder / "nasbench201.parquet"
    assert add(added.path, data_dir=folder).note.startswith("it was there already")


def test_a_table_is_replaced_only_when_that_is_asked_for(tmp_path, cache):
    first = write_authors(tmp_path / "a.p", {(0,) * 6: [10.0]})
    second = write_authors(tmp_path / "b.p", {(1,) * 6: [20.0]})
    add(first)
    assert "there already" in add(first).note
    with pytest.raises(UserError, match=r"--overwrite"):
        add(second)
    add(second, overwrite=True)
    everything = NASBENCH201.initial_state()
    assert load_oracle(allow_partial=True).best(everything) == 20.0


def test_a_table_that_another_one_hides_says_so(tmp_path, cache):
    (tmp_path / "data").mkdir()
    path = write_authors(tmp_path / "a.p", {(0,) * 6: [10.0]})
    add(path, data_dir=tmp_path / "data")
    assert "is found before it" in add(path).note


def test_what_is_not_recognised(tmp_path, cache):
    (tmp_path / "notes.txt").write_text("hello")
    for path in (tmp_path / "notes.txt", tmp_path):
        with pytest.raises(UserError, match=r"what can be added: .*NATS-Bench"):
            recognise(path)
    with pytest.raises(UserError, match=r"no such file"):
        add(tmp_path / "nowhere")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(UserError, match=r"arch_str"):
        add(tmp_path / "x.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"damaged"):
        add(tmp_path / "bad.parquet")


def test_the_shared_table_is_recognised(data_dir):
    assert recognise(data_dir / "nasbench201.parquet") == "nasbench201"
