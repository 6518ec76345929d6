import unittest
from pathlib import Path

from crr_submit.telemetry import EXPIRY_LIMIT_S, POLL_S, Conntrack
from tests.client.test_collect import TreeCase

COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"
ENTRIES = "/proc/%d/net/stat/nf_conntrack"
MAX = "/proc/sys/net/netfilter/nf_conntrack_max"


class ConntrackTest(TreeCase):
    def table(self, count, most, counts_later=()):
        """A table whose count takes the next value whenever the code under test waits."""
        host = self.host({COUNT: f"{count}\n", MAX: f"{most}\n"})
        later = iter(counts_later)
        self.waits = 0

        def sleep(seconds):
            self.waits += 1
            Path(host.root, COUNT.lstrip("/")).write_text(f"{next(later, count)}\n")

        return Conntrack(host, sleep)

    def active_table(self, *arguments, **more):
        table = self.table(*arguments, **more)
        table.observe(0, 5_000, 5_000)
        return table

    def test_active_only_when_the_count_rose_with_the_connections(self):
        table = self.table(0, 1000)
        table.observe(100, 150, 5_000)
        self.assertFalse(table.is_active)
        table.observe(100, 4_900, 5_000)
        self.assertTrue(table.is_active)

    def test_stays_active_in_its_steady_state(self):
        table = self.active_table(0, 1000)
        table.observe(5_000, 5_000, 5_000)
        self.assertTrue(table.is_active)

    def test_unknown_counts_show_nothing(self):
        table = self.table(0, 1000)
        table.observe(None, 5_000, 5_000)
        table.observe(0, None, 5_000)
        self.assertFalse(table.is_active)

    def test_an_idle_table_is_no_obstacle_however_small(self):
        self.assertIsNone(self.table(999, 1000).wait_for_room(1_000_000, self.fail))

    def test_room_for_one_and_a_half_times_the_connections(self):
        self.assertIsNone(self.active_table(100, 1000).wait_for_room(600, self.fail))
        self.assertEqual(self.waits, 0)

    def test_the_room_is_that_of_the_network_that_is_measured(self):
        entries = "entries searched drop\n%08x 0 0\n"
        host = self.host({COUNT: "0\n", MAX: "1000\n", ENTRIES % 7: entries % 900})
        self.sleeps = 0

        def sleep(seconds):
            self.sleeps += 1
            Path(host.root, (ENTRIES % 7).lstrip("/")).write_text(entries % 100)

        table = Conntrack(host, sleep)
        table.observe(0, 900, 900)
        self.assertIsNone(table.wait_for_room(600, lambda text: None, 7))
        self.assertEqual(self.sleeps, 1)

    def test_waits_until_entries_have_expired(self):
        said = []
        table = self.active_table(900, 1000, counts_later=[500, 100])
        self.assertIsNone(table.wait_for_room(600, said.append))
        self.assertEqual((self.waits, len(said)), (2, 2))

    def test_a_table_that_can_never_hold_the_run_is_not_waited_for(self):
        obstacle = self.active_table(0, 1000).wait_for_room(900, self.fail)
        self.assertIn("1000", obstacle)

    def test_gives_up_on_a_table_that_stays_full(self):
        obstacle = self.active_table(1000, 1000).wait_for_room(600, lambda text: None)
        self.assertIn("full", obstacle)
        self.assertEqual(self.waits, EXPIRY_LIMIT_S / POLL_S)


if __name__ == "__main__":
    unittest.main()
