"""The cases that the registry must survive: what breaks, what must hold, and which tests show it.

`make faults` runs each test that is named here and writes docs/reliability.md from what it says.
The name of a class means every test in it. A name that starts with `make` is a target of the
Makefile.
"""

from dataclasses import dataclass

FAULTS = "tests/faults/"
BROKER, DATABASE = f"{FAULTS}test_broker.py::", f"{FAULTS}test_database.py::"
RETRIES = f"{FAULTS}test_retries.py::"
WORKERS, LOAD = f"{FAULTS}test_workers.py::", f"{FAULTS}test_load.py::"
BROWSER, HOSTS = f"{FAULTS}test_browser.py::", f"{FAULTS}test_hosts.py::"
INTAKE, HOSTILE = "tests/submissions/test_intake.py::", "tests/submissions/test_hostile.py::"
DECODE, RENDER = "tests/submissions/test_decode.py::", "tests/charts/test_render_png_svg.py::"
JOURNEY, NGINX = "tests/end_to_end/test_journey.py::", "tests/end_to_end/test_nginx.py::"
CANARY, CLIENT = "tests/end_to_end/test_canary.py::", "tests/client/"
LONG = "tests/submissions/test_long_texts.py::"
PIPELINE, FUZZ = "tests/charts/test_pipeline.py::", "tests/fuzz/test_fuzz.py::"


@dataclass(frozen=True)
class Case:
    """One row of the table. What is `on_both` is shown on SQLite, and by those of its tests that
    touch the database again on PostgreSQL, where it is whole.
    """

    number: str
    fault: str
    holds: str
    shown_by: tuple[str, ...]
    on_both: bool = False


# Those that every change is tested with.
PRIORITY = tuple("01 03 05 07 09 11 12 14 22 25 27 29 33 36 42 47 52 58".split())

CASES = (
    Case(
        "01",
        "Redis is stopped; 200 reports, 10 at a time",
        "each is 201; all are counted when Redis is back",
        (f"{BROKER}test_redis_that_is_stopped_costs_no_report",),
    ),
    Case(
        "02",
        "Redis, RabbitMQ: a black hole that takes connections and never answers",
        "each is 201 within a fraction of a second more; a breaker stops trying",
        (
            f"{BROKER}test_broker_that_never_answers_costs_no_report",
            "tests/registry/test_hints.py::"
            "test_a_broker_that_accepts_and_never_answers_is_given_up",
        ),
    ),
    Case(
        "02b",
        "embedded: the worker is killed 50 times at random during 500 reports",
        "all are counted; what the broker of files forgot the sweep finds",
        (
            f"{BROKER}test_embedded_worker_killed_at_random_loses_nothing",
            f"{JOURNEY}test_a_worker_killed_while_it_draws_costs_no_drawing",
            f"{JOURNEY}test_an_empty_message_ends_nothing",
        ),
    ),
    Case(
        "03",
        "sending the hint after the commit fails",
        "still 201; the loss is counted",
        (f"{INTAKE}test_a_broker_that_is_down_costs_the_sender_nothing",),
    ),
    Case(
        "04",
        "Redis restarts 20 times under load",
        "the backlog drains without a hand",
        (
            f"{BROKER}test_redis_that_restarts_again_and_again_needs_no_hand",
            f"{JOURNEY}test_a_redis_that_goes_away_with_tasks_in_hand_stops_no_worker",
        ),
    ),
    Case(
        "04b",
        "Redis has no memory left (noeviction)",
        "each is 201; all are counted when there is room",
        (f"{BROKER}test_redis_without_memory_costs_no_report",),
    ),
    Case(
        "05",
        "the same report many times in parallel",
        "one 201, else 200, one id, one row",
        (
            f"{RETRIES}test_one_key_at_all_processes_at_once_is_one_report",
            f"{INTAKE}test_many_senders_of_the_same_bytes_at_once_make_one_report",
        ),
        on_both=True,
    ),
    Case(
        "06",
        "a key with another body; a body with another key; a client that ends after the commit",
        "422; 200 and the same id; one row",
        (
            f"{RETRIES}test_one_key_at_all_processes_at_once_is_one_report",
            f"{RETRIES}test_client_killed_after_the_commit_sends_again_and_makes_no_second_report",
            f"{INTAKE}test_a_key_used_with_other_bytes_is_refused",
            f"{INTAKE}test_the_same_bytes_again_are_the_same_report",
            f"{CLIENT}test_send.py::test_a_retry_has_the_same_secrets",
        ),
    ),
    Case(
        "07",
        "a drawing is killed at each of ten points, on disk and in a bucket",
        "the old one is shown whole; the chart is right after the lease",
        (
            "tests/charts/test_killed_drawing.py::test_a_killed_worker_leaves_what_is_served_whole",
            f"{JOURNEY}test_a_worker_killed_while_it_draws_costs_no_drawing",
        ),
    ),
    Case(
        "08",
        "a report whose reading raises, ends its process, takes all memory, never ends",
        "held after five attempts with its reason; the others go on",
        (
            f"{WORKERS}test_report_that_breaks_its_reader_is_held_and_others_go_on",
            "tests/submissions/test_reparse.py::"
            "test_a_report_that_breaks_us_again_and_again_is_held_with_the_reason",
            "tests/submissions/test_reparse.py::"
            "test_a_report_that_takes_its_reader_down_is_held_too",
        ),
    ),
    Case(
        "09",
        "every message comes three times and in reverse",
        "the same cells and the same charts as in a clean run",
        (f"{BROKER}test_messages_that_come_thrice_and_in_reverse_change_nothing",),
    ),
    Case(
        "10",
        "NaN, Infinity, -Infinity as numbers",
        "400, nothing stored",
        (f"{HOSTILE}test_a_number_that_is_none_is_refused_wherever_it_stands",),
    ),
    Case(
        "10b",
        "no scheduler, then three",
        "hints do the work; nothing is done twice",
        (
            f"{BROKER}test_no_scheduler_and_three_schedulers",
            f"{JOURNEY}test_burst_on_one_chart_with_a_second_scheduler",
        ),
    ),
    Case(
        "11",
        "1e400, 5,000 digits, true and texts as numbers",
        "422 (400 where no JSON), each fault named; nothing that is not finite is stored",
        (
            f"{HOSTILE}test_a_number_that_is_none_is_refused_wherever_it_stands",
            f"{HOSTILE}test_a_wrong_type_is_named",
            f"{HOSTILE}test_a_rate_that_netperf_cannot_print_is_no_result",
            f"{DECODE}test_a_number_too_large_to_be_one_is_422",
        ),
    ),
    Case(
        "12",
        "nesting of 33, 1,000 and 80,000",
        "400 by our own count, whatever Python would take",
        (
            f"{HOSTILE}test_deep_nesting_is_400",
            f"{DECODE}test_depth_is_linear_on_quotes_that_never_close",
        ),
    ),
    Case(
        "13",
        "all runs equal, one, none, rate 0, negative",
        "answered as documented, null and never NaN",
        (
            "tests/registry/test_evidence_degenerate.py::test_of_one_sample",
            "tests/registry/test_evidence_degenerate.py::test_of_groups",
            f"{HOSTILE}test_a_rate_that_netperf_cannot_print_is_no_result",
        ),
    ),
    Case(
        "14",
        "NUL, lone surrogates, other encodings in fields, queries, paths, headers",
        "4xx on PostgreSQL as on SQLite",
        (
            f"{HOSTILE}test_what_is_no_text_is_refused_in_every_field",
            f"{HOSTILE}test_a_hostile_query_is_422",
            f"{HOSTILE}test_a_secret_that_is_none_is_refused",
            f"{DECODE}test_what_cannot_be_decoded_is_400",
        ),
        on_both=True,
    ),
    Case(
        "15",
        "0 bytes, 512 KiB, one more, lengths that lie, no length",
        "201 at 512 KiB; else 400, 411, 413 or 422, or no answer; no row",
        (
            f"{HOSTILE}test_the_size_limit_is_exact",
            f"{HOSTILE}test_a_body_that_is_too_large_is_read_before_it_is_refused",
            f"{LOAD}test_body_whose_length_lies_leaves_no_row",
            f"{INTAKE}test_a_body_without_a_length_is_411",
            f"{NGINX}test_a_body_that_is_too_large_is_refused_in_the_shape_of_all_errors",
        ),
    ),
    Case(
        "16",
        "bodies cut at each KiB, a wrong digest, uploads that stall: 500 at nginx, 6 without",
        "400 or no answer, no row; others are served",
        (
            f"{LOAD}test_body_that_is_cut_anywhere_leaves_no_row",
            f"{INTAKE}test_a_wrong_digest_is_400",
            f"{NGINX}test_uploads_that_stall_keep_nobody_waiting",
            f"{JOURNEY}test_stalled_uploads_do_not_freeze_the_site",
        ),
    ),
    Case(
        "17",
        "a gigabyte compressed: in one gzip member, in sixteen, twice over",
        "415, not unpacked: the memory stays",
        (
            f"{LOAD}test_bombs_are_refused_and_not_unpacked",
            f"{INTAKE}test_a_compressed_body_is_415",
        ),
    ),
    Case(
        "18",
        "other files as reports",
        "400 or 422 with the reason",
        (
            f"{DECODE}test_what_cannot_be_decoded_is_400",
            f"{DECODE}test_no_bytes_raise_anything_but_a_refusal",
            "tests/submissions/test_properties.py::test_intake_takes_or_refuses_any_body",
        ),
    ),
    Case(
        "19",
        "lines of a megabyte, a million empty lines, lines that nearly match",
        "what follows is read; the work is linear in the length",
        (
            f"{LONG}test_what_follows_a_line_of_a_megabyte_is_read",
            f"{LONG}test_what_follows_a_million_empty_lines_is_read",
            f"{LONG}test_the_work_grows_as_the_lines_do",
            f"{LONG}test_the_work_grows_as_the_line_does",
            "tests/test_patterns.py::test_no_expression_can_blow_up",
        ),
    ),
    Case(
        "20",
        "expressions that blow up",
        "none, by how each is built",
        (
            "tests/test_patterns.py::test_no_expression_can_blow_up",
            "tests/test_patterns.py::test_the_rule_names_what_blows_up",
        ),
    ),
    Case(
        "21",
        "PostgreSQL is stopped at once ten times under load, and never answers; the web server is "
        "killed before a commit and after it",
        "201, 200 or 503 and nothing else; every 201 is kept; what is sent again is one row",
        (
            f"{DATABASE}test_postgresql_that_is_killed_under_load_costs_no_report",
            f"{DATABASE}test_web_server_that_is_killed_at_any_point_costs_no_report",
            f"{DATABASE}test_database_that_never_answers_is_503",
            f"{INTAKE}test_the_database_away_is_503_and_says_when_to_come_back",
        ),
    ),
    Case(
        "22",
        "SQLite: 8 writers and 4 readers, 2,000 reports",
        "none is locked out",
        (f"{DATABASE}test_sqlite_with_eight_writers_and_four_readers",),
    ),
    Case(
        "23",
        "a full disk: of the charts, of the database",
        "201 and charts as they were; 503; both heal",
        (
            f"{DATABASE}test_full_disk_of_charts_costs_no_report_and_heals",
            f"{DATABASE}test_full_disk_of_the_database_is_503_and_heals",
            "tests/registry/test_operations.py::test_a_full_disk_takes_it_out_of_service",
        ),
    ),
    Case(
        "24",
        "the clock jumps by a day; clients' clocks are years off",
        "no lease and no sweep holds anybody up; the order of receipt stays; the sender is told",
        (
            f"{DATABASE}test_clock_that_is_set_back_by_a_day_holds_nothing_up",
            f"{DATABASE}test_what_a_wrong_clock_wrote_keeps_no_chart_waiting",
            f"{DATABASE}test_what_a_wrong_clock_wrote_keeps_no_report_unread",
            "tests/submissions/test_plausibility_peers.py::test_a_clock_that_is_wrong_is_told",
            f"{HOSTILE}test_an_impossible_start_costs_no_report",
        ),
        on_both=True,
    ),
    Case(
        "25",
        "everything that the API's own description allows and forbids",
        "no 500, no status that is not described",
        (
            "tests/test_api_contract.py::test_answers_are_as_described",
            "tests/test_api_contract.py::test_answers_about_what_is_there_are_as_described",
            "tests/test_api_contract.py::test_every_error_is_json_of_one_shape",
        ),
    ),
    Case(
        "25b",
        "inputs that a fuzzer finds, guided by coverage",
        "no exception but the parser's own",
        (
            "tests/submissions/test_properties.py::test_any_text_is_read_and_no_number_made_up",
            "make fuzz",
        ),
    ),
    Case(
        "25c",
        "the corpus of published netperf output",
        "exactly the printed results",
        (
            "tests/test_corpus.py::test_exact_files_give_these_results_and_no_others",
            "tests/test_corpus.py::test_what_is_given_of_other_files_is_in_the_manifest",
        ),
    ),
    Case(
        "26",
        "10,000 reports are read again beside visitors and senders",
        "no error; the old facts are shown until the switch",
        (
            f"{DATABASE}test_reading_everything_again_beside_visitors",
            "tests/submissions/test_reparse.py::test_pages_answer_while_everything_is_read_anew",
        ),
    ),
    Case(
        "27",
        "60 scripts in every field and every form; every page in Chromium",
        "nothing runs, nothing is complained of",
        (
            f"{BROWSER}test_nothing_that_a_stranger_wrote_runs_on_any_page",
            f"{BROWSER}test_nothing_that_is_typed_into_a_form_runs",
            f"{BROWSER}test_the_texts_do_run_where_nobody_minds",
            f"{HOSTILE}test_hostile_names_stay_text_on_every_page",
        ),
    ),
    Case(
        "28",
        "a raw report that is markup, opened in Chromium",
        "shown as text",
        (f"{BROWSER}test_raw_report_is_text_whatever_it_says",),
    ),
    Case(
        "29",
        "mathtext, markup, marks, directions, 10 kB words as labels",
        "drawn as text, the picture of bounded size",
        (
            f"{RENDER}test_hostile_labels_are_drawn_as_text",
            f"{RENDER}test_a_label_never_leaves_the_picture",
            f"{HOSTILE}test_hostile_names_stay_names_in_every_form_of_a_chart",
        ),
    ),
    Case(
        "30",
        "0, 1, 40 bars; all equal; one far out",
        "a picture of bounded size",
        (
            f"{RENDER}test_any_number_of_rows_gives_a_picture_of_bounded_size",
            f"{RENDER}test_extreme_values_are_drawn",
        ),
    ),
    Case(
        "31",
        "hostile settings of matplotlib on the host",
        "without effect; nothing is started but fc-list and uname, by matplotlib and Python",
        (
            f"{RENDER}test_every_form_is_the_same_on_another_machine_on_another_day",
            f"{WORKERS}test_nothing_reaches_beyond_database_broker_and_files",
        ),
    ),
    Case(
        "32",
        "the same data drawn twice",
        "the same bytes",
        (f"{RENDER}test_the_same_spec_gives_the_same_bytes",),
    ),
    Case(
        "33",
        "a host whose every private fact is a canary",
        "none in requests, database, pages, pictures, logs, dump",
        (
            "tests/end_to_end/test_client_canary.py::test_no_request_holds_a_canary",
            f"{CANARY}test_no_answer_page_or_chart_holds_a_canary",
            f"{CANARY}test_nothing_that_is_kept_holds_a_canary",
            f"{CANARY}test_the_dump_holds_no_canary",
        ),
    ),
    Case(
        "34",
        "cells that a spreadsheet would run",
        "defused; numbers stay numbers",
        (
            "tests/registry/test_tables.py::test_a_text_that_is_a_formula_is_defused",
            "tests/registry/test_tables.py::test_numbers_stay_numbers_and_unknown_is_empty",
            "tests/charts/test_render_text.py::test_csv_is_safe_in_a_spreadsheet",
        ),
    ),
    Case(
        "35",
        "every connection that web, worker and scheduler make is noted",
        "database and broker, nothing else",
        (f"{WORKERS}test_nothing_reaches_beyond_database_broker_and_files",),
    ),
    Case(
        "36",
        "other host names, forwarded ones, queries on charts",
        "400 or no answer; the cache is not poisoned",
        (
            f"{HOSTILE}test_another_host_name_gets_nothing",
            f"{NGINX}test_a_name_that_is_not_ours_gets_no_answer",
            f"{NGINX}test_charts_are_kept_and_queries_are_no_other_chart",
        ),
    ),
    Case(
        "37",
        "guessed tokens",
        "as a wrong id, compared in constant time; throttled by nginx",
        (
            f"{HOSTILE}test_a_wrong_token_looks_like_a_wrong_id",
            f"{NGINX}test_who_sends_too_much_is_told_to_wait",
        ),
    ),
    Case(
        "38",
        "a known token is looked for",
        "on no page, in no address, in no log",
        (
            "tests/submissions/test_withdrawal.py::"
            "test_the_token_is_on_no_page_in_no_address_and_in_no_log",
        ),
    ),
    Case(
        "39",
        "the settings of production are checked",
        "no warning",
        ("make lint",),
    ),
    Case(
        "40",
        "slips by ten, wrong units, copies among honest reports",
        "flagged; honest ones are left alone",
        (
            "tests/submissions/test_plausibility_peers.py::"
            "test_slips_among_peers_are_found_and_honest_ones_left_alone",
            "make evidence",
        ),
    ),
    Case(
        "41",
        "one sender, 200 reports of one made-up host",
        "the host is the unit: one vote",
        ("tests/registry/test_summary.py::test_a_machine_has_one_vote_however_often_it_reports",),
    ),
    Case(
        "42",
        "1,000 reports for one chart in a minute, read all the while",
        "drawn once per rest; all are in it at the end",
        (
            f"{LOAD}test_burst_on_one_chart_is_few_drawings_and_all_are_in_it",
            f"{PIPELINE}test_a_burst_of_hints_is_one_drawing",
        ),
    ),
    Case(
        "43",
        "many drawings in one worker",
        "its memory stays; its children are replaced as set, none had 300 MB",
        (
            f"{LOAD}test_memory_of_a_worker_that_draws_stays",
            f"{LOAD}test_children_of_a_worker_that_draws_are_replaced_and_stay_small",
        ),
    ),
    Case(
        "44",
        "more requests from one address than it may send",
        "429 with Retry-After; reading goes on",
        (
            f"{NGINX}test_who_sends_too_much_is_told_to_wait",
            f"{INTAKE}test_a_senders_quota_is_429",
        ),
    ),
    Case(
        "45",
        "X-Forwarded-For is turned round, addresses of one IPv6 /64 in every way to write them",
        "one sender all the same",
        (
            f"{LOAD}test_forwarded_addresses_that_a_sender_makes_up_do_not_count",
            f"{NGINX}test_the_limits_count_a_network_of_ipv6_in_whatever_way_it_is_written",
            f"{NGINX}test_who_has_a_network_of_ipv6_is_one_sender",
            "tests/submissions/test_privacy_sender.py::"
            "test_the_sender_is_the_last_hop_that_our_proxies_saw",
        ),
    ),
    Case(
        "46",
        "the whole dump is fetched by 20 at once, and page after page by a crawler; 50 reports",
        "nginx serves every file as it was written; each report is 201",
        (
            f"{NGINX}test_the_dump_is_fetched_by_many_while_reports_come_in",
            f"{NGINX}test_the_dump_is_served_by_nginx_in_ranges",
        ),
    ),
    Case(
        "47",
        "`crr-submit tune` ended by SIGKILL, SIGTERM, SIGINT at each of 16 points",
        "every setting of the host is as it was",
        (
            f"{CLIENT}test_tune_ended.py::EndedAnywhereTest",
            f"{CLIENT}test_tune_ended.py::EndedWithItsWatchdogTest",
            f"{CLIENT}test_tune_ended.py::SomebodyElseTest",
            f"{CLIENT}test_tune_ended.py::test_the_pair_goes_with_whatever_ended_the_command",
            f"{CLIENT}test_tune_ended.py::test_the_queue_of_listeners_is_as_long_as_before",
            f"{CLIENT}test_tune.py::test_is_put_back_by_the_next_tune_before_anything_else",
        ),
    ),
    Case(
        "48",
        "another tool changes the setting meanwhile",
        "left as it is; the experiment is discarded",
        (
            f"{CLIENT}test_tune.py::"
            "test_what_another_tool_sets_meanwhile_is_left_and_the_experiment_discarded",
        ),
    ),
    Case(
        "49",
        "no root, read-only /proc, container, IPv6 alone, no netserver, German",
        "measured all the same, or a clear message and nothing sent",
        (
            f"{CLIENT}test_faults.py::test_without_root_it_measures_all_the_same",
            f"{CLIENT}test_faults.py::test_with_ipv6_alone",
            f"{CLIENT}test_faults.py::test_no_netserver_names_what_to_install",
            f"{CLIENT}test_faults.py::test_netserver_dies_within_a_run",
        ),
    ),
    Case(
        "50",
        "the client is built again",
        "the same bytes, small, nothing but Python",
        (
            "tests/test_client_packages.py::test_the_same_sources_give_the_same_bytes",
            "tests/test_imports.py::test_the_client_is_standard_library_only",
        ),
    ),
    Case(
        "50b",
        "no network, 503 again and again, a host without a way out",
        "saved, sent later with the same key",
        (
            f"{CLIENT}test_send.py::test_503_twice_and_then_taken_with_the_same_key",
            f"{CLIENT}test_cli.py::test_the_retry_command_sends_it",
            f"{CLIENT}test_faults.py::"
            "test_five_tries_and_the_report_is_kept_with_the_command_that_sends_it",
        ),
    ),
    Case(
        "51",
        "new schema beside code that does not know it",
        "each only adds and locks a large table for an instant at most; older code works on; "
        "a rolling deploy and back is 2xx throughout",
        (
            "tests/faults/test_migrations.py::test_old_code_and_writers_live_with_every_migration",
            "tests/faults/test_migrations.py::test_the_code_before_the_newest_migration_works_beside_it",
            "tests/faults/test_migrations.py::test_rolling_deploy_and_back_answers_everything",
        ),
    ),
    Case(
        "52",
        "last night's backup on an empty machine",
        "one command; every id and digest of the manifest is there",
        ("tests/faults/test_backup.py::test_backup_brings_an_empty_machine_to_the_same_registry",),
    ),
    Case(
        "53",
        "one byte of one report is changed",
        "named, and no other",
        (
            "tests/submissions/test_reparse.py::"
            "test_one_flipped_byte_names_that_report_and_no_other",
        ),
    ),
    Case(
        "53b",
        "the code itself",
        "format, lint, types, schema, settings",
        ("make lint",),
    ),
    Case(
        "54",
        "a steady load: a minute, and half an hour",
        "nothing lost; what waits is younger than 30 s; the memory stays",
        (f"{LOAD}test_steady_load_loses_nothing_and_the_queue_stays_short", "make soak"),
    ),
    Case(
        "55",
        "one picture is asked for by everybody",
        "nginx answers; the application is not asked",
        (
            f"{LOAD}test_picture_that_everybody_wants_comes_from_nginx",
            f"{NGINX}test_a_frozen_chart_outlives_the_application",
        ),
    ),
    Case(
        "56",
        "more reports in the registry",
        "no page takes more queries",
        (
            "tests/registry/test_query_counts.py::"
            "test_a_page_takes_few_queries_and_no_more_where_there_is_more",
        ),
    ),
    Case(
        "57",
        "held, published again, withdrawn",
        "the page is a tombstone, the trail whole, the frozen chart as it was",
        (
            "tests/submissions/test_moderation.py::test_hold_publish_reject_and_back",
            "tests/submissions/test_withdrawal.py::test_a_withdrawn_report_is_a_tombstone_at_once",
            "tests/charts/test_taken_out.py::"
            "test_a_frozen_chart_keeps_its_bytes_and_names_what_was_taken_out",
        ),
        on_both=True,
    ),
    Case(
        "58",
        "a frozen chart from the first schema, after every migration, a restore and a new parser",
        "the same bytes",
        ("tests/faults/test_backup.py::test_frozen_chart_of_the_first_schema_keeps_its_bytes",),
    ),
    Case(
        "59",
        "three hosts with workers, over Redis and over RabbitMQ; each is killed, the broker is cut",
        "nothing is lost, nothing needs a hand",
        (
            f"{HOSTS}test_any_host_may_end_and_the_broker_may_be_cut",
            f"{HOSTS}test_backlog_of_drawings_by_one_two_and_three_hosts",
        ),
    ),
)
