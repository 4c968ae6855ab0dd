//! The one module that prints: what people and scripts read on standard output.

#![expect(clippy::print_stdout, reason = "this is what the commands are run for")]

use std::io::{IsTerminal as _, Write as _};

/// One line for people or scripts.
pub(crate) fn line(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// A value as JSON, indented for people, on one line for scripts.
pub(crate) fn json(value: &serde_json::Value) {
    if std::io::stdout().is_terminal() {
        println!("{value:#}");
    } else {
        println!("{value}");
    }
}

/// Bytes as they are; false when the reader has gone away (`| head`).
pub(crate) fn bytes(bytes: &[u8]) -> bool {
    std::io::stdout().lock().write_all(bytes).is_ok()
}

/// Text in bold, on a terminal only.
pub(crate) fn bold(text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\u{1b}[1m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
