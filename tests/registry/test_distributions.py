"""Our distributions beside those of `scipy.stats`, which only tests load."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from registry.evidence import distributions, effects

FREEDOM = np.array([1, 1.7, 2, 3, 8.3, 40, 1e5])


@pytest.mark.parametrize("p", [0.005, 0.5, 0.8, 0.95, 0.975, 0.9995])
def test_quantiles_of_t(p: float) -> None:
    found = distributions.t_quantile(p, FREEDOM)
    assert np.allclose(found, stats.t.ppf(p, FREEDOM), rtol=1e-10)


@pytest.mark.parametrize("value", [-3, 0, 0.1, 5, 80, np.inf, np.nan])
def test_tails_of_t(value: float) -> None:
    found = distributions.t_tail(value, FREEDOM)
    assert np.allclose(found, stats.t.sf(value, FREEDOM), rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("value", [0, 0.3, 2.1, 50])
def test_tails_of_f(value: float) -> None:
    assert distributions.f_tail(value, 3, 7.5) == pytest.approx(stats.f.sf(value, 3, 7.5))


@pytest.mark.parametrize("k", [-1, 0, 3, 12])
def test_heads_of_a_fair_coin(k: int) -> None:
    assert distributions.coin_at_most(k, 12) == pytest.approx(stats.binom.cdf(k, 12, 0.5))


@pytest.mark.parametrize("values", [[], [2], [3, 1, 1, 5, 3, 3]])
def test_equal_values_share_a_rank(values: list[float]) -> None:
    found = distributions.ranks(np.array(values, dtype=float))
    assert found.tolist() == stats.rankdata(values).tolist()


@pytest.mark.parametrize("p_values", [[0.2], [0.01, 0.02, 0.02, 0.5, 0.9, 0.04]])
def test_false_discoveries(p_values: list[float]) -> None:
    found = effects.q_values(p_values)
    assert found == pytest.approx(list(stats.false_discovery_control(p_values)))


def test_no_process_of_ours_loads_what_is_slow_to_load() -> None:
    """Web, worker and commands start with these; each would be a second or more of everyone's."""
    program = (
        "import sys, registry.wsgi, registry.urls\n"
        "slow = {'scipy.stats', 'matplotlib.pyplot', 'pyarrow', 'boto3'}\n"
        "print(sorted(slow & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
