"""A property that is worked out once, without a lock.

``functools.cached_property`` holds one lock for all objects of a class up to Python 3.11, so that
two chunks in two threads would wait for one another. Here each object belongs to one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


class Lazily(Generic[Value]):
    """Work the value out when it is first asked for, and keep it on the object."""

    def __init__(self, work_out: Callable[[Any], Value]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> Value:
        value = self._work_out(owner)
        # Found before this descriptor from now on.
        owner.__dict__[self._name] = value
        return value
