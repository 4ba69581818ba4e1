"""The community file of a bundle."""

from fuzz.harness import Target, scratch

from broker.errors import BundleInvalid
from broker.policy.directory import read_directory

SEED = """
[[communities]]
id = "pacific"
name = "Pacific"
[[organisations]]
id = "fiji"
name = "Fiji"
kind = "POLICE"
country = "FJ"
communities = ["pacific"]
[[units]]
id = "fiji-police"
name = "Fiji Police"
organisation = "fiji"
kind = "POLICE"
publishes = true
duties = ["child-protection"]
[[feeds]]
id = "fiji-police-investigate"
unit = "fiji-police"
purpose = "INVESTIGATE"
connector = { type = "filedrop", settings = { folder = "out" } }
[[roles]]
id = "analyst"
name = "Analyst"
rights = ["read"]
"""


def read(data):
    file = scratch("community.toml")
    file.write_bytes(data)
    read_directory(file)


TARGET = Target(
    read,
    lambda: {"small": SEED.encode()},
    refusals=(BundleInvalid,),
    names_names=True,
    most_bytes=512,
)
