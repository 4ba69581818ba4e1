"""`lali gateway`: keys are made, listed and revoked, and certificates explained."""

import json
import sys

import pytest
from credentials import bearer, doorkeeper_of, scope_with

import broker.cli
from broker.gateway.caller import Right
from broker.gateway.problems import Problem
from broker.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")


def _refused(doorkeeper, *headers):
    with pytest.raises(Problem) as refused:
        doorkeeper.caller(scope_with(*headers))
    return refused.value.status == 401 and str(refused.value) == "UNAUTHENTICATED"


@pytest.fixture
def lali(monkeypatch, capsys, tmp_path):
    """Run a command as the shell does; return exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LALI_SETTINGS", raising=False)
    monkeypatch.setattr("broker.cli.configure_logs", lambda **_: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["lali", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            broker.cli.main()
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


ADD = ("gateway", "key", "add", "--unit", "lagoon-house")


def test_a_key_made_by_the_command_counts_until_the_command_revokes_it(lali):
    code, out, _ = lali(*ADD, "--rights", "read,report", "--days", 90, "--note", "Front desk")
    key = out.strip()
    doorkeeper = doorkeeper_of(Settings())

    caller = doorkeeper.caller(scope_with(bearer(key)))

    assert (code, caller.unit) == (0, "lagoon-house")
    assert caller.rights == {Right.READ, Right.REPORT}
    key_id = key.split("_")[1]
    code, out, _ = lali("gateway", "key", "list", "--json")
    (told,) = json.loads(out)
    assert (told["id"], told["now"], told["note"]) == (key_id, "counts", "Front desk")
    assert "digest" not in told
    assert lali("gateway", "key", "revoke", key_id)[0] == 0
    assert _refused(doorkeeper, bearer(key))
    assert json.loads(lali("gateway", "key", "list", "--json")[1])[0]["now"] == "revoked"
    assert lali("gateway", "key", "list", "--unit", "ptccc", "--json")[1] == "[]\n"


def test_a_role_alone_gives_what_the_unit_may_of_it(lali):
    code, out, _ = lali(*ADD, "--role", "reporter", "--days", 1, "--json")
    told = json.loads(out)
    assert (code, told["rights"], told["role"]) == (0, ["follow", "report"], "reporter")
    assert told["key"].startswith(f"lali_{told['id']}_")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rights", "rule"), "no right is called rule"),
        ((), "say what it may do: --rights"),
        (("--role", "boss"), "no role is called boss"),
        (("--rights", "read", "--feeds", "unodc-statistics"), "no active feed called unodc-s"),
        (("--rights", "read", "--unit", "nobody"), "no unit is called nobody"),
        (("--rights", "publish", "--unit", "unodc"), "unodc cannot publish"),
        (("--role", "case-system", "--unit", "unodc"), "unodc has no right that case-system"),
        (("--rights", "read", "--days", "0"), "--days: 1 to 400"),
        (("--rights", "read", "--days", "401"), "--days: 1 to 400"),
        (("--rights", "read", "--note", "x" * 500), "note"),
    ],
)
def test_a_key_that_would_be_wrong_is_not_made(lali, tmp_path, words, said):
    given = {
        "--unit": "lagoon-house",
        "--days": "30",
        **dict(zip(words[::2], words[1::2], strict=True)),
    }
    flat = [word for pair in given.items() for word in pair]
    code, out, err = lali("gateway", "key", "add", *flat)
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / ".lali" / "gateway" / "keys.json").exists()


def test_an_unknown_key_cannot_be_revoked(lali):
    code, _, err = lali("gateway", "key", "revoke", "0123456789ab")
    assert (code, "no key has this id" in err) == (2, True)


def test_the_command_says_for_whom_a_certificate_speaks(lali, tmp_path, monkeypatch):
    from broker.certificates import DevelopmentCa

    pair = DevelopmentCa(tmp_path / "ca").issue_client("unit.fiji-police")
    code, out, _ = lali("gateway", "certificate", pair.certificate, "--json")
    told = json.loads(out)
    assert (code, told["unit"], told["now"]) == (0, "fiji-police", "counts")

    identities = tmp_path / "identities.toml"
    monkeypatch.setenv("LALI_GATEWAY_IDENTITIES", str(identities))
    identities.write_text(f"[certificates]\nrefused = ['{told['serial']}']\n")
    assert "CERTIFICATE_REVOKED" in lali("gateway", "certificate", pair.certificate)[1]
    assert "1 refused certificates" in lali("gateway", "check")[1]
    identities.write_text("[certificates]\nrefused = ['me']\n")
    code, _, err = lali("gateway", "check")
    assert (code, "identities.toml: FIELD_INVALID at certificates.refused" in err) == (2, True)
    assert lali("gateway", "certificate", pair.key)[0] == 2
