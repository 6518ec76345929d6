import tempfile
import unittest

from crr_submit import collect
from crr_submit.fields import ENVELOPE
from crr_submit.host import Host
from crr_submit.report import schema
from tests.client import schema_check, trees

TWO_SOCKETS = {
    "/sys/devices/system/cpu/online": "0-3\n",
    "/proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon  E5\n",
}
for number, (package, core) in enumerate(((0, 0), (0, 0), (1, 0), (1, 0))):
    folder = f"/sys/devices/system/cpu/cpu{number}/topology/"
    TWO_SOCKETS[folder + "physical_package_id"] = f"{package}\n"
    TWO_SOCKETS[folder + "core_id"] = f"{core}\n"


class TreeCase(unittest.TestCase):
    def host(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Host(trees.lay_out(folder.name, files))


class CollectTest(TreeCase):
    def test_kernel_and_os(self):
        host = self.host(
            {
                "/proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
                "/proc/sys/kernel/version": "#1 SMP Debian 6.1.76-1\n",
                "/proc/sys/kernel/arch": "x86_64\n",
                "/etc/os-release": '# comment\nID=debian\nVERSION_ID="12"\n',
            }
        )
        self.assertEqual(
            collect.kernel(host),
            {
                "release": "6.1.0-18-amd64",
                "version": "#1 SMP Debian 6.1.76-1",
                "architecture": "x86_64",
            },
        )
        self.assertEqual(collect.operating_system(host), {"id": "debian", "version_id": "12"})

    def test_sockets_cores_and_threads_are_counted_from_the_topology(self):
        found = collect.processors(self.host(TWO_SOCKETS))
        counts = (found["sockets"], found["cores"], found["threads"])
        self.assertEqual(counts, (2, 2, 4))
        self.assertEqual((found["model"], found["vendor"]), ("Xeon  E5", "GenuineIntel"))

    def test_arm_is_named_by_its_numbers(self):
        found = collect.processors(self.host(trees.ARM_SERVER))
        self.assertEqual(found["model"], "implementer 0x41 part 0xd0c")

    def test_mitigations_file_by_file(self):
        files = {"/sys/devices/system/cpu/vulnerabilities/retbleed": "Mitigation: IBRS\n"}
        found = collect.processors(self.host(files))
        self.assertEqual(found["mitigations"], {"retbleed": "Mitigation: IBRS"})

    def test_memory_and_clock_source(self):
        host = self.host(
            {
                "/proc/meminfo": "MemTotal:        7340032 kB\nMemFree: 1 kB\n",
                "/sys/devices/system/clocksource/clocksource0/current_clocksource": "xen\n",
            }
        )
        self.assertEqual(collect.memory_bytes(host), 7516192768)
        self.assertEqual(collect.clocksource(host), "xen")

    def test_an_empty_host_gives_nulls_and_never_0(self):
        found = collect.environment(self.host({}))
        self.assertEqual(found["kernel"], dict.fromkeys(("release", "version", "architecture")))
        for name in ("model", "sockets", "cores", "threads", "online"):
            self.assertIsNone(found["cpu"][name])
        self.assertIsNone(found["memory_bytes"])
        self.assertEqual(found["tuning"], {})

    def test_this_host_fits_the_format(self):
        found = collect.environment(Host())
        node = schema()["properties"]["environment"]
        self.assertEqual(schema_check.errors(found, node), [])
        self.assertIsNotNone(found["kernel"]["release"])

    def test_every_collected_key_has_its_row_in_the_field_table(self):
        known = {field.path for field in ENVELOPE}
        found = collect.environment(Host())
        for name, value in found.items():
            self.assertIn("environment." + name, known)
            for inner in value if isinstance(value, dict) and name != "tuning" else ():
                self.assertIn(f"environment.{name}.{inner}", known)


class TuningTest(TreeCase):
    def test_sysctls_under_their_dotted_names(self):
        host = self.host(
            {
                "/proc/sys/net/core/somaxconn": "4096\n",
                "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
                "/proc/sys/net/ipv4/tcp_congestion_control": "cubic\n",
                "/proc/sys/net/ipv4/tcp_not_listed": "1\n",
            }
        )
        self.assertEqual(
            collect.settings(host, None),
            {
                "net.core.somaxconn": 4096,
                "net.ipv4.ip_local_port_range": "32768 60999",
                "net.ipv4.tcp_congestion_control": "cubic",
                "conntrack": "absent",
            },
        )

    def test_conntrack_files_prove_loaded_and_no_more(self):
        host = self.host({"/proc/sys/net/netfilter/nf_conntrack_count": "812\n"})
        self.assertEqual(collect.conntrack(host), "loaded")

    def test_rps_of_loopback(self):
        path = "/sys/class/net/lo/queues/rx-0/rps_cpus"
        self.assertEqual(collect.rps_of_loopback(self.host({path: "00000000,00000000\n"})), "off")
        self.assertEqual(collect.rps_of_loopback(self.host({path: "00000000,00000003\n"})), "on")
        self.assertIsNone(collect.rps_of_loopback(self.host({})))


if __name__ == "__main__":
    unittest.main()
