"""Publishing: files become one commit of a repository on the Hub, or none where nothing changed. Imports no torch."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from zoo.checkpoints.published import sha256_of
from zoo.errors import UsageError
from zoo.hub.cached import COMMIT
from zoo.hub.errors import LOG_IN, malformed
from zoo.hub.publish_errors import explained
from zoo.hub.readme import update_readme
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE, ModelConfig
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo
    from huggingface_hub.hf_api import RepoSibling

README_FILE, SAMPLES_FILE, RECORD_FILE = "README.md", "samples.png", "record.json"
EVAL_FILE = ".eval_results/zoo.yaml"
OPTIONAL = (SAMPLES_FILE, EVAL_FILE)
"""Files that a publication may lack; what an earlier one left of them is deleted."""

Files = Mapping[str, Path | bytes]
"""Contents, or the files that have them, by path in the repository."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """What is on the Hub now."""

    repo: str
    revision: str
    """The commit, 40 hexadecimal digits."""
    changed: bool
    """Whether this call made the commit; false where all was there already."""
    private: bool
    url: str

    @property
    def pin(self) -> str:
        """What `zoo.load` takes for these very weights."""
        return f"{self.repo}@{self.revision}"


def check_repo(repo: str) -> None:
    """Refuse a name that no repository can have.

    Raises:
        UsageError: it is not `ORG/NAME` as the Hub allows it.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    rule = "Write ORG/NAME of letters, digits, single - and ., and _, e.g. --to ORG/layergan-scenes"
    if not re.fullmatch(r"[^/]+/[^/]+", repo):
        raise UsageError(f"{repo!r} is not a user or organization and a name", rule)
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UsageError(
            f"{repo!r} cannot be a repository's name: {str(error).partition(':')[0].rstrip('.')}", rule
        ) from error


def require_token() -> None:
    """Find out now that nothing can be published from here.

    Raises:
        UsageError: nobody is logged in, or the client is offline by choice.
    """
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_OFFLINE:
        raise UsageError("nothing can be published: HF_HUB_OFFLINE is set", "Type: unset HF_HUB_OFFLINE")
    if not get_token():
        raise UsageError(
            "nothing can be published: there is no token for the Hub",
            f"Type: {LOG_IN} (a token that may write), or set HF_TOKEN",
        )


def publish(files: Files, repo: str, *, private: bool = False, replace: bool = True) -> Published:
    """Bring a repository to these files in one commit, and keep its other files and its README's own text.

    Typed again, it changes nothing; interrupted, nothing was published and the next call goes on.

    Args:
        files: among them weights, `config.json` and `README.md`.
        repo: `ORG/NAME`, made where it is missing.
        private: make it visible to its owners only.
        replace: whether other weights of zoo may be replaced, rather than these very ones updated.

    Raises:
        UsageError: no token, no right to write there, a bad name, or the repository is something else.
        ZooError: somebody else changed it meanwhile, or the Hub does not answer.
    """
    from huggingface_hub import HfApi

    check_repo(repo)
    require_token()
    api = HfApi(library_name="zoo", library_version=__version__)
    with explained(repo):
        info = _repository(api, repo, private, files[README_FILE])
        if not COMMIT.fullmatch(str(info.sha)):  # without it, the commit of somebody else could be undone
            raise malformed(repo, ValueError(f"the commit is {info.sha!r}"))
        there = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        _refuse_others(api, info, there, files, replace=replace)
        files = dict(files)
        if README_FILE in there:
            files[README_FILE] = _with_own_text(api, info, files[README_FILE])
        changes = {path: content for path, content in files.items() if not _same(there.get(path), content)}
        stale = [path for path in OPTIONAL if path in there and path not in files]
        revision = _commit(api, info, changes, stale) if changes or stale else str(info.sha)
    return Published(
        repo=repo,
        revision=revision,
        changed=bool(changes or stale),
        private=bool(info.private),
        url=f"{api.endpoint}/{repo}/tree/{revision}",
    )


def _repository(api: HfApi, repo: str, private: bool, readme: Path | bytes) -> ModelInfo:
    """Return what is in a repository, after making it where it is missing."""
    from huggingface_hub import ModelCard
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.model_info(repo, files_metadata=True)
    except RepositoryNotFoundError:
        ModelCard(_content(readme).decode()).validate()  # before it leaves an empty repository behind
        # Another process may make it at the same time.
        api.create_repo(repo, private=private or None, exist_ok=True)
        info = api.model_info(repo, files_metadata=True)
    if private and not info.private:
        raise UsageError(
            f"{repo} is there and public, and --private was asked for",
            "Choose another name, or make it private in its settings on the Hub first",
        )
    return info


def _refuse_others(
    api: HfApi, info: ModelInfo, there: Mapping[str, RepoSibling], files: Files, *, replace: bool
) -> None:
    """Refuse to write over a model that is not zoo's, or over another training that nobody named."""
    if _same(there.get(CONFIG_FILE), files[CONFIG_FILE]) or not {CONFIG_FILE, WEIGHTS_FILE} & there.keys():
        return
    own = msgspec.json.decode(_content(files[CONFIG_FILE]), type=ModelConfig)
    try:
        other = msgspec.json.decode(_fetch(api, info, CONFIG_FILE), type=ModelConfig) if CONFIG_FILE in there else None
    except (UnicodeDecodeError, msgspec.MsgspecError):
        other = None
    if other is None:
        found = next(name for name in (CONFIG_FILE, WEIGHTS_FILE) if name in there)
        raise UsageError(f"{info.id} is taken: it has a {found} that zoo did not publish", "Choose another name")
    if not replace and msgspec.json.encode(other.recipe) != msgspec.json.encode(own.recipe):
        raise UsageError(
            f"{info.id} has the weights of another training", f"To replace them, type: zoo publish RUN --to {info.id}"
        )


def _with_own_text(api: HfApi, info: ModelInfo, new: Path | bytes) -> bytes:
    """Return the card with what its publisher wrote around zoo's text."""
    old = _fetch(api, info, README_FILE).decode(errors="replace")
    return update_readme(old, _content(new).decode()).encode()


def _commit(api: HfApi, info: ModelInfo, changes: Files, stale: list[str]) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    additions = [CommitOperationAdd(path, content) for path, content in changes.items()]
    deletions = [CommitOperationDelete(path) for path in stale]
    message = f"Publish {info.id} with zoo {__version__}"
    made = api.create_commit(info.id, [*additions, *deletions], commit_message=message, parent_commit=info.sha)
    return made.oid


def _fetch(api: HfApi, info: ModelInfo, file: str) -> bytes:
    """Return a small file of the very commit that is about to be built on."""
    with tempfile.TemporaryDirectory() as folder:
        return Path(api.hf_hub_download(info.id, file, revision=info.sha, local_dir=folder)).read_bytes()


def _same(there: RepoSibling | None, content: Path | bytes) -> bool:
    """Whether a file of the repository has this content: by the SHA-256 of a large one, git's object id of a small one."""
    if there is None:
        return False
    if there.lfs:
        own = sha256_of(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
        return bool(there.lfs.sha256 == own)
    data = _content(content)
    return there.blob_id == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _content(content: Path | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()
