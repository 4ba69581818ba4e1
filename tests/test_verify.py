"""`lali verify`: what was delivered is checked by the record that came with it."""

import json
from datetime import UTC, datetime

import pytest
from sealed import ENTRUSTED, OTHER, OWN, opener, protection
from test_quiet_channel import to_feed
from test_recall_seal import one

from broker.cli.verify import verify
from broker.client.reading import unless_expired
from broker.errors import SettingsInvalid
from broker.model.release import ReleaseView
from broker.pipeline.open_release import read_verified
from broker.pipeline.project import opened, read_release
from broker.wire.alert_codec import decode_release


@pytest.fixture
def verified(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("LALI_KEYS", str(protection().folder.path))
    monkeypatch.setenv("LALI_PROTECTION", "required")

    def verified(view, feed=""):
        """Return exit code, outcome and reason for a delivered file that shows *view*."""
        file = tmp_path / "delivered.json"
        file.write_text(view if isinstance(view, str) else view.model_dump_json())
        code = 0
        try:
            verify(file, feed=feed, json=True)
        except SystemExit as ended:
            code = ended.code
        (found,) = json.loads(capsys.readouterr().out.splitlines()[-1])
        return code, found["outcome"], found["reason"]

    return verified


def delivered(value: bytes) -> ReleaseView:
    return decode_release(value, with_record=True)


def plain() -> ReleaseView:
    """Return a release as a connector delivers it to a partner that entrusted its key."""
    release = read_release(to_feed(0b11, 0b11, ENTRUSTED))
    return delivered(opened(release, opener(ENTRUSTED)).value)


def test_what_is_as_its_originator_signed_it_is_verified(verified):
    assert verified(plain()) == (0, "verified", "")
    sealed = delivered(to_feed(0b11, 0b11))
    assert verified(sealed) == verified(sealed, OWN) == (0, "verified", "")
    assert verified(sealed, OTHER) == (1, "refused", "SEAL_BROKEN at feed_key")


def test_without_the_feeds_key_the_signature_is_verified_and_the_rest_stays_sealed(
    verified, monkeypatch, tmp_path
):
    folder = protection().folder.path
    for name in ("register.json", "officers.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.setenv("LALI_KEYS", str(tmp_path))
    assert verified(delivered(to_feed(0b11, 0b11))) == (0, "verified, sealed", "")


def test_a_file_that_says_something_else_than_its_record_is_refused(verified):
    text = plain().model_dump_json()
    at = text.index('"headline":"') + len('"headline":"')
    changed = text[:at] + "X" + text[at + 1 :]
    assert verified(changed) == (1, "refused", "COMMITMENT_DIFFERS at compartments")
    bare = plain().model_copy(update={"record": None})
    assert verified(bare) == (1, "refused", "FIELD_MISSING at record")


def test_a_recall_is_verified_for_its_feed(verified):
    recall = delivered(one())
    assert verified(recall, OWN) == (0, "verified", "")
    assert verified(recall, OTHER) == (1, "refused", "SIGNATURE_INVALID at signature")
    assert verified(recall) == (0, "recall: name its feed to verify it", "")


@pytest.mark.parametrize("record", ["no base64!", "AAAA", ""])
def test_a_record_that_is_none_is_refused(verified, record):
    code, outcome, reason = verified(plain().model_copy(update={"record": record}))
    assert (code, outcome) == (1, "refused")
    assert reason in ("FRAMING at record", "FRAMING", "EMPTY")


def test_a_file_that_is_no_release_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("LALI_KEYS", str(protection().folder.path))
    monkeypatch.setenv("LALI_PROTECTION", "required")
    file = tmp_path / "list.json"
    for text in ("[1]", "{", '{"a": 1}', "null"):
        file.write_text(text)
        with pytest.raises(SettingsInvalid):
            verify(file)
    with pytest.raises(SettingsInvalid, match="name at least one file"):
        verify()


def test_c41_an_item_of_a_page_and_the_page_itself_are_verified_as_they_come(verified):
    item = json.loads(plain().model_dump_json(exclude_none=True)) | {"cursor": "AAAA"}
    assert verified(json.dumps(item)) == (0, "verified", "")
    recall = json.loads(delivered(one()).model_dump_json(exclude_none=True)) | {"cursor": "AAAB"}
    page = {"feed": OWN, "items": [recall], "next": "AAAB", "more": False}
    assert verified(json.dumps(page)) == (0, "verified", "")
    assert verified(json.dumps(page), OTHER) == (1, "refused", "SIGNATURE_INVALID at signature")


def test_c41_what_subscribe_prints_is_verified(verified):
    for value, feed in ((to_feed(0b11, 0b11), OWN), (to_feed(0b11, 0b11, ENTRUSTED), ENTRUSTED)):
        shown = read_verified(value, opener(feed), with_record=True)
        assert not shown.sealed
        assert verified(json.dumps(shown.model_dump(mode="json"))) == (0, "verified", "")


def test_c41_an_expired_release_is_shown_without_the_record_that_holds_its_content():
    shown = unless_expired(plain(), datetime(2999, 1, 1, tzinfo=UTC))
    assert shown.record is None
    assert not shown.compartments.mask
    assert shown.label is not None
