//! What is wrong with a configuration, as people see it.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, normalize_untrusted_str};
use serde::{Deserialize, Serialize};
use wasm_sink_core::settings::{Problem, Span};

use super::codes::Code;
use super::environment::Filled;
use super::redact;

/// The configuration as written, with what was filled in.
#[derive(PartialEq)]
pub struct SourceText {
    /// The file's name as the user gave it.
    pub name: String,
    text: String,
    filled: Filled,
}

impl SourceText {
    /// `name` is shown, not opened.
    pub fn new(name: impl Into<String>, text: impl Into<String>, filled: Filled) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            filled,
        }
    }

    /// Of a file into which nothing is filled in.
    pub(crate) fn plain(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(name, text, Filled::default())
    }

    /// The line of a place in the file, counted from 1.
    pub fn line(&self, span: &Span) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// Its text may hold a secret: that is one of the mistakes that are told.
impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceText")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How many columns and colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Text alone.
    Plain,
    /// With ANSI colours.
    Colored,
}

/// Mistakes and warnings, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostics {
    /// Where they point.
    pub file: Arc<SourceText>,
    /// What keeps the pipeline from running.
    pub mistakes: Vec<Problem>,
    /// What does not.
    pub warnings: Vec<Problem>,
}

/// What does not keep a pipeline from running.
const WARNINGS: [Code; 2] = [Code::UnusedConnection, Code::GrpcPort];

impl Diagnostics {
    /// Sorts problems into mistakes and warnings. Values from the environment are taken out of
    /// what they say.
    pub fn new(file: Arc<SourceText>, mut problems: Vec<Problem>) -> Self {
        for problem in &mut problems {
            problem.message = file.filled.clean(&problem.message);
            problem.help = problem.help.as_deref().map(|help| file.filled.clean(help));
        }
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        let (warnings, mistakes) = problems
            .into_iter()
            .partition(|problem| WARNINGS.iter().any(|code| problem.code == code.as_str()));
        Self {
            file,
            mistakes,
            warnings,
        }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.mistakes.is_empty() && self.warnings.is_empty()
    }

    /// All of them, each with its line, and how many there are; "" where there are none.
    pub fn render(&self, style: Style) -> String {
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Colored => Renderer::styled(),
        };
        let mut out = String::new();
        for (level, problems) in [
            (Level::ERROR, &self.mistakes),
            (Level::WARNING, &self.warnings),
        ] {
            for problem in problems {
                out.push_str(&self.render_one(&renderer, level.clone(), problem));
                out.push_str("\n\n");
            }
        }
        let counts = [
            count(self.mistakes.len(), "mistake"),
            count(self.warnings.len(), "warning"),
        ];
        let counts: Vec<_> = counts.into_iter().flatten().collect();
        if !counts.is_empty() {
            // A String takes everything.
            let _ = writeln!(out, "{} in {}", counts.join(" and "), self.file.name);
        }
        out
    }

    /// Values that another mistake on the same line must not show either, whatever their keys are called.
    fn secrets_in_file(&self) -> Vec<Span> {
        let mistakes = self.mistakes.iter();
        let secrets = mistakes.filter(|problem| problem.code == Code::SecretInFile.as_str());
        secrets.map(|problem| problem.span.clone()).collect()
    }

    fn render_one(&self, renderer: &Renderer, level: Level<'_>, problem: &Problem) -> String {
        let line = Line::of(&self.file.text, problem, &self.secrets_in_file());
        let message = normalize_untrusted_str(&problem.message);
        let help = problem.help.as_deref().map(normalize_untrusted_str);
        let snippet = Snippet::source(&line.text)
            .line_start(line.number)
            .path(&self.file.name)
            .annotation(AnnotationKind::Primary.span(line.span));
        let group = level
            .primary_title(message)
            .id(problem.code)
            .element(snippet)
            .elements(help.map(|help| Level::HELP.message(help)));
        renderer.render(&[group])
    }
}

fn count(n: usize, noun: &str) -> Option<String> {
    match n {
        0 => None,
        1 => Some(format!("1 {noun}")),
        n => Some(format!("{n} {noun}s")),
    }
}

/// The first line of what a problem points at, without secrets.
struct Line {
    text: String,
    number: usize,
    /// Within the line.
    span: Span,
}

impl Line {
    fn of(text: &str, problem: &Problem, in_file: &[Span]) -> Self {
        let start = boundary(text, problem.span.start);
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        let line_end = begin + line.len();
        let start = start.min(line_end);
        let end = boundary(text, problem.span.end).clamp(start, line_end);

        let mut shown = String::new();
        let mut hidden: Vec<Span> = Vec::new();
        let mut from = begin;
        for secret in secrets(text, problem, in_file) {
            let secret = secret.start.max(from)..secret.end.min(line_end);
            if secret.is_empty() {
                continue;
            }
            shown.push_str(&text[from..secret.start]);
            shown.push_str(HIDDEN);
            from = secret.end;
            hidden.push(secret);
        }
        shown.push_str(&text[from..line_end]);
        Self {
            text: shown,
            number: text[..begin].matches('\n').count() + 1,
            span: place(start, begin, &hidden, 0)..place(end, begin, &hidden, HIDDEN.len()),
        }
    }
}

/// What stands in for a secret.
const HIDDEN: &str = "***";

/// Where a place of the file is in a line that begins at `from` and has some of it `hidden`. A
/// place inside of what is hidden becomes `inside` bytes of what stands in for it.
fn place(at: usize, mut from: usize, hidden: &[Span], inside: usize) -> usize {
    let mut shown = 0;
    for secret in hidden {
        if at <= secret.start {
            break;
        }
        shown += secret.start - from;
        if at < secret.end {
            return shown + inside;
        }
        shown += HIDDEN.len();
        from = secret.end;
    }
    shown + at - from
}

/// What is not to be shown when a problem is.
fn secrets(text: &str, problem: &Problem, in_file: &[Span]) -> Vec<Span> {
    let mut secrets = redact::secrets(text);
    secrets.extend_from_slice(in_file);
    let sounds_secret = [Some(&problem.message), problem.help.as_ref()]
        .into_iter()
        .flatten()
        .any(|text| redact::is_secret_name(text));
    if problem.code == Code::UnknownKey.as_str() && sounds_secret {
        // A slip in the name of a secret: its value is one none the less.
        secrets.extend(redact::value_of_key(text, problem.span.end));
    }
    secrets.sort_by_key(|secret| (secret.start, std::cmp::Reverse(secret.end)));
    secrets
}

/// The nearest place at or before `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
