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

    def test_standing_in_one_sentence(self):
        self.assertIn(
            "  TCP_CRR, 1 stream, same cpu: 23,987 trans/s; faster than 2 of 3 others",
            self.lines(standing=STANDING),
        )

    def test_the_first_of_its_kind_is_not_compared_with_nobody(self):
        first = {**STANDING, "n_machines": 0, "below": 0}
        self.assertIn("first of its kind here", self.lines(standing=first)[-1])

    def test_a_standing_of_another_shape_is_printed_as_it_is(self):
        self.assertIn("  rank: 3", self.lines(standing={"rank": 3}))

    def test_advice_flags_and_warnings(self):
        found = self.lines(
            advice=[{"limiter": "one_core", "message": "One core is full."}],
            flags=["far_from_group"],
            warnings=["$.x: unknown key"],
        )
        expected = ["Advice:", "  One core is full.", "Flags:", "  far_from_group"]
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
