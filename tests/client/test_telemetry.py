import os
import unittest

from crr_submit import cpus, telemetry
from crr_submit.host import Host
from tests.client.test_collect import TreeCase

BEFORE = {
    "/proc/stat": "cpu  9 9 9 9 9 9 9 9 0 0\n"
    "cpu0 100 0 100 1000 0 0 50 10 0 0\ncpu1 100 0 100 1000 0 0 50 10 0 0\nintr 5\n",
    "/sys/devices/system/cpu/cpu0/cpuidle/state0/usage": "5\n",
    "/sys/devices/system/cpu/cpu0/cpuidle/state1/usage": "100\n",
    "/proc/interrupts": "     CPU0  CPU1\n 24:  1  0  IO-APIC 5-edge x\n"
    "RES:  10  20  Rescheduling interrupts\nCAL:  100  200  Function call interrupts\n",
    "/proc/softirqs": "     CPU0  CPU1\n  NET_RX:  1000  2000\n",
    "/proc/net/netstat": "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 7 3 4\n"
    "IpExt: InNoRoutes\nIpExt: 0\n",
    "/proc/net/softnet_stat": "00000064 00000000 0 0 0 0 0 0 0 0000000a 0\n"
    "00000064 00000000 0 0 0 0 0 0 0 00000001 0\n",
    "/proc/self/cgroup": "0::/\n",
    "/sys/fs/cgroup/cpu.stat": "usage_usec 5\nnr_throttled 2\n",
    "/proc/sys/net/netfilter/nf_conntrack_count": "100\n",
    "/proc/sys/net/netfilter/nf_conntrack_max": "262144\n",
    "/proc/net/stat/nf_conntrack": "entries  searched drop\n00000064 00000000 0000000a\n"
    "00000064 00000000 00000001\n",
}
AFTER = {
    **BEFORE,
    "/proc/stat": "cpu0 140 0 110 1040 0 0 60 10 0 0\ncpu1 100 0 100 1100 0 0 50 10 0 0\n",
    "/sys/devices/system/cpu/cpu0/cpuidle/state1/usage": "142\n",
    "/proc/interrupts": "     CPU0  CPU1\nRES:  11  20  Rescheduling interrupts\n"
    "CAL:  150  260  Function call interrupts\n",
    "/proc/softirqs": "     CPU0  CPU1\n  NET_RX:  1500  2600\n",
    "/proc/net/netstat": "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 7 5 4\n",
    "/proc/net/softnet_stat": "00000064 00000000 0 0 0 0 0 0 0 0000001a 0\n"
    "00000064 00000000 0 0 0 0 0 0 0 00000002 0\n",
    "/sys/fs/cgroup/cpu.stat": "usage_usec 9\nnr_throttled 5\n",
    "/proc/sys/net/netfilter/nf_conntrack_count": "5100\n",
    "/proc/net/stat/nf_conntrack": "entries  searched drop\n00000064 00000000 00000010\n",
}


class WindowTest(TreeCase):
    def window(self, before, after):
        first, last = telemetry.read(self.host(before)), telemetry.read(self.host(after))
        return telemetry.window(first, last)

    def test_shares_of_a_cpu_are_of_the_ticks_that_passed(self):
        row = self.window(BEFORE, AFTER)["cpu"][0]
        self.assertEqual(
            row,
            {
                "cpu": 0,
                "busy_percent": 60.0,
                "softirq_percent": 10.0,
                "steal_percent": 0.0,
                "idle_entries": 42,
            },
        )

    def test_idle_entries_are_null_where_the_kernel_does_not_count_them(self):
        self.assertIsNone(self.window(BEFORE, AFTER)["cpu"][1]["idle_entries"])

    def test_idle_entries_are_null_where_lxcfs_numbers_the_cpus(self):
        mount = "451 430 0:51 /proc/stat /proc/stat rw,nosuid - fuse.lxcfs lxcfs rw\n"
        there = {"/proc/self/mountinfo": "430 429 0:5 / /proc rw - proc proc rw\n" + mount}
        rows = self.window({**BEFORE, **there}, {**AFTER, **there})["cpu"]
        self.assertEqual([row["idle_entries"] for row in rows], [None, None])
        self.assertEqual(rows[0]["busy_percent"], 60.0)

    def test_interrupts_and_softirqs_are_sums_over_the_cpus(self):
        found = self.window(BEFORE, AFTER)
        self.assertEqual(found["interrupts"], {"RES": 1, "CAL": 110})
        self.assertEqual(found["softirqs"], {"NET_RX": 1100})

    def test_interrupts_and_softirqs_are_counted_in_32_bits(self):
        before = {**BEFORE, "/proc/softirqs": "  NET_RX:  %d  2000\n" % (2**32 - 400)}
        after = {**AFTER, "/proc/softirqs": "  NET_RX:  100  2600\n"}
        self.assertEqual(self.window(before, after)["softirqs"], {"NET_RX": 1100})

    def test_a_count_that_loses_a_cpu_is_left_out(self):
        after = {**AFTER, "/proc/softirqs": "  NET_RX:  1500\n"}
        self.assertEqual(self.window(BEFORE, after)["softirqs"], {})

    def test_a_column_that_goes_back_counts_as_nothing(self):
        after = {**AFTER, "/proc/stat": "cpu0 140 0 110 1040 0 0 40 10 0 0\n"}
        row = self.window(BEFORE, after)["cpu"][0]
        self.assertEqual(row["softirq_percent"], 0.0)

    def test_a_cpu_whose_ticks_stand_still_has_no_row(self):
        self.assertEqual(self.window(BEFORE, BEFORE)["cpu"], [])

    def test_only_the_busiest_of_very_many_cpus_are_reported(self):
        n_cpus = telemetry.CPU_ROWS + 10
        first = "".join(f"cpu{number} 0 0 0 0 0 0 0 0\n" for number in range(n_cpus))
        last = "".join(f"cpu{number} {number} 0 0 100 0 0 0 0\n" for number in range(n_cpus))
        rows = self.window({"/proc/stat": first}, {"/proc/stat": last})["cpu"]
        self.assertEqual([row["cpu"] for row in rows], list(range(10, n_cpus)))

    def test_nothing_readable_gives_nothing(self):
        self.assertEqual(self.window({}, {}), {"cpu": [], "interrupts": {}, "softirqs": {}})


class OverRunTest(TreeCase):
    def over_run(self, before, after):
        first, last = self.host(before), self.host(after)
        return telemetry.over_run(telemetry.read_run(first), telemetry.read_run(last), last)

    def test_differences_of_what_is_watched(self):
        self.assertEqual(
            self.over_run(BEFORE, AFTER),
            {
                "netstat": {"ListenOverflows": 2, "ListenDrops": 0, "SyncookiesSent": 0},
                "softnet": {"received_rps": 17},
                "conntrack": {"count": 5100, "max": 262144, "drop": 5},
                "cgroup_throttled": 3,
            },
        )

    def test_what_cannot_be_read_is_null(self):
        expected = {
            "netstat": {},
            "softnet": {"received_rps": None},
            "conntrack": None,
            "cgroup_throttled": None,
        }
        self.assertEqual(self.over_run({}, {}), expected)


class SpinTest(TreeCase):
    def test_every_cpu_of_ours_is_kept_busy_and_no_process_is_left(self):
        host = Host()
        first = telemetry.read(host)
        taken = telemetry.spin_steal_percent(host)
        busy = {
            row["cpu"]: row["busy_percent"]
            for row in telemetry.window(first, telemetry.read(host))["cpu"]
        }
        for cpu in cpus.allowed():
            self.assertGreater(busy[cpu], 80)
        self.assertTrue(0 <= taken <= 100)
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    def test_where_the_kernel_counts_no_ticks_nothing_is_known(self):
        self.assertIsNone(telemetry.spin_steal_percent(self.host({})))


if __name__ == "__main__":
    unittest.main()
