"""Connection tracking: is it at work on loopback, and is there room for the next run?

A full table stalls netperf and drops other people's connections on the same host, so no run starts
without room for 1.5 times the connections it is expected to make. Called by `crr_submit.measure`.
"""

from __future__ import annotations

import time
from typing import Callable, Optional

from crr_submit import telemetry
from crr_submit.host import Host

ROOM_FACTOR = 1.5
# Entries of closed connections live about 120 s.
EXPIRY_LIMIT_S = 150
POLL_S = 1.0


class Conntrack:
    """What the runs so far have shown about the table."""

    def __init__(self, host: Host, sleep: Callable[[float], None] = time.sleep) -> None:
        self.host = host
        self.sleep = sleep
        self.is_active = False

    def observe(self, before: Optional[int], after: Optional[int], n_connections: float) -> None:
        """Note a run: the table is at work when it grew by at least half of the connections made.

        Less may be other people's connections. A run that finds the table in its steady state
        (entries expire as fast as they come) shows no rise, so once active stays active.
        """
        if before is not None and after is not None and n_connections >= 1:
            self.is_active = self.is_active or after - before >= n_connections / 2

    def wait_for_room(self, n_connections: float, say: Callable[[str], None]) -> Optional[str]:
        """Wait until a run of so many connections fits; None when it does, else why it will not."""
        wanted = ROOM_FACTOR * n_connections
        room = telemetry.conntrack_room(self.host) if self.is_active else None
        if room is not None and wanted > room[1]:
            return "connection tracking has room for %d entries, not %d" % (room[1], wanted)
        for _ in range(int(EXPIRY_LIMIT_S / POLL_S)):
            if room is None or room[1] - room[0] >= wanted:
                return None
            say("waiting for connection tracking entries to expire")
            self.sleep(POLL_S)
            room = telemetry.conntrack_room(self.host)
        return "the connection tracking table stays full"
