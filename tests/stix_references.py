"""What STIX objects refer to, for tests that show that nothing refers to what is not there."""


def refs_in(value):
    """Yield every id that *value* refers to."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name.endswith("_ref"):
                yield each
            elif name.endswith("_refs"):
                yield from each
            else:
                yield from refs_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs_in(each)
