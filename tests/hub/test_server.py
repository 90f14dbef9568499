"""The test server itself: what huggingface_hub's own client makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hub_server import READER, STRANGER, WRITER
from huggingface_hub import CommitOperationAdd, HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors.numpy import save

CARD = b"---\nlicense: mit\ntags: [thermal]\n---\nA card.\n"


@pytest.mark.parametrize("xet", [False, True])
def test_an_upload_comes_back_byte_for_byte(hub, monkeypatch, xet):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    api, weights = HfApi(), os.urandom(200_000)
    api.create_repo("acme/net")
    first = api.model_info("acme/net").sha
    files = {"model.safetensors": weights, "README.md": CARD, ".eval_results/a.yaml": b"a: 1\n"}
    additions = [CommitOperationAdd(path, content) for path, content in files.items()]
    made = api.create_commit("acme/net", additions, commit_message="add", parent_commit=first)
    assert bool(hub.asked("xet-write-token")) == xet
    assert hub.read("acme/net", "model.safetensors") == weights
    for path, content in files.items():
        assert Path(api.hf_hub_download("acme/net", path, revision=made.oid)).read_bytes() == content
    info = api.model_info("acme/net", files_metadata=True)
    assert (info.sha, info.card_data.license, info.tags) == (made.oid, "mit", ["thermal"])
    again = api.create_commit("acme/net", [CommitOperationAdd("README.md", CARD)], commit_message="again")
    assert again.oid == made.oid
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit("acme/net", [CommitOperationAdd("a", b"1")], commit_message="late", parent_commit=first)


def test_names_rights_and_lacks_are_answered_as_the_hub_does(hub):
    hub.add("acme/open", {"README.md": CARD})
    hub.add("acme/hidden", {"README.md": CARD}, private=True)
    hub.add("acme/gated", {"README.md": CARD, "config.json": b"{}"}, gated=True)
    assert HfApi().whoami()["name"] == "alice"
    for token, error in ((False, RepositoryNotFoundError), (STRANGER, RepositoryNotFoundError)):
        with pytest.raises(error):
            HfApi().model_info("acme/hidden", token=token)
    assert HfApi().model_info("acme/hidden", token=READER).private
    for token in (False, STRANGER):
        assert HfApi().model_info("acme/gated", token=token).gated == "manual"
        with pytest.raises(GatedRepoError):
            HfApi().hf_hub_download("acme/gated", "config.json", token=token)
    with pytest.raises(RevisionNotFoundError):
        HfApi().model_info("acme/open", revision="v9")
    with pytest.raises(RemoteEntryNotFoundError):
        HfApi().hf_hub_download("acme/open", "config.json")
    with pytest.raises(HfHubHTTPError, match="403 Forbidden: you must use a write token"):
        HfApi().create_repo("acme/other", token=READER)
    with pytest.raises(HfHubHTTPError, match="403 Forbidden: You don't have the rights"):
        HfApi().create_repo("acme/other", token=STRANGER)
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        HfApi().model_info("acme/open", token="hf_wrong")
    with pytest.raises(ValueError, match="license"):
        card = CommitOperationAdd("README.md", b"---\nlicense: mine\n---\n")
        HfApi().create_commit("acme/open", [card], commit_message="bad")


def test_branches_tags_and_ranges(hub):
    commit = hub.add("acme/net", {"model.safetensors": save({"a": np.zeros(200_000, np.float32)}, {"format": "pt"})})
    api = HfApi()
    api.create_tag("acme/net", tag="v1")
    api.create_branch("acme/net", branch="next")
    refs = api.list_repo_refs("acme/net")
    assert [ref.name for ref in refs.branches] == ["main", "next"]
    assert {ref.target_commit for ref in (*refs.branches, *refs.tags)} == {commit}
    metadata = HfApi().get_safetensors_metadata("acme/net", revision="v1")
    assert metadata.parameter_count == {"F32": 200_000}
    assert hub.asked("-> 206") and not hub.asked("model.safetensors -> 200")
    assert not any(request.token for request in hub.log if request.origin == "cdn")


def test_faults_break_what_they_name(hub):
    hub.add("acme/net", {"model.safetensors": bytes(100_000), "config.json": b"{}"})
    hub.fail("flip", "GET .*/acme/net/[0-9a-f]{64}", times=1)
    hub.fail("moved", "POST .*/commit/main", times=1)
    flipped = HfApi().hf_hub_download("acme/net", "model.safetensors")
    assert Path(flipped).read_bytes() == bytes(99_999) + b"\1"
    api, head = HfApi(), hub.repos["acme/net"].head
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit("acme/net", [CommitOperationAdd("a", b"1")], commit_message="late", parent_commit=head)
    assert "NOTES.md" in hub.paths("acme/net")
    hub.fail("status", "HEAD", status=500)
    with pytest.raises(HfHubHTTPError, match="500"):
        api.file_exists("acme/net", "config.json", token=WRITER)
