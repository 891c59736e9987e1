"""A stand-in for the Graphviz process, for unit tests: places everything on a grid, at once, and remembers requests."""

from __future__ import annotations

import json
import re
from typing import Any

from spark_kernel.notebook.card.layout_client import GraphvizMissing, GraphvizProcess, GraphvizTimeout

_CLUSTER = re.compile(r"subgraph cluster_box(\d+)")
_COLUMN = re.compile(r"^\s*column(\d+) \[")
_BOX = re.compile(r"^\s*box(\d+) \[.*width=([\d.]+)")


class FakeGraphviz(GraphvizProcess):
    """Answers from the text of the request; no process, no time."""

    def __init__(self, fails: str = "", png_sizes: tuple[int, ...] = (2000,)) -> None:
        """``fails``: ``timeout`` or ``missing`` for every request, ``careful`` for those that are not hurried."""
        super().__init__()
        self.requests: list[dict[str, Any]] = []
        self._fails = fails
        self._png_sizes = list(png_sizes)

    def ask(self, dot: str, program: str, form: str, seconds: float) -> bytes:
        """A grid for ``json0``, bytes of the next size for ``png``."""
        self.requests.append({"dot": dot, "program": program, "format": form})
        if self._fails == "missing":
            raise GraphvizMissing("Graphviz is not there")
        if self._fails == "timeout" or (self._fails == "careful" and "nslimit" not in dot):
            raise GraphvizTimeout("took too long")
        if form == "png":
            return b"P" * (self._png_sizes.pop(0) if len(self._png_sizes) > 1 else self._png_sizes[0])
        return json.dumps(_grid(dot)).encode()


def _grid(dot: str) -> dict[str, Any]:
    objects: list[dict[str, Any]] = []
    left, cluster = 0.0, None
    for line in dot.splitlines():
        if match := _CLUSTER.search(line):
            cluster = {"name": f"cluster_box{match[1]}", "bb": f"{left:g},0,{left + 200:g},400"}
            objects.append(cluster)
        elif match := _COLUMN.match(line):
            objects.append({"name": f"column{match[1]}", "pos": f"{left + 100:g},180"})
            left += 260
        elif match := _BOX.match(line):
            objects.append(
                {"name": f"box{match[1]}", "pos": f"{left + 100:g},200", "width": match[2], "height": "0.78"}
            )
            left += 260
    return {"bb": f"0,0,{left:g},400", "objects": objects, "edges": []}
