"""Streams that ran together, summed over the time when all of them ran."""

import unittest

from crr_submit import netperf, report

BANNER = (
    "MIGRATED TCP Connect/Request/Response TEST from 0.0.0.0 () port 0 AF_INET to 127.0.0.1 ()\n"
)


def output(begin_s, *rates, throughput=1.0, unit="Trans/s"):
    """What netperf prints with -D 0.5 and -k, from a moment on, a rate for each half second."""
    lines = [BANNER]
    for number, rate in enumerate(rates):
        lines.append("NETPERF_INTERIM_RESULT[%d]=%.2f\n" % (number, rate))
        lines.append("NETPERF_UNITS[%d]=%s\n" % (number, unit))
        lines.append("NETPERF_INTERVAL[%d]=0.500\n" % number)
        lines.append("NETPERF_ENDING[%d]=%.3f\n" % (number, begin_s + 0.5 * (number + 1)))
    lines.append("THROUGHPUT=%.2f\nTHROUGHPUT_UNITS=%s\n" % (throughput, unit))
    return "".join(lines)


class TogetherTest(unittest.TestCase):
    def together(self, outputs):
        found = netperf.together(outputs)
        assert found is not None
        return found

    def test_only_the_time_when_all_ran_counts(self):
        # The second begins 0.5 s later and has the CPUs for itself at its end.
        first = output(1000.0, 9000, 5000, 5000, 5000, 5000, 5000, 5000, 5000)
        second = output(1000.5, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 9000)
        found = self.together([first, second])
        self.assertAlmostEqual(found.rate, 11_000, places=3)
        self.assertAlmostEqual(found.share, 3.5 / 4.0, places=6)

    def test_part_of_an_interval_counts_in_proportion(self):
        found = self.together([output(0.0, 1000, 2000), output(0.25, 4000, 4000)])
        self.assertAlmostEqual(found.rate, (0.25 * 1000 + 0.5 * 2000) / 0.75 + 4000, places=3)

    def test_streams_one_after_the_other_never_ran_together(self):
        found = self.together([output(0.0, 1000), output(0.5, 1000)])
        self.assertEqual((found.rate, found.share), (0.0, 0.0))

    def test_a_stream_alone_or_without_interim_results_has_no_common_time(self):
        plain = BANNER + "THROUGHPUT=1.00\nTHROUGHPUT_UNITS=Trans/s\n"
        for outputs in ([], [output(0.0, 1000)], [output(0.0, 1000), plain], ["", ""]):
            self.assertIsNone(netperf.together(outputs))

    def test_hostile_interim_results_are_no_trouble(self):
        for text in (
            "NETPERF_UNITS[0]=Trans/s\n",
            output(0.0, 1000).replace("NETPERF_ENDING", "X"),
            output(0.0, 1000).replace("0.500", "9" * 400),
            output(0.0, 1000).replace("0.500", "nan"),
            output(0.0, 1000) * 2,
        ):
            found = netperf.together([text, output(0.0, 1000)])
            self.assertTrue(found is None or found.rate >= 0)

    def test_the_client_gives_the_common_rate_and_none_for_too_little_of_it(self):
        streams = [output(0.0, 9000, 5000, 5000, 5000, 5000), output(0.5, 6000, 6000, 6000, 6000)]
        found = report.figure({"outputs": streams})
        assert found is not None
        self.assertEqual((found.test, found.unit), ("TCP_CRR", "trans/s"))
        self.assertAlmostEqual(found.rate, 11_000, places=3)
        apart = [output(0.0, 5000, 5000), output(0.5, 6000, 6000)]
        self.assertIsNone(report.figure({"outputs": apart}))


if __name__ == "__main__":
    unittest.main()
