import errno
import json
import os
import pwd
import stat
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from crr_submit import report, session
from crr_submit.options import parse
from crr_submit.report import schema
from tests.client import schema_check

RUN = {
    "tool": "netperf",
    "tool_version": "2.7.0",
    "command": "netperf -t TCP_CRR -H 127.0.0.1",
    "topology": "loopback",
    "streams": 1,
    "placement": None,
    "warm_up": False,
    "partial": False,
    "started_at": "2026-11-23T02:47:11Z",
    "ended_at": "2026-11-23T02:47:16Z",
    "outputs": ["THROUGHPUT=1\nTHROUGHPUT_UNITS=Trans/s\n"],
    "telemetry": {"cpu": [{"cpu": 0, "busy_percent": 1.0}], "conntrack": None},
}
ENVIRONMENT = {
    "kernel": {"release": "6.1.0-acme", "version": None, "architecture": "x86_64"},
    "tuning": {"net.core.somaxconn": 4096, "rps.lo": "off"},
}


def built(environment=ENVIRONMENT, runs=(RUN,), machine=None, notes=None, redact=()):
    return report.build(environment, runs, machine, notes, redact)


class BuildTest(unittest.TestCase):
    def test_fits_the_schema(self):
        self.assertEqual(schema_check.errors(built(machine="0" * 32), schema()), [])
        self.assertEqual(schema_check.unknown_keys(built()), [])

    def test_what_has_no_row_in_the_field_table_does_not_leave(self):
        environment = {**ENVIRONMENT, "hostname": "db1.acme.example"}
        environment["kernel"] = {**ENVIRONMENT["kernel"], "nodename": "db1"}
        found = built(environment, [{**RUN, "pid": 7}])
        self.assertNotIn("db1", json.dumps(found))
        self.assertNotIn("pid", found["runs"][0])

    def test_free_keys_of_maps_stay(self):
        self.assertEqual(built()["environment"]["tuning"], ENVIRONMENT["tuning"])

    def test_long_strings_are_cut_to_what_the_format_takes(self):
        environment = {"kernel": {"release": "x" * 5_000}, "tuning": {"rps.lo": "y" * 5_000}}
        self.assertEqual(schema_check.errors(built(environment), schema()), [])

    def test_arguments_are_left_as_they_were(self):
        run = {**RUN, "outputs": ["acme"]}
        built(runs=[run], redact=["acme"])
        self.assertEqual(run["outputs"], ["acme"])


class RedactTest(unittest.TestCase):
    def test_words_are_replaced_in_every_string_in_any_case(self):
        run = {**RUN, "outputs": ["to db1.ACME.example port 0"], "command": "acme"}
        text = json.dumps(built(runs=[run], notes="Acme!", redact=["acme", "db1"])).lower()
        self.assertNotIn("acme", text)
        self.assertNotIn("db1", text)
        self.assertIn("to [redacted].[redacted].example port 0", text)

    def test_the_longer_of_two_words_goes_first(self):
        self.assertEqual(report.redacted("acme-db", ["acme", "acme-db"]), "[redacted]")

    def test_words_are_no_patterns(self):
        self.assertEqual(report.redacted("a.b axb", ["a.b"]), "[redacted] axb")

    def test_no_words_no_change(self):
        self.assertEqual(report.redacted("acme", ["", ""]), "acme")


class TextTest(unittest.TestCase):
    def test_reads_back_as_the_same_value(self):
        value = built(notes="ß\n\x1b[31m" + "long " * 50)
        self.assertEqual(json.loads(report.to_text(value)), value)

    def test_is_ascii_without_control_characters(self):
        text = report.to_text(built(notes="ß\x1b[31m\x00"))
        self.assertTrue(text.isascii())
        self.assertTrue(text.replace("\n", "").isprintable())

    def test_what_fits_in_a_line_stands_in_one(self):
        lines = report.to_text(built()).splitlines()
        self.assertIn('  "client": {"name": "crr-submit", "version": "0.1.0"},', lines)


class SaveTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_only_the_owner_can_read(self):
        path = self.folder / "report.json"
        report.save(str(path), b"x")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(path.read_bytes(), b"x")

    def test_a_failure_leaves_the_old_file_and_no_rest(self):
        path = self.folder / "report.json"
        path.mkdir()
        with self.assertRaises(OSError):
            report.save(str(path), b"x")
        self.assertEqual([entry.name for entry in self.folder.iterdir()], ["report.json"])

    def test_a_filesystem_that_syncs_no_folder_saves_all_the_same(self):
        original = os.fsync

        def sync(handle):
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")
            original(handle)

        path = self.folder / "report.json"
        with mock.patch.object(os, "fsync", sync):
            report.save(str(path), b"x")
        self.assertEqual(path.read_bytes(), b"x")

    def test_default_names_do_not_repeat(self):
        before = Path.cwd()
        os.chdir(str(self.folder))
        self.addCleanup(os.chdir, str(before))
        names = set()
        for _ in range(3):
            names.add(report.default_path())
            for name in names:
                Path(name).touch()
        self.assertEqual(len(names), 3)


class MachineIdTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        before = os.environ.get("XDG_CONFIG_HOME")
        os.environ["XDG_CONFIG_HOME"] = folder.name
        self.addCleanup(self.restore, before)

    def restore(self, before):
        os.environ.pop("XDG_CONFIG_HOME")
        if before is not None:
            os.environ["XDG_CONFIG_HOME"] = before

    def test_is_made_once_and_kept_private(self):
        made = session.machine_id()
        self.assertRegex(made, "^[0-9a-f]{32}$")
        self.assertEqual(session.machine_id(), made)
        self.assertEqual(stat.S_IMODE(session.machine_id_path().stat().st_mode), 0o600)

    def test_a_user_without_a_home_is_told(self):
        nobody = KeyError("getpwuid(): uid not found: 12345")
        options = parse(["run", "--machine-id"])
        with mock.patch.dict(os.environ, clear=True), mock.patch.object(
            pwd, "getpwuid", side_effect=nobody
        ), self.assertRaisesRegex(session.CannotSave, "cannot keep the machine id"):
            session.prepared(options)

    def test_a_damaged_file_is_replaced(self):
        session.machine_id()
        session.machine_id_path().write_text("../etc\n")
        self.assertRegex(session.machine_id(), "^[0-9a-f]{32}$")


if __name__ == "__main__":
    unittest.main()
