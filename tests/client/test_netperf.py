import dataclasses
import json
import os
import random
import shutil
import subprocess
import unittest
from pathlib import Path

from crr_submit import netperf
from crr_submit.fields import RESULT
from crr_submit.netperf.findings import Findings
from crr_submit.netperf.naming import Naming
from crr_submit.netperf.tables import BULK, DATAGRAM, TESTS, kind_of
from crr_submit.programs import Netserver

CAPTURES = Path(__file__).resolve().parents[1] / "data" / "netperf"
BANNER = "MIGRATED TCP {} TEST from 0.0.0.0 () port 0 AF_INET to 10.0.0.2 () port 0 AF_INET\n"
CRR = BANNER.format("Connect/Request/Response")
RR = BANNER.format("REQUEST/RESPONSE")
STREAM = BANNER.format("STREAM")
MAERTS = BANNER.format("MAERTS")
RR_HEADING = "bytes  Bytes  bytes    bytes   secs.    per sec\n\n"
RR_ROWS = "16384  87380  1        1       10.00    2662.20\n16384  87380\n"
STREAM_TABLE = (
    "bytes  bytes   bytes    secs.    10^6bits/sec\n\n 87380  16384  16384    10.00     941.12\n"
)
KEYVAL = "THROUGHPUT=100.50\nTHROUGHPUT_UNITS=Trans/s\n"


def results(text):
    return [
        {name: value for name, value in result.as_dict().items() if value not in (None, [])}
        for result in netperf.parse(text).results
    ]


def rates(text):
    return [(result.test, result.value, result.unit) for result in netperf.parse(text).results]


class CaptureTest(unittest.TestCase):
    def test_real_output_is_read_to_the_printed_digits(self):
        expected = json.loads((CAPTURES / "expected.json").read_text(encoding="utf-8"))
        self.assertEqual(sorted(expected), sorted(path.stem for path in CAPTURES.glob("*.txt")))
        for name, says in expected.items():
            with self.subTest(name):
                text = (CAPTURES / (name + ".txt")).read_text(encoding="utf-8")
                report = netperf.parse(text)
                self.assertEqual(results(text), says["results"])
                self.assertEqual(list(report.errors), says.get("errors", []))
                self.assertEqual(
                    [line.line for line in report.unrecognised], says.get("unrecognised", [])
                )


class ShapeTest(unittest.TestCase):
    def test_a_result_has_the_fields_of_the_field_table(self):
        names = {field.name for field in dataclasses.fields(netperf.Result)}
        self.assertEqual(names, {field.path for field in RESULT} | {"line"})

    def test_as_dict_gives_every_field_and_null_for_what_is_not_said(self):
        shape = netperf.parse(CRR + RR_HEADING + RR_ROWS).results[0].as_dict()
        self.assertEqual(set(shape), {field.path for field in RESULT} | {"line"})
        self.assertIsNone(shape["p99_latency_us"])
        self.assertEqual(shape["warnings"], [])
        self.assertEqual(json.loads(json.dumps(shape)), shape)

    def test_only_a_wrong_type_is_refused(self):
        for wrong in (b"THROUGHPUT=1", None, 1):
            with self.assertRaises(netperf.ParseError):
                netperf.parse(wrong)


class NameTest(unittest.TestCase):
    def test_a_table_without_a_name_gives_no_result(self):
        report = netperf.parse(RR_HEADING + RR_ROWS)
        self.assertEqual(report.results, ())
        self.assertEqual([line.line for line in report.unrecognised], [1, 3, 4])

    def test_a_command_names_a_table_without_banner(self):
        command = "$ netperf -H 10.0.0.2 -t TCP_CRR\n"
        self.assertEqual(rates(command + RR_HEADING + RR_ROWS), [("TCP_CRR", 2662.2, "trans/s")])

    def test_a_command_that_names_another_kind_of_test_does_not(self):
        self.assertEqual(rates("$ netperf -t TCP_STREAM\n" + RR_HEADING + RR_ROWS), [])

    def test_a_name_that_netperf_does_not_know_is_not_shown(self):
        names = ("MY.SECRET.HOST_AAA", "WEB01_SECRET", "$TEST", "TCP_RR2", "X" * 3000)
        for name in names:
            command = "$ netperf -t %s -- -k\n" % name
            report = netperf.parse(command + KEYVAL + KEYVAL)
            self.assertEqual([result.test for result in report.results], ["OMNI"] * 2, name)
            self.assertEqual(len(report.warnings), 1, name)
            self.assertNotIn(name, report.warnings[0].message)

    def test_a_warning_tells_the_line_of_a_name_that_is_not_known(self):
        findings = Findings()
        naming = Naming(findings)
        command = "$ netperf -t WEB01_SECRET"
        self.assertTrue(naming.take_command(command, command, 7))
        self.assertEqual(naming.claim().test, "OMNI")
        self.assertEqual([warning.line for warning in findings.report().warnings], [7])

    def test_the_name_of_a_command_that_names_nothing_brings_no_warning(self):
        report = netperf.parse("$ netperf -t $TEST\n" + RR + KEYVAL)
        self.assertEqual([result.test for result in report.results], ["TCP_RR"])
        self.assertEqual(report.warnings, ())

    def test_a_command_line_in_the_output_names_a_test_of_netperf_only(self):
        command = 'COMMAND_LINE="netperf -t WEB01_SECRET"\n'
        self.assertEqual(rates(KEYVAL + command)[0][0], "OMNI")

    def test_every_test_of_netperf_is_known_in_any_case_and_quotes(self):
        for name in sorted(TESTS):
            self.assertRegex(name, "^[A-Z][A-Z0-9_]{1,31}$")
            for written in (name, name.lower(), '"%s"' % name):
                report = netperf.parse("$ netperf -t %s -- -k\n" % written + KEYVAL)
                read = [result.test for result in report.results]
                # Transactions are no rate of a bulk test that is read here.
                is_bulk = kind_of(name) in (BULK, DATAGRAM)
                self.assertEqual(read, [] if is_bulk else [name], written)
                self.assertFalse(any("no test" in warning.message for warning in report.warnings))

    def test_a_banner_is_good_for_one_table(self):
        text = CRR + RR_HEADING + RR_ROWS + "and another run gave:\n" + RR_HEADING + RR_ROWS
        self.assertEqual(len(rates(text)), 1)

    def test_runs_started_together_are_read_when_their_banners_agree(self):
        table = RR_HEADING + RR_ROWS
        self.assertEqual(len(rates(CRR + CRR + table + table)), 2)
        self.assertEqual(rates(CRR + RR + table + table), [])
        self.assertEqual(rates(CRR + STREAM + table), [("TCP_CRR", 2662.2, "trans/s")])

    def test_a_run_that_failed_does_not_name_the_next_one(self):
        text = CRR + "recv_response: partial response received\n" + RR + RR_HEADING + RR_ROWS
        self.assertEqual(rates(text), [("TCP_RR", 2662.2, "trans/s")])
        self.assertEqual([line.line for line in netperf.parse(text).unrecognised], [1])

    def test_a_banner_that_no_netperf_prints_stops_the_command_from_naming(self):
        text = "$ netperf -t TCP_CRR\nTCP Connection Request/Response Test\n" + RR_HEADING + RR_ROWS
        self.assertEqual(rates(text), [])

    def test_what_may_go_on_a_banner_finds_none_after_a_title_that_no_netperf_prints(self):
        report = netperf.parse(CRR + "Request/Response Test\rport 0\n")
        self.assertEqual(report.results, ())
        self.assertEqual([line.line for line in report.unrecognised], [1])

    def test_bare_rows_are_read_below_a_command_with_P_0_only(self):
        self.assertEqual(len(rates("$ netperf -P 0 -t TCP_CRR\n" + RR_ROWS)), 1)
        self.assertEqual(rates("$ netperf -P 0 -t TCP_CRR -f m\n" + RR_ROWS), [])
        self.assertEqual(rates(RR_ROWS), [])


class TableTest(unittest.TestCase):
    def test_receiver_and_sender_change_sides_with_maerts(self):
        stream, maerts = results(STREAM + STREAM_TABLE)[0], results(MAERTS + STREAM_TABLE)[0]
        self.assertEqual(stream["value"], 941120000.0)
        self.assertEqual(stream["remote_recv_socket_bytes"], 87380)
        self.assertEqual(stream["local_send_socket_bytes"], 16384)
        self.assertEqual(maerts["local_recv_socket_bytes"], 87380)
        self.assertEqual(maerts["remote_send_socket_bytes"], 16384)

    def test_units_are_converted_to_the_printed_digits(self):
        for unit, value in (
            ("10^0bits/sec", 941.12),
            ("10^3bits/s", 941120.0),
            ("10^9bits/sec", 941120000000.0),
            ("KBytes/sec", 7709655.04),
            ("MBytes  /s", 7894686760.96),
            ("GBytes/sec", 8084159243223.04),
        ):
            table = STREAM_TABLE.replace("10^6bits/sec", unit)
            self.assertEqual(rates(STREAM + table), [("TCP_STREAM", value, "bit/s")], unit)

    def test_an_unknown_unit_gives_no_result(self):
        for unit in ("furlongs/s", "10^6bits", "10^6bits/min", "Mbits/sec"):
            table = STREAM_TABLE.replace("10^6bits/sec", unit)
            self.assertEqual(rates(STREAM + table), [], unit)

    def test_doubtful_numbers_give_no_result(self):
        row = " 87380  16384  16384    10.00     941.12"
        for doubtful in (
            " 87380  16384  16384    10.00",
            " 87380  16384  16384    10.00     941,12",
            " 87380  16384  16384    10.00     -1.00",
            " 87380  16384  16384    10.00     nan",
            " 87380  16384  16384    10.00     1e400",
            " 87380  16384  16384    10.00     9999999999999.00",
            " 87380  16384  16384    10.00     941.12 7",
            " 87380  16384.5 16384   10.00     941.12",
        ):
            report = netperf.parse(STREAM + STREAM_TABLE.replace(row, doubtful))
            self.assertEqual(report.results, (), doubtful)
            self.assertTrue(report.unrecognised or report.warnings, doubtful)

    def test_a_datagram_row_without_the_receivers_row_is_no_result(self):
        heading = "bytes   bytes    secs            #      #   10^6bits/sec\n\n"
        sent = "212992   65507   1.00       13249      0    6942.56\n"
        self.assertEqual(rates(heading + sent), [])
        self.assertEqual(
            rates(heading + sent + "212992           1.00       0              0.00\n"),
            [("UDP_STREAM", 0.0, "bit/s")],
        )

    def test_a_crr_rate_in_units_of_f_is_not_taken_for_transactions(self):
        table = CRR + RR_HEADING + RR_ROWS
        self.assertEqual(rates("$ netperf -t TCP_CRR -f m\n" + table), [])
        self.assertEqual(rates(table.replace("2662.20", "0.27")), [])
        self.assertEqual(rates(table.replace("2662.20", "2.70")), [("TCP_CRR", 2.7, "trans/s")])

    def test_kernel_messages_between_the_rows_do_no_harm(self):
        text = CRR + RR_HEADING + RR_ROWS.replace("\n", "\n[12.5] eth0: link is up\n")
        self.assertEqual(results(text)[0]["remote_recv_socket_bytes"], 87380)

    def test_detail_below_a_table_is_not_read(self):
        detail = "Alignment      Offset\nLocal  Remote  Local  Remote\nSend   Recv    Send   Recv\n"
        report = netperf.parse(
            CRR + RR_HEADING + RR_ROWS + detail + "    8      8       0      0\n"
        )
        self.assertEqual((len(report.results), report.unrecognised), (1, ()))


TITLES = {
    "SCTP STREAM": "SCTP_STREAM",
    "SCTP REQUEST/RESPONSE": "SCTP_RR",
    "SCTP 1-TO-MANY STREAM": "SCTP_STREAM_MANY",
    "SCTP 1-TO-MANY REQUEST/RESPONSE": "SCTP_RR_MANY",
    "TCP Connect/Close": "TCP_CC",
    "TCP Transactional/Request/Response": "TCP_TRR",
    "TCP SENDFILE": "TCP_SENDFILE",
    "SDP STREAM": "SDP_STREAM",
}
UNIX_TITLES = {
    "STREAM STREAM": "STREAM_STREAM",
    "STREAM REQUEST/RESPONSE": "STREAM_RR",
    "DG UNIDIRECTIONAL SEND": "DG_STREAM",
    "DG REQUEST/RESPONSE": "DG_RR",
}
DATAGRAM_TABLE = (
    "bytes   bytes    secs            #      #   10^6bits/sec\n\n"
    "65535    1024   9.99       114127      0      93.55\n"
    "65535           9.99       114122             93.54\n"
)


def table_of(test):
    if kind_of(test) == DATAGRAM:
        return DATAGRAM_TABLE
    return STREAM_TABLE if kind_of(test) == BULK else RR_HEADING + RR_ROWS


class EveryTestTest(unittest.TestCase):
    def test_each_banner_names_its_test(self):
        for title, test in TITLES.items():
            for end in (
                " TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET6 to h (::1) port 0 AF_INET6\n",
                " TEST to h : histogram : interval : dirty data : nodelay\n",
            ):
                text = title + end + table_of(test)
                self.assertEqual([found[0] for found in rates(text)], [test], text)
        for title, test in UNIX_TITLES.items():
            result = results(title + " TEST\n" + table_of(test))[0]
            self.assertEqual((result["test"], result["address_family"]), (test, "unix"))

    def test_each_name_after_t_names_a_table_of_its_kind(self):
        for test in sorted(TESTS):
            if kind_of(test) is not None:
                text = "$ netperf -H ::1 -t %s\n" % test.lower() + table_of(test)
                self.assertEqual([found[0] for found in rates(text)], [test], text)

    def test_the_confidence_of_a_banner_is_read_in_every_spelling(self):
        for says in ("+/-2.5% @ 99% conf.", "+/-2.500% @ 99% conf.", "+/-2.5%  99% conf."):
            text = "TCP STREAM TEST to h : %s : demo\n" % says + STREAM_TABLE
            self.assertEqual(results(text)[0]["netperf_confidence_level"], 99, says)

    def test_a_remark_behind_the_width_that_was_reached(self):
        text = "TCP STREAM TEST to h : +/-2.5% @ 99% conf.\n!!! WARNING\n"
        text += "!!! Confidence intervals: Throughput      : 6.727% <-- more than 5% !!!\n"
        found = results(text + STREAM_TABLE)[0]
        self.assertEqual(found["netperf_confidence_width_percent"], 6.727)


class CommandTest(unittest.TestCase):
    def test_what_starts_a_command(self):
        for start in (
            "$ ", "#", "root@h:~# ", "linux:~ # ", "+ ", "time ", "sudo ", "taskset -c 1 ",
            "ip netns exec ns1 ", "docker exec client ", "kubectl exec pod -- ", "LANG=C ",
            "$ numactl -N 0 ./", "C:\\netperf>", "PS C:\\> .\\",
        ):  # fmt: skip
            text = start + "netperf -H 10.0.0.2 -t UDP_RR\n" + RR_HEADING + RR_ROWS
            self.assertEqual(rates(text), [("UDP_RR", 2662.2, "trans/s")], start)
        for program in ("netperf-2.4.5", "netperf2.7", "netperf.exe", "/opt/bin/netperf"):
            text = "$ %s -H 10.0.0.2 -t UDP_RR\n" % program + RR_HEADING + RR_ROWS
            self.assertEqual(rates(text), [("UDP_RR", 2662.2, "trans/s")], program)

    def test_what_does_not(self):
        for line in (
            "time netperf takes",
            "I ran netperf -t UDP_RR",
            "netperf results",
            "do netperf",
        ):
            self.assertEqual(rates(line + "\n" + RR_HEADING + RR_ROWS), [], line)

    def test_v_0_prints_the_rate_alone(self):
        for options, value, unit in (
            ("-t TCP_RR -v 0", 941.28, "trans/s"),
            ("-v 0", 941280000.0, "bit/s"),
            ("-v0 -f g", 941280000000.0, "bit/s"),
        ):
            for between in ("", "TCP STREAM TEST to h\n" if "RR" not in options else ""):
                text = "$ netperf %s\n" % options + between + "  941.28\n12.50\n"
                self.assertEqual([found[1:] for found in rates(text)], [(value, unit)], text)

    def test_v_0_prints_no_rate_with_cpu_or_of_datagrams(self):
        for options in ("-v 0 -c", "-v 0 -C", "-v 0 -t UDP_STREAM", "-v 0 -t TCP_RR -f m", "-v 1"):
            self.assertEqual(rates("$ netperf %s\n941.28\n" % options), [], options)
        self.assertEqual(rates("$ netperf -v 0\nUDP STREAM TEST to h\n941.28\n"), [])
        self.assertEqual(rates("$ netperf -v 0 | awk '{s+=$1} END {print s}'\n941.28\n"), [])
        self.assertEqual(rates("$ netperf -v 0\n$ ./average\n941.28\n"), [])

    def test_a_loop_prints_many(self):
        text = "$ for i in 1 2; do netperf -P 0 -v 0 -t TCP_RR; done\n941.28\n942.50\n"
        self.assertEqual([found[1] for found in rates(text)], [941.28, 942.5])

    def test_P_0_rows_take_their_unit_from_the_command(self):
        row = "87380  16384  16384    10.00     2.00\n"
        for options, value in (("", 2e6), ("-f g ", 2e9), ("-fK", 2 * 8 * 1024)):
            found = rates("$ netperf -P 0 %s\n" % options + row + row)
            self.assertEqual([one[1] for one in found], [value, value], options)
        self.assertEqual(rates("$ netperf -P 0 -f x\n" + row), [])


class UnitsTest(unittest.TestCase):
    def test_f_with_c_gives_the_unit_of_a_transaction_test_in_the_line_above(self):
        heading = (
            "Send   Recv   Size    Size   Time    10^6bits local  remote local   remote\n"
            "bytes  bytes  bytes   bytes  secs.   per sec  % S    % U    us/KB   us/KB\n\n"
        )
        rows = (
            "16384  131072 1       1      1.00    2.70    100.00 -1.00  6078.758  -1.000\n16384 2\n"
        )
        self.assertEqual(rates(RR + heading + rows), [("TCP_RR", 2700000.0, "bit/s")])
        self.assertEqual(rates(RR + heading.split("\n", 1)[1] + rows), [])

    def test_a_rate_or_time_without_decimals_is_not_netperfs(self):
        row = "87380  16384  16384    10.00     941.12"
        for doubtful in (row.replace("10.00", "10"), row.replace("941.12", "941")):
            self.assertEqual(rates(STREAM + STREAM_TABLE.replace(row, doubtful)), [], doubtful)


class QuotingTest(unittest.TestCase):
    def test_quoting_changes_nothing(self):
        plain = CRR + RR_HEADING + RR_ROWS + RR + KEYVAL
        for prefix in ("> ", ">> > ", "\t", "    ", ": ", "- ", "| ", "* "):
            quoted = "".join(prefix + line + "\n" for line in plain.splitlines())
            self.assertEqual(results(quoted), results(plain), prefix)
        for end in ("\r\n", "\r", " | |\n", " \\\n"):
            self.assertEqual(results(plain.replace("\n", end)), results(plain), repr(end))
        self.assertEqual(results("\ufeff" + plain), results(plain))

    def test_a_banner_broken_by_mail_keeps_its_address_family(self):
        text = "UDP REQUEST/RESPONSE TEST from ::0 (::) port 0\nAF_INET6 to\n::1 (::1) port 0\n"
        result = netperf.parse(text + RR_HEADING + RR_ROWS).results[0]
        self.assertEqual((result.test, result.address_family), ("UDP_RR", "inet6"))
        self.assertIs(result.migrated, False)


class KeyvalTest(unittest.TestCase):
    def test_a_key_that_comes_again_starts_the_next_result(self):
        text = RR + KEYVAL + KEYVAL.replace("100.50", "200.50")
        self.assertEqual(rates(text), [("TCP_RR", 100.5, "trans/s"), ("TCP_RR", 200.5, "trans/s")])

    def test_what_other_lines_part_is_not_one_result(self):
        text = KEYVAL + "\nthe other host:\nP99_LATENCY=7\n" + KEYVAL
        self.assertEqual([result.get("p99_latency_us") for result in results(text)], [None, 7])

    def test_a_rate_without_a_known_unit_is_no_result(self):
        for text in ("THROUGHPUT=1\n", "THROUGHPUT=1\nTHROUGHPUT_UNITS=OP/s\n"):
            report = netperf.parse(RR + text)
            self.assertEqual((report.results, len(report.unrecognised)), ((), 1), text)

    def test_the_output_may_name_its_test_itself(self):
        crr = "PROTOCOL=TCP\nDIRECTION=Connect|Send|Recv\n"
        command = 'COMMAND_LINE="netperf -t udp_rr -H 10.0.0.2"\n'
        self.assertEqual(rates(KEYVAL)[0][0], "OMNI")
        self.assertEqual(rates(crr + KEYVAL)[0][0], "TCP_CRR")
        self.assertEqual(rates(KEYVAL + command)[0][0], "UDP_RR")

    def test_minus_one_is_not_a_measure(self):
        text = RR + "P99_LATENCY=-1\nLOCAL_CPU_UTIL=-1.00\nLSS_SIZE_END=-1\n" + KEYVAL
        result = netperf.parse(text).results[0]
        self.assertIsNone(result.p99_latency_us)
        self.assertIsNone(result.local_cpu_percent)
        self.assertIsNone(result.local_send_socket_bytes)

    def test_confidence_that_was_reached_is_taken_from_the_selectors(self):
        result = netperf.parse(RR + "CONFIDENCE_LEVEL=99\nTHROUGHPUT_CONFID=2.522\n" + KEYVAL)
        self.assertEqual(result.results[0].netperf_confidence_level, 99)
        self.assertEqual(result.results[0].netperf_confidence_width_percent, 2.522)

    def test_interim_results_are_no_results(self):
        interim = "NETPERF_INTERIM_RESULT[0]=99.00\nNETPERF_UNITS[0]=Trans/s\n"
        self.assertEqual(rates(RR + interim + KEYVAL), [("TCP_RR", 100.5, "trans/s")])
        self.assertEqual(rates(RR + interim), [])


class OmniTest(unittest.TestCase):
    def test_a_row_that_does_not_fit_its_titles_is_no_result(self):
        titles = "Throughput,Throughput Units,Elapsed Time (sec)\n"
        self.assertEqual(len(rates(RR + titles + "100.50,Trans/s,10.00\n")), 1)
        self.assertEqual(rates(RR + titles + "100.50,Trans/s,10.00,7\n"), [])

    def test_aligned_columns_need_titles_that_are_known(self):
        known = "Throughput Throughput\n           Units\n100.50     Trans/s\n"
        self.assertEqual(rates(RR + known), [("TCP_RR", 100.5, "trans/s")])
        narrowed = "Throughput Throughput\n           Units\n100.50 Trans/s\n"
        self.assertEqual(rates(RR + narrowed), [("TCP_RR", 100.5, "trans/s")])
        collapsed = "Throughput Throughput\nUnits\n100.50 Trans/s\n"
        self.assertEqual(rates(RR + collapsed), [])

    def test_blocks_of_one_run_are_one_result(self):
        first = "Throughput,Throughput Units\n100.50,Trans/s\n"
        second = "Elapsed Time (sec),99th Percentile Latency Microseconds\n10.00,7\n"
        found = results(RR + first + second)
        self.assertEqual([(one["value"], one["p99_latency_us"]) for one in found], [(100.5, 7.0)])
        self.assertEqual(len(results(RR + first + RR + second)), 1)
        self.assertEqual(len(results(RR + first + RR + first)), 2)

    def test_several_keys_in_a_line_are_as_good_as_one(self):
        self.assertEqual(rates(RR + KEYVAL.replace("\n", " ")), [("TCP_RR", 100.5, "trans/s")])

    def test_a_heading_glued_to_a_figure_or_a_word_is_none(self):
        heading = "bytes  Bytes  bytes    bytes   secs.    per sec\n"
        text = RR + "THROUGHPUT_UNITS=Trans/s\nTHROUGHPUT=1" + heading + "8 0 1 1 10.0 5.9\n"
        self.assertEqual(rates(text), [])
        text = "netperf -HSocket  Message  Elapsed\n"
        text += "bytes bytes bytes secs 10^6bits/sec\n3 4 6 0.5 8.1\n"
        self.assertEqual(rates(text), rates(text.replace("Socket", "web1")))

    def test_a_title_that_two_selectors_share_is_left_out(self):
        titles = "Throughput,Throughput,Throughput Units\n"
        self.assertEqual(rates(RR + titles + "100.50,200.50,Trans/s\n"), [])

    def test_a_cell_may_hold_commas_in_quotation_marks(self):
        text = 'Throughput,Throughput Units,Command Line\n1.50,Trans/s,"netperf -- -r 1,1"\n'
        self.assertEqual(rates(RR + text), [("TCP_RR", 1.5, "trans/s")])


class TraceTest(unittest.TestCase):
    def test_a_line_of_separators_alone_is_blank(self):
        for line in ('"\x1d', "> \x1c", "\x85", "'\u2028"):
            self.assertEqual(netperf.parse(line).results, ())

    def test_base64_is_not_read_and_said_to_be(self):
        report = netperf.parse("Content-Transfer-Encoding: base64\n\nTUlHUkFURUQ=\n")
        self.assertEqual([warning.line for warning in report.warnings], [1])

    def test_errors_of_netperf_are_reported(self):
        text = "netperf: send_omni: send_data failed: Connection reset by peer\n"
        self.assertEqual(netperf.parse(STREAM + text).errors, (text.strip(),))
        text = "udp_send: data send error: Message too long\n"
        self.assertEqual(netperf.parse(text).errors, (text.strip(),))

    def test_other_programs_are_named_and_give_no_result(self):
        for line, name in (
            ("[ ID] Interval           Transfer     Bandwidth", "iperf"),
            ("$ sudo iperf3 -c 10.0.0.2 -t 60", "iperf3"),
            ("Requests/sec: 1344512.65", "wrk"),
            ("sockperf: Summary: Latency is 9.1 usec", "sockperf"),
            ("num_transactions=1350742", "neper"),
            ("Requests per second:    12345.67 [#/sec] (mean)", "ab"),
            ("  Slowest:\t0.0010 secs", "hey"),
            ("finished in 10.00s, 1234.00 req/s, 12.00MB/s", "h2load"),
            ("** SIEGE 4.0.4", "siege"),
            ("fio-3.12", "fio"),
            ("TCP latency using localhost: 12.34 microseconds", "lmbench"),
            (" 1123.4 MB / 10.01 sec = 941.3 Mbps 3 %TX 10 %RX 0 retrans", "nuttcp"),
            ('"sum_sent": {"bits_per_second": 9.4e9}', "iperf3"),
            ("tcp_lat:", "qperf"),
            ("  Success rate:\t0.9990\n  Slowest:\t0.0010 secs", "oha"),
            ("  4 threads and 32 connections", "wrk"),
            ("C:\\tools> ntttcp.exe -r -t 10", "ntttcp"),
            ("$ ./ethr -c 10.0.0.2", "ethr"),
            ("Started Flent 2.0.1 using Python 3.9.2.", "flent"),
            ("sh-5.1$ uperf -m crr.xml", "uperf"),
            ("$ memtier_benchmark -s 10.0.0.2", "memtier_benchmark"),
            ("# ./build/dperf -c cps.conf", "dperf"),
            ("Bombarding http://10.0.0.2:80", "bombardier"),
            ("http_req_duration..: avg=1.2ms", "k6"),
            ("Total: connections 100 requests 100", "httperf"),
        ):
            report = netperf.parse(line)
            self.assertEqual((report.other_tool, report.results), (name, ()))
        self.assertIsNone(netperf.parse("Requests/sec: 1\n" + RR + KEYVAL).other_tool)


class HostileTest(unittest.TestCase):
    def test_any_text_gives_a_report(self):
        random_order = random.Random(7)
        texts = [path.read_text(encoding="utf-8") for path in sorted(CAPTURES.glob("*.txt"))]
        lines = [line for text in texts for line in text.splitlines()] + [
            "",
            "\x00",
            "\ud800",
            "1" * 5000,
        ]
        for _ in range(300):
            chosen = random_order.choices(lines, k=40)
            text = "\n".join(line[: random_order.randint(0, 200)] for line in chosen)
            for result in netperf.parse(text).results:
                self.assertTrue(0 <= result.value < 1e15)

    def test_every_cut_of_a_capture_gives_its_results_or_fewer(self):
        for name in ("crr", "crr-kall", "udp-cpu", "crr-O", "crr-oplain"):
            text = (CAPTURES / (name + ".txt")).read_text(encoding="utf-8")
            whole = rates(text)
            ends = [end for end, letter in enumerate(text) if letter == "\n"]
            for end in ends:
                self.assertIn(rates(text[:end]), ([], whole), (name, end))

    def test_a_text_that_ends_within_the_decimals_of_a_rate_does_not_give_it(self):
        for name in ("crr", "stream", "udp", "crr-k", "crr-oplain"):
            text = (CAPTURES / (name + ".txt")).read_text(encoding="utf-8")
            value = netperf.parse(text).results[0].value
            digits = "%.2f" % (value if value < 1e6 else value / 1e6)
            cut = text[: text.rindex(digits) + len(digits) - 1]
            self.assertEqual(rates(cut), [], (name, cut))

    def test_lists_are_bounded(self):
        report = netperf.parse(
            STREAM * 5000 + "1 2 3 4 5 6 7\n" * 5000 + "netperf: send_data: x\n" * 9
        )
        self.assertEqual(len(report.unrecognised), 100)
        self.assertLessEqual(len(report.warnings), 100)
        self.assertTrue(all(len(line.text) <= 200 for line in report.unrecognised))

    def test_a_line_too_long_for_netperf_is_left_out_with_a_warning(self):
        report = netperf.parse("x" * 5000 + "\n" + RR + KEYVAL)
        self.assertEqual(len(report.results), 1)
        self.assertEqual([warning.line for warning in report.warnings], [1])


class LiveTest(unittest.TestCase):
    """Against the netperf of this machine."""

    def setUp(self):
        if not (shutil.which("netperf") and shutil.which("netserver")):
            message = "needs netperf: apt-get install netperf (non-free), dnf install netperf"
            if os.environ.get("REQUIRE_SERVICES") == "1":
                self.fail(message)
            self.skipTest(message)

    def run_netperf(self, *options):
        with Netserver(shutil.which("netserver")) as server:
            command = ["netperf", "-H", server.address, "-p", str(server.port), "-l", "1", *options]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=True
            )
        return netperf.parse(done.stdout.decode("utf-8"))

    def test_every_kind_of_output_is_read(self):
        selectors = "THROUGHPUT,THROUGHPUT_UNITS,ELAPSED_TIME,PROTOCOL,DIRECTION"
        for test, unit, options in (
            ("TCP_CRR", "trans/s", ()),
            ("TCP_CRR", "trans/s", ("-D", "0.25", "--", "-k", selectors)),
            ("TCP_CRR", "trans/s", ("-P", "0", "--", "-k", selectors)),
            ("TCP_RR", "trans/s", ("-c", "-C")),
            ("TCP_STREAM", "bit/s", ("-f", "M")),
            ("TCP_MAERTS", "bit/s", ("--", "-o")),
            ("UDP_RR", "trans/s", ("--", "-O")),
            ("UDP_STREAM", "bit/s", ("-c",)),
        ):
            with self.subTest(test=test, options=options):
                report = self.run_netperf("-t", test, *options)
                self.assertEqual(
                    [(found.test, found.unit) for found in report.results], [(test, unit)]
                )
                self.assertGreater(report.results[0].value, 0)
                self.assertGreater(report.results[0].elapsed_time_s, 0.5)
                self.assertEqual(report.unrecognised, ())


if __name__ == "__main__":
    unittest.main()
