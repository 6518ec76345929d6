"""The API of reports: send, parse, read, edit, withdraw. Each view turns HTTP into arguments and
makes one call.
"""

from contextlib import suppress
from typing import Any

from django.db import DatabaseError
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.body import media_type, read_body, read_json, sender_address
from registry.models import RawReport
from registry.refusal import Refused
from submissions import answer, openapi, withdrawal
from submissions.accounts import holdings
from submissions.accounts.tokens import account_of, bearer
from submissions.decode import decode
from submissions.intake import SECRET_LENGTH_LIMIT, Sender, claimed_by, submit
from submissions.models import Refusal
from submissions.parsing import parse
from submissions.redact import redacted
from submissions.validate import validate


class ReportsView(APIView):
    @extend_schema(
        operation_id="reports_send",
        summary="Send one report",
        description="An envelope as JSON, or raw netperf output as text. Stored first, read at "
        "once, answered with the results. The same bytes again, or the same key with the same "
        "bytes, give the same report with 200.",
        parameters=[*openapi.SECRETS, *openapi.SENDER],
        request=openapi.REPORT_BODY,
        responses=openapi.SEND_RESPONSES,
    )
    def post(self, request: Request) -> Response:
        account = account_of(request.headers.get("Authorization", ""), "send")
        sender = Sender(
            address=sender_address(request._request),
            idempotency_key=_secret(request, "Idempotency-Key"),
            claim_token=_secret(request, "Claim-Token"),
            account=account,
        )
        receipt = submit(read_body(request._request), media_type(request._request), sender)
        holdings.take(account, receipt)
        unread = receipt.report.status == RawReport.Status.RECEIVED
        status = 202 if unread else 201 if receipt.created else 200
        return Response(answer.sent(receipt), status=status)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Refused):
            with suppress(DatabaseError):  # the refusal is answered all the same
                Refusal.add(exc.code)
        return super().handle_exception(exc)


class ParseView(APIView):
    @extend_schema(
        operation_id="parse",
        summary="Read a report without storing it",
        request=openapi.REPORT_BODY,
        responses=openapi.PARSE_RESPONSES,
    )
    def post(self, request: Request) -> Response:
        document = decode(read_body(request._request), media_type(request._request))
        warnings = validate(document.envelope) if document.envelope is not None else []
        return Response(parse(redacted(document)).understood(warnings))


class ReportView(APIView):
    @extend_schema(
        operation_id="reports_read", summary="One report", responses=openapi.REPORT_RESPONSES
    )
    def get(self, request: Request, public_id: str) -> Response:
        return Response(answer.report(_shown(public_id)))

    @extend_schema(
        operation_id="reports_edit",
        summary="Edit notes or visibility",
        parameters=openapi.CLAIM,
        request=openapi.EDIT_BODY,
        responses=openapi.EDIT_RESPONSES,
    )
    def patch(self, request: Request, public_id: str) -> Response:
        report = _claimed(request, public_id)
        return Response(answer.report(withdrawal.edit(report, read_json(request._request))))

    @extend_schema(
        operation_id="reports_withdraw",
        summary="Withdraw the report",
        parameters=openapi.CLAIM,
        responses=openapi.WITHDRAW_RESPONSES,
    )
    def delete(self, request: Request, public_id: str) -> Response:
        withdrawal.withdraw(_claimed(request, public_id))
        return Response(status=204)


class AccountView(APIView):
    @extend_schema(
        operation_id="account",
        summary="What an account holds",
        description="The account of the API token, which needs the scope read: its machines, tokens"
        " and passkeys, and the reports it claimed, the newest first.",
        parameters=openapi.ACCOUNT,
        responses=openapi.ACCOUNT_RESPONSES,
    )
    def get(self, request: Request) -> Response:
        account = account_of(request.headers.get("Authorization", ""), "read")
        if account is None:
            message = "Send an API token of an account: Authorization: Bearer crra_…"
            raise Refused(401, "no_token", message)
        return Response(holdings.listed(account))


class AnyAccept(DefaultContentNegotiation):
    """For an address that has one form: what the reader would rather have does not matter."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class RawView(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="reports_raw",
        summary="The redacted raw bytes",
        responses=openapi.RAW_RESPONSES,
    )
    def get(self, request: Request, public_id: str) -> HttpResponse:
        report = _shown(public_id)
        response = HttpResponse(bytes(report.body or b""), content_type="text/plain; charset=utf-8")
        response["Content-Disposition"] = f'inline; filename="{report.public_id}.txt"'
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return response


class SchemaView(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="report_schema",
        summary="JSON Schema of the report envelope",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        return Response(answer.envelope_schema())


def _secret(request: Request, header: str) -> str | None:
    """A secret header; it is text of a sane length or the request is refused."""
    value = request.headers.get(header)
    if value is not None and not (8 <= len(value) <= SECRET_LENGTH_LIMIT and value.isascii()):
        fault = {"path": header, "message": f"expected 8 to {SECRET_LENGTH_LIMIT} ASCII characters"}
        raise Refused(422, "bad_header", f"{header} cannot be used.", [fault])
    return value


def _shown(public_id: str) -> RawReport:
    report = RawReport.objects.select_related("machine").filter(public_id=public_id).first()
    if report is None:
        raise Refused(404, "not_found", "There is no such report.")
    if report.status not in RawReport.SHOWN:
        raise Refused(410, report.status, f"This report was {report.status}.", answer.gone(report))
    return report


def _claimed(request: Request, public_id: str) -> RawReport:
    """The report, when the bearer has its claim token, or the token of an account that has the
    report; wrong id and wrong token look alike.
    """
    authorization = request.headers.get("Authorization", "")
    account, token = account_of(authorization, "manage"), bearer(authorization)
    report = RawReport.objects.filter(public_id=public_id).select_related("machine").first()
    is_claimed = len(token) <= SECRET_LENGTH_LIMIT and report and claimed_by(report, token)
    if report is None or not (is_claimed or holdings.has(account, report)):
        message = (
            "There is no such report, or its claim token did not come with the request: "
            "send it in a header, Authorization: Bearer crrc_…"
        )
        raise Refused(404, "not_found", message)
    return report
