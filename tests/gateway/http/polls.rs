//! Long polls: none misses an ack, none outstays its time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use svgate::domain::purchase::State;
use svgate::http::terminal_auth::new_token;
use svgate::vend::AcksJson;

use super::loopback::{NOW, WAITERS_MAX, assert_problem, terminal, with_gateway};

#[tokio::test]
async fn a_terminal_reads_its_open_acks() {
    with_gateway(async |gateway| {
        gateway.books.publish(1, State::Accepted);
        gateway.books.publish(2, State::Paid);
        let polled: Value = gateway
            .poll("after=0")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(polled["acks"].as_array().unwrap().len(), 2);
        let expected = json!({
            "ack": 2, "purchase": "9007199254740995", "state": "paid",
            "delivery_status": "PaymentFinished", "item": "12", "units": 1,
            "supplied_units": null, "value_minor": 200, "currency": "EUR", "exponent": 2,
            "pon": null, "remaining_ms": 15_000,
        });
        assert_eq!(polled["acks"][1], expected);
        assert_eq!(polled["poll_again_ms"], 0);
        let rest: AcksJson = gateway
            .poll("after=1")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(rest.acks.iter().map(|ack| ack.ack).collect::<Vec<_>>(), [2]);
        let none: AcksJson = gateway
            .poll("after=2")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!((none.acks.len(), none.poll_again_ms), (0, 5_000));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_ack_is_missed_however_poll_and_commit_meet() {
    with_gateway(async |gateway| {
        for ack in 1..=1_000 {
            let poll = gateway.poll(&format!("after={}&wait=25", ack - 1)).send();
            let commit = async {
                for _ in 0..ack % 50 {
                    tokio::task::yield_now().await;
                }
                gateway.books.publish(ack, State::Paid);
                gateway.wakes.wake(&terminal());
            };
            let both = async { tokio::join!(poll, commit) };
            let (answer, ()) = tokio::time::timeout(Duration::from_secs(5), both)
                .await
                .unwrap();
            let polled: AcksJson = answer.unwrap().json().await.unwrap();
            assert_eq!(polled.acks.iter().map(|a| a.ack).collect::<Vec<_>>(), [ack]);
        }
        assert_eq!(gateway.wakes.waiting(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_commit_between_a_reading_and_the_wait_is_seen_at_once() {
    for reading in 1..=2 {
        with_gateway(async |gateway| {
            // The commit and its wake fall between what a reading saw and its return.
            gateway.books.rows().commit_during_reading = Some((reading, gateway.wakes.clone()));
            let poll = gateway.poll("after=0&wait=25").send();
            // A wake for nothing brings the second reading about.
            let wake = async {
                while gateway.wakes.waiting() == 0 && gateway.books.readings() == 0 {
                    tokio::task::yield_now().await;
                }
                gateway.wakes.wake(&terminal());
            };
            let both = async { tokio::join!(poll, wake).0 };
            let answer = tokio::time::timeout(Duration::from_secs(5), both)
                .await
                .unwrap();
            let polled: AcksJson = answer.unwrap().json().await.unwrap();
            assert_eq!(polled.acks.len(), 1, "reading {reading}");
        })
        .await;
    }
}

#[tokio::test]
async fn an_ack_whose_wake_never_came_is_found_at_the_end_of_the_wait() {
    with_gateway(async |gateway| {
        let poll = gateway.poll("after=0&wait=1").send();
        let commit = async {
            while gateway.wakes.waiting() < 1 {
                tokio::task::yield_now().await;
            }
            gateway.books.publish(1, State::Paid);
        };
        let (answer, ()) = tokio::join!(poll, commit);
        assert_eq!(
            answer.unwrap().json::<AcksJson>().await.unwrap().acks.len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn the_newest_polls_of_a_machine_win_and_a_stranger_displaces_nobody() {
    with_gateway(async |gateway| {
        let polled = |number: usize| {
            let poll = gateway.poll("after=0&wait=25").send();
            let gateway = &gateway;
            async move {
                // One after the other, so that the first is the oldest.
                while gateway.wakes.waiting() < number {
                    tokio::task::yield_now().await;
                }
                poll.await.unwrap().json::<AcksJson>().await.unwrap()
            }
        };
        let stranger = async {
            while gateway.wakes.waiting() < 2 {
                tokio::task::yield_now().await;
            }
            let url = gateway.url("/v1/terminals/snack-1/acks?wait=25");
            let token = new_token(&[9; 32]);
            let answer = gateway
                .client
                .get(url)
                .bearer_auth(&*token)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN);
            assert_eq!(gateway.wakes.waiting(), 2);
        };
        let rest = async {
            stranger.await;
            let third = polled(2);
            let wake = async {
                // Of the three polls, of the stranger, and the last one of who was displaced.
                while gateway.books.readings() < 5 {
                    tokio::task::yield_now().await;
                }
                gateway.books.publish(1, State::Paid);
                gateway.wakes.wake(&terminal());
            };
            tokio::join!(third, wake).0
        };
        let (first, second, third) = tokio::join!(polled(0), polled(1), rest);
        assert_eq!((first.acks.len(), first.poll_again_ms), (0, 1_000));
        assert_eq!((second.acks.len(), third.acks.len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn more_polls_than_may_wait_are_told_when_to_come_again() {
    with_gateway(async |gateway| {
        for name in ["m1", "m2"] {
            gateway.books.rows().terminals.push(name.parse().unwrap());
        }
        let wait = |name: &str| {
            let url = gateway.url(&format!("/v1/terminals/{name}/acks?wait=25"));
            gateway.client.get(url).bearer_auth(&*gateway.token).send()
        };
        let crowded = async {
            while gateway.wakes.waiting() < WAITERS_MAX {
                tokio::task::yield_now().await;
            }
            let refused = wait("m2").await.unwrap();
            assert_problem(refused, 503, "UNAVAILABLE").await;
            gateway.books.publish(1, State::Paid);
            let served = wait("m2").await.unwrap();
            assert_eq!(
                served.status(),
                StatusCode::OK,
                "an ack that is there needs no place"
            );
            gateway.wakes.wake(&terminal());
            gateway.wakes.wake(&"m1".parse().unwrap());
        };
        let (a, b, c, ()) = tokio::join!(wait("snack-1"), wait("snack-1"), wait("m1"), crowded);
        assert!(
            [a, b, c]
                .into_iter()
                .all(|answer| answer.unwrap().status() == StatusCode::OK)
        );
    })
    .await;
}

#[tokio::test]
async fn a_machine_that_polls_is_alive_and_the_books_hear_it_now_and_then() {
    with_gateway(async |gateway| {
        for (passed_ms, signs) in [(0, 1), (1_000, 1), (13_999, 1), (15_000, 2), (15_001, 2)] {
            gateway.clock.store(NOW.0 + passed_ms, Ordering::SeqCst);
            gateway
                .poll("after=0")
                .header("x-boot-id", "b1")
                .send()
                .await
                .unwrap();
            assert_eq!(
                gateway.books.rows().signs_of_life,
                signs,
                "after {passed_ms} ms"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_poll_ends_with_the_gateway_and_the_request_under_way_is_answered() {
    with_gateway(async |gateway| {
        let poll = gateway.poll("after=0&wait=25").send();
        let end = async {
            while gateway.wakes.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            let stop = gateway.stop.lock().unwrap().take().unwrap();
            stop.send(()).unwrap();
        };
        let (answer, ()) = tokio::join!(poll, end);
        let polled: AcksJson = answer.unwrap().json().await.unwrap();
        assert_eq!((polled.acks.len(), polled.poll_again_ms), (0, 2_000));
    })
    .await;
}
