"""What is not sure gives no result and is listed; what only looks doubtful is read."""

import unittest

from crr_submit import netperf

BANNER = "MIGRATED TCP {} TEST from 0.0.0.0 () port 0 AF_INET to 10.0.0.2 () port 0 AF_INET\n"
CRR = BANNER.format("Connect/Request/Response")
RR = BANNER.format("REQUEST/RESPONSE")
STREAM = BANNER.format("STREAM")
RR_HEADING = "bytes  Bytes  bytes    bytes   secs.    per sec\n\n"
FIRST = "20480  65536  1        1       12.00    7311.25\n"
SECOND = "20480  65536\n"
STREAM_HEADING = "bytes  bytes   bytes    secs.    10^6bits/sec\n\n"
STREAM_ROW = " 65536  20480  20480    12.00     411.62\n"
DATAGRAM_HEADING = "bytes   bytes    secs            #      #   10^6bits/sec\n\n"
KEYVAL = "THROUGHPUT=7311.25\nTHROUGHPUT_UNITS=Trans/s\n"


def rates(text):
    return [(result.test, result.value) for result in netperf.parse(text).results]


def reasons(text):
    return {warning.message for warning in netperf.parse(text).warnings}


class SeveralCommandsTest(unittest.TestCase):
    rows = FIRST + SECOND + FIRST + SECOND

    def assert_doubt(self, text):
        report = netperf.parse(text)
        self.assertEqual(report.results, (), text)
        self.assertGreaterEqual(len(report.unrecognised), 2, text)

    def test_rows_below_commands_of_several_tests_are_of_none_for_sure(self):
        for commands in (
            "$ netperf -P 0 -t UDP_RR; netperf -P 0 -t TCP_CRR\n",
            "$ netperf -P 0 -t UDP_RR -H h && sudo netperf -P 0 -t TCP_CRR -H h\n",
            "netperf -P 0 -t UDP_RR\nnetperf -P 0 -t TCP_CRR\n$ sh both.sh\n",
            "$ netperf -P 0 -t UDP_RR &\n[1] 77\n$ netperf -P 0 -t TCP_CRR &\n[2] 78\n",
        ):
            self.assert_doubt(commands + self.rows)
            self.assertIn("commands for several tests stand above this", reasons(commands + FIRST))

    def test_tables_and_lone_rates_neither(self):
        commands = "netperf -t UDP_RR\nnetperf -t TCP_CRR\n"
        self.assert_doubt(commands + (RR_HEADING + FIRST + SECOND) * 2)
        self.assert_doubt(commands.replace("-t", "-v 0 -P 0 -t") + "7311.25\n811.50\n")

    def test_commands_that_had_their_output_are_done(self):
        udp, crr = "$ netperf -P 0 -t UDP_RR\n", "$ netperf -P 0 -t TCP_CRR\n"
        self.assertEqual(
            rates(udp + FIRST + SECOND + crr + FIRST), [("UDP_RR", 7311.25), ("TCP_CRR", 7311.25)]
        )
        failed = "netperf: send_omni: connect_data_socket failed\n"
        self.assertEqual(rates(udp + failed + crr + FIRST), [("TCP_CRR", 7311.25)])

    def test_commands_that_agree_leave_no_doubt(self):
        for commands in (
            "$ netperf -P 0 -t UDP_RR -H h; netperf -P 0 -t UDP_RR -H g\n",
            "netperf -P 0 -t UDP_RR -H h\nnetperf -P 0 -t UDP_RR -H g\n",
        ):
            self.assertEqual(rates(commands + self.rows), [("UDP_RR", 7311.25)] * 2, commands)

    def test_the_kind_of_a_table_tells_of_which_command_it_is(self):
        rr, stream = RR_HEADING + FIRST + SECOND, STREAM_HEADING + STREAM_ROW
        expected = [("TCP_CRR", 7311.25), ("TCP_MAERTS", 411620000.0)]
        for commands in (
            "netperf -t TCP_MAERTS\nnetperf -t UDP_STREAM\nnetperf -t TCP_CRR\n",
            "$ netperf -t TCP_MAERTS; netperf -t TCP_CRR\n",
        ):
            self.assertEqual(rates(commands + rr + stream), expected, commands)
        text = "netperf -t TCP_MAERTS\nnetperf -t TCP_STREAM\n" + stream
        self.assertEqual(rates(text), [])
        text = "netperf -f k -t TCP_MAERTS\nnetperf -t TCP_CRR\n" + rr
        self.assertEqual(rates(text), [])


class ProseTest(unittest.TestCase):
    def test_prose_is_no_command(self):
        for line in (
            "# netperf - TCP_MAERTS by night",
            "- netperf - the way down:",
            "netperf -- the way down",
            "web1 -> netperf on web2",
            "at 75% netperf load",
            "$ netperf --version",
            "$ netperf -V",
            "$ netperf -h",
            "$ which netperf",
            "$ apt-get install netperf",
        ):
            self.assertEqual(rates(line + "\n" + STREAM_HEADING + STREAM_ROW), [], line)
            text = CRR + line + "\n" + RR_HEADING + FIRST + SECOND
            self.assertEqual(rates(text), [("TCP_CRR", 7311.25)], line)

    def test_a_title_in_small_letters_is_no_banner(self):
        for title in ("=== TCP stream test ===\n", "Running the request/response test\n"):
            self.assertEqual(rates(title + CRR + KEYVAL), [("TCP_CRR", 7311.25)], title)
            text = "$ netperf -P 0 -t UDP_RR\n" + title + FIRST + SECOND
            self.assertEqual(rates(text), [("UDP_RR", 7311.25)], title)
            self.assertEqual(reasons(title + text), set())

    def test_a_title_in_capitals_stops_what_was_said_before_from_naming(self):
        for before in ("$ netperf -t UDP_RR\n", CRR):
            text = before + "TCP Stream Test\n" + RR_HEADING + FIRST + SECOND
            self.assertEqual(rates(text), [], before)
        self.assertEqual(rates("TCP Stream Test\n" + CRR + KEYVAL), [("TCP_CRR", 7311.25)])


class NamedByTitleTest(unittest.TestCase):
    rr = (
        "Local /Remote\nSocket Size   Request  Resp.   Elapsed  Trans.\n"
        + RR_HEADING
        + FIRST
        + SECOND
    )
    stream = "Recv   Send    Send\n" + STREAM_HEADING + STREAM_ROW

    def test_a_line_that_only_names_a_test_names_the_table_below(self):
        for title in (
            "## netperf %s (trans/sec):", "%s", "%s:", "**%s**", "`%s` (Mbps):", "=== %s test ===",
            "2. %s results", "# %s\n\n```",
        ):  # fmt: skip
            self.assertEqual(
                rates(title % "TCP_CRR" + "\n" + self.rr), [("TCP_CRR", 7311.25)], title
            )
            text = title % "tcp_maerts" + "\n" + self.stream
            self.assertEqual(rates(text), [("TCP_MAERTS", 411620000.0)], title)
        two = "TCP_RR\n" + self.rr + "TCP_CRR\n" + self.rr
        self.assertEqual(rates(two), [("TCP_RR", 7311.25), ("TCP_CRR", 7311.25)])

    def test_what_names_no_test_for_sure(self):
        for title in (
            "instead of TCP_CRR:", "TCP_CRR failed, so:", "TCP_CRR, TCP_RR", "TCP_CRR (TCP_RR)",
            "TCP_CRR\nTCP_RR", "TCP_RR\nTCP_CRR\nTCP_CRR", "TCP_CRR\nby night:", "TCP_STREAM",
            "TCP_CRR\n\n" + FIRST + SECOND, "MY_CRR", "RR", "Request/Response",
            "TCP_CRR\n" + STREAM + "netperf: send_omni: failed",
        ):  # fmt: skip
            self.assertEqual(rates(title + "\n" + self.rr), [], title)
        self.assertEqual(rates("TCP_CRR\n" + self.rr + self.rr), [("TCP_CRR", 7311.25)])

    def test_a_banner_and_a_command_say_more(self):
        for said in (RR, "$ netperf -t TCP_RR\n"):
            self.assertEqual(rates(said + "TCP_CRR\n" + self.rr), [("TCP_RR", 7311.25)], said)
        self.assertEqual(rates(STREAM + "TCP_CRR\n" + self.rr), [])


class CommandLineTest(unittest.TestCase):
    def test_flags_in_one_word(self):
        for flags in ("-4t", "-jt", "-d4t", "-6dt"):
            text = "$ netperf -P 0 %s TCP_MAERTS\n" % flags + STREAM_ROW
            self.assertEqual(rates(text), [("TCP_MAERTS", 411620000.0)], flags)

    def test_dashes_of_a_text_processor(self):
        text = "$ netperf \u2013H h \u2013P 0 \u2013t TCP_MAERTS \u2014 \u2013f k\n" + STREAM_ROW
        self.assertEqual(rates(text), [("TCP_MAERTS", 411620000.0)])

    def test_selectors_of_a_command_are_no_heading(self):
        text = (
            "# sh many.sh -t TCP_RR -- -k throughput,throughput_units,p99_latency\n" + CRR + KEYVAL
        )
        report = netperf.parse(text)
        self.assertEqual(([r.value for r in report.results], report.unrecognised), ([7311.25], ()))

    def test_prompts_of_other_shells(self):
        for prompt in ("\u279c  ~ ", "\u276f "):
            self.assertEqual(rates(prompt + "netperf -P 0 -t UDP_RR\n" + FIRST)[0][0], "UDP_RR")

    def test_without_f_a_command_gives_a_rate_its_unit(self):
        key, csv = "THROUGHPUT=58.68\n", "Mean Latency Microseconds,Throughput\n17474.43,58.68\n"
        for test, value in (
            ("TCP_STREAM", 58680000.0),
            ("TCP_MAERTS", 58680000.0),
            ("UDP_RR", 58.68),
        ):
            command = "$ netperf -t %s -- -k\n" % test
            for text in (command + key, command + csv):
                self.assertEqual(rates(text), [(test, value)], text)
            for text in (key, command.replace("-t", "-f g -t") + key):
                self.assertEqual(rates(text), [], text)
        self.assertEqual(rates("$ netperf -- -o\n" + STREAM + csv), [("TCP_STREAM", 58680000.0)])
        self.assertEqual(rates(STREAM + csv), [])
        self.assertEqual(rates("$ netperf -t LOC_CPU -- -k\n" + key), [])

    def test_the_selectors_of_a_command_are_the_titles_below_P_0(self):
        names = "p99_latency,THROUGHPUT,throughput_units"
        command = "$ netperf -P 0 -t TCP_CRR -H h -- -r 1,1 -%s " + names + "\n"
        csv, columns = "59,7311.25,Trans/s\n", "59         7311.25    Trans/s\n"
        for text in (command % "o" + csv, command % "O" + columns):
            (result,) = netperf.parse(text + text).results[1:]
            self.assertEqual((result.test, result.value), ("TCP_CRR", 7311.25), text)
            self.assertEqual(result.p99_latency_us, 59)
        plain = "$ netperf -P 0 -t TCP_MAERTS -H h -- -o mean_latency,throughput\n17474.43,58.68\n"
        self.assertEqual(rates(plain), [("TCP_MAERTS", 58680000.0)])
        self.assertEqual(rates(command % "o" + csv + csv), [("TCP_CRR", 7311.25)])
        loop = "$ while true; do netperf -P 0 -t UDP_RR -- -o %s; done\n" % names
        self.assertEqual(rates(loop + csv + csv), [("UDP_RR", 7311.25)] * 2)
        for text in (
            (command % "o").replace("-P 0", "-P 1") + csv,
            (command % "o").replace("p99", "p98") + csv,
            (command % "o").replace("\n", " | sort\n") + csv,
            command % "o" + "59,7311.25,reqs\n",
            command % "o" + "59,7311.25,Trans/s,1\n",
            command % "o" + "$ netperf -P 0 -t UDP_RR -- -o %s\n" % names + csv,
            plain.replace(",58.68", ",x"),
            plain.replace("-H", "-f m -H"),
            csv,
        ):
            self.assertEqual(rates(text), [], text)

    def test_options_in_a_variable_name_no_test(self):
        self.assertEqual(rates("$ netperf $OPTIONS\n" + STREAM_HEADING + STREAM_ROW), [])
        text = "$ netperf $OPTIONS -t TCP_MAERTS\n" + STREAM_HEADING + STREAM_ROW
        self.assertEqual(rates(text), [("TCP_MAERTS", 411620000.0)])

    def test_what_another_program_made_of_a_row_is_not_read(self):
        command = "$ netperf -P 0 -H h | %s\n"
        text = command % "awk '{print $1,$2,$3,$4,$5/1000}'" + STREAM_ROW
        self.assertEqual(rates(text), [])
        reason = "the command above this hands its output to another program"
        self.assertEqual(reasons(text), {reason})
        self.assertEqual(rates(command % "tee log" + STREAM_ROW), [("TCP_STREAM", 411620000.0)])

    def test_a_lone_rate_beside_other_commands(self):
        text = "$ netperf -P 0 -v 0 -t UDP_RR%s\n81.25\n7311.25\n"
        self.assertEqual(rates(text % "; uptime"), [("UDP_RR", 81.25)])
        self.assertEqual(rates(text % " & sleep 2; cut -c1-5 /proc/uptime"), [])

    def test_a_brand_stands_behind_the_row(self):
        text = '$ netperf -P 0 -B "my run" -t UDP_RR\n' + FIRST.rstrip() + " my run\n" + SECOND
        result = netperf.parse(text).results[0]
        self.assertEqual((result.value, result.remote_recv_socket_bytes), (7311.25, 65536))
        text = "$ netperf -v 0 -B brand -t UDP_RR\n7311.25 brand\n"
        self.assertEqual(rates(text), [("UDP_RR", 7311.25)])
        self.assertEqual(rates(text.replace("-B brand", "-P 0")), [])


class RemarkTest(unittest.TestCase):
    def test_a_remark_that_contradicts_its_row(self):
        for banner, table, remark in (
            (RR, RR_HEADING + FIRST, "(TCP_CRR)"),
            (RR, RR_HEADING + FIRST, "k"),
            (RR, RR_HEADING + FIRST, "Mbps"),
            (STREAM, STREAM_HEADING + STREAM_ROW, "MB/s"),
            (STREAM, STREAM_HEADING + STREAM_ROW, "kbps"),
            (STREAM, STREAM_HEADING + STREAM_ROW, "tps"),
            (STREAM, STREAM_HEADING + STREAM_ROW, "Gbit/s"),
            (STREAM, STREAM_HEADING + STREAM_ROW, "<- Gbps"),
        ):
            text = banner + table.rstrip() + " %s\n" % remark.replace("<- ", "")
            report = netperf.parse(text)
            self.assertEqual(report.results, (), remark)
            self.assertIn(report.unrecognised[-1].line, {4})
            self.assertTrue(any("behind this row" in reason for reason in reasons(text)))

    def test_a_remark_that_agrees(self):
        for remark in ("TCP_RR", "(tcp_rr)", "trans/s", "transactions/sec", "tps", "as before"):
            text = RR + RR_HEADING + FIRST.rstrip() + " %s\n" % remark + SECOND
            self.assertEqual(rates(text), [("TCP_RR", 7311.25)], remark)
        for remark in ("Mbps", "(Mbit/s)", "Mb/s", "Mbits/sec", "(10^6bits/s)"):
            text = STREAM + STREAM_HEADING + STREAM_ROW.rstrip() + " %s\n" % remark
            self.assertEqual(rates(text), [("TCP_STREAM", 411620000.0)], remark)

    def test_a_remark_behind_a_heading(self):
        for remark in (
            "(trans/s)", "[best of 3]", "# per host", "// per host", "<- here", "--> here",
            "\u2190 here", "\u2192 here", "\uff08\u6bcf\u79d2\uff09", "\u3010x\u3011", "<b",
        ):  # fmt: skip
            for space in (" ", "   "):
                rr = RR_HEADING.rstrip() + space + remark + "\n\n" + FIRST + SECOND
                stream = STREAM_HEADING.rstrip() + space + remark + "\n\n" + STREAM_ROW
                expected = [("TCP_CRR", 7311.25), ("TCP_STREAM", 411620000.0)]
                self.assertEqual(rates(CRR + rr + STREAM + stream), expected, remark)
        for words in ("trans/s", "7", "% S", "-- x", "/s"):
            text = CRR + RR_HEADING.rstrip() + " " + words + "\n\n" + FIRST + SECOND
            self.assertEqual(rates(text), [], words)

    def test_a_remark_with_figures(self):
        for remark in (
            "+12%",
            "-3.1%",
            "2.5% up",
            "12.5k",
            "(12.5k)",
            "+1,5%",
            "1.3x",
            "~7311",
            "= 7.3k",
        ):
            text = CRR + RR_HEADING + FIRST.rstrip() + "  %s\n" % remark + SECOND
            self.assertEqual(rates(text), [("TCP_CRR", 7311.25)], remark)

    def test_a_remark_that_compares_with_another_test(self):
        for remark in (
            "<- vs TCP_RR 2000",
            "vs. TCP_RR",
            "(slower than TCP_RR)",
            "compared to tcp_rr",
        ):
            text = CRR + RR_HEADING + FIRST.rstrip() + "  %s\n" % remark + SECOND
            self.assertEqual(rates(text), [("TCP_CRR", 7311.25)], remark)
        for remark in ("<- TCP_RR", "vs TCP_CRR: TCP_RR"):
            text = CRR + RR_HEADING + FIRST.rstrip() + "  %s\n" % remark + SECOND
            self.assertEqual(rates(text), [], remark)

    def test_a_figure_with_its_thousands_apart(self):
        text = CRR + RR_HEADING + FIRST.replace("7311.25", "1,207,311.25") + SECOND
        self.assertEqual(rates(text), [("TCP_CRR", 1207311.25)])
        text = STREAM + STREAM_HEADING + "65,536  20,480  20,480    12.00   1,411.62\n"
        self.assertEqual(rates(text), [("TCP_STREAM", 1411620000.0)])
        for figure in ("7,31.25", "7311,25", "7,311", "7,,311.25", ",311.25", "7.311,25"):
            text = CRR + RR_HEADING + FIRST.replace("7311.25", figure) + SECOND
            self.assertEqual(rates(text), [], figure)


class OtherSideTest(unittest.TestCase):
    def sizes(self, between):
        result = netperf.parse(CRR + RR_HEADING + FIRST + between).results[0]
        return result.remote_send_socket_bytes, result.remote_recv_socket_bytes

    def test_a_size_of_minus_one_was_not_told(self):
        text = CRR + RR_HEADING + FIRST.replace("65536", "-1   ") + "-1     -1\n"
        (result,) = netperf.parse(text).results
        self.assertEqual((result.value, result.warnings), (7311.25, ()))
        sizes = (result.local_send_socket_bytes, result.local_recv_socket_bytes)
        self.assertEqual(sizes, (20480, None))
        self.assertIsNone(result.remote_send_socket_bytes)
        text = STREAM + STREAM_HEADING + STREAM_ROW.replace(" 65536", "    -1")
        self.assertEqual(rates(text), [("TCP_STREAM", 411620000.0)])
        for wrong in (FIRST.replace("1        1", "-1       1"), FIRST.replace("65536", "-2")):
            self.assertEqual(rates(CRR + RR_HEADING + wrong + SECOND), [], wrong)

    def test_counts_of_datagrams_beyond_32_bits(self):
        sent, arrived = (
            "126976  18  600.00  -1294967296  0  720.01",
            "-1  600.00  -1794967296  600.01",
        )
        text = (
            "UDP UNIDIRECTIONAL SEND TEST to h\n" + DATAGRAM_HEADING + sent + "\n" + arrived + "\n"
        )
        (result,) = netperf.parse(text).results
        self.assertEqual((result.value, result.sent_value), (600.01e6, 720.01e6))
        self.assertIsNone(result.remote_recv_socket_bytes)

    def test_the_use_of_cpus_measured_in_an_unknown_way(self):
        heading = STREAM_HEADING.rstrip() + "  % ?      % ?      us/KB   us/KB\n\n"
        row = STREAM_ROW.rstrip() + "   -1.00    -1.00    -1.000  -1.000\n"
        self.assertEqual(rates(STREAM + heading + row), [("TCP_STREAM", 411620000.0)])

    def test_numbers_of_something_else_are_not_its_row(self):
        for between in (
            "$ sysctl -n net.ipv4.ip_local_port_range\n32768\t60999\n",
            "pinned to\n0 1\n",
            "[...]\n" + SECOND,
            "user@web1:~$ ./sizes\n" + SECOND,
        ):
            self.assertEqual(self.sizes(between), (None, None), between)
        self.assertEqual(self.sizes("device eth0 entered promiscuous mode\n" + SECOND)[0], 20480)

    def test_rows_of_two_datagram_runs_are_not_one_result(self):
        sent, arrived = "4096  512   2.00  100  0  60.00\n", "4096  2.00  90  54.00\n"
        less, of_less = "4096  512   2.00  80  0  48.00\n", "4096  2.00  70  42.00\n"
        table = "UDP STREAM TEST to h\n" + DATAGRAM_HEADING
        self.assertEqual(rates(table + sent + arrived), [("UDP_STREAM", 54e6)])
        self.assertEqual(rates(table + sent + less + arrived + of_less), [])
        self.assertEqual(rates(table + less + "and there:\n" + arrived), [])
        late = arrived.replace("2.00", "3.00")
        self.assertEqual(rates(table + sent + "and there:\n" + late), [])
        noise = "eth0: link is up\n"
        self.assertEqual(rates(table + sent + noise + arrived), [("UDP_STREAM", 54e6)])


class OmniBannerTest(unittest.TestCase):
    def test_who_sends_tells_that_transactions_are_counted(self):
        banner = "OMNI %s TEST from 0.0.0.0 () port 0 AF_INET to 10.0.0.2 () port 0 AF_INET\n"
        rows = "P99_LATENCY,TRANSACTION_RATE\n31,61538.40\n"
        self.assertEqual(rates(banner % "Send|Recv" + rows), [("OMNI", 61538.4)])
        self.assertEqual(rates(banner % "Send" + rows), [])
        named = "PROTOCOL=UDP\nTRANSACTION_RATE=61538.40\n"
        self.assertEqual(rates(banner % "Send|Recv" + named), [("UDP_RR", 61538.4)])

    def test_xti_tests_have_names_of_their_own(self):
        text = "XTI TCP REQUEST/RESPONSE TEST to h\n" + RR_HEADING + FIRST
        self.assertEqual(rates(text), [("XTI_TCP_RR", 7311.25)])


class TitleTest(unittest.TestCase):
    """Columns and CSV as people and scripts change them."""

    columns = (
        "Request Response Elapsed Throughput Throughput\n"
        "Size    Size     Time               Units\n"
        "Bytes   Bytes    (sec)\n"
        "\n"
        "1       64       12.00   7311.25    Trans/s\n"
    )

    def test_bytes_bytes_may_be_titles_above_columns(self):
        result = netperf.parse(RR + self.columns).results[0]
        self.assertEqual((result.value, result.elapsed_time_s), (7311.25, 12.0))
        self.assertEqual((result.request_size_bytes, result.response_size_bytes), (1, 64))

    def test_columns_that_lost_their_spaces(self):
        lines = (
            "Minimum Maximum 99th Throughput Throughput Stddev",
            "Latency Latency Percentile Units Latency",
            "Microseconds Microseconds Latency Microseconds",
            "Microseconds",
            "31 8127 412 7311.25 Trans/s 17.25",
        )
        for text in ("\n".join(lines), "\n".join(lines).replace(" ", "\t")):
            result = netperf.parse(RR + text + "\n").results[0]
            self.assertEqual((result.test, result.value), ("TCP_RR", 7311.25))
            found = (result.min_latency_us, result.p99_latency_us, result.stddev_latency_us)
            self.assertEqual(found, (31.0, 412.0, 17.25))
        text = "\n".join((*lines[:-1], " ".join(lines[-1].split()[1:])))
        self.assertEqual(rates(RR + text + "\n"), [])

    def test_the_last_line_of_a_heading_may_lose_its_indentation(self):
        heading = "Mean         99th         Transaction\nLatency      Percentile   Rate\n"
        heading += "Microseconds Latency      Tran/s\nMicroseconds\n"
        result = netperf.parse(RR + heading + "55.25        71           17993.125\n").results[0]
        self.assertEqual((result.value, result.p99_latency_us), (17993.125, 71.0))

    def test_a_title_between_columns_is_no_row(self):
        heading = "Mean         Transaction\nLatency      Rate\nMicroseconds Tran/s\n"
        text = heading + "55.25        17993.125\n## Second run\n"
        self.assertEqual(netperf.parse(RR + text).unrecognised, ())

    def test_a_classic_heading_that_mail_broke_there_is_still_one(self):
        titles = "Send   Recv   Size     Size    Time     Rate\n"
        text = RR + titles + "bytes  Bytes\nbytes    bytes   secs.    per sec\n" + FIRST + SECOND
        self.assertEqual(rates(text), [("TCP_RR", 7311.25)])

    def test_a_column_of_an_unknown_title_is_left_out(self):
        text = self.columns.replace("Request ", "Final   ")
        result = netperf.parse(RR + text).results[0]
        self.assertEqual((result.value, result.response_size_bytes), (7311.25, 64))
        self.assertIsNone(result.request_size_bytes)
        report = netperf.parse(RR + text.replace("Throughput", "Transport "))
        self.assertEqual(report.results, ())
        self.assertIn(6, [line.line for line in report.unrecognised])

    def test_signs_between_cells(self):
        titles, row = "Throughput,Throughput Units,Elapsed Time", "7311.25,Trans/s,12.00"
        for start, sign, end, rule in (
            ("", ",", "", ""),
            ("", ";", "", ""),
            ('"', '","', '"', ""),
            ("|", "|", "|", "|---|:--|--:|\n"),
            ("| ", " | ", " |", "| --- | --- | --- |\n"),
        ):
            lines = [start + sign.join(line.split(",")) + end + "\n" for line in (titles, row)]
            result = netperf.parse(RR + rule.join(lines)).results[0]
            self.assertEqual((result.value, result.elapsed_time_s), (7311.25, 12.0), lines)

    def test_a_row_that_names_its_own_test(self):
        rows = "test,Throughput,Throughput Units\nTCP_RR,7311.25,Trans/s\nTCP_CRR,811.50,Trans/s\n"
        report = netperf.parse(RR + rows)
        self.assertEqual(rates(RR + rows), [("TCP_RR", 7311.25)])
        self.assertEqual([line.line for line in report.unrecognised], [4])
        self.assertIn("a row that names another test", reasons(RR + rows))
        self.assertEqual(rates(rows), [("TCP_RR", 7311.25), ("TCP_CRR", 811.5)])

    def test_keys_as_people_write_them(self):
        for text in (KEYVAL.replace("=", " = "), KEYVAL.replace("\n", ", ")):
            self.assertEqual(rates(CRR + text), [("TCP_CRR", 7311.25)], text)

    def test_a_value_of_20_is_no_quoted_printable(self):
        for prefix in ("client_1  | ", "[pod/client] ", "* ", "export ", "> > "):
            text = CRR + KEYVAL + "P99_LATENCY=20\n"
            lines = text.splitlines(keepends=True)
            self.assertEqual(rates("".join(prefix + line for line in lines)), rates(CRR + KEYVAL))
        encoded = "20480  65536  1        1       12.00    7311.25=20\n"
        self.assertEqual(rates(RR + RR_HEADING + encoded), [("TCP_RR", 7311.25)])

    def test_figures_in_bold(self):
        text = RR + RR_HEADING + FIRST.replace("7311.25", "**7311.25**") + SECOND
        self.assertEqual(rates(text), [("TCP_RR", 7311.25)])


class TableTest(unittest.TestCase):
    def test_the_use_of_a_side_without_service_demand_was_not_measured(self):
        heading = "bytes  bytes  bytes   bytes  secs.   per sec  % S    % U    us/Tr   us/Tr\n"
        row = "20480  65536  1       1      12.00   7311.25  31.50  0.00   43.080  -1.000\n"
        result = netperf.parse(RR + heading + row + SECOND).results[0]
        self.assertEqual(result.local_cpu_percent, 31.5)
        self.assertEqual(result.local_service_demand_us, 43.08)
        self.assertIsNone(result.remote_cpu_percent)

    def test_old_tests_over_ipv6_have_names_and_banners_of_their_own(self):
        rr, stream = RR_HEADING + FIRST + SECOND, STREAM_HEADING + STREAM_ROW
        datagrams = DATAGRAM_HEADING + "4096  512   2.00  100  0  60.00\n4096  2.00  90  54.00\n"
        for title, table, expected in (
            ("TCPIPV6 STREAM", stream, ("TCPIPV6_STREAM", 411620000.0)),
            ("TCPIPV6 REQUEST/RESPONSE", rr, ("TCPIPV6_RR", 7311.25)),
            ("TCPIPV6 Connect/Request/Response", rr, ("TCPIPV6_CRR", 7311.25)),
            ("UDPIPV6 UNIDIRECTIONAL SEND", datagrams, ("UDPIPV6_STREAM", 54e6)),
            ("UDPIPV6 REQUEST/RESPONSE", rr, ("UDPIPV6_RR", 7311.25)),
        ):
            for text in (title + " TEST to h\n" + table, "u1: %s TEST to h\n" % title + table):
                self.assertEqual(rates(text), [expected], title)
                self.assertEqual(netperf.parse(text).results[0].address_family, "inet6")

    def test_requests_without_blocking_have_a_name_of_their_own(self):
        text = "TCP Non-Blocking REQUEST/RESPONSE TEST to h\n" + RR_HEADING + FIRST
        self.assertEqual(rates(text), [("TCP_NBRR", 7311.25)])


class ToolTest(unittest.TestCase):
    def test_a_table_of_several_tools_with_netperf_among_them(self):
        rows = "| iperf3 | 9 Gbps |\n| netperf | TCP_CRR | 14K a second |\n"
        for text in ("$ iperf3 -c h\n" + rows, rows.replace("9 Gbps", "a iperf3 run")):
            self.assertIsNone(netperf.parse(text).other_tool)
        self.assertEqual(netperf.parse("$ iperf3 -c h\n| TCP_CRR | 7 |\n").other_tool, "iperf3")

    def test_what_only_other_programs_print(self):
        for line, name in (
            ("Aggregated Function Time : count 5 avg 0.1", "fortio"),
            ("  50 parallel clients", "redis-benchmark"),
            ("ALL STATS", "memtier_benchmark"),
            ("from web1 to web2 with nuttcp:", "nuttcp"),
            ("Testing from x at speedtest.net", "speedtest"),
            ("./secnetperf -target:web2", "secnetperf"),
            ("[ ID] Interval\niperf Done.", "iperf3"),
            ("[  ID ]   Protocol    Interval", "ethr"),
            ("Starting 4 threads running profile:crr ...", "uperf"),
            (" #bytes     #iterations    BW peak[MB/sec]", "perftest"),
            ("summary =   7200 in 00:00:30 =  240.0/s", "JMeter"),
            (" Name   # reqs   # fails | Avg  Min | req/s failures/s", "locust"),
        ):
            self.assertEqual(netperf.parse(line).other_tool, name, line)

    def test_a_tool_is_looked_for_where_reports_begin(self):
        for above, name in ((":\n" * 1_999, "qperf"), (":\n" * 2_000, None)):
            self.assertEqual(netperf.parse(above + "qperf 10.0.0.1").other_tool, name)

    def test_a_line_of_asterisks_and_separators_is_no_fault(self):
        for line in ("**", "****", "**\x1c", "** \x85**\x1d", "| ** |"):
            self.assertEqual(netperf.parse(CRR + line + "\n" + KEYVAL).results[0].value, 7311.25)

    def test_a_netserver_that_did_not_start(self):
        line = "Unable to start netserver with  'h' port '12865' and family AF_UNSPEC"
        self.assertEqual(netperf.parse(line + "\n").errors, (line,))


if __name__ == "__main__":
    unittest.main()
