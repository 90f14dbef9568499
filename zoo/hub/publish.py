"""The upload: files as one commit of a repository on the Hub, or none where nothing changed. Imports no torch."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from zoo.checksums import sha256_of
from zoo.errors import UsageError
from zoo.hub.access import COMMIT, Access
from zoo.hub.card_data import update_readme
from zoo.hub.errors import LOG_IN, explained_upload, malformed
from zoo.model_folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, ModelConfig
from zoo.records.integrity import SAMPLES_FILE
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo
    from huggingface_hub.hf_api import RepoSibling

EVAL_FILE = ".eval_results/zoo.yaml"
OPTIONAL = (SAMPLES_FILE, EVAL_FILE)
"""Files that a publication may lack; those of an earlier one are deleted."""

Files = Mapping[str, Path | bytes]
"""Contents, or paths to them, by path in the repository."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published model."""

    repo: str
    revision: str
    """The full commit."""
    changed: bool
    """Whether this call made the commit; false where nothing had changed."""
    private: bool
    url: str

    @property
    def pin(self) -> str:
        """The argument of `zoo.load` for exactly these weights."""
        return f"{self.repo}@{self.revision}"


def check_repo(repo: str) -> None:
    """Refuse an invalid name of a repository.

    Raises:
        UsageError: it is not `ORG/NAME` as the Hub allows it.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    rule = "Use ORG/NAME of letters, digits, single - and ., and _, e.g. ORG/layergan-scenes"
    if not re.fullmatch(r"[^/]+/[^/]+", repo):
        raise UsageError(f"{repo!r} is not ORG/NAME", rule)
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        reason = str(error).partition(":")[0].rstrip(".")
        raise UsageError(f"{repo!r} cannot be a repository's name: {reason}", rule) from error


def require_token() -> None:
    """Refuse to publish without a token or a connection, before any work is done.

    Raises:
        UsageError: there is no token, or HF_HUB_OFFLINE is set.
    """
    if Access().is_offline:
        raise UsageError("nothing can be published: HF_HUB_OFFLINE is set", "Run: unset HF_HUB_OFFLINE")
    if not Access().has_token:
        fix = f"Run: {LOG_IN} (with a token that may write), or set HF_TOKEN"
        raise UsageError("nothing can be published: there is no token for the Hub", fix)


def publish(files: Files, repo: str, *, private: bool = False, replace: bool = True) -> Published:
    """Commit these files to a repository, and keep its other files and its README's own text.

    A second call changes nothing; after an interruption nothing is published, and the next call resumes.

    Args:
        files: including weights, `config.json` and `README.md`.
        repo: `ORG/NAME`, created if it does not exist.
        private: create it visible to its owners only.
        replace: whether the weights of another training may be replaced.

    Raises:
        UsageError: no token, no right to write there, a bad name, or the repository is something else.
        ZooError: somebody else changed it in between, or the Hub does not answer.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    check_repo(repo)
    require_token()
    api = Access().client()
    with explained_upload(repo):
        info = _repository(api, repo, private, files[CARD_FILE])
        if not COMMIT.fullmatch(str(info.sha)):  # without it, another commit could be undone
            raise malformed(repo, ValueError(f"the commit is {info.sha!r}"))
        remote = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        _refuse_others(api, info, remote, files, replace=replace)
        files = dict(files)
        if CARD_FILE in remote:
            old = _fetch(api, info, CARD_FILE).decode(errors="replace")
            files[CARD_FILE] = update_readme(old, _content(files[CARD_FILE]).decode()).encode()
        changes = {path: content for path, content in files.items() if not _same(remote.get(path), content)}
        stale = [path for path in OPTIONAL if path in remote and path not in files]
        revision = str(info.sha)
        if changes or stale:
            additions = [CommitOperationAdd(path, content) for path, content in changes.items()]
            deletions = [CommitOperationDelete(path) for path in stale]
            message = f"Publish {repo} with zoo {__version__}"
            made = api.create_commit(repo, [*additions, *deletions], commit_message=message, parent_commit=info.sha)
            revision = made.oid
    url = f"{api.endpoint}/{repo}/tree/{revision}"
    return Published(repo=repo, revision=revision, changed=bool(changes or stale), private=bool(info.private), url=url)


def _repository(api: HfApi, repo: str, private: bool, card: Path | bytes) -> ModelInfo:
    """Return the contents of a repository, which is created if it does not exist."""
    from huggingface_hub import ModelCard
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.model_info(repo, files_metadata=True)
    except RepositoryNotFoundError:
        ModelCard(_content(card).decode()).validate()  # a refused card leaves no empty repository
        # Another process may create it at the same time.
        api.create_repo(repo, private=private or None, exist_ok=True)
        info = api.model_info(repo, files_metadata=True)
    if private and not info.private:
        fix = "Choose another name, or make it private in its settings on the Hub first"
        raise UsageError(f"{repo} exists and is public, and `private` is true", fix)
    return info


def _refuse_others(
    api: HfApi, info: ModelInfo, remote: Mapping[str, RepoSibling], files: Files, *, replace: bool
) -> None:
    """Refuse to overwrite another program's model, or, without `replace`, another training."""
    found = next((name for name in (CONFIG_FILE, WEIGHTS_FILE) if name in remote), "")
    if not found or _same(remote.get(CONFIG_FILE), files[CONFIG_FILE]):
        return
    try:
        if found != CONFIG_FILE:
            raise ValueError("there is no config")
        other = msgspec.json.decode(_fetch(api, info, CONFIG_FILE), type=ModelConfig)
    except (ValueError, msgspec.MsgspecError):
        reason = f"{info.id} is taken: it has a {found} that zoo did not publish"
        raise UsageError(reason, "Choose another name") from None
    own = msgspec.json.decode(_content(files[CONFIG_FILE]), type=ModelConfig)
    if not replace and other.recipe != own.recipe:
        fix = f"To replace them, run: zoo publish RUN --to {info.id}"
        raise UsageError(f"{info.id} has the weights of another training", fix)


def _fetch(api: HfApi, info: ModelInfo, file: str) -> bytes:
    """Return a small file of the commit that the new one is based on."""
    with tempfile.TemporaryDirectory() as folder:
        return Path(api.hf_hub_download(info.id, file, revision=info.sha, local_dir=folder)).read_bytes()


def _same(remote: RepoSibling | None, content: Path | bytes) -> bool:
    """Whether a file of the repository has this content, by the SHA-256 of a large one or git's object id of a small one."""
    if remote is None:
        return False
    if remote.lfs:
        own = sha256_of(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
        return bool(remote.lfs.sha256 == own)
    data = _content(content)
    return remote.blob_id == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _content(content: Path | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()
