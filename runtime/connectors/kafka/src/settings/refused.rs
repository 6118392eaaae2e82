//! Properties that would break a promise, or that belong elsewhere; and those that are secrets.

/// Names, why they are refused, and what to do instead.
type Refused = (&'static [&'static str], &'static str, &'static str);

/// Names, which of their values are refused, why, and what to do instead.
type RefusedValue = (
    &'static [&'static str],
    fn(&str) -> bool,
    &'static str,
    &'static str,
);

const BY_SECRET: &str = "take the client's id and secret: sasl.oauthbearer.client.id and \
                         sasl.oauthbearer.client.secret";

/// What stands here is refused by name, whatever its value.
const REFUSED: &[Refused] = &[
    (
        &[
            "enable.auto.commit",
            "auto.commit.enable",
            "auto.commit.interval.ms",
            "enable.auto.offset.store",
            "offset.store.method",
            "offset.store.path",
            "offset.store.sync.interval.ms",
        ],
        "would say that records are delivered before the destination has them",
        "leave it out: offsets are committed to the group once the destination has the records",
    ),
    (
        &["auto.offset.reset"],
        "would skip or repeat records in silence",
        "write auto_offset_reset in [source]; it counts where a pipeline begins anew, and \
         on_lost_position says what happens when the log no longer has a position",
    ),
    (
        &["group.id"],
        "belongs to the source",
        "write group_id in [source]; the default is the pipeline's name",
    ),
    (
        &["group.instance.id"],
        "belongs to the source",
        "write group_instance_id in [source]",
    ),
    (
        &["enable.partition.eof"],
        "is set by the source",
        "write until = \"latest\" in [source] to stop at the end",
    ),
    (
        &["group.remote.assignor", "group.protocol.type"],
        "is for another group protocol than the one that hands partitions over one by one",
        "leave it out",
    ),
    (
        &["partitioner"],
        "belongs to the sink",
        "write partitioner in [sink.config]",
    ),
    (
        &["transactional.id"],
        "is made for each producer, so that one that was declared dead cannot commit",
        "leave it out",
    ),
    (
        &[
            "plugin.library.paths",
            "ssl.engine.location",
            "ssl.engine.id",
        ],
        "would load foreign code into the process that holds the credentials",
        "leave it out",
    ),
    (
        &[
            "sasl.kerberos.service.name",
            "sasl.kerberos.principal",
            "sasl.kerberos.kinit.cmd",
            "sasl.kerberos.keytab",
            "sasl.kerberos.min.time.before.relogin",
        ],
        "is for Kerberos, which this build does not have",
        "take sasl.mechanism PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
    ),
    (
        &[
            "sasl.oauthbearer.assertion.algorithm",
            "sasl.oauthbearer.assertion.private.key.file",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.oauthbearer.assertion.file",
            "sasl.oauthbearer.assertion.claim.aud",
            "sasl.oauthbearer.assertion.claim.exp.seconds",
            "sasl.oauthbearer.assertion.claim.iss",
            "sasl.oauthbearer.assertion.claim.jti.include",
            "sasl.oauthbearer.assertion.claim.nbf.seconds",
            "sasl.oauthbearer.assertion.claim.sub",
            "sasl.oauthbearer.assertion.jwt.template.file",
        ],
        "is for asking for tokens with a signed assertion (jwt-bearer), which is not there",
        BY_SECRET,
    ),
    (
        &["sasl.oauthbearer.metadata.authentication.type"],
        "is for the tokens of a virtual machine, which are not there",
        BY_SECRET,
    ),
    (
        &["https.ca.pem"],
        "would put the certificates of the token server into the pipeline's file",
        "write them to a file, and its path as \"https.ca.location\"",
    ),
    (
        &["builtin.features"],
        "says what the library has, and cannot be set",
        "leave it out",
    ),
    (
        &[
            "enabled_events",
            "log.queue",
            "error_cb",
            "throttle_cb",
            "stats_cb",
            "log_cb",
            "background_event_cb",
            "socket_cb",
            "connect_cb",
            "closesocket_cb",
            "open_cb",
            "resolve_cb",
            "opaque",
            "default_topic_conf",
            "interceptors",
            "consume_cb",
            "rebalance_cb",
            "offset_commit_cb",
            "dr_cb",
            "dr_msg_cb",
            "oauthbearer_token_refresh_cb",
            "ssl.certificate.verify_cb",
            "ssl_engine_callback_data",
            "internal.termination.signal",
            "statistics.interval.ms",
        ],
        "is for programs that call the library",
        "leave it out",
    ),
];

/// Values of other properties that are refused.
const REFUSED_VALUES: &[RefusedValue] = &[
    (
        &["isolation.level"],
        |value| value != "read_committed",
        "would deliver records of transactions that were aborted",
        "leave it out: read_committed is what counts",
    ),
    (
        &["partition.assignment.strategy"],
        |value| value != "cooperative-sticky",
        "would take all partitions away from everybody with each rebalance",
        "leave it out: cooperative-sticky is what counts",
    ),
    (
        &["group.protocol"],
        |value| value != "classic",
        "is a protocol in which partitions cannot be held back until they are committed",
        "leave it out: classic is what counts",
    ),
    (
        &["enable.idempotence"],
        |value| value != "true",
        "would let a retry of the library double a record",
        "leave it out: it is on",
    ),
    (
        &["sasl.mechanism", "sasl.mechanisms"],
        |value| value.eq_ignore_ascii_case("GSSAPI"),
        "is Kerberos, which this build does not have",
        "take PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
    ),
    (
        &["sasl.oauthbearer.method"],
        |value| !["default", "oidc"].contains(&&*value.to_lowercase()),
        "is how tokens are got, and no way of this name is there",
        "write \"oidc\", which asks a token server",
    ),
    (
        &["sasl.oauthbearer.grant.type"],
        |value| value != "client_credentials",
        "is another way to ask for tokens than with a client's secret, which is the one that is there",
        BY_SECRET,
    ),
];

/// Never in the file, never printed.
const SECRETS: &[&str] = &[
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.assertion.private.key.passphrase",
];

/// Why a property may not be set at all, and what to do instead.
pub(super) fn by_name(name: &str) -> Option<(&'static str, &'static str)> {
    let found = REFUSED.iter().find(|(names, ..)| names.contains(&name));
    found.map(|(_, why, help)| (*why, *help))
}

/// Why a property may not be set to this, and what to do instead.
pub(super) fn by_value(name: &str, value: &str) -> Option<(&'static str, &'static str)> {
    let mut rules = REFUSED_VALUES.iter();
    let found = rules.find(|(names, refuses, ..)| names.contains(&name) && refuses(value));
    found.map(|(_, _, why, help)| (*why, *help))
}

/// Whether a property must come from the environment.
pub(super) fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name)
}
