"""`--host`: against a netserver of another network namespace, over a pair of virtual cards."""

import json
import re

from tests.client import commands
from tests.client.test_faults import FaultCase

FAR = "198.51.100.2"
TWO_HOSTS = (
    "mount -t tmpfs none /run && ip netns add far"
    " && ip link add near0 type veth peer name far0 netns far"
    " && ip address add 198.51.100.1/30 dev near0 && ip link set near0 up"
    f" && ip -n far address add {FAR}/30 dev far0 && ip -n far link set far0 up"
)
NETSERVER = f"{TWO_HOSTS} && ip netns exec far netserver -N -4 -L {FAR} -p 12866 > /dev/null"


class FarEndTest(FaultCase):
    def against(self, fault, *arguments):
        return self.submit(fault, "run", "-o", "report.json", "--host", FAR, *arguments)

    def test_it_measures_over_the_cards_and_describes_both_ends(self):
        code, shown, errors = commands.run(self.folder, "show", "--json", "--no-cloud")
        self.assertEqual(code, 0, errors)
        (self.folder / "far.json").write_text(shown)
        options = ("--port", "12866", "--topology", "same_host", "--far-end", "far.json")
        code, said, errors = self.against(NETSERVER, *options)
        self.assertEqual(code, 0, errors)
        self.assertIn("against the other host", said)
        report = self.report("report.json")
        kernel = json.loads(shown)["environment"]["kernel"]
        for run in report["runs"]:
            self.assertEqual((run["topology"], run["placement"]), ("same_host", "unpinned"))
            self.assertEqual(run["remote_environment"]["kernel"], kernel)
            self.assertIn("THROUGHPUT=", run["outputs"][0])
        self.assertEqual(report["environment"]["nic"]["mtu_bytes"], 1500)

    def test_no_address_of_either_end_leaves(self):
        code, _, errors = self.against(NETSERVER, "--port", "12866")
        self.assertEqual(code, 0, errors)
        kept = (self.folder / "report.json").read_text()
        self.assertEqual(re.findall(r"198\.51\.100\.[0-9]+", kept), [])
        self.assertIn("[redacted]", kept)

    def test_no_name_of_the_other_end_leaves(self):
        """netperf prints the canonical one, whatever was asked for."""
        named = f"echo '{FAR} db7.prod.corp.example db7' > hosts && mount --bind hosts /etc/hosts"
        arguments = ("run", "-o", "report.json", "--host", "db7", "--port", "12866")
        code, _, errors = self.submit(f"{named} && {NETSERVER}", *arguments)
        self.assertEqual(code, 0, errors)
        kept = (self.folder / "report.json").read_text()
        self.assertNotIn("db7", kept)
        self.assertNotIn("corp.example", kept)

    def test_nobody_answers_there(self):
        code, _, errors = self.against(TWO_HOSTS)
        self.assertEqual(code, 3, errors)
        self.assertIn("no netserver answers there", errors)
        self.assertIn("netserver -p 12865", errors)
        self.assertFalse((self.folder / "report.json").exists())

    def test_what_describes_it_may_be_a_pipe(self):
        _, shown, _ = commands.run(self.folder, "show", "--json", "--no-cloud")
        arguments = ("run", "--no-cloud", "--host", "127.0.0.1", "--port", "9", "--far-end")
        code, _, errors = commands.run(self.folder, *arguments, "/dev/stdin", stdin=shown.encode())
        self.assertEqual(code, 3, errors)
        self.assertIn("no netserver answers there", errors)

    def test_what_makes_no_sense_with_it(self):
        for arguments, words in (
            (("--port", "12866"), "--host"),
            (("tune", "rps.lo", "--host", FAR), "tune measures over loopback"),
            (("app", "--host", FAR), "app measures over loopback"),
            (("--host", FAR, "--far-end", "none.json"), "is not what crr-submit show --json"),
            (("--host", FAR, "--port", "0"), "not a whole number from 1 to 65535"),
        ):
            code, _, errors = commands.run(self.folder, *arguments)
            self.assertEqual(code, 2, errors)
            self.assertIn(words, errors)
