"""The ways to write a model on the Hub."""

from __future__ import annotations

import pytest
from huggingface_hub import constants

from zoo.errors import UsageError
from zoo.hub.addresses import repository, repository_name, title_of

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [
        ("acme/net", "acme/net", "main"),
        ("acme/net@v1.0", "acme/net", "v1.0"),
        ("hf://acme/net", "acme/net", "main"),
        ("hf://acme/net/", "acme/net", "main"),
        (f"hf://acme/net@{SHA}", "acme/net", SHA),
        ("hf://acme/net@refs%2Fpr%2F1", "acme/net", "refs/pr/1"),
        ("HF://acme/net", "acme/net", "main"),
        ("https://huggingface.co/acme/net", "acme/net", "main"),
        ("https://huggingface.co/acme/net/", "acme/net", "main"),
        ("https://huggingface.co/acme/net?library=zoo#usage", "acme/net", "main"),
        ("http://HuggingFace.co/acme/net", "acme/net", "main"),
        ("https://www.huggingface.co/acme/net.git", "acme/net", "main"),
        ("https://user:secret@huggingface.co/acme/net", "acme/net", "main"),
        ("https://huggingface.co/acme/net@v1.0", "acme/net", "v1.0"),
        ("https://huggingface.co/acme/net/tree/main", "acme/net", "main"),
        ("https://huggingface.co/acme/net/tree/refs%2Fpr%2F1", "acme/net", "refs/pr/1"),
        (f"https://huggingface.co/acme/net/commit/{SHA}", "acme/net", SHA),
        ("https://huggingface.co/acme/net/blob/v1.0/model.safetensors", "acme/net", "v1.0"),
        ("https://huggingface.co/acme/net/resolve/main/config.json?download=true", "acme/net", "main"),
        ("https://hf.co/acme/net", "acme/net", "main"),
        ("huggingface.co/acme/net", "acme/net", "main"),
        ("hf.co/acme/net/tree/v1.0", "acme/net", "v1.0"),
        ("http://mirror.example:8080/hub/acme/net", "acme/net", "main"),
        (f"mirror.example:8080/hub/acme/net/tree/{SHA}", "acme/net", SHA),
    ],
)
def test_an_address_names_a_repository_and_its_revision(text, repo, revision, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://mirror.example:8080/hub")
    pin = repository(text)
    assert pin is not None and (pin.repo, pin.revision) == (repo, revision)


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/acme/net",
        "https://huggingface.co",
        "https://huggingface.co/acme",
        "hf.co/acme",
        "https://huggingface.co/datasets/acme/streets",
        "hf://datasets/acme/streets",
        "hf://spaces/acme/page",
        "https://huggingface.co/datasets/streets",
        "https://huggingface.co/acme/net/discussions/1",
        "https://huggingface.co/acme/net/tree/main/folder",
        "https://huggingface.co/acme/net/blob/main/pytorch_model.bin",
        "hf://acme/net@../../x",
        "hf://",
        "ftp://huggingface.co/acme/net",
        "s3://bucket/net",
        "file:///models/net",
        "https://",
        "https://huggingface.co.evil.example/acme/net",
    ],
)
def test_an_address_of_something_else_is_one_line_that_says_what_is_accepted(text):
    with pytest.raises(UsageError) as caught:
        repository(text)
    assert "hf://ORG/NAME" in caught.value.fix and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["net", "./acme/net", "a/b/c", "/models/net", "acme/net@../x", "", "C:/x/y"])
def test_what_is_no_address_is_left_to_be_a_path(text):
    assert repository(text) is None


def test_a_password_in_an_address_is_not_repeated():
    with pytest.raises(UsageError) as caught:
        repository("https://alice:secret@elsewhere.example/acme/net")
    assert "secret" not in str(caught.value)


def test_what_is_published_to_is_a_repository_without_a_revision():
    assert repository_name("https://huggingface.co/acme/net") == "acme/net"
    assert repository_name("nothing of the kind") == "nothing of the kind"
    with pytest.raises(UsageError, match="names a revision"):
        repository_name("hf://acme/net@v1")


def test_a_model_is_called_by_its_repository_or_folder(tmp_path):
    assert title_of("hf://acme/net@v1") == "acme/net"
    assert title_of("pix2pix-scenes") == "pix2pix-scenes"
    (tmp_path / "run").mkdir()
    assert title_of(str(tmp_path / "run")) == "run"
