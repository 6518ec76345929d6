"""The moderator's desk at /admin/: the queue, one report beside comparable ones, and the acts of
`submissions.moderation`, each with its reason.

Nothing is added, edited or deleted here: bytes and facts are read-only, and the one form of a
report is the act upon it.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from registry.models import RawReport, Reading, ReportEvent
from registry.refusal import Refused
from submissions import moderation, peers
from submissions.accounts.password import PasswordForm
from submissions.comparable import comparisons
from submissions.plausibility import RULES

admin.site.login_form = PasswordForm
REASON_LENGTH = 200
ACT_NAMES = (*moderation.ACTS, moderation.UNDO)
_REASON_HELP = "Everybody reads it beside the report. Your name stays in the trail, unpublished."


class BulkForm(ActionForm):
    """The bar above the list: which act, and why."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        required=False,
        widget=forms.TextInput({"size": 40, "placeholder": "reason, required"}),
    )


class ActForm(forms.ModelForm):
    """The one form of a report: what is decided about it, and why."""

    act = forms.ChoiceField(choices=[("", "…"), *((name, name) for name in ACT_NAMES)])
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        widget=forms.TextInput({"size": 80}),
        help_text=_REASON_HELP,
    )

    class Meta:
        model = RawReport
        fields: tuple[str, ...] = ()


class DecidedBy(admin.SimpleListFilter):
    """Why reports are in the state they are: the rule, the reader, or a person."""

    title = "who decided last"
    parameter_name = "decided_by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rules = [f"{moderation.RULE}{name}" for name in moderation.rules_that_acted()]
        names = ["reader", *rules, "moderator", "operator", "sender"]
        return [(name, name.replace(":", " ")) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "moderator":
            return queryset.filter(decided_by__startswith="moderator:")
        return queryset.filter(decided_by=value) if value else queryset


class Flagged(admin.SimpleListFilter):
    title = "flag"
    parameter_name = "flag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = [*(rule.name for rule in RULES), *peers.NAMES]
        return [(name, name) for name in ("any", *names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        # As text, since SQLite has no look into lists of objects.
        flags = Reading.objects.filter(active=True).annotate(said=Cast("flags", TextField()))
        mark = '"rule": ' if value == "any" else f'"rule": "{value}"'
        return queryset.filter(pk__in=flags.filter(said__contains=mark).values("report"))


@admin.register(RawReport)
class ReportAdmin(admin.ModelAdmin):
    form = ActForm
    action_form = BulkForm
    actions = ("hold", "publish", "reject", "undo")
    list_display = ("public_id", "status", "why", "decided", "flags", "source", "received_at")
    list_filter = ("status", DecidedBy, Flagged, "source", "visibility")
    search_fields = ("public_id", "source_ref")
    ordering = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("act", "reason")}),
        ("State", {"fields": ("state", "trail")}),
        ("Figures beside comparable reports", {"fields": ("compared",)}),
        ("What it says", {"fields": ("said", "raw_text")}),
        ("Where it comes from", {"fields": ("origin",)}),
    )
    readonly_fields = ("state", "trail", "compared", "said", "raw_text", "origin")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RawReport]:
        changes = ReportEvent.objects.filter(report=OuterRef("pk")).changes().order_by("-id")
        active = Reading.objects.filter(report=OuterRef("pk"), active=True)
        return (
            super()
            .get_queryset(request)
            .defer("body")
            .annotate(
                decided_by=Subquery(changes.values("actor")[:1]),
                flag_list=Subquery(active.values("flags")[:1]),
            )
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: RawReport, form: Any, change: bool) -> None:
        """The form holds an act and no field of the report, so the report is not saved here."""
        told = form.cleaned_data
        moderation.act(obj.pk, told["act"], request.user.get_username(), told["reason"])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().change_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return HttpResponseRedirect(request.path)

    def view_on_site(self, obj: RawReport) -> str:
        return reverse("report", args=[obj.public_id])

    def _act_on_all(self, request: HttpRequest, queryset: Any, name: str) -> None:
        """The act upon each report, in a transaction of its own; what cannot be is told."""
        done, reason = 0, request.POST.get("reason", "")[:REASON_LENGTH]
        try:
            moderation.checked_reason(reason)
        except Refused as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return
        for report in queryset.only("pk", "public_id"):
            try:
                moderation.act(report.pk, name, request.user.get_username(), reason)
                done += 1
            except Refused as refused:
                self.message_user(request, f"{report}: {refused.message}", messages.ERROR)
        if done:
            self.message_user(request, f"{done} reports: {name}", messages.SUCCESS)

    @admin.action(description="hold", permissions=["change"])
    def hold(self, request: HttpRequest, queryset: Any) -> None:
        self._act_on_all(request, queryset, "hold")

    @admin.action(description="publish", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: Any) -> None:
        self._act_on_all(request, queryset, "publish")

    @admin.action(description="reject", permissions=["change"])
    def reject(self, request: HttpRequest, queryset: Any) -> None:
        self._act_on_all(request, queryset, "reject")

    @admin.action(description="undo the last change", permissions=["change"])
    def undo(self, request: HttpRequest, queryset: Any) -> None:
        self._act_on_all(request, queryset, "undo")

    @admin.display(description="reason")
    def why(self, report: RawReport) -> str:
        return report.status_reason

    @admin.display(description="decided by")
    def decided(self, report: Any) -> str:
        return report.decided_by or ""

    @admin.display(description="flags")
    def flags(self, report: Any) -> str:
        return ", ".join(sorted({flag["rule"] for flag in report.flag_list or []}))

    @admin.display(description="state")
    def state(self, report: RawReport) -> SafeString:
        return _part("state", report=report)

    @admin.display(description="trail")
    def trail(self, report: RawReport) -> SafeString:
        return _part("trail", events=report.events.order_by("id"))

    @admin.display(description="comparable reports")
    def compared(self, report: RawReport) -> SafeString:
        return _part("compared", comparisons=comparisons(report))

    @admin.display(description="reading")
    def said(self, report: RawReport) -> SafeString:
        reading = Reading.of(report)
        return _part("said", reading=reading, report=report)

    @admin.display(description="raw text, as stored")
    def raw_text(self, report: RawReport) -> SafeString:
        text = None if report.body is None else bytes(report.body).decode("utf-8", "replace")
        return _part("raw", text=text, report=report)

    @admin.display(description="origin")
    def origin(self, report: RawReport) -> SafeString:
        return _part("origin", report=report)


def _part(name: str, **context: Any) -> SafeString:
    """A part of the report's page, from a template that escapes whatever the report says."""
    return render_to_string(f"submissions/admin/{name}.html", context)
