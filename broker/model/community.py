"""Who exists: organisations, units and communities; the feeds by which units receive; roles."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from broker.model.base import Country, Id, Line, Model
from broker.model.codes import Purpose, RecipientClass


class Community(Model):
    """A set of organisations and units that rules can name as one."""

    id: Id
    name: Line


class Organisation(Model):
    """An agency or body."""

    id: Id
    name: Line
    kind: RecipientClass
    country: Country | None = Field(None, description="None for regional and international ones.")
    communities: tuple[Id, ...] = ()


class Unit(Model):
    """A part of an organisation that publishes or receives.

    Its kind may differ from its organisation's: immigration officers sit in a
    Transnational Crime Unit, and the unit's kind and the feed's purpose are what binds.
    """

    id: Id
    name: Line
    organisation: Id
    kind: RecipientClass
    country: Country | None = None
    communities: tuple[Id, ...] = ()
    publishes: bool = False
    duties: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z-]+$")], ...] = Field(
        (), description="What its officers are appointed for, such as child-protection."
    )


class ConnectorReference(Model):
    """Which connector serves a feed, with its settings.

    A setting that is secret is written ``{env = "NAME"}`` and read when the role starts.
    """

    type: Id
    settings: dict[str, Any] = Field(default_factory=dict)


class Feed(Model):
    """One unit receiving for one purpose; it has one topic."""

    id: Id
    unit: Id
    purpose: Purpose
    operational: bool = Field(
        True, description="False for drills: only such feeds may receive EXERCISE and TEST."
    )
    connector: ConnectorReference | None = Field(
        None, description="None: the unit reads its topic itself."
    )
    state: Literal["active", "suspended"] = "active"


class Right(StrEnum):
    """One thing that a unit's people and machines may do at the HTTP doors."""

    PUBLISH = "publish"
    PREVIEW = "preview"
    FOLLOW = "follow"
    """View, cancel and change the consent of alerts of one's own."""
    READ = "read"
    ACKNOWLEDGE = "acknowledge"
    REPORT = "report"
    """Use the form of civil society."""


class Role(Model):
    """What people of one kind do in any unit; it narrows a credential and never widens it."""

    id: Id
    name: Line
    rights: tuple[Right, ...] = Field(min_length=1)
