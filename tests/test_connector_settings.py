"""Settings of connectors: what does not fit is named and never repeated."""

import pytest
from connecting import FEED, SECRET

from broker.errors import SettingsInvalid
from connectors import CONNECTORS, make_connector


@pytest.mark.parametrize(
    ("protocol", "settings", "said"),
    [
        ("filedrop", {}, "apia-desk: folder: is missing"),
        ("filedrop", {"folder": "/x", "fodler": "SYNTHETIC"}, "apia-desk: fodler: no such setting"),
        ("filedrop", {"folder": "/x", "max_bytes": 0}, "apia-desk: max_bytes: greater_than"),
        ("webhook", {"url": "http://example.org/SYNTHETIC"}, "apia-desk: url: HTTPS_ONLY"),
        (
            "webhook",
            {"url": "http://example.org/", "allow_loopback": True},
            "apia-desk: url: HTTPS_ONLY",
        ),
        ("webhook", {"url": "http://127.0.0.1/"}, "apia-desk: url: HTTPS_ONLY"),
        ("webhook", {"url": "file:///etc/passwd"}, "apia-desk: url: ADDRESS_INVALID"),
        ("webhook", {"url": "https://a:SYNTHETIC@x.org/"}, "apia-desk: url: CREDENTIALS_IN_URL"),
        ("webhook", {"url": "https://:@x.org/"}, "apia-desk: url: CREDENTIALS_IN_URL"),
        ("webhook", {"url": "https://[::1"}, "apia-desk: url: ADDRESS_INVALID"),
        ("webhook", {"url": "https://169.254.169.254/"}, "apia-desk: url: ADDRESS_NOT_ALLOWED"),
        ("webhook", {"secret": SECRET}, "apia-desk: secret: a secret is written {env = NAME}"),
        (
            "webhook",
            {"secret": {"env": SECRET}},
            "apia-desk: secret: a secret is written {env = NAME}",
        ),
        (
            "webhook",
            {"secret": {"env": "LALI_ABSENT"}},
            "apia-desk: secret: the environment has no LALI_ABSENT",
        ),
        ("webhook", {"secret": {"env": "NOT_BASE64"}}, "apia-desk: secret: SECRET_NOT_BASE64"),
        ("webhook", {"secret": {"env": "SHORT"}}, "apia-desk: secret: SECRET_TOO_SHORT"),
        ("webhook", {"url": "https://x.org", "follow": 1}, "apia-desk: follow: no such setting"),
        (
            "kafka",
            {"topic": "t", "bootstrap_servers": "kafka.example.org:9092"},
            "apia-desk: bootstrap_servers: PLAINTEXT_NOT_ALLOWED",
        ),
        (
            "kafka",
            {"topic": "t", "bootstrap_servers": "127.0.0.1:1", "security_protocol": "SASL_SSL"},
            "apia-desk: ca_file: NEEDED_BY_PROTOCOL; apia-desk: user: NEEDED_BY_PROTOCOL; "
            "apia-desk: password: NEEDED_BY_PROTOCOL",
        ),
        (
            "kafka",
            {"topic": "t", "bootstrap_servers": "127.0.0.1:1", "security_protocol": "SSL"},
            "apia-desk: certificate_file: NEEDED_BY_PROTOCOL; "
            "apia-desk: key_file: NEEDED_BY_PROTOCOL",
        ),
        (
            "kafka",
            {"topic": "t", "bootstrap_servers": "127.0.0.1:1", "password": {"env": "GOOD"}},
            "apia-desk: password: UNUSED_BY_PROTOCOL",
        ),
        (
            "kafka",
            {"topic": "t", "bootstrap_servers": "127.0.0.1:1", "security_protocol": "SASL_PLAIN"},
            "apia-desk: security_protocol: literal_error",
        ),
        (
            "kafka",
            {
                "topic": "t",
                "bootstrap_servers": "kafka.example.org:9093",
                "security_protocol": "SASL_SSL",
                "ca_file": "/dev/null",
                "user": "lali",
                "password": {"env": "GOOD"},
            },
            "apia-desk: null: no CA certificate in it",
        ),
        ("kafka", {"topic": "t", "bootstrap_servers": "x"}, "bootstrap_servers: ADDRESS_INVALID"),
        ("kafka", {"bootstrap_servers": "localhost:1", "topic": "ä ö"}, "apia-desk: topic: string"),
    ],
)
def test_settings_that_do_not_fit_are_named_and_not_repeated(protocol, settings, said, monkeypatch):
    monkeypatch.setenv("GOOD", SECRET)
    monkeypatch.setenv("NOT_BASE64", "whsec_SYNTHETIC!!")
    monkeypatch.setenv("SHORT", "whsec_QUJD")
    if protocol == "webhook":
        settings = {"url": "https://example.org/in", "secret": {"env": "GOOD"}} | settings

    with pytest.raises(SettingsInvalid) as refused:
        make_connector(protocol, settings, FEED)

    assert said in str(refused.value)
    assert "SYNTHETIC" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_an_unknown_protocol_is_refused_by_name():
    with pytest.raises(SettingsInvalid, match="apia-desk: no connector is called pigeon"):
        make_connector("pigeon", {}, FEED)


def test_a_secret_does_not_show_in_its_settings(monkeypatch):
    monkeypatch.setenv("APIA_SECRET", SECRET)
    model = CONNECTORS["webhook"][0]
    made = model.model_validate({"url": "https://x.org", "secret": {"env": "APIA_SECRET"}})
    assert SECRET not in repr(made)
    assert SECRET not in made.model_dump_json()
