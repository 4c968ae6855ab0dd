//! Memory of processes with many open streams.

mod active;
mod idle;

use crate::report::Report;

pub(crate) async fn run(idle_streams: usize, processes: usize) -> anyhow::Result<Report> {
    let mut report = Report::new("memory");
    active::measure(&mut report).await?;
    idle::measure(idle_streams, processes, &mut report).await?;
    Ok(report)
}
