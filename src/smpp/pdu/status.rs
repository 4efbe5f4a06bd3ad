//! How a request went: `command_status`, SMPP 3.4 §5.1.3 and 5.0 §4.7.6.
//!
//! Of an answer to `deliver_sm` the subscriber's handset sees only a cause (TS 24.011 §8.2.5.4);
//! measured on a network: 0x14 becomes 42, congestion, after which the network comes again.

use std::fmt;

/// A `command_status`: of the specification, or a vendor's own (0x0400 to 0x04FF and others).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandStatus(pub u32);

impl CommandStatus {
    /// Whether the request was done.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether the peer asks us to send more slowly: the same request may be sent again later.
    #[must_use]
    pub fn is_throttling(self) -> bool {
        matches!(self, Self::ESME_RTHROTTLED | Self::ESME_RMSGQFUL)
    }

    /// Whether the same request may succeed later, without any change to it. A vendor's status
    /// counts as permanent: nobody knows what it means until its `SMSC` is configured.
    #[must_use]
    pub fn is_temporary(self) -> bool {
        self.is_throttling()
            || matches!(
                self,
                Self::ESME_RSYSERR | Self::ESME_RX_T_APPN | Self::ESME_RSERTYPUNAVAIL
            )
    }

    /// The name of the specification, `None` for a vendor's status.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        STATUSES
            .iter()
            .find(|(status, _)| *status == self)
            .map(|(_, name)| *name)
    }
}

impl fmt::Display for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:02X})", self.0),
            None => write!(f, "status 0x{:04X}", self.0),
        }
    }
}

impl fmt::Debug for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! statuses {
    ($($name:ident = $status:literal, $meaning:literal;)*) => {
        impl CommandStatus {
            $(#[doc = $meaning]
            pub const $name: Self = Self($status);)*
        }

        const STATUSES: &[(CommandStatus, &str)] =
            &[$((CommandStatus::$name, stringify!($name))),*];
    };
}

statuses! {
    ESME_ROK = 0x00, "Done.";
    ESME_RINVMSGLEN = 0x01, "The length of the short message is wrong.";
    ESME_RINVCMDLEN = 0x02, "The length of the PDU is wrong.";
    ESME_RINVCMDID = 0x03, "The command is not known.";
    ESME_RINVBNDSTS = 0x04, "The command is not for this kind of bind.";
    ESME_RALYBND = 0x05, "Bound already: the peer still holds an earlier connection.";
    ESME_RINVPRTFLG = 0x06, "The priority is wrong.";
    ESME_RINVREGDLVFLG = 0x07, "`registered_delivery` is wrong.";
    ESME_RSYSERR = 0x08, "A fault of the peer's own.";
    ESME_RINVSRCADR = 0x0A, "The source address is wrong.";
    ESME_RINVDSTADR = 0x0B, "The destination address is wrong or not known.";
    ESME_RINVMSGID = 0x0C, "The message id is wrong.";
    ESME_RBINDFAIL = 0x0D, "The bind failed.";
    ESME_RINVPASWD = 0x0E, "The password is wrong.";
    ESME_RINVSYSID = 0x0F, "The system id is wrong.";
    ESME_RCANCELFAIL = 0x11, "`cancel_sm` failed.";
    ESME_RREPLACEFAIL = 0x13, "`replace_sm` failed.";
    ESME_RMSGQFUL = 0x14, "The queue is full: come again.";
    ESME_RINVSERTYP = 0x15, "The service type is wrong.";
    ESME_RINVNUMDESTS = 0x33, "The number of destinations is wrong.";
    ESME_RINVDLNAME = 0x34, "The name of a distribution list is wrong.";
    ESME_RINVDESTFLAG = 0x40, "A destination is neither an address nor a list.";
    ESME_RINVSUBREP = 0x42, "A submit that replaces is not offered here.";
    ESME_RINVESMCLASS = 0x43, "`esm_class` is wrong.";
    ESME_RCNTSUBDL = 0x44, "Cannot submit to a distribution list.";
    ESME_RSUBMITFAIL = 0x45, "`submit_sm` failed.";
    ESME_RINVSRCTON = 0x48, "The source's type of number is wrong.";
    ESME_RINVSRCNPI = 0x49, "The source's numbering plan is wrong.";
    ESME_RINVDSTTON = 0x50, "The destination's type of number is wrong.";
    ESME_RINVDSTNPI = 0x51, "The destination's numbering plan is wrong.";
    ESME_RINVSYSTYP = 0x53, "The system type is wrong.";
    ESME_RINVREPFLAG = 0x54, "`replace_if_present_flag` is wrong.";
    ESME_RINVNUMMSGS = 0x55, "The number of messages is wrong.";
    ESME_RTHROTTLED = 0x58, "Above the agreed rate: send more slowly.";
    ESME_RINVSCHED = 0x61, "The scheduled time is wrong.";
    ESME_RINVEXPIRY = 0x62, "The validity period is wrong.";
    ESME_RINVDFTMSGID = 0x63, "The predefined message is not known.";
    ESME_RX_T_APPN = 0x64, "The receiving application failed, for now.";
    ESME_RX_P_APPN = 0x65, "The receiving application failed, for good.";
    ESME_RX_R_APPN = 0x66, "The receiving application refused the message.";
    ESME_RQUERYFAIL = 0x67, "`query_sm` failed.";
    ESME_RINVOPTPARSTREAM = 0xC0, "The optional part cannot be read.";
    ESME_ROPTPARNOTALLWD = 0xC1, "An optional parameter is not allowed here.";
    ESME_RINVPARLEN = 0xC2, "The length of a parameter is wrong.";
    ESME_RMISSINGOPTPARAM = 0xC3, "An expected optional parameter is missing.";
    ESME_RINVOPTPARAMVAL = 0xC4, "The value of an optional parameter is wrong.";
    ESME_RDELIVERYFAILURE = 0xFE, "The delivery failed (answers `data_sm`).";
    ESME_RUNKNOWNERR = 0xFF, "A fault without a name.";
    ESME_RSERTYPUNAUTH = 0x100, "Not authorised for this service type.";
    ESME_RPROHIBITED = 0x101, "Not authorised for this operation.";
    ESME_RSERTYPUNAVAIL = 0x102, "The service type is not available now.";
    ESME_RSERTYPDENIED = 0x103, "The service type is denied.";
    ESME_RINVDCS = 0x104, "The data coding is wrong.";
    ESME_RINVSRCADDRSUBUNIT = 0x105, "The source's subunit is wrong.";
    ESME_RINVDSTADDRSUBUNIT = 0x106, "The destination's subunit is wrong.";
    ESME_RINVBCASTFREQINT = 0x107, "The broadcast interval is wrong.";
    ESME_RINVBCASTALIAS_NAME = 0x108, "The broadcast alias is wrong.";
    ESME_RINVBCASTAREAFMT = 0x109, "The broadcast area's format is wrong.";
    ESME_RINVNUMBCAST_AREAS = 0x10A, "The number of broadcast areas is wrong.";
    ESME_RINVBCASTCNTTYPE = 0x10B, "The broadcast content type is wrong.";
    ESME_RINVBCASTMSGCLASS = 0x10C, "The broadcast message class is wrong.";
    ESME_RBCASTFAIL = 0x10D, "`broadcast_sm` failed.";
    ESME_RBCASTQUERYFAIL = 0x10E, "`query_broadcast_sm` failed.";
    ESME_RBCASTCANCELFAIL = 0x10F, "`cancel_broadcast_sm` failed.";
    ESME_RINVBCAST_REP = 0x110, "The number of repeated broadcasts is wrong.";
    ESME_RINVBCASTSRVGRP = 0x111, "The broadcast service group is wrong.";
    ESME_RINVBCASTCHANIND = 0x112, "The broadcast channel indicator is wrong.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_status_is_kept_and_permanent() {
        let too_many_users = CommandStatus(0x0450);
        assert_eq!(too_many_users.to_string(), "status 0x0450");
        assert!(!too_many_users.is_ok() && !too_many_users.is_temporary());
    }

    #[test]
    fn a_full_queue_and_a_throttle_ask_for_patience() {
        assert!(CommandStatus::ESME_RMSGQFUL.is_throttling());
        assert!(CommandStatus::ESME_RTHROTTLED.is_temporary());
        assert!(CommandStatus::ESME_RSYSERR.is_temporary());
        assert!(!CommandStatus::ESME_RSYSERR.is_throttling());
        assert!(!CommandStatus::ESME_RINVDSTADR.is_temporary());
    }
}
