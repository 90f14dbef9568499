"""Who asks the test server, and which repositories they may see and change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub_repos import HubError, LargeFiles, Repo, User


class Hub(Protocol):
    """What the answers are about."""

    repos: dict[str, Repo]
    large: LargeFiles

    @property
    def url(self) -> str:
        """The API's origin."""

    @property
    def cdn(self) -> str:
        """The CDN's origin."""


@dataclass(kw_only=True)
class Reply:
    """An answer before faults are applied."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Reply:
        """An answer in JSON."""
        return cls(status=status, body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})


@dataclass(kw_only=True)
class Asked:
    """One request, and the rights of the user who sent it."""

    hub: Hub
    origin: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    user: User | None = None

    def _readable(self, repo_id: str, *, files: bool = False) -> Repo:
        """Return a repository that the user may see, and whose files they may read."""
        repo = self.hub.repos.get(repo_id)
        hidden = repo is not None and repo.private and (self.user is None or not self._member(repo))
        if repo is None or hidden:
            raise HubError(404 if self.user else 401, "Repository not found", "RepoNotFound")
        if files and repo.gated and (self.user is None or not self._admitted(repo)):
            status = 403 if self.user else 401
            message = f"Access to model {repo_id} is restricted. You must have access to it and be authenticated."
            raise HubError(status, message, "GatedRepo")
        return repo

    def _member(self, repo: Repo) -> bool:
        assert self.user
        return repo.namespace in (self.user.name, *self.user.orgs)

    def _admitted(self, repo: Repo) -> bool:
        assert self.user
        return self._member(repo) or self.user.name in repo.admitted

    def _writable(self, repo_id: str) -> Repo:
        repo = self._readable(repo_id)
        self._must_write(repo.namespace)
        return repo

    def _must_write(self, namespace: str) -> None:
        if self.user is None:
            raise HubError(401, "Invalid username or password.")
        if not self.user.write:
            raise HubError(403, "you must use a write token to change a repository")
        if not self.user.may_write(namespace):
            raise HubError(403, f"You don't have the rights to create a model under the namespace {namespace!r}")
