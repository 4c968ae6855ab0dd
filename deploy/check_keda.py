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


def projections() -> dict[str, str]:
    """The versions of all projections by their names, as their source says them."""
    sources = (ROOT / "projector/src/projections").glob("**/*.rs")
    said = r'const NAME: &\'static str = "(\w+)";\s+const VERSION: u32 = (\d+);'
    return {name: version for path in sources for name, version in re.findall(said, path.read_text())}


def problems(name: str, version: str, manifest: dict) -> list[str]:
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
        "each consumer is of its stream, and of the version that a new installation has": all(
            consumer == f"{name}_v{version}_{stream.removeprefix('EVENTS-')}" for stream, consumer in consumers),
        "all are NATS scalers": {trigger["type"] for trigger in triggers} == {"nats-jetstream"},
        "numbers are texts, as KEDA wants them": all(
            isinstance(value, str) for trigger in triggers for value in trigger["metadata"].values()),
    }
    return [f"{name}: not true: {what}" for what, holds in expectations.items() if not holds]


def main() -> int:
    manifests = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "deploy/keda").glob("*.yaml")}
    versions = projections()
    odd = (versions.keys() - OF_ONE_PARTITION) ^ manifests.keys()
    found = [
        problem for name, manifest in sorted(manifests.items()) if name not in odd
        for problem in problems(name, versions[name], manifest)]
    if odd:
        found.append(f"these have no manifest, or are no projection: {', '.join(sorted(odd))}")
    print("\n".join(found) if found else f"{len(manifests)} projections scale on their lag")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
