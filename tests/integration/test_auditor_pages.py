"""An auditor at the desk, by TLS, over a real node home."""

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.auditors import PASSWORD, accept, code_of, fill_busy, grant, invite, olga, sign_in
from support.desk import Browser, DeskHome
from support.log_entries import TAG
from support.page import words
from support.pki import TestNetwork
from support.questions import key
from wardnet import clock
from wardnet.audit import bundle as bundles
from wardnet.audit import checkpoint, cosigned, log, note, verifier
from wardnet.audit.entry import Actor, Entry, Event, EventType, Outcome, from_bytes
from wardnet.audit.scope import Scope
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Role
from wardnet_node.desk import accounts, queries
from wardnet_node.desk.stewards import FOLDER

STEWARDS = ("/", "/studies", "/agreements", "/datasets", "/health", "/auditors", "/keys")
HERS = "wardnet://heartnet/auditor/olga"


@pytest.fixture
def home(tmp_path: Path) -> DeskHome:
    """Give a hospital with one waiting study and two stewards."""
    folder = tmp_path / "home"
    folder.mkdir()
    return DeskHome(TestNetwork(), folder)


@pytest.fixture
def browser(home: DeskHome) -> Iterator[Browser]:
    """Give a browser that is not signed in."""
    with home.browsing() as browser:
        yield browser


def entries(home: DeskHome) -> list[Entry]:
    """Return the log."""
    with home.catalog() as catalog, catalog.reading() as connection:
        rows = connection.execute("SELECT entry FROM access_log ORDER BY seq").fetchall()
    return [from_bytes(bytes(data)) for (data,) in rows]


def readings(home: DeskHome) -> list[Entry]:
    """Return what the log says of olga's readings."""
    found = (item for item in entries(home) if item.type is EventType.LOG_READ)
    return [item for item in found if item.actor.subject == HERS]


def numbers(page: str) -> list[int]:
    """Return the entries that a page lists."""
    return [int(seq) for seq in re.findall(r'<a href="/log/(\d+)"', page)]


def test_an_auditor_sees_nothing_but_the_log(browser: Browser, home: DeskHome) -> None:
    """Every page of the stewards is closed to her, to look at and to send forms to."""
    page = sign_in(home, browser)
    for path in STEWARDS:
        assert f'href="{path}"' not in page
        assert browser.get(path).status_code == 403
    study = f"/studies/{home.study.digest}"
    for path in (study, f"{study}/narrow", f"{study}/decline", "/datasets/cardiology"):
        assert browser.get(path).status_code == 403
    for path in (f"{study}/accept", "/keys", "/auditors/new", "/auditors/olga/invite"):
        assert browser.send(path, {"sure": "1"}).status_code == 403
    assert "Access log" in browser.follow(browser.get("/login"))


def test_everything_that_she_opens_is_logged_as_her_reading(
    browser: Browser, home: DeskHome
) -> None:
    """With her address and her grant; a refusal, too, and the patient by the tag alone."""
    sign_in(home, browser)
    browser.open("/log/2")
    browser.send("/log/2/verify")
    browser.open("/reports/readers")
    assert browser.get("/log/export/csv?dataset=cardiology").status_code == 200
    target = browser.send("/log/patient", {"patient": "P-4711"}).headers["location"]
    assert "P-4711" not in target
    browser.open(target)
    assert browser.get("/log/99999").status_code == 404
    found = readings(home)
    assert [item.operation for item in found] == [
        "desk search",
        "desk entry",
        "desk verify",
        "desk entry",
        "desk report readers",
        "desk export csv",
        "desk patient",
        "desk search",
        "desk entry",
    ]
    assert {item.peer_address for item in found} == {"127.0.0.1"}
    assert all(item.agreement and item.agreement_version == 1 for item in found)
    assert [item.outcome for item in found] == [Outcome.DONE] * 8 + [Outcome.REFUSED]
    assert found[6].patient_tags == found[7].patient_tags != ()
    assert "P-4711" not in str(entries(home))


def test_a_steward_s_reading_is_logged_too(browser: Browser, home: DeskHome) -> None:
    """The report on readers names the hospital's own people."""
    browser.follow(browser.sign_in())
    browser.open("/log")
    assert "anna" in browser.open("/reports/readers")
    last = entries(home)[-1]
    assert (last.type, last.actor.organisation) == (EventType.LOG_READ, home.name)


def test_she_sees_only_what_her_grant_covers(browser: Browser, home: DeskHome) -> None:
    """Other entries are neither listed, nor opened, nor exported, nor told from missing ones."""
    page = sign_in(home, browser, Scope(kinds=(EventType.STUDY_RECEIVED,)))
    (seq,) = numbers(page)
    browser.open(f"/log/{seq}")
    missing = browser.get("/log/99999")
    other = browser.get("/log/1")
    assert (other.status_code, other.text) == (404, missing.text)
    assert "Check the whole log" not in page
    assert browser.send("/log/verify").status_code == 403
    assert browser.get("/log?type=started").status_code == 403
    assert browser.get(f"/log?tag={TAG}").status_code == 403
    assert browser.send("/log/patient", {"patient": "P-4711"}).status_code == 403
    assert browser.get(f"/log/{seq}/answer").status_code == 403
    refused = [item for item in readings(home) if item.outcome is Outcome.REFUSED]
    assert Reason.AUDIT_OUTSIDE_GRANT in {item.reason for item in refused}
    taken = browser.get("/log/export/bundle")
    bundle = bundles.read(io.BytesIO(taken.content))
    assert [proved.seq for proved in bundle.entries] == [seq]
    assert not bundle.complete


def test_what_she_takes_along_is_evidence(browser: Browser, home: DeskHome) -> None:
    """The bundle of a whole grant proves offline that nothing is missing; it names the forms."""
    sign_in(home, browser)
    taken = browser.get("/log/export/bundle")
    assert taken.headers["content-disposition"] == 'attachment; filename="access-log.jsonl"'
    verdict = verifier.verify(bundles.read(io.BytesIO(taken.content)), logs={}, witnesses={})
    assert verdict.count == verdict.size == len(entries(home)) - 1  # but its own reading
    for form in ("html", "csv", "fhir", "syslog"):
        assert len(browser.get(f"/log/export/{form}").content) > 1000
    assert browser.get("/log/export/pickle").status_code == 404


def test_the_verdict_says_what_is_proven_and_what_is_not(browser: Browser, home: DeskHome) -> None:
    """With the right fingerprint the key counts as compared; with another one nothing holds."""
    sign_in(home, browser)
    page = browser.open("/log/3")
    assert "it leads to the signed root" in page
    page = browser.send("/log/3/verify").text
    assert "Whether the log&#39;s key is its owner&#39;s" in page
    own = key(home.credentials)
    page = browser.send("/log/3/verify", {"fingerprint": f"{own[:32]} {own[32:].upper()}"}).text
    assert "The log&#39;s key is the one that you have compared." in page
    page = browser.send("/log/3/verify", {"fingerprint": "ab" * 32}).text
    assert "It does not hold." in page
    assert "No entry of the log is missing" in browser.send("/log/verify").text


def test_an_edited_entry_is_seen_and_named(browser: Browser, home: DeskHome) -> None:
    """The picture says that the path misses the root; the verdicts name the entry."""
    sign_in(home, browser)
    browser.open("/log/3")
    with home.catalog() as catalog, catalog.transaction() as connection:
        connection.execute(
            "UPDATE access_log SET entry ="
            ' CAST(replace(CAST(entry AS TEXT), \'"outcome":"done"\', \'"outcome":"failed"\')'
            " AS BLOB) WHERE seq = 3"
        )
    page = browser.open("/log/3")
    assert "it does not lead to the signed root" in page
    assert "They are NOT the same" in page
    assert "ntry 3 " in browser.send("/log/3/verify").text
    assert "The log does not hold" in browser.send("/log/verify").text


def test_a_grant_that_is_taken_back_ends_at_once(browser: Browser, home: DeskHome) -> None:
    """In the session that is open, and at the door."""
    grant(home)
    secret = accept(home, invite(home))
    browser.follow(browser.sign_in("olga", password=PASSWORD, digits=code_of(secret)))
    with home.room() as room:
        room.grants.revoke("olga", stewards=[home.steward("anna")])
    assert browser.get("/log").status_code == 403
    assert browser.get("/reports/studies").status_code == 403
    browser.client.cookies.clear()
    again = browser.sign_in("olga", password=PASSWORD, digits=code_of(secret, later=30))
    assert again.status_code == 403
    with home.room() as room, pytest.raises(WardnetError) as caught:
        room.accounts.invite("olga", steward=home.steward("anna"))
    assert caught.value.reason is Reason.AUDIT_NOT_GRANTED


def test_an_account_is_for_the_key_that_was_granted(browser: Browser, home: DeskHome) -> None:
    """Another key under the same name is another person until she is invited herself."""
    grant(home)
    secret = accept(home, invite(home))
    grant(home, of=home.network.credentials(Role.AUDITOR, "omar"))
    refused = browser.sign_in("olga", password=PASSWORD, digits=code_of(secret))
    assert refused.status_code == 403
    assert key(olga(home)) != key(home.network.credentials(Role.AUDITOR, "omar"))


def test_an_invitation_works_once_and_for_a_week(
    browser: Browser, home: DeskHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds the code later, or types another, gets no password; it is logged."""
    grant(home)
    form = {"steward": "olga", "password": PASSWORD, "again": PASSWORD}
    browser.open("/welcome")
    assert browser.send("/welcome", {**form, "code": "aaaa-bbbb"}).status_code == 403
    code = invite(home)
    browser.open("/welcome")
    assert (
        "not the same both times"
        in browser.send("/welcome", {**form, "code": code, "again": "x"}).text
    )
    browser.open("/welcome")
    assert (
        "too short"
        in browser.send(
            "/welcome", {**form, "code": code, "password": "short", "again": "short"}
        ).text
    )
    browser.open("/welcome")
    assert "otpauth://" in browser.send("/welcome", {**form, "code": code}).text
    with home.room() as room, pytest.raises(WardnetError) as caught:
        room.accounts.accept("olga", code=code, password=PASSWORD)
    assert caught.value.reason is Reason.LOGIN_REFUSED
    late = invite(home)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + accounts.INVITED + timedelta(seconds=1))
    with home.room() as room, pytest.raises(WardnetError) as caught:
        room.accounts.accept("olga", code=late, password=PASSWORD)
    assert caught.value.reason is Reason.LOGIN_REFUSED
    refused = [item for item in entries(home) if item.type is EventType.AUDITOR_LOGIN]
    assert {item.outcome for item in refused} == {Outcome.REFUSED}
    assert code.replace("-", "") not in str(entries(home))


def test_a_new_invitation_ends_the_old_password(browser: Browser, home: DeskHome) -> None:
    """And signs her out where she is signed in."""
    grant(home)
    secret = accept(home, invite(home))
    browser.follow(browser.sign_in("olga", password=PASSWORD, digits=code_of(secret)))
    invite(home)
    assert browser.get("/log").headers["location"] == "/login"
    later = browser.sign_in("olga", password=PASSWORD, digits=code_of(secret, later=30))
    assert later.status_code == 403


def test_a_steward_s_name_is_never_an_auditor_s(browser: Browser, home: DeskHome) -> None:
    """Who is both decides as a steward and does not audit herself under the same name."""
    grant(home)
    secret = accept(home, invite(home))
    home.network.settle(home.home / FOLDER / "olga", Role.STEWARD, "olga").seal("totp", b"x" * 20)
    refused = browser.sign_in("olga", password=PASSWORD, digits=code_of(secret))
    assert refused.status_code == 403


def test_a_steward_grants_in_plain_words_and_signs_what_she_saw(
    browser: Browser, home: DeskHome
) -> None:
    """Wrong fields are named, the scope is said in sentences, and only the second step signs."""
    browser.follow(browser.sign_in())
    browser.open("/auditors/new")
    wrong = browser.send("/auditors/new", {"auditor": "", "key": "x", "until": "2001-01-01"})
    assert wrong.status_code == 422
    assert wrong.text.count('class="wrong"') == 3
    form = {
        "auditor": "Olga",
        "key": key(olga(home)),
        "until": (clock.now() + timedelta(days=9)).date().isoformat(),
        "datasets": "cardiology",
        "kinds": ["query_answer", "log_read"],
        "scope_since": "2026-01-31",
        "patients": "1",
    }
    shown = browser.send("/auditors/new", form).text
    assert "about the dataset cardiology;" in shown
    assert "from 31 January 2026 on;" in shown
    assert EventType.AUDITOR_GRANTED not in {item.type for item in entries(home)}
    page = browser.follow(browser.send("/auditors/new", {**form, "sure": "1"}))
    assert "olga may read the log from now on." in page
    with home.room() as room:
        (granted,) = room.grants.list()
    assert granted.grant.scope == Scope(
        datasets=("cardiology",),
        kinds=(EventType.LOG_READ, EventType.QUERY_ANSWER),
        since="2026-01-31T00:00:00.000Z",
        patients=True,
    )
    asked = browser.send("/auditors/olga/revoke").text
    assert "Sign that olga may not read the log any more" in asked
    page = browser.follow(browser.send("/auditors/olga/revoke", {"sure": "1"}))
    assert "taken back" in page


def test_reports_are_of_what_she_may_read(browser: Browser, home: DeskHome) -> None:
    """All have figures over a busy log; without patients there is no accounting."""
    fill_busy(home, queries=60)
    page = sign_in(home, browser, Scope(datasets=("cardiology",)))
    for name in ("studies", "refusals", "budget", "anomalies"):
        shown = browser.open(f"/reports/{name}")
        assert "<svg" in shown
        assert "intensive-care" not in shown
    assert "/reports/disclosures" not in browser.open("/reports")
    assert browser.get(f"/reports/disclosures?tag={TAG}").status_code == 403
    assert browser.get("/reports/reconciliation").status_code == 404
    assert "cardiology" in page


def test_entries_that_nobody_has_witnessed_are_a_sign(browser: Browser, home: DeskHome) -> None:
    """Only where others could have cosigned; then the report says since which entry."""
    size, south = len(entries(home)), "wardnet://heartnet/node/south"
    fill_busy(home, queries=60)
    sign_in(home, browser)
    assert "not witnessed" not in browser.open("/reports/anomalies")
    with home.catalog() as catalog, catalog.transaction() as connection:
        connection.execute("INSERT INTO witnesses VALUES (?, ?, ?, '')", (south, bytes(32), size))
        cosigned.cover(connection, {south}, at=clock.now())
    told = browser.open("/reports/anomalies")
    assert f"no majority of witnesses vouches for what follows entry {size}" in told


def test_the_verdict_names_the_witnesses_that_the_hospital_knows(
    browser: Browser, home: DeskHome
) -> None:
    """Also of a checkpoint before the newest, and by the keys in its address book only."""
    sign_in(home, browser)
    owner, witness = home.credentials, home.network.node("south")
    name, signing = witness.member.uri, witness.signer.key
    with home.catalog() as catalog, catalog.transaction() as connection:
        cosigned.sign(connection, owner=owner.member.uri, key=owner.signer.key, at=clock.now())
        asked, _ = cosigned.compose(
            connection, held=0, owner=owner.member.uri, key=owner.signer.key, at=clock.now()
        )
        text = note.parse(asked.note).text
        line = note.cosign(text, name=name, key=signing, at=clock.now()).line
        public, at = signing.public_key(), clock.now()
        size = cosigned.keep(connection, line, asked=asked, name=name, key=public, at=at)
    told = words(browser.send("/log/verify", {"fingerprint": ""}).text)
    assert "no witness whose key was compared has cosigned it" in told
    with home.catalog() as catalog, catalog.transaction() as connection:
        cosigned.cover(connection, {name}, at=clock.now())
    told = words(browser.send("/log/verify", {"fingerprint": ""}).text)
    assert "The witness whose key was compared has cosigned this log." in told
    assert f"{name} saw its first {size} entries at 20" in told


def test_an_accounting_of_disclosures_is_asked_by_number(browser: Browser, home: DeskHome) -> None:
    """The number becomes a tag before it stands in any address."""
    fill_busy(home, queries=60)
    sign_in(home, browser)
    assert "Number of the patient" in browser.open("/reports/disclosures")
    shown = browser.follow(browser.send("/log/patient", {"patient": "P-4711", "report": "1"}))
    assert "None." in shown
    assert "parcel" in browser.open(f"/reports/disclosures?tag={TAG}")


def test_a_released_answer_is_shown_to_whom_it_is_granted(browser: Browser, home: DeskHome) -> None:
    """From the entry that says that it was released; elsewhere there is none to show."""
    digest = "5d" * 32
    event = Event(
        type=EventType.QUERY_ANSWER,
        outcome=Outcome.RELEASED,
        node=home.credentials.member.uri,
        actor=Actor(subject="wardnet://heartnet/researcher/ada"),
        request_digest=digest,
    )
    with home.catalog() as catalog, catalog.transaction() as connection:
        queries.keep_answer(connection, digest, b'{"rows":[["<female>",41]]}')
        seq = log.append(connection, event, at=clock.now()).seq
    sign_in(home, browser)
    assert f"/log/{seq}/answer" in browser.open(f"/log/{seq}")
    assert "&lt;female&gt;" in browser.open(f"/log/{seq}/answer")
    assert "/log/1/answer" not in browser.open("/log/1")
    assert browser.get("/log/1/answer").status_code == 404


def test_the_checkpoint_that_others_have_cosigned_is_shown(
    browser: Browser, home: DeskHome
) -> None:
    """Before a newer one that nobody has seen: it proves more."""
    sign_in(home, browser)
    browser.open("/log/2")
    witness = home.network.node("south")
    name, signing = witness.member.uri, witness.signer.key
    with home.catalog() as catalog, catalog.transaction() as connection:
        size = checkpoint.parse(note.parse(checkpoint.latest(connection) or "").text).size
        signed = note.parse(checkpoint.latest(connection) or "")
        line = note.cosign(signed.text, name=name, key=signing, at=clock.now()).line
        known = {name: signing.public_key()}
        checkpoint.add_cosignature(connection, size=size, line=line, witnesses=known)
    with home.catalog() as catalog, catalog.transaction() as connection:
        key, origin = home.credentials.signer.key, home.credentials.member.uri
        checkpoint.make(connection, key=key, origin=origin, at=clock.now())
    page = browser.open("/log/2")
    assert f"Checkpoint of {size} entries" in page
    assert "Cosigned by south, " in page
    assert "Nobody else has cosigned" not in page
    assert "Nobody else has cosigned" in browser.open(f"/log/{size + 1}")
