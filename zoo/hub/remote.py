"""A model on the Hub without a download: its card's front matter and the header of its weights. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from zoo.errors import UsageError
from zoo.hub.access import Access, Pin
from zoo.hub.requests import look_up, send


@dataclass(frozen=True, kw_only=True)
class RemoteModel:
    """A model on the Hub."""

    repo: str
    revision: str
    """The full commit."""
    file: str
    size: int
    """Bytes of the weights."""
    sha256: str
    """Hex digest of the weights; empty where the Hub lists none."""
    private: bool
    gated: bool
    license: str
    datasets: tuple[str, ...]
    tags: tuple[str, ...]
    scores: Mapping[str, float]
    """Values of the card's model-index by metric."""
    architecture: str
    """Full name of the method, from the metadata of the weights."""
    zoo_version: str
    tensors: int
    parameters: Mapping[str, int] = field(default_factory=dict)
    """Number of parameters by type, as safetensors names types."""


def describe(pin: Pin, access: Access) -> RemoteModel:
    """Return a model on the Hub; of its weights only the header is read.

    Raises:
        UsageError: there is no such repository, revision or file, or it is closed to this user, or requests are forbidden.
        ZooError: the Hub does not answer.
    """
    from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

    if access.is_offline:
        raise UsageError(f"{pin} cannot be looked up offline", "Run the same command with a connection")
    listing = look_up(pin, access)
    pin, info, files = listing.pin, listing.info, listing.files
    if pin.file not in files:
        raise UsageError(f"{pin} has no {pin.file}; it holds {listing.contents}")
    client, no_weights = access.client(), (NotASafetensorsRepoError, SafetensorsParsingError)
    request = partial(client.parse_safetensors_file_metadata, pin.repo, pin.file, revision=pin.revision)
    try:
        header = send(request, pin, access, passed=no_weights)
    except no_weights as error:
        raise UsageError(f"{pin.file} of {pin} is not a safetensors file") from error
    card: dict[str, Any] = vars(info.card_data) if info.card_data else {}
    weights = files[pin.file]
    return RemoteModel(
        repo=pin.repo,
        revision=pin.revision,
        file=pin.file,
        size=weights.size,
        sha256=weights.digest if weights.large else "",
        private=bool(info.private),
        gated=bool(info.gated),
        license=_text(card.get("license_name") or card.get("license")),
        datasets=_texts(card.get("datasets")),
        tags=_texts(info.tags),
        scores=model_index_scores(info.model_index),
        architecture=header.metadata.get("architecture", ""),
        zoo_version=header.metadata.get("zoo_version", ""),
        tensors=len(header.tensors),
        parameters={str(kind): count for kind, count in header.parameter_count.items()},
    )


def model_index_scores(index: Any) -> dict[str, float]:
    """Return the values of a model-index, whatever its form."""
    results = [result for model in _rows(index) for result in _rows(model.get("results"))]
    metrics = [metric for result in results for metric in _rows(result.get("metrics"))]
    numbers = {_text(one.get("name") or one.get("type")): one.get("value") for one in metrics}
    return {
        name: float(value)
        for name, value in numbers.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    }


def _rows(value: Any) -> list[dict[str, Any]]:
    """Return the mappings of a list; an empty list for other values."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(word for word in values if isinstance(word, str))
