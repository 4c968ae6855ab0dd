//! The arrows of the architecture, and the rules that every source file keeps.

use std::{
    fs,
    path::{Path, PathBuf},
};

const ROLES: [&str; 4] = ["command-api", "responder", "projector", "read-api"];

/// Lines of a file before its tests.
const PRODUCTION_LINES_MAX: usize = 400;

#[test]
fn no_role_depends_on_another() {
    let workspace = cargo_metadata::MetadataCommand::new()
        .no_deps()
        .exec()
        .expect("a Cargo workspace");
    for role in workspace
        .packages
        .iter()
        .filter(|package| ROLES.contains(&package.name.as_str()))
    {
        for dependency in &role.dependencies {
            assert!(
                !ROLES.contains(&dependency.name.as_str()),
                "{} depends on {}",
                role.name,
                dependency.name
            );
        }
    }
}

#[test]
fn the_command_api_has_no_database() {
    let workspace = cargo_metadata::MetadataCommand::new()
        .no_deps()
        .exec()
        .expect("a Cargo workspace");
    let command_api = workspace
        .packages
        .iter()
        .find(|package| package.name.as_str() == "command-api")
        .expect("the crate");
    assert!(
        command_api
            .dependencies
            .iter()
            .all(|dependency| dependency.name != "sqlx")
    );
}

#[test]
fn every_source_file_says_what_it_is_for_and_stays_small() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("text");
        let name = file.display();
        assert!(text.starts_with("//!"), "{name} does not begin with //!");
        let production = production(&text).lines().count();
        assert!(production <= PRODUCTION_LINES_MAX, "{name} has {production} lines");
        let unfinished = ["TO", "DO"].concat();
        assert!(!text.contains(&unfinished), "{name} is not finished");
    }
}

/// How long `==` takes tells how much of a guess was right. `edge::Secret` has none; here nobody takes its text out for one.
/// What is signed with it is compared by `hmac` and `jsonwebtoken`, in constant time.
#[test]
fn what_is_taken_out_of_a_secret_is_not_compared() {
    const COMPARES: [&str; 6] = ["==", "!=", ".eq(", ".ne(", ".cmp(", "starts_with("];
    let mut taken_out = 0;
    for file in sources() {
        let text = fs::read_to_string(&file).expect("text");
        let statements = production(&text).split([';', '{', '}']);
        for statement in statements.filter(|statement| statement.contains(".expose()")) {
            let compared = COMPARES.iter().any(|comparison| statement.contains(comparison));
            assert!(!compared, "{}: {statement}", file.display());
            taken_out += 1;
        }
    }
    assert!(taken_out > 10, "{taken_out}: it goes by another name");
}

/// What comes before the tests.
fn production(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap_or_default()
}

fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let crates = [
        "events",
        "edge",
        "command-api",
        "responder",
        "projector",
        "read-api",
        "diagent",
        "diagent/embedded",
        "bench",
    ];
    crates
        .iter()
        .flat_map(|name| rust_files(&root.join(name).join("src")))
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if path.is_dir() {
                rust_files(&path)
            } else {
                Vec::from_iter(is_rust.then_some(path))
            }
        })
        .collect()
}
