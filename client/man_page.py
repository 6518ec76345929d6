"""The manual page of crr-submit in man(7) macros, made from the parser that prints its help. Called
by `package.py`; the same parser gives the same page.
"""

import argparse
from collections.abc import Iterator

SECTION = 1
_FILES = (
    ("crr-report-*.json", "reports, in the current folder unless -o says otherwise"),
    ("crr-report-*.json.claim", "the secrets and the address of a report that was sent"),
    ("/run/crr-submit.journal", "what tune is about to change; put back by the next command"),
    ("~/.config/crr-submit/machine-id", "the random number of --machine-id, made once"),
)
_ENVIRONMENT = (
    ("CRR_REGISTRY", "address of the registry, where --registry is not given"),
    ("NO_COLOR", "no colour on a terminal"),
    ("http_proxy, https_proxy, no_proxy", "the way out, as other programs use them"),
)


def page(parser: argparse.ArgumentParser, version: str) -> str:
    """The whole page."""
    return "\n".join(_lines(parser, version)) + "\n"


def _lines(parser: argparse.ArgumentParser, version: str) -> Iterator[str]:
    name = parser.prog
    (commands,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    about = {one.dest: one.help or "" for one in commands._choices_actions}
    yield f'.TH "{name.upper()}" {SECTION} "" "{name} {version}"'
    yield from (".SH NAME", f"{_text(name)} \\- measure and report netperf TCP_CRR")
    yield from (".SH SYNOPSIS", f".B {_text(name)}", "[\\fIoption\\fR ...] [\\fIcommand\\fR]")
    usual, _, description = (parser.description or "").partition("\n\n")
    yield from (".SH DESCRIPTION", ".nf", _text(usual), ".fi", ".PP", _text(description))
    yield from (".SH OPTIONS", "With any command:")
    shared = [one for one in parser._actions if one.option_strings]
    for action in shared:
        yield from _option(action)
    yield ".SH COMMANDS"
    known = {word for action in shared for word in action.option_strings}
    for word, command in commands.choices.items():
        yield f'.SS "{_text(word)}{"".join(map(_argument, command._actions))}"'
        yield _text(_sentence(about[word]))
        for action in command._actions:
            if action.option_strings and known.isdisjoint(action.option_strings):
                yield from _option(action)
    yield from (".SH EXIT STATUS", _text((parser.epilog or "").partition(": ")[2]))
    for heading, rows in ((".SH ENVIRONMENT", _ENVIRONMENT), (".SH FILES", _FILES)):
        yield heading
        for term, meaning in rows:
            yield from (".TP", f".B {_text(term)}", _text(_sentence(meaning)))
    yield from (".SH SEE ALSO", ".BR netperf (1),", ".BR git\\-send\\-email (1)")


def _option(action: argparse.Action) -> Iterator[str]:
    words = ", ".join(f"\\fB{_text(word)}\\fR" for word in action.option_strings)
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    yield from (".TP", words + (f" \\fI{_text(str(value))}\\fR" if value else ""))
    yield _text(_sentence(action.help or ""))


def _argument(action: argparse.Action) -> str:
    if action.option_strings:
        return ""
    more = " ..." if action.nargs == "+" else ""
    return f" {_text(str(action.metavar or action.dest))}{more}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _text(text: str) -> str:
    """Text that starts no macro and has its signs as they are."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return "\n".join(
        "\\&" + line if line[:1] in (".", "'") else line for line in escaped.split("\n")
    )
