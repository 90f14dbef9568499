"""Files on the test server: uploads in their steps, and downloads."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any
from urllib.parse import quote

from hub_cards import card_faults
from hub_repos import Blob, HubError, sha256_of, upload_mode
from hub_rights import Asked, Reply


class FileCall(Asked):
    """A request for what goes to a repository's files and comes from them."""

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
