//! The explicit list of all projections: the product's, and those that somebody's own binary brings.

use std::{collections::BTreeSet, sync::OnceLock};

use crate::{
    projection::Registered,
    projections::{
        conversations::Conversations, documents::Documents, erasures::Erasures, gaps::Gaps, leads::Leads,
        telemetry::Telemetry, usage::Usage,
    },
};

/// What a binary of one's own brings; see `projector/README.md`.
static OWN: OnceLock<fn() -> Vec<Registered>> = OnceLock::new();

/// Puts projections on the list beside the product's: once, before anything starts. Whoever comes second is not heard.
pub fn extend(own: fn() -> Vec<Registered>) {
    OWN.get_or_init(|| own);
}

/// Every projection that this binary knows.
pub fn all() -> Vec<Registered> {
    let own = OWN.get().map(|own| own()).unwrap_or_default();
    products().into_iter().chain(own).collect()
}

fn products() -> Vec<Registered> {
    vec![
        Registered::new(Conversations),
        Registered::new(Leads),
        Registered::new(Telemetry),
        Registered::new(Usage),
        Registered::new(Documents),
        Registered::new(Gaps),
        Registered::new(Erasures),
    ]
}

/// A projection was named that is not on the list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no projection {name}; there are {}", known.join(", "))]
pub struct UnknownProjection {
    pub name: String,
    pub known: Vec<&'static str>,
}

/// Those of `projections` that `only` names (all of them when it names none) and `except` does not.
///
/// # Errors
/// A name is not on the list.
pub fn select(
    projections: Vec<Registered>,
    only: &[String],
    except: &[String],
) -> Result<Vec<Registered>, UnknownProjection> {
    let known: BTreeSet<&'static str> = projections.iter().map(|projection| projection.name).collect();
    // A variable that is set to nothing names nothing.
    let names = |list: &[String]| -> Vec<String> {
        list.iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect()
    };
    let (only, except) = (names(only), names(except));
    if let Some(name) = only.iter().chain(&except).find(|name| !known.contains(name.as_str())) {
        return Err(UnknownProjection {
            name: name.clone(),
            known: known.into_iter().collect(),
        });
    }
    let is_in = |list: &[String], projection: &Registered| list.iter().any(|name| name == projection.name);
    Ok(projections
        .into_iter()
        .filter(|projection| (only.is_empty() || is_in(&only, projection)) && !is_in(&except, projection))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_what_it_was_told_to() {
        assert_eq!(names(&["leads", "usage"], &[]), Ok(vec!["leads", "usage"]));
        assert_eq!(names(&["leads", "usage"], &["usage"]), Ok(vec!["leads"]));
        assert_eq!(
            names(&[], &["conversations"]).map(|names| names.len()),
            Ok(all().len() - 1)
        );
    }

    #[test]
    fn a_misspelt_name_is_refused() {
        let error = names(&["lead"], &[]).expect_err("there is no such projection");
        assert!(
            error
                .to_string()
                .starts_with("there is no projection lead; there are conversations, documents"),
            "{error}"
        );
    }

    fn names(only: &[&str], except: &[&str]) -> Result<Vec<&'static str>, UnknownProjection> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let selected = select(all(), &owned(only), &owned(except))?;
        Ok(selected.iter().map(|projection| projection.name).collect())
    }
}
