import contextlib
import io
import os
import unittest

from crr_submit import plan
from crr_submit.options import REGISTRY_VARIABLE, parse


class OptionsCase(unittest.TestCase):
    def setUp(self):
        before = os.environ.pop(REGISTRY_VARIABLE, None)
        self.addCleanup(self.restore, before)

    def restore(self, before):
        os.environ.pop(REGISTRY_VARIABLE, None)
        if before is not None:
            os.environ[REGISTRY_VARIABLE] = before

    def refused(self, *arguments):
        """What is printed on stderr when these arguments are a usage error."""
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit) as caught:
            parse(arguments)
        self.assertEqual(caught.exception.code, 2)
        return errors.getvalue()


class ParseTest(OptionsCase):
    def test_without_a_command_it_measures_and_submits(self):
        found = parse([])
        self.assertEqual((found.command, found.scale, found.streams), ("submit", plan.DEFAULT, ()))
        self.assertIsNone(found.registry)

    def test_flags_stand_before_or_after_the_command(self):
        before = parse(["--registry", "http://a.example", "--json", "send", "x"])
        after = parse(["send", "x", "--registry", "http://a.example", "--json"])
        self.assertEqual(before, after)
        self.assertEqual((after.registry, after.as_json), ("http://a.example", True))

    def test_the_registry_comes_from_the_environment_and_the_flag_wins(self):
        os.environ[REGISTRY_VARIABLE] = "https://env.example/crr/"
        self.assertEqual(parse([]).registry, "https://env.example/crr")
        found = parse(["--registry", "https://flag.example"])
        self.assertEqual(found.registry, "https://flag.example")

    def test_a_registry_is_an_http_address(self):
        for text in ("registry.example", "ftp://a.example", "http://", "http://a.example/?x=1"):
            self.assertIn("https://registry.example", self.refused("--registry", text))
        os.environ[REGISTRY_VARIABLE] = "nonsense"
        self.assertIn("nonsense", self.refused())

    def test_an_address_that_no_host_can_have_is_a_usage_error(self):
        for text in ("http://[x", "http://host:abc", "http://a:65536", "http://a:0"):
            self.assertIn("https://registry.example, not", self.refused("--registry", text))
            os.environ[REGISTRY_VARIABLE] = text
            self.assertIn("https://registry.example, not", self.refused())
            del os.environ[REGISTRY_VARIABLE]
        found = parse(["--registry", "http://[::1]:8000/crr/"]).registry
        self.assertEqual(found, "http://[::1]:8000/crr")

    def test_send_needs_a_registry(self):
        self.assertIn("--registry", self.refused("send", "x"))
        self.assertTrue(parse(["send", "x", "--dry-run"]).dry_run)

    def test_scales_and_duration(self):
        self.assertEqual(parse(["--quick"]).scale, plan.QUICK)
        self.assertEqual(parse(["run", "--thorough"]).scale, plan.THOROUGH)
        found = parse(["--quick", "--duration", "1"]).scale
        self.assertEqual((found.rounds, found.duration_s, found.rr_duration_s), (3, 1, 1))
        self.refused("--quick", "--thorough")

    def test_streams(self):
        self.assertEqual(parse(["--streams", "auto"]).streams, plan.AUTO)
        self.assertEqual(parse(["--streams", "1,2,4"]).streams, (1, 2, 4))
        found = parse(["--streams", "3,auto"])
        self.assertEqual((found.streams, found.with_all_cpus), ((3,), True))

    def test_numbers_out_of_range_are_usage_errors(self):
        for flag, value in (
            ("--duration", "0"),
            ("--duration", "-1"),
            ("--duration", "1.5"),
            ("--duration", "9999"),
            ("--streams", "0"),
            ("--streams", "1,,2"),
            ("--streams", "all"),
            ("--streams", "99999"),
        ):
            self.assertIn(value.split(",")[0], self.refused(flag, value))

    def test_redact_may_be_given_several_times(self):
        self.assertEqual(parse(["--redact", "a", "--redact", "b"]).redact, ("a", "b"))

    def test_commands_that_do_not_exist_yet_are_usage_errors(self):
        for name in ("tune", "post"):
            self.refused(name)


if __name__ == "__main__":
    unittest.main()
