import contextlib
import email.utils
import os
import socket
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from crr_submit import deliver, send
from tests.client.small_registry import CREATED, SmallRegistry, error

BODY = b'{"report_version": 1, "runs": []}'
CLAIM = deliver.Claim("", "", "key-of-this-report", "crrc_token")
UNAVAILABLE = (503, {}, error("unavailable", "the database is away"))
CREATED_ANSWER = (201, {}, CREATED)


class SendCase(unittest.TestCase):
    def setUp(self):
        self.said = []
        self.slept = []

    def send(self, registry, body=BODY):
        url = registry if isinstance(registry, str) else registry.url
        return send.send(
            body, "application/json", url, CLAIM, self.said.append, sleep=self.slept.append
        )

    def refused(self, *answers):
        """(text of the SendError, requests made)."""
        with SmallRegistry(*answers) as registry, self.assertRaises(send.SendError) as caught:
            self.send(registry)
        return str(caught.exception), registry.requests


class RequestTest(SendCase):
    def test_the_exact_bytes_with_their_length_and_secrets(self):
        with SmallRegistry() as registry:
            self.send(registry)
        [(path, headers, body)] = registry.requests
        self.assertEqual((path, body), ("/api/v1/reports/", BODY))
        self.assertEqual(headers["content-length"], str(len(BODY)))
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(headers["idempotency-key"], "key-of-this-report")
        self.assertEqual(headers["claim-token"], "crrc_token")
        self.assertNotIn("transfer-encoding", headers)

    def test_an_address_without_a_host_is_made_whole(self):
        with SmallRegistry() as registry:
            answer = self.send(registry)
            self.assertEqual(answer["url"], registry.url + "/r/abcdefghijklmnop")

    def test_200_and_202_are_answers_too(self):
        for status in (200, 202):
            with SmallRegistry((status, {}, CREATED)) as registry:
                self.assertEqual(self.send(registry)["id"], CREATED["id"])


class RetryTest(SendCase):
    def test_503_twice_and_then_taken_with_the_same_key(self):
        with SmallRegistry(UNAVAILABLE, UNAVAILABLE, CREATED_ANSWER) as registry:
            self.assertEqual(self.send(registry)["status"], "published")
        keys = {headers["idempotency-key"] for _, headers, _ in registry.requests}
        self.assertEqual((len(registry.requests), keys), (3, {"key-of-this-report"}))
        self.assertEqual(len(self.said), 2)

    def test_waits_longer_each_time_and_gives_up(self):
        text, requests = self.refused(UNAVAILABLE)
        self.assertEqual(len(requests), send.TRIES)
        self.assertEqual(len(self.slept), send.TRIES - 1)
        for number, seconds in enumerate(self.slept):
            middle = send.FIRST_DELAY_S * 2**number
            self.assertTrue(0.5 * middle <= seconds <= 1.5 * middle, self.slept)
        self.assertIn("the database is away (unavailable)", text)

    def test_waits_as_long_as_the_registry_asks(self):
        busy = (429, {"Retry-After": "20"}, error("throttled", "slow down"))
        with SmallRegistry(busy, CREATED_ANSWER) as registry:
            self.send(registry)
        self.assertEqual(self.slept, [20.0])

    def test_reads_a_date_in_retry_after(self):
        date = email.utils.formatdate(time.time() + 30, usegmt=True)
        with SmallRegistry((503, {"Retry-After": date}, b""), CREATED_ANSWER) as registry:
            self.send(registry)
        self.assertTrue(20 < self.slept[0] <= 30, self.slept)

    def test_nonsense_in_retry_after_is_no_obstacle(self):
        with SmallRegistry((503, {"Retry-After": "soon"}, b""), CREATED_ANSWER) as registry:
            self.send(registry)
        self.assertEqual(len(registry.requests), 2)

    def test_does_not_wait_for_an_hour(self):
        _, requests = self.refused((429, {"Retry-After": "3600"}, error("throttled", "tomorrow")))
        self.assertEqual((len(requests), self.slept), (1, []))

    def test_a_refused_connection_is_tried_again_and_named(self):
        with SmallRegistry() as registry:
            url = registry.url
        with self.assertRaises(send.SendError) as caught:
            self.send(url)
        self.assertIn("no connection to " + url, str(caught.exception))
        self.assertEqual(len(self.slept), send.TRIES - 1)

    def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(self):
        """Each byte is in time for a socket; all of them together take too long."""
        stop = threading.Event()

        def drip(listener):
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while not stop.wait(0.05):
                    connection.sendall(b"H")

        with socket.create_server(("127.0.0.1", 0)) as listener, mock.patch.object(
            send, "EXCHANGE_LIMIT_S", 0.5, create=True
        ), mock.patch.object(send, "TRIES", 1):
            thread = threading.Thread(target=drip, args=(listener,))
            thread.start()
            threading.Timer(5, stop.set).start()
            started_s = time.monotonic()
            with self.assertRaisesRegex(send.SendError, "no whole answer within"):
                self.send("http://127.0.0.1:%d" % listener.getsockname()[1])
            self.assertLess(time.monotonic() - started_s, 4)
            stop.set()
            thread.join()


class RefusalTest(SendCase):
    def test_422_is_not_tried_again_and_every_error_is_named(self):
        details = [
            {"path": "$.runs[0].streams", "message": "less than 1"},
            {"path": "$.notes", "message": "too long"},
        ]
        text, requests = self.refused((422, {}, error("invalid", "2 errors", details)))
        self.assertEqual(len(requests), 1)
        self.assertEqual(
            text.splitlines(),
            [
                "the registry answers 422: 2 errors (invalid)",
                "  $.runs[0].streams: less than 1",
                "  $.notes: too long",
            ],
        )

    def test_details_of_another_shape_are_printed_all_the_same(self):
        text, _ = self.refused((413, {}, error("too_large", "at most 512 KiB", ["line"])))
        self.assertEqual(text.splitlines()[1:], ["  line"])

    def test_an_error_that_is_not_json(self):
        text, _ = self.refused((404, {}, b"<html>nginx</html>"))
        self.assertEqual(text, "the registry answers 404")

    def test_a_friendly_page_of_a_proxy_is_no_receipt(self):
        for body in (b"<html>log in</html>", b"[]", {"ok": True}, b"\xff\xfe"):
            text, _ = self.refused((200, {}, body))
            self.assertIn("not as a registry does", text)

    def test_a_redirect_is_told_and_not_followed(self):
        location = "https://registry.example/api/v1/reports/"
        text, requests = self.refused((301, {"Location": location}, b""))
        self.assertEqual(len(requests), 1)
        self.assertIn("https://registry.example/", text)


class ProxyTest(SendCase):
    def setUp(self):
        super().setUp()
        before = {
            name: os.environ.pop(name, None) for name in ("http_proxy", "no_proxy", "NO_PROXY")
        }
        self.addCleanup(self.restore, before)

    def restore(self, before):
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    def test_a_proxy_of_the_environment_is_used(self):
        with SmallRegistry() as proxy:
            os.environ["http_proxy"] = proxy.url
            self.send("http://registry.example")
        self.assertEqual(proxy.requests[0][0], "http://registry.example/api/v1/reports/")

    def test_but_not_to_this_host(self):
        with SmallRegistry() as proxy, SmallRegistry() as registry:
            os.environ["http_proxy"] = proxy.url
            self.send(registry)
        self.assertEqual((len(proxy.requests), len(registry.requests)), (0, 1))

    def test_loopback_by_name_and_by_number(self):
        for host in ("localhost", "crr.localhost", "127.0.0.1", "127.8.8.8", "::1"):
            self.assertTrue(send.is_loopback(host), host)
        for host in ("registry.example", "10.0.0.1", "localhost.example", ""):
            self.assertFalse(send.is_loopback(host), host)


class ClaimTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.report = str(Path(folder.name, "report.json"))

    def claim(self, registry="http://a.example", body=BODY):
        return deliver.claim_for(self.report, registry, body)

    def test_is_kept_beside_the_report_for_its_owner(self):
        self.claim()
        path = Path(self.report + ".claim")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_a_retry_has_the_same_secrets(self):
        self.assertEqual(self.claim(), self.claim())

    def test_the_token_has_its_prefix_and_256_bits(self):
        token = self.claim().claim_token
        self.assertTrue(token.startswith("crrc_"))
        self.assertGreaterEqual(len(token) - len("crrc_"), 43)  # 43 base64 letters hold 256 bits

    def test_other_content_and_other_registries_get_their_own(self):
        made = [self.claim(), self.claim(body=b"other"), self.claim("http://b.example")]
        self.assertEqual(len({row.idempotency_key for row in made}), 3)
        self.assertEqual(len({row.claim_token for row in made}), 3)
        self.assertEqual(deliver.claims_of(self.report), made)

    def test_remembers_where_the_report_stands_and_keeps_the_secrets(self):
        made = self.claim()
        deliver.keep(self.report, made, CREATED)
        kept = self.claim()
        self.assertEqual((kept.id, kept.claim_token), (CREATED["id"], made.claim_token))

    def test_a_file_that_is_not_ours_is_left_alone(self):
        path = Path(self.report + ".claim")
        for content in ("{}", "nonsense", '{"claims": [{"x": 1}]}'):
            path.write_text(content)
            with self.assertRaises(ValueError):
                self.claim()
            self.assertEqual(path.read_text(), content)


if __name__ == "__main__":
    unittest.main()
