from __future__ import annotations

import hashlib
import socket

import pytest

from opscore.data import DataFile, fetch, find
from opscore.errors import UserError

CONTENT = bytes(range(256)) * 1000


def known(url=None, content=CONTENT):
    return DataFile(
        name="sample",
        path="folder/sample.bin",
        purpose="a test",
        licence="none",
        how="ask",
        url=url,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )


def serve(server, content, announced=None):
    server.pages["/sample.bin"] = (content, len(content) if announced is None else announced)
    return known(f"{server.url}/sample.bin")


def nothing_left(cache):
    return not [path for path in cache.rglob("*") if path.is_file()]


def test_a_good_download_arrives_once(server, cache, steps):
    file = serve(server, CONTENT)
    path = fetch(file)
    assert path == cache / "folder" / "sample.bin"
    assert path.read_bytes() == CONTENT
    assert steps[0] == (0, len(CONTENT))
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(file) == path
    assert server.requests == ["/sample.bin"]
    assert find("folder/sample.bin") == path


def test_a_corrupted_download_is_not_kept_and_the_next_one_works(server, cache):
    with pytest.raises(UserError, match=r"is not sample: sha256 .* nothing was kept; try again"):
        fetch(serve(server, CONTENT[:-1] + b"!"))
    assert nothing_left(cache)
    assert fetch(serve(server, CONTENT)).read_bytes() == CONTENT


def test_a_cut_off_download_is_not_kept_and_the_next_one_works(server, cache):
    with pytest.raises(UserError, match=r"broke half-way; nothing was kept.*data add FILE"):
        fetch(serve(server, CONTENT[:70_000], announced=len(CONTENT)))
    assert nothing_left(cache)
    assert fetch(serve(server, CONTENT)).read_bytes() == CONTENT


def test_a_file_that_went_bad_is_fetched_again(server, cache):
    file = serve(server, CONTENT)
    path = fetch(file)
    path.write_bytes(b"rotten")
    assert fetch(file).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_offline_says_what_to_do(cache):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{held.getsockname()[1]}/sample.bin"
        with pytest.raises(UserError, match=r"no connection.*data add FILE") as caught:
            fetch(known(url))
    assert url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert nothing_left(cache)


def test_a_missing_page_says_so(server, cache):
    with pytest.raises(UserError, match=r"404"):
        fetch(known(f"{server.url}/other.bin"))
    assert nothing_left(cache)


def test_it_goes_to_the_data_dir_and_comes_from_a_mirror(server, cache, tmp_path):
    serve(server, CONTENT)
    path = fetch(known(), url=f"{server.url}/sample.bin", data_dir=tmp_path)
    assert path == tmp_path / "folder" / "sample.bin"


def test_an_intact_file_anywhere_on_the_search_path_will_do(cache, tmp_path):
    (tmp_path / "data" / "folder").mkdir(parents=True)
    (tmp_path / "data" / "folder" / "sample.bin").write_bytes(CONTENT)
    assert fetch(known("http://127.0.0.1:9/")).read_bytes() == CONTENT


def test_files_without_a_download_and_unknown_names(cache):
    with pytest.raises(UserError, match=r"cannot be fetched; .*NAS-Bench-201.*data add"):
        fetch("nasbench201-official")
    with pytest.raises(UserError, match=r"did you mean .*cifar10"):
        fetch("cifar11")
