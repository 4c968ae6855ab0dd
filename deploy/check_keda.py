"""Whether each projection that scales has a ScaledObject that counts the whole of its lag, once.

That the streams and consumers are those that a projector makes is tested with real servers, in diagent/tests/process/lag.rs.
"""

import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).parent.parent
# It reads one partition, so that one process has all of it.
OF_ONE_PARTITION = {"documents"}


def projections() -> set[str]:
    """The names of all projections, as their source says them."""
    sources = (ROOT / "projector/src/projections").glob("**/*.rs")
    return {name for path in sources for name in re.findall(r'const NAME: &\'static str = "(\w+)"', path.read_text())}


def problems(name: str, manifest: dict) -> list[str]:
    """What is wrong with the manifest of one projection."""
    spec = manifest["spec"]
    triggers = spec["triggers"]
    modifiers = spec["advanced"]["scalingModifiers"]
    terms = [trigger["name"] for trigger in triggers]
    consumers = {(trigger["metadata"]["stream"], trigger["metadata"]["consumer"]) for trigger in triggers}
    expectations = {
        "it is a ScaledObject": (manifest["apiVersion"], manifest["kind"]) == ("keda.sh/v1alpha1", "ScaledObject"),
        "it scales the projection's own processes":
            manifest["metadata"]["name"] == spec["scaleTargetRef"]["name"] == f"diagent-projector-{name}",
        "somebody always projects": spec["minReplicaCount"] >= 1,
        "nobody is without a partition": spec["maxReplicaCount"] == len(triggers),
        "the lag is summed": modifiers["formula"] == " + ".join(terms) and len(set(terms)) == len(terms),
        "each consumer is counted once": len(consumers) == len(triggers),
        "each consumer is of its stream": all(
            re.fullmatch(rf"{name}_v\d+_{stream.removeprefix('EVENTS-')}", consumer) for stream, consumer in consumers),
        "all are NATS scalers": {trigger["type"] for trigger in triggers} == {"nats-jetstream"},
        "numbers are texts, as KEDA wants them": all(
            isinstance(value, str) for trigger in triggers for value in trigger["metadata"].values()),
    }
    return [f"{name}: not true: {what}" for what, holds in expectations.items() if not holds]


def main() -> int:
    manifests = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "deploy/keda").glob("*.yaml")}
    expected = projections() - OF_ONE_PARTITION
    found = [problem for name, manifest in sorted(manifests.items()) for problem in problems(name, manifest)]
    if expected != set(manifests):
        found.append(f"these have no manifest, or are no projection: {', '.join(sorted(expected ^ set(manifests)))}")
    print("\n".join(found) if found else f"{len(manifests)} projections scale on their lag")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
