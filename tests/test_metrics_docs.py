"""Dashboard, alert rules and page name only metrics that exist, and the page names all."""

import json
import re
from pathlib import Path

import pytest
import yaml

from broker.gateway import health
from broker.metrics import clock, delivery, endings, flow, lag, registry, web
from broker.metrics.registry import OTHER, REGISTRY, Codes

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "grafana"
PAGE = (ROOT / "docs" / "metrics.md").read_text()
#: What a query may hold that begins like a metric's name and is none.
_NAME = re.compile(r"\b(?:lali|process|python)_[a-z_]+\b")
_SUFFIX = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}

assert {clock, endings, flow, delivery, lag, web}  # importing them registers what they count


def _families():
    return {family.name: family for family in REGISTRY.collect()}


def _series():
    return {
        family.name + suffix for family in _families().values() for suffix in _SUFFIX[family.type]
    }


def _labels():
    names = REGISTRY._collector_to_names
    return {
        collector._name: set(collector._labelnames)
        for collector in names
        if getattr(collector, "_name", "").startswith("lali_")
    }


def _queries():
    dashboard = json.loads((FOLDER / "lali.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len(panels) > 20
    return [(panel["title"], each["expr"]) for panel in panels for each in panel["targets"]]


def _rules():
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [(rule["alert"], rule["expr"]) for rule in group["rules"]]


@pytest.mark.parametrize(("title", "query"), _queries() + _rules())
def test_a_query_names_only_metrics_and_labels_that_exist(title, query):
    names = set(_NAME.findall(query)) or ({"up"} if re.search(r"\bup\b", query) else set())
    assert names, title
    assert names - {"up"} <= _series()
    known = {"le", "instance", "process", "job"}
    for name in names - {"up"}:
        known |= _labels().get(re.sub("_(total|bucket|count|sum)$", "", name), set())
    used = {
        label.strip()
        for group in re.findall(r"\bby \(([^)]*)\)", query)
        for label in group.split(",")
    } | set(re.findall(r"([a-z_]+)(?:=~|!=|=)\"", query))
    assert used <= known


def test_the_dashboard_shows_every_metric_of_lali():
    shown = {name for _, query in _queries() for name in _NAME.findall(query)}
    own = {name for name in _series() if name.startswith("lali_")}
    wanted = {name for name in own if not name.endswith(("_count", "_sum"))}
    assert wanted - shown == set()


def test_the_page_has_a_row_for_every_metric_with_its_labels_and_no_other():
    rows = {}
    for line in PAGE.splitlines():
        if line.startswith("| `lali_"):
            name, labels, *_ = line.strip("|").split("|")
            rows[name.strip(" `")] = set(re.findall(r"`([a-z]+)`", labels))
    existing = {
        name + ("_total" if _families()[name].type == "counter" else ""): labels
        for name, labels in _labels().items()
    }
    assert rows == existing


def test_the_page_has_every_code_of_readiness():
    codes = {v for k, v in vars(health).items() if k.isupper() and k == v}
    assert len(codes) == 6
    assert all(f"`{code}`" in PAGE for code in codes)


def test_every_target_in_the_example_has_a_port_of_its_own():
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    targets = [target for each in job["static_configs"] for target in each["targets"]]
    assert len(set(targets)) == len(targets) == 4
    assert config["rule_files"] == ["alerts.yml"]


def test_a_label_of_codes_stays_bounded_whoever_chooses_them():
    codes = Codes(at_most=3)
    assert [codes.bounded(f"HTTP_{n}") for n in range(5)] == [
        "HTTP_0",
        "HTTP_1",
        "HTTP_2",
        OTHER,
        OTHER,
    ]
    assert codes.bounded("HTTP_1") == "HTTP_1"
    assert Codes().bounded("Ana Perez, 12") == OTHER


def test_an_error_is_counted_by_its_code_and_never_by_its_text():
    registry.count_error("route", "UNEXPECTED: SYNTHETIC name")
    text = registry.scrape().decode()
    assert 'lali_errors_total{code="UNEXPECTED",role="route"}' in text
    assert "SYNTHETIC" not in text
