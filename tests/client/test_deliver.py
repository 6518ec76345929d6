import time
import unittest

from crr_submit import deliver
from tests.client.small_registry import CREATED

STANDING = {
    "test": "TCP_CRR",
    "unit": "trans/s",
    "rate": 23987.4,
    "n_runs": 8,
    "streams": 1,
    "placement": "same_cpu",
    "topology": "loopback",
    "n_machines": 3,
    "below": 2,
}


class LinesTest(unittest.TestCase):
    def lines(self, **more):
        return deliver.lines({**CREATED, **more})

    def test_address_and_status(self):
        self.assertEqual(self.lines(), ["Sent: /r/abcdefghijklmnop", "Status: published"])

    def test_where_the_host_stands_and_among_whom(self):
        found = self.lines(standing=STANDING)
        self.assertIn("  TCP_CRR, 1 stream, same cpu: 23,987 trans/s in 8 runs", found)
        self.assertIn(
            "faster than 2 of 3 other machines (percentile 67) measured in the same way "
            "(TCP_CRR, 1 stream, same cpu, loopback)",
            " ".join(" ".join(found).split()),
        )
        self.assertLessEqual(max(map(len, found)), deliver.COLUMNS)

    def test_the_first_of_its_kind_is_not_compared_with_nobody(self):
        first = {**STANDING, "n_machines": 0, "below": 0}
        self.assertIn("the first machine here", " ".join(self.lines(standing=first)))

    def test_what_to_try_with_its_evidence_or_that_there_is_none(self):
        message = "rps.lo on -> off: x7.10 (6.20-8.00) in experiments on 4 machines"
        found = self.lines(standing=STANDING, **{"try": [{"factor": "rps.lo", "message": message}]})
        self.assertEqual(found[-2:], ["What to try:", "  " + message])
        found = self.lines(standing=STANDING, **{"try": []})
        self.assertIn(deliver.NOTHING_TO_TRY, " ".join(" ".join(found).split()))

    def test_one_flag_of_many_runs_is_said_once(self):
        flags = [{"message": "runs[%d]: something else ran" % n} for n in (3, 4)]
        found = self.lines(flags=[*flags, {"message": "no machine id"}])
        self.assertEqual(found[-2:], ["  runs[3], runs[4]: something else ran", "  no machine id"])

    def test_a_report_that_waits_says_why_and_until_when(self):
        held = self.lines(status="held", status_reason="far_from_group", next_step="a look at it")
        self.assertEqual(held[1], "Status: held; far_from_group; a look at it")

    def test_a_standing_of_another_shape_is_printed_as_it_is(self):
        self.assertIn("  rank: 3", self.lines(standing={"rank": 3}))

    def test_what_is_nested_is_looked_at_once(self):
        nested = {"a": 1}
        for _ in range(18):
            nested = {"a": nested, "b": 1}
        started_s = time.monotonic()
        self.assertEqual(len(deliver.texts(nested)), 2)
        self.assertLess(time.monotonic() - started_s, 0.1)

    def test_advice_flags_and_warnings(self):
        found = self.lines(
            advice=[{"limiter": "one_core", "message": "One core is full."}],
            flags=["far_from_group"],
            warnings=["$.x: unknown key"],
        )
        expected = ["What limits it:", "  One core is full.", "Flags:", "  far_from_group"]
        self.assertEqual(found[2:], [*expected, "Warnings:", "  $.x: unknown key"])

    def test_a_report_that_is_only_stored_says_so(self):
        self.assertIn("will read it soon", self.lines(status="received")[1])

    def test_nothing_of_the_registry_reaches_the_terminal_raw(self):
        evil = "\x1b]0;title\x07\x9b31m\u202e\r\n"
        found = self.lines(
            url=evil, status=evil, advice=[{"message": evil}], flags=[{evil: evil}], standing=evil
        )
        self.assertTrue(all(line.isprintable() for line in found), found)


if __name__ == "__main__":
    unittest.main()
