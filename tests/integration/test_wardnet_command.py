"""The command `wardnet` as a researcher types it, against a coordinator over mutual TLS."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from support.coordinator import run, serving
from support.pki import CHEAP, PASSPHRASE, TestNetwork
from support.postoffice import PostOffice, honest
from wardnet import clock
from wardnet.agreement import template
from wardnet.agreement.address_book import key_of
from wardnet.client import RemoteNetwork, cli
from wardnet.command import grouped
from wardnet.errors import CATALOGUE, Reason, WardnetError
from wardnet.identity import keystore
from wardnet.identity.invitation import Invitation
from wardnet.identity.member import Member, Role
from wardnet.simulation import simulate
from wardnet_coordinator import registry, state

FRAME = pd.DataFrame(
    {
        "age": [30 + number % 40 for number in range(90)],
        "sex": ["female", "male", "male"] * 30,
        "smoker": [number % 2 == 0 for number in range(90)],
    }
)

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def pki() -> TestNetwork:
    """Make one network's keys for all tests of this file."""
    return TestNetwork()


@pytest.fixture
def office(pki: TestNetwork) -> Iterator[PostOffice]:
    """Run a coordinator with two hospitals."""
    simulated = simulate({"a": FRAME[:20], "b": FRAME[20:]}, dataset="heart")
    with PostOffice(pki, simulated) as office:
        yield office


@pytest.fixture
def home(pki: TestNetwork, office: PostOffice, tmp_path: Path) -> Path:
    """Make the home of a researcher who has joined."""
    pki.settle(tmp_path, Role.RESEARCHER, "ada")
    (tmp_path / "settings.toml").write_text(f'address = "{office.address}"\n')
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE + "\n")
    return tmp_path


@pytest.fixture
def wardnet(home: Path) -> Run:
    """Run `wardnet` with that home."""

    def run(*words: str) -> Result:
        options = ["--home", str(home), "--passphrase-file", str(home / "passphrase")]
        return CliRunner().invoke(cli.main, [*options, *words])

    return run


def exit_code(reason: Reason) -> int:
    """Return what a command that fails for this reason leaves with."""
    return CATALOGUE[reason].exit_code


def test_an_answer_is_printed_as_a_table(wardnet: Run) -> None:
    """Numbers on stdout, everything else on stderr."""
    done = wardnet("query", "summary", "heart", "age", "--by", "sex", "--where", "age >= 35")
    assert done.exit_code == 0
    assert done.stdout.startswith("summary of heart: age by sex, where age >= 35\n\nvariable  sex")
    assert "hospitals  a, b" in done.stdout
    assert done.stderr.startswith("query ")


def test_an_answer_is_printed_as_json(wardnet: Run) -> None:
    """Programs read the same as `Result.to_dict()`."""
    done = wardnet("query", "count", "heart", "--by", "sex", "--json")
    answer = json.loads(done.stdout)
    assert answer["rows"] == [
        {"sex": "female", "rows": 30, "patients": 30},
        {"sex": "male", "rows": 60, "patients": 60},
    ]
    assert [each["hospital"] for each in answer["hospitals"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "method", "parameters"),
    [
        (["count", "heart"], "count", {"by": []}),
        (["count", "heart", "--by", "sex,smoker"], "count", {"by": ["sex", "smoker"]}),
        (
            ["count", "heart", "--by", "sex", "--by", "smoker"],
            "count",
            {"by": ["sex", "smoker"]},
        ),
        (["count", "heart", "--by", "sex"], "count", {"by": ["sex"]}),
        (["summary", "heart", "age"], "summary", {"columns": ["age"], "by": []}),
        (
            ["quantiles", "heart", "age", "--probabilities", "0.1,0.5", "--by", "sex"],
            "quantiles",
            {"columns": ["age"], "probabilities": [0.1, 0.5], "by": ["sex"]},
        ),
        (
            ["histogram", "heart", "age", "--bins", "4"],
            "histogram",
            {"column": "age", "bins": 4, "by": []},
        ),
        (
            ["histogram", "heart", "age", "--edges", "30,50,70"],
            "histogram",
            {"column": "age", "bins": [30, 50, 70], "by": []},
        ),
        (["histogram", "heart", "age"], "histogram", {"column": "age", "bins": 10, "by": []}),
        (
            ["crosstab", "heart", "sex", "smoker"],
            "crosstab",
            {"rows": "sex", "columns": "smoker"},
        ),
        (
            ["pca", "heart", "age", "smoker", "--no-standardise", "--components", "1"],
            "pca",
            {
                "columns": ["age", "smoker"],
                "factors": [],
                "standardise": False,
                "components": 1,
            },
        ),
        (
            ["kmeans", "heart", "age", "--clusters", "2", "--start", "30", "--start", "60"],
            "kmeans",
            {
                "columns": ["age"],
                "factors": [],
                "clusters": 2,
                "start": [[30], [60]],
                "standardise": True,
                "rounds": 300,
                "searches": 1,
                "seed": 0,
            },
        ),
        (
            ["mixture", "heart", "age", "--components", "2", "--covariance", "diagonal"],
            "mixture",
            {
                "columns": ["age"],
                "factors": [],
                "components": 2,
                "covariance": "diagonal",
                "start": [],
                "ridge": 0,
                "tolerance": 1e-06,
                "rounds": 500,
            },
        ),
    ],
)
def test_words_become_the_parameters_that_are_signed(
    wardnet: Run, words: list[str], method: str, parameters: object
) -> None:
    """Every statistic has its command."""
    answer = json.loads(wardnet("query", *words, "--json").stdout)
    assert (answer["method"], answer["parameters"]) == (method, parameters)


@pytest.mark.parametrize(
    ("words", "method", "parameters"),
    [
        (
            ["linear", "heart", "age ~ sex * smoker", "--penalty", "2.5"],
            "linear",
            {
                "outcome": "age",
                "terms": [["sex"], ["smoker"], ["sex", "smoker"]],
                "factors": [],
                "penalty": 2.5,
                "lasso_share": 0,
            },
        ),
        (
            ["logistic", "heart", "smoker ~ . - sex"],
            "glm",
            {
                "outcome": "smoker",
                "terms": [["age"]],
                "factors": [],
                "family": "logistic",
                "penalty": 0,
                "lasso_share": 0,
            },
        ),
    ],
)
def test_a_formula_becomes_the_columns_that_are_signed(
    wardnet: Run, words: list[str], method: str, parameters: object
) -> None:
    """Every model has its command, and no formula is ever signed."""
    answer = json.loads(wardnet("learn", *words, "--json").stdout)
    assert (answer["method"], answer["parameters"]) == (method, parameters)


def test_a_model_is_validated_evaluated_and_drawn(wardnet: Run, tmp_path: Path) -> None:
    """By the id of the question that fitted it; a validation asks as many as it needs."""
    fitted = json.loads(wardnet("learn", "logistic", "heart", "smoker ~ age", "--json").stdout)
    told = json.loads(wardnet("learn", "evaluate", fitted["query"][:12], "--json").stdout)
    assert {"measure": "n", "of": ""}.items() <= told["rows"][0].items()
    validate = ("learn", "cross-validate", "heart", "smoker ~ age", "--model", "logistic")
    parts = json.loads(wardnet(*validate, "--folds", "2", "--json").stdout)
    assert [part["fold"] for part in parts] == ["1", "2", "mean", "sd"]
    words = ("--model", "logistic", "--try", "penalty=0,10", "--folds", "2")
    tried = json.loads(wardnet("learn", "search", "heart", "smoker ~ age", *words, "--json").stdout)
    assert {choice["penalty"] for choice in tried} == {0, 10}
    picture = tmp_path / "model.svg"
    assert wardnet("learn", "plot", fitted["query"], str(picture)).exit_code == 0
    assert "odds ratio" in picture.read_text()


def test_a_condition_that_cannot_be_read_is_pointed_at(wardnet: Run) -> None:
    """The caret stands below the character, and nothing is sent."""
    done = wardnet("query", "count", "heart", "--where", "age >= forty")
    assert done.exit_code == exit_code(Reason.COHORT_SYNTAX)
    shown, caret, error = done.stderr.splitlines()
    assert shown == "  age >= forty"
    assert caret == "         ^"
    assert error.startswith("Error: The cohort cannot be read at character 8: expected a value")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["query", "count", "lungs"], Reason.DATASET_UNAVAILABLE),
        (["query", "summary", "heart", "bmi"], Reason.COLUMN_UNAVAILABLE),
        (["query", "crosstab", "heart", "sex", "age"], Reason.PARAMETER_INVALID),
        (
            ["query", "histogram", "heart", "age", "--bins", "3", "--edges", "1,2"],
            Reason.PARAMETER_INVALID,
        ),
        (["query", "count", "heart", "--hospitals", "z"], Reason.PARAMETER_INVALID),
        (["query", "count", "heart", "--min-hospitals", "9"], Reason.PARAMETER_INVALID),
        (["query", "count", "heart", "--where", "age == 30"], Reason.COHORT_TOO_SMALL),
        (["query", "count", "heart", "--study", "abcdef"], Reason.STUDY_UNKNOWN),
        (["query", "count", "heart", "--study", "abcdef", "--explain"], Reason.STUDY_UNKNOWN),
        (["study", "status", "abcdef"], Reason.STUDY_UNKNOWN),
        (["study", "new", "study.toml", "--dataset", "lungs"], Reason.DATASET_UNAVAILABLE),
        (["study", "new", "none/study.toml", "--dataset", "heart"], Reason.FILE_UNREADABLE),
        (["study", "check", "none.toml"], Reason.FILE_UNREADABLE),
        (["query", "show", "abcdef"], Reason.QUERY_UNKNOWN),
        (["query", "wait", "abcdef"], Reason.QUERY_UNKNOWN),
        (["query", "cancel", "abcdef"], Reason.QUERY_UNKNOWN),
        (["dictionary", "lungs"], Reason.DATASET_UNAVAILABLE),
        (["login", "nowhere.txt"], Reason.FILE_UNREADABLE),
        (["login", "wardnet-invitation-v1:abc"], Reason.INVITATION_MALFORMED),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(
    wardnet: Run, words: list[str], reason: Reason
) -> None:
    """Both from the catalogue; stdout stays empty."""
    done = wardnet(*words)
    assert done.exit_code == exit_code(reason)
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_a_home_without_keys_says_what_to_do(tmp_path: Path) -> None:
    """Before anybody is asked for a passphrase."""
    done = CliRunner().invoke(cli.main, ["--home", str(tmp_path / "none"), "datasets"])
    assert done.exit_code == exit_code(Reason.NOT_INITIALISED)
    assert "Run `wardnet login` first." in done.stderr


def test_a_wrong_passphrase_is_told(home: Path) -> None:
    """And nothing else happens."""
    wrong = home / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("not the passphrase\n")
    words = ["--home", str(home), "--passphrase-file", str(wrong), "datasets"]
    assert CliRunner().invoke(cli.main, words).exit_code == exit_code(Reason.PASSPHRASE_WRONG)


def test_what_the_network_holds_is_listed(wardnet: Run) -> None:
    """Datasets, dictionaries, hospitals, settings: as tables and as JSON."""
    assert "a, b" in wardnet("datasets").stdout
    assert json.loads(wardnet("datasets", "--json").stdout)[0]["name"] == "heart"
    assert "female, male" in wardnet("dictionary", "heart").stdout
    columns = json.loads(wardnet("dictionary", "heart", "--json").stdout)["columns"]
    assert [column["name"] for column in columns] == ["age", "sex", "smoker"]
    assert json.loads(wardnet("hospitals", "--json").stdout)[0] == {
        "hospital": "a",
        "connected": True,
    }
    assert json.loads(wardnet("config", "--json").stdout)[0]["source"] == "file"


def test_a_query_can_be_left_and_taken_up(wardnet: Run) -> None:
    """Closing the laptop loses nothing."""
    query = wardnet("query", "count", "heart", "--no-wait").stdout.strip()
    assert len(query) == 64
    assert json.loads(wardnet("query", "count", "heart", "--no-wait", "--json").stdout)["query"]
    assert "running" in wardnet("query", "show", query[:8]).stdout
    waited = wardnet("query", "wait", query[:8])
    shown = wardnet("query", "show", query[:8])
    assert waited.stdout == shown.stdout
    assert "patients" in shown.stdout
    listed = wardnet("query", "list")
    assert query[:12] in listed.stdout
    assert "count of heart" in listed.stdout
    assert wardnet("query", "list", "--json", "--limit", "1").stdout.count('"query"') == 1


def test_waiting_has_an_end_that_says_how_to_go_on(wardnet: Run, office: PostOffice) -> None:
    """The query itself goes on."""
    office.records = lambda office, envelope: honest(office, envelope)[:1]
    done = wardnet("query", "count", "heart", "--timeout", "0.05")
    assert done.exit_code == exit_code(Reason.WAIT_TOO_LONG)
    assert "wardnet query wait" in done.stderr


def test_ctrl_c_leaves_the_query_running_and_says_how_to_go_on(
    wardnet: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops waiting does not stop the question."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RemoteNetwork, "wait", interrupt)
    done = wardnet("query", "count", "heart")
    assert done.exit_code == 1
    assert "The query goes on; `wardnet query wait " in done.stderr


def test_a_cancelled_query_is_told(wardnet: Run) -> None:
    """Its state is shown, and waiting for it ends with the reason."""
    query = wardnet("query", "count", "heart", "--no-wait").stdout.strip()
    assert "is cancelled" in wardnet("query", "cancel", query[:8]).stderr
    assert wardnet("query", "wait", query).exit_code == exit_code(Reason.QUERY_CANCELLED)
    shown = wardnet("query", "show", query).stdout
    assert "count of heart: cancelled" in shown
    assert "computing" not in shown


def test_a_member_sees_the_key_that_hospitals_write_down(wardnet: Run, pki: TestNetwork) -> None:
    """The fingerprint of the signing key, to be compared by telephone."""
    me = json.loads(wardnet("whoami", "--json").stdout)
    key = key_of(pki.researcher().signer.certificates[0])
    assert me == {"network": "heartnet", "role": "researcher", "id": "ada", "key": key}
    assert grouped(key) in wardnet("whoami").stdout


def test_a_study_goes_from_a_file_to_the_hospitals(
    wardnet: Run, office: PostOffice, tmp_path: Path
) -> None:
    """Written, filled in, checked, signed, sent, and followed."""
    file = tmp_path / "study.toml"
    office.proposals.clear()
    words = ("--dataset", "heart", "--title", "Smoking", "--organisation", "university")
    assert wardnet("study", "new", str(file), *words).exit_code == 0
    again = wardnet("study", "new", str(file), *words)
    assert again.exit_code == exit_code(Reason.ALREADY_EXISTS)
    empty = wardnet("study", "check", str(file))
    assert empty.exit_code == exit_code(Reason.STUDY_INVALID)
    assert "project.summary: it is empty; fill it in" in empty.stderr
    text = file.read_text().replace('summary = ""', 'summary = "We count smokers."')
    file.write_text(text.replace('permission = ""', 'permission = "DUO:0000006"'))
    fits = wardnet("study", "check", str(file))
    assert fits.exit_code == 0
    assert "fits: heart is held with all its columns by a, b." in fits.stdout
    assert wardnet("study", "check", str(file), "--json").stdout == "[]\n"
    study = wardnet("study", "submit", str(file)).stdout.strip()
    assert json.loads(wardnet("study", "submit", str(file), "--json").stdout) == {"study": study}
    assert "0 of 2 agreed" in wardnet("study", "list").stdout
    unasked = wardnet("query", "count", "heart")
    assert unasked.exit_code == exit_code(Reason.STUDY_NEEDED)
    assert f"`wardnet study status {study[:12]}`" in unasked.stderr
    office.agree(office.proposals[study], "a", quota=7)
    assert "at most 7 queries" in wardnet("study", "status", study[:8]).stdout
    told = json.loads(wardnet("study", "status", study[:8], "--json").stdout)
    assert [each["state"] for each in told["hospitals"]] == ["agreed", "waiting"]
    early = wardnet("query", "count", "heart")
    assert early.exit_code == exit_code(Reason.STUDY_NEEDED)
    assert "at least 2 hospitals that hold the data, and 1 hospital has agreed" in early.stderr
    office.agree(office.proposals[study], "b")
    answer = json.loads(wardnet("query", "count", "heart", "--json").stdout)
    assert [each["hospital"] for each in answer["hospitals"]] == ["a", "b"]


def test_a_study_that_does_not_fit_is_not_sent(
    wardnet: Run, office: PostOffice, tmp_path: Path
) -> None:
    """Everything that does not fit is listed at once."""
    (agreed,) = office.proposals.values()
    data = replace(agreed.study.data, columns=("age", "bmi"))
    setting = replace(agreed.study.setting, hospitals=("a", "z"))
    file = tmp_path / "study.toml"
    file.write_text(template.write(replace(agreed.study, data=data, setting=setting)))
    for command in ("check", "submit"):
        done = wardnet("study", command, str(file))
        assert done.exit_code == exit_code(Reason.STUDY_INVALID)
        assert "heart has no column bmi" in done.stdout
        assert "no hospital z" in done.stdout
    found = json.loads(wardnet("study", "check", str(file), "--json").stdout)
    assert [each["field"] for each in found] == ["data.columns", "setting.hospitals"]
    assert len(office.proposals) == 1


def test_a_question_says_which_study_it_belongs_to(wardnet: Run, office: PostOffice) -> None:
    """Where two allow it, both are named; `--study` chooses."""
    second = office.propose(not_after="2100-01-01T00:00:00.000Z")
    office.agree(second, "b", minimum_patients=15)
    several = wardnet("query", "count", "heart")
    assert several.exit_code == exit_code(Reason.STUDY_NEEDED)
    assert all(digest[:12] in several.stderr for digest in office.proposals)
    asked = wardnet("query", "count", "heart", "--study", second.study.digest[:8])
    assert "hospitals  b" in asked.stdout
    assert "at least 15 patients" in asked.stdout


def test_a_question_can_be_explained_without_being_asked(wardnet: Run, office: PostOffice) -> None:
    """Every hospital says all its reasons, or that it would answer; nothing is submitted."""
    office.verdicts = {
        "a": [
            WardnetError(Reason.QUOTA_USED_UP, hospital="a"),
            WardnetError(Reason.AGREEMENT_ENDED, hospital="a"),
        ]
    }
    done = wardnet("query", "count", "heart", "--by", "sex", "--explain")
    assert done.exit_code == 0
    assert done.stdout.startswith("count of heart by sex: what each hospital would do\n")
    assert "All queries that a agreed to have been asked." in done.stdout
    assert "b         answer" in done.stdout
    told = json.loads(wardnet("query", "count", "heart", "--explain", "--json").stdout)
    assert [each["would"] for each in told] == ["refuse", "answer"]
    assert [each["reason"] for each in told[0]["reasons"]] == ["quota_used_up", "agreement_ended"]
    office.verdicts = {"b": None}
    assert "It could not be asked." in wardnet("query", "count", "heart", "--explain").stdout
    assert not office.submitted


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.STEWARD, Role.AUDITOR])
def test_an_invitation_makes_a_member_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    """`wardnet login` makes keys, has them certified, and remembers where the coordinator is."""
    monkeypatch.setattr(keystore, "COST", CHEAP)
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE + "\n")

    def login(home: str, line: str, *words: str) -> Result:
        options = ["--home", str(tmp_path / home), "--passphrase-file", str(passphrase)]
        return CliRunner().invoke(cli.main, [*options, "login", "-", *words], input=line)

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path / "coordinator") as address:
            invitation = invite(network, tmp_path / "coordinator", role, address)
            line = invitation.to_line() + "\n"
            wrong = await asyncio.to_thread(login, "ada", line, "--fingerprint", "00 11")
            assert wrong.exit_code == exit_code(Reason.FINGERPRINT_MISMATCH)
            unseen = await asyncio.to_thread(login, "ada", line)
            assert unseen.exit_code == exit_code(Reason.FINGERPRINT_NEEDED)
            told = ("--fingerprint", invitation.fingerprint)
            done = await asyncio.to_thread(login, "ada", line, *told, "--json")
            assert json.loads(done.stdout) == {"network": "heartnet", "role": role, "id": "ada"}
            again = await asyncio.to_thread(login, "ada", line, *told)
            assert again.exit_code == exit_code(Reason.ALREADY_EXISTS)
            used = await asyncio.to_thread(login, "eve", line, *told)
            assert used.exit_code == exit_code(Reason.INVITATION_REFUSED)
        assert f'address = "{address}"' in (tmp_path / "ada" / "settings.toml").read_text()
        assert not (tmp_path / "eve").exists()

    run(scenario())


def test_a_node_cannot_log_in_as_a_person(tmp_path: Path) -> None:
    """Its invitation is for another program."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path / "coordinator") as address:
            line = invite(network, tmp_path / "coordinator", Role.NODE, address).to_line()
        done = CliRunner().invoke(cli.main, ["--home", str(tmp_path / "home"), "login", line])
        assert done.exit_code == exit_code(Reason.INVITATION_ROLE)
        assert "`wardnet-node init`" in done.stderr

    run(scenario())


def invite(network: TestNetwork, home: Path, role: Role, address: str) -> Invitation:
    """Invite Ada."""
    with state.writing(home) as connection:
        return registry.invite(
            connection,
            Member(network.name, role, "ada"),
            address=address,
            root=network.root.certificate,
            issuing=network.issuing,
            at=clock.now(),
            until=clock.now() + timedelta(days=1),
        )
