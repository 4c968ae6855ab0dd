//! Server-Sent Events out of a stream of bytes: whole lines only, however the bytes were cut.

/// A model's line is never this long.
const LINE_MAX_BYTES: usize = 1 << 20;

/// Collects bytes into the `data` of events.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    buffer: Vec<u8>,
}

/// A line is longer than any that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineTooLong;

impl Decoder {
    /// Takes the next bytes and answers the `data` of every line that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, LineTooLong> {
        self.buffer.extend_from_slice(bytes);
        let mut data = Vec::new();
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            // Comments, event names and blank lines carry nothing here.
            if let Some(value) = line.trim_end().strip_prefix("data:") {
                data.push(value.trim_start().to_owned());
            }
        }
        if self.buffer.len() > LINE_MAX_BYTES {
            Err(LineTooLong)
        } else {
            Ok(data)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(cuts in prop::collection::vec(1_usize..12, 0..30)) {
            let text = "data: {\"a\":\"ö\"}\r\n\r\n: comment\nevent: x\ndata:[DONE]\n\n".as_bytes();
            let mut decoder = Decoder::default();
            let (mut data, mut at) = (Vec::new(), 0);
            for cut in cuts.into_iter().chain([text.len()]) {
                let end = (at + cut).min(text.len());
                data.extend(decoder.push(&text[at..end]).expect("short lines"));
                at = end;
            }
            prop_assert_eq!(data, ["{\"a\":\"ö\"}", "[DONE]"]);
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        assert_eq!(
            Decoder::default().push(&vec![b'x'; LINE_MAX_BYTES + 1]),
            Err(LineTooLong)
        );
    }
}
