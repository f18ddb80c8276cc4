"""The stewards' page, by TLS, over a real node home."""

import hashlib
import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from support.desk import Browser, DeskHome, code, fill_log, hidden
from support.pki import PASSPHRASE, TestNetwork
from wardnet import canonical, clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement.agreement import Evidence
from wardnet.audit import log
from wardnet.audit.entry import EventType, refused
from wardnet.errors import CATALOGUE, Reason, WardnetError
from wardnet.identity.member import Role
from wardnet.settings import load as load_settings
from wardnet_node.desk.events import by_operator
from wardnet_node.desk.study_state import State
from wardnet_node.desk.web import certificate
from wardnet_node.desk.web.guard import MAXIMUM_BODY, MAXIMUM_UPLOAD
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.web import COOKIE, LOGIN_RATE
from wardnet_node.settings import NodeSettings

REFUSED = CATALOGUE[Reason.LOGIN_REFUSED].sentence
OUTDATED = CATALOGUE[Reason.FORM_OUTDATED].sentence
PAGES = (
    "/",
    "/studies",
    "/agreements",
    "/datasets",
    "/datasets/cardiology",
    "/log",
    "/log/1",
    "/reports",
    "/reports/studies",
    "/auditors",
    "/auditors/new",
    "/keys",
    "/health",
)
NUMBER = r'<td class="number"><a [^>]*>(\d+)</a></td>'


@pytest.fixture
def home(tmp_path: Path) -> DeskHome:
    """Give a hospital with one waiting study and two stewards."""
    folder = tmp_path / "home"
    folder.mkdir()
    return DeskHome(TestNetwork(), folder)


@pytest.fixture
def stranger(home: DeskHome) -> Iterator[Browser]:
    """Give a browser that is not signed in."""
    with home.browsing() as browser:
        yield browser


@pytest.fixture
def anna(stranger: Browser) -> Browser:
    """Give a browser in which steward anna is signed in."""
    stranger.follow(stranger.sign_in())
    return stranger


def path(home: DeskHome) -> str:
    """Return where the study's page is."""
    return f"/studies/{home.study.digest}"


def state(home: DeskHome) -> State:
    """Return where the study stands."""
    with home.decisions() as decisions:
        return decisions.study(home.study.digest).state


def words(page: str) -> str:
    """Return what a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def accept(browser: Browser, home: DeskHome) -> httpx.Response:
    """Accept the study as proposed, and sign."""
    browser.open(path(home))
    confirm = browser.send(f"{path(home)}/accept").headers["location"]
    browser.open(confirm)
    return browser.send(confirm)


@pytest.mark.parametrize(
    ("steward", "password", "digits"),
    [
        ("nobody", PASSPHRASE, ""),
        ("../anna", PASSPHRASE, ""),
        ("anna", "not her password at all", ""),
        ("anna", PASSPHRASE, "000000"),
        ("anna", PASSPHRASE, "\u0661\u0662\u0663\u0664\u0665\u0666"),
        ("", "", "x"),
    ],
)
def test_whatever_is_wrong_the_sentence_is_the_same(
    stranger: Browser, steward: str, password: str, digits: str
) -> None:
    """A name, a password and a code that are wrong cannot be told apart."""
    response = stranger.sign_in(steward, password=password, digits=digits)
    assert response.status_code == 403
    assert REFUSED in words(response.text)
    assert COOKIE not in response.cookies
    assert stranger.get("/").headers["location"] == "/login"


def test_ten_wrong_attempts_lock_a_name(stranger: Browser) -> None:
    """After ten wrong codes even the right one is refused, with the same sentence."""
    for _ in range(10):
        assert stranger.sign_in(digits="000000").status_code == 403
    assert REFUSED in words(stranger.sign_in().text)
    assert stranger.sign_in("ben").status_code == 303


def test_one_address_cannot_try_for_ever(stranger: Browser) -> None:
    """An address that tries too often is sent away before anything is looked at."""
    for number in range(LOGIN_RATE.times):
        assert stranger.sign_in(f"name{number}").status_code == 403
    response = stranger.sign_in()
    assert response.status_code == 429
    assert "Try again later" in response.text


def test_a_code_works_once(stranger: Browser) -> None:
    """Whoever looks over her shoulder cannot use the code again."""
    digits = code()
    assert stranger.sign_in(digits=digits).status_code == 303
    stranger.client.cookies.clear()
    assert stranger.sign_in(digits=digits).status_code == 403
    assert stranger.sign_in(digits=code(later=30)).status_code == 303


def test_a_session_is_new_at_every_login_and_gone_after_the_last(stranger: Browser) -> None:
    """The cookie is unreadable, of this host alone, another one each time, and dead afterwards."""
    first = stranger.sign_in()
    cookie = next(line for line in first.headers.get_list("set-cookie") if f"{COOKIE}=" in line)
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    old = stranger.client.cookies[COOKIE]
    assert len(old) >= 43
    stranger.client.cookies.delete("__Host-wardnet-login")
    page = stranger.client.get("/login")
    assert page.headers["location"] == "/"
    stranger.open("/")
    assert stranger.send("/logout").headers["location"] == "/login"
    stranger.client.cookies.set(COOKIE, old, domain="127.0.0.1")
    assert stranger.get("/").headers["location"] == "/login"
    stranger.sign_in(digits=code(later=30))
    assert old not in set(stranger.client.cookies.values())


@pytest.mark.parametrize("page", [*PAGES, "/studies/abcdef", "/confirm/x", "/studies/a/narrow"])
def test_nothing_is_shown_to_a_stranger(stranger: Browser, page: str) -> None:
    """Every page sends a browser without a session to the login."""
    response = stranger.get(page)
    assert (response.status_code, response.headers["location"]) == (303, "/login")
    assert response.text == ""


@pytest.mark.parametrize(
    "page",
    [
        "/login",
        "/",
        "/nothing",
        "/static/",
        "/static/desk.css",
        "/static/../app.py",
        "/log?before=x",
    ],
)
def test_every_answer_carries_the_same_protection(stranger: Browser, page: str) -> None:
    """No page, error or file can be framed, cached, sniffed, scripted from elsewhere."""
    headers = stranger.get(page).headers
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert int(headers["strict-transport-security"].partition("=")[2]) >= 365 * 86400
    assert "server" not in headers


@pytest.mark.parametrize("page", ["/static/", "/static", "/static/..%2fapp.py", "/docs", "/.env"])
def test_nothing_else_is_served(anna: Browser, page: str) -> None:
    """Neither a listing, nor a file beside, nor the framework's own pages."""
    response = anna.client.get(page, follow_redirects=True)
    assert response.status_code == 404
    assert CATALOGUE[Reason.PAGE_UNKNOWN].sentence in words(response.text)


@pytest.mark.parametrize("token", ["", "x", "\u00e9"])
def test_a_form_of_another_page_does_nothing(anna: Browser, home: DeskHome, token: str) -> None:
    """A form without this session's token is refused, wherever it goes."""
    anna.open(path(home))
    anna.token = token
    for action in ("accept", "decline", "revoke", "narrow"):
        response = anna.send(f"{path(home)}/{action}", {"reason": "because"})
        assert response.status_code == 409
        assert OUTDATED in words(response.text)
    assert anna.send("/logout").status_code == 409
    assert state(home) is State.NEW


def test_a_login_form_of_another_page_does_nothing(stranger: Browser) -> None:
    """Nobody can be signed in under another name from outside."""
    form = {"token": "x", "steward": "anna", "password": PASSPHRASE, "code": code()}
    assert stranger.client.post("/login", data=form).status_code == 409
    stranger.open("/login")
    assert stranger.client.post("/login", data=form).status_code == 409


def test_a_form_that_is_too_large_is_not_read(anna: Browser, home: DeskHome) -> None:
    """Memory is not for whoever sends most."""
    anna.open(path(home))
    response = anna.send(f"{path(home)}/decline", {"reason": "x" * MAXIMUM_BODY})
    assert response.status_code == 413
    assert anna.get("/").status_code == 200


def test_what_a_study_says_is_text(anna: Browser, home: DeskHome) -> None:
    """A title that is a script, and a reason that is one, stay text."""
    script = "<script>alert(1)</script>"
    with home.decisions() as decisions:
        home.propose(decisions, home.another_study(script))
    for page in ("/", "/studies"):
        assert script not in anna.open(page)
        assert script in words_kept(anna.open(page))
    anna.open(path(home))
    confirm = anna.send(f"{path(home)}/decline", {"reason": script}).headers["location"]
    assert script not in anna.open(confirm)


def words_kept(page: str) -> str:
    """Return a page with its entities read."""
    return unescape(page)


def test_a_bug_shows_a_number_and_nothing_else(
    anna: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error's text, which may quote data, reaches neither the page nor the log."""

    def fail(_room: Room) -> None:
        message = "patient 4711"
        raise RuntimeError(message)

    monkeypatch.setattr(Room, "health", fail)
    response = anna.get("/health")
    assert response.status_code == 500
    assert "Tell the operator the incident id" in response.text
    printed = "".join(capsys.readouterr())
    assert "page_failed" in printed
    assert "4711" not in response.text + printed
    assert "content-security-policy" in response.headers


def test_what_is_signed_is_what_was_shown(anna: Browser, home: DeskHome) -> None:
    """The bytes in the catalog are those whose text and digest stood on the page."""
    anna.open(path(home))
    confirm = anna.send(f"{path(home)}/accept").headers["location"]
    page = anna.open(confirm)
    match = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert match is not None
    shown = canonical.encode(json.loads(unescape(match[1])))
    assert anna.send(confirm).status_code == 303
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
        (statement,) = decisions.unsent()
    assert agreement is not None
    assert shown == agreements.to_bytes(agreement) == statement.envelope.payload
    assert agreement.digest in page
    assert home.study.digest in page


def test_what_was_shown_is_signed_once(anna: Browser, home: DeskHome) -> None:
    """A confirmation works once: going back in the browser signs nothing."""
    anna.open(path(home))
    confirm = anna.send(f"{path(home)}/accept").headers["location"]
    anna.open(confirm)
    assert anna.send(confirm).status_code == 303
    assert anna.send(confirm).status_code == 409
    assert anna.get(confirm).status_code == 409


def test_what_changed_meanwhile_is_not_signed(anna: Browser, home: DeskHome) -> None:
    """When another steward has signed since the page was shown, it must be shown again."""
    anna.open(path(home))
    confirm = anna.send(f"{path(home)}/accept").headers["location"]
    anna.open(confirm)
    with home.decisions() as decisions:
        narrowed = replace(decisions.draft(home.study.digest), quota=7)
        decisions.accept(home.study.digest, stewards=[home.steward("ben")], narrowed=narrowed)
    response = anna.send(confirm)
    assert "somebody has decided meanwhile; look at it again" in words(response.text)
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
    assert agreement == narrowed


def test_a_new_password_ends_every_session(anna: Browser, home: DeskHome) -> None:
    """Whoever had learned the old one is out at once; others stay."""
    with home.browsing() as other:
        other.follow(other.sign_in("ben"))
        with home.room() as room:
            room.stewards.change_password("anna", password=PASSPHRASE, new="a new long passphrase")
        assert anna.get("/").headers["location"] == "/login"
        assert other.get("/").status_code == 200


def test_another_steward_s_confirmation_is_nobody_else_s(anna: Browser, home: DeskHome) -> None:
    """The address of a confirmation is worth nothing in another session."""
    anna.open(path(home))
    confirm = anna.send(f"{path(home)}/accept").headers["location"]
    anna.client.cookies.clear()
    anna.follow(anna.sign_in("ben"))
    assert anna.get(confirm).status_code == 409


FORM: dict[str, object] = {
    "columns": ["age", "sex"],
    "cohort_columns": ["age"],
    "methods": ["count", "summary"],
    "minimum_patients": "25",
    "minimum_hospitals": "3",
    "quota": "12",
    "until": "2027-01-31",
    "cohort": "age >= 18",
    "conditions": "First condition.\r\n\r\nSecond condition.",
}


def test_every_limit_can_be_narrowed(anna: Browser, home: DeskHome) -> None:
    """What the form says is what the agreement says."""
    anna.open(f"{path(home)}/narrow")
    response = anna.send(f"{path(home)}/narrow", {**FORM, "until": date(home, days=30)})
    page = words(anna.follow(response))
    assert page.count("stricter") == 8
    anna.send(response.headers["location"])
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
    assert agreement is not None
    assert (agreement.columns, agreement.cohort_columns) == (("age", "sex"), ("age",))
    assert [method.name for method in agreement.methods] == ["count", "summary"]
    assert (agreement.minimum_patients, agreement.minimum_hospitals, agreement.quota) == (25, 3, 12)
    assert agreement.until == f"{date(home, days=30)}T00:00:00.000Z"
    assert agreement.conditions == ("First condition.", "Second condition.")


def test_the_log_page_shows_every_reason_and_what_was_signed(anna: Browser, home: DeskHome) -> None:
    """Who looks through refusals and unlockings later needs no other tool."""
    reasons = [WardnetError(Reason.QUERY_REPLAYED), WardnetError(Reason.QUERY_NOT_FOR_US)]
    for kind in (EventType.QUERY_EXPLAINED, EventType.BREAK_GLASS):
        event = by_operator(home.credentials.member, kind)
        with home.catalog() as catalog, catalog.transaction() as connection:
            signed = replace(event, statement='{"reason":"The disk failed."}')
            log.append(connection, refused(signed, reasons), at=clock.now())
    page = words(anna.open("/log"))
    assert page.count("query replayed, query not for us") == 2
    assert "node unlocked by two stewards" in page
    assert "The disk failed." in page


def test_documents_are_named_and_not_kept(anna: Browser, home: DeskHome) -> None:
    """Of an uploaded document its name and digest are signed; a wrong field loses neither."""
    approval = b"%PDF " + bytes(300 << 10)  # longer than any other form may be
    digest = hashlib.sha256(approval).hexdigest()
    anna.open(f"{path(home)}/narrow")
    form = {**FORM, "until": date(home, days=30), "token": anna.token}
    wrong = anna.client.post(
        f"{path(home)}/narrow",
        data={**form, "quota": "x"},
        files={"documents": ("ethics approval.pdf", approval)},
    )
    assert wrong.status_code == 422
    attached = f"{digest} ethics approval.pdf"
    assert f'value="{attached}" checked' in wrong.text
    confirm = anna.client.post(f"{path(home)}/narrow", data={**form, "attached": attached})
    assert "ethics approval.pdf" in words(anna.follow(confirm))
    anna.send(confirm.headers["location"])
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
    assert agreement is not None
    assert agreement.evidence == (Evidence("ethics approval.pdf", digest),)
    for kept in home.home.rglob("*"):
        assert not kept.is_file() or approval[:1000] not in kept.read_bytes()


def test_a_document_with_a_name_that_hides_is_refused(anna: Browser, home: DeskHome) -> None:
    """What is signed shows what it says."""
    anna.open(f"{path(home)}/narrow")
    form = {**FORM, "until": date(home, days=30), "attached": f"{'0' * 64} a\u202efdp.exe"}
    response = anna.send(f"{path(home)}/narrow", form)
    assert response.status_code == 422
    assert 'href="#documents"' in response.text


def test_only_the_one_form_may_be_large(stranger: Browser, anna: Browser, home: DeskHome) -> None:
    """Its size has an end too, and a file in another form is not read."""
    anna.open(path(home))
    large = {"documents": ("a.pdf", bytes(MAXIMUM_UPLOAD))}
    token = {"token": anna.token}
    answer = anna.client.post(f"{path(home)}/narrow", data=token, files=large)
    assert answer.status_code == 413
    anna.client.cookies.clear()
    assert stranger.client.post(f"{path(home)}/narrow", files=large).status_code == 303


def date(home: DeskHome, *, days: int) -> str:
    """Return the date some days after the network began."""
    return clock.to_moment(home.network.at + timedelta(days=days))[:10]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("minimum_patients", "9", "A whole number from 10"),
        ("minimum_patients", "\u0661\u0661", "A whole number from 10"),
        ("minimum_hospitals", "1", "lower than the study's"),
        ("minimum_hospitals", "-1", "A whole number from 1"),
        ("quota", "301", "higher than the study's"),
        ("quota", "1e2", "A whole number from 1"),
        ("quota", "9" * 5000, "A whole number from 1"),
        ("until", "2001-01-01", "must lie in the future"),
        ("until", "9999-12-31", "later than the study's end"),
        ("until", "tomorrow", "A date is needed"),
        ("cohort", "age >= ", "cannot be understood from its character"),
        ("cohort", "height > 3", "height"),
        ("cohort", "age >= 'old'", "age"),
        ("columns", ["note"], "does not ask for note"),
        ("columns", ["'; DROP TABLE"], ""),
        ("methods", [], "At least one is needed"),
        ("methods", ["regression"], "does not ask for regression"),
        ("conditions", "\u202egnihtoN", "conditions"),
        ("conditions", "x" * 5000, "4000"),
    ],
)
def test_a_wrong_limit_is_named_and_nothing_is_lost(
    anna: Browser, home: DeskHome, field: str, value: object, sentence: str
) -> None:
    """The page comes back filled in, says which field is wrong and why, and signs nothing."""
    anna.open(f"{path(home)}/narrow")
    form = {**FORM, "until": date(home, days=30), field: value}
    response = anna.send(f"{path(home)}/narrow", form)
    assert response.status_code == 422
    assert sentence.casefold() in words(response.text).casefold()
    assert f'href="#{field}"' in response.text
    if field != "quota":
        assert 'value="12"' in response.text
    assert state(home) is State.NEW


def test_a_study_is_declined_with_a_reason(anna: Browser, home: DeskHome) -> None:
    """The reason is needed, shown, signed and logged."""
    anna.open(f"{path(home)}/decline")
    assert anna.send(f"{path(home)}/decline", {"reason": "  "}).status_code == 422
    response = anna.send(f"{path(home)}/decline", {"reason": "Not our patients."})
    assert "Not our patients." in anna.follow(response)
    page = anna.follow(anna.send(response.headers["location"]))
    assert "You have declined" in page
    assert state(home) is State.DECLINED
    assert "study declined" in words(anna.open("/log?type=study_declined"))


def test_allowing_again_needs_a_second_steward(anna: Browser, home: DeskHome) -> None:
    """After a revocation one steward is not enough, nor is she twice, nor a wrong code."""
    assert accept(anna, home).status_code == 303
    anna.open(f"{path(home)}/revoke")
    response = anna.send(f"{path(home)}/revoke", {"reason": "An error."})
    anna.follow(response)
    anna.send(response.headers["location"])
    assert state(home) is State.REVOKED
    alone = accept(anna, home)
    assert alone.status_code == 403
    assert "two different stewards" in alone.text
    anna.token = hidden(alone.text)
    confirm = alone.url.path
    herself = {"steward": "anna", "password": PASSPHRASE, "code": code(later=30)}
    assert "two different stewards" in anna.send(confirm, herself).text
    other = {"steward": "ben", "password": PASSPHRASE, "code": "000000"}
    assert REFUSED in words(anna.send(confirm, other).text)
    assert state(home) is State.REVOKED
    assert anna.send(confirm, {**other, "code": code()}).status_code == 303
    assert state(home) is State.AGREED


def test_a_steward_who_asks_cannot_approve(home: DeskHome) -> None:
    """A study that names anna among its people cannot be signed by her alone."""
    person = replace(home.study.people[0], id="anna")
    own = replace(home.study, people=(*home.study.people, person))
    with home.decisions() as decisions:
        home.propose(decisions, own)
    with home.browsing() as browser:
        browser.follow(browser.sign_in())
        browser.open(f"/studies/{own.digest}")
        confirm = browser.send(f"/studies/{own.digest}/accept").headers["location"]
        browser.open(confirm)
        response = browser.send(confirm)
    assert response.status_code == 403
    assert "who did not request it" in response.text


def test_the_study_is_told_in_plain_language(anna: Browser, home: DeskHome) -> None:
    """Who, why, what, which limits, and what could leak: all of it is on the page."""
    page = words(anna.open(path(home)))
    for text in (
        "Women with chest pain are examined later than men",
        "Research on health, medicine or biology.",
        "EK 2026/117",
        "ada , Medical University",
        "it stands in your address book",
        "Serum cholesterol",
        "50 to 700 mg/dL",
        "The median and other cut points",
        "At most 300 different ones.",
        "at least 2 of 4 in each answer",
        "What could leak",
        "Requiring all 4 prevents this.",
        "Day of admission",
    ):
        assert text in page


def test_the_log_is_searched_and_paged(anna: Browser, home: DeskHome) -> None:
    """Filters join, pages hold what they should, and what is no filter is said."""
    fill_log(home, 240)
    page = anna.open("/log?type=query_answer&dataset=oncology&subject=researcher/r5")
    rows = re.findall(NUMBER, page)
    assert len(rows) == 2
    seen: list[str] = []
    page = anna.open("/log?type=query_part")
    while True:
        seen += re.findall(NUMBER, page)
        older = re.search(r'href="(/log\?[^"]*before=[^"]*)">Older', page)
        if older is None:
            break
        page = anna.open(unescape(older[1]))
    assert len(seen) == len(set(seen)) == 80
    assert seen == sorted(seen, key=int, reverse=True)
    assert "No entry fits." in anna.open("/log?until=2001-01-01")
    assert "cannot be read" in anna.open("/log?since=yesterday")
    assert "No entry fits." in anna.open("/log?subject=%25")
    assert anna.get("/log?type='--").status_code == 200


def test_the_certificate_is_made_once_and_only_new_tls_is_spoken(home: DeskHome) -> None:
    """The fingerprint stays over restarts; the key is nowhere in clear; TLS 1.2 is refused."""
    settings = NodeSettings(address="localhost:1", desk_listen="127.0.0.1:0")
    first = certificate.load(home.home, home.keystore, settings).fingerprint
    with home.serving() as address:
        host, _, port = address.removeprefix("https://").partition(":")
        context = ssl.create_default_context(cafile=home.home / certificate.FILE_NAME)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection((host, int(port))) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname=host)
    assert certificate.load(home.home, home.keystore, settings).fingerprint == first
    for file in home.home.rglob("*"):
        assert not file.is_file() or b"PRIVATE KEY" not in file.read_bytes()


def test_the_hospital_s_own_certificate_is_used(home: DeskHome, tmp_path: Path) -> None:
    """A certificate and key from files are taken; a key that others can read is refused."""
    other = home.network.issue(replace(home.credentials.member, role=Role.COORDINATOR))
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(other.tls_chain_pem)
    key.write_bytes(other.tls_key_pem)
    key.chmod(0o600)
    text = f'address = "a:1"\ndesk_certificate = "{chain}"\ndesk_key = "{key}"\n'
    (home.home / "settings.toml").write_text(text)
    settings = load_settings(NodeSettings, home.home)
    assert certificate.load(home.home, home.keystore, settings).chain == other.tls_chain_pem
    assert not (home.home / certificate.FILE_NAME).exists()
    key.chmod(0o644)
    with pytest.raises(WardnetError) as refused:
        certificate.load(home.home, home.keystore, settings)
    assert refused.value.reason is Reason.FILE_MODE
    key.write_bytes(home.credentials.tls_key_pem)
    key.chmod(0o600)
    with pytest.raises(WardnetError) as wrong:
        certificate.load(home.home, home.keystore, settings)
    assert wrong.value.reason is Reason.WRONG_SETTING


def test_the_quality_of_a_load_is_shown(anna: Browser) -> None:
    """What the last load found stands on the dataset's page."""
    page = words(anna.open("/datasets/cardiology"))
    assert "Rows stored 840" in page
    assert "94 11.2 %" in page


def test_the_health_of_the_node_is_shown(anna: Browser) -> None:
    """Connection, certificate, clock, disk and the end of the log."""
    page = words(anna.open("/health"))
    for text in ("Connected to the coordinator", "more days", "agree to 0.2 seconds", "are free"):
        assert text in page
