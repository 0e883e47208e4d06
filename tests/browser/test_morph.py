"""The script that takes a fresh screen over, on trees made at random."""

import random
import re
from typing import Any

from tests.browser.visiting import Visitor

TAGS = ("DIV", "P", "SPAN", "TR", "A")
NAMES = ("class", "title", "href", "hidden")
PAIRS = 200

MORPHED = """async ([address, pairs]) => {
    const { morph } = await import(address);
    const built = (tree) => {
        if (typeof tree === "string") return document.createTextNode(tree);
        const made = document.createElement(tree.tag);
        for (const [name, value] of Object.entries(tree.attributes)) made.setAttribute(name, value);
        made.append(...tree.children.map(built));
        return made;
    };
    return pairs.map(([from, to]) => {
        const morphing = built(from);
        const kept = new Map([...morphing.querySelectorAll("[data-key]")].map((node) => [node.dataset.key, node]));
        const wanted = built(to);
        morph(morphing, wanted);
        const moved = [...morphing.children].filter((node) => node.dataset.key && kept.has(node.dataset.key));
        return {
            same: morphing.isEqualNode(wanted),
            kept: moved.every((node) => kept.get(node.dataset.key).nodeName !== node.nodeName
                || kept.get(node.dataset.key) === node || kept.get(node.dataset.key).parentNode !== morphing),
        };
    });
}"""


def tree(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    """Return an element with attributes, text and children, some of which have a key of their own."""
    children: list[Any] = []
    keys = rng.sample(range(8), 8)
    for _ in range(rng.randrange(0, 6 - depth) if depth < 3 else 0):
        if rng.random() < 0.3 and not (children and isinstance(children[-1], str)):
            children.append(rng.choice(("text", "other text", " ")))
        else:
            child = tree(rng, depth + 1)
            if rng.random() < 0.6:
                child["attributes"]["data-key"] = str(keys.pop())
            children.append(child)
    attributes = {name: rng.choice("xyz") for name in NAMES if rng.random() < 0.3}
    return {"tag": rng.choice(TAGS) if depth else "DIV", "attributes": attributes, "children": children}


def test_any_tree_becomes_any_other(visitor: Visitor) -> None:
    """Whatever was added, taken away, changed or moved."""
    page = visitor.open()
    script = page.locator("script[type=module]").get_attribute("src") or ""
    rng = random.Random(7)
    pairs = [(tree(rng), tree(rng)) for _ in range(PAIRS)]
    found = page.evaluate(MORPHED, [re.sub("main.js$", "morph.js", script), pairs])

    assert [place for place, each in enumerate(found) if not each["same"]] == []


def test_moved_rows_stay_the_nodes_they_were(visitor: Visitor) -> None:
    """Sorting a table anew moves its rows: focus and what is opened in them go along."""
    page = visitor.open()
    script = page.locator("script[type=module]").get_attribute("src") or ""
    rows = [{"tag": "P", "attributes": {"data-key": str(key)}, "children": [f"row {key}"]} for key in range(20)]
    rng = random.Random(3)
    shuffled = rng.sample(rows, len(rows))
    pair = [{"tag": "DIV", "attributes": {}, "children": each} for each in (rows, shuffled)]
    (found,) = page.evaluate(MORPHED, [re.sub("main.js$", "morph.js", script), [pair]])

    assert found == {"same": True, "kept": True}
