//! Parquet files by day and type, `day=2026-11-25/type=diagent.message.posted/part-00000.parquet`: a folder that engines
//! read as one table. A part is written whole, and counts when the export's state says so.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::Type,
};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::columns::{self, Column, Kind};

/// The folder, and what is not written yet.
pub(super) struct Parts {
    folder: PathBuf,
    /// The number of the next part.
    next: u64,
    /// By folder within the folder.
    tables: BTreeMap<String, Table>,
}

/// Rows of one day and type.
struct Table {
    columns: Vec<(Column, Values)>,
}

/// The values of one column. A level says of each row whether there is one.
struct Values {
    levels: Vec<i16>,
    present: Present,
}

enum Present {
    Bytes(Vec<ByteArray>),
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
    Flags(Vec<bool>),
}

impl Parts {
    /// Opens `folder`, in which the parts before `next` count; others were not finished and are removed.
    pub(super) fn open(folder: &Path, next: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        for day in folders(folder, "day=")? {
            for kind in folders(&day, "type=")? {
                for file in fs::read_dir(&kind)? {
                    let path = file?.path();
                    if number(&path).is_none_or(|number| number >= next) {
                        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
                    }
                }
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            next,
            tables: BTreeMap::new(),
        })
    }

    /// Takes whole lines.
    pub(super) fn take(&mut self, lines: &[u8]) -> anyhow::Result<()> {
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let (kind, mut row) = columns::row(line).context("an event of the log is no CloudEvent")?;
            let time = row.get("time").and_then(Value::as_str).unwrap_or_default();
            let name = format!("day={}/type={kind}", time.get(..10).unwrap_or("unknown"));
            ensure!(
                !name.contains("..") && name.matches('/').count() == 1,
                "{kind:?} at {time:?} cannot be the name of a folder"
            );
            let table = self.tables.entry(name).or_insert_with(|| Table::new(&kind));
            for (column, values) in &mut table.columns {
                let value = if column.is_rest() {
                    columns::rest(std::mem::take(&mut row))
                } else {
                    row.remove(&column.name)
                };
                if let Some(misfit) = values.push(column.kind, value) {
                    row.insert(column.name.clone(), misfit);
                }
            }
        }
        Ok(())
    }

    /// Writes what was taken; answers how many parts count now.
    pub(super) fn finish(&mut self) -> anyhow::Result<u64> {
        if self.tables.is_empty() {
            return Ok(self.next);
        }
        for (name, table) in std::mem::take(&mut self.tables) {
            let folder = self.folder.join(name);
            let path = folder.join(format!("part-{:05}.parquet", self.next));
            let failed = || format!("cannot write {}", path.display());
            fs::create_dir_all(&folder).with_context(failed)?;
            // Readers of the folder never see half a part.
            let partial = path.with_extension("partial");
            let file = table
                .write(File::create(&partial).with_context(failed)?)
                .with_context(failed)?;
            file.sync_all().with_context(failed)?;
            fs::rename(&partial, &path).with_context(failed)?;
        }
        self.next += 1;
        Ok(self.next)
    }
}

impl Table {
    fn new(kind: &str) -> Self {
        let columns = columns::of(kind).into_iter();
        Self {
            columns: columns
                .map(|column| (Values::new(column.kind), column))
                .map(|(values, column)| (column, values))
                .collect(),
        }
    }

    fn write(self, file: File) -> anyhow::Result<File> {
        let fields = self.columns.iter().map(|(column, _)| field(column).map(Arc::new));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder("event").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .build();
        let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
        let mut rows = writer.next_row_group()?;
        for (_, values) in self.columns {
            let mut column = rows.next_column()?.context("a column of the schema")?;
            values.write(&mut column)?;
            column.close()?;
        }
        rows.close()?;
        Ok(writer.into_inner()?)
    }
}

impl Values {
    const fn new(kind: Kind) -> Self {
        let present = match kind {
            Kind::Text | Kind::Json => Present::Bytes(Vec::new()),
            Kind::Integer | Kind::Time => Present::Integers(Vec::new()),
            Kind::Number => Present::Numbers(Vec::new()),
            Kind::Flag => Present::Flags(Vec::new()),
        };
        Self {
            levels: Vec::new(),
            present,
        }
    }

    /// Adds a row. Gives the value back when it is not of the column's type.
    fn push(&mut self, kind: Kind, value: Option<Value>) -> Option<Value> {
        let value = value.filter(|value| !value.is_null());
        let is_taken = match (&mut self.present, &value) {
            (Present::Bytes(present), Some(Value::String(text))) if kind == Kind::Text => {
                push(present, Some(text.as_str().into()))
            }
            (Present::Bytes(present), Some(value)) if kind == Kind::Json => {
                push(present, Some(value.to_string().as_str().into()))
            }
            (Present::Integers(present), Some(Value::String(text))) if kind == Kind::Time => {
                push(present, micros(text))
            }
            (Present::Integers(present), Some(value)) if kind == Kind::Integer => push(present, value.as_i64()),
            (Present::Numbers(present), Some(value)) => push(present, value.as_f64()),
            (Present::Flags(present), Some(value)) => push(present, value.as_bool()),
            _ => false,
        };
        self.levels.push(i16::from(is_taken));
        value.filter(|_| !is_taken)
    }

    fn write(&self, column: &mut SerializedColumnWriter<'_>) -> anyhow::Result<()> {
        let levels = Some(&self.levels[..]);
        match &self.present {
            Present::Bytes(present) => column.typed::<ByteArrayType>().write_batch(present, levels, None)?,
            Present::Integers(present) => column.typed::<Int64Type>().write_batch(present, levels, None)?,
            Present::Numbers(present) => column.typed::<DoubleType>().write_batch(present, levels, None)?,
            Present::Flags(present) => column.typed::<BoolType>().write_batch(present, levels, None)?,
        };
        Ok(())
    }
}

/// Adds a value, if there is one.
fn push<T>(present: &mut Vec<T>, value: Option<T>) -> bool {
    let is_there = value.is_some();
    present.extend(value);
    is_there
}

fn micros(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000).ok()
}

fn field(column: &Column) -> parquet::errors::Result<Type> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Kind::Integer => (Physical::INT64, None),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Flag => (Physical::BOOLEAN, None),
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// The number of a finished part.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("part-")?.strip_suffix(".parquet")?.parse().ok()
}

fn folders(within: &Path, prefix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(within).with_context(|| format!("cannot read {}", within.display()))? {
        let path = entry?.path();
        let is_ours = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        if is_ours && path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}
