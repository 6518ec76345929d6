"""Whether a new rate is unlike those of its peers. A pure function of logarithms.

The rule is Student's prediction interval for one more observation (evidence notes: its false rate
is what its level says for 10 peers as for 100, which that of median and MAD is not), over peers
from which what is far off by median and MAD was left out, so that one wild peer hides no other.
"""

import math
import statistics
from collections.abc import Sequence
from functools import lru_cache

from registry.evidence.distributions import t_quantile

LEAST_PEERS = 10
LEVEL = 0.999
LEAST_SD = 0.03  # of ln rate: nobody's machines agree better than this
LEAST_RATIO = 1.3
FAR_RATIO = 4.0
FAR_MADS = 5.0
MAD_TO_SD = 1.4826


def ratio_to_peers(log_rate: float, peers: Sequence[float]) -> float | None:
    """exp(log_rate - mean of its peers) where that is unlike them; None where it is not, or where
    peers are fewer than `LEAST_PEERS`.
    """
    if len(peers) < LEAST_PEERS:
        return None
    kept = _without_far(peers)
    mean = statistics.fmean(kept)
    sd = max(statistics.stdev(kept), LEAST_SD)
    away = abs(log_rate - mean)
    limit = _quantile(len(kept) - 1) * sd * math.sqrt(1 + 1 / len(kept))
    return math.exp(log_rate - mean) if away > max(limit, math.log(LEAST_RATIO)) else None


def _without_far(peers: Sequence[float]) -> list[float]:
    centre = statistics.median(peers)
    spread = MAD_TO_SD * statistics.median([abs(log - centre) for log in peers])
    limit = max(FAR_MADS * spread, math.log(FAR_RATIO))
    return [log for log in peers if abs(log - centre) <= limit]


@lru_cache(maxsize=1024)
def _quantile(degrees_of_freedom: int) -> float:
    return float(t_quantile(1 - (1 - LEVEL) / 2, degrees_of_freedom))
