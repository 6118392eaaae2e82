//! Where text goes: standard output for results, standard error for everything else. A reader that
//! went away is no error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annotate_snippets::normalize_untrusted_str;
use clap::ValueEnum;
use wasm_sink_core::Error;

use crate::config::{Diagnostics, Style};

/// Whether to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Also into files and pipes
    Always,
    /// Not at all
    Never,
}

/// Both streams. Clones share the line that is being redrawn.
#[derive(Clone, Debug)]
pub struct Terminal {
    style: Style,
    /// Whether standard error is a terminal.
    pub is_interactive: bool,
    status: Arc<Mutex<String>>,
}

/// Goes to the line's beginning and clears it.
const CLEAR_LINE: &str = "\r\x1b[K";
/// Goes to the first place, and clears all behind it.
const CLEAR_SCREEN: &str = "\x1b[H\x1b[2J";
/// A line that is too long is cut instead of wrapped: only an unwrapped line can be cleared.
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";

impl Terminal {
    /// The process's own streams.
    pub fn new(color: Color) -> Self {
        let is_interactive = io::stderr().is_terminal();
        let is_colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let is_refused = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
                is_interactive && !is_refused
            }
        };
        Self {
            style: match is_colored {
                true => Style::Colored,
                false => Style::Plain,
            },
            is_interactive,
            status: Arc::default(),
        }
    }

    /// Whether to use colours.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Writes a result, whole lines, to standard output.
    pub fn result(&self, text: &str) {
        let _status = self.without_status();
        // A reader that went away wants no more; there is nobody to tell.
        let _ = io::stdout().lock().write_all(text.as_bytes());
        let _ = io::stdout().flush();
    }

    /// Writes a result in the place of the last one: on a screen that is cleared for it, and one after the other
    /// where standard output is none.
    pub fn redraw(&self, text: &str) {
        let screen = match io::stdout().is_terminal() {
            true => CLEAR_SCREEN,
            false => "",
        };
        self.result(&format!("{screen}{text}"));
    }

    /// Writes whole lines to standard error.
    pub fn note(&self, text: &str) {
        self.note_bytes(text.as_bytes());
    }

    fn note_bytes(&self, bytes: &[u8]) {
        let status = self.without_status();
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(bytes);
        draw(&mut stderr, &status);
    }

    /// What is wrong with a configuration.
    pub fn diagnostics(&self, diagnostics: &Diagnostics) {
        self.note(&diagnostics.render(self.style));
    }

    /// An error and whose fault it is.
    pub fn error(&self, error: &Error) {
        let message = normalize_untrusted_str(&error.to_string());
        let (red, plain) = match self.style {
            Style::Colored => ("\x1b[1;31m", "\x1b[0m"),
            Style::Plain => ("", ""),
        };
        self.note(&format!(
            "{red}error[{}]{plain}: {message}\n",
            error.blame()
        ));
    }

    /// Draws the status line anew; "" takes it away. Only on a terminal.
    pub fn set_status(&self, line: &str) {
        if !self.is_interactive {
            return;
        }
        let mut status = self.without_status();
        line.clone_into(&mut status);
        draw(&mut io::stderr().lock(), &status);
    }

    /// Clears the status line; whoever holds the guard writes, then draws it again.
    fn without_status(&self) -> MutexGuard<'_, String> {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if !status.is_empty() {
            let _ = io::stderr().write_all(CLEAR_LINE.as_bytes());
        }
        status
    }

    /// For log lines: they go above the status line.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter(self.clone())
    }
}

fn draw(stderr: &mut impl Write, status: &str) {
    if !status.is_empty() {
        let _ = write!(stderr, "{WRAP_OFF}{status}{WRAP_ON}");
        let _ = stderr.flush();
    }
}

/// Writes log lines above the status line.
#[derive(Clone, Debug)]
pub struct LogWriter(Terminal);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.note_bytes(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
