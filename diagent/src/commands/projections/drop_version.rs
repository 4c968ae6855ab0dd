//! `diagent projections drop`

use projector::{Stores, drop_version};

use super::known;
use crate::print;

/// Take a version away that readers do not see.
#[derive(Debug, clap::Args)]
pub struct DropVersion {
    /// The projection
    name: String,
    /// The version, never the live one
    version: i32,
}

impl DropVersion {
    pub(super) async fn run(self, stores: &Stores) -> anyhow::Result<()> {
        let Self { name, version } = self;
        let projection = known(&name)?;
        drop_version::drop_version(stores, projection.name, version).await?;
        print::line(format!(
            "{name}: version {version} is gone, with its tables, checkpoints, dead letters and consumers"
        ));
        print::next(&format!(
            "what is left: diagent projections list; built anew with: diagent projections rebuild {name}"
        ));
        Ok(())
    }
}
