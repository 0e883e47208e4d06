"""Whether the import package `memguard` belongs to this distribution alone.

Another distribution on the package index installs an import package of the same name. Where both are installed, the
files of one have overwritten those of the other, and what then runs is a mixture that fails in odd places.
"""

import re
from importlib.metadata import Distribution, distributions

DISTRIBUTION = "memguard-web"
_OF_THE_PACKAGE = re.compile(r"^(?:memguard/|memguard\.py\b)", re.MULTILINE)


def clash() -> str | None:
    """Return a sentence that names the other distributions which own files of `memguard`, or None where none does.

    It reads every distribution's list of files, about 15 ms for each hundred of them: call it once per process, and
    never on a unit's path.
    """
    others = sorted({_name(found) for found in distributions() if _owns(found)} - {DISTRIBUTION})
    if not others:
        return None
    return (
        f"another distribution has installed its own package 'memguard': {', '.join(others)}. Uninstall it, then "
        f"install {DISTRIBUTION} again: until then this process runs a mixture of both"
    )


def _name(distribution: Distribution) -> str:
    # A dist-info folder that lost its METADATA has no name; its list of files still counts.
    metadata = distribution.metadata
    return re.sub(r"[-_.]+", "-", metadata["Name"]).lower() if "Name" in metadata else "one without a name"


def _owns(distribution: Distribution) -> bool:
    files = distribution.read_text("RECORD") or distribution.read_text("installed-files.txt")
    packages = distribution.read_text("top_level.txt")
    return bool(_OF_THE_PACKAGE.search(files or "")) or "memguard" in (packages or "").split()
