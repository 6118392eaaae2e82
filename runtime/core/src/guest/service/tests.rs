use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::super::calls::{Answered, Call, Replies, Told, Word};
use super::super::fixture::{ROWS, json_rows, source};
use super::super::{Access, GuestLimits};
use super::*;
use crate::dead_letter::RefusedBy;
use crate::epoch::CommitId;
use crate::position::{PartitionKey, Position};
use crate::stage::{Staged, UnitId};

/// Answers with the statuses that it is given, one after the other; 0: an error, none left: never.
struct Statuses(Vec<u16>);

#[async_trait]
impl Stage for Statuses {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
    fn begin(&mut self, _: CommitId) {}
    fn admit(&mut self, _: &PartitionKey, _: Option<&Position>) {}
    fn units(&self) -> Vec<UnitId> {
        Vec::new()
    }
    async fn finish(&mut self) -> Result<Vec<Staged>> {
        Ok(Vec::new())
    }
    async fn forget(&mut self) {}
}

impl ServiceStage for Statuses {
    const RESOURCE: &'static str = "test.service";
}

impl Statuses {
    async fn answer(&mut self) -> Result<Status> {
        if self.0.is_empty() {
            std::future::pending::<()>().await;
        }
        match self.0.remove(0) {
            0 => Err(Error::new(
                Kind::Unavailable,
                Blame::Destination,
                "it is away",
            )),
            status => Ok(Status(status)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Status(u16);

impl Default for Status {
    fn default() -> Self {
        Self(200)
    }
}

impl Reply for Status {
    fn refusal(&self) -> Option<u16> {
        (!(200..300).contains(&self.0)).then_some(self.0)
    }
}

fn limits() -> GuestLimits {
    GuestLimits {
        handles: 1_000,
        dead_letters: 100,
        split_parts: 3,
        derived_bytes: 1 << 20,
        stage_wait: Duration::from_secs(1),
    }
}

struct Test {
    guest: Guest,
    service: Resource<ServiceHandle<Statuses>>,
    rows: Rows,
}

impl Test {
    fn new(statuses: &[u16]) -> Self {
        let stage: Box<dyn Stage> = Box::new(Statuses(statuses.to_vec()));
        let stages = BTreeMap::from([("default".to_owned(), stage)]);
        Self::of(Guest::new(stages, limits()))
    }

    fn of(mut guest: Guest) -> Self {
        guest.set_access(Access::Granted);
        guest.begin_epoch(CommitId::from_random(1));
        let service = guest.open_service("default".to_owned()).unwrap().unwrap();
        let rows = Rows::whole(source(json_rows(ROWS)));
        guest.count_taken(rows.len() as u64);
        Self {
            guest,
            service,
            rows,
        }
    }

    async fn send(&mut self, rows: &Rows) -> Result<u16, super::super::wit::Error> {
        let rows = self.guest.push_rows(rows.clone()).unwrap();
        let sent = self.guest.send_rows(
            &self.service,
            "send",
            &rows,
            || json!(["body"]),
            async |stage: &mut Statuses, _, _| stage.answer().await,
        );
        sent.await.unwrap().map(|status: Status| status.0)
    }

    fn complaint(&self) -> Option<String> {
        let checked = self.guest.check_settled();
        checked.err().map(|error| {
            assert_eq!(error.kind(), Kind::Other);
            error.to_string()
        })
    }
}

#[tokio::test]
async fn delivered_rows_are_counted() {
    let mut test = Test::new(&[200, 204]);
    let rows = test.rows.clone();
    test.send(&rows.slice(0, 3)).await.unwrap();
    test.send(&rows.slice(3, 1)).await.unwrap();
    assert_eq!(test.guest.account().staged, 4);
    assert_eq!(test.complaint(), None);
}

#[tokio::test]
async fn refused_rows_are_not_forgotten() {
    let mut test = Test::new(&[413, 200, 400, 200]);
    let rows = test.rows.clone();
    assert_eq!(test.send(&rows).await.unwrap(), 413);
    assert_eq!(test.guest.account().staged, 0);
    let complaint = test.complaint().unwrap();
    assert!(
        complaint.starts_with("4 rows would be lost: refused by the service with status 413,"),
        "{complaint}"
    );
    test.send(&rows.slice(0, 2)).await.unwrap();
    test.send(&rows.slice(2, 2)).await.unwrap();
    let complaint = test.complaint().unwrap();
    assert!(complaint.starts_with("2 rows") && complaint.contains("400"));
    // The same record, by another way.
    let third = rows.take(&vec![2].into()).unwrap();
    test.send(&third).await.unwrap();
    assert!(test.complaint().unwrap().starts_with("1 row would"));
    let reason = |_| "the service does not take it".to_owned();
    test.guest
        .reject(&rows.slice(3, 1), RefusedBy::Component, reason)
        .unwrap();
    assert_eq!(test.complaint(), None);
    let account = test.guest.account();
    assert_eq!((account.staged, account.rejected), (3, 1));
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let mut test = Test::new(&[400, 422, 422]);
    let rows = test.rows.clone();
    test.send(&rows.slice(0, 1)).await.unwrap();
    test.send(&rows.slice(1, 3)).await.unwrap();
    // What is refused twice counts once.
    test.send(&rows.slice(1, 1)).await.unwrap();
    let complaint = test.complaint().unwrap();
    assert!(
        complaint.contains("status 400 (1), 422 (3), and"),
        "{complaint}"
    );
}

#[tokio::test]
async fn what_was_delivered_before_may_be_refused_later() {
    let mut test = Test::new(&[200, 500]);
    let rows = test.rows.clone();
    test.send(&rows).await.unwrap();
    test.send(&rows.slice(0, 1)).await.unwrap();
    assert!(test.complaint().unwrap().starts_with("1 row"));
}

#[tokio::test]
async fn rows_may_be_left_out_on_purpose() {
    let mut test = Test::new(&[409]);
    let rows = test.rows.clone();
    test.send(&rows).await.unwrap();
    test.guest.count_skipped(3);
    let complaint = test.complaint().unwrap();
    assert!(
        complaint.contains("`epoch.skip` counts 3 alone"),
        "{complaint}"
    );
    test.guest.count_skipped(1);
    assert_eq!(test.complaint(), None);
}

#[tokio::test]
async fn another_epoch_begins_without_them() {
    let mut test = Test::new(&[400, 400]);
    let rows = test.rows.clone();
    test.send(&rows).await.unwrap();
    test.guest.end_epoch();
    assert_eq!(test.complaint(), None);
    test.guest.begin_epoch(CommitId::from_random(2));
    test.send(&rows).await.unwrap();
    test.guest.begin_epoch(CommitId::from_random(3));
    assert_eq!(test.complaint(), None);
}

#[tokio::test]
async fn rows_without_origin_are_not_sent() {
    let mut test = Test::new(&[]);
    let made_up = Rows::made_up(json_rows(ROWS));
    let error = test.send(&made_up).await.unwrap_err();
    assert_eq!(error.kind, super::super::wit::ErrorKind::Invalid);
    assert!(error.message.contains("from-ipc"), "{}", error.message);
    assert!(!test.guest.doom().is_set());
}

#[tokio::test]
async fn after_an_error_nothing_more_is_sent() {
    let mut test = Test::new(&[0, 200]);
    let rows = test.rows.clone();
    test.send(&rows).await.unwrap_err();
    let error = test.send(&rows).await.unwrap_err();
    assert!(error.message.contains("nothing more is sent"));
    let doom = test.guest.doom().take().unwrap();
    assert_eq!(doom.message(), "it is away");
    test.guest.begin_epoch(CommitId::from_random(2));
    assert_eq!(test.send(&rows).await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_service_has_its_time() {
    let mut test = Test::new(&[]);
    let rows = test.rows.clone();
    let begun = Instant::now();
    let error = test.send(&rows).await.unwrap_err();
    assert_eq!(error.kind, super::super::wit::ErrorKind::Unavailable);
    assert_eq!(begun.elapsed().as_secs(), 2);
}

#[test]
fn only_what_is_granted_is_opened() {
    let mut test = Test::new(&[]);
    let opened = test.guest.open_service::<Statuses>("other".to_owned());
    let error = opened.unwrap().unwrap_err();
    assert_eq!(error.kind, super::super::wit::ErrorKind::Denied);
}

/// What is answered in the place of a service, by the last word of the function.
struct Script(Arc<Mutex<BTreeMap<&'static str, Answered>>>);

impl Replies for Script {
    fn reply(&mut self, asked: &Asked, _: Option<&Rows>) -> Option<Answered> {
        let (_, function) = asked.function.rsplit_once('.').unwrap();
        self.0.lock().unwrap().get(function).cloned()
    }
}

#[tokio::test]
async fn recordings_answer_in_its_place() {
    let open = ("open", Ok(Value::Null));
    let script = Arc::new(Mutex::new(BTreeMap::from([open.clone()])));
    let replies = Box::new(Script(Arc::clone(&script)));
    let mut guest = Guest::offline(replies, limits());
    guest.listen();
    let mut test = Test::of(guest);
    let rows = test.rows.clone();
    for (answer, status) in [
        // Where nobody knows better all is well.
        (Ok(Value::Null), Ok(200)),
        (Ok(json!(400)), Ok(400)),
        (
            Err(Told {
                kind: Word::Unavailable,
                retry_after_ms: None,
                blame: super::super::calls::Culprit::Destination,
                message: "it was away".to_owned(),
            }),
            Err("it was away".to_owned()),
        ),
    ] {
        script.lock().unwrap().insert("send", answer);
        let sent = test.send(&rows).await.map_err(|error| error.message);
        assert_eq!(sent, status);
    }
    assert!(test.complaint().unwrap().starts_with("4 rows"));
    let calls = test.guest.take_calls();
    let told = |call: &Call| {
        let rows = call.rows.as_ref().map(Rows::len);
        (call.asked.function.clone(), rows, call.answer.is_ok())
    };
    let told: Vec<_> = calls.iter().map(told).collect();
    let send = |is_ok| ("test.service.send".to_owned(), Some(4), is_ok);
    assert_eq!(
        told,
        [
            ("test.service.open".to_owned(), None, true),
            send(true),
            send(true),
            send(false)
        ]
    );
    assert_eq!(calls[1].asked.arguments, json!(["body"]));
    assert_eq!(calls[2].answer, Ok(json!(400)));
}

#[tokio::test]
async fn a_question_carries_no_rows() {
    let mut test = Test::new(&[404]);
    let asked = test.guest.ask_service(
        &test.service,
        "ask",
        || Value::Null,
        async |stage: &mut Statuses, _| stage.answer().await,
    );
    let answer: Status = asked.await.unwrap().unwrap();
    assert_eq!(answer, Status(404));
    assert_eq!(test.guest.account().staged, 0);
    assert_eq!(test.complaint(), None);
}
