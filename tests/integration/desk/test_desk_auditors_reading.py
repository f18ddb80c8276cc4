"""An auditor at the desk reads the log and nothing else, and everything she opens is logged."""

import io
import re

from support.auditors import entries, fill_busy, sign_in
from support.desk import Browser, DeskHome
from support.log_entries import TAG
from support.page import words
from support.questions import key
from wardnet import clock
from wardnet.audit import bundle as bundles
from wardnet.audit import checkpoint, cosigned, log, note, verifier
from wardnet.audit.entry import Actor, Entry, Event, EventType, Outcome
from wardnet.audit.scope import Scope
from wardnet.errors import Reason
from wardnet_node.desk import queries

STEWARDS = ("/", "/studies", "/agreements", "/datasets", "/health", "/auditors", "/keys")
HERS = "wardnet://heartnet/auditor/olga"


def readings(home: DeskHome) -> list[Entry]:
    """Return what the log says of olga's readings."""
    found = (item for item in entries(home) if item.type is EventType.LOG_READ)
    return [item for item in found if item.actor.subject == HERS]


def numbers(page: str) -> list[int]:
    """Return the entries that a page lists."""
    return [int(seq) for seq in re.findall(r'<a href="/log/(\d+)"', page)]


def test_an_auditor_sees_nothing_but_the_log(stranger: Browser, home: DeskHome) -> None:
    """Every page of the stewards is closed to her, to look at and to send forms to."""
    page = sign_in(home, stranger)
    for path in STEWARDS:
        assert f'href="{path}"' not in page
        assert stranger.get(path).status_code == 403
    study = f"/studies/{home.study.digest}"
    for path in (study, f"{study}/narrow", f"{study}/decline", "/datasets/cardiology"):
        assert stranger.get(path).status_code == 403
    for path in (f"{study}/accept", "/keys", "/auditors/new", "/auditors/olga/invite"):
        assert stranger.send(path, {"sure": "1"}).status_code == 403
    assert "Access log" in stranger.follow(stranger.get("/login"))


def test_everything_that_she_opens_is_logged_as_her_reading(
    stranger: Browser, home: DeskHome
) -> None:
    """With her address and her grant; a refusal, too, and the patient by the tag alone."""
    sign_in(home, stranger)
    stranger.open("/log/2")
    stranger.send("/log/2/verify")
    stranger.open("/reports/readers")
    assert stranger.get("/log/export/csv?dataset=cardiology").status_code == 200
    target = stranger.send("/log/patient", {"patient": "P-4711"}).headers["location"]
    assert "P-4711" not in target
    stranger.open(target)
    assert stranger.get("/log/99999").status_code == 404
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


def test_a_steward_s_reading_is_logged_too(stranger: Browser, home: DeskHome) -> None:
    """The report on readers names the hospital's own people."""
    stranger.follow(stranger.sign_in())
    stranger.open("/log")
    assert "anna" in stranger.open("/reports/readers")
    last = entries(home)[-1]
    assert (last.type, last.actor.organisation) == (EventType.LOG_READ, home.name)


def test_she_sees_only_what_her_grant_covers(stranger: Browser, home: DeskHome) -> None:
    """Other entries are neither listed, nor opened, nor exported, nor told from missing ones."""
    page = sign_in(home, stranger, Scope(kinds=(EventType.STUDY_RECEIVED,)))
    (seq,) = numbers(page)
    stranger.open(f"/log/{seq}")
    missing = stranger.get("/log/99999")
    other = stranger.get("/log/1")
    assert (other.status_code, other.text) == (404, missing.text)
    assert "Check the whole log" not in page
    assert stranger.send("/log/verify").status_code == 403
    assert stranger.get("/log?type=started").status_code == 403
    assert stranger.get(f"/log?tag={TAG}").status_code == 403
    assert stranger.send("/log/patient", {"patient": "P-4711"}).status_code == 403
    assert stranger.get(f"/log/{seq}/answer").status_code == 403
    refused = [item for item in readings(home) if item.outcome is Outcome.REFUSED]
    assert Reason.AUDIT_OUTSIDE_GRANT in {item.reason for item in refused}
    taken = stranger.get("/log/export/bundle")
    bundle = bundles.read(io.BytesIO(taken.content))
    assert [proved.seq for proved in bundle.entries] == [seq]
    assert not bundle.complete


def test_what_she_takes_along_is_evidence(stranger: Browser, home: DeskHome) -> None:
    """The bundle of a whole grant proves offline that nothing is missing; it names the forms."""
    sign_in(home, stranger)
    taken = stranger.get("/log/export/bundle")
    assert taken.headers["content-disposition"] == 'attachment; filename="access-log.jsonl"'
    verdict = verifier.verify(bundles.read(io.BytesIO(taken.content)), logs={}, witnesses={})
    assert verdict.count == verdict.size == len(entries(home)) - 1  # but its own reading
    for form in ("html", "csv", "fhir", "syslog"):
        assert len(stranger.get(f"/log/export/{form}").content) > 1000
    assert stranger.get("/log/export/pickle").status_code == 404


def test_the_verdict_says_what_is_proven_and_what_is_not(stranger: Browser, home: DeskHome) -> None:
    """With the right fingerprint the key counts as compared; with another one nothing holds."""
    sign_in(home, stranger)
    page = stranger.open("/log/3")
    assert "it leads to the signed root" in page
    page = stranger.send("/log/3/verify").text
    assert "Whether the log&#39;s key is its owner&#39;s" in page
    own = key(home.credentials)
    page = stranger.send("/log/3/verify", {"fingerprint": f"{own[:32]} {own[32:].upper()}"}).text
    assert "The log&#39;s key is the one that you have compared." in page
    page = stranger.send("/log/3/verify", {"fingerprint": "ab" * 32}).text
    assert "It does not hold." in page
    assert "No entry of the log is missing" in stranger.send("/log/verify").text


def test_an_edited_entry_is_seen_and_named(stranger: Browser, home: DeskHome) -> None:
    """The picture says that the path misses the root; the verdicts name the entry."""
    sign_in(home, stranger)
    stranger.open("/log/3")
    with home.catalog() as catalog, catalog.transaction() as connection:
        connection.execute(
            "UPDATE access_log SET entry ="
            ' CAST(replace(CAST(entry AS TEXT), \'"outcome":"done"\', \'"outcome":"failed"\')'
            " AS BLOB) WHERE seq = 3"
        )
    page = stranger.open("/log/3")
    assert "it does not lead to the signed root" in page
    assert "They are NOT the same" in page
    assert "ntry 3 " in stranger.send("/log/3/verify").text
    assert "The log does not hold" in stranger.send("/log/verify").text


def test_reports_are_of_what_she_may_read(stranger: Browser, home: DeskHome) -> None:
    """All have figures over a busy log; without patients there is no accounting."""
    fill_busy(home, queries=60)
    page = sign_in(home, stranger, Scope(datasets=("cardiology",)))
    for name in ("studies", "refusals", "budget", "anomalies"):
        shown = stranger.open(f"/reports/{name}")
        assert "<svg" in shown
        assert "intensive-care" not in shown
    assert "/reports/disclosures" not in stranger.open("/reports")
    assert stranger.get(f"/reports/disclosures?tag={TAG}").status_code == 403
    assert stranger.get("/reports/reconciliation").status_code == 404
    assert "cardiology" in page


def test_entries_that_nobody_has_witnessed_are_a_sign(stranger: Browser, home: DeskHome) -> None:
    """Only where others could have cosigned; then the report says since which entry."""
    size, south = len(entries(home)), "wardnet://heartnet/node/south"
    fill_busy(home, queries=60)
    sign_in(home, stranger)
    assert "not witnessed" not in stranger.open("/reports/anomalies")
    with home.catalog() as catalog, catalog.transaction() as connection:
        connection.execute("INSERT INTO witnesses VALUES (?, ?, ?, '')", (south, bytes(32), size))
        cosigned.cover(connection, {south}, at=clock.now())
    told = stranger.open("/reports/anomalies")
    assert f"no majority of witnesses vouches for what follows entry {size}" in told


def test_the_verdict_names_the_witnesses_that_the_hospital_knows(
    stranger: Browser, home: DeskHome
) -> None:
    """Also of a checkpoint before the newest, and by the keys in its address book only."""
    sign_in(home, stranger)
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
    told = words(stranger.send("/log/verify", {"fingerprint": ""}).text)
    assert "no witness whose key was compared has cosigned it" in told
    with home.catalog() as catalog, catalog.transaction() as connection:
        cosigned.cover(connection, {name}, at=clock.now())
    told = words(stranger.send("/log/verify", {"fingerprint": ""}).text)
    assert "The witness whose key was compared has cosigned this log." in told
    assert f"{name} saw its first {size} entries at 20" in told


def test_an_accounting_of_disclosures_is_asked_by_number(stranger: Browser, home: DeskHome) -> None:
    """The number becomes a tag before it stands in any address."""
    fill_busy(home, queries=60)
    sign_in(home, stranger)
    assert "Number of the patient" in stranger.open("/reports/disclosures")
    shown = stranger.follow(stranger.send("/log/patient", {"patient": "P-4711", "report": "1"}))
    assert "None." in shown
    assert "parcel" in stranger.open(f"/reports/disclosures?tag={TAG}")


def test_a_released_answer_is_shown_to_whom_it_is_granted(
    stranger: Browser, home: DeskHome
) -> None:
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
    sign_in(home, stranger)
    assert f"/log/{seq}/answer" in stranger.open(f"/log/{seq}")
    assert "&lt;female&gt;" in stranger.open(f"/log/{seq}/answer")
    assert "/log/1/answer" not in stranger.open("/log/1")
    assert stranger.get("/log/1/answer").status_code == 404


def test_the_checkpoint_that_others_have_cosigned_is_shown(
    stranger: Browser, home: DeskHome
) -> None:
    """Before a newer one that nobody has seen: it proves more."""
    sign_in(home, stranger)
    stranger.open("/log/2")
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
    page = stranger.open("/log/2")
    assert f"Checkpoint of {size} entries" in page
    assert "Cosigned by south, " in page
    assert "Nobody else has cosigned" not in page
    assert "Nobody else has cosigned" in stranger.open(f"/log/{size + 1}")
