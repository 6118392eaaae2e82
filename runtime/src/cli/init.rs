//! `wasm-sink init`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::read::MultiGzDecoder;
use wasm_sink_core::{Blame, Error, Kind, Result};
use wasm_sink_formats::{BlockReader, Decoder, FieldText, Fill, Format, Inference, describe};

use super::Exit;
use super::numbers::count;
use super::terminal::Terminal;
use crate::config::PipelineName;

/// So much of a file is looked at, in (uncompressed) bytes.
const SAMPLE_BYTES: u64 = 16 << 20;

const EXAMPLES: &str = "\
Examples:
  wasm-sink init events.jsonl
  wasm-sink init clicks.csv.gz --output clicks.toml

The file that it writes moves the records into a Delta table beside it; its comments say what else
can be set.";

/// Arguments of `init`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct InitArgs {
    /// A file of records: .jsonl, .ndjson, .json (one object per line), .csv or .tsv, also with .gz
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write the pipeline
    #[arg(long, short, value_name = "PATH", default_value = "pipeline.toml")]
    output: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    force: bool,
}

pub(super) fn execute(args: &InitArgs, terminal: &Terminal) -> Exit {
    match init(args) {
        Ok(text) => {
            terminal.result(&text);
            Exit::Success
        }
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

fn failure(message: String) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

/// Says what was done and what comes next.
fn init(args: &InitArgs) -> Result<String> {
    let sample = Sample::read(&args.file)?;
    let text = pipeline(&path_from(&args.file, &args.output)?, &sample);
    write(&args.output, &text, args.force)?;
    let output = args.output.display();
    Ok(format!(
        "{output}: {} of {}, {}\nnext:\n  wasm-sink check {output}\n  wasm-sink run {output} \
         --dry-run\n  wasm-sink run {output}\n",
        count(sample.fields.len() as u64, "column"),
        args.file.display(),
        match sample.is_whole {
            true => format!("from {}", count(sample.records, "record")),
            false => format!("from its first {}", count(sample.records, "record")),
        },
    ))
}

fn write(output: &Path, text: &str, overwrite: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    match overwrite {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let written = options
        .open(output)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => failure(format!(
            "{} is there already: overwrite it with --force, or write elsewhere with --output",
            output.display()
        )),
        _ => failure(format!("cannot write {}", output.display())).with_source(error),
    })
}

/// What the beginning of a file says about it.
struct Sample {
    fields: Vec<FieldText>,
    records: u64,
    /// Whether that was all of it.
    is_whole: bool,
}

impl Sample {
    fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let name = path.to_string_lossy();
        let format = Format::of_name(&name).ok_or_else(|| {
            failure(format!(
                "{shown} has no name that says what it is: .jsonl, .ndjson, .json, .csv or .tsv, \
                 also with .gz behind it"
            ))
        })?;
        let unreadable =
            |error: io::Error| failure(format!("cannot read {shown}")).with_source(error);
        let file = File::open(path).map_err(unreadable)?;
        let input: Box<dyn Read> = match name.to_ascii_lowercase().ends_with(".gz") {
            true => Box::new(MultiGzDecoder::new(file)),
            false => Box::new(file),
        };
        let mut blocks = BlockReader::new(input, format, Fill::Whole);
        let mut inference = Inference::default();
        let mut decoder: Option<Decoder> = None;
        let mut is_array = false;
        let mut is_whole = false;
        loop {
            let Some(block) = blocks.next_block().map_err(unreadable)? else {
                is_whole = true;
                break;
            };
            let decoder = match &mut decoder {
                Some(decoder) => decoder,
                None => {
                    is_array =
                        format == Format::Json && block.bytes.trim_ascii_start().starts_with(b"[");
                    decoder.insert(Decoder::new(format, &block.bytes, None)?)
                }
            };
            inference.observe(decoder, &block);
            if block.end() >= SAMPLE_BYTES {
                break;
            }
        }
        if is_array {
            return Err(failure(format!(
                "{shown} is one JSON array, and each record needs a line of its own: \
                 jq -c '.[]' {shown} > records.jsonl"
            )));
        }
        if inference.records() == 0 {
            return Err(failure(format!("{shown} has no record that can be read")));
        }
        Ok(Self {
            fields: describe(&inference.schema()),
            records: inference.records(),
            is_whole,
        })
    }
}

/// `file` as a pipeline at `output` names it: its relative paths count from its own directory.
fn path_from(file: &Path, output: &Path) -> Result<String> {
    let is_beside = output
        .parent()
        .is_none_or(|parent| parent.as_os_str().is_empty() || parent == Path::new("."));
    let path = if is_beside || file.is_absolute() {
        file.to_owned()
    } else {
        std::path::absolute(file).map_err(|error| {
            failure(format!("cannot tell where {} is", file.display())).with_source(error)
        })?
    };
    path.into_os_string().into_string().map_err(|path| {
        failure(format!(
            "{} is not UTF-8, and pipeline.toml is: rename it",
            path.display()
        ))
    })
}

/// A name for the pipeline, from that of its file.
fn name_of(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let name: String = stem
        .chars()
        .map(
            |c| match c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                true => c,
                false => '_',
            },
        )
        .collect();
    let name = name.trim_matches(['-', '_']);
    match PipelineName::try_from(name) {
        Ok(name) => name.to_string(),
        Err(_) => "records".to_owned(),
    }
}

/// Text in quotes, as TOML takes it, with nothing to be filled in.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted.replace("${", "$${")
}

fn pipeline(path: &str, sample: &Sample) -> String {
    let name = name_of(path);
    let columns: String = sample
        .fields
        .iter()
        .map(|field| {
            format!(
                "#   {{ name = {}, data_type = {}, nullable = {} }},\n",
                quoted(&field.name),
                quoted(&field.data_type),
                field.nullable
            )
        })
        .collect();
    let records = count(sample.records, "record");
    let seen = match sample.is_whole {
        true => format!("its {records}"),
        false => format!("its first {records}"),
    };
    format!(
        r##"# Moves {file} into a Delta table.
#   wasm-sink check <this file>          find every mistake in it
#   wasm-sink run <this file> --dry-run  see what it would write
#   wasm-sink run <this file>            run it; a second run takes what is new

# Also the identity of its positions in the table: do not change it once it has run.
name = "{name}"

[source]
type = "files"
path = {path}  # also a list, or a glob: "data/*.jsonl"
# Columns are inferred, and new ones are added as they appear. These are what {seen} had;
# without the `#` these columns are read, and no others.
# schema = [
{columns}# ]

[connections.lake]
type = "delta"
path = "./{name}_table"
# On S3, or what speaks its language:
# path = "s3://bucket/{name}"
# region = "eu-central-1"
# endpoint = "https://s3.example.com"
# access_key_id = "${{LAKE_KEY}}"
# secret_access_key = "${{LAKE_SECRET}}"  # secrets come from the environment

[sink]
component = "delta"
connection = "lake"

[sink.config]
# partition_by = ["day"]
# write_mode = "append"                # or "overwrite"
# schema_evolution = "add_columns"     # or "strict"

# What closes a commit, whichever comes first.
# [epoch]
# max_rows = 500_000
# max_bytes = "64MiB"
# max_ms = 5_000

# Metrics and health, on this machine alone.
# [admin]
# address = "127.0.0.1:9464"
"##,
        file = one_line(path),
        path = quoted(path),
    )
}

/// For a comment: a file's name may have line ends.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| match c.is_control() {
            true => char::REPLACEMENT_CHARACTER,
            false => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(file: &Path, output: &Path, force: bool) -> InitArgs {
        InitArgs {
            file: file.to_owned(),
            output: output.to_owned(),
            force,
        }
    }

    #[test]
    fn a_file_becomes_a_pipeline() {
        let directory = tempfile::tempdir().unwrap();
        let (file, output) = (
            directory.path().join("my events.jsonl"),
            directory.path().join("p.toml"),
        );
        std::fs::write(
            &file,
            "{\"id\": 1, \"at\": \"x\"}\nnot json\n{\"id\": 2.5, \"tags\": [\"a\"], \"we\\\"ird\": true}\n",
        )
        .unwrap();
        let said = init(&args(&file, &output, false)).unwrap();
        assert!(
            said.contains("4 columns") && said.contains("from 2 records"),
            "{said}"
        );
        let text = std::fs::read_to_string(&output).unwrap();
        let place = directory.path().display().to_string();
        insta::assert_snapshot!("init", text.replace(&place, "PLACE"));

        let error = init(&args(&file, &output, false)).unwrap_err().to_string();
        assert!(error.contains("--force"), "{error}");
        init(&args(&file, &output, true)).unwrap();
    }

    /// With and without the comments that are meant to be taken away.
    #[cfg(all(feature = "delta", feature = "files"))]
    #[test]
    fn the_pipeline_has_no_mistakes() {
        use crate::config::{Registry, Style, read};

        let sample = Sample {
            fields: vec![FieldText {
                name: "i\"d${X}".to_owned(),
                data_type: "int64".to_owned(),
                nullable: true,
            }],
            records: 1,
            is_whole: true,
        };
        let text = pipeline("da\"ta${X}/events.jsonl", &sample);
        let uncommented: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = ") || rest.starts_with(['[', ']']) => rest,
                Some(_) => "",
                None => line.strip_prefix("#   {").map_or(line, |_| &line[1..]),
            })
            .filter(|line| !line.starts_with("path = \"./") && !line.starts_with("#   wasm"))
            .map(|line| format!("{line}\n"))
            .collect();
        for text in [text, uncommented] {
            let registry = Registry::of_this_build();
            let lookup = |_: &str| Some("value".into());
            let read = read(
                "p.toml".to_owned(),
                text,
                PathBuf::from("."),
                &registry,
                &lookup,
            );
            if let Err(diagnostics) = read {
                panic!("{}", diagnostics.render(Style::Plain));
            }
        }
    }

    #[test]
    fn what_is_no_data_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("p.toml");
        let refused = |name: &str, bytes: &[u8]| {
            let file = directory.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            init(&args(&file, &output, false)).unwrap_err().to_string()
        };
        assert!(refused("a.jsonl", b"").contains("no record"));
        assert!(refused("b.json", b" [\n{\"a\": 1}\n]\n").contains("jq -c"));
        assert!(refused("c.parquet", b"PAR1").contains("says what it is"));
        assert!(refused("d.jsonl.gz", b"not gzip").contains("cannot read"));
        assert!(!output.exists());
        let missing = args(&directory.path().join("none.csv"), &output, false);
        assert!(
            init(&missing)
                .unwrap_err()
                .to_string()
                .contains("cannot read")
        );
    }

    #[test]
    fn names_come_from_files() {
        assert_eq!(name_of("data/my events.jsonl.gz"), "my_events");
        assert_eq!(name_of(".jsonl"), "records");
        assert_eq!(name_of("\u{fc}.csv"), "records");
    }
}
