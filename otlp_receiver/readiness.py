"""Follows whether requests would be stored, for those who send only where they would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from otlp_receiver.spool_folder import can_write

if TYPE_CHECKING:
    from pathlib import Path

    from otlp_receiver.endpoints import Endpoints
    from otlp_receiver.intake import Intake

_SECONDS = 0.5


async def follow_readiness(intake: Intake, endpoints: Endpoints, spool: Path) -> None:
    """Tell gRPC's health service until cancelled; try the disk again once it failed.

    Load balancers send nothing to a receiver that is not ready, so that no request would ever find
    out that the disk has room again.
    """
    while True:
        if not intake.is_writable and await asyncio.to_thread(can_write, spool):
            intake.is_writable = True
        is_ready, _ = intake.readiness()
        endpoints.tell(is_ready=is_ready)
        await asyncio.sleep(_SECONDS)
