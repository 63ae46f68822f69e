"""The tables on disk as pages, from the schema that the code itself uses."""

from __future__ import annotations

from span_store.schema import TABLES, Form

_HEAD = """# The tables

Written from `span_store/schema.py` by `make docs`.
Every table is a Delta table in a folder of its own name below the data directory, readable with
Polars, DuckDB, Spark or any other reader of Delta tables.
The same row may lie in a table more than once, because delivery is at-least-once; of the rows with
one key the last version wins (`span_store/duplicates.py`), and every command shows it once.
"""
_FORMS = {
    Form.TEXT: "string",
    Form.INTEGER: "int64",
    Form.NUMBER: "float64",
    Form.BOOLEAN: "boolean",
    Form.TIME: "int64, nanoseconds since 1970 UTC",
    Form.JSON: "string, JSON",
    Form.TEXTS: "list of strings",
}


def page() -> str:
    """Every table with every column."""
    parts = [_HEAD]
    for table in TABLES.values():
        key = ", ".join(f"`{name}`" for name in table.key)
        parts.append(f"## {table.name}\n\nA row is {table.row}. Key: {key}.\n")
        parts.append("| column | stored as | meaning |\n|---|---|---|")
        rows = [f"| `{c.name}` | {_FORMS[c.form]} | {c.sentence} |" for c in table.columns]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def overview() -> str:
    """One line a table."""
    rows = [
        f"| `{table.name}/` | {table.row} | {', '.join(table.key)} | {len(table.columns)} |"
        for table in TABLES.values()
    ]
    return "\n".join(["| folder | a row is | key | columns |", "|---|---|---|---|", *rows])
