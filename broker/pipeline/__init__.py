"""Verbs, in the order of an alert's life: publish, accept, route, project, deliver."""
