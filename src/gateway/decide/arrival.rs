//! A short message: proven or not, an order or a question.

use crate::domain::refusal::Refusal;
use crate::gateway::context::Context;
use crate::gateway::decide::{secured, speech, text, ussd};
use crate::gateway::member::{ArrivalEnd, Content, Outcome};
use crate::gateway::prove::{ProvenArrival, Said};
use crate::gateway::world::World;

/// What follows from a message. Nothing that is not authentic is answered.
pub(super) fn arrived(world: &mut World, proven: ProvenArrival, context: &Context) -> Outcome {
    let ProvenArrival { arrival, said } = proven;
    let (purchase, end) = match said {
        Said::Secured {
            subscriber,
            version,
            packet,
            order,
        } => {
            let proven = secured::Proven {
                subscriber,
                version,
                packet: &packet,
                order,
            };
            secured::arrived(world, &arrival, proven, context)
        }
        Said::Text {
            subscriber: Some(subscriber),
            command,
        } => text::arrived(world, &arrival, subscriber, command, context),
        Said::Text {
            subscriber: None, ..
        } => {
            // The sender's number can be trusted or not be answered.
            if arrival.trusted {
                speech::to_stranger(world, &arrival, context);
                (None, ArrivalEnd::Answered)
            } else {
                (None, ArrivalEnd::Ignored)
            }
        }
        Said::Ussd { subscriber, wish } => {
            return ussd::arrived(world, &arrival, subscriber, &wish, context);
        }
        Said::Forged(class) => (None, ArrivalEnd::Forged(class)),
        // What waits for keys is not decided: the batch is undone.
        Said::Keyless(_) | Said::Waiting => (None, ArrivalEnd::Waiting),
        Said::TooManyParts => (None, ArrivalEnd::Refused(Refusal::TooMany)),
        Said::BadPart | Said::Unreadable => (None, ArrivalEnd::Ignored),
    };
    // An order of the card that came by USSD is answered there too, besides the sealed message.
    let said = purchase
        .filter(|_| matches!(arrival.content, Content::Ussd(_)))
        .and_then(|purchase| ussd::said_of(world, purchase, context));
    Outcome::Arrived {
        purchase,
        end,
        said,
    }
}
