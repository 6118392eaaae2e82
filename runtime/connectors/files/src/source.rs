//! The open source: files one after the other, each in its order.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{Chain, Cursor};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use wasm_sink_core::lag::Ends;
use wasm_sink_core::source::{Membership, Source, SourceContext, SourceEvent};
use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Position, Result, SourceBatch};
use wasm_sink_formats::{
    BlockReader, CheckedOffset, DecodedStream, Decoder, Evolution, Fill, Format, Inference, Origin,
    Original, PositionForm, StreamError, batches,
};

use crate::content::{self, Content, Resumed};
use crate::lengths::Lengths;
use crate::listing;
use crate::settings::Settings;
use crate::{HEADER_BYTES, blocking};

/// The identity of every file's source; the file itself is in the partition.
const SOURCE: &str = "files";

/// So much of the first file the schema is inferred from.
const FIRST_SAMPLE_BYTES: usize = 2 << 20;
/// So much of each further one, and of how many.
const FURTHER_SAMPLE_BYTES: usize = 128 << 10;
const FURTHER_SAMPLES: usize = 15;

/// Files that are kept open between `seek` and their turn: it is dear to find a place in gzip again.
const MAX_KEPT_OPEN: usize = 64;

/// Files that stay open for what may be asked again of batches that are not committed yet, and how many
/// bytes are worth it.
const MAX_ORIGINALS: usize = 64;
const LEAST_ORIGINAL_BYTES: u64 = 1 << 20;

pub(crate) type Input = Chain<Cursor<Vec<u8>>, Content>;

/// All files of a `[source]`.
#[derive(Debug)]
pub(crate) struct Files {
    context: SourceContext,
    settings: Arc<Settings>,
    batch_rows: usize,
    /// In the order of their names.
    files: Vec<FileState>,
    /// There may be very many, and the pipeline speaks of each by its key.
    by_key: HashMap<PartitionKey, usize>,
    /// Those that wait for their turn, paused or not.
    waiting: BTreeSet<usize>,
    /// How many are not read to their end.
    unfinished: usize,
    /// How many of those that wait are open already.
    kept_open: usize,
    evolution: Evolution,
    active: Option<Active>,
    /// Files of which batches are on their way.
    originals: Vec<Weak<Original>>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unassigned,
    Flowing,
    Ended,
}

#[derive(Debug)]
struct FileState {
    path: PathBuf,
    format: Format,
    origin: Arc<Origin>,
    modified: DateTime<Utc>,
    progress: Progress,
    is_paused: bool,
}

#[derive(Debug)]
enum Progress {
    /// Waits for `seek`.
    Unsought,
    /// Waits for its turn.
    Sought {
        at: CheckedOffset,
        begin: Option<Position>,
        /// Found already.
        opened: Option<Box<Resumed>>,
    },
    /// Is being read.
    Active,
    Done,
}

impl Progress {
    fn is_kept_open(&self) -> bool {
        matches!(
            self,
            Self::Sought {
                opened: Some(_),
                ..
            }
        )
    }

    fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

/// The file that is being read.
#[derive(Debug)]
struct Active {
    index: usize,
    stream: DecodedStream<Input>,
    ready: VecDeque<SourceBatch>,
    /// Where the next block begins.
    begin: Option<Position>,
    /// The same, in bytes.
    offset: u64,
}

impl Files {
    /// Lists the files and learns the schema. Waits for the disk.
    pub(crate) fn open(settings: &Arc<Settings>, context: SourceContext) -> Result<Self> {
        let mut files = Vec::new();
        for (name, path) in listing::files(&context.directory, &settings.paths)? {
            files.push(FileState::open(settings, name, path)?);
        }
        let evolution = match &settings.format.schema {
            Some(schema) => Evolution::given(Arc::clone(schema)),
            None => infer(&files)?,
        };
        Ok(Self {
            batch_rows: settings.batch_rows.unwrap_or(context.batch_rows),
            settings: Arc::clone(settings),
            context,
            by_key: files
                .iter()
                .enumerate()
                .map(|(index, file)| (file.origin.key.clone(), index))
                .collect(),
            waiting: BTreeSet::new(),
            unfinished: files.len(),
            kept_open: 0,
            files,
            evolution,
            active: None,
            originals: Vec::new(),
            phase: Phase::Unassigned,
        })
    }

    fn find(&mut self, key: &PartitionKey) -> Option<(usize, &mut FileState)> {
        let index = *self.by_key.get(key)?;
        Some((index, self.files.get_mut(index)?))
    }

    /// The one place where a file's progress changes, with what is counted of all.
    /// Returns what it was.
    fn put_progress(&mut self, index: usize, progress: Progress) -> Option<Progress> {
        let file = self.files.get_mut(index)?;
        let is_waiting = matches!(progress, Progress::Sought { .. });
        let (kept, done) = (progress.is_kept_open(), progress.is_done());
        let before = std::mem::replace(&mut file.progress, progress);
        self.kept_open = self.kept_open + usize::from(kept) - usize::from(before.is_kept_open());
        self.unfinished = self.unfinished + usize::from(before.is_done()) - usize::from(done);
        if is_waiting {
            self.waiting.insert(index);
        } else {
            self.waiting.remove(&index);
        }
        Some(before)
    }

    /// The next file that may be read.
    fn next_file(&self) -> Option<usize> {
        let mut waiting = self.waiting.iter().copied();
        waiting.find(|index| self.files.get(*index).is_some_and(|file| !file.is_paused))
    }

    async fn activate(&mut self, index: usize) -> Result<()> {
        let Some(file) = self.files.get_mut(index) else {
            return Ok(());
        };
        let schema = self.settings.format.schema.clone();
        let (path, name, format) = (file.path.clone(), file.origin.name.clone(), file.format);
        let decoder = blocking(move || {
            let beginning = match format {
                Format::Json => Vec::new(),
                Format::Csv(_) => content::beginning(&path, HEADER_BYTES)
                    .map_err(|error| content::unreadable(&name, error))?,
            };
            Decoder::new(format, &beginning, schema.as_deref()).map_err(|error| error.context(name))
        })
        .await?;
        let Progress::Sought { at, opened, .. } = &file.progress else {
            return Ok(());
        };
        let mut found = None;
        if opened.is_none() {
            let (path, name, at) = (file.path.clone(), file.origin.name.clone(), *at);
            found = Some(blocking(move || content::resume(&path, &name, at)).await?);
        }
        let Some(Progress::Sought { begin, opened, .. }) =
            self.put_progress(index, Progress::Active)
        else {
            return Ok(());
        };
        let Some(Resumed {
            content,
            offset,
            lines,
            before,
        }) = opened.map(|opened| *opened).or(found)
        else {
            return Ok(());
        };
        let original = self.original(content.get_ref().1);
        let reader = BlockReader::resume(content, format, Fill::Whole, offset, before);
        let stream = DecodedStream::new(reader, decoder, self.context.budget.clone(), lines);
        self.active = Some(Active {
            index,
            stream: stream.with_original(original),
            ready: VecDeque::new(),
            begin,
            offset,
        });
        Ok(())
    }

    /// Where the content that is read next can be read again, if that spares much and its file may stay
    /// open until all batches of it are committed.
    fn original(&mut self, content: &Content) -> Option<Arc<Original>> {
        self.originals
            .retain(|original| original.strong_count() > 0);
        if content.missing_bytes()? < LEAST_ORIGINAL_BYTES || self.originals.len() >= MAX_ORIGINALS
        {
            return None;
        }
        let original = Arc::new(content.original()?);
        self.originals.push(Arc::downgrade(&original));
        Some(original)
    }

    /// The next batch of the active file; None where it is read to its end.
    async fn next_batch(&mut self) -> Result<Option<SourceBatch>> {
        let Some(active) = &mut self.active else {
            return Ok(None);
        };
        let Some(file) = self.files.get_mut(active.index) else {
            return Ok(None);
        };
        if file.is_paused {
            return std::future::pending().await;
        }
        if let Some(batch) = active.ready.pop_front() {
            return Ok(Some(batch));
        }
        let block = match active.stream.next(&mut self.evolution).await {
            Ok(Some(block)) => block,
            Ok(None) => {
                let index = active.index;
                self.active = None;
                self.put_progress(index, Progress::Done);
                return Ok(None);
            }
            Err(StreamError::Read(error)) => {
                return Err(content::broke_off(&file.origin.name, active.offset, error));
            }
            Err(StreamError::Other(error)) => return Err(error.context(&file.origin.name)),
        };
        active.offset = block.block.end();
        let begin = active.begin.take();
        active.ready = batches(&file.origin, block, begin, file.modified, self.batch_rows).into();
        active.begin = active.ready.back().map(|batch| batch.end.clone());
        Ok(active.ready.pop_front())
    }
}

impl FileState {
    fn open(settings: &Settings, name: String, path: PathBuf) -> Result<Self> {
        let Some(format) = settings.format.format(Some(&name)) else {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "the name of {name} does not say what is in it: write format = \"json\" or \
                     format = \"csv\""
                ),
            ));
        };
        if let Some(schema) = &settings.format.schema {
            wasm_sink_formats::check_schema(format, schema)?;
        }
        let fingerprint = content::fingerprint(&path);
        let fingerprint = fingerprint.map_err(|error| content::unreadable(&name, error))?;
        let modified = content::modified(&path);
        let modified = modified.map_err(|error| content::unreadable(&name, error))?;
        Ok(Self {
            origin: Arc::new(Origin {
                key: PartitionKey::new(SOURCE, format!("{name}#{fingerprint}")),
                name,
                modified: Some(modified),
                form: PositionForm::Checked,
            }),
            path,
            format,
            modified,
            progress: Progress::Unsought,
            is_paused: false,
        })
    }
}

/// The schema that the files' beginnings have in common.
fn infer(files: &[FileState]) -> Result<Evolution> {
    let mut inference = Inference::default();
    let further = files
        .len()
        .saturating_sub(1)
        .max(1)
        .div_ceil(FURTHER_SAMPLES);
    let sampled = files
        .iter()
        .enumerate()
        .filter(|(index, _)| index % further == 0);
    for (index, file) in sampled {
        let bytes = if index == 0 {
            FIRST_SAMPLE_BYTES
        } else {
            FURTHER_SAMPLE_BYTES
        };
        let name = &file.origin.name;
        let content =
            Content::open(&file.path).map_err(|error| content::unreadable(name, error))?;
        observe(&mut inference, content, file.format, bytes)
            .map_err(|error| error.context(name))?;
    }
    Ok(Evolution::inferred(inference.schema()))
}

/// Takes in about `bytes` of a file; the decoder that they need. What is wrong further on is found
/// when it is read.
pub(crate) fn observe(
    inference: &mut Inference,
    content: Content,
    format: Format,
    bytes: usize,
) -> Result<Decoder> {
    let mut reader = BlockReader::new(content, format, Fill::Whole).with_block_bytes(bytes);
    let block = reader.next_block().ok().flatten();
    let beginning = block.as_ref().map(|block| block.bytes.as_ref());
    let decoder = Decoder::new(format, beginning.unwrap_or_default(), None)?;
    if let Some(block) = &block {
        inference.observe(&decoder, block);
    }
    Ok(decoder)
}

#[async_trait]
impl Source for Files {
    fn membership(&self) -> Membership {
        Membership::Alone
    }

    fn topic(&self, key: &PartitionKey) -> Option<Arc<str>> {
        let file = self.files.get(*self.by_key.get(key)?)?;
        Some(file.origin.name.as_str().into())
    }

    async fn next(&mut self) -> Result<SourceEvent> {
        if self.phase == Phase::Unassigned {
            self.phase = Phase::Flowing;
            let keys = self.files.iter().map(|file| file.origin.key.clone());
            return Ok(SourceEvent::Assigned(keys.collect()));
        }
        loop {
            if self.active.is_some() {
                if let Some(batch) = self.next_batch().await? {
                    return Ok(SourceEvent::Batch(batch));
                }
                continue;
            }
            if let Some(index) = self.next_file() {
                self.activate(index).await?;
                continue;
            }
            if self.phase == Phase::Flowing && self.unfinished == 0 {
                self.phase = Phase::Ended;
                return Ok(SourceEvent::End);
            }
            // Only `seek` and `resume` change that.
            return std::future::pending().await;
        }
    }

    fn beginning(&self, _key: &PartitionKey) -> Position {
        CheckedOffset::BEGINNING.to_position()
    }

    fn ends(&self) -> Option<Arc<dyn Ends>> {
        let files = self.files.iter();
        let plain = files.filter(|file| !content::is_gzip(&file.path));
        let paths = plain.map(|file| (file.origin.key.clone(), file.path.clone()));
        Some(Arc::new(Lengths::new(paths)))
    }

    async fn seek(&mut self, key: &PartitionKey, to: Option<&Position>) -> Result<()> {
        let at = match to {
            None => CheckedOffset::BEGINNING,
            Some(position) => CheckedOffset::of_position(position).ok_or_else(|| {
                let message = format!("the position stored for {key} is none of a file");
                Error::new(Kind::Invalid, Blame::Source, message)
            })?,
        };
        let keep = self.kept_open < MAX_KEPT_OPEN;
        let Some((index, file)) = self.find(key) else {
            let message = format!("{key} is no file of this source");
            return Err(Error::new(Kind::Invalid, Blame::Host, message));
        };
        let mut opened = None;
        if at.offset > 0 {
            let (path, name) = (file.path.clone(), file.origin.name.clone());
            let found = blocking(move || content::resume(&path, &name, at)).await?;
            opened = keep.then(|| Box::new(found));
        }
        file.is_paused = false;
        let begin = to.cloned();
        self.put_progress(index, Progress::Sought { at, begin, opened });
        self.active.take_if(|active| active.index == index);
        if self.phase == Phase::Ended {
            self.phase = Phase::Flowing;
        }
        Ok(())
    }

    fn pause(&mut self, key: &PartitionKey) {
        if let Some((_, file)) = self.find(key) {
            file.is_paused = true;
        }
    }

    fn resume(&mut self, key: &PartitionKey) {
        if let Some((_, file)) = self.find(key) {
            file.is_paused = false;
        }
    }

    async fn acknowledge(&mut self, _durable: &[(PartitionKey, Position)]) -> Result<()> {
        Ok(())
    }

    async fn release(&mut self, _keys: &[PartitionKey]) -> Result<()> {
        Ok(())
    }
}
