//! Leases by the server's own clock, which the tests cannot turn: so what was a moment ago is made to be long ago.

use log_model::{Outcome, Timestamp};
use stream_store::{Change, Ending, LogStore, Silence, State};
use testkit::redis::RedisServer;

use super::common::*;

/// Makes the writer's last sign of life `seconds` old.
fn ago(server: &RedisServer, job: &str, seconds: u64) -> Timestamp {
    let now: u64 = server.command(&["TIME"]).words()[0].parse().expect("seconds");
    let then = (now - seconds) * 1000;
    let (key, field) = (format!("{{{job}}}:job"), "w:w");
    let known = server.command(&["HGET", &key, field]).text();
    let (rest, _) = known.rsplit_once(' ').expect("fence, next and time");
    server.command(&["HSET", &key, field, &format!("{rest} {then}")]);
    Timestamp::from_millis(then)
}

#[tokio::test]
async fn a_job_is_silent_after_a_minute_and_lost_after_an_hour() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "quiet").await;
    let judge = async || store.mark_silent(&job, &Silence::default(), AT).await.expect("judged");
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    let mut follower = store.follow(&job, log_model::Seq::ZERO);
    assert_eq!(hear_lines(&mut follower, 1).await, ["one"]);
    ago(&server, "quiet", 58);
    assert_eq!(judge().await, State::Running);
    let last = ago(&server, "quiet", 61);
    let silent = State::Silent {
        since: last.plus(std::time::Duration::from_secs(60)),
    };
    assert_eq!(judge().await, silent);
    assert_eq!(hear(&mut follower).await, Change::State(silent));
    store.renew(&job, &writer).await.expect("it is back");
    assert_eq!(hear(&mut follower).await, Change::State(State::Running));
    ago(&server, "quiet", 3659);
    assert!(matches!(judge().await, State::Silent { .. }));
    ago(&server, "quiet", 3661);
    assert_eq!(judge().await, State::Ended);
    let record = store.job(&job).await.expect("answered").expect("there");
    let lost = Ending {
        outcome: Outcome::Lost,
        exit_code: None,
    };
    assert_eq!(record.outcome(), Some(lost));
    assert_eq!(hear_lines(&mut follower, 1).await, ["end"]);
}
