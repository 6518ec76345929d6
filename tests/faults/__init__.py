"""What a registry survives: each case of `cases.py` breaks something for real, then asks the
registry for every report that it ever took.

`make faults` runs all of them whole and writes docs/reliability.md; the suite runs those that are
not marked `faults`, in the smaller size.
"""

import os

# FAULTS=whole is `make faults`; FAULTS=few runs its cases in the size of the suite.
ASKED, WHOLE = "FAULTS" in os.environ, os.environ.get("FAULTS") == "whole"


def times(whole: int, few: int) -> int:
    """How often to try: `whole` under `make faults`, `few` in the suite."""
    return whole if WHOLE else few
