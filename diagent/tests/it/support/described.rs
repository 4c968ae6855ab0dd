//! The routes that the two APIs describe of themselves, and whether a table of cases names each of them.

use std::collections::BTreeSet;

use super::{http, send};

/// What stands before the path of every route, but those of the Pusher protocol.
const BASE: &str = "/api/v1";
const WITHOUT_BASE: [&str; 2] = ["/app/", "/broadcasting/"];

/// The whole path of what a table calls `path`.
pub(crate) fn whole(path: &str) -> String {
    let base = if WITHOUT_BASE.iter().any(|start| path.starts_with(start)) {
        ""
    } else {
        BASE
    };
    format!("{base}{path}")
}

const METHODS: [&str; 6] = ["get", "put", "post", "delete", "patch", "head"];

/// Every route of `api` whose path `is_meant`, as in `GET /agents/{agent_id}`, without `/api/v1`.
pub(crate) async fn routes(api: &str, is_meant: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let described = send(http::client().get(format!("{api}/openapi.json")))
        .await
        .expect(200)
        .json();
    let paths = described["paths"].as_object().expect("paths");
    let mut routes = BTreeSet::new();
    for (path, item) in paths.iter().filter(|(path, _)| is_meant(path)) {
        let methods = item.as_object().expect("methods").keys();
        for method in methods.filter(|name| METHODS.contains(&name.as_str())) {
            let path = path.strip_prefix(BASE).unwrap_or(path);
            routes.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    routes
}

/// Fails when a route has no case, or a case has no route. A case may go on behind the route with a `?`.
pub(crate) fn assert_cases<'a>(routes: &BTreeSet<String>, cases: impl Iterator<Item = &'a str>, table: &str) {
    let cases: BTreeSet<String> = cases
        .map(|case| case.split('?').next().unwrap_or(case).to_owned())
        .collect();
    let without: Vec<_> = routes.difference(&cases).collect();
    assert!(
        without.is_empty(),
        "nobody has said who may not see what on {without:?}: add a case to {table}"
    );
    let unknown: Vec<_> = cases.difference(routes).collect();
    assert!(
        unknown.is_empty(),
        "{table} has cases for routes that are not described: {unknown:?}"
    );
}
