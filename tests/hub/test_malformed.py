"""Answers that are none of a Hub, and cards of strangers: one line that names the address, and nothing that a terminal obeys."""

from __future__ import annotations

import json

import pytest

import zoo
from zoo.cli.catalog import info
from zoo.errors import ZooError
from zoo.hub.publish import publish

INFO = r"GET /api/models/acme/net(/revision/|\?|$)"
SHA = "0" * 40
ANSWERS = {
    "HTML": b"<!DOCTYPE html><html><body>Please log in</body></html>",
    "nothing": b"",
    "not UTF-8": b'{"id": "\xff\xfe"}',
    "a list": b"[1, 2]",
    "null": b"null",
    "a number": b"17",
    "no fields": b"{}",
    "null fields": b'{"id": null, "sha": null, "siblings": null}',
    "no commit": b'{"id": "acme/net"}',
    "a number as commit": b'{"id": "acme/net", "sha": 12, "siblings": []}',
    "siblings of text": json.dumps({"id": "acme/net", "sha": SHA, "siblings": "none"}).encode(),
    "siblings of numbers": json.dumps({"id": "acme/net", "sha": SHA, "siblings": [1]}).encode(),
    "siblings without names": json.dumps({"id": "acme/net", "sha": SHA, "siblings": [{"size": 1}]}).encode(),
    "an object as a name": json.dumps({"id": "acme/net", "sha": SHA, "siblings": [{"rfilename": {}}]}).encode(),
    "LFS of text": json.dumps(
        {"id": "acme/net", "sha": SHA, "siblings": [{"rfilename": "config.json", "size": "big", "lfs": "x"}]}
    ).encode(),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_of_another_form_is_one_line_that_names_the_address(hub, files, body):
    hub.add("acme/net", files)
    hub.fail("body", INFO, body=body, headers={"Content-Type": "application/json"})
    for ask in (lambda: zoo.load("acme/net", device="cpu"), lambda: info("acme/net")):
        with pytest.raises(ZooError) as caught:
            ask()
        text = str(caught.value)
        assert "\n" not in text and len(text) < 600
        assert hub.url in text or "acme/net" in text


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS.keys())
def test_publishing_to_what_is_no_hub_is_one_line(hub, files, body):
    hub.add("acme/net", files)
    hub.fail("body", INFO, body=body, headers={"Content-Type": "application/json"})
    with pytest.raises(ZooError) as caught:
        publish(files, "acme/net")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "location",
    ["/loop", "http://[::1", "ftp://elsewhere.example/x", "//", "http://127.0.0.1:1/gone", "\x1b]52;c;eA==\x07"],
)
def test_a_redirect_to_nowhere_is_one_line(hub, files, location):
    hub.add("acme/net", files)
    hub.fail("status", "GET ", status=302, headers={"Location": location})
    with pytest.raises(ZooError) as caught:
        zoo.load("acme/net", device="cpu")
    assert "\n" not in str(caught.value)


CARDS = {
    "index of text": "model-index: none",
    "index of numbers": "model-index: [1, 2]",
    "results of text": "model-index: [{name: net, results: no}]",
    "results of numbers": "model-index: [{name: net, results: [1]}]",
    "metrics of text": "model-index: [{name: net, results: [{task: {type: a}, dataset: {type: b, name: c}, metrics: none}]}]",
    "values of text": "model-index: [{name: n, results: [{task: {type: a}, dataset: {type: b, name: c}, "
    "metrics: [{type: p, value: x}]}]}]",
    "values beyond floats": "model-index: [{results: [{metrics: [{type: p, value: 1" + "0" * 400 + "}]}]}]",
    "lists of lists": "tags: [[a], {b: c}, 1, null]\nlicense: [mit]\ndatasets: {a: b}",
}


@pytest.mark.parametrize("front", CARDS.values(), ids=CARDS.keys())
def test_a_card_of_any_form_does_not_keep_a_model_from_being_described(hub, files, front, capsys):
    hub.add("acme/net", files | {"README.md": f"---\n{front}\n---\nA card.\n".encode()})
    info("acme/net")
    assert "load       zoo.load('acme/net@" in capsys.readouterr().out


def test_what_a_stranger_wrote_on_a_card_is_shown_on_one_line_without_codes(hub, files, capsys):
    hostile = "a\\e]52;c;eA==\\a b\\u202e c\\r d\\n  load: fake"
    hub.add("acme/net", files | {"README.md": f'---\nlicense: "{hostile}"\ntags: ["{hostile}"]\n---\n'.encode()})
    info("acme/net")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines].count("load") == 1
    assert r"  license    a\x1b]52;c;eA==\x07 b\u202e c\r d\n" in "\n".join(lines)
    assert "\x1b" not in "".join(lines)
