//! Where a partition is read from, given what the pipeline has of it.

use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Position, Result};

use super::topics::{Bounds, Found};
use crate::settings::{OnLostPosition, Reset, SourceSettings};

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begin {
    pub(super) offset: i64,
    /// The first of the records up to there that are lost.
    pub(super) lost_from: Option<i64>,
}

/// The beginning of a partition that the pipeline has nothing of. `latest` is for partitions that were
/// there when the pipeline first came: what appeared later is read from its beginning.
pub(super) fn anew(settings: &SourceSettings, found: &Found) -> i64 {
    let Bounds { low, high } = found.bounds;
    match (settings.reset, found.committed) {
        (Reset::Earliest, _) => low,
        (Reset::Latest, Some(offset)) => offset.clamp(low, high),
        (Reset::Latest, None) if found.is_group_known => low,
        (Reset::Latest, None) => high,
    }
}

/// The place of a position in the log as it is.
///
/// # Errors
/// One that the log does not have.
pub(super) fn at(
    settings: &SourceSettings,
    key: &PartitionKey,
    topic: &str,
    bounds: Bounds,
    to: &Position,
) -> Result<Begin> {
    let whole = |offset| Begin {
        offset,
        lost_from: None,
    };
    let [offset] = to.words() else {
        let message = format!("the position stored for {key} is none of Kafka");
        return Err(Error::new(Kind::Invalid, Blame::Source, message));
    };
    let (offset, Bounds { low, high }) = (*offset, bounds);
    let partition = key.partition();
    if offset > high {
        return Err(Error::new(
            Kind::Invalid,
            Blame::Source,
            format!(
                "partition {partition} of {topic} ends at offset {high}, and was delivered up to \
                 {offset}: its log was cut off (an unclean leader election) or the cluster was \
                 restored. Records that take the place of delivered ones would be passed over: \
                 `run --restart` reads all again, another pipeline name begins anew"
            ),
        ));
    }
    // Zero is what `beginning` says, whatever is there still.
    if offset >= low || offset == 0 {
        return Ok(whole(offset.max(low)));
    }
    match settings.on_lost_position {
        OnLostPosition::Jump => Ok(Begin {
            offset: low,
            lost_from: Some(offset),
        }),
        OnLostPosition::Error => Err(Error::new(
            Kind::Invalid,
            Blame::Source,
            format!(
                "partition {partition} of {topic} begins at offset {low} by now, and was delivered \
                 up to {offset}: {} offsets are lost. on_lost_position = \"jump\" in [source] goes \
                 on at {low}, with a dead letter that names them",
                low - offset
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wasm_sink_formats::MessageSettings;

    use super::*;
    use crate::native::TopicPartition;
    use crate::settings::{Tombstones, Topics, Until};
    use crate::source::partition::Partition;

    fn settings(reset: Reset, on_lost_position: OnLostPosition) -> SourceSettings {
        SourceSettings {
            topics: Topics::Named(vec!["t".to_owned()]),
            group: None,
            instance: None,
            messages: MessageSettings::default(),
            reset,
            on_lost_position,
            tombstones: Tombstones::Skip,
            until: Until::Never,
        }
    }

    fn found(committed: Option<i64>, is_group_known: bool) -> Found {
        let place = TopicPartition {
            topic: "t".to_owned(),
            partition: 3,
        };
        Found {
            partition: Arc::new(Partition::new("c", place, Some("id".to_owned()))),
            bounds: Bounds { low: 10, high: 20 },
            committed,
            is_group_known,
        }
    }

    #[test]
    fn what_appears_later_is_read_from_its_beginning() {
        let earliest = settings(Reset::Earliest, OnLostPosition::Error);
        let latest = settings(Reset::Latest, OnLostPosition::Error);
        assert_eq!(anew(&earliest, &found(Some(15), true)), 10);
        assert_eq!(anew(&latest, &found(None, false)), 20);
        assert_eq!(anew(&latest, &found(None, true)), 10);
        assert_eq!(anew(&latest, &found(Some(15), true)), 15);
        assert_eq!(anew(&latest, &found(Some(5), true)), 10);
    }

    #[test]
    fn a_position_outside_of_the_log_is_no_restart() {
        let found = found(None, false);
        let key = &found.partition.key;
        assert_eq!(key.to_string(), "kafka:c:id/3");
        let go = |on_lost, offset| {
            let settings = settings(Reset::Earliest, on_lost);
            at(
                &settings,
                key,
                "t",
                found.bounds,
                &Position::from_offset(offset),
            )
        };
        for offset in [10, 15, 20] {
            let begin = go(OnLostPosition::Error, offset).unwrap();
            assert_eq!((begin.offset, begin.lost_from), (offset as i64, None));
        }
        assert_eq!(go(OnLostPosition::Error, 0).unwrap().offset, 10);
        let lost = go(OnLostPosition::Error, 7).unwrap_err().to_string();
        assert!(lost.contains("3 offsets are lost"), "{lost}");
        let jumped = go(OnLostPosition::Jump, 7).unwrap();
        assert_eq!((jumped.offset, jumped.lost_from), (10, Some(7)));
        for on_lost in [OnLostPosition::Error, OnLostPosition::Jump] {
            let beyond = go(on_lost, 21).unwrap_err().to_string();
            assert!(beyond.contains("ends at offset 20"), "{beyond}");
        }
    }
}
