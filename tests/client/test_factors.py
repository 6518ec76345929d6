import os
import tempfile
import unittest
from unittest import mock

from crr_submit import factors
from crr_submit.host import Host
from crr_submit.programs import CannotMeasure
from tests.client import trees

QUEUE = "/sys/class/net/lo/queues/rx-%d/rps_cpus"
CLOCKS = "/sys/devices/system/clocksource/clocksource0/"
POLICY = "/sys/devices/system/cpu/cpufreq/policy%d/"


class FactorCase(unittest.TestCase):
    def plan(self, name, files, against=None):
        with tempfile.TemporaryDirectory() as folder:
            host = Host(trees.lay_out(folder, files))
            return factors.find(name).plan(host, against)

    def refused(self, *arguments):
        with self.assertRaises(CannotMeasure) as caught:
            self.plan(*arguments)
        return str(caught.exception)


class RpsTest(FactorCase):
    def test_every_queue_off_and_on_for_all_our_cpus_as_the_kernel_prints_masks(self):
        files = {QUEUE % 0: "0\n", QUEUE % 1: "00000000,00000004\n"}
        with mock.patch.object(os, "sched_getaffinity", return_value={0, 1, 33}):
            trial = self.plan("rps.lo", {QUEUE % 1: files[QUEUE % 1]})
        self.assertEqual(trial.values, ("off", "on"))
        self.assertEqual(trial.files, {QUEUE % 1: ("00000000,00000000", "00000002,00000003")})

    def test_one_cpu_has_nothing_to_steer_to(self):
        with mock.patch.object(os, "sched_getaffinity", return_value={0}):
            self.assertIn("only one CPU", self.refused("rps.lo", {QUEUE % 0: "0\n"}))

    def test_a_kernel_without_it_and_a_value_it_has_not(self):
        self.assertIn("no packet steering", self.refused("rps.lo", {}))
        self.assertIn("its values are", self.refused("rps.lo", {QUEUE % 0: "0\n"}, "3"))


class ClocksourceTest(FactorCase):
    def clocks(self, current, available):
        return {
            CLOCKS + "current_clocksource": current + "\n",
            CLOCKS + "available_clocksource": available + " \n",
        }

    def test_the_present_against_the_next(self):
        trial = self.plan("clocksource", self.clocks("tsc", "tsc kvm-clock acpi_pm"))
        self.assertEqual(trial.values, ("tsc", "kvm-clock"))
        self.assertEqual(trial.files, {CLOCKS + "current_clocksource": ("tsc", "kvm-clock")})

    def test_the_present_against_the_wanted(self):
        trial = self.plan("clocksource", self.clocks("tsc", "tsc hpet acpi_pm"), "acpi_pm")
        self.assertEqual(trial.values, ("tsc", "acpi_pm"))

    def test_refused(self):
        files = self.clocks("tsc", "tsc")
        self.assertIn("no other to try", self.refused("clocksource", files))
        self.assertIn("not hpet", self.refused("clocksource", files, "hpet"))
        self.assertIn("cannot be read", self.refused("clocksource", {}))


class GovernorTest(FactorCase):
    def policies(self, *governors):
        files = {}
        for number, governor in enumerate(governors):
            files[POLICY % number + "scaling_governor"] = governor + "\n"
            files[POLICY % number + "scaling_available_governors"] = "powersave performance\n"
        return files

    def test_every_policy_against_performance(self):
        trial = self.plan("cpufreq.governor", self.policies("powersave", "powersave"))
        self.assertEqual(trial.values, ("powersave", "performance"))
        self.assertEqual(len(trial.files), 2)

    def test_refused(self):
        self.assertIn("usual in a guest", self.refused("cpufreq.governor", {}))
        amd = self.policies("powersave", "powersave")
        amd[POLICY % 1 + "scaling_driver"] = "amd-pstate-epp\n"
        self.assertIn("energy_performance_preference", self.refused("cpufreq.governor", amd))
        mixed = self.policies("powersave", "performance")
        self.assertIn("CPUs differ", self.refused("cpufreq.governor", mixed))


class CrowdTest(FactorCase):
    """What only many connections at once exercise, as `crr-submit app` makes them."""

    def test_a_sysctl_against_the_first_value_that_it_has_not(self):
        path = "/proc/sys/net/ipv4/tcp_syncookies"
        trial = self.plan("net.ipv4.tcp_syncookies", {path: "1\n"})
        self.assertEqual((trial.values, trial.files), (("1", "2"), {path: ("1", "2")}))
        self.assertEqual(trial.load, "HTTP_ACCEPT over loopback, unpinned")
        self.assertEqual(self.plan("net.ipv4.tcp_syncookies", {path: "2\n"}).values, ("2", "1"))
        wanted = self.plan("net.ipv4.tcp_syncookies", {path: "1\n"}, "0")
        self.assertEqual(wanted.values, ("1", "0"))

    def test_a_number_means_what_people_read_in_it(self):
        path = "/proc/sys/net/core/somaxconn"
        trial = self.plan("net.core.somaxconn", {path: "4096\n"}, "010")
        self.assertEqual(trial.files, {path: ("4096", "10")})
        self.assertEqual(self.plan("listen_backlog", {}, "010").values, ("128", "10"))
        for text in ("\u00b2", "\u0663", "9" * 5000):
            self.assertIn("not " + text, self.refused("net.core.somaxconn", {path: "128"}, text))
            self.assertIn("a whole number", self.refused("listen_backlog", {}, text))

    def test_more_connections_than_a_short_queue_holds(self):
        path = "/proc/sys/net/core/somaxconn"
        trial = self.plan("net.core.somaxconn", {path: "4096\n"})
        self.assertEqual(trial.values, ("4096", "128"))
        first, second = trial.app
        self.assertEqual(first, second)
        self.assertGreater(first.concurrency, 128)
        self.assertGreater(first.backlog, 4096)
        self.assertEqual(first.listeners, "shared")

    def test_the_backlog_is_no_file(self):
        trial = self.plan("listen_backlog", {})
        self.assertEqual((trial.values, trial.files), (("128", "4096"), {}))
        self.assertEqual([app.backlog for app in trial.app], [128, 4096])
        self.assertEqual(self.plan("listen_backlog", {}, "5").app[1].backlog, 5)

    def test_refused(self):
        self.assertIn("a whole number", self.refused("listen_backlog", {}, "many"))
        self.assertIn("a whole number", self.refused("listen_backlog", {}, "70000"))
        self.assertIn("cannot be read", self.refused("net.core.somaxconn", {}))
        path = "/proc/sys/net/core/somaxconn"
        self.assertIn("not 4096", self.refused("net.core.somaxconn", {path: "4096"}, "4096"))
        self.assertIn("not many", self.refused("net.core.somaxconn", {path: "128"}, "many"))


class VethTest(FactorCase):
    def test_off_against_on_of_a_pair_of_its_own(self):
        with mock.patch("shutil.which", return_value="/sbin/ip"):
            for name in ("offload.tso", "offload.sg", "offload.gso", "offload.gro", "rps.nic"):
                trial = self.plan(name, {})
                self.assertEqual((trial.values, trial.files), (("off", "on"), {}))
                self.assertEqual(trial.load, "TCP_CRR over veth, same_cpu")
            self.assertIn("its values are", self.refused("offload.tso", {}, "1"))

    def test_without_the_tools(self):
        with mock.patch("shutil.which", return_value=None):
            self.assertIn("iproute2", self.refused("offload.tso", {}))


class WritableTest(unittest.TestCase):
    def test_a_file_that_cannot_be_written_is_named(self):
        trial = factors.Trial("rps.lo", ("off", "on"), {"/proc/no-such-file": ("0", "3")})
        with self.assertRaisesRegex(CannotMeasure, "/proc/no-such-file cannot be written"):
            factors.require_writable(trial)


if __name__ == "__main__":
    unittest.main()
