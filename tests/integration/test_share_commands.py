"""The commands `wardnet-node share`, on real homes: what they print, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from support.desk import DeskHome
from support.pki import PASSPHRASE
from support.sharing_desks import Desks, listed, stays
from wardnet.errors import CATALOGUE, Reason
from wardnet.sharing.deidentification import Band, Keep, Patient, Shift
from wardnet_node.cli import main
from wardnet_node.desk.shares.state import State
from wardnet_node.sharing.carrying.busy import only_here
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.giving.owner import Owner

Run = Callable[..., Result]


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    """Give two hospitals that know each other."""
    return Desks(tmp_path)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file that holds the passphrase of everybody in these tests."""
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    return secret


@pytest.fixture
def north(desks: Desks, secret: Path) -> Run:
    """Return what runs the command at northside."""
    return runner(desks.north, secret)


@pytest.fixture
def south(desks: Desks, secret: Path) -> Run:
    """Return what runs the command at southport."""
    return runner(desks.south, secret)


def runner(home: DeskHome, secret: Path) -> Run:
    """Return what runs `wardnet-node share` on a home; a steward signs where `signed`."""

    def run(
        *arguments: str | Path,
        reason: Reason | None = None,
        usage: bool = False,
        signed: bool = False,
    ) -> Result:
        options = ["--home", str(home.home), "--passphrase-file", str(secret), "share"]
        signing = ["--steward", home.people[0], "--password-file", str(secret)] if signed else []
        with listed():
            result = CliRunner().invoke(main, [*options, *map(str, arguments), *signing])
        code = 2 if usage else CATALOGUE[reason].exit_code if reason else 0
        assert result.exit_code == code, result.output
        return result

    return run


def asked(desks: Desks, south: Run, *options: str | Path) -> str:
    """Let southport ask for three columns; return the link, once northside has the request."""
    wanted = ("northside", "stays", "--columns", "age,admitted,sex")
    south("request", *wanted, "--treatment", "They have moved.", *options, signed=True)
    desks.carry()
    return str(read(south("link", desks.newest(desks.south).digest, "--json"))["link"])


def read(result: Result) -> Any:  # noqa: ANN401 - JSON is read by its keys here
    """Return what a command printed."""
    return json.loads(result.stdout)


def test_a_request_is_listed_at_both_and_waits_at_one(
    desks: Desks, north: Run, south: Run, tmp_path: Path
) -> None:
    """By id, by the beginning of it, or by link."""
    ids = tmp_path / "ids"
    ids.write_text("N01000\nN01001\n")
    link = asked(desks, south, "--patients", ids, "--identifiers", "--where", "age > 30")
    (waiting,) = read(north("inbox", "--json"))
    assert (waiting["patients"], waiting["identifiers"], waiting["hours"]) == (2, True, 1)
    assert "southport" in north("inbox").stdout
    assert read(south("inbox", "--json")) == []
    for name in (link, waiting["share"], waiting["share"][:6]):
        text = north("show", name).stdout
        assert "southport asks northside." in text
        assert f"Next: wardnet-node share preview {waiting['id']}" in text
    (line,) = read(south("list", "--json"))
    assert (line["state"], line["records"]) == ("asked", "from northside")
    assert "█" in south("link", link).stdout


def test_a_preview_counts_and_writes_terms_that_are_granted(
    desks: Desks, north: Run, south: Run, tmp_path: Path
) -> None:
    """What was looked at with options is granted by the file."""
    link = asked(desks, south)
    path = tmp_path / "terms.toml"
    options = ("--band", "age=10", "--shift", "30", "--quasi", "age,sex", "--group", "3")
    shown = north("preview", link, *options, "--draft", path)
    assert "Rows: 360, of 120 patients." in shown.stdout
    assert "shifted by up to 30 days" in shown.stdout
    assert "Smallest group by age, sex:" in shown.stdout
    assert not any(row.record in shown.stdout for row in stays())
    assert "on a terminal only" in shown.stderr
    north("preview", link, "--draft", path, reason=Reason.ALREADY_EXISTS)
    granted = read(north("grant", link, "--terms", path, "--json", signed=True))
    assert granted["state"] == "granted"
    grant = desks.newest(desks.north).grant
    assert grant is not None
    rules = {item.name: item.rule for item in grant.deidentification.columns}
    assert rules == {"age": Band("10"), "admitted": Shift(30), "sex": Keep()}
    assert grant.deidentification.patient is Patient.PSEUDONYM
    assert grant.deidentification.minimum_group == 3


def test_files_go_along_sealed(desks: Desks, north: Run, south: Run, tmp_path: Path) -> None:
    """They are made into the parcel at once, and read at the other side."""
    link = asked(desks, south)
    picture = tmp_path / "chest.dcm"
    picture.write_bytes(b"DICM" * 1000)
    assert (
        read(north("grant", link, "--attach", picture, "--json", signed=True))["state"] == "ready"
    )
    desks.deliver()
    south("open", link)
    (part,) = read(south("read", link, "--attachments", "--json"))
    assert (part["name"], part["media_type"]) == ("chest.dcm", "application/dicom")
    copy = tmp_path / "copy.dcm"
    south("read", link, "--attachment", "chest.dcm", "--output", copy)
    assert copy.read_bytes() == picture.read_bytes()


def test_a_file_that_cannot_go_along_stops_the_grant(
    desks: Desks, north: Run, south: Run, tmp_path: Path
) -> None:
    """Before anything is signed."""
    link = asked(desks, south)
    hidden = tmp_path / "letter\u202efdp.exe"
    hidden.write_bytes(b"x")
    north("grant", link, "--attach", hidden, signed=True, reason=Reason.ATTACHMENT_NAME)
    north("grant", link, "--attach", tmp_path / "none", signed=True, reason=Reason.FILE_UNREADABLE)
    assert desks.newest(desks.north).state is State.ASKED


def test_all_granted_files_go_along_and_no_others(
    desks: Desks, north: Run, south: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the making was interrupted and is taken up again, or a file has changed."""
    monkeypatch.setattr("wardnet_node.cli.share_watch.PATIENCE", 0.0)
    link = asked(desks, south)
    letter, picture = tmp_path / "letter.pdf", tmp_path / "chest.dcm"
    letter.write_bytes(b"%PDF")
    picture.write_bytes(b"DICM")
    both = ("--attach", letter, "--attach", picture)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Owner, "make", interrupted)
        with pytest.raises(AssertionError, match="Aborted"):
            north("grant", link, *both, signed=True)
    assert desks.newest(desks.north).state is State.GRANTED
    told = north("send", link, reason=Reason.ATTACHMENT_MISSING)
    assert f"share send {desks.newest(desks.north).digest[:12]} --attach" in told.stderr
    north("send", link, "--attach", letter, reason=Reason.ATTACHMENT_MISSING)
    copy = tmp_path / "copy.pdf"
    copy.write_bytes(b"%PDF")
    twice = ("--attach", letter, "--attach", copy)
    north("send", link, *twice, reason=Reason.ATTACHMENT_MISSING)
    picture.write_bytes(b"DICM, changed")
    north("send", link, *both, reason=Reason.ATTACHMENT_NOT_GRANTED)
    assert not list(Spool(desks.north.home).outgoing.iterdir())
    picture.write_bytes(b"DICM")
    assert _send(north, link, *map(str, both))["waits"] == "here"


def test_a_parcel_that_was_not_fetched_is_made_again(desks: Desks, north: Run, south: Run) -> None:
    """The one before is deleted; without --again nothing changes."""
    link = asked(desks, south)
    north("grant", link, signed=True)
    first = _send(north, link)
    share = desks.newest(desks.north)
    assert first["waits"] == "here"
    assert _send(north, link)["bytes"] == first["bytes"]
    assert desks.newest(desks.north).ready == share.ready
    _send(north, link, "--again")
    again = desks.newest(desks.north).ready
    assert share.ready is not None
    assert again is not None
    assert again.parcel != share.ready.parcel
    spool = Spool(desks.north.home)
    assert spool.made(again.parcel).whole
    assert not spool.made(share.ready.parcel).header.exists()


def test_who_is_told_that_the_node_does_not_run(
    desks: Desks, north: Run, south: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parcel that nobody carries is no secret."""
    monkeypatch.setattr("wardnet_node.cli.share_watch.PATIENCE", 0.0)
    link = asked(desks, south)
    north("grant", link, signed=True)
    share = desks.newest(desks.north)
    with only_here(Spool(desks.north.home).outgoing, share.digest):
        told = north("send", link)
        north("send", link, "--again", reason=Reason.IN_USE)
    assert "start it with `wardnet-node serve`" in told.stderr


def _send(north: Run, link: str, *options: str) -> Any:  # noqa: ANN401 - as `read`
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wardnet_node.cli.share_watch.PATIENCE", 0.0)  # no daemon brings it
        return read(north("send", link, *options, "--json"))


def test_a_decline_and_a_revocation_reach_the_other_side(
    desks: Desks, north: Run, south: Run
) -> None:
    """In the steward's words, with what comes next."""
    first = asked(desks, south)
    north("decline", first, "--reason", "Ask them first.", signed=True)
    second = asked(desks, south)
    north("grant", second, signed=True)
    north("revoke", second, "--reason", "By mistake.", signed=True)
    desks.carry()
    assert "northside has declined: Ask them first." in south("show", first).stdout
    assert "northside has taken it back: By mistake." in south("show", second).stdout
    south("fetch", second, reason=Reason.SHARE_REVOKED)
    south("fetch", first, reason=Reason.SHARE_DECIDED)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("show", "abcdef"), Reason.SHARE_UNKNOWN),
        (("show", "wardnet://share/x"), Reason.LINK_MALFORMED),
        (("preview", "LINK", "--band", "age"), Reason.DEIDENTIFICATION_INVALID),
        (("preview", "LINK", "--band", "record=1"), Reason.DEIDENTIFICATION_INVALID),
        (("preview", "LINK", "--cap", "sex=1..2"), Reason.DEIDENTIFICATION_INVALID),
        (("preview", "LINK", "--drop", "age,admitted,sex"), Reason.SHARE_TOO_WIDE),
        (("preview", "LINK", "--where", "age >"), Reason.COHORT_SYNTAX),
        (("preview", "LINK", "--terms", "/nowhere"), Reason.FILE_UNREADABLE),
        (("send", "LINK"), Reason.SHARE_DECIDED),
        (("fetch", "LINK"), Reason.SHARE_NOT_FOR_US),
    ],
)
def test_what_cannot_be_done_is_said(
    desks: Desks, north: Run, south: Run, arguments: tuple[str, ...], reason: Reason
) -> None:
    """By the catalogue's sentence and exit code."""
    link = asked(desks, south)
    north(*[link if word == "LINK" else word for word in arguments], reason=reason)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--hours", "2"), Reason.SHARE_TOO_WIDE),
        (("--patient", "keep"), Reason.SHARE_IDENTIFIERS),
        (("--where", "age > 100"), Reason.NOTHING_TO_SHARE),
    ],
)
def test_a_grant_of_more_or_of_nothing_is_refused(
    desks: Desks, north: Run, south: Run, options: tuple[str, ...], reason: Reason
) -> None:
    """The request stays undecided."""
    link = asked(desks, south)
    north("grant", link, *options, signed=True, reason=reason)
    assert desks.newest(desks.north).state is State.ASKED


@pytest.mark.parametrize(
    "arguments",
    [
        ("request", "northside", "stays", "--columns", "age"),
        ("request", "northside", "stays", "--columns", "age", "--treatment", "x", "--study", "y"),
        ("preview", "LINK", "--drop", "age", "--year", "age"),
        ("preview", "LINK", "--terms", "terms.toml", "--shift", "3"),
        ("preview", "LINK", "--hours", "0"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    north: Run, arguments: tuple[str, ...]
) -> None:
    """As the usage of a command."""
    north(*arguments, usage=True)


def test_a_request_without_a_known_hospital_is_refused(south: Run) -> None:
    """It says how one becomes known."""
    wanted = ("stays", "--columns", "age", "--treatment", "They have moved.")
    refused = south("request", "elsewhere", *wanted, signed=True, reason=Reason.PARAMETER_INVALID)
    assert "wardnet-node book add" in refused.stderr
