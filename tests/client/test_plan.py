import random
import unittest
from collections import Counter

from crr_submit import plan


def built(scale=plan.DEFAULT, streams=plan.AUTO, usable_cpus=2, seed=1):
    return plan.build(scale, streams, usable_cpus, random.Random(seed))


def kinds(steps):
    return Counter((step.test, step.streams, step.placement) for step in steps if not step.warm_up)


class DefaultPlanTest(unittest.TestCase):
    def test_one_declared_warm_up_comes_first(self):
        self.assertEqual([step.warm_up for step in built()], [True] + [False] * 30)

    def test_eight_rounds_of_three_arms_and_six_rr_runs(self):
        self.assertEqual(
            kinds(built()),
            {
                ("TCP_CRR", 1, "same_cpu"): 8,
                ("TCP_CRR", 1, "unpinned"): 8,
                ("TCP_CRR", 2, "unpinned"): 8,
                ("TCP_RR", 1, "same_cpu"): 3,
                ("TCP_RR", 1, "unpinned"): 3,
            },
        )

    def test_every_round_runs_each_arm_once(self):
        rounds = built()[1:25]
        for start in range(0, 24, 3):
            self.assertEqual(set(kinds(rounds[start : start + 3]).values()), {1})

    def test_the_order_within_rounds_is_random(self):
        self.assertNotEqual(built(seed=1), built(seed=2))
        self.assertEqual(kinds(built(seed=1)), kinds(built(seed=2)))

    def test_takes_about_five_minutes_on_two_cpus(self):
        self.assertTrue(200 < plan.expected_s(built()) < 320)

    def test_quick_takes_about_a_minute(self):
        self.assertTrue(45 < plan.expected_s(built(plan.QUICK)) < 75)

    def test_sweep_points_lie_between_one_stream_and_all_cpus(self):
        found = kinds(built(usable_cpus=12))
        points = {streams: count for (_, streams, _), count in found.items() if streams > 1}
        self.assertEqual(points, {2: 3, 4: 3, 8: 3, 12: 8})

    def test_one_cpu_has_no_second_unpinned_arm(self):
        self.assertEqual({streams for _, streams, _ in kinds(built(usable_cpus=1))}, {1})


class FarEndTest(unittest.TestCase):
    def test_no_arm_needs_both_ends_on_one_cpu(self):
        steps = plan.against_far_end(built())
        self.assertTrue(steps[0].warm_up)
        self.assertEqual({step.placement for step in steps}, {"unpinned"})
        self.assertEqual(
            kinds(steps),
            {
                ("TCP_CRR", 1, "unpinned"): 8,
                ("TCP_CRR", 2, "unpinned"): 8,
                ("TCP_RR", 1, "unpinned"): 3,
            },
        )

    def test_no_run_counts_since_a_long_way_would_take_it_past_its_deadline(self):
        steps = plan.against_far_end(built())
        self.assertEqual({step.duration_s for step in steps}, {1, 3, 5})


class AskedForTest(unittest.TestCase):
    def test_one_stream_leaves_the_single_arms_and_rr(self):
        self.assertEqual({streams for _, streams, _ in kinds(built(streams=(1,)))}, {1})

    def test_asked_counts_are_arms_of_the_rounds_without_a_sweep(self):
        found = kinds(built(streams=(4, 2), usable_cpus=64))
        self.assertEqual(found, {("TCP_CRR", 2, "unpinned"): 8, ("TCP_CRR", 4, "unpinned"): 8})

    def test_duration_sets_every_timed_run(self):
        steps = built(plan.DEFAULT.lasting(1))
        self.assertEqual({step.duration_s for step in steps if not step.warm_up}, {1})

    def test_shortest_plan_ends_within_forty_seconds(self):
        steps = built(plan.QUICK.lasting(1), streams=(1,))
        self.assertLess(plan.expected_s(steps), 40)


class BudgetTest(unittest.TestCase):
    def test_a_report_of_any_host_fits(self):
        for usable_cpus in (1, 2, 16, 64, 128, 512):
            for scale in (plan.DEFAULT, plan.THOROUGH, plan.DEFAULT.lasting(60)):
                steps = built(scale, usable_cpus=usable_cpus)
                filled = sum(step.report_bytes(usable_cpus) for step in steps)
                self.assertLessEqual(filled, plan.REPORT_BUDGET_BYTES, (usable_cpus, scale))

    def test_the_ranked_arm_is_never_cut(self):
        found = kinds(built(usable_cpus=512))
        self.assertEqual(found[("TCP_CRR", 1, "same_cpu")], 8)

    def test_sixty_four_cpus_still_have_their_capacity_measured(self):
        self.assertGreaterEqual(kinds(built(usable_cpus=64))[("TCP_CRR", 64, "unpinned")], 1)

    def test_the_capacity_of_128_cpus_is_measured_once_before_other_arms_again(self):
        found = kinds(built(usable_cpus=128))
        self.assertEqual(found[("TCP_CRR", 128, "unpinned")], 1)
        self.assertEqual(found[("TCP_CRR", 1, "same_cpu")], 8)
        self.assertGreaterEqual(found[("TCP_CRR", 1, "unpinned")], 3)
        self.assertEqual(plan.left_out(plan.DEFAULT, plan.AUTO, 128), [])

    def test_what_has_no_room_at_all_is_told(self):
        for streams, usable_cpus in ((plan.AUTO, 256), ((1, 256), 2)):
            steps = built(streams=streams, usable_cpus=usable_cpus)
            self.assertEqual(kinds(steps)[("TCP_CRR", 256, "unpinned")], 0)
            [told] = plan.left_out(plan.DEFAULT, streams, usable_cpus)
            self.assertIn("TCP_CRR, 256 streams, unpinned: a report has no room", told)

    def test_long_runs_report_in_between_less_often(self):
        self.assertEqual(plan.Step("TCP_CRR", 1, "unpinned", 5).interim_s, 0.5)
        self.assertEqual(plan.Step("TCP_CRR", 1, "unpinned", 60).interim_s, 3.0)


if __name__ == "__main__":
    unittest.main()
