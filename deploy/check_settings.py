"""Whether the settings that people read about are those that the binary knows.

The source is the truth: `env = "NAME"` in a clap struct. Compose, the README files and the binary must agree.
"""

import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).parent.parent
# Settings of NATS and Postgres, which the deployment files hand on, and of scripts.
OF_OTHERS = {"GOMEMLIMIT", "NATS_PASSWORD", "NATS_JETSTREAM_KEY", "NATS_CLUSTER_PASSWORD", "NATS_ROUTES", "NATS_SERVER_NAME",
             "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"}


def known() -> set[str]:
    """Every setting of the binary."""
    sources = (path for path in ROOT.glob("*/**/*.rs") if "target" not in path.relative_to(ROOT).parts)
    return {name for path in sources for name in re.findall(r'\benv = "([A-Z_]+)"', path.read_text())}


def of_compose() -> set[str]:
    """What the services of compose are given, and what the file takes from its own environment."""
    text = (ROOT / "deploy/compose.yaml").read_text()
    services = yaml.safe_load(text)["services"].values()
    return {name for service in services for name in service.get("environment", {})} | set(re.findall(r"\$\{([A-Z_]+)", text))


def of_table() -> set[str]:
    """What the README's table explains: names in backticks in the first column."""
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"[A-Z_]+", row)}


def main() -> int:
    settings = known()
    problems = {
        "compose.yaml names what nobody knows": of_compose() - settings - OF_OTHERS,
        "the README explains what nobody knows": of_table() - settings,
        "the README does not explain": settings - of_table(),
    }
    for problem, names in problems.items():
        if names:
            print(f"{problem}: {', '.join(sorted(names))}", file=sys.stderr)
    print(f"{len(settings)} settings, all explained" if not any(problems.values()) else "the settings disagree")
    return int(any(problems.values()))


if __name__ == "__main__":
    sys.exit(main())
