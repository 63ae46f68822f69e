"""Messages that a span holds twice: flattened, and under the convention's own key.

Converters between OpenInference and the convention write both forms. The richer one is taken,
which is the one that holds the tool calls; where both do, or none does, the convention's.
OpenInference flattens the first of an agent's messages alone, and has all of them in the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otlp_receiver.dialects.attributes import Kind
from otlp_receiver.dialects.mapping import Rule
from otlp_receiver.dialects.resolution import converted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from otlp_receiver.dialects.attributes import AttributeTable

_CONVENTION = {
    name: Rule(field=name, key=f"gen_ai.{name.replace('_', '.')}", transform=name)
    for name in ("input_messages", "output_messages")
}
_WHOLE_INPUT = Rule(field="input_messages", key="input.value", transform="input_messages")
_MESSAGE_KINDS = (Kind.TEXT, Kind.LIST, Kind.MAP)
_TOOL_CALL = '"type":"tool_call"'


def better_told(
    table: AttributeTable, name: str, flattened: Mapping[int, str]
) -> NDArray[np.bool_]:
    """For each owner of flattened messages, whether the convention's key says them as richly."""
    mask = np.zeros(len(flattened), dtype=np.bool_)
    rule = _CONVENTION.get(name)
    if rule is None:
        return mask
    at = table.positions(rule.key)
    if not len(at):
        return mask
    place = {owner: number for number, owner in enumerate(flattened)}
    for row, owner in zip(at.tolist(), table.owner[at].tolist(), strict=True):
        kind = int(table.kind[row])
        if owner not in place or kind not in _MESSAGE_KINDS:
            continue
        text, _, _ = converted(rule, table.text[row], kind)
        if text is not None:
            mask[place[owner]] = _TOOL_CALL in text or _TOOL_CALL not in flattened[owner]
    return mask


def longer_told(
    table: AttributeTable, name: str, flattened: Mapping[int, str], steps: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """For each owner of flattened messages, whether it is one of many of the input as a whole.

    ``steps`` marks the owners that call no model: agents, chains and their nodes.
    """
    mask = np.zeros(len(flattened), dtype=np.bool_)
    at = table.positions(_WHOLE_INPUT.key) if name == "input_messages" else np.empty(0, np.int64)
    if not len(at):
        return mask
    place = {owner: number for number, owner in enumerate(flattened)}
    at = at[steps[table.owner[at]] & (table.kind[at] == Kind.TEXT)]
    for row, owner in zip(at.tolist(), table.owner[at].tolist(), strict=True):
        if owner not in place:
            continue
        text, _, _ = converted(_WHOLE_INPUT, table.text[row], Kind.TEXT)
        first = flattened[owner][1:-1]
        mask[place[owner]] = text is not None and text.startswith("[" + first + ",")
    return mask
