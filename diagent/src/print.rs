//! The one module that prints: what people and scripts read on standard output.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// One line for people or scripts.
pub(crate) fn line(text: impl AsRef<str>) {
    bytes(format!("{}\n", text.as_ref()).as_bytes());
}

/// A value as JSON, indented for people, on one line for scripts.
pub(crate) fn json(value: &serde_json::Value) {
    if std::io::stdout().is_terminal() {
        line(format!("{value:#}"));
    } else {
        line(value.to_string());
    }
}

/// Bytes as they are; false when the reader has gone away (`| head`), which is no failure.
pub(crate) fn bytes(bytes: &[u8]) -> bool {
    match std::io::stdout().lock().write_all(bytes) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != ErrorKind::BrokenPipe {
                tracing::warn!(%error, "standard output cannot be written");
            }
            false
        }
    }
}

/// Text in bold, on a terminal only.
pub(crate) fn bold(text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\u{1b}[1m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// What comes next; dimmed on a terminal.
pub(crate) fn next(text: &str) {
    if std::io::stdout().is_terminal() {
        line(format!("\u{1b}[2m{text}\u{1b}[0m"));
    } else {
        line(text);
    }
}

/// Empties the screen, on a terminal only.
pub(crate) fn clear() {
    if std::io::stdout().is_terminal() {
        bytes(b"\x1b[H\x1b[2J\x1b[3J");
    }
}
