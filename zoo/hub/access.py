"""A model on the Hub, and how a user reaches it. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.files import cache_places, expand
from zoo.model_folder import WEIGHTS_FILE
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

COMMIT = re.compile(r"[0-9a-f]{40}")


def endpoint() -> str:
    """Return the address of the Hub, or of a mirror by `$HF_ENDPOINT`; it imports the client, which takes time."""
    from huggingface_hub import constants

    return constants.ENDPOINT


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a user reaches the Hub."""

    offline: bool | None = None
    """True: read the cache only; None: as `$HF_HUB_OFFLINE` is set."""
    cache_dir: str | Path | None = None
    """By default that of huggingface_hub."""
    token: str | bool | None = None
    """None: the token that the user is logged in with; False: none."""

    @property
    def cache(self) -> Path:
        """The cache's folder."""
        from huggingface_hub import constants

        return expand(self.cache_dir or constants.HF_HUB_CACHE).resolve()

    @property
    def caches(self) -> list[Path]:
        """The cache, and the temporary folder that replaces the default one where that cannot be written."""
        return [self.cache, *([] if self.cache_dir else [place / "huggingface" for place in cache_places()[1:]])]

    @property
    def is_offline(self) -> bool:
        """Whether requests are forbidden."""
        from huggingface_hub import constants

        return bool(constants.HF_HUB_OFFLINE if self.offline is None else self.offline)

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token."""
        from huggingface_hub import get_token

        return bool(self.token if self.token is not None else get_token())

    def client(self) -> HfApi:
        """Return the client that sends every request."""
        from huggingface_hub import HfApi

        return HfApi(token=self.token, library_name="zoo", library_version=__version__)


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A model on the Hub at a revision."""

    repo: str
    """`ORG/NAME`."""
    revision: str = "main"
    """The full commit; or a branch, tag or short commit, which is resolved by a request each time."""
    file: str = WEIGHTS_FILE
    sha256: str = ""
    """Hex digest of `file` from the catalogue; empty: the digest that the Hub lists is used."""

    @property
    def is_commit(self) -> bool:
        """Whether the revision is a full commit, whose files never change."""
        return bool(COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision[:7] if self.is_commit else self.revision}"
