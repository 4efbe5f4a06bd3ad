//! A wire tap between phone and card: every APDU goes into a capture file that tshark reads.
//!
//! ```text
//! phone ◄─► tap ◄─► card        file: │ IPv4 │ UDP to 4729 │ GSMTAP, type SIM │ command, response │
//! ```

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The tap. It ends when this is dropped.
pub(crate) struct Tap {
    pub(crate) address: String,
    _task: JoinSet<()>,
}

impl Tap {
    /// Listens for one phone, and leads it to the card at `card`.
    pub(crate) async fn open(card: String, file: &Path) -> Self {
        let mut file = File::create(file).unwrap();
        // Microseconds, version 2.4, IP without a link layer.
        let header = [0xA1B2_C3D4, 0x0002_0004, 0, 0, 65_535, RAW_IP].map(u32::to_be_bytes);
        file.write_all(header.as_flattened()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let (phone, _) = listener.accept().await.unwrap();
            let card = TcpStream::connect(card).await.unwrap();
            relay(phone, card, file).await;
        });
        Self {
            address,
            _task: task,
        }
    }
}

/// Until the phone goes.
async fn relay(mut phone: TcpStream, mut card: TcpStream, mut file: File) {
    phone.set_nodelay(true).unwrap();
    card.set_nodelay(true).unwrap();
    while let Some(command) = message(&mut phone).await {
        send(&mut card, &command).await;
        let is_control = command.len() == 1;
        if is_control && command != [ASK_ATR] {
            continue;
        }
        let response = message(&mut card).await.expect("the card answers");
        if !is_control {
            file.write_all(&packet(&[command, response.clone()].concat()))
                .unwrap();
        }
        send(&mut phone, &response).await;
    }
}

async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut octets = vec![0; stream.read_u16().await.ok()?.into()];
    stream.read_exact(&mut octets).await.ok()?;
    Some(octets)
}

async fn send(stream: &mut TcpStream, message: &[u8]) {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream
        .write_all(&[&length, message].concat())
        .await
        .unwrap();
}

/// One record of the file.
fn packet(apdu: &[u8]) -> Vec<u8> {
    let length = |octets: usize| u16::try_from(octets).unwrap().to_be_bytes();
    // GSMTAP: version 2, four words of header, type 4; the rest is for radio.
    let mut gsmtap = vec![2, 4, 4];
    gsmtap.resize(16, 0);
    let gsmtap = [&gsmtap, apdu].concat();
    let port = GSMTAP_PORT.to_be_bytes();
    let udp = [
        &port,
        &port,
        &length(gsmtap.len() + 8),
        &[0, 0],
        gsmtap.as_slice(),
    ]
    .concat();
    let loopback = [127, 0, 0, 1];
    let ip = [
        &[0x45, 0],
        &length(udp.len() + 20)[..],
        &[0, 0, 0, 0, 64, 17, 0, 0],
        &loopback,
        &loopback,
        &udp,
    ]
    .concat();
    let size = u32::try_from(ip.len()).unwrap();
    let record = [0, 0, size, size].map(u32::to_be_bytes);
    [record.as_flattened(), &ip].concat()
}

const ASK_ATR: u8 = 4;
const RAW_IP: u32 = 101;
const GSMTAP_PORT: u16 = 4_729;
