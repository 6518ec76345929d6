import unittest
from dataclasses import replace

from crr_submit import app_output
from crr_submit.app_output import ACCEPT, KEEPALIVE, AppOutput

RUN = AppOutput(
    test=ACCEPT,
    requests=100_000,
    errors=0,
    elapsed_time_s=8.0,
    concurrency=20,
    backlog=128,
    listeners="reuseport",
    address_family="inet",
    connections=100_000,
    server_cpu_s=(3.5, 3.25),
    generator="ab",
    generator_version="2.3",
    generator_cpu_s=(7.75,),
)
TEXT = app_output.write(RUN)


class BlockTest(unittest.TestCase):
    def test_what_is_written_is_read(self):
        self.assertEqual(app_output.read(TEXT), RUN)
        kept = replace(RUN, test=KEEPALIVE, connections=20)
        self.assertEqual(app_output.read(app_output.write(kept)), kept)

    def test_it_is_one_result_with_its_own_test_name(self):
        (result,) = app_output.parse(TEXT).results
        self.assertEqual((result.test, result.value, result.unit), (ACCEPT, 12_500.0, "trans/s"))
        self.assertEqual((result.elapsed_time_s, result.address_family), (8.0, "inet"))
        self.assertEqual(TEXT.splitlines()[result.line - 1], app_output.LAST_LINE)

    def test_the_text_of_a_generator_below_is_not_read(self):
        text = TEXT + "\nRequests per second: 99999.00 [#/sec] (mean)\nRATE=99999.00\n"
        self.assertEqual(app_output.parse(text), app_output.parse(TEXT))
        self.assertEqual(app_output.parse(TEXT.replace("\n", "\r\n")), app_output.parse(TEXT))

    def test_failed_requests_are_told(self):
        text = app_output.write(replace(RUN, errors=7))
        (result,) = app_output.parse(text).results
        self.assertEqual(result.warnings, ("7 of 100007 requests failed",))

    def test_any_other_text_is_not_ours(self):
        for text in ("", "Requests per second: 1 [#/sec]\n", "\n" + TEXT, "> " + TEXT):
            self.assertIsNone(app_output.parse(text))
            self.assertIsNone(app_output.read(text))


class RefusedTest(unittest.TestCase):
    def refused(self, text, line, words):
        report = app_output.parse(text)
        self.assertEqual(report.results, ())
        self.assertEqual([warning.line for warning in report.warnings], [line])
        self.assertIn(words, report.warnings[0].message)
        self.assertIsNone(app_output.read(text))

    def test_another_version(self):
        self.refused(TEXT.replace("FORMAT=1", "FORMAT=2"), 1, "version 1")

    def test_a_rate_that_does_not_follow_from_the_counts(self):
        self.refused(TEXT.replace("RATE=12500.00", "RATE=12500.01"), 6, "RATE is not")

    def test_a_block_cut_anywhere(self):
        lines = TEXT.splitlines()
        for count in range(1, len(lines)):
            with self.subTest(count=count):
                report = app_output.parse("\n".join(lines[:count]))
                self.assertEqual(report.results, ())
                self.assertEqual(report.warnings[0].line, count + 1)

    def test_a_line_twice_left_out_or_moved(self):
        lines = TEXT.splitlines()
        for place in range(1, len(lines)):
            swapped = [*lines[: place - 1], lines[place], lines[place - 1], *lines[place + 1 :]]
            for changed in (
                lines[:place] + lines[place + 1 :],
                lines[:place] + lines[place - 1 :],
                swapped,
            ):
                self.assertIsNone(app_output.read("\n".join(changed)))

    def test_numbers_that_are_none(self):
        for value in ("8", "-8.000000", "nan", "8e0", "٨.000000", "8_0.000000", "8.000000 "):
            with self.subTest(value=value):
                text = TEXT.replace("ELAPSED_TIME_S=8.000000", "ELAPSED_TIME_S=" + value)
                self.refused(text, 5, "ELAPSED_TIME_S=")

    def test_a_name_that_is_no_test_of_ours(self):
        self.refused(TEXT.replace("TEST=HTTP_ACCEPT", "TEST=TCP_CRR"), 2, "TEST=")

    def test_no_time_and_no_requests(self):
        text = TEXT.replace("ELAPSED_TIME_S=8.0", "ELAPSED_TIME_S=0.0")
        self.refused(text, 3, "needs requests")

    def test_connections_that_belong_to_the_other_test(self):
        text = app_output.write(replace(RUN, connections=99_999))
        self.refused(text, 11, "fewer connections")
        text = app_output.write(replace(RUN, test=KEEPALIVE, connections=22))
        self.refused(text, 11, "too many connections")


if __name__ == "__main__":
    unittest.main()
