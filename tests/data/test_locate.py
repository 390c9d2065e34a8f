from __future__ import annotations

import pytest

from opscore.data import FILES, ORIGINALS, cache_folder, destination, find, require, search_path
from opscore.data.catalogue import COLLECTIONS, get_source
from opscore.errors import UserError


@pytest.fixture
def folders(cache, tmp_path, monkeypatch):
    """Four folders in the order in which they are searched."""
    found = [tmp_path / "given", tmp_path / "named", tmp_path / "data", cache]
    for folder in found:
        folder.mkdir()
    monkeypatch.setenv("OPSCORE_DATA", str(found[1]))
    return found


def test_folders_are_searched_in_order(folders):
    given = folders[0]
    for folder in reversed(folders):
        (folder / "x.txt").write_text("")
        assert find("x.txt", given).resolve() == folder / "x.txt"
    assert [path.resolve() for path in search_path(given)] == folders


def test_short_names_stand_for_files_even_beside_a_folder_of_that_name(folders):
    (folders[1] / "cifar10").mkdir()
    assert find("cifar10") is None
    (folders[1] / "cifar-10-python.tar.gz").write_text("")
    assert find("cifar10") == folders[1] / "cifar-10-python.tar.gz"


def test_what_is_missing_where_it_looked_and_what_to_do(cache):
    with pytest.raises(UserError, match=r"fetch cifar10") as caught:
        require("cifar10")
    assert "cifar-10-python.tar.gz" in str(caught.value)
    assert str(cache) in str(caught.value)
    with pytest.raises(UserError, match=r"data add FILE"):
        require("nasbench201.parquet")
    with pytest.raises(UserError, match=r"cifar10/train\.npz.*--data-dir"):
        require("cifar10/train.npz")
    with pytest.raises(UserError, match=r"opscore data list"):
        require("what.txt")


def test_what_the_package_ships_is_found_last(cache, tmp_path):
    name = "published/initial_scores.parquet"
    shipped = require(name)
    assert "opscore/data/published" in shipped.as_posix()
    assert find("published-initial") == shipped
    (tmp_path / "data" / "published").mkdir(parents=True)
    (tmp_path / "data" / name).write_text("")
    assert find(name).resolve() == tmp_path / "data" / name


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("nasbench_macro.parquet", "data fetch nasbench-macro"),
        ("nb1shot1_space1.parquet", "data fetch nb1shot1"),
        ("nb1shot1_space2.parquet", "data fetch nb1shot1"),
        ("nb1shot1_space3.parquet", "data add FILE"),
        ("transnas_micro.parquet", "data fetch transnas"),
        ("transnas_macro.parquet", "data fetch transnas"),
        ("nb201_zen.parquet", "data fetch nasbench201-datasets"),
        ("nb201_zeroproxies_sample725.parquet", "data fetch published"),
        ("nasbench201.parquet", "data fetch nasbench201"),
    ],
)
def test_a_missing_table_names_its_command(cache, path, command):
    with pytest.raises(UserError, match=rf"no {path} in .*opscore {command}"):
        require(path)


def test_folders_that_are_named_must_exist(cache, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"--data-dir \(data_dir in Python\) names .*nowhere"):
        find("x", tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"--data-dir"):
        destination(tmp_path / "nowhere")
    monkeypatch.setenv("OPSCORE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"\$OPSCORE_DATA names .*nowhere"):
        find("x")


def test_the_cache_is_the_users_unless_it_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("OPSCORE_CACHE", raising=False)
    assert cache_folder().name == "opscore"
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path))
    assert cache_folder() == destination() == tmp_path


def test_a_file_of_a_package_is_found_without_importing_it(cache):
    path = find("analog-nasbench")
    assert path is not None
    assert path.name == "data.anb"


@pytest.mark.parametrize("name", [*FILES, *ORIGINALS])
def test_every_known_file_says_what_a_user_needs(name):
    file = get_source(name)
    assert file.name == name
    assert file.purpose
    assert file.licence
    assert file.how
    if file.url is not None:
        assert file.url.startswith("https://")
        assert file.sha256 is not None
        assert len(file.sha256) == 64
        assert file.size


@pytest.mark.parametrize("name", COLLECTIONS)
def test_a_collection_knows_its_originals_and_tables(name):
    collection = COLLECTIONS[name]
    for source in collection.sources:
        assert get_source(source).url is not None
        assert get_source(source).size < 4 * 2**20
    for table in collection.tables:
        assert table in FILES
    assert collection.purpose
