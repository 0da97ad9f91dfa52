"""Where an incremental job goes on next time, in one small file per tenant and route. Standard library only."""

from __future__ import annotations

import json
import os
from urllib.parse import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


#: The end of a file that is whole.
_END = "\n"


class Position:
    """The value that a source left under its tenant, its connectors and its asset: the same for every way to start."""

    def __init__(self, folder: str, config: Mapping[str, Any]):
        """Read it; None where there is none. `folder` is the tenant's. Raises `ValueError` for half a file."""
        route = (config["source_connector"], config["target_connector"], config["asset"])
        self._file = os.path.join(folder, "-".join(quote(part, safe="") for part in route) + ".json")
        self._kept = self._read()
        if not self._kept.endswith(_END):  # half a number is one, too
            raise ValueError(f"{self._file} is cut short: restore it, or remove it to read everything anew")
        self.value = json.loads(self._kept)

    def keep(self, value: Any) -> None:
        """Replace it, at once or not at all."""
        text = json.dumps(value, sort_keys=True) + _END
        if text == self._kept:
            return
        os.makedirs(os.path.dirname(self._file), mode=0o700, exist_ok=True)
        temporary = f"{self._file}.{os.getpid()}"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._file)

    def _read(self) -> str:
        try:
            with open(self._file, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return f"null{_END}"
