import hashlib
from dataclasses import replace

import pytest

from zoo.checkpoints.published import PublishedFile, find, sha256_of
from zoo.errors import ZooError

CONTENT = b"weights that somebody published"


@pytest.fixture
def file(tmp_path, monkeypatch):
    for name, folder in {"ZOO_CACHE": "cache", "TORCH_HOME": "torch", "ZOO_WEIGHTS": "own"}.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "net.pth").write_bytes(CONTENT)
    return PublishedFile(
        name="net.pth",
        url=(tmp_path / "site" / "net.pth").as_uri(),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        other_names=("theirs.pth",),
    )


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_places_are_tried_in_order(file, tmp_path):
    hub = put(tmp_path / "torch" / "hub" / "checkpoints" / "theirs.pth")
    assert find(file) == hub
    cache = put(tmp_path / "cache" / "weights" / "net.pth")
    assert find(file) == cache
    own = put(tmp_path / "own" / "theirs.pth")
    assert find(file) == own
    own = put(tmp_path / "own" / "net.pth")
    assert find(file) == own


def test_a_file_that_is_nowhere_is_fetched_once(file, tmp_path):
    kept = find(file)
    assert kept == tmp_path / "cache" / "weights" / "net.pth" and kept.read_bytes() == CONTENT
    (tmp_path / "site" / "net.pth").unlink()
    assert find(file) == kept
    assert [path.name for path in kept.parent.iterdir() if not path.name.endswith(".lock")] == ["net.pth"]


def test_a_changed_copy_is_passed_over_and_replaced(file, tmp_path):
    put(tmp_path / "cache" / "weights" / "net.pth", CONTENT[:-1] + b"!")
    assert find(file).read_bytes() == CONTENT


def test_what_comes_with_another_digest_is_not_kept(file, tmp_path):
    (tmp_path / "site" / "net.pth").write_bytes(b"a proxy's login page")
    with pytest.raises(ZooError, match="the downloaded file has the sha256"):
        find(file)
    assert not (tmp_path / "cache" / "weights" / "net.pth").exists()


def test_offline_is_one_error_with_url_digest_and_place(file, tmp_path):
    wrong = put(tmp_path / "own" / "net.pth", b"other weights")
    absent = replace(file, url=(tmp_path / "site" / "absent.pth").as_uri())
    with pytest.raises(ZooError) as error:
        find(absent)
    message = str(error.value)
    assert f"`{wrong}` is another file (sha256 {sha256_of(wrong)})" in message
    for part in (absent.url, file.sha256, str(tmp_path / "cache" / "weights" / "net.pth")):
        assert part in error.value.fix


def test_the_beginning_of_a_digest_is_enough_where_no_more_is_published(file):
    assert find(replace(file, sha256=file.sha256[:8])).read_bytes() == CONTENT


def test_a_digest_is_taken_again_when_the_file_changes(tmp_path):
    path = put(tmp_path / "file", b"one")
    first = sha256_of(path)
    path.write_bytes(b"three")
    assert sha256_of(path) == hashlib.sha256(b"three").hexdigest() != first
