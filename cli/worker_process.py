"""A worker of the loader of a receiver that forwards with findings: it finds them too."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(options: str, settings: dict[str, Any], descriptors: list[int]) -> None:
    """Work until the loader is gone."""
    from cli.loader_process import SignalsLeft
    from otlp_receiver.worker_process import main as work

    work(
        settings,
        descriptors,
        lambda: SignalsLeft(json.loads(options), Path(settings["spool"])).find,
    )


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), [int(argument) for argument in sys.argv[3:]])
