//! Brings the parties up and lets them play: machines, tills, phones, and the postman between the
//! SMSC and the phones.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::Trouble;
use super::card_owner::CardOwner;
use super::cast::{Cast, Part};
use super::phone::{Phone, Told};
use super::plan::Errand;
use super::provision::KEY_VERSION;
use super::stage::Stage;
use crate::auth::sim_keys::Master;
use crate::simulator::handset::Handset;
use crate::simulator::handset::card_phone::CardPhone;
use crate::simulator::kiosk::Kiosk;
use crate::simulator::smsc::{Clock, Submitted};
use crate::simulator::soft_sim::{CardProfiles, SoftSim};
use crate::simulator::terminal::{Machine, MachineConfig};
use crate::smpp::pdu::ShortMessage;

/// Everybody who plays.
pub(super) struct Crowd {
    phones: JoinSet<Told>,
    /// Ends when the SMSC does; then the phones have heard everything.
    postman: JoinSet<()>,
    pub(super) machines: Vec<Machine>,
}

/// The secrets of the demo's phones.
pub(super) struct Keys {
    /// The gateway's master: it personalises both ends.
    pub(super) master: Master,
    /// What a thief has instead.
    pub(super) thief: Master,
    /// What packets look like.
    pub(super) profiles: CardProfiles,
}

/// Switches the machines on.
pub(super) fn machines(
    cast: &Cast,
    tokens: &[String],
    gateway: SocketAddr,
    clock: &Clock,
    seed: u64,
) -> Vec<Machine> {
    let start = |((number, part), token): ((u64, &super::cast::MachinePart), &String)| {
        let config = MachineConfig {
            id: part.id.clone(),
            token: token.clone(),
            gateway,
            habit: part.habit(),
            hands: HANDS,
            dispense_ms: DISPENSE_MS,
            wait_s: POLL_WAIT_S,
            seed: seed.wrapping_add(number),
        };
        Machine::start(config, Arc::clone(clock))
    };
    (1..).zip(&cast.machines).zip(tokens).map(start).collect()
}

/// The till of each kiosk.
pub(super) fn tills(
    cast: &Cast,
    tokens: &[String],
    gateway: SocketAddr,
) -> Vec<Option<Mutex<Kiosk>>> {
    let machines = cast.machines.iter().zip(tokens);
    machines
        .map(|(part, token)| {
            let is_kiosk = part.part == Part::Kiosk;
            is_kiosk.then(|| Mutex::new(Kiosk::new(&part.id, token, gateway)))
        })
        .collect()
}

impl Crowd {
    /// Sends every phone off with its errands.
    ///
    /// # Errors
    ///
    /// [`Trouble::Part`] when a phone of the cast is none.
    pub(super) fn start(
        stage: &Arc<Stage>,
        errands: Vec<Vec<Errand>>,
        submitted: mpsc::Receiver<Submitted>,
        keys: &Keys,
        machines: Vec<Machine>,
        mut inserted: Option<(usize, CardPhone)>,
    ) -> Result<Self, Trouble> {
        let mut phones = JoinSet::new();
        let mut inboxes = HashMap::new();
        for (number, (part, errands)) in stage.cast.phones.iter().zip(errands).enumerate() {
            let (Ok(msisdn), Ok(iccid)) = (part.msisdn.parse(), part.iccid.parse()) else {
                return Err(Trouble::Part(part.account.clone()));
            };
            let card = |master| SoftSim::personalise(master, &iccid, KEY_VERSION, keys.profiles);
            let (to_inbox, inbox) = mpsc::channel(INBOX_MAX);
            inboxes.insert(part.msisdn.clone().into_bytes(), to_inbox);
            if let Some((_, phone)) = inserted.take_if(|(owner, _)| *owner == number) {
                let owner = CardOwner {
                    stage: Arc::clone(stage),
                    phone,
                    msisdn,
                    currency: part.currency,
                    witness: card(&keys.master),
                    inbox,
                    told: Told {
                        account: part.account.clone(),
                        ..Told::default()
                    },
                };
                phones.spawn(owner.play(errands));
                continue;
            }
            let handset = Handset::new(msisdn, card(&keys.master));
            let thief = card(&keys.thief);
            let phone = Phone::new(Arc::clone(stage), part, handset, thief, inbox);
            let phone = phone.map_err(|error| Trouble::Part(error.to_string()))?;
            phones.spawn(phone.play(errands));
        }
        let mut postman = JoinSet::new();
        postman.spawn(deliver(submitted, inboxes));
        Ok(Self {
            phones,
            postman,
            machines,
        })
    }

    /// Waits for the phones, which end once nobody can write to them any more.
    pub(super) async fn curtain(mut self) -> (Vec<Told>, Vec<Machine>) {
        self.postman.shutdown().await;
        (self.phones.join_all().await, self.machines)
    }
}

/// Takes each submitted message to its phone.
async fn deliver(
    mut submitted: mpsc::Receiver<Submitted>,
    inboxes: HashMap<Vec<u8>, mpsc::Sender<ShortMessage>>,
) {
    while let Some(submitted) = submitted.recv().await {
        let to = submitted.message.destination.value.as_octets();
        if let Some(inbox) = inboxes.get(to) {
            // A phone that ended early has told why.
            inbox.send(submitted.message).await.ok();
        }
    }
}

/// Answers and refunds that wait for one phone.
const INBOX_MAX: usize = 256;
/// Hands of a machine: acks that it works on at a time.
const HANDS: u8 = 4;
/// A machine of the demo is quick.
const DISPENSE_MS: u32 = 40;
/// A long poll's wait, s.
const POLL_WAIT_S: u8 = 20;
