//! Old versions of an event become today's when they are read; the log itself never changes.
//!
//! A payload only grows by fields with a default, which needs nothing here. A breaking change is a new version: one more
//! step in [`UPCASTERS`], which raises the version that is written, and the old schema in [`crate::schema`] and the old
//! golden file in `events/tests/golden/` kept as they are.

use serde_json::Value;

/// One step from a version of a type to the next.
#[derive(Debug, Clone, Copy)]
pub struct Upcaster {
    /// The event type it lifts.
    pub kind: &'static str,
    /// The version it reads; it writes the next.
    pub from: u32,
    /// Changes the `data` in place.
    pub lift: fn(&mut Value),
}

/// Every step there is.
pub const UPCASTERS: &[Upcaster] = &[Upcaster {
    kind: "diagent.agent.defined",
    from: 1,
    lift: crate::agent::first_version::lift,
}];

/// The version that `dataschema` names: what stands behind its last colon.
pub fn version(dataschema: &str) -> Option<u32> {
    dataschema.rsplit(':').next()?.parse().ok()
}

/// The version of `kind` that is written today: where the steps lead.
pub fn current_version(kind: &str) -> u32 {
    let steps = UPCASTERS.iter().filter(|step| step.kind == kind);
    steps.map(|step| step.from + 1).max().unwrap_or(1)
}

/// An event and the version that its data is in.
#[derive(Debug)]
pub struct Lifted {
    pub version: u32,
    /// The whole event.
    pub tree: Value,
}

/// Applies the steps that lead on from `version` of `kind`, in order.
pub fn to_current(upcasters: &[Upcaster], kind: &str, version: u32, mut tree: Value) -> Lifted {
    let mut version = version;
    while let Some(step) = upcasters.iter().find(|step| step.kind == kind && step.from == version) {
        if let Some(data) = tree.get_mut("data") {
            (step.lift)(data);
        }
        version += 1;
    }
    Lifted { version, tree }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const STEPS: &[Upcaster] = &[
        Upcaster {
            kind: "t",
            from: 1,
            lift: |data| data["name"] = data["nick"].take(),
        },
        Upcaster {
            kind: "t",
            from: 2,
            lift: |data| data["length"] = json!(data["name"].as_str().map(str::len)),
        },
        Upcaster {
            kind: "other",
            from: 1,
            lift: |data| *data = json!(null),
        },
    ];

    #[test]
    fn steps_are_taken_one_after_the_other() {
        let lifted = to_current(STEPS, "t", 1, json!({ "data": { "nick": "al" } }));
        assert_eq!(lifted.version, 3);
        assert_eq!(
            lifted.tree,
            json!({ "data": { "nick": null, "name": "al", "length": 2 } })
        );
    }

    #[test]
    fn the_newest_version_is_left_alone() {
        let lifted = to_current(STEPS, "t", 3, json!({ "data": { "name": "al" } }));
        assert_eq!((lifted.version, lifted.tree), (3, json!({ "data": { "name": "al" } })));
    }
}
