//! Words about an ack, and kiosks' orders.

use reqwest::StatusCode;
use serde_json::{Value, json};
use svgate::domain::ids::PurchaseId;
use svgate::domain::pon::Pon;
use svgate::domain::purchase::State;
use svgate::gateway::member::Word;

use super::loopback::{assert_problem, with_gateway};

#[tokio::test]
async fn a_word_said_again_gets_the_same_answer_and_one_out_of_order_what_stands() {
    with_gateway(async |gateway| {
        gateway.books.publish(1, State::Paid);
        for _ in 0..2 {
            let accepted = gateway
                .post("/v1/terminals/snack-1/acks/1/accept")
                .send()
                .await;
            let accepted: Value = accepted.unwrap().json().await.unwrap();
            assert_eq!(
                (&accepted["state"], &accepted["ack"]),
                (&json!("accepted"), &json!(1))
            );
        }
        let late = gateway
            .post("/v1/terminals/snack-1/acks/1/withdraw")
            .send()
            .await
            .unwrap();
        let problem = assert_problem(late, 409, "CONFLICT").await;
        assert_eq!(problem.ack.unwrap().state, "accepted");
        for report in [
            json!({"result": "dispensing"}),
            json!({"result": "supplied"}),
            json!({"result": "supplied", "supplied_units": 1}),
        ] {
            let answer = gateway.report(1, &report).await;
            assert_eq!(answer.status(), StatusCode::OK, "{report}");
        }
        let failed = gateway
            .report(1, &json!({"result": "failed", "reason": "jam"}))
            .await;
        let problem = assert_problem(failed, 409, "CONFLICT").await;
        assert_eq!(problem.ack.unwrap().supplied_units, Some(1));
    })
    .await;
}

#[tokio::test]
async fn an_ack_closed_long_ago_is_gone_unless_the_purchase_is_named() {
    with_gateway(async |gateway| {
        gateway.books.publish(3, State::Refunded);
        gateway.books.rows().closed.push(3);
        let report = json!({"result": "failed"});
        assert_problem(gateway.report(3, &report).await, 410, "GONE").await;
        let report = json!({"result": "failed", "purchase": "9007199254740996"});
        let ended: Value = gateway.report(3, &report).await.json().await.unwrap();
        assert_eq!(
            (&ended["state"], &ended["supplied_units"]),
            (&json!("refunded"), &json!(0))
        );
        assert_problem(gateway.report(4, &report).await, 404, "NOT_FOUND").await;
    })
    .await;
}

#[tokio::test]
async fn every_wrong_report_names_its_field() {
    with_gateway(async |gateway| {
        gateway.books.publish(1, State::Paid);
        for (report, status, field) in [
            (json!({}), 400, "result"),
            (json!({"result": "eaten"}), 400, "result"),
            (
                json!({"result": "supplied", "supplied_units": -1}),
                400,
                "supplied_units",
            ),
            (
                json!({"result": "supplied", "supplied_units": 100}),
                400,
                "supplied_units",
            ),
            (
                json!({"result": "failed", "supplied_units": 1}),
                422,
                "supplied_units",
            ),
            (json!({"result": "reset"}), 422, "approved_journalled"),
            (
                json!({"result": "failed", "approved_journalled": true}),
                422,
                "approved_journalled",
            ),
            (
                json!({"result": "failed", "reason": "x".repeat(65)}),
                400,
                "reason",
            ),
            (json!({"result": "failed", "reason": "a\nb"}), 400, "reason"),
            (json!({"result": "failed", "purchase": 7}), 400, "purchase"),
            (
                json!({"result": "failed", "purchase": "07"}),
                400,
                "purchase",
            ),
            (
                json!({"result": "failed", "purchase": "9999999999999999999"}),
                422,
                "purchase",
            ),
            (json!({"result": "failed", "ack": 1}), 400, "ack"),
        ] {
            let answer = gateway.report(1, &report).await;
            let code = if status == 400 {
                "INVALID_ARGUMENT"
            } else {
                "UNPROCESSABLE"
            };
            let problem = assert_problem(answer, status, code).await;
            assert!(
                problem.message.contains(field),
                "{report}: {}",
                problem.message
            );
        }
        assert_eq!(
            gateway.books.rows().acts.len(),
            0,
            "nothing of it reached the books"
        );
    })
    .await;
}

#[tokio::test]
async fn a_report_reaches_the_books_as_the_word_that_it_is() {
    with_gateway(async |gateway| {
        gateway.books.publish(1, State::Paid);
        let words = [
            (json!({"result": "dispensing"}), Word::Dispensing),
            (
                json!({"result": "supplied"}),
                Word::Supplied { units: None },
            ),
            (
                json!({"result": "supplied", "supplied_units": 0}),
                Word::Supplied { units: Some(0) },
            ),
            (json!({"result": "failed"}), Word::Failed),
            (
                json!({"result": "reset", "approved_journalled": true}),
                Word::Reset { approved: true },
            ),
            (
                json!({"result": "reset", "approved_journalled": false}),
                Word::Reset { approved: false },
            ),
        ];
        for (report, word) in words {
            gateway.report(1, &report).await;
            let rows = gateway.books.rows();
            assert_eq!(rows.acts.last().map(|act| act.word), Some(word), "{report}");
        }
        gateway
            .report(
                1,
                &json!({"result": "failed", "reason": "jam", "purchase": "5"}),
            )
            .await;
        let last = gateway.books.rows().acts.pop().unwrap();
        assert_eq!(
            (last.reason.as_deref(), last.purchase),
            (Some("jam"), Some(PurchaseId(5)))
        );
    })
    .await;
}

#[tokio::test]
async fn a_kiosk_s_order_stands_once() {
    with_gateway(async |gateway| {
        let order = json!({"client_reference": "0815", "item": "12", "quantity": 2});
        let first = gateway.order(&order).await;
        assert_eq!(first.status(), StatusCode::CREATED);
        let first: Value = first.json().await.unwrap();
        let pon: Pon = first["pon"].as_str().unwrap().parse().unwrap();
        let expected = json!({
            "pon": pon.to_string(), "purchase": "77", "gross_minor": 520, "currency": "EUR",
            "exponent": 2, "valid_ms": 120_000, "pay_by_sms": format!("PAY {pon}"),
            "state": "ordered",
        });
        assert_eq!(first, expected);
        let again = gateway.order(&order).await;
        assert_eq!(again.status(), StatusCode::OK);
        assert_eq!(again.json::<Value>().await.unwrap(), first);
        let other = json!({"client_reference": "0815", "item": "12", "quantity": 3});
        assert_problem(gateway.order(&other).await, 409, "CONFLICT").await;
        let item = json!({"client_reference": "0817", "item": "NONE"});
        assert_problem(gateway.order(&item).await, 422, "ORDER.UNKNOWN_ITEM").await;
    })
    .await;
}

#[tokio::test]
async fn an_amount_is_taken_in_the_merchant_s_currency_only() {
    with_gateway(async |gateway| {
        let order = |currency| {
            json!({"client_reference": currency, "amount_minor": 260, "currency": currency})
        };
        assert_eq!(gateway.order(&order("EUR")).await.status(), StatusCode::CREATED);
        let other = gateway.order(&order("KWD")).await;
        assert_problem(other, 422, "ORDER.OTHER_CURRENCY").await;
        for (order, status, field) in [
            (json!({"item": "12"}), 400, "client_reference"),
            (json!({"client_reference": "", "item": "12"}), 400, "client_reference"),
            (json!({"client_reference": "a b", "item": "12"}), 400, "client_reference"),
            (json!({"client_reference": "a"}), 422, "item or amount_minor"),
            (json!({"client_reference": "a", "item": "x"}), 400, "item"),
            (json!({"client_reference": "a", "item": "1", "quantity": 0}), 400, "quantity"),
            (json!({"client_reference": "a", "item": "1", "currency": "EUR"}), 422, "currency"),
            (json!({"client_reference": "a", "amount_minor": 1}), 422, "currency"),
            (
                json!({"client_reference": "a", "amount_minor": 1, "quantity": 1}),
                422,
                "quantity",
            ),
            (json!({"client_reference": "a", "amount_minor": 0}), 400, "amount_minor"),
            (json!({"client_reference": "a", "amount_minor": -1}), 400, "amount_minor"),
            (json!({"client_reference": "a", "amount_minor": 2.5}), 400, "amount_minor"),
            (
                json!({"client_reference": "a", "amount_minor": 1, "currency": "eur"}),
                400,
                "currency",
            ),
            (
                json!({"client_reference": "a", "amount_minor": 1, "currency": "QQQ"}),
                422,
                "currency",
            ),
        ] {
            let code = if status == 400 { "INVALID_ARGUMENT" } else { "UNPROCESSABLE" };
            let problem = assert_problem(gateway.order(&order).await, status, code).await;
            assert!(problem.message.contains(field), "{order}: {}", problem.message);
        }
    })
    .await;
}
