"""Read what Prometheus would read."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from broker.metrics.registry import scrape


class Scrape:
    """Every sample of one scrape, by name and labels."""

    def __init__(self, text=None):
        self.samples = Counter()
        for family in text_string_to_metric_families(text or scrape().decode()):
            for sample in family.samples:
                self.samples[sample.name, frozenset(sample.labels.items())] = sample.value

    def __sub__(self, earlier):
        """What was counted between two scrapes."""
        between = Scrape("# EOF\n")
        for key, value in self.samples.items():
            between.samples[key] = value - earlier.samples[key]
        return between

    def __call__(self, name, **labels):
        """The sum of all samples of *name* with these labels."""
        wanted = set(labels.items())
        return sum(v for (n, have), v in self.samples.items() if n == name and wanted <= have)

    def by(self, name, label):
        """The samples of *name* that are not 0, summed by the values of *label*."""
        found = Counter()
        for (n, have), value in self.samples.items():
            if n == name and value:
                found[dict(have)[label]] += value
        return found

    def names(self):
        return {name for name, _ in self.samples}

    def label_values(self, *, but=()):
        return {v for (n, have), _ in self.samples.items() if n not in but for _, v in have}
