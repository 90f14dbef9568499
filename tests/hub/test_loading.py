"""zoo.load from a Hub: pinned, verified, in another process, with xet and without, by several at once, and after a kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hub_server import STRANGER
from huggingface_hub import CommitOperationAdd, HfApi, constants

import zoo
from zoo.cli.catalog import info
from zoo.errors import UsageError, ZooError
from zoo.hub import cached, catalog
from zoo.hub.access import Access, Pin
from zoo.hub.download import fetch
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE, ModelConfig, save_model

CDN, WEIGHTS = "cdn GET", "GET /acme/net/[0-9a-f]{64}"
FETCH = """
import sys
from zoo.hub.access import Access, Pin
from zoo.hub.download import fetch
print(fetch(Pin(repo=sys.argv[1], revision=sys.argv[2]), Access()))
"""
TRANSLATE = """
import sys, numpy, zoo
pixels = numpy.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=numpy.uint8)
numpy.save(sys.argv[2], zoo.load(sys.argv[1], device="cpu").translate(pixels))
"""


def start(code: str, *words: object, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def parts(cache: Path) -> list[Path]:
    """Return what unfinished downloads of weights have written."""
    return [path for path in cache.glob("models--*/blobs/*.incomplete") if re.match("[0-9a-f]{64}", path.name)]


def started_to_fetch(cache: Path, commit: str) -> subprocess.Popen[str]:
    """Start a process that fetches acme/net, and return it while it is about it."""
    process = start(FETCH, "acme/net", commit)
    while not parts(cache):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    return process


def test_a_branch_is_looked_up_and_its_commit_printed(hub, files, capsys):
    commit = hub.add("acme/net", files)
    translator = zoo.load("acme/net", device="cpu")
    assert translator.card == "# A card\n"
    assert f"acme/net@main is commit {commit}; to stay with it, use acme/net@{commit}" in capsys.readouterr().err
    paths = [request.path for request in hub.log if request.method == "HEAD"]
    assert [path.rpartition("/")[2] for path in paths] == [
        "config.json",
        "model.safetensors",
        "README.md",
        "config.json",
    ]
    downloads = [request for request in hub.log if "/resolve/" in request.path]
    assert all(request.headers["user-agent"].startswith(f"zoo/{zoo.__version__}; hf_hub/") for request in downloads)
    assert all(request.headers["x-hf-download-counter"] == "1" for request in downloads)
    moved = hub.add("acme/net", {"README.md": b"# Another card\n"})
    assert zoo.load("acme/net", device="cpu").card == "# Another card\n"
    assert moved in capsys.readouterr().err


@pytest.mark.parametrize("revision", ["v1", "feature/one"])
def test_tags_and_branches_of_any_name_load(hub, files, revision):
    repo = hub.add("acme/net", files) and hub.repos["acme/net"]
    repo.tags["v1"] = repo.branches["feature/one"] = repo.head
    assert zoo.load(f"acme/net@{revision}", device="cpu").card == "# A card\n"
    assert zoo.load(f"acme/net@{revision}", device="cpu", offline=True).card == "# A card\n"


def test_pinned_and_cached_weights_load_without_a_request(hub, files, capsys):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu")
    hub.forget()
    capsys.readouterr()
    zoo.load(f"acme/net@{commit}", device="cpu")
    assert hub.asked() == []
    assert capsys.readouterr().err == ""


def test_a_cache_elsewhere_is_used(hub, files, hub_cache, tmp_path):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu", cache_dir=tmp_path / "mine")
    assert list((tmp_path / "mine").glob("models--acme--net")) and not hub_cache.exists()
    zoo.load(f"acme/net@{commit}", device="cpu", cache_dir=str(tmp_path / "mine"), offline=True)


def test_a_private_model_loads_with_the_token_that_may_read_it(hub, files):
    commit = hub.add("bob/net", files, private=True)
    assert zoo.load(f"bob/net@{commit}", device="cpu", token=STRANGER).card == "# A card\n"
    assert {request.token for request in hub.log if request.origin == "hub"} <= {STRANGER, ""}
    assert {request.token for request in hub.log if request.origin == "cdn"} == {""}


@pytest.fixture(scope="module")
def layergan(tmp_path_factory) -> Path:
    """A LayerGAN of a few channels, trained for two steps on synthetic streets."""
    from zoo.build import build_method
    from zoo.data.store import PairStore
    from zoo.sources import open_source
    from zoo.training.engine import train
    from zoo.training.seeds import seed_everything

    root, device = tmp_path_factory.mktemp("layergan"), torch.device("cpu")
    source = open_source("scenes:train=4,test=2", size=32)
    method = "layergan:channel_multiplier=0.03125,max_channels=8,latent=16"
    recipe = zoo.compose(method=method, discriminator="stylegan2_gp", data=source, size=32, steps=2)
    rng = seed_everything(0, device)
    built = build_method(recipe, source.info, rng, training=True)
    store = PairStore.open(source.root, "train", size=recipe.load_size, device=device, thermal_channels=1)
    result = train(
        built,
        recipe,
        store,
        folder=root / "run",
        train_key="k",
        device=device,
        rng=rng,
        paired=True,
        on_step=lambda _: None,
        stop=lambda: False,
    )
    assert result.status == "finished"
    save_model(root / "model", built, ModelConfig(recipe=recipe, dataset=source.info, plugins={}))
    return root / "model"


def test_a_name_of_the_catalogue_loads_what_its_row_pins(hub, layergan, monkeypatch):
    contents = {path.name: path.read_bytes() for path in layergan.iterdir()}
    commit = hub.add("acme/layergan-thermalworld", contents)
    real = catalog.find_weights("layergan-thermalworld")
    row = replace(
        real.weights,
        repo="acme/layergan-thermalworld",
        revision=commit,
        sha256=hub.repos["acme/layergan-thermalworld"].resolve(commit).files[WEIGHTS_FILE].sha256,
    )
    plugin = replace(real.plugin, rows=replace(real.plugin.rows, weights=(row,)))
    monkeypatch.setattr(catalog, "installed", lambda: (plugin,))
    loaded, direct = zoo.load("layergan-thermalworld", device="cpu"), zoo.load(layergan, device="cpu")
    visible = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    labels = np.zeros((32, 32), np.uint8)
    given = {"labels": labels, "temperatures": {loaded.classes[0]: -3.0}}
    assert np.array_equal(loaded.translate(visible, **given), direct.translate(visible, **given))
    hub.forget()
    zoo.load("layergan-thermalworld", device="cpu")
    assert hub.asked() == []
    other = replace(row, sha256="0" * 64)
    monkeypatch.setattr(catalog, "installed", lambda: (replace(plugin, rows=replace(plugin.rows, weights=(other,))),))
    with pytest.raises(ZooError, match=f"is not what was published.*{row.sha256}.*{other.sha256}"):
        zoo.load("layergan-thermalworld", device="cpu")


def test_another_process_translates_the_same_with_xet_and_without(hub, files, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    HfApi().create_repo("acme/net")
    additions = [CommitOperationAdd(name, content) for name, content in files.items()]
    commit = HfApi().create_commit("acme/net", additions, commit_message="add").oid
    hub.forget()
    started = [
        start(
            TRANSLATE,
            f"acme/net@{commit}",
            tmp_path / f"{off}.npy",
            HF_HOME=str(tmp_path / off),
            HF_HUB_DISABLE_XET=off,
        )
        for off in ("0", "1")
    ]
    (tmp_path / "direct").mkdir()
    for name, content in files.items():
        (tmp_path / "direct" / name).write_bytes(content)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    expected = zoo.load(tmp_path / "direct", device="cpu").translate(pixels)
    for process, off in zip(started, ("0", "1"), strict=True):
        assert process.wait() == 0, process.stderr.read()
        assert np.array_equal(np.load(tmp_path / f"{off}.npy"), expected)
    assert expected.std() > 0
    assert len(hub.asked("xet-read-token/.* -> 200")) == len(hub.asked(CDN)) == 1


def test_two_processes_at_once_fetch_once(hub, files):
    commit = hub.add("acme/net", files)
    hub.fail("slow", WEIGHTS, delay=0.5)
    both = [start(FETCH, "acme/net", commit) for _ in range(2)]
    folders = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(folders) == 1 and len(hub.asked(CDN)) == 1
    assert (Path(folders.pop()) / WEIGHTS_FILE).read_bytes() == files[WEIGHTS_FILE]


def test_after_a_kill_the_next_call_succeeds(hub, files, hub_cache):
    commit = hub.add("acme/net", files)
    hub.fail("slow", WEIGHTS, delay=60)
    process = started_to_fetch(hub_cache, commit)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(parts(hub_cache)) == 1
    hub.forget()
    zoo.load(f"acme/net@{commit}", device="cpu")
    assert hub.asked(CDN)
    hub.forget()
    zoo.load(f"acme/net@{commit}", device="cpu")
    assert hub.asked() == []


def test_a_cache_without_links_is_verified_by_the_catalogues_digest_only(hub, files, hub_cache):
    """As file systems without symbolic links have it: the names of the contents are unknown there."""
    commit = hub.add("acme/net", files)
    folder = fetch(Pin(repo="acme/net", revision=commit), Access())
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content)
    hub.forget()
    assert fetch(Pin(repo="acme/net", revision=commit), Access()) == folder
    assert hub.asked() == []
    sha256 = re.search(r"[0-9a-f]{64}", cached.mismatch(folder / WEIGHTS_FILE, "0" * 64))[0]
    assert fetch(Pin(repo="acme/net", revision=commit, sha256=sha256), Access()) == folder
    assert hub.asked() == []


@pytest.mark.parametrize("form", ["hf://acme/net", "hf://acme/net@COMMIT", "URL/acme/net", "URL/acme/net/tree/COMMIT"])
def test_an_address_loads_as_the_name_does(hub, files, form, capsys):
    commit = hub.add("acme/net", files)
    source = form.replace("URL", hub.url).replace("COMMIT", commit)
    assert zoo.load(source, device="cpu").card == "# A card\n"
    info(source)
    assert f"zoo.load('acme/net@{commit}')" in capsys.readouterr().out


def test_an_address_of_a_repository_that_is_not_there_says_nothing_of_folders(hub):
    for source in ("hf://acme/none", f"{hub.url}/acme/none"):
        with pytest.raises(ZooError) as caught:
            zoo.load(source, device="cpu")
        assert "no folder" not in str(caught.value) and "has no repository acme/none" in str(caught.value)


def test_the_address_of_a_data_set_is_refused_without_a_request(hub):
    for ask in (lambda source: zoo.load(source, device="cpu"), info):
        with pytest.raises(UsageError, match="is not the address of a model"):
            ask("https://huggingface.co/datasets/acme/streets")
    assert hub.asked() == []
