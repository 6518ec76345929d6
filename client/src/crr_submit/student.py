"""Student's t: the quantiles that the client needs, and the interval of a mean.

Called by `crr_submit.post` and `crr_submit.paired`. The tables are for 1 to 30 degrees of freedom;
beyond that the normal quantile is near. The tests integrate the density to check every entry.
"""

from __future__ import annotations

import math
import statistics
from typing import Sequence, Tuple

# 97.5 %: both ends of a 95 % interval.
_T975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
_T975 += [2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086]
_T975 += [2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]
# 80 %: the chance of seeing an effect of the size asked for.
_T80 = [1.376, 1.061, 0.978, 0.941, 0.920, 0.906, 0.896, 0.889, 0.883, 0.879]
_T80 += [0.876, 0.873, 0.870, 0.868, 0.866, 0.865, 0.863, 0.862, 0.861, 0.860]
_T80 += [0.859, 0.858, 0.858, 0.857, 0.856, 0.856, 0.855, 0.855, 0.854, 0.854]


def t975(freedom: int) -> float:
    return _T975[freedom - 1] if freedom <= len(_T975) else 1.960


def t80(freedom: int) -> float:
    return _T80[freedom - 1] if freedom <= len(_T80) else 0.842


def interval(values: Sequence[float]) -> Tuple[float, float]:
    """95 % interval of the mean of two or more values."""
    mean = math.fsum(values) / len(values)
    half = t975(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half
