"""A Hugging Face Space of the page: a folder ready to push, with pinned weights and versions. Imports no torch."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from zoo.data.atomic_folder import AtomicFolder
from zoo.errors import UsageError
from zoo.hub.access import COMMIT, Access
from zoo.hub.addresses import repository
from zoo.hub.card_data import read_readme
from zoo.hub.catalog import find_weights
from zoo.hub.download import Located, locate
from zoo.model_folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, ModelConfig, read_card, read_config
from zoo.plugins import installed
from zoo.version import DISTRIBUTION, __version__

APP = '''"""{title}, as a Space. Written by `zoo demo --space`."""

import zoo
from zoo.demo.page import build_page, serve

serve(build_page(zoo.load({source!r}), {name!r}))
'''
WEIGHTS_DIR = "weights"
SHORT = 60
"""Most characters of a Space's short description."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Weights of a Space."""

    load: str
    """Argument of `zoo.load` in the Space."""
    repo: str = ""
    """The repository from which they are downloaded."""
    copied: bool = False
    """Whether they are copied into the Space, because they are in no repository."""
    distribution: str = DISTRIBUTION
    version: str = __version__
    """The distribution that `load` needs."""


def write_space(folder: Path, source: str, name: str, access: Access) -> list[Path]:
    """Write the files of a Space and return them.

    Args:
        folder: a new or empty folder.
        source: as in `zoo.load`. Weights on the Hub are pinned to their commit, those of a distribution to its version; a
            folder of weights is copied.
        name: of the weights on the page.
        access: how to reach the Hub.

    Raises:
        UsageError: there are no such weights, gradio is not installed, or the folder is not empty.
        ZooError: the weights cannot be downloaded, or the folder cannot be written.
    """
    gradio_version = _gradio_version()
    located = locate(source, access)
    config = read_config(located.folder, located.file)
    found = pinned(source, located)
    title = f"{name}: visible to thermal"
    new = AtomicFolder(folder)
    new.create()
    try:
        with new.writing() as building:
            (building / "app.py").write_text(APP.format(title=plain(title), name=name, source=found.load))
            (building / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements(config, found)))
            license_name = read_readme(read_card(located.folder))[0].get("license", "")
            front = front_matter(title, name, gradio_version, found, license_name)
            (building / CARD_FILE).write_text(front + _text(name, found))
            if found.copied:
                (building / WEIGHTS_DIR).mkdir()
                for file in (WEIGHTS_FILE, CONFIG_FILE, CARD_FILE):
                    path = located.folder / (located.file if file == WEIGHTS_FILE else file)
                    if path.is_file():
                        shutil.copyfile(path, building / WEIGHTS_DIR / file)
                (building / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
        new.publish()
    finally:
        new.discard()
    return sorted(path for path in folder.rglob("*") if path.is_file())


def pinned(source: str, located: Located) -> Source:
    """Return weights in a form that always loads the same version."""
    row = find_weights(source)
    if row and row.weights.folder:
        return Source(load=source, distribution=row.plugin.distribution, version=row.plugin.version)
    pin = repository(source)
    repo = row.weights.repo if row else pin.repo if pin else ""
    commit = located.folder.name
    if repo and COMMIT.fullmatch(commit):  # a snapshot in the cache, which is named by its commit
        return Source(load=f"{repo}@{commit}", repo=repo)
    return Source(load=WEIGHTS_DIR, copied=True)


def requirements(config: ModelConfig, source: Source) -> list[str]:
    """Return the pinned distributions of zoo, of the weights and of the plugins of the model."""
    brought = {DISTRIBUTION: __version__, source.distribution: source.version}
    here = {plugin.name: plugin for plugin in installed()}
    needed = [here[part["plugin"]] for part in config.plugins.values() if part.get("plugin") in here]
    brought |= {plugin.distribution: plugin.version for plugin in needed}
    extras = {DISTRIBUTION: "[demo]"}
    return [f"{name}{extras.get(name, '')}=={version}" for name, version in brought.items()]


def front_matter(title: str, name: str, gradio_version: str, source: Source, license_name: object) -> str:
    """Return the YAML that the Hub reads at the head of a Space's README."""
    from huggingface_hub import SpaceCardData

    card = SpaceCardData(
        title=title,
        emoji="🌡️",
        colorFrom="purple",
        colorTo="yellow",
        sdk="gradio",
        sdk_version=gradio_version,
        python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        app_file="app.py",
        pinned=False,
        short_description=f"Thermal images from photographs with {name}"[:SHORT],
        models=[source.repo] if source.repo else None,
        license=license_name if isinstance(license_name, str) and license_name else None,
    )
    return f"---\n{card.to_yaml()}\n---\n"


def plain(text: str) -> str:
    """Return a text without characters that end a docstring."""
    return text.replace("\\", "/").replace('"', "'")


def _text(name: str, source: Source) -> str:
    origin = f"The weights come with `{source.distribution}` {source.version}."
    if source.repo:
        address = f"https://huggingface.co/{source.repo}"
        origin = f"The weights are [{source.repo}]({address}), at commit `{source.load.rpartition('@')[2]}`."
    elif source.copied:
        origin = f"The weights are in `{WEIGHTS_DIR}/`."
    return (
        f"# {name}: visible to thermal\n\n"
        "Drop a photograph: the page predicts how it looks to a thermal camera, and shows the value of any pixel. "
        f"The values are predictions, not measurements.\n\n{origin}\n"
    )


def _gradio_version() -> str:
    """Return the installed version of gradio.

    Raises:
        UsageError: it is not installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gradio")
    except PackageNotFoundError:
        raise UsageError("the demo page needs gradio", f"Run: pip install '{DISTRIBUTION}[demo]'") from None
