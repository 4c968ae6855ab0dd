//! The text of a PDF.

use std::io;

/// Larger files are refused.
pub(super) const BYTES_MAX: usize = 20 * 1_024 * 1_024;

/// A PDF that gives no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum PdfError {
    #[error("it is larger than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("it is no PDF that can be read")]
    Unreadable(#[source] io::Error),
    #[error("it has no text; a scan is a picture")]
    NoText,
}

/// The text, page after page, each below a heading that leads to it: viewers understand `#page=3`. May panic on a hostile
/// file: callers run it isolated.
///
/// # Errors
/// It is too large, broken, encrypted, or a scan.
pub(super) fn text(bytes: &[u8]) -> Result<String, PdfError> {
    if bytes.len() > BYTES_MAX {
        return Err(PdfError::TooLarge);
    }
    let pages = pdf_extract::extract_text_from_mem_by_pages(bytes)
        .map_err(|error| PdfError::Unreadable(io::Error::other(error.to_string())))?;
    let mut text = String::new();
    for (page, number) in pages.iter().zip(1_usize..) {
        let page = page.replace('\0', "");
        if !page.trim().is_empty() {
            text.extend([format!(
                "## Page {number} {{#page={number}}}\n\n{}\n\n",
                paragraphs(&page)
            )]);
        }
    }
    if text.is_empty() {
        Err(PdfError::NoText)
    } else {
        Ok(text)
    }
}

/// Lines that begin like Markdown are not.
fn paragraphs(page: &str) -> String {
    let plain = |line: &str| line.trim().trim_start_matches('#').trim_start().to_owned();
    page.trim().lines().map(plain).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One page that says "Thirty days to return.", made by hand.
    const SMALL: &str = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
        3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 144]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj\n\
        4 0 obj<</Length 58>>stream\nBT /F1 18 Tf 20 100 Td (Thirty days to return.) Tj ET     \nendstream endobj\n\
        5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>endobj\n";

    fn with_table(body: &str) -> Vec<u8> {
        let mut table = "xref\n0 6\n0000000000 65535 f \n".to_owned();
        for number in 1..=5 {
            let offset = body.find(&format!("{number} 0 obj")).expect("the object");
            table.extend([format!("{offset:010} 00000 n \n")]);
        }
        format!(
            "{body}{table}trailer<</Size 6/Root 1 0 R>>\nstartxref\n{}\n%%EOF\n",
            body.len()
        )
        .into_bytes()
    }

    #[test]
    fn pages_become_text_that_can_be_linked_to() {
        let text = text(&with_table(SMALL)).expect("a PDF");
        assert!(
            text.starts_with("## Page 1 {#page=1}") && text.contains("Thirty days to return."),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_pdf_is_refused() {
        assert!(matches!(text(b"%PDF-1.4 nonsense"), Err(PdfError::Unreadable(_))));
        assert!(matches!(text(&vec![0; BYTES_MAX + 1]), Err(PdfError::TooLarge)));
    }
}
