"""Kafka's jars, resolved once by Maven into a cache folder."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from broker.errors import DependencyMissing
from broker.private_files import open_lock
from broker.resources import shipped

#: Kafka 4 servers need at least this Java.
OLDEST_JAVA = 17

_NEED_JAVA = (
    "Java 17 or newer is missing: install it (Debian: apt-get install openjdk-17-jre-headless)"
)
_NEED_MAVEN = "Maven is missing: install it (Debian: apt-get install maven)"
_POM = {"m": "http://maven.apache.org/POM/4.0.0"}


def kafka_version() -> str:
    """Return the Kafka version that the build file pins."""
    # Our own file, shipped with the package.
    root = ET.parse(shipped("kafka") / "pom.xml").getroot()  # noqa: S314
    version = root.findtext("m:properties/m:kafka.version", namespaces=_POM)
    assert version is not None
    return version


def cache_folder() -> Path:
    """Return where the jars of the pinned version are kept."""
    base = os.environ.get("LALI_CACHE_DIR") or Path.home() / ".cache" / "lali"
    return Path(base) / f"kafka-{kafka_version()}"


def java() -> str:
    """Return the path of a Java that can run Kafka.

    Raises:
        DependencyMissing: There is none, or it is too old.
    """
    path = shutil.which("java")
    if path is None:
        raise DependencyMissing(_NEED_JAVA)
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if found is None or int(found[1]) < OLDEST_JAVA:
        raise DependencyMissing(_NEED_JAVA)
    return path


def jars() -> Path:
    """Return the folder with Kafka's jars, resolving them first if they are not there.

    Two processes at once wait for one another, and a download that broke off is never taken
    for a whole one: the folder gets its name when it is complete.

    Raises:
        DependencyMissing: Maven is missing, or could not resolve them.
    """
    folder = cache_folder()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open_lock(folder.parent / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _resolve(folder)
    return folder


def _resolve(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise DependencyMissing(_NEED_MAVEN)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder.parent))
    command = [
        *(maven, "-B", "-q", "-f", str(shipped("kafka") / "pom.xml")),
        *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not any(partial.glob("kafka_*.jar")):
        shutil.rmtree(partial, ignore_errors=True)
        raise DependencyMissing("Maven could not resolve Kafka's jars: is its registry reachable?")
    partial.rename(folder)
