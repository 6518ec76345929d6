import math
import unittest

from crr_submit import paired


def share_below(quantile, freedom, steps=2000):
    """Student's distribution function, by Simpson's rule over the density from 0."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    scale /= math.sqrt(freedom * math.pi)
    width = quantile / steps
    heights = [
        (1 + (n * width) ** 2 / freedom) ** (-(freedom + 1) / 2)
        * (1 if n in (0, steps) else 2 + n % 2 * 2)
        for n in range(steps + 1)
    ]
    return 0.5 + scale * math.fsum(heights) * width / 3


class QuantileTest(unittest.TestCase):
    def test_every_entry_of_both_tables(self):
        for freedom in range(1, 31):
            self.assertAlmostEqual(share_below(paired.t975(freedom), freedom), 0.975, 4)
            self.assertAlmostEqual(share_below(paired.t80(freedom), freedom), 0.8, 3)

    def test_beyond_the_tables_it_is_near(self):
        self.assertAlmostEqual(share_below(paired.t975(31), 31), 0.975, 2)
        self.assertAlmostEqual(share_below(paired.t80(31), 31), 0.8, 2)


class IntervalTest(unittest.TestCase):
    def test_of_three_values(self):
        low, high = paired.interval([1.0, 2.0, 3.0])
        self.assertAlmostEqual((low + high) / 2, 2.0)
        self.assertAlmostEqual(high - 2.0, 4.303 / math.sqrt(3))


if __name__ == "__main__":
    unittest.main()
