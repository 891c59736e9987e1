"""Record the public names of Spark's RDD API, and what each takes, from Spark's own sources.

    python tests/parity/record_api.py

Needs what `tests/support/spark_sources.py` says. Writes ``spark_api.json``, which `test_api_surface.py` reads.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))


def main() -> None:
    from tests.support.api_surface import surfaces_of_sources
    from tests.support.spark_sources import spark_sources

    surfaces = surfaces_of_sources(spark_sources())
    (HERE / "spark_api.json").write_text(json.dumps(surfaces, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
