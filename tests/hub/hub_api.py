"""What the test server answers: its users, its repositories and its routes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from hub_cards import card_data
from hub_files import FileCall
from hub_repos import Blob, Commit, HubError, Repo, User, sha256_of
from hub_rights import Reply

WRITER, READER, STRANGER = "hf_writer", "hf_reader", "hf_stranger"
"""Tokens: alice of organization acme, who may write; her token that may only read; bob, who belongs to no organization."""
USERS = {
    WRITER: User(name="alice", orgs=("acme",)),
    READER: User(name="alice", orgs=("acme",), write=False),
    STRANGER: User(name="bob"),
}
MODEL = r"/api/models/(?P<repo>[^/]+/[^/]+)"


class Call(FileCall):
    """One request; `answer` finds its route and may raise `HubError`."""

    def answer(self) -> Reply:
        """Return the answer of the route that fits."""
        self.user = self._user()
        for methods, pattern, action in CDN_ROUTES if self.origin == "cdn" else ROUTES:
            match = re.fullmatch(pattern, self.path)
            if match and self.method in methods.split():
                named = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                return action(self, **named)
        raise HubError(404, f"Sorry, we can't find the page you are looking for: {self.method} {self.path}")

    def _user(self) -> User | None:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in USERS:
            raise HubError(401, "Invalid credentials in Authorization header")
        return USERS.get(token)

    def create(self) -> Reply:
        asked = json.loads(self.body)
        namespace = asked.get("organization") or (self.user.name if self.user else "")
        repo_id = f"{namespace}/{asked['name']}"
        self._must_write(namespace)
        answer = {"url": f"{self.hub.url}/{repo_id}", "name": repo_id}
        if repo_id in self.hub.repos:
            return Reply.json(answer | {"error": "You already created this model repo"}, 409)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.repos[repo_id] = Repo(id=repo_id, private=private)
        return Reply.json(answer)

    def delete(self) -> Reply:
        asked = json.loads(self.body)
        namespace = asked.get("organization") or (self.user.name if self.user else "")
        repo = self._writable(f"{namespace}/{asked['name']}")
        del self.hub.repos[repo.id]
        return Reply.json({})

    def settings(self, repo: str) -> Reply:
        found, asked = self._writable(repo), json.loads(self.body)
        if "visibility" in asked or "private" in asked:
            found.private = asked.get("visibility") == "private" or bool(asked.get("private"))
        if "gated" in asked:
            found.gated = bool(asked["gated"])
        return Reply.json({})

    def whoami(self) -> Reply:
        if self.user is None:
            raise HubError(401, "Invalid username or password.")
        return Reply.json(self.user.whoami())

    def info(self, repo: str, rev: str = "main") -> Reply:
        found = self._readable(repo)
        commit = found.resolve(rev)
        readme = commit.files.get("README.md")
        card = card_data(readme.content.decode()) if readme else {}
        large = {path: blob for path, blob in commit.files.items() if "blobs" in self.query}
        siblings = [
            {"rfilename": path} | (_blob_facts(large[path]) if path in large else {}) for path in sorted(commit.files)
        ]
        facts = {
            "_id": f"id-{repo}",
            "id": repo,
            "modelId": repo,
            "author": found.namespace,
            "sha": commit.oid,
            "private": found.private,
            "gated": "manual" if found.gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": card.get("tags", []),
            "library_name": card.get("library_name"),
            "pipeline_tag": card.get("pipeline_tag"),
            "cardData": {key: value for key, value in card.items() if key != "model-index"} or None,
            "model-index": card.get("model-index"),
            "siblings": siblings,
        }
        return Reply.json({key: value for key, value in facts.items() if value is not None})

    def refs(self, repo: str) -> Reply:
        found = self._readable(repo)

        def rows(names: Mapping[str, str], kind: str) -> list[dict[str, str]]:
            return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid} for name, oid in names.items()]

        return Reply.json({"branches": rows(found.branches, "heads"), "tags": rows(found.tags, "tags"), "converts": []})

    def commits(self, repo: str, rev: str) -> Reply:
        found = self._readable(repo)
        rows = [
            {
                "id": commit.oid,
                "title": commit.title,
                "message": "",
                "authors": [{"user": commit.author}],
                "date": "2025-01-01T00:00:00.000Z",
            }
            for commit in found.history(found.resolve(rev))
        ]
        return Reply.json(rows)

    def tree(self, repo: str, rev: str, folder: str = "") -> Reply:
        commit = self._readable(repo, files=True).resolve(rev)
        return Reply.json(_tree(commit, folder, recursive=self.query.get("recursive", "false").lower() == "true"))

    def paths_info(self, repo: str, rev: str) -> Reply:
        commit = self._readable(repo, files=True).resolve(rev)
        asked = json.loads(self.body)["paths"]
        rows = _tree(commit, "", recursive=True)
        return Reply.json([row for row in rows if row["path"] in asked])

    def tag(self, repo: str, rev: str) -> Reply:
        found, name = self._writable(repo), json.loads(self.body)["tag"]
        if name in found.tags:
            raise HubError(409, f"Tag {name} already exists")
        found.tags[name] = found.resolve(rev).oid
        return Reply.json({})

    def untag(self, repo: str, rev: str) -> Reply:
        if self._writable(repo).tags.pop(rev, None) is None:
            raise HubError(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        return Reply.json({})

    def branch(self, repo: str, branch: str) -> Reply:
        found, start = self._writable(repo), json.loads(self.body or b"{}").get("startingPoint", "main")
        if branch in found.branches:
            raise HubError(409, f"Reference already exists: refs/heads/{branch}")
        found.branches[branch] = found.resolve(start).oid
        return Reply.json({})


REV = r"/(?P<rev>[^/]+)"
ROUTES = (
    ("POST", r"/api/repos/create", Call.create),
    ("DELETE", r"/api/repos/delete", Call.delete),
    ("POST", r"/api/validate-yaml", Call.validate),
    ("GET", r"/api/whoami-v2", Call.whoami),
    ("GET HEAD", MODEL, Call.info),
    ("GET", rf"{MODEL}/revision{REV}", Call.info),
    ("GET", rf"{MODEL}/tree{REV}(?:/(?P<folder>.+))?", Call.tree),
    ("GET", rf"{MODEL}/refs", Call.refs),
    ("GET", rf"{MODEL}/commits{REV}", Call.commits),
    ("POST", rf"{MODEL}/paths-info{REV}", Call.paths_info),
    ("POST", rf"{MODEL}/preupload{REV}", Call.preupload),
    ("POST", rf"{MODEL}/commit{REV}", Call.commit),
    ("POST", rf"{MODEL}/tag{REV}", Call.tag),
    ("DELETE", rf"{MODEL}/tag{REV}", Call.untag),
    ("POST", rf"{MODEL}/branch/(?P<branch>.+)", Call.branch),
    ("PUT", rf"{MODEL}/settings", Call.settings),
    ("GET", rf"{MODEL}/xet-(?P<right>read|write)-token{REV}", Call.xet_token),
    ("POST", r"/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch", Call.batch),
    ("POST", r"/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/verify", Call.verify),
    ("GET HEAD", rf"/(?P<repo>[^/]+/[^/]+)/resolve{REV}/(?P<path>.+)", Call.file),
)
CDN_ROUTES = (
    ("GET HEAD", r"/(?P<repo>[^/]+/[^/]+)/(?P<sha256>[0-9a-f]{64})", Call.stored),
    ("PUT", r"/(?P<repo>[^/]+/[^/]+)/(?P<sha256>[0-9a-f]{64})", Call.store),
)


def _blob_facts(blob: Blob) -> dict[str, Any]:
    facts: dict[str, Any] = {"blobId": blob.oid, "size": blob.size}
    if blob.sha256:
        facts["lfs"] = {"sha256": blob.sha256, "size": blob.size, "pointerSize": len(blob.git_content)}
    return facts


def _tree(commit: Commit, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    """Return rows of the files below a folder, or of the files and folders in it."""
    prefix = f"{folder.strip('/')}/" if folder else ""
    rows: dict[str, dict[str, Any]] = {}
    for path, blob in sorted(commit.files.items()):
        if not path.startswith(prefix):
            continue
        inside = path.removeprefix(prefix)
        for depth in range(1, inside.count("/") + 1):
            parent = prefix + "/".join(inside.split("/")[:depth])
            if recursive or depth == 1:
                rows[parent] = {"type": "directory", "path": parent, "size": 0, "oid": sha256_of(parent.encode())[:40]}
        if not recursive and "/" in inside:
            continue
        rows[path] = {"type": "file", "path": path, "size": blob.size, "oid": blob.oid}
        if blob.sha256:
            pointer = len(blob.git_content)
            rows[path]["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": pointer}
    return list(rows.values())
