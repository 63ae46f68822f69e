"""``python -m analytics.text.train --data DIR``: train every shipped head, write card and files.

The same data and seed give the same bytes (on one machine and one set of library versions; another
processor may differ in the last bit of a sum, which float16 weights mostly hide).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analytics.text.card import card
from analytics.text.errors import TextModelError
from analytics.text.recipes import RECIPES
from analytics.text.training import train

PACKAGE = Path(__file__).resolve().parent


def main(arguments: list[str] | None = None) -> int:
    """Train and write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m analytics.text.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets")
    parser.add_argument("--seed", type=int, default=20, help="seed of the folds [20]")
    parser.add_argument(
        "--output", type=Path, default=PACKAGE, help="where MODELS.md and weights/ go [the package]"
    )
    options = parser.parse_args(arguments)
    try:
        trained = []
        for name, recipe in RECIPES.items():
            learned = recipe.training(options.data)
            training = train(learned, recipe.specification, options.seed)
            trained.append((recipe, training, learned, recipe.held_out(options.data)))
            place = options.output / "weights" / f"{name}.npz"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(training.head.to_bytes())
            sys.stderr.write(f"trained {name} on {learned.height} texts: {place}\n")
        document = card(trained, options.seed)
        (options.output / "MODELS.md").write_text(document, encoding="utf-8")
    except (TextModelError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
