"""Downloads one file: resumed after a cut, verified, and put in place only when it is whole."""

from __future__ import annotations

import http.client
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from poseflow.detect.checkpoints import sha256_of
from vvipe.errors import WeightsError

_TIMEOUT_S = 20.0
_CHUNK_BYTES = 1 << 16
_ATTEMPTS = 3  # connections in a row that bring nothing new before a URL is given up
_NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, OSError)


def is_reachable(url: str, *, timeout_s: float) -> bool:
    """Whether the server has the file: asked without fetching it."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=timeout_s):
            return True
    except (*_NETWORK_ERRORS, ValueError):
        return False


def download(url: str, target: Path, *, sha256_prefix: str) -> Path:
    """`target`, fetched from `url`; its full SHA-256 is written beside it as NAME.sha256.

    An interrupted download stays as NAME.part and is resumed by the next call.

    Raises:
        WeightsError: The server does not give the file, or what it gives has another SHA-256.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        was_resumed = part.exists()
        _fetch(url, part)
        if was_resumed and not sha256_of(part).startswith(sha256_prefix):
            part.unlink()  # the older piece may have been of another file: once more from the start
            _fetch(url, part)
        digest = sha256_of(part)
        if not digest.startswith(sha256_prefix):
            part.unlink()
            raise WeightsError(f"{url} gave another file: SHA-256 {digest}, expected {sha256_prefix}...")
        target.with_name(target.name + ".sha256").write_text(f"{digest}  {target.name}\n", encoding="ascii")
        return part.replace(target)
    except _NETWORK_ERRORS as error:
        raise WeightsError(f"{url}: {error}") from error


def _fetch(url: str, part: Path) -> None:
    """Fetches until the file is whole; gives up after some connections in a row without progress."""
    idle = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _fetch_once(url, part):
                return
            failure: Exception = WeightsError(f"{url}: the connection was cut")
        except urllib.error.HTTPError:
            raise
        except _NETWORK_ERRORS as error:
            failure = error
        grown = (part.stat().st_size if part.exists() else 0) > before
        idle = 0 if grown else idle + 1
        if idle >= _ATTEMPTS or (not grown and isinstance(failure, urllib.error.URLError)):
            raise failure


def _fetch_once(url: str, part: Path) -> bool:
    """One connection, appending to `part` where the server can resume; returns whether the file is now whole."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if start and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return True  # nothing is left to fetch; the hash decides
        raise
    with response:
        if start and response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        with (
            part.open("ab" if start else "wb") as file,
            tqdm(
                desc=part.name.removesuffix(".part"),
                initial=start,
                total=total,
                unit="B",
                unit_scale=True,
                file=sys.stderr,
                disable=None,
            ) as bar,
        ):
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))
    return total is None or part.stat().st_size >= total
