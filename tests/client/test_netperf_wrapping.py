"""netperf inside what carries it: the results must be those of the bare output."""

import html
import json
import quopri
import textwrap
import unittest
from pathlib import Path

from crr_submit import netperf
from crr_submit.netperf.wrapping import lines_of

CAPTURES = Path(__file__).resolve().parents[1] / "data" / "netperf"
NAMES = (
    "crr", "crr-cpu", "crr-k", "crr-O", "crr-oplain", "stream", "stream-cpu-fM",
    "maerts-cpu", "udp", "udp-cpu", "udprr-cpu", "cc", "omni-send", "crr-kall",
)  # fmt: skip
TABLES = ("crr", "crr-cpu", "stream", "stream-cpu-fM", "maerts-cpu", "udp", "udp-cpu", "cc")


def capture(name):
    return (CAPTURES / (name + ".txt")).read_text(encoding="utf-8")


def results(text):
    """All but the line, which is another one in most forms."""
    found = [result.as_dict() for result in netperf.parse(text).results]
    for result in found:
        result.pop("line")
    return found


def prefixed(text, prefix_of):
    lines = text.splitlines()
    return "".join(prefix_of(10 + number % 50) + line + "\n" for number, line in enumerate(lines))


def quoted(text, start, end):
    lines = text.splitlines()
    return "".join(start + line.replace('"', '\\"') + end for line in lines)


class WrappingTest(unittest.TestCase):
    def assert_same(self, wrap, names=NAMES):
        for name in names:
            text = capture(name)
            self.assertTrue(results(text), name)
            self.assertEqual(results(wrap(text)), results(text), (name, wrap(text)))

    def test_time_stamps_and_names_before_each_line(self):
        for prefix in (
            "2020-01-01T00:00:%d.1234567Z ",
            "2020-01-01 00:00:%d,123 - INFO - ",
            "[12:00:%d] ",
            "12:00:%d  ",
            "[   %d.345678] ",
            "Jan  1 00:00:%d web01 netperf[123]: ",
            "client_1  | %d ",
            "[pod/client-abc/netperf] %d ",
            "<rj> %d: ",
            "     %d\t",
            "+ %d|",
        ):
            with self.subTest(prefix):
                self.assert_same(lambda text: prefixed(text, prefix.__mod__))  # noqa: B023

    def test_numbers_of_lines(self):
        for form in ("%d %s\n", "%d  %s\n", "%3d. %s\n", "%03d  %s\n", "<tr><td>%d<td>%s</tr>\n"):
            with self.subTest(form):
                self.assert_same(
                    lambda text: "".join(
                        form % numbered  # noqa: B023
                        for numbered in enumerate(text.splitlines(), 7)
                    )
                )

    def test_a_number_in_front_that_does_not_count_on_is_no_prefix(self):
        # It cannot be told from a column of netperf.
        text = prefixed(capture("stream"), lambda number: "%d " % (number * 2))
        self.assertEqual(results(text), [])

    def test_seconds_since_the_epoch(self):
        for prefix in ("17110000%d.250417 ", "[17110000%d.250417] "):
            with self.subTest(prefix):
                self.assert_same(lambda text: prefixed(text, prefix.__mod__))  # noqa: B023

    def test_logs_of_docker(self):
        start, end = '{"log":"', '\\n","stream":"stdout","time":"2024-03-21T09:10:11.5Z"}\n'
        self.assert_same(lambda text: quoted(text, start, end))

    def test_what_a_text_processor_makes_of_it(self):
        for sign, written in (
            ("_", "\\_"),
            ("^", "\\^"),
            ("#", "\\#"),
            ("10^6", "10<sup>6</sup>"),
            ("10^6", "10\u2076"),
            ("-", "\u2013"),
            ('"', "\u201d"),
        ):
            with self.subTest(written):
                self.assert_same(lambda text: text.replace(sign, written))  # noqa: B023

    def test_boxes_and_emphasis(self):
        for start, end in (("\u2502 ", " \u2502"), ("\u2551", "\u2551"), ("**", "**"), ("*", "*")):
            with self.subTest(start):
                self.assert_same(lambda text: quoted(text, start, end + "\n"))  # noqa: B023

    def test_comments_quotes_and_lists(self):
        for prefix in ("# ", "// ", " * ", "% ", "> > ", "Rick> ", "+ ", "+", "    ", "\t", "; "):
            with self.subTest(prefix):
                self.assert_same(lambda text: prefixed(text, lambda number: prefix))  # noqa: B023

    def test_string_literals(self):
        for wrap in (
            lambda text: json.dumps({"command": "x", "stdout": text, "stderr": ""}),
            lambda text: json.dumps({"stdout": text, "stderr": ""}, indent=1),
            lambda text: json.dumps({"out": json.dumps({"stdout": text})}),
            lambda text: json.dumps({"lines": text.splitlines()}, indent=2),
            repr,
            lambda text: repr(text.encode()),
            lambda text: "x = (\n" + quoted(text, '    "', '\\n"\n') + ")\n",
            lambda text: "const char *x =\n" + quoted(text, '  "', '\\n"\n') + ";\n",
            lambda text: 'var x = ""\n' + quoted(text, '  + "', '\\n" +\n') + '"";\n',
            lambda text: "out: |\n" + textwrap.indent(text, "  "),
            lambda text: "const x = `" + text + "`\n",
        ):
            self.assert_same(wrap)

    def test_string_literals_that_do_not_end_in_a_line_end(self):
        for wrap in (
            lambda text: json.dumps({"rc": 0, "stdout": text.strip(), "stderr": ""}),
            lambda text: json.dumps({"stderr": "a\nb", "stdout": text.strip(), "x": "c\nd"}),
            lambda text: json.dumps({"out": json.dumps({"stdout": text.strip()})}),
            lambda text: repr(text.strip()),
            lambda text: repr((0, "\n" + text.strip(), "")),
            lambda text: repr({"out": text.strip().encode(), "err": b""}),
        ):
            self.assert_same(wrap)
        for ends in ("", "\n"):  # the words around a literal stay
            text = json.dumps({"a": capture("crr").strip() + ends, "cmd": "netperf -t UDP_RR"})
            self.assertIn((1, ', "cmd": "netperf -t UDP_RR"}'), list(lines_of(text)))

    def test_lists_in_one_line(self):
        for wrap in (
            lambda text: json.dumps(text.splitlines()),
            lambda text: "x = %s;\n" % json.dumps(text.strip().splitlines(), separators=",:"),
            lambda text: repr({"rc": 0, "lines": text.splitlines()}),
            lambda text: json.dumps({"cmd": ["netperf", "-H"], "out": text.splitlines(), "x": []}),
            lambda text: repr(text.splitlines(keepends=True)),
        ):
            self.assert_same(wrap)
        twice = [capture("udp").splitlines(), capture("crr").splitlines()]
        self.assertEqual(results(json.dumps(twice)), results(capture("udp") + capture("crr")))

    def test_output_that_ansible_prints_twice(self):
        for indent in (None, 4):

            def wrap(text, indent=indent):
                both = {"stdout": text.rstrip(), "stdout_lines": text.splitlines(), "warnings": []}
                return "changed: [h] => " + json.dumps(both, indent=indent)

            self.assert_same(wrap)
            once = json.dumps({"stdout_lines": capture("crr").splitlines()}, indent=indent)
            self.assertEqual(results('{"stdout": "", "rc": 0}\n' + once), results(capture("crr")))

    def test_logs_of_an_object_a_line(self):
        stamp = "2020-01-01T00:00:%d"
        for form in (
            lambda n, line: json.dumps({"dt": stamp % n, "lvl": "target", "msg": line}),
            lambda n, line: "- " + json.dumps({"dt": stamp % n, "msg": line, "x": 1}),
            lambda n, line: json.dumps({"msg": line, "level": "info"}, separators=(",", ":")),
            lambda n, line: "- {dt: '%s', lvl: target, msg: '%s'}" % (stamp % n, line),
            lambda n, line: "level=info ts=%d msg=%s" % (n, json.dumps(line)),
        ):

            def wrap(text, form=form):
                lines = enumerate(text.splitlines())
                return "".join(form(10 + number % 50, line) + "\n" for number, line in lines)

            self.assert_same(wrap)

    def test_a_windows_path_is_no_literal(self):
        command = "C:\\tools\\netperf-2.7.0> C:\\netperf\\netperf.exe -H 10.0.0.2 -t TCP_CRR\n"
        table = "".join(capture("crr").splitlines(keepends=True)[1:])
        self.assertEqual([one["test"] for one in results(command + table)], ["TCP_CRR"])

    def test_keys_as_json_and_as_python_prints_them(self):
        for name in ("crr-k", "crr-kall"):
            banner, *lines = capture(name).splitlines()
            pairs = dict(line.split("=", 1) for line in lines)
            pairs = {key: value.strip('"') for key, value in pairs.items()}
            for wrapped in (
                json.dumps(pairs, indent=2),
                json.dumps(pairs, indent=4, sort_keys=True),
                json.dumps([pairs, {"other": 1}]),
                str(pairs),
            ):
                text = banner + "\n" + wrapped + "\n"
                self.assertEqual(results(text), results(capture(name)), text)
        self.assertEqual(results('{"THROUGHPUT": "7311.25"}\n'), [])

    def test_pages_and_trackers(self):
        for wrap in (
            lambda text: "<html><body><pre>" + html.escape(text) + "</pre></body></html>",
            lambda text: "<p>" + html.escape(text).replace(" ", "&nbsp;").replace("\n", "<br/>\n"),
            lambda text: "<p>" + html.escape(text).replace("\n", "<br>") + "</p>",
            lambda text: "{noformat}" + text + "{noformat}",
            lambda text: '<div class="x"><code>' + text + "</code></div>",
            lambda text: "[code]" + text + "[/code]",
            lambda text: "text\n\n```\n" + text + "```\n",
            lambda text: text.replace(" ", "\xa0"),
        ):
            self.assert_same(wrap)

    def test_mail(self):
        for wrap in (
            lambda text: quopri.encodestring(text.encode()).decode(),
            lambda text: quopri.encodestring(text.replace(" ", "\xa0").encode()).decode(),
            lambda text: (
                "Content-Transfer-Encoding: quoted-printable\n\n"
                + quopri.encodestring(prefixed(text, lambda number: "> ").encode()).decode()
            ),
        ):
            self.assert_same(wrap)

    def test_what_was_not_encoded_is_not_decoded(self):
        text = "COMMAND=3Dx\nREQUEST_SIZE=20\nTHROUGHPUT=3941.12\nTHROUGHPUT_UNITS=Trans/s\n"
        found = results("$ netperf -t TCP_RR -- -k\n" + text)[0]
        self.assertEqual((found["value"], found["request_size_bytes"]), (3941.12, 20))

    def test_lines_that_mail_broke(self):
        for width, start in ((72, ""), (64, "> ")):

            def wrap(text, width=width, start=start):
                broken = (textwrap.wrap(line, width) or [""] for line in text.splitlines())
                return "".join(start + part + "\n" for parts in broken for part in parts)

            self.assert_same(wrap, TABLES)

    def test_lost_line_ends(self):
        self.assert_same(lambda text: " ".join(text.split()), TABLES)
        twice = capture("crr") + capture("udp")
        self.assertEqual(results(" ".join(twice.split())), results(twice))

    def test_terminals(self):
        for wrap in (
            lambda text: prefixed(text, lambda number: "\x1b[0;32m").replace("\n", "\x1b[0m\r\n"),
            lambda text: prefixed(text, lambda number: "[0m").replace("\n", "[0K\n"),
            lambda text: "\x1b]0;user@host: ~\x07\x1b[?2004h" + text,
            lambda text: text.replace("TEST", "TEXX\b\bST").replace(
                "THROUGHPUT=", "THROX\bUGHPUT="
            ),
            lambda text: text.replace("\n", "\r\n"),
        ):
            self.assert_same(wrap)

    def test_a_row_may_be_followed_by_a_remark_but_not_by_a_number(self):
        for end in (" <-- with vhost", " # best of 3", " user@host:~$", " brand", " +5%"):
            found = results(capture("stream").rstrip() + end + "\n")
            self.assertEqual(found, results(capture("stream")), end)
        for end in (" 7", " 7y", " +5", " -1 %", " .5"):
            self.assertEqual(results(capture("stream").rstrip() + end + "\n"), [], end)

    def test_a_cut_row_is_not_joined_with_another(self):
        lines = capture("crr").splitlines()
        cut = "\n".join([*lines[:-2], "16384  131072 1        1", "16384  131072"])
        self.assertEqual(results(cut), [])

    def test_lines_keep_their_numbers(self):
        text = json.dumps({"stdout": capture("crr")}) + "\n" + capture("stream")
        self.assertEqual([one.line for one in netperf.parse(text).results], [1, 8])
        self.assertEqual([number for number, _ in lines_of("a\r\nb\rc\n")], [1, 2, 3, 4])


if __name__ == "__main__":
    unittest.main()
