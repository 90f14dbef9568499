"""What the test server answers: rights, repositories, uploads and downloads, route by route."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, unquote

from hub_cards import card_data, card_faults
from hub_repos import Blob, Commit, HubError, LargeFiles, Repo, User, sha256_of, upload_mode

WRITER, READER, STRANGER = "hf_writer", "hf_reader", "hf_stranger"
"""Tokens: alice of organization acme, who may write; her token that may only read; bob, who belongs to no organization."""
USERS = {
    WRITER: User(name="alice", orgs=("acme",)),
    READER: User(name="alice", orgs=("acme",), write=False),
    STRANGER: User(name="bob"),
}
MODEL = r"/api/models/(?P<repo>[^/]+/[^/]+)"


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
class Call:
    """One request; `answer` finds its route and may raise `HubError`."""

    hub: Hub
    origin: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    user: User | None = None

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

    # Who may do what

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

    # Repositories

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

    # Uploads

    def validate(self) -> Reply:
        faults = card_faults(json.loads(self.body)["content"])
        answer = {"errors": [{"message": fault} for fault in faults], "warnings": []}
        return Reply.json(answer, 400 if faults else 200)

    def preupload(self, repo: str, rev: str) -> Reply:
        files = self._writable(repo).resolve(rev).files
        rows = []
        for asked in json.loads(self.body)["files"]:
            mode = upload_mode(asked["path"], base64.b64decode(asked["sample"]), asked["size"])
            row: dict[str, Any] = {"path": asked["path"], "uploadMode": mode, "shouldIgnore": False}
            if asked["path"] in files:
                row["oid"] = files[asked["path"]].etag
            rows.append(row)
        return Reply.json({"files": rows})

    def batch(self, repo: str) -> Reply:
        self._writable(repo)
        rows = []
        for asked in json.loads(self.body)["objects"]:
            row: dict[str, Any] = {"oid": asked["oid"], "size": asked["size"]}
            if not self.hub.large.has(asked["oid"]):
                verify = f"{self.hub.url}/{repo}.git/info/lfs/objects/verify"
                upload = f"{self.hub.cdn}/{repo}/{asked['oid']}"
                row["actions"] = {"upload": {"href": upload}, "verify": {"href": verify}}
            rows.append(row)
        return Reply.json({"transfer": "basic", "objects": rows})

    def verify(self, repo: str) -> Reply:
        self._writable(repo)
        asked = json.loads(self.body)
        if not self.hub.large.has(asked["oid"]):
            raise HubError(404, f"Object does not exist: {asked['oid']}")
        return Reply.json({})

    def xet_token(self, repo: str, right: str, rev: str) -> Reply:
        found = self._writable(repo) if right == "write" else self._readable(repo, files=True)
        found.resolve(rev)
        url, expires = f"local://{self.hub.large.cas}", int(time.time()) + 3600
        reply = Reply.json({"casUrl": url, "accessToken": "xet", "exp": expires})
        reply.headers |= {
            "X-Xet-Cas-Url": url,
            "X-Xet-Access-Token": "xet",
            "X-Xet-Token-Expiration": str(expires),
        }
        return reply

    def commit(self, repo: str, rev: str) -> Reply:
        found, lines = self._writable(repo), [json.loads(line) for line in self.body.splitlines() if line.strip()]
        head = found.resolve(rev)
        header = next(line["value"] for line in lines if line["key"] == "header")
        parent = header.get("parentCommit")
        if parent and not head.oid.startswith(parent):
            message = "A commit has happened since. Please refresh and try again."
            raise HubError(412, message)
        state = dict(head.files)
        for line in lines:
            self._apply(line["key"], line["value"], state)
        user, wanted = self.user, "create_pr" in self.query
        assert user
        made = found.commit(rev, state, title=header["summary"], author=user.name, pull_request=wanted)
        answer = {"success": True, "commitOid": made.oid, "commitUrl": f"{self.hub.url}/{repo}/commit/{made.oid}"}
        if wanted:
            answer["pullRequestUrl"] = f"{self.hub.url}/{repo}/discussions/{len(found.pull_requests)}"
        return Reply.json(answer)

    def _apply(self, key: str, value: Any, state: dict[str, Blob]) -> None:
        """Apply one line of a commit's body."""
        path = value.get("path", "")
        if key == "file":
            state[path] = Blob.small(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if not self.hub.large.has(value["oid"]):
                raise HubError(400, f"LFS pointer pointed to a file that does not exist: {path}")
            state[path] = Blob(sha256=value["oid"], size=value["size"])
        elif key == "deletedFile":
            if state.pop(path, None) is None:
                raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        elif key == "deletedFolder":
            for inside in [name for name in state if name.startswith(f"{path.rstrip('/')}/")]:
                del state[inside]

    # Downloads

    def file(self, repo: str, rev: str, path: str) -> Reply:
        commit = self._readable(repo, files=True).resolve(rev)
        blob = commit.files.get(path)
        if blob is None:
            raise HubError(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit.oid)
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes"}
        if not blob.sha256:
            return self._ranged(Reply(body=blob.content, headers=headers))
        headers |= {
            "X-Linked-ETag": f'"{blob.sha256}"',
            "X-Linked-Size": str(blob.size),
            "Location": f"{self.hub.cdn}/{repo}/{blob.sha256}?size={blob.size}",
        }
        if xet_hash := self.hub.large.xet_hashes().get(blob.sha256):
            token = f"{self.hub.url}/api/models/{quote(repo)}/xet-read-token/{commit.oid}"
            headers |= {"X-Xet-Hash": xet_hash, "Link": f'<{token}>; rel="xet-auth"'}
        return Reply(status=302, headers=headers)

    def stored(self, repo: str, sha256: str) -> Reply:
        if not self.hub.large.has(sha256):
            raise HubError(404, "NoSuchKey")
        content = self.hub.large.read(sha256, int(self.query.get("size", 0)))
        return self._ranged(Reply(body=content, headers={"ETag": f'"{sha256}"', "Accept-Ranges": "bytes"}))

    def store(self, repo: str, sha256: str) -> Reply:
        if sha256_of(self.body) != sha256:
            raise HubError(400, "the content has another digest")
        self.hub.large.put(sha256, self.body)
        return Reply(headers={"ETag": f'"{sha256}"'})

    def _ranged(self, reply: Reply) -> Reply:
        """Cut the body to the range that was asked for."""
        asked, size = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", "")), len(reply.body)
        if asked is None:
            return reply
        first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        if first > last:
            raise HubError(416, "Range Not Satisfiable", Content_Range=f"bytes */{size}")
        headers = reply.headers | {"Content-Range": f"bytes {first}-{last}/{size}"}
        return Reply(status=206, body=reply.body[first : last + 1], headers=headers)


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
