import random
import unittest

from crr_submit import paired, plan, tune
from crr_submit.options import parse


def simulated(orders, ratio, noise, seed=1, drift=0.0):
    """Rates of the blocks' runs: B is `ratio` times A, with log-normal noise, and a drift a run."""
    chance = random.Random(seed)
    return [
        10_000 * (ratio if arm == "B" else 1) * chance.lognormvariate(drift * n, noise)
        for n, arm in enumerate("".join(orders))
    ]


class EffectTest(unittest.TestCase):
    orders = ("ABBA", "BAAB", "ABBA", "ABBA", "BAAB", "BAAB")

    def test_the_ratio_is_b_over_a_and_lies_in_its_interval(self):
        effect = paired.effect(self.orders, simulated(self.orders, 1.2, 0.02))
        self.assertAlmostEqual(effect.overall.value, 1.2, 1)
        self.assertLess(effect.overall.low, 1.2)
        self.assertGreater(effect.overall.high, 1.2)
        self.assertEqual(len(effect.blocks), 6)

    def test_a_steady_drift_cancels_within_each_block(self):
        effect = paired.effect(self.orders, simulated(self.orders, 1.0, 0.0, drift=0.05))
        for ratio in effect.blocks:
            self.assertAlmostEqual(ratio, 1.0)

    def test_the_interval_covers_the_truth_as_often_as_it_says(self):
        effects = [
            paired.effect(self.orders, simulated(self.orders, 0.9, 0.05, seed)).overall
            for seed in range(400)
        ]
        covered = sum(effect.low <= 0.9 <= effect.high for effect in effects)
        self.assertTrue(0.92 < covered / 400 < 0.98, covered)

    def test_carry_over_is_the_first_over_the_second_of_neighbours_of_one_arm(self):
        # Every run after a switch is a tenth slower than the next of the same arm.
        rates = [100.0, 90.0, 100.0, 90.0, 100.0, 90.0, 100.0, 90.0]
        effect = paired.effect(("ABBA", "ABBA"), rates)
        self.assertEqual(effect.carry_over.count, 3)
        self.assertAlmostEqual(effect.carry_over.value, 0.9)

    def test_an_effect_of_the_smallest_size_is_found_in_four_of_five(self):
        noise, found = 0.05, 0
        smallest = []
        for seed in range(400):
            effect = paired.effect(self.orders, simulated(self.orders, 1.087, noise, seed))
            smallest.append(effect.smallest_visible)
            found += effect.overall.low > 1
        self.assertAlmostEqual(sorted(smallest)[200], 1.07, 1)
        self.assertTrue(0.7 < found / 400 < 0.95, found)


class NeededBlocksTest(unittest.TestCase):
    def needed(self, noise, design=paired.DEFAULT):
        order = "ABBABAAB"
        return paired.needed_blocks(simulated(order, 3.0, noise), order, design)

    def test_between_six_and_sixteen(self):
        self.assertEqual(self.needed(0.001), 6)
        self.assertEqual(self.needed(0.5), 16)

    def test_more_noise_needs_more_and_the_effect_itself_counts_as_none(self):
        counts = [self.needed(noise) for noise in (0.01, 0.02, 0.03, 0.04)]
        self.assertEqual(counts, sorted(counts))
        self.assertTrue(any(6 < count < 16 for count in counts), counts)

    def test_a_pilot_that_shows_no_noise(self):
        self.assertEqual(paired.needed_blocks([9.0, 3.0, 3.0, 9.0], "ABBA", paired.DEFAULT), 6)

    def test_the_order_is_drawn(self):
        drawn = paired.draw_orders(64, random.Random(1))
        self.assertEqual(set(drawn), set(paired.ORDERS))


class DesignTest(unittest.TestCase):
    def test_flags_choose_it(self):
        for flags, run_s, least in (
            ((), 3.0, 6),
            (("--quick",), 1.0, 3),
            (("--thorough",), 3.0, 16),
        ):
            design = tune.design_of(parse(["tune", "rps.lo", *flags]))
            self.assertEqual((design.run_s, design.least_blocks), (run_s, least))

    def test_duration_sets_the_length_of_a_run(self):
        options = parse(["tune", "rps.lo", "--quick", "--duration", "7"])
        self.assertEqual(tune.design_of(options).run_s, 7.0)
        self.assertEqual(options.size, plan.QUICK)


if __name__ == "__main__":
    unittest.main()
