"""Arguments that make no sense are refused in words, and change nothing."""

import pytest


@pytest.mark.parametrize(
    "words",
    [
        "simulate --days 0",
        "simulate --days -1",
        "simulate --days 366",
        "simulate --alerts -1",
        "simulate --rate -1",
        "demo --alerts 0",
        "demo --alerts -5",
        "kafka start --heap-mb 1",
        "kafka start --nodes 2",
        "secure check --local --nodes 2",
        "trace no-uuid",
        "keys rotate NOBODY x --officer y",
    ],
)
def test_it_is_said_what_would_be_right(lali, words):
    code, said, wrong = lali(*words.split())
    assert code != 0
    assert "Invalid value" in said + wrong


def test_an_owner_that_cannot_be_and_an_officer_without_a_key_leave_no_key_behind(
    lali, monkeypatch, key_folder
):
    monkeypatch.setenv("LALI_KEYS", str(key_folder.path))
    before = sorted((key_folder.path / "private").iterdir())
    for words, text in (
        (["issue", "UNIT", "Two Words", "--officer", "first-officer"], "small letters"),
        (["issue", "UNIT", "niue-police", "--officer", "nobody"], "no private key of officer"),
        (["rotate", "HUB", "--officer", "nobody"], "no private key of officer"),
    ):
        code, _, wrong = lali("keys", *words)
        assert (code, text in wrong) == (2, True)
    assert sorted((key_folder.path / "private").iterdir()) == before


def test_a_file_without_a_release_is_not_passed_over(lali, tmp_path):
    (tmp_path / "empty.json").write_text("")
    assert lali("verify", "empty.json") == (2, "", "lali: there is no release in it\n")


def test_12_12_a_protected_kafka_needs_a_folder(lali):
    code, _, wrong = lali("kafka", "start", "--secure")
    assert (code, wrong) == (
        2, "lali: --secure needs --folder: passwords must outlive the command\n",
    )  # fmt: skip
