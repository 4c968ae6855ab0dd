//! How far something long is: a bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over events of the log, with rate and remaining time.
pub(super) fn over_events(message: String) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(message);
    let template = "{msg} {wide_bar} {human_pos}/{human_len} events  {per_sec}  {eta}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
