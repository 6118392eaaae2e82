//! The server's errors, and those of the way there.

use tokio_postgres::error::SqlState;
use wasm_sink_core::{Blame, Error, Kind};

/// What a statement's failure means for the epoch. `doing` says what was done.
pub(crate) fn server_error(doing: &str, error: tokio_postgres::Error) -> Error {
    let told = match error.as_db_error() {
        Some(answer) => {
            let (kind, blame) = meaning(answer.code());
            Error::new(kind, blame, sentence(answer))
        }
        None => {
            let message = match error.is_closed() {
                true => "the server closed the connection".to_owned(),
                false => error.to_string(),
            };
            Error::new(Kind::Unavailable, Blame::Destination, message).with_source(error)
        }
    };
    told.context(doing)
}

/// The server's own words.
fn sentence(answer: &tokio_postgres::error::DbError) -> String {
    let mut text = answer.message().to_owned();
    for more in [answer.detail(), answer.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(more.trim_end_matches('.'));
    }
    if let Some(constraint) = answer.constraint()
        && !text.contains(constraint)
    {
        text.push_str(&format!(" (constraint \"{constraint}\")"));
    }
    text
}

/// By class of SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn meaning(code: &SqlState) -> (Kind, Blame) {
    // Tables and columns that were there a moment ago: a fresh look may find others.
    if [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN].contains(code) {
        return (Kind::Conflict, Blame::Destination);
    }
    // A standby that has not been promoted yet.
    if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        return (Kind::Unavailable, Blame::Destination);
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return (Kind::Denied, Blame::Configuration);
    }
    // Rows and names that are too long for the server's pages, and connections that it found idle.
    match code.code() {
        "54000" | "42622" => return (Kind::Rejected, Blame::Destination),
        "25P03" | "25P04" => return (Kind::Unavailable, Blame::Destination),
        _ => {}
    }
    match code.code().get(..2).unwrap_or_default() {
        // Connection trouble, too few resources, cancelled by limits, shut down, disk trouble.
        "08" | "53" | "57" | "58" => (Kind::Unavailable, Blame::Destination),
        // A deadlock, a serialization failure; a lock that was not to be had.
        "40" | "55" => (Kind::Unavailable, Blame::Destination),
        // A value, a constraint, a trigger that says no.
        "22" | "23" | "44" | "P0" => (Kind::Rejected, Blame::Destination),
        // Who we are, and which database.
        "28" | "3D" => (Kind::Denied, Blame::Configuration),
        _ => (Kind::Other, Blame::Destination),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_pass_later_is_told_from_what_cannot() {
        for (code, kind) in [
            (SqlState::T_R_DEADLOCK_DETECTED, Kind::Unavailable),
            (SqlState::TOO_MANY_CONNECTIONS, Kind::Unavailable),
            (SqlState::ADMIN_SHUTDOWN, Kind::Unavailable),
            (SqlState::DISK_FULL, Kind::Unavailable),
            (SqlState::LOCK_NOT_AVAILABLE, Kind::Unavailable),
            (SqlState::UNIQUE_VIOLATION, Kind::Rejected),
            (SqlState::CHECK_VIOLATION, Kind::Rejected),
            (SqlState::STRING_DATA_RIGHT_TRUNCATION, Kind::Rejected),
            (SqlState::RAISE_EXCEPTION, Kind::Rejected),
            (SqlState::INVALID_PASSWORD, Kind::Denied),
            (SqlState::INSUFFICIENT_PRIVILEGE, Kind::Denied),
            (SqlState::UNDEFINED_COLUMN, Kind::Conflict),
            (SqlState::SYNTAX_ERROR, Kind::Other),
        ] {
            assert_eq!(meaning(&code).0, kind, "{code:?}");
        }
    }
}
