import contextlib
import os
import resource
import subprocess
import time
import unittest
from pathlib import Path
from unittest import mock

from crr_submit import programs
from crr_submit.host import Host
from crr_submit.programs import CannotMeasure, Programs, find_programs, install_hint
from tests.client.test_collect import TreeCase


class FindTest(TreeCase):
    def folder_with(self, **scripts):
        """A folder with programs that print these texts."""
        root = Path(self.host({}).root)
        for name, text in scripts.items():
            program = root / name
            program.write_text(f"#!/bin/sh\necho '{text}'\n")
            program.chmod(0o755)
        return str(root)

    def test_paths_and_version(self):
        folder = self.folder_with(netperf="Netperf version 2.7.0", netserver="")
        expected = Programs(f"{folder}/netperf", f"{folder}/netserver", "2.7.0")
        self.assertEqual(find_programs(Host(), [folder]), expected)

    def test_a_version_that_is_not_told_is_null(self):
        folder = self.folder_with(netperf="hello", netserver="")
        self.assertIsNone(find_programs(Host(), [folder]).version)

    def test_missing_programs_are_named_with_how_to_install_them(self):
        folder = self.folder_with(netperf="Netperf version 2.7.0")
        debian = self.host({"/etc/os-release": "ID=debian\n"})
        with self.assertRaisesRegex(CannotMeasure, "^netserver not found. To install: .*non-free"):
            find_programs(debian, [folder])
        with self.assertRaisesRegex(CannotMeasure, "^netperf and netserver not found"):
            find_programs(debian, [])

    def test_a_netperf_without_output_selectors_is_too_old(self):
        folder = self.folder_with(netperf="Netperf version 2.4.4", netserver="")
        with self.assertRaisesRegex(CannotMeasure, "2.4.4 is too old"):
            find_programs(Host(), [folder])


def _exit_code(pid):
    return os.WEXITSTATUS(os.waitpid(pid, 0)[1])


class DyingWithUsTest(unittest.TestCase):
    """A program is to end with us, also when we are killed before it could ask for that."""

    def exit_code(self, n_generations):
        """What became of a process so many forks away that binds itself to us."""
        bind = programs._dying_with_us()
        pid = os.fork()
        if pid == 0:
            code = 9
            try:
                if n_generations == 1:
                    bind()
                    code = 0
                else:
                    orphan = os.fork()
                    if orphan == 0:
                        bind()
                        os._exit(0)
                    code = _exit_code(orphan)
            finally:
                os._exit(code)
        return _exit_code(pid)

    def test_a_child_of_ours_goes_on(self):
        self.assertEqual(self.exit_code(1), 0)

    def test_a_child_whose_parent_has_gone_ends(self):
        self.assertEqual(self.exit_code(2), 1)


class StartTest(unittest.TestCase):
    def test_without_the_right_to_a_namespace_it_says_so(self):
        with mock.patch.object(programs, "_NEW_NETWORK", 1), self.assertRaisesRegex(
            CannotMeasure, "no network namespace"
        ):
            programs.start(["/bin/true"], subprocess.DEVNULL, in_new_network=True)

    def test_the_library_of_the_kernel_is_opened_once(self):
        with mock.patch("ctypes.CDLL", return_value=mock.Mock()) as opened:
            programs._dying_with_us()
            programs._dying_with_us()
        self.assertLessEqual(opened.call_count, 1)

    def test_waits_with_any_number_of_files_open(self):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        process = programs.start(["/bin/sleep", "0.2"], subprocess.DEVNULL)
        with contextlib.ExitStack() as files:
            while files.enter_context(open(os.devnull)).fileno() < 1100:
                pass
            self.assertFalse(programs.wait(process, time.monotonic()))
            self.assertTrue(programs.wait(process, time.monotonic() + 30))


class InstallHintTest(TreeCase):
    def hint(self, text):
        return install_hint(self.host({"/etc/os-release": text}))

    def test_names_the_component_where_netperf_is_not_free(self):
        self.assertIn("non-free", self.hint("ID=debian\n"))
        self.assertIn("multiverse", self.hint("ID=ubuntu\nID_LIKE=debian\n"))

    def test_knows_relatives_by_id_like(self):
        self.assertIn("non-free", self.hint("ID=raspbian\nID_LIKE=debian\n"))
        self.assertIn("dnf", self.hint('ID="rocky"\nID_LIKE="rhel centos fedora"\n'))
        self.assertIn("zypper", self.hint('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'))
        self.assertIn("apk", self.hint("ID=alpine\n"))
        self.assertIn("AUR", self.hint("ID=arch\n"))

    def test_falls_back_to_the_source(self):
        self.assertIn("source", self.hint("ID=nixos\n"))
        self.assertIn("source", install_hint(self.host({})))


if __name__ == "__main__":
    unittest.main()
