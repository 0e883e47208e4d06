"""Patterns: known kinds of leak. An entry has an id (design §10), a title and advice for a person."""

from memguard.model import Pattern

UNKNOWN = Pattern(
    id="unknown",
    title="Residue that lasts",
    advice=(
        "Open the site and follow where the new object is put: a module-level or class-level container that nothing "
        "empties, a callback or listener that is registered for each unit, or a cache without a cap. Give it a cap or "
        "remove the entry when the unit ends. Without a site, run the service in trace mode for a while."
    ),
)
