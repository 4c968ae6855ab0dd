//! How far something long is: a bar on a terminal, nothing elsewhere.

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

/// A bar; `{rate}` in its template stands for whole steps a second.
pub(super) fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.with_key("rate", rate)),
        Err(_) => bar,
    }
}

/// A bar over events of the log, with rate and remaining time.
pub(super) fn over_events(message: String) -> ProgressBar {
    bar("{msg} {wide_bar} {human_pos}/{human_len} events  {rate}  {eta}").with_message(message)
}

fn rate(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is small and not negative"
    )]
    let rate = state.per_sec() as u64;
    // A bar that cannot be drawn is no failure of what it stands for.
    write!(out, "{}/s", HumanCount(rate)).unwrap_or_default();
}
