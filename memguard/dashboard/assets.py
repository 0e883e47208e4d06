"""The page's style sheets, scripts and pictures: files of this package, known by name.

Their address has a digest of all of them in it, so that a browser may keep them, and that a script gets the other
scripts it imports from the same version of memguard.
"""

import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from memguard.dashboard.messages import NO_STORE, Response, response

KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
CACHING = ("Cache-Control", "private, max-age=86400")

_VERSIONED = re.compile(r"([0-9a-f]{12})/(.+)", re.ASCII)


def asset(path: str) -> Response | None:
    """Return a file, None for any other name: nothing is looked up that a client named."""
    versioned = _VERSIONED.fullmatch(path)
    name = versioned[2] if versioned else path
    found = _files().get(name)
    if found is None:
        return None
    # During a rolling deploy one version's page may ask another version for its files: they must not be kept.
    caching = CACHING if versioned and versioned[1] == _digest() else NO_STORE
    return response(200, KINDS[name.rpartition(".")[2]], found.read_bytes(), caching=caching)


def url(base: str, name: str) -> str:
    """Return the address of a file, which changes when any of them does."""
    return f"{base}/static/{_digest()}/{name}"


@cache
def _files() -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    folders = [("", files(__package__) / "static")]
    for before, folder in folders:
        for each in folder.iterdir():
            if each.is_dir():
                folders.append((f"{before}{each.name}/", each))
            elif each.name.rpartition(".")[2] in KINDS:
                found[f"{before}{each.name}"] = each
    return found


@cache
def _digest() -> str:
    digest = sha256()
    for name, file in sorted(_files().items()):
        digest.update(f"{name}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
