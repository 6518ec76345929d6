import unittest

from crr_submit import cpus
from tests.client.test_collect import TreeCase


class ListTest(unittest.TestCase):
    def test_ranges_and_single_numbers(self):
        self.assertEqual(cpus.parse_list("0-2,7"), {0, 1, 2, 7})
        self.assertEqual(cpus.parse_list("\t3\n"), {3})

    def test_anything_else_is_an_error(self):
        for text in ("", "a", "-2", "1-b"):
            with self.subTest(text), self.assertRaises(ValueError):
                cpus.parse_list(text)

    def test_the_lowest_cpu_is_pinned_only_when_it_is_alone(self):
        self.assertEqual(cpus.pin_choice([4]), 4)
        self.assertEqual(cpus.pin_choice([0, 3, 5]), 3)


class QuotaTest(TreeCase):
    def test_version_2_takes_the_least_of_the_ancestors(self):
        host = self.host(
            {
                "/proc/self/cgroup": "0::/a/b\n",
                "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
                "/sys/fs/cgroup/a/cpu.max": "150000 100000\n",
            }
        )
        self.assertEqual(cpus.cgroup_quota_cpus(host), 1.5)

    def test_version_1(self):
        host = self.host(
            {
                "/proc/self/cgroup": "4:cpu,cpuacct:/job\n3:memory:/job\n",
                "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "200000\n",
                "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
                "/sys/fs/cgroup/cpu,cpuacct/job/cpu.stat": "nr_periods 9\nnr_throttled 4\n",
            }
        )
        self.assertEqual(cpus.cgroup_quota_cpus(host), 2.0)
        self.assertEqual(cpus.cgroup_throttled(host), 4)

    def test_each_level_throttles_for_itself(self):
        host = self.host(
            {
                "/proc/self/cgroup": "0::/a/b\n",
                "/sys/fs/cgroup/a/b/cpu.stat": "nr_throttled 4\n",
                "/sys/fs/cgroup/a/cpu.stat": "nr_throttled 7\n",
            }
        )
        self.assertEqual(cpus.cgroup_throttled(host), 11)

    def test_no_quota(self):
        unlimited = {
            "/proc/self/cgroup": "4:cpu:/\n",
            "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        }
        self.assertIsNone(cpus.cgroup_quota_cpus(self.host(unlimited)))
        self.assertIsNone(cpus.cgroup_quota_cpus(self.host({})))
        self.assertIsNone(cpus.cgroup_throttled(self.host({})))

    def test_a_quota_below_the_affinity_is_what_can_be_used_and_never_less_than_one(self):
        files = {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "50000 100000\n"}
        self.assertEqual(cpus.usable_count(self.host(files)), 1)


class PlacementTest(TreeCase):
    def running(self, **allowed):
        names = {f"p{pid}": f"/proc/{pid}/status" for pid in (10, 20, 30)}
        return self.host(
            {
                names[key]: f"Name:\tx\nCpus_allowed_list:\t{value}\n"
                for key, value in allowed.items()
            }
        )

    def test_same_cpu_when_both_sides_are_on_one(self):
        host = self.running(p10="1", p20="1")
        self.assertEqual(cpus.verified(host, "same_cpu", [10], [20]), "same_cpu")

    def test_null_when_one_side_did_not_obey(self):
        host = self.running(p10="1", p20="0-1")
        self.assertIsNone(cpus.verified(host, "same_cpu", [10], [20]))
        host = self.running(p10="1", p20="0")
        self.assertIsNone(cpus.verified(host, "same_cpu", [10], [20]))

    def test_null_when_neither_obeyed(self):
        host = self.running(p10="0-1", p20="0-1")
        self.assertIsNone(cpus.verified(host, "same_cpu", [10], [20]))

    def test_null_when_a_side_cannot_be_read(self):
        host = self.running(p10="1")
        self.assertIsNone(cpus.verified(host, "same_cpu", [10], [20]))
        self.assertIsNone(cpus.verified(host, "same_cpu", [10], []))

    def test_unpinned_is_what_was_asked(self):
        self.assertEqual(cpus.verified(self.host({}), "unpinned", [10], [20]), "unpinned")

    def test_children_without_the_quick_file(self):
        host = self.host(
            {
                "/proc/20/stat": "20 (netserver) S 1 20 20\n",
                "/proc/30/stat": "30 (a) (b) c) R 20 30 30\n",
                "/proc/self/stat": "x",
            }
        )
        self.assertEqual(cpus.children(host, 20), [30])

    def test_children_from_the_quick_file(self):
        host = self.host({"/proc/20/task/20/children": "30 31 "})
        self.assertEqual(cpus.children(host, 20), [30, 31])


if __name__ == "__main__":
    unittest.main()
