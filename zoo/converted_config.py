"""What a folder that `zoo convert` wrote says of the file that its weights come from. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from zoo.errors import UsageError
from zoo.version import __version__


@dataclass(frozen=True, kw_only=True)
class Converted:
    """Another program's file."""

    format: str
    """Name of the checkpoint format."""
    title: str
    """What the file is, e.g. `CycleGAN ResNet-9 generator, instance norm, 3 -> 3, from pytorch-CycleGAN-and-pix2pix`."""
    file: str
    """Its name, without folders."""
    sha256: str
    part: str = ""
    """Where in the file the network was, where it holds several."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What `config.json` says of a converted network that does not translate."""

    zoo_version: str = __version__
    network: str
    """Kind and name of the component with its options; empty where it is none."""
    purpose: str
    """Why it does not translate, as the end of a sentence about it."""
    converted: Converted
    plugins: dict[str, dict[str, str]] = field(default_factory=dict)
    """Plugin, distribution and version that build it, by kind."""


def refuse_network(folder: Path, content: bytes) -> None:
    """Say what a folder holds whose `config.json` is that of a network which does not translate; return where it is not.

    Raises:
        UsageError: it is one.
    """
    import msgspec

    try:
        config = msgspec.json.decode(content, type=NetworkConfig)
    except (UnicodeDecodeError, RecursionError, msgspec.MsgspecError):
        return
    kind, _, spec = config.network.partition(" ")
    weights = folder / "model.safetensors"
    build = f'In Python: zoo.create("{spec}", kind="{kind}").load_state_dict(safetensors.torch.load_file("{weights}"))'
    raise UsageError(
        f"`{folder}` holds a {config.converted.title}; {config.purpose}",
        build if spec else f"Its tensors are in `{weights}`",
    )
