//! One event a row: its attributes as they are named in the log, and its data as JSON.

use std::borrow::Cow;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The first line.
pub(super) const HEADER: &str = "position,id,type,source,subject,time,dataschema,workspaceid,agentid,visitorid,\
                                 conversationid,correlationid,causationid,data\n";

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    position: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    dataschema: Cow<'a, str>,
    #[serde(borrow, default)]
    workspaceid: Cow<'a, str>,
    #[serde(borrow, default)]
    agentid: Cow<'a, str>,
    #[serde(borrow, default)]
    visitorid: Cow<'a, str>,
    #[serde(borrow, default)]
    conversationid: Cow<'a, str>,
    #[serde(borrow, default)]
    correlationid: Cow<'a, str>,
    #[serde(borrow, default)]
    causationid: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The rows of whole `lines`.
pub(super) fn rows(lines: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Row<'_> = serde_json::from_slice(line).context("an event of the log is no CloudEvent")?;
        let cells = [
            &row.position,
            &row.id,
            &row.kind,
            &row.source,
            &row.subject,
            &row.time,
            &row.dataschema,
            &row.workspaceid,
            &row.agentid,
            &row.visitorid,
            &row.conversationid,
            &row.correlationid,
            &row.causationid,
        ];
        for cell in cells {
            push(cell, &mut rows);
            rows.push(b',');
        }
        push(row.data.get(), &mut rows);
        rows.push(b'\n');
    }
    Ok(rows)
}

/// A cell, quoted where RFC 4180 asks for it.
fn push(cell: &str, rows: &mut Vec<u8>) {
    if cell.contains(['"', ',', '\n', '\r']) {
        rows.push(b'"');
        rows.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
        rows.push(b'"');
    } else {
        rows.extend_from_slice(cell.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_every_column_of_the_header() {
        let line = br#"{"position":"0:1","cursor":"0:1,control:0","specversion":"1.0","id":"01A","source":"/agents/x","type":"t","data":{"text":"a, \"b\""},"subject":"s","time":"2026-11-25T00:00:00Z","dataschema":"urn:t:1"}
"#;
        let rows = String::from_utf8(rows(line).expect("rows")).expect("UTF-8");
        let expected =
            "0:1,01A,t,/agents/x,s,2026-11-25T00:00:00Z,urn:t:1,,,,,,,\"{\"\"text\"\":\"\"a, \\\"\"b\\\"\"\"\"}\"\n";
        assert_eq!(rows, expected);
        assert_eq!(HEADER.matches(',').count(), 13);
    }
}
