"""Package list: `zoo` as it stands, `plugins/` as `zoo_plugins`, `benchmarks/tables` as data package `zoo_tables`."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["zoo", "zoo.*"]),
        "zoo_plugins",
        *(f"zoo_plugins.{name}" for name in find_packages("plugins")),
        "zoo_tables",
    ],
    package_dir={"zoo_plugins": "plugins", "zoo_tables": "benchmarks/tables"},
    package_data={
        "zoo": ["py.typed", "report/templates/*", "hub/templates/*", "scaffold/templates/**/*"],
        "zoo_plugins": ["**/*.md", "scenes/weights/*"],
        "zoo_tables": ["*.toml"],
    },
)
