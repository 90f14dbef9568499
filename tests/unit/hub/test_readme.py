"""Cards: what is zoo's is rewritten, what is the publisher's stays."""

from __future__ import annotations

import pytest
import yaml

from zoo.hub.card_data import BEGIN, END, read_readme, update_readme, write_readme

NEW = write_readme({"license": "other", "license_name": "terms", "tags": ["thermal"], "metrics": ["psnr"]}, "# new\n")


def test_a_card_is_front_matter_and_text_between_markers():
    front, body = NEW.removeprefix("---\n").split("---\n", 1)
    assert yaml.safe_load(front) == {
        "license": "other",
        "license_name": "terms",
        "tags": ["thermal"],
        "metrics": ["psnr"],
    }
    assert body == f"\n{BEGIN}\n# new\n{END}\n"
    assert read_readme(NEW) == (yaml.safe_load(front), body)


def test_text_outside_the_markers_and_keys_of_the_publisher_stay():
    old = write_readme(
        {"tags": ["thermal", "mine"], "metrics": ["fid"], "widget": [1]}, "# old\n", "\nHello\n", "\nBye\n"
    )
    metadata, body = read_readme(update_readme(old, NEW))
    assert body == f"\nHello\n{BEGIN}\n# new\n{END}\nBye\n"
    assert metadata["tags"] == ["thermal", "mine"] and metadata["metrics"] == ["psnr"] and metadata["widget"] == [1]


def test_the_text_of_a_card_without_markers_follows():
    updated = update_readme("---\nlicense: mit\n---\n# My model\n\nMade with care.\n", NEW)
    assert read_readme(updated)[1] == f"\n{BEGIN}\n# new\n{END}\n\n# My model\n\nMade with care.\n"


def test_the_publishers_license_stays_where_zoo_knows_none():
    licensed = "---\nlicense: cc-by-4.0\n---\n"
    assert read_readme(update_readme(licensed, NEW))[0]["license"] == "cc-by-4.0"
    assert "license_name" not in read_readme(update_readme(licensed, NEW))[0]
    own = read_readme(update_readme("---\nlicense: other\nlicense_name: mine\n---\n", NEW))[0]
    assert (own["license"], own["license_name"]) == ("other", "mine")
    known = write_readme({"license": "mit"}, "")
    assert read_readme(update_readme(licensed, known))[0]["license"] == "mit"


@pytest.mark.parametrize(
    "old",
    [
        "",
        "no front matter",
        "---\ntags: one\n---\n",
        "---\n: [broken\n---\ntext",
        "---\r\nlicense: mit\r\n---\r\ntext\r\n",
        f"---\n---\n{END} {BEGIN} in the wrong order",
        NEW,
    ],
)
def test_updating_twice_changes_nothing(old):
    once = update_readme(old, NEW)
    assert update_readme(once, NEW) == once
    assert read_readme(once)[0]["metrics"] == ["psnr"] and once.count("# new") == 1
