"""`PipelineCache`: results of the caller's own code by pipeline and parameters, each in a JSON file.

    cache = PipelineCache("state/results", max_age=3600)
    await cache.set("data_pipeline", {"mode": "daily"}, {"rows": 5})
    await cache.get("data_pipeline", {"mode": "daily"})     # {"rows": 5}, or None

Tasks need none of this: `cache:` in the configuration skips those that are unchanged.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import tempfile
import time
import warnings
from collections.abc import Mapping
from typing import Any

from tetra_orchestrator.errors import CannotWrite, Forbidden

#: Seconds for which a result counts where nothing else is said.
DAY_S = 86400.0
#: Seconds by which the clocks that files are stamped by and that we read may differ.
SKEW_S = 60.0


class PipelineCache:
    """Files named by `cache_key` in the folder `cache_dir`, which is made for us alone, with those above it.

    `max_age` is how many seconds a result counts: one number, or a number by pipeline (a day for all others). Raises
    `Forbidden` where the folder is not ours, or others may write to it; `CannotWrite` where it cannot be made.
    """

    def __init__(self, cache_dir: str | os.PathLike[str], max_age: float | Mapping[str, float] = DAY_S):
        self.cache_dir = os.fspath(cache_dir)
        self._max_age = max_age
        try:
            os.makedirs(os.path.dirname(os.path.abspath(self.cache_dir)), exist_ok=True)
            os.mkdir(self.cache_dir, 0o700)
        except FileExistsError:
            _refuse_shared(self.cache_dir)
        except OSError as error:
            raise CannotWrite(f"the folder cannot be made: {error.strerror}", where=self.cache_dir) from error

    def cache_key(self, pipeline: str, params: Mapping[str, Any]) -> str:
        """The MD5 of `pipeline:params`, these as JSON with sorted keys; 32 hexadecimal digits."""
        import hashlib

        text = f"{pipeline}:{json.dumps(params, sort_keys=True)}"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def get_max_cache_age(self, pipeline: str) -> float:
        """Seconds for which a result of the pipeline counts: as long as it is younger than that."""
        return self._max_age.get(pipeline, DAY_S) if isinstance(self._max_age, Mapping) else self._max_age

    async def get(self, pipeline: str, params: Mapping[str, Any]) -> Any:
        """What was set last, or None: there is nothing, it is too old, or (with a `RuntimeWarning`) it is damaged."""
        return await asyncio.to_thread(self._read, self._path(pipeline, params), self.get_max_cache_age(pipeline))

    async def set(self, pipeline: str, params: Mapping[str, Any], result: Any) -> None:
        """Keep the result in place of the one before, durably and whole or not at all.

        Raises `TypeError` for what would not come back from JSON as it is, `CannotWrite` where the disk is full.
        """
        text = json.dumps(result)
        if json.loads(text) != result:
            raise TypeError(f"a result has to be what JSON can hold: {result!r:.100} would come back as {text:.100}")
        await asyncio.to_thread(_write, self._path(pipeline, params), text)

    def _path(self, pipeline: str, params: Mapping[str, Any]) -> str:
        return os.path.join(self.cache_dir, f"{self.cache_key(pipeline, params)}.json")

    def _read(self, path: str, max_age: float) -> Any:
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as file:
                age = time.time() - os.fstat(file.fileno()).st_mtime
                return json.load(file) if -SKEW_S <= age < max_age else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            warnings.warn(f"{path} is damaged, and its result is not used: {error}", RuntimeWarning, stacklevel=2)
            return None


def _write(path: str, text: str) -> None:
    try:
        descriptor, draft = tempfile.mkstemp(dir=os.path.dirname(path), suffix=".draft")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        raise CannotWrite(f"the result cannot be kept: {error.strerror}", where=path) from error


def _refuse_shared(folder: str) -> None:
    """Raises `Forbidden` where somebody else could have put something into the folder."""
    for status in (os.lstat(folder), os.stat(folder)):
        if status.st_uid != os.geteuid():
            raise Forbidden("the folder of the cache belongs to somebody else", hint="choose another", where=folder)
    if not stat.S_ISDIR(status.st_mode):
        raise CannotWrite("is no folder", where=folder)
    if status.st_mode & 0o022:
        raise Forbidden("others may write to the folder of the cache", hint=f"chmod go-w {folder}", where=folder)
