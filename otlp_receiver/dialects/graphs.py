"""LangChain's agents, whose exporters call the graph of an agent a chain like any other.

The graph's own span bears the agent's name and is no node of a graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from otlp_receiver.dialects.attributes import AttributeTable

_NAME, _NODE = "lc_agent_name", "langgraph_node"


def agents_among_chains(table: AttributeTable, names: pl.Series) -> NDArray[np.int64]:
    """The spans that are an agent's own, of all that name an agent in their metadata."""
    found = [_flat(table, names), _in_json(table, names)]
    return np.concatenate(found)


def _flat(table: AttributeTable, names: pl.Series) -> NDArray[np.int64]:
    """LangSmith's form: a key each."""
    at = table.positions(f"langsmith.metadata.{_NAME}")
    nodes = table.owner[table.positions(f"langsmith.metadata.{_NODE}")]
    at = at[~np.isin(table.owner[at], nodes)]
    return _same(table.owner[at], table.texts_at(at), names)


def _in_json(table: AttributeTable, names: pl.Series) -> NDArray[np.int64]:
    """OpenInference's and MLflow's form: all in one text."""
    at = table.positions("metadata")
    if not len(at):
        return at
    texts = table.texts_at(at)
    graphs = texts.str.contains(f'"{_NAME}"', literal=True) & ~texts.str.contains(
        f'"{_NODE}"', literal=True
    )
    chosen = graphs.fill_null(value=False).to_numpy()
    said = texts.filter(graphs.fill_null(value=False)).str.extract(f'"{_NAME}":\\s*"([^"\\\\]+)"')
    return _same(table.owner[at[chosen]], said, names)


def _same(owners: NDArray[np.int64], said: pl.Series, names: pl.Series) -> NDArray[np.int64]:
    """The spans that bear the name that is said of them."""
    if not len(owners):
        return owners
    same = (names.gather(owners) == said).fill_null(value=False).to_numpy()
    same_owners: NDArray[np.int64] = owners[same]
    return same_owners
