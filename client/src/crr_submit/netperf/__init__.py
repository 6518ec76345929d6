"""The netperf parser: any text in, what netperf says in it out. Client and registry call `parse`.

`reader` walks the lines and hands each to who reads it: `naming` banners and commands, `classic`
the tables (`tables`), `omni` keyval, CSV and aligned columns (by `selectors`). All put into
`findings`, which also knows errors and other programs. `numbers` adds up streams that ran together.
"""

from crr_submit.netperf.findings import ParsedReport, ParseError, Result, Unrecognised, Warning_
from crr_submit.netperf.numbers import LEAST_SHARE, Together, together
from crr_submit.netperf.reader import parse

__all__ = [
    "LEAST_SHARE",
    "ParseError",
    "ParsedReport",
    "Result",
    "Together",
    "Unrecognised",
    "Warning_",
    "parse",
    "together",
]
