//! The library's errors as ours: whose fault they are, and what to do.

use wasm_sink_core::{Blame, Error, Kind};

use crate::native::{Code, NativeError};

/// What went wrong while `doing`, on the side records come from.
pub(crate) fn source_error(doing: &str, error: NativeError) -> Error {
    let (kind, blame, help) = judge(error.code);
    let message = match error.help.or(help) {
        Some(help) => format!("{error}: {help}"),
        None => error.to_string(),
    };
    Error::new(kind, blame, message).context(doing)
}

/// What went wrong while `doing`, on the side records go to.
pub(crate) fn destination_error(doing: &str, error: NativeError) -> Error {
    use Code::*;
    let (kind, blame, help) = match error.code {
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED => (
            Kind::Denied,
            Blame::Configuration,
            Some("grant DESCRIBE and WRITE on the topic to this user, and CREATE if it is missing"),
        ),
        RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED => (
            Kind::Denied,
            Blame::Configuration,
            Some(
                "grant DESCRIBE and WRITE to this user on the transactional ids that begin with the \
                 pipeline's name",
            ),
        ),
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED => (
            Kind::Denied,
            Blame::Configuration,
            Some("grant CREATE on the cluster to this user, or create the topic"),
        ),
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
        | RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE
        | RD_KAFKA_RESP_ERR_INVALID_RECORD
        // Another record of its batch.
        | RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD
        | RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP
        | RD_KAFKA_RESP_ERR_INVALID_MSG => (Kind::Rejected, Blame::Destination, None),
        RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT => (
            Kind::Invalid,
            Blame::Configuration,
            Some("\"transaction.timeout.ms\" is more than the brokers' transaction.max.timeout.ms"),
        ),
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION
        | RD_KAFKA_RESP_ERR_INVALID_CONFIG
        | RD_KAFKA_RESP_ERR_INVALID_PARTITIONS
        | RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION
        | RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE
        | RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT => {
            (Kind::Invalid, Blame::Configuration, None)
        }
        // It was there when it was opened: another broker has not heard of it yet, or it was deleted.
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART | RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC => {
            (Kind::Unavailable, Blame::Destination, None)
        }
        // The producer is replaced.
        RD_KAFKA_RESP_ERR__FENCED
        | RD_KAFKA_RESP_ERR_PRODUCER_FENCED
        | RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH
        | RD_KAFKA_RESP_ERR__FATAL
        | RD_KAFKA_RESP_ERR__STATE => (Kind::Unavailable, Blame::Destination, None),
        code => {
            let (kind, blame, help) = judge(code);
            match blame {
                Blame::Source => (kind, Blame::Destination, help),
                blame => (kind, blame, help),
            }
        }
    };
    let message = match error.help.or(help) {
        Some(help) => format!("{error}: {help}"),
        None => error.to_string(),
    };
    Error::new(kind, blame, message).context(doing)
}

/// What went wrong with a transaction, which is written again unless somebody has to do something first.
pub(crate) fn transaction_error(doing: &str, error: NativeError) -> Error {
    let error = destination_error(doing, error);
    match error.kind() {
        Kind::Denied | Kind::Invalid => error,
        _ => error.recast(Kind::Unavailable, Blame::Destination),
    }
}

/// Whether the library goes on by itself, or the same question may be answered later.
pub(crate) fn is_transient(code: Code) -> bool {
    matches!(judge(code).0, Kind::Unavailable)
}

fn judge(code: Code) -> (Kind, Blame, Option<&'static str>) {
    use Code::*;
    match code {
        RD_KAFKA_RESP_ERR__AUTHENTICATION
        | RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED
        | RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE
        | RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM => (
            Kind::Denied,
            Blame::Configuration,
            Some("look at sasl.mechanism, sasl.username and the password"),
        ),
        RD_KAFKA_RESP_ERR__SSL => (
            Kind::Unavailable,
            Blame::Configuration,
            Some("look at security.protocol, ssl.ca.location and the brokers' certificates"),
        ),
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED => (
            Kind::Denied,
            Blame::Configuration,
            Some("grant READ and DESCRIBE on the topic to this user"),
        ),
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED => (
            Kind::Denied,
            Blame::Configuration,
            Some("grant READ on the group to this user, or write another group_id in [source]"),
        ),
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED => {
            (Kind::Denied, Blame::Configuration, None)
        }
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
        | RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC
        | RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
        | RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION => (Kind::Invalid, Blame::Configuration, None),
        RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID | RD_KAFKA_RESP_ERR__FENCED => (
            Kind::Other,
            Blame::Configuration,
            Some("another member has the same group_instance_id: give each its own"),
        ),
        RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL => (
            Kind::Invalid,
            Blame::Configuration,
            Some(
                "the group has members of another kind, which share partitions out in another way: \
                 write another group_id in [source]",
            ),
        ),
        RD_KAFKA_RESP_ERR_INVALID_GROUP_ID | RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT => {
            (Kind::Invalid, Blame::Configuration, None)
        }
        RD_KAFKA_RESP_ERR__INVALID_ARG | RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE => {
            (Kind::Invalid, Blame::Configuration, None)
        }
        RD_KAFKA_RESP_ERR__BAD_MSG
        | RD_KAFKA_RESP_ERR__BAD_COMPRESSION
        | RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED
        | RD_KAFKA_RESP_ERR_INVALID_MSG => (
            Kind::Other,
            Blame::Source,
            Some("records on the broker cannot be read"),
        ),
        RD_KAFKA_RESP_ERR__FATAL
        | RD_KAFKA_RESP_ERR__STATE
        | RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE => (Kind::Other, Blame::Source, None),
        // The broker is away, or something moves: brokers, leaders, coordinators.
        _ => (Kind::Unavailable, Blame::Source, None),
    }
}
