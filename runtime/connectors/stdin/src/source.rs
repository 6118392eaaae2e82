//! The open source: one partition.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use tokio::task::{JoinHandle, spawn_blocking};
use wasm_sink_core::budget::Reservation;
use wasm_sink_core::source::{Membership, Source, SourceContext, SourceEvent};
use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Position, Result, SourceBatch};
use wasm_sink_formats::{
    BLOCK_BYTES, Block, BlockReader, DecodedStream, Decoder, Evolution, Fill, Inference, Origin,
    PositionForm, StreamError, batches,
};

use crate::pipe::{Closer, Input};
use crate::settings::Settings;

/// After the first bytes the schema waits no longer than this for more to be inferred from.
const PATIENCE: Duration = Duration::from_secs(1);

/// Standard input, open.
#[derive(Debug)]
pub(crate) struct Pipe {
    settings: Settings,
    context: SourceContext,
    origin: Arc<Origin>,
    stage: Stage,
    is_paused: bool,
    begin: Option<Position>,
    ready: VecDeque<SourceBatch>,
    /// Ends a read that still waits.
    _closer: Closer,
}

#[derive(Debug)]
enum Stage {
    Unassigned(Input),
    Assigned(Input),
    /// After `seek`: the first block is awaited.
    Sampling {
        task: JoinHandle<Result<Sampled>>,
    },
    Flowing {
        stream: Box<DecodedStream<Input>>,
        evolution: Evolution,
    },
    Ended,
    /// Between two of the others.
    Moving,
}

/// The first block and what it showed.
#[derive(Debug)]
struct Sampled {
    reader: BlockReader<Input>,
    block: Option<Block>,
    decoder: Decoder,
    evolution: Evolution,
    reservation: Reservation,
}

impl Pipe {
    pub(crate) fn new(settings: Settings, context: SourceContext, input: (Input, Closer)) -> Self {
        let (input, closer) = input;
        Self {
            settings,
            context,
            origin: Arc::new(Origin {
                key: PartitionKey::new("stdin", "stdin"),
                name: "stdin".to_owned(),
                modified: None,
                form: PositionForm::Offset { base: 0 },
            }),
            stage: Stage::Unassigned(input),
            is_paused: false,
            begin: None,
            ready: VecDeque::new(),
            _closer: closer,
        }
    }
}

/// Reads the first block, and infers the schema from it if the user gave none.
fn sample(settings: &Settings, mut input: Input, reservation: Reservation) -> Result<Sampled> {
    if settings.formats.schema.is_none() {
        input.collect(BLOCK_BYTES, PATIENCE);
    }
    let format = settings.format;
    let mut reader = BlockReader::new(input, format, Fill::Available);
    let block = reader.next_block().map_err(broke_off)?;
    let beginning = block.as_ref().map(|block| block.bytes.as_ref());
    let schema = settings.formats.schema.as_ref();
    let decoder = Decoder::new(
        format,
        beginning.unwrap_or_default(),
        schema.map(AsRef::as_ref),
    )
    .map_err(|error| error.context("stdin"))?;
    let evolution = match schema {
        Some(schema) => Evolution::given(Arc::clone(schema)),
        None => {
            let mut inference = Inference::default();
            if let Some(block) = &block {
                inference.observe(&decoder, block);
            }
            Evolution::inferred(inference.schema())
        }
    };
    Ok(Sampled {
        reader,
        block,
        decoder,
        evolution,
        reservation,
    })
}

fn broke_off(error: std::io::Error) -> Error {
    let message = "standard input cannot be read on; the lines before were read";
    Error::new(Kind::Other, Blame::Source, message).with_source(error)
}

#[async_trait]
impl Source for Pipe {
    fn membership(&self) -> Membership {
        Membership::Alone
    }

    fn topic(&self, _key: &PartitionKey) -> Option<Arc<str>> {
        Some(self.origin.name.as_str().into())
    }

    async fn next(&mut self) -> Result<SourceEvent> {
        if let Stage::Unassigned(_) = &self.stage {
            if let Stage::Unassigned(input) = std::mem::replace(&mut self.stage, Stage::Moving) {
                self.stage = Stage::Assigned(input);
            }
            return Ok(SourceEvent::Assigned(vec![self.origin.key.clone()]));
        }
        loop {
            if self.is_paused {
                return std::future::pending().await;
            }
            if let Some(batch) = self.ready.pop_front() {
                return Ok(SourceEvent::Batch(batch));
            }
            match &mut self.stage {
                Stage::Sampling { task } => {
                    let sampled = task.await.map_err(stopped)??;
                    let budget = self.context.budget.clone();
                    let mut stream = DecodedStream::new(sampled.reader, sampled.decoder, budget, 0);
                    if let Some(block) = sampled.block {
                        stream.push(block, sampled.reservation, &sampled.evolution);
                    }
                    self.stage = Stage::Flowing {
                        stream: Box::new(stream),
                        evolution: sampled.evolution,
                    };
                }
                Stage::Flowing { stream, evolution } => match stream.next(evolution).await {
                    Ok(Some(block)) => {
                        let begin = self.begin.take();
                        let rows = self.context.batch_rows;
                        self.ready = batches(&self.origin, block, begin, Utc::now(), rows).into();
                        self.begin = self.ready.back().map(|batch| batch.end.clone());
                    }
                    Ok(None) => {
                        self.stage = Stage::Ended;
                        return Ok(SourceEvent::End);
                    }
                    Err(StreamError::Read(error)) => return Err(broke_off(error)),
                    Err(StreamError::Other(error)) => return Err(error.context("stdin")),
                },
                _ => return std::future::pending().await,
            }
        }
    }

    fn beginning(&self, _key: &PartitionKey) -> Position {
        Position::from_offset(0)
    }

    /// Lets the input flow. A pipe begins with its first byte wherever it is put; its positions go
    /// on from there, so that those of a further run come after those of the last one.
    async fn seek(&mut self, _key: &PartitionKey, to: Option<&Position>) -> Result<()> {
        if !matches!(self.stage, Stage::Assigned(_)) {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Source,
                "standard input cannot go back, and rows that were read have to be read again: \
                 feed the same input into a new run",
            ));
        }
        let reservation = self.context.budget.reserve(2 * BLOCK_BYTES).await;
        if let Stage::Assigned(input) = std::mem::replace(&mut self.stage, Stage::Moving) {
            let settings = self.settings.clone();
            self.begin = to.cloned();
            let words = to.map(Position::words).unwrap_or_default();
            self.origin = Arc::new(Origin {
                key: self.origin.key.clone(),
                name: self.origin.name.clone(),
                modified: None,
                form: PositionForm::Offset {
                    base: words.first().map_or(0, |word| word.unsigned_abs()),
                },
            });
            self.stage = Stage::Sampling {
                task: spawn_blocking(move || sample(&settings, input, reservation)),
            };
        }
        Ok(())
    }

    fn pause(&mut self, _key: &PartitionKey) {
        self.is_paused = true;
    }

    fn resume(&mut self, _key: &PartitionKey) {
        self.is_paused = false;
    }

    async fn acknowledge(&mut self, _durable: &[(PartitionKey, Position)]) -> Result<()> {
        Ok(())
    }

    async fn release(&mut self, _keys: &[PartitionKey]) -> Result<()> {
        Ok(())
    }
}

fn stopped(error: tokio::task::JoinError) -> Error {
    let message = "reading stopped half way; this is a bug in wasm-sink, please report it";
    Error::new(Kind::Other, Blame::Host, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::path::PathBuf;
    use std::sync::mpsc::{Receiver, channel};

    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use wasm_sink_core::budget::Budget;
    use wasm_sink_core::settings::{Entry, Node, Table, Value};

    use super::*;
    use crate::pipe::read_on_a_thread;

    /// A pipe whose writer takes its time.
    struct Slow(Receiver<&'static [u8]>);

    impl Read for Slow {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let Ok(bytes) = self.0.recv() else {
                return Ok(0);
            };
            out[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        }
    }

    fn open(format: &str, input: impl Read + Send + 'static) -> Pipe {
        let table = Table {
            entries: vec![Entry {
                key: "format".to_owned(),
                key_span: 0..0,
                node: Node {
                    value: Value::String {
                        text: format.to_owned(),
                        from_environment: false,
                    },
                    span: 0..0,
                },
            }],
            span: 0..0,
        };
        let mut problems = Vec::new();
        let settings = Settings::read(&table, &mut problems).unwrap();
        assert_eq!(problems, []);
        let context = SourceContext {
            pipeline: "test".into(),
            budget: Budget::new(64 << 20),
            directory: PathBuf::new(),
            batch_rows: 2,
        };
        Pipe::new(settings, context, read_on_a_thread(input).unwrap())
    }

    async fn begin(pipe: &mut Pipe, to: Option<&Position>) {
        let SourceEvent::Assigned(keys) = pipe.next().await.unwrap() else {
            panic!("not assigned");
        };
        pipe.seek(&keys[0], to).await.unwrap();
    }

    async fn batch(pipe: &mut Pipe) -> Option<SourceBatch> {
        match pipe.next().await.unwrap() {
            SourceEvent::Batch(batch) => Some(batch),
            SourceEvent::End => None,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn rows_come_out_while_the_pipe_stays_open() {
        let (writer, reader) = channel();
        let mut pipe = open("json", Slow(reader));
        writer.send(&b"{\"id\": 1}\n{\"i"[..]).unwrap();
        begin(&mut pipe, None).await;
        let first = batch(&mut pipe).await.unwrap();
        assert_eq!(
            first.rows.column(0).as_primitive::<Int64Type>().values(),
            &[1]
        );
        assert_eq!((first.begin, first.end), (None, Position::from_offset(10)));
        writer
            .send(&b"d\": 2}\nbroken\n{\"id\": 3, \"new\": true}\n{\"id\": 4}"[..])
            .unwrap();
        let second = batch(&mut pipe).await.unwrap();
        assert_eq!(
            second.rows.column(0).as_primitive::<Int64Type>().values(),
            &[2, 3]
        );
        assert_eq!(
            second.rows.column(1).as_boolean().iter().flatten().count(),
            1
        );
        assert_eq!(
            second.undecodable[0].1.origin.to_string(),
            "stdin line 3 offset 20"
        );
        drop(writer);
        let last = batch(&mut pipe).await.unwrap();
        assert_eq!(
            last.rows.column(0).as_primitive::<Int64Type>().values(),
            &[4]
        );
        assert!(batch(&mut pipe).await.is_none());
        let back = pipe.seek(&last.key, None).await.unwrap_err();
        assert!(back.to_string().contains("cannot go back"), "{back}");
    }

    #[tokio::test]
    async fn csv_and_a_further_run_go_on_counting() {
        let mut pipe = open("csv", io::Cursor::new("id,name\n1,a\n2,b\n3,\"c\nd\""));
        let stored = Position::from_offset(1000);
        begin(&mut pipe, Some(&stored)).await;
        let first = batch(&mut pipe).await.unwrap();
        assert_eq!(first.begin, Some(stored));
        assert_eq!(
            first.rows.column(0).as_primitive::<Int64Type>().values(),
            &[1, 2]
        );
        let second = batch(&mut pipe).await.unwrap();
        assert_eq!(second.rows.column(1).as_string::<i32>().value(0), "c\nd");
        assert_eq!(second.end, Position::from_offset(1023));
        assert!(batch(&mut pipe).await.is_none());
    }

    #[tokio::test]
    async fn an_empty_pipe_ends_at_once() {
        let mut pipe = open("csv", io::empty());
        begin(&mut pipe, None).await;
        assert!(batch(&mut pipe).await.is_none());
    }
}
