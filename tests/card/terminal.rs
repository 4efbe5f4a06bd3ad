//! `svgate phone` as a person uses it, by lines of standard input.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::site::{Bearer, CardProcess, MSISDN, Site};

/// Two pieces by the menu, and the receipt once more; an order that is left; off.
pub(crate) async fn a_person_buys(svgate: PathBuf, jar: &Path, bearer: Bearer) -> bool {
    let listen = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let site = Site::open(svgate.clone(), listen, bearer).await;
    let gateway = site.serve();
    let card = CardProcess::start(jar, &site.path("master.key"), bearer).await;
    let machines = crate::machines(&site, &crate::time(), 1);
    for machine in &machines {
        machine.until_alive().await;
    }
    let mut phone = Command::new(svgate);
    phone
        .args([
            "phone",
            "--card",
            &card.address,
            "--msisdn",
            MSISDN,
            "--password-file",
        ])
        .arg(site.path("smsc.password"))
        .args(["--listen", &listen.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut phone = phone.spawn().expect("svgate phone starts");
    let keys = "1\n1\n4711\n12\n2\n6.00\n\n1234\n\nw\n\n1\n4\n\nq\n1\n1\nb\nq\nq\n";
    let mut stdin = phone.stdin.take().unwrap();
    stdin.write_all(keys.as_bytes()).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_mins(1), phone.wait_with_output()).await;
    drop(stdin);
    let ended = ended.expect("it is switched off").unwrap();
    let screen = String::from_utf8_lossy(&ended.stdout).into_owned();
    gateway.stop().await;
    let receipts = screen
        .matches("Paid 5.10 EUR to Espresso Bar: 2 x Item 12.")
        .count();
    let holds = ended.status.success() && receipts == 2 && !screen.contains("1234");
    let mark = if holds { "ok    " } else { "FAILED" };
    println!("{mark} svgate phone: a person buys by {bearer:?}, and sees the receipt (1)");
    if !holds {
        println!(
            "{screen}\n{}\n{}",
            String::from_utf8_lossy(&ended.stderr),
            site.log()
        );
    }
    holds
}
